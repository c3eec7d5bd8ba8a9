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
        ApiKeyId,
        api_key::KeyHash,
        key_use::{Decision, HOUR_MS, HourOfUse, KeyGrant, KeyLedger, KeyUse, UsageByKey},
    },
    ports::{Clock, Database, DatabaseError, KeyGate, KeyGateError, Timestamp},
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
        reader.look()?;
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
        reader.look()?;
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
    fn look(&mut self) -> Result<(), DatabaseError> {
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
mod tests {
    use std::{
        path::PathBuf,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use aibaas_core::{
        domain::{api_key::Scope, key_use::Denial},
        migrate,
        ports::{Rows, Statement},
    };

    use super::{
        super::{
            database::{Durability, SqliteDatabase},
            system_clock::SystemClock,
        },
        *,
    };

    const START: Timestamp = Timestamp(1_795_395_723_004);
    const REVOKE: &str = "UPDATE api_keys SET status = 'revoked' WHERE key_hash = ?1";
    const REINSTATE: &str = "UPDATE api_keys SET status = 'active' WHERE key_hash = ?1";
    const SUSPEND: &str = "UPDATE users SET status = 'suspended'";

    struct Fixture {
        directory: PathBuf,
        database: Arc<SqliteDatabase>,
        gate: Arc<MemoryKeyGate>,
    }

    impl Fixture {
        /// Creates a database with this many keys, each with a limit of 100 in a minute.
        async fn new(keys: u32) -> Self {
            static NUMBER: AtomicUsize = AtomicUsize::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let directory = std::env::temp_dir().join(format!("aibaas-gate-{}-{number}", std::process::id()));
            std::fs::create_dir_all(&directory).unwrap();
            let (database, gate) = open(&directory);
            migrate(&*database).await.unwrap();
            let user = "INSERT INTO users (id, email, created_at, updated_at, password_changed_at) VALUES ('u', 'a@b.c', 0, 0, 0)";
            let key = "INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes, rate_limit, \
                 rate_limit_window_seconds, environment, created_at) VALUES (?1, 'u', '', ?2, '', '[\"keys:verify\"]', 100, 60, 'live', 0)";
            let keys = (0..keys).map(|key_| Statement::new(key).bind(format!("k{key_}")).bind(hash(key_)));
            database.batch(std::iter::once(Statement::new(user)).chain(keys).collect()).await.unwrap();
            Self { directory, database, gate }
        }

        /// Closes the gate, and starts again.
        async fn restart(&mut self, now: Timestamp) {
            self.gate.close(now).await;
            self.database.close();
            (self.database, self.gate) = open(&self.directory);
        }

        async fn ask(&self, key: u32, now: Timestamp) -> Decision {
            self.gate.admit(&[with(key)], now).await.unwrap().remove(0)
        }

        /// Counts how many of `requests` requests are admitted.
        async fn burst(&self, requests: u32, now: Timestamp) -> u32 {
            let mut allowed = 0;
            for _ in 0..requests {
                allowed = u32::from(self.ask(0, now).await.is_allowed()).saturating_add(allowed);
            }
            allowed
        }

        /// Opens a connection as another process would.
        fn another_connection(&self) -> Connection {
            Connection::open(self.directory.join("test.db")).unwrap()
        }

        /// Returns the saved counts of the key: hour, allowed, limited, denied.
        async fn saved(&self, key: u32) -> Vec<(i64, u64, u64, u64)> {
            let of = key_uses::by_hour(&format!("k{key}").into(), Timestamp(0), Timestamp(i64::MAX));
            let hours = of.run(&*self.database).await.unwrap().into_iter();
            hours.map(|hour| (hour.start_ms, hour.allowed, hour.limited, hour.denied)).collect()
        }

        fn held(&self) -> usize {
            self.gate.shards.iter().map(|shard| lock(shard).entries.len()).sum()
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            self.database.close();
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    fn open(directory: &Path) -> (Arc<SqliteDatabase>, Arc<MemoryKeyGate>) {
        let path = directory.join("test.db");
        let database = Arc::new(SqliteDatabase::open(&path, Durability::Process, 1).unwrap());
        let gate = MemoryKeyGate::open(&path, 4, database.clone()).unwrap();
        (database, Arc::new(gate))
    }

    fn hash(key: u32) -> KeyHash {
        let [a, b, c, d] = key.to_le_bytes();
        let mut bytes = [7; 32];
        bytes[..4].copy_from_slice(&[a, b, c, d]);
        KeyHash::from_bytes(&bytes).unwrap()
    }

    fn with(key: u32) -> KeyUse {
        let scopes = vec![Scope::KeysVerify];
        KeyUse { hash: hash(key), scopes, address: None, cost: 1, publishes: false, optional: false, verifier: None }
    }

    fn hour(now: Timestamp) -> i64 {
        HourOfUse::of(now).start_ms
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 8)]
    async fn a_burst_gets_exactly_the_limit_while_others_commit() {
        let fixture = Arc::new(Fixture::new(2).await);
        let clients = (0..32_i64).map(|client| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move {
                let mut allowed = 0;
                for request in 0..20 {
                    if request % 5 == 4 {
                        fixture.database.query(Statement::new(REINSTATE).bind(hash(1))).await.unwrap();
                    }
                    allowed += u32::from(fixture.ask(0, START.plus_ms(client + request)).await.is_allowed());
                }
                allowed
            })
        });
        let mut allowed = 0;
        for client in clients.collect::<Vec<_>>() {
            allowed += client.await.unwrap();
        }
        assert_eq!(allowed, 100);
        let [unsaved] = fixture.gate.unsaved(hash(0)).await.unwrap().try_into().unwrap();
        assert_eq!((unsaved.allowed, unsaved.limited, unsaved.denied), (100, 540, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_revocation_is_known_to_the_next_decision_of_every_thread() {
        let fixture = Arc::new(Fixture::new(1).await);
        let other = fixture.another_connection();
        // Four at once, so that every connection is in use and has remembered the key.
        let ask = |now: Timestamp| {
            let asking = (0..4).map(|_| {
                let fixture = Arc::clone(&fixture);
                tokio::spawn(async move { fixture.ask(0, now).await })
            });
            asking.collect::<Vec<_>>()
        };
        for round in 0..100 {
            let now = START.plus_seconds(round * 60);
            let change = |sql: &'static str, by_another: bool| {
                let (fixture, other) = (&fixture, &other);
                async move {
                    if by_another {
                        other.execute(sql, [hash(0).as_bytes()]).unwrap();
                    } else {
                        fixture.database.query(Statement::new(sql).bind(hash(0))).await.unwrap();
                    }
                }
            };
            for decision in ask(now) {
                assert!(decision.await.unwrap().is_allowed(), "round {round}");
            }
            change(REVOKE, round % 2 == 0).await;
            for decision in ask(now) {
                assert!(matches!(decision.await.unwrap(), Decision::Denied(_, Denial::Revoked)), "round {round}");
            }
            change(REINSTATE, round % 3 == 0).await;
        }
        fixture.database.query(Statement::new(SUSPEND)).await.unwrap();
        assert!(matches!(fixture.ask(0, START).await, Decision::Denied(_, Denial::OwnerSuspended)));
        other.execute("DELETE FROM api_keys", []).unwrap();
        assert!(matches!(fixture.ask(0, START).await, Decision::Unknown));
    }

    #[tokio::test]
    async fn a_second_use_is_looked_at_where_the_first_was_allowed() {
        let fixture = Fixture::new(2).await;
        let both = |first: KeyUse| [first, KeyUse { cost: 60, ..with(1) }];
        let decisions = fixture.gate.admit(&both(with(0)), START).await.unwrap();
        assert!(matches!(&decisions[..], [Decision::Allowed(..), Decision::Allowed(..)]), "{decisions:?}");
        let decisions = fixture.gate.admit(&both(with(0)), START).await.unwrap();
        let [Decision::Allowed(..), Decision::Limited(_, state)] = &decisions[..] else { panic!("{decisions:?}") };
        assert_eq!(state.remaining, 40);
        for first in [with(9), KeyUse { scopes: vec![Scope::ModelsWrite], ..with(0) }, KeyUse { cost: 99, ..with(0) }] {
            let decisions = fixture.gate.admit(&both(first), START).await.unwrap();
            assert!(decisions.len() == 1 && !decisions[0].is_allowed(), "{decisions:?}");
        }
        // The refused uses consumed nothing.
        let Decision::Allowed(_, state) = fixture.ask(0, START).await else { panic!() };
        assert_eq!(state.remaining, 97);
    }

    #[tokio::test]
    async fn use_and_limits_go_on_after_a_restart() {
        let mut fixture = Fixture::new(1).await;
        assert_eq!(fixture.burst(30, START).await, 30);
        fixture.restart(START).await;
        assert_eq!(fixture.saved(0).await, [(hour(START), 30, 0, 0)]);
        assert_eq!(fixture.burst(30, START.plus_ms(10_000)).await, 30);
        // Restarted twice: the stored logs replace earlier ones.
        fixture.restart(START.plus_ms(20_000)).await;
        fixture.restart(START.plus_ms(20_000)).await;
        assert_eq!(fixture.burst(50, START.plus_ms(59_999)).await, 40);
        fixture.restart(START.plus_ms(60_000)).await;
        assert_eq!(fixture.saved(0).await, [(hour(START), 100, 10, 0)]);
        assert_eq!(fixture.burst(50, START.plus_ms(60_000)).await, 30);
    }

    #[tokio::test]
    async fn counts_around_a_full_hour_fall_into_their_hours() {
        let mut fixture = Fixture::new(1).await;
        let next = Timestamp(hour(START) + HOUR_MS);
        let (last, limits) = (next.plus_ms(-1), [ApiKeyId::from("k0")]);
        assert_eq!(fixture.burst(3, last).await, 3);
        fixture.restart(last).await;
        // A use of the earlier hour may be decided after one of the later hour, around the full hour.
        assert_eq!(fixture.burst(1, next).await, 1);
        assert_eq!(fixture.burst(2, last).await, 2);
        assert_eq!(fixture.gate.save(&limits, next).await.unwrap(), limits);
        assert_eq!(fixture.burst(4, last).await, 4);
        assert_eq!(fixture.gate.save(&limits, next).await.unwrap(), limits);
        assert_eq!(fixture.gate.save(&limits, next).await.unwrap(), []);
        assert_eq!(fixture.saved(0).await, [(hour(last), 9, 0, 0), (hour(next), 1, 0, 0)]);
    }

    #[tokio::test]
    async fn memory_comes_back_when_everything_is_saved_and_nothing_in_use() {
        let mut fixture = Fixture::new(400).await;
        Arc::get_mut(&mut fixture.gate).unwrap().limits_a_shard = 4;
        let mut refused = 0;
        for key in 0..400 {
            refused += usize::from(fixture.gate.admit(&[with(key)], START).await.is_err());
        }
        let held = fixture.held();
        assert!(refused == 400 - held && (200..=256).contains(&held), "{held} held, {refused} refused");
        let after = START.plus_seconds(60);
        fixture.gate.sweep(after);
        assert_eq!(fixture.held(), held, "not saved yet");
        let keys = (0..400).map(|key| ApiKeyId::from(format!("k{key}"))).collect::<Vec<_>>();
        assert_eq!(fixture.gate.save(&keys, START).await.unwrap().len(), held);
        assert_eq!(fixture.gate.save(&keys, START).await.unwrap().len(), 0);
        fixture.gate.sweep(after.plus_ms(-1));
        assert_eq!(fixture.held(), held, "still in use");
        // A full shard makes room for itself, and goes on from the earlier counts.
        let later = after.plus_seconds(1);
        assert!(fixture.ask(399, later).await.is_allowed() && fixture.ask(0, later).await.is_allowed());
        let [unsaved] = fixture.gate.unsaved(hash(0)).await.unwrap().try_into().unwrap();
        assert_eq!(unsaved.allowed, 2);
    }

    /// A database that fails when told to.
    struct Failing {
        database: Arc<SqliteDatabase>,
        fails: AtomicBool,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Database for Failing {
        async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.fails.load(Ordering::Relaxed) {
                return Err(DatabaseError::Unavailable("told to".to_owned()));
            }
            self.database.query(statement).await
        }

        async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
            self.database.batch(statements).await
        }
    }

    #[tokio::test]
    async fn counts_are_saved_at_once_then_seldom_and_kept_while_that_fails() {
        let mut fixture = Fixture::new(2).await;
        let failing = Arc::new(Failing {
            database: Arc::clone(&fixture.database),
            fails: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        });
        let gate = Arc::get_mut(&mut fixture.gate).unwrap();
        (gate.database, gate.save_every) = (failing.clone(), Duration::from_secs(2));
        let stop = CancellationToken::new();
        let saving = {
            let (gate, stop) = (Arc::clone(&fixture.gate), stop.clone());
            tokio::spawn(async move { gate.save_in_time(&SystemClock, stop).await })
        };
        let now = SystemClock.now();
        let saves = || failing.asked.load(Ordering::Relaxed);
        let until_saved = async |key: u32, allowed: u64| {
            let started = Instant::now();
            while fixture.saved(key).await != [(hour(now), allowed, 0, 0)] {
                assert!(started.elapsed() < Duration::from_secs(180), "{:?}", fixture.saved(key).await);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };

        fixture.burst(3, now).await;
        until_saved(0, 3).await;
        fixture.burst(4, now).await;
        fixture.ask(1, now).await;
        until_saved(1, 1).await;
        until_saved(0, 7).await;
        let before = saves();
        assert!((2..=3).contains(&before), "{before} saves of eight uses");

        failing.fails.store(true, Ordering::Relaxed);
        fixture.burst(2, now).await;
        while saves() < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(fixture.gate.unsaved(hash(0)).await.unwrap().len(), 1);
        failing.fails.store(false, Ordering::Relaxed);
        until_saved(0, 9).await;
        stop.cancel();
        saving.await.unwrap();
    }
}
