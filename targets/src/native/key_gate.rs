//! The gate of API keys in memory. It decides about uses, and notices every change that anybody commits.

use std::{
    collections::{HashMap, VecDeque, hash_map::RandomState},
    hash::BuildHasher as _,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aibaas_core::{
    domain::{
        ApiKeyId, Timestamp,
        api_key::KeyHash,
        key_use::{Decision, HOUR_MS, HourOfUse, KeyGrant, KeyLedger, KeyUse, UsageByKey},
    },
    ports::{Clock, Database, DatabaseError, KeyGate, KeyGateError},
    store::{Batch, BatchError, Query, key_uses},
};
use async_trait::async_trait;
use rusqlite::Connection;
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    database,
    per_thread::{Locked, PerThread},
};

const SHARDS: usize = 64;
/// Most limits that a shard counts: a million in use at once over all shards.
const LIMITS: usize = 16_384;
/// Shortest time between two sweeps of a full shard, in milliseconds.
const SWEEP_EVERY_MS: u64 = 1000;
/// Number of grants that a connection remembers.
const GRANTS: usize = 8192;
/// Time from one save of a key's counts to the next: with [`GATHER`], less than the minute that a crash may cost.
const SAVE_EVERY: Duration = Duration::from_secs(55);
/// Limits that are due this soon after one are saved together with it, since every commit makes the remembered grants
/// be read again.
const GATHER: Duration = Duration::from_millis(200);
/// Pause before a failed save is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// Number of keys whose counts are saved by one statement.
const KEYS_A_SAVE: usize = 1000;
/// Number of admissions that one batch stores, unless a single key has more.
const ADMISSIONS_A_BATCH: usize = 20_000;

/// [`KeyGate`] over ledgers in memory, for the one process that serves, and a database that other processes may change.
///
/// Grants of keys are remembered. Each decision first asks SQLite, in its own thread, whether anything has been
/// committed since: then everything remembered is dropped, and read again. So what was committed before a decision
/// began is known to it.
///
/// Counts are saved at the first use and then once a minute. [`MemoryKeyGate::close`] saves the rest, and the logs of
/// the limits, with which the next process goes on. A crash costs the counts of at most the last minute, and the logs.
///
/// Memory is bounded: ledgers with nothing in them are swept away, and where a million keys are in use at once, others
/// get an error until there is room.
pub struct MemoryKeyGate {
    /// Connections for reading, until the gate is closed.
    readers: PerThread<Reader>,
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    limits_a_shard: usize,
    save_every: Duration,
    database: Arc<dyn Database>,
    /// Ids of limits whose keys have counts to save at once.
    due: Mutex<Vec<ApiKeyId>>,
    wake: Notify,
}

/// A connection that never writes, with what it has read since the last commit that it knows of.
struct Reader {
    connection: Connection,
    version: Option<i64>,
    grants: HashMap<KeyHash, Arc<KeyGrant>>,
}

#[derive(Default)]
struct Shard {
    /// Entries by the id of the first key that shares the limit.
    entries: HashMap<ApiKeyId, Entry>,
    swept: Option<Timestamp>,
}

/// A limit, and the counts of the keys that share it.
struct Entry {
    window_ms: u64,
    ledger: KeyLedger,
    /// Whether the saving task knows of the entry, and will look at it again.
    awaited: bool,
}

impl MemoryKeyGate {
    /// Opens a gate that decides for as many threads at once as there are readers. `database` writes to the same file.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when the file cannot be opened.
    pub fn open(path: &Path, readers: usize, database: Arc<dyn Database>) -> Result<Self, DatabaseError> {
        Ok(Self {
            readers: PerThread::new(readers.max(1), || Reader::open(path))?,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            limits_a_shard: LIMITS,
            save_every: SAVE_EVERY,
            database,
            due: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// Frees the memory of every limit of which nothing is in use and nothing unsaved.
    pub fn sweep(&self, now: Timestamp) {
        for shard in &self.shards {
            lock(shard).sweep(now);
        }
    }

    /// Saves counts when they are due, until told to stop.
    pub async fn save_in_time(&self, clock: &dyn Clock, stop: CancellationToken) {
        let mut later = VecDeque::new();
        loop {
            let next = later.front().map_or_else(Instant::now, |(due, _)| *due);
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(next), if !later.is_empty() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = stop.cancelled() => return,
            }
            let now = Instant::now();
            let mut due = std::mem::take(&mut *lock(&self.due));
            while let Some((_, limit)) = later.pop_front_if(|(at, _)| *at <= now) {
                due.push(limit);
            }
            match self.save(&due, clock.now()).await {
                Ok(saved) => {
                    let again = now.checked_add(self.save_every).unwrap_or(now);
                    later.extend(saved.into_iter().map(|limit| (again, limit)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the use of API keys is not saved yet");
                    tokio::select! {
                        () = tokio::time::sleep(RETRY) => self.wake.notify_one(),
                        () = stop.cancelled() => return,
                    }
                }
            }
        }
    }

    /// Closes the gate, and saves all that is only in memory. Failures are logged.
    pub async fn close(&self, now: Timestamp) {
        self.readers.close();
        let limits = self.shards.iter().flat_map(|shard| lock(shard).entries.keys().cloned().collect::<Vec<_>>());
        if let Err(error) = self.save(&limits.collect::<Vec<_>>(), now).await {
            tracing::error!(%error, "the last minute's use of API keys is lost");
        }
        if let Err(error) = self.keep_logs(now).await {
            tracing::error!(%error, "the limits of API keys start anew");
        }
    }

    fn decide(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, DatabaseError> {
        let mut reader = self.reader()?;
        let reader = reader.as_mut().ok_or_else(|| DatabaseError::Unavailable("the gate is closed".to_owned()))?;
        reader.forget_outdated()?;
        let mut decisions = Vec::<Decision>::with_capacity(uses.len());
        for of in uses {
            let of = of.after(decisions.last().and_then(Decision::grant));
            let decision = match reader.grant(of.hash, now)? {
                Some(grant) => self.count(reader, &grant, &of, now)?,
                None => Decision::Unknown,
            };
            let goes_on = decision.is_allowed();
            decisions.push(decision);
            if !goes_on {
                break;
            }
        }
        Ok(decisions)
    }

    fn unsaved_of(&self, key: KeyHash) -> Result<Vec<HourOfUse>, DatabaseError> {
        let mut reader = self.reader()?;
        let reader = reader.as_mut().ok_or_else(|| DatabaseError::Unavailable("the gate is closed".to_owned()))?;
        reader.forget_outdated()?;
        // The hour only determines which counts are read, which do not matter here.
        let Some(grant) = reader.grant(key, Timestamp(0))? else { return Ok(Vec::new()) };
        let shard = self.shard(&grant.first_key_id)?;
        let entry = shard.entries.get(&grant.first_key_id);
        Ok(entry.map(|entry| entry.ledger.usage.unsaved_of(&grant.id)).unwrap_or_default())
    }

    fn count(
        &self,
        reader: &Reader,
        grant: &Arc<KeyGrant>,
        of: &KeyUse,
        now: Timestamp,
    ) -> Result<Decision, DatabaseError> {
        // A refusal that is not counted leaves nothing behind.
        if let Some(denial) = grant.denial(of, now).filter(|denial| !denial.is_counted()) {
            return Ok(Decision::Denied(Arc::clone(grant), denial));
        }
        let mut shard = self.shard(&grant.first_key_id)?;
        if let Some(entry) = shard.entries.get_mut(&grant.first_key_id) {
            if !entry.ledger.usage.knows(&grant.id) {
                reader.take_up(&mut entry.ledger.usage, &grant.id, now)?;
            }
            return Ok(self.decide_in(entry, grant, of, now));
        }
        shard.make_room(self.limits_a_shard, now)?;
        let mut entry = reader.entry(grant, now)?;
        let decision = self.decide_in(&mut entry, grant, of, now);
        shard.entries.insert(grant.first_key_id.clone(), entry);
        Ok(decision)
    }

    fn decide_in(&self, entry: &mut Entry, grant: &Arc<KeyGrant>, of: &KeyUse, now: Timestamp) -> Decision {
        if !std::mem::replace(&mut entry.awaited, true) {
            lock(&self.due).push(grant.first_key_id.clone());
            self.wake.notify_one();
        }
        entry.ledger.decide(grant, of, now)
    }

    /// Saves the counts of the keys that share these limits. Returns the limits that had any, which are to be looked at
    /// again; the others are forgotten until they are used again. What could not be saved is due at once.
    async fn save(&self, limits: &[ApiKeyId], now: Timestamp) -> Result<Vec<ApiKeyId>, DatabaseError> {
        let mut counted = Vec::new();
        for limit in limits {
            let mut shard = self.shard(limit)?;
            let Some(entry) = shard.entries.get_mut(limit) else { continue };
            let hours = entry.ledger.usage.unsaved();
            entry.awaited = !hours.is_empty();
            if entry.awaited {
                counted.push((limit.clone(), hours));
            }
        }
        let outcome = self.write(&counted, now).await;
        let limits = counted.into_iter().map(|(limit, _)| limit).collect::<Vec<_>>();
        if outcome.is_err() {
            lock(&self.due).extend_from_slice(&limits);
        }
        outcome.map(|()| limits)
    }

    async fn write(
        &self,
        counted: &[(ApiKeyId, Vec<(ApiKeyId, HourOfUse)>)],
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        for some in counted.chunks(KEYS_A_SAVE) {
            let hours = some.iter().flat_map(|(_, hours)| hours.iter().map(|(id, hour)| (id, *hour)));
            key_uses::save(hours).run(&*self.database).await?;
            for (limit, hours) in some {
                if let Some(entry) = self.shard(limit)?.entries.get_mut(limit) {
                    // A request from just before the hour ended may be counted just after.
                    entry.ledger.usage.saved(hours, now.plus_ms(HOUR_MS.saturating_neg()));
                }
            }
        }
        Ok(())
    }

    async fn keep_logs(&self, now: Timestamp) -> Result<(), BatchError> {
        let mut logs = Vec::new();
        for shard in &self.shards {
            for (limit, entry) in &mut lock(shard).entries {
                if entry.is_in_use(now) {
                    logs.push((limit.clone(), entry.window_ms, std::mem::take(&mut entry.ledger.log)));
                }
            }
        }
        while !logs.is_empty() {
            let mut admissions = 0_usize;
            let some = logs.iter().rev().take_while(|(_, _, log)| {
                let fits = admissions < ADMISSIONS_A_BATCH;
                admissions = admissions.saturating_add(log.entries().count());
                fits
            });
            let some = logs.split_off(logs.len().saturating_sub(some.count()));
            let some = some.iter().map(|(id, window_ms, log)| (id, *window_ms, log));
            let batch = key_uses::keep_logs(some).into_iter().collect::<Batch>();
            batch.run(&*self.database).await?;
        }
        Ok(())
    }

    fn reader(&self) -> Result<Locked<'_, Reader>, DatabaseError> {
        self.readers.lock().ok_or_else(|| DatabaseError::Unavailable("the gate has no reader".to_owned()))
    }

    fn shard(&self, limit: &ApiKeyId) -> Result<MutexGuard<'_, Shard>, DatabaseError> {
        let place = usize::try_from(self.hasher.hash_one(limit).checked_rem(SHARDS as u64).unwrap_or(0)).unwrap_or(0);
        let shard = self.shards.get(place);
        shard.map(lock).ok_or_else(|| DatabaseError::Unavailable("no such shard".to_owned()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reader {
    fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { connection: database::connect_reader(path)?, version: None, grants: HashMap::new() })
    }

    fn read<T>(&self, query: Query<T>) -> Result<T, DatabaseError> {
        query.run_with(|statement| database::run(&self.connection, &statement))
    }

    /// Forgets what was read before the last commit. What is read from now on is at least as new as the version that is
    /// stored with it, so a commit in between only makes it be read once more.
    fn forget_outdated(&mut self) -> Result<(), DatabaseError> {
        let version = database::data_version(&self.connection)?;
        if self.version != Some(version) {
            self.grants.clear();
            self.version = Some(version);
        }
        Ok(())
    }

    fn grant(&mut self, key: KeyHash, now: Timestamp) -> Result<Option<Arc<KeyGrant>>, DatabaseError> {
        if let Some(grant) = self.grants.get(&key) {
            return Ok(Some(Arc::clone(grant)));
        }
        let Some((grant, _)) = self.read(key_uses::grant(key, now))? else { return Ok(None) };
        if self.grants.len() >= GRANTS {
            self.grants.clear();
        }
        let grant = Arc::new(grant);
        self.grants.insert(key, Arc::clone(&grant));
        Ok(Some(grant))
    }

    /// Creates an entry that continues from what is saved.
    fn entry(&self, grant: &KeyGrant, now: Timestamp) -> Result<Entry, DatabaseError> {
        let log = self.read(key_uses::log(&grant.first_key_id, grant.window_ms(), now))?;
        let mut usage = UsageByKey::default();
        self.take_up(&mut usage, &grant.id, now)?;
        Ok(Entry { window_ms: grant.window_ms(), ledger: KeyLedger { log, usage }, awaited: false })
    }

    /// Continues from what is saved of a key's use.
    fn take_up(&self, usage: &mut UsageByKey, key_id: &ApiKeyId, now: Timestamp) -> Result<(), DatabaseError> {
        // The hours before and after are read too: around the full hour, not all callers agree which it is.
        let hour = Timestamp(HourOfUse::of(now).start_ms);
        let (from, to) = (hour.plus_ms(HOUR_MS.saturating_neg()), hour.plus_ms(HOUR_MS.saturating_mul(2)));
        for saved in self.read(key_uses::by_hour(key_id, from, to))? {
            usage.of(key_id).take_up(saved);
        }
        Ok(())
    }
}

impl Shard {
    fn sweep(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| entry.awaited || entry.is_in_use(now));
        self.entries.shrink_to(self.entries.len().saturating_mul(2));
        self.swept = Some(now);
    }

    fn make_room(&mut self, most: usize, now: Timestamp) -> Result<(), DatabaseError> {
        let full = |shard: &Self| shard.entries.len() >= most;
        if full(self) && self.swept.is_none_or(|swept| now.ms_since(swept) >= SWEEP_EVERY_MS) {
            self.sweep(now);
        }
        if full(self) {
            return Err(DatabaseError::Unavailable("too many keys are in use at once".to_owned()));
        }
        Ok(())
    }
}

impl Entry {
    /// Checks whether the limit still counts something.
    fn is_in_use(&mut self, now: Timestamp) -> bool {
        self.ledger.log.expire(self.window_ms, now);
        !self.ledger.log.is_empty()
    }
}

#[async_trait]
impl KeyGate for MemoryKeyGate {
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        self.decide(uses, now).map_err(|error| KeyGateError(error.to_string()))
    }

    /// Does nothing, since every decision checks by itself whether anything was committed before it.
    async fn invalidate(&self, _: &[KeyHash]) -> Result<(), KeyGateError> {
        Ok(())
    }

    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        self.unsaved_of(key).map_err(|error| KeyGateError(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
