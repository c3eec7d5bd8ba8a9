//! `KeyGate` over Durable Objects, one for the keys that share a limit: the port's side, which holds blocks and asks, and the object's side, which
//! keeps their [`KeyHome`]. What both decide is `aibaas_core::domain::prepaid`.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use aibaas_core::{
    domain::{
        ApiKeyId, SlidingLog,
        api_key::KeyHash,
        key_use::{Decision, HourOfUse, KeyGrant, KeyLedger, KeyUse, UsageByKey},
        prepaid::{Block, FreshGrant, KeyHome, LEND_MS, Lent, Reply, Report, Verdict},
    },
    ports::{Background as _, Clock, Database, KeyGate, KeyGateError, Timestamp},
    store::{Batch, key_uses},
};
use async_trait::async_trait;
use futures_util::future;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use worker::{durable::ObjectNamespace, send::SendFuture};

use super::{
    adapters::{AfterTheAnswer, timestamp},
    d1, glue,
};

/// How long after its last use a block is given back, so that a request that comes just in time does that on its way.
const GIVE_BACK_MS: u32 = 110;
const _: () = assert!(GIVE_BACK_MS as i64 > LEND_MS);
/// How long no block is asked for after one that was over when it came.
const REST_MS: i64 = 5_000;
/// How many keys an instance remembers the first keys of; where there are more, it learns them anew.
const MOST_SUCCESSORS: usize = 10_000;

/// The objects of the binding `KEY_GATE`.
#[derive(Clone)]
pub(super) struct KeyObjects {
    namespace: ObjectNamespace,
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
}

thread_local! {
    /// What this instance holds of keys.
    static HELD: RefCell<HashMap<KeyHash, Held>> = RefCell::default();
    /// Of keys that others were rotated into, which was the first: that never changes.
    static FIRST_KEYS: RefCell<HashMap<KeyHash, KeyHash>> = RefCell::default();
}

/// The key whose object keeps the limit of this one, as far as this instance knows: itself, if it has no predecessor.
fn first_key(hash: KeyHash) -> KeyHash {
    FIRST_KEYS.with_borrow(|known| known.get(&hash).copied().unwrap_or(hash))
}

fn remember_first_key(hash: KeyHash, first: KeyHash) {
    FIRST_KEYS.with_borrow_mut(|known| {
        if known.len() >= MOST_SUCCESSORS {
            known.clear();
        }
        known.insert(hash, first);
    });
}

/// What an instance holds of a key.
#[derive(Default)]
struct Held {
    block: Option<Block>,
    /// Whether a request is asking for a block.
    asking: bool,
    /// Blocks that are over, of which the object is told at the next occasion.
    over: Vec<Block>,
    /// Until then no block is asked for: the object is so far away that the last was over when it came.
    resting_until: Option<Timestamp>,
}

impl Held {
    /// Takes the block out of use, if it is this one.
    fn retire(&mut self, block: Option<u32>) {
        if self.block.as_ref().is_some_and(|held| block.is_none_or(|id| held.id() == id)) {
            self.over.extend(self.block.take());
        }
    }

    fn is_resting(&mut self, now: Timestamp) -> bool {
        self.resting_until = self.resting_until.filter(|until| now < *until);
        self.resting_until.is_some()
    }
}

/// What this instance holds of the key.
fn held<T>(hash: KeyHash, with: impl FnOnce(&mut Held) -> T) -> T {
    HELD.with_borrow_mut(|all| {
        let held = all.entry(hash).or_default();
        let outcome = with(held);
        if held.block.is_none() && !held.asking && held.over.is_empty() && held.resting_until.is_none() {
            all.remove(&hash);
        }
        outcome
    })
}

#[derive(Serialize, Deserialize)]
struct Question {
    of: KeyUse,
    fresh: Option<FreshGrant>,
    wants_block: bool,
}

/// A block that was lent ahead of the need, what the limit then admitted, and for how long no more than that.
type Renewal = Option<(Lent, u32, u64)>;

/// Says that a request of this instance is asking for a block, until it has one or has given up.
struct Asking(KeyHash);

impl Asking {
    /// Nobody else is.
    fn begin(hash: KeyHash, held: &mut Held) -> Option<Self> {
        (!std::mem::replace(&mut held.asking, true)).then(|| Self(hash))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        held(self.0, |held| held.asking = false);
    }
}

fn unreadable(error: impl std::fmt::Display) -> KeyGateError {
    KeyGateError(error.to_string())
}

impl KeyObjects {
    /// Over these objects; what a key grants is in this database.
    pub(super) fn new(namespace: ObjectNamespace, database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self { namespace, database, clock }
    }

    /// Calls a method of the object that keeps the key's limit, and tells it on the way what was used of the key's blocks
    /// that are over.
    async fn call(&self, hash: KeyHash, method: &str, question: impl Serialize + Send) -> Result<String, KeyGateError> {
        let over = held(hash, |held| std::mem::take(&mut held.over));
        let now = self.clock.now();
        let reports = over.into_iter().map(|block| block.report(now)).collect::<Vec<_>>();
        let reports = serde_json::to_string(&reports).map_err(unreadable)?;
        let question = serde_json::to_string(&question).map_err(unreadable)?;
        let namespace: &JsValue = self.namespace.as_ref();
        SendFuture::new(async {
            let answer = glue::ask_key(namespace, &first_key(hash).to_hex(), method, &reports, &question).await;
            let answer = answer.map_err(|error| KeyGateError(glue::message(&error)))?;
            Ok(answer.as_string().unwrap_or_default())
        })
        .await
    }

    /// Reads which objects keep the limits of these keys, and hands back the ids of those that there are.
    async fn learn_first_keys(&self, keys: &[KeyHash]) -> Result<Vec<ApiKeyId>, KeyGateError> {
        let now = self.clock.now();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = Batch::new();
        let handles = keys.iter().map(|hash| batch.push(key_uses::grant(*hash, now))).collect::<Vec<_>>();
        let mut answers = batch.run(&*self.database).await.map_err(unreadable)?;
        let mut ids = Vec::new();
        for (hash, handle) in keys.iter().zip(handles) {
            let Some((grant, _)) = answers.take(handle).map_err(unreadable)? else { continue };
            if grant.first_key_hash != *hash {
                remember_first_key(*hash, grant.first_key_hash);
            }
            ids.push(grant.id);
        }
        Ok(ids)
    }

    async fn decide(&self, of: &KeyUse) -> Result<Decision, KeyGateError> {
        let now = self.clock.now();
        let (alone, asking) = held(of.hash, |held| {
            let alone = held.block.as_mut().and_then(|block| block.decide(of, now));
            if alone.is_none() {
                held.retire(None);
            }
            let wants = held.block.as_ref().is_none_or(|block| block.is_ending(now));
            (alone, if wants && !held.is_resting(now) { Asking::begin(of.hash, held) } else { None })
        });
        match (alone, asking) {
            (Some(decision), None) => Ok(decision),
            (Some(decision), Some(asking)) => {
                if let Decision::Allowed(grant, _) = &decision {
                    self.renew(asking, Arc::clone(grant));
                }
                Ok(decision)
            }
            (None, asking) => self.ask(of, asking).await,
        }
    }

    /// Has the object decide, and lend a block where this request asks for one.
    async fn ask(&self, of: &KeyUse, asking: Option<Asking>) -> Result<Decision, KeyGateError> {
        let mut fresh = None;
        loop {
            let asked = self.clock.now();
            let question = Question { of: of.clone(), fresh: fresh.take(), wants_block: asking.is_some() };
            let reply = self.call(of.hash, "admit", &question).await?;
            match serde_json::from_str(&reply).map_err(unreadable)? {
                Reply::NeedsGrant { generation, keep } => {
                    let read = key_uses::grant(of.hash, asked).run(&*self.database).await.map_err(unreadable)?;
                    let Some((grant, saved)) = read else { return Ok(Decision::Unknown) };
                    // Another object keeps the limit: that one has to be asked.
                    if grant.first_key_hash != first_key(of.hash) {
                        remember_first_key(of.hash, grant.first_key_hash);
                        continue;
                    }
                    fresh = Some(FreshGrant { generation, keep, grant, saved });
                }
                // The object waits by itself.
                Reply::Wait(_) => return Err(KeyGateError("the object did not wait".to_owned())),
                Reply::Decided { verdict, grant, block } => {
                    let grant = Arc::new(*grant);
                    if let (Some(lent), Verdict::Allowed(remaining, reset)) = (block, &verdict) {
                        let block = Block::new(lent, Arc::clone(&grant), *remaining, *reset, asked);
                        self.hold(of.hash, block);
                    }
                    return Ok(verdict.about(grant));
                }
            }
        }
    }

    /// Asks for the next block while this one still serves.
    fn renew(&self, asking: Asking, grant: Arc<KeyGrant>) {
        let objects = self.clone();
        AfterTheAnswer.spawn(Box::pin(SendFuture::new(async move {
            let (hash, asked) = (asking.0, objects.clock.now());
            let renewed = objects.call(hash, "renew", hash).await;
            let renewed = renewed.and_then(|answer| serde_json::from_str::<Renewal>(&answer).map_err(unreadable));
            match renewed {
                Ok(Some((lent, remaining, reset))) => {
                    let next = Block::new(lent, grant, remaining, reset, asked);
                    let next = held(hash, |held| match &held.block {
                        Some(block) => next.after(block),
                        None => next,
                    });
                    objects.hold(hash, next);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a block could not be renewed"),
            }
        })));
    }

    /// Uses this block from now on, and gives it back when its time is over.
    fn hold(&self, hash: KeyHash, block: Block) {
        let (id, now) = (block.id(), self.clock.now());
        let too_late = block.is_over(now);
        held(hash, |held| {
            held.retire(None);
            held.block = Some(block);
            held.resting_until = too_late.then(|| now.plus_ms(REST_MS));
        });
        let objects = self.clone();
        AfterTheAnswer.spawn(Box::pin(SendFuture::new(async move {
            if !too_late {
                _ = glue::sleep(GIVE_BACK_MS).await;
            }
            let due = held(hash, |held| {
                held.retire(Some(id));
                held.block.is_none() && !held.over.is_empty()
            });
            if due && let Err(error) = objects.call(hash, "settle", ()).await {
                tracing::warn!(%error, "a block was not given back, and counts as used up");
            }
        })));
    }
}

#[async_trait]
impl KeyGate for KeyObjects {
    async fn admit(&self, uses: &[KeyUse], _now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        let mut decisions = Vec::<Decision>::with_capacity(uses.len());
        for of in uses {
            let of = of.after(decisions.last().and_then(Decision::grant));
            decisions.push(self.decide(&of).await?);
            if !decisions.last().is_some_and(Decision::is_allowed) {
                break;
            }
        }
        Ok(decisions)
    }

    async fn announce(&self, keys: &[KeyHash]) -> Result<(), KeyGateError> {
        self.learn_first_keys(keys).await?;
        let calls = keys.iter().map(async |hash| {
            held(*hash, |held| held.retire(None));
            match self.call(*hash, "announce", ()).await {
                // An object that has just been moved or replaced answers the second time.
                Err(_) => self.call(*hash, "announce", ()).await,
                told => told,
            }
        });
        future::try_join_all(calls).await.map(drop)
    }

    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        let Some(id) = self.learn_first_keys(&[key]).await?.pop() else { return Ok(Vec::new()) };
        held(key, |held| held.retire(None));
        serde_json::from_str(&self.call(key, "unsaved", id).await?).map_err(unreadable)
    }
}

/// A key's use is saved no more often than this.
const SAVE_EVERY_MS: i64 = 60_000;
/// When a save that failed is tried again.
const SAVE_AGAIN_MS: i64 = 10_000;

/// What the object of the keys that share a limit keeps in memory. Its storage has the same, but for the last moment's.
#[wasm_bindgen]
pub struct KeyObject {
    home: KeyHome,
    first_key_id: Option<ApiKeyId>,
    saved_at: Timestamp,
    saving: Vec<(ApiKeyId, HourOfUse)>,
    window_ms: i64,
    stored: Stored,
}

/// What the object has stored, by which it tells what is new.
#[derive(Default)]
struct Stored {
    oldest: Option<Timestamp>,
    newest: Option<(Timestamp, u32)>,
    /// From when on something came in late.
    older: Option<Timestamp>,
    lent: Vec<Lent>,
    /// Of which key, what was counted, whether it is unsaved.
    uses: Vec<(ApiKeyId, HourOfUse, bool)>,
    first_key_id: Option<ApiKeyId>,
}

/// Key id, hour, allowed, limited, denied, last use, whether it is unsaved.
type SavedHour = (ApiKeyId, i64, u64, u64, u64, Option<i64>, u8);

/// What a new instance of the object finds in its storage.
#[derive(Deserialize)]
struct Found {
    admissions: Vec<String>,
    lent: Vec<(u32, u32, i64)>,
    uses: Vec<SavedHour>,
    /// The first key's id, window, when its use was saved last, until when the key is being changed.
    about: Option<(ApiKeyId, i64, i64, i64)>,
}

impl Stored {
    const TABLES: [&str; 4] = [
        // As many as came together, as JSON: when and how much.
        "CREATE TABLE IF NOT EXISTS admissions (last INTEGER NOT NULL, first INTEGER NOT NULL, some TEXT NOT NULL, \
           PRIMARY KEY (last, first)) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS lent (id INTEGER PRIMARY KEY, cost INTEGER NOT NULL, until INTEGER NOT NULL) STRICT",
        "CREATE TABLE IF NOT EXISTS uses (key_id TEXT NOT NULL, start INTEGER NOT NULL, allowed INTEGER NOT NULL, \
           limited INTEGER NOT NULL, denied INTEGER NOT NULL, last_used INTEGER, unsaved INTEGER NOT NULL, \
           PRIMARY KEY (key_id, start)) STRICT, WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS about (one INTEGER PRIMARY KEY CHECK (one = 1), key_id TEXT NOT NULL, \
           window INTEGER NOT NULL, saved_at INTEGER NOT NULL, changing_until INTEGER NOT NULL) STRICT",
    ];
}

#[wasm_bindgen]
impl KeyObject {
    /// Starts from what the object stored. `nonce` is random.
    #[wasm_bindgen(constructor)]
    pub fn new(stored: &str, nonce: u32) -> Self {
        let found = serde_json::from_str::<Found>(stored).ok();
        let Found { admissions, lent, uses, about } =
            found.unwrap_or(Found { admissions: Vec::new(), lent: Vec::new(), uses: Vec::new(), about: None });
        // The same millisecond may stand in several rows; what was admitted in it only grows.
        let mut entries = BTreeMap::<i64, u32>::new();
        for some in admissions {
            for (at, cost) in serde_json::from_str::<Vec<(i64, u32)>>(&some).unwrap_or_default() {
                entries.entry(at).and_modify(|known| *known = cost.max(*known)).or_insert(cost);
            }
        }
        let log = SlidingLog::from_entries(entries.into_iter().map(|(at, cost)| (Timestamp(at), cost)));
        let uses = uses.into_iter().map(|(key_id, start_ms, allowed, limited, denied, last_used_ms, unsaved)| {
            (key_id, HourOfUse { start_ms, allowed, limited, denied, last_used_ms }, unsaved != 0)
        });
        let usage = UsageByKey::restored(uses);
        let lent = lent.into_iter().map(|(id, cost, until_ms)| Lent { id, cost, until_ms }).collect::<Vec<_>>();
        let (first_key_id, window_ms, saved_at, changing_until) = match about {
            Some((id, window, saved, changing)) => (Some(id), window, saved, changing),
            None => (None, 0, 0, 0),
        };
        let home = KeyHome::new(KeyLedger { log, usage }, lent, Some(Timestamp(changing_until)), nonce);
        let mut object = Self {
            home,
            first_key_id: first_key_id.filter(|id| !id.as_str().is_empty()),
            saved_at: Timestamp(saved_at),
            saving: Vec::new(),
            window_ms,
            stored: Stored::default(),
        };
        drop(object.writes());
        object
    }

    /// Answers a question about a use: `reply\nwork` (see [`KeyObject::work`]); the reply is empty where it has to wait.
    pub fn admit(&mut self, question: &str, now: f64) -> Option<String> {
        let now = timestamp(now);
        let Question { of, fresh, wants_block } = serde_json::from_str(question).ok()?;
        let reply = self.home.admit(&of, fresh, wants_block, now);
        if let Reply::Wait(ms) = reply {
            return Some(format!("\n{}", self.work(Some(ms), now)));
        }
        if let Reply::Decided { grant, .. } = &reply {
            self.first_key_id = Some(grant.first_key_id.clone());
            self.window_ms = i64::try_from(grant.window_ms()).unwrap_or(i64::MAX);
        }
        let reply = serde_json::to_string(&reply).ok()?;
        Some(format!("{reply}\n{}", self.work(None, now)))
    }

    /// Takes back blocks.
    pub fn settle(&mut self, reports: &str, now: f64) -> String {
        let now = timestamp(now);
        for report in serde_json::from_str::<Vec<Report>>(reports).unwrap_or_default() {
            let oldest = report.used.iter().map(|(age_ms, _)| now.plus_ms(i64::from(*age_ms).saturating_neg())).min();
            self.stored.older = self.stored.older.into_iter().chain(oldest).min();
            self.home.settle(&report, now);
        }
        self.work(None, now)
    }

    /// Lends a block for this key ahead of the need: `renewal\nwork`.
    pub fn renew(&mut self, key: &str, now: f64) -> Option<String> {
        let now = timestamp(now);
        let renewal: Renewal = self.home.renew(serde_json::from_str(key).ok()?, now);
        let renewal = serde_json::to_string(&renewal).ok()?;
        Some(format!("{renewal}\n{}", self.work(None, now)))
    }

    /// The key is about to change.
    pub fn announce(&mut self, now: f64) -> String {
        let now = timestamp(now);
        let until = self.home.announce(now);
        let about = json!([
            "INSERT INTO about (one, key_id, window, saved_at, changing_until) VALUES (1, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET changing_until = excluded.changing_until",
            self.first_key_id.as_ref().map_or("", ApiKeyId::as_str),
            self.window_ms,
            self.saved_at.0,
            until.0
        ]);
        self.keeping(None, Some(about), now)
    }

    /// Whether something that was lent up to `before` is out still, as the work says it.
    pub fn waits(&mut self, before: f64, now: f64) -> String {
        let now = timestamp(now);
        let waits = self.home.waits(timestamp(before), now);
        self.work(waits, now)
    }

    /// Writes what is not in the object's storage yet.
    pub fn keep(&mut self, now: f64) -> String {
        self.keeping(None, None, timestamp(now))
    }

    /// What was counted of the key with this id and is not saved.
    pub fn unsaved(&self, key_id: &str) -> Option<String> {
        let key_id = serde_json::from_str::<ApiKeyId>(key_id).ok()?;
        serde_json::to_string(&self.home.ledger.usage.unsaved_of(&key_id)).ok()
    }

    /// What saves what was counted, as statements for the database; empty where there is nothing to save.
    pub fn save(&mut self, now: f64) -> String {
        if timestamp(now) < self.saved_at.plus_ms(SAVE_EVERY_MS) {
            return String::new();
        }
        self.saving = self.home.ledger.usage.unsaved();
        if self.saving.is_empty() {
            return String::new();
        }
        let hours = self.saving.iter().map(|(id, hour)| (id, *hour));
        d1::asked(&[key_uses::save(hours).into_statement()]).unwrap_or_default()
    }

    /// It was saved, or not.
    pub fn saved(&mut self, done: bool, now: f64) -> String {
        let now = timestamp(now);
        let saving = std::mem::take(&mut self.saving);
        if done {
            self.home.ledger.usage.saved(&saving, now);
        }
        // After a failure the next try is some seconds away, else a minute.
        self.saved_at = if done { now } else { now.plus_ms(SAVE_AGAIN_MS.saturating_sub(SAVE_EVERY_MS)) };
        self.keeping(None, Some(json!(["UPDATE about SET saved_at = ?", self.saved_at.0])), now)
    }

    /// What is to be done now, as JSON: `[wait, writes, alarm, later]`: milliseconds to wait for what is lent, statements
    /// for the object's storage, when to wake up, and whether something remains to be written in a moment.
    fn work(&mut self, waits: Option<u32>, now: Timestamp) -> String {
        // What is lent is kept before the instance hears of it: another object of this key must know whom to wait for.
        if self.home.lent().iter().any(|lent| !self.stored.lent.contains(lent)) {
            return self.keeping(waits, None, now);
        }
        let (stored, ledger) = (&self.stored, &self.home.ledger);
        let same = stored.uses.iter().map(|(id, hour, unsaved)| (id, *hour, *unsaved)).eq(ledger.usage.hours())
            && stored.lent == self.home.lent()
            && stored.older.is_none()
            && (stored.newest == ledger.log.entries().next_back() || ledger.log.is_empty());
        json!([waits, [], null, !same]).to_string()
    }

    /// As [`KeyObject::work`], with everything written.
    fn keeping(&mut self, waits: Option<u32>, last: Option<Value>, now: Timestamp) -> String {
        let mut writes = self.writes();
        writes.extend(last);
        let alarm = self.alarm(now).map(|time| time.0);
        json!([waits, writes, alarm, false]).to_string()
    }

    /// When there is something to do: to save what was counted, or to forget.
    fn alarm(&self, now: Timestamp) -> Option<Timestamp> {
        let next_save = self.saved_at.plus_ms(SAVE_EVERY_MS);
        if self.home.ledger.usage.is_unsaved() {
            return Some(next_save.max(now));
        }
        let newest = self.stored.newest.map(|(at, _)| at.plus_ms(self.window_ms));
        let lent = self.home.lent().iter().map(|lent| Timestamp(lent.until_ms)).max();
        let changing = self.home.changing_until();
        let last = [newest, lent, changing, Some(next_save)].into_iter().flatten().max();
        last.filter(|last| *last > now)
    }

    /// The statements that bring the storage up to date.
    fn writes(&mut self) -> Vec<Value> {
        let mut writes = Vec::new();
        let log = &self.home.ledger.log;
        let oldest = log.entries().next().map(|(at, _)| at);
        let stored = &mut self.stored;
        if stored.oldest != oldest && stored.oldest.is_some() {
            let before = oldest.map_or(i64::MAX, |oldest| oldest.0);
            writes.push(json!(["DELETE FROM admissions WHERE last < ?", before]));
        }
        stored.oldest = oldest;
        let older = stored.older.take();
        let known = stored.newest.map_or(Timestamp(i64::MIN), |(at, _)| older.map_or(at, |older| older.min(at)));
        let new = log.entries_from(known).filter(|entry| stored.newest != Some(*entry));
        let new = new.map(|(at, cost)| (at.0, cost)).collect::<Vec<_>>();
        if let (Some((first, _)), Some((last, _))) = (new.first(), new.last()) {
            let some = json!(new).to_string();
            writes.push(json!([
                "INSERT OR REPLACE INTO admissions (last, first, some) VALUES (?, ?, ?)",
                last,
                first,
                some
            ]));
        }
        stored.newest = log.entries().next_back().or(stored.newest);
        for gone in stored.lent.iter().filter(|lent| !self.home.lent().contains(lent)) {
            writes.push(json!(["DELETE FROM lent WHERE id = ?", gone.id]));
        }
        for new in self.home.lent().iter().filter(|lent| !stored.lent.contains(lent)) {
            writes.push(json!(["INSERT INTO lent (id, cost, until) VALUES (?, ?, ?)", new.id, new.cost, new.until_ms]));
        }
        stored.lent = self.home.lent().to_vec();
        let uses = self.home.ledger.usage.hours().map(|(id, hour, unsaved)| (id.to_owned(), hour, unsaved));
        let uses = uses.collect::<Vec<_>>();
        for (key_id, hour, unsaved) in uses.iter().filter(|known| !stored.uses.contains(known)) {
            writes.push(json!([
                "INSERT OR REPLACE INTO uses (key_id, start, allowed, limited, denied, last_used, unsaved) VALUES (?, ?, ?, ?, ?, ?, ?)",
                key_id, hour.start_ms, hour.allowed, hour.limited, hour.denied, hour.last_used_ms, u8::from(*unsaved)
            ]));
        }
        let is_kept = |(id, old, _): &&(ApiKeyId, HourOfUse, bool)| {
            uses.iter().any(|(key_id, hour, _)| key_id == id && hour.start_ms == old.start_ms)
        };
        for (key_id, gone, _) in stored.uses.iter().filter(|known| !is_kept(known)) {
            writes.push(json!(["DELETE FROM uses WHERE key_id = ? AND start = ?", key_id, gone.start_ms]));
        }
        stored.uses = uses;
        if stored.first_key_id != self.first_key_id {
            stored.first_key_id = self.first_key_id.clone();
            writes.push(json!([
                "INSERT INTO about (one, key_id, window, saved_at, changing_until) VALUES (1, ?, ?, ?, 0) \
                 ON CONFLICT DO UPDATE SET key_id = excluded.key_id, window = excluded.window",
                self.first_key_id,
                self.window_ms,
                self.saved_at.0
            ]));
        }
        writes
    }

    /// The tables of the object's storage.
    #[wasm_bindgen(js_name = tables)]
    pub fn tables() -> Vec<String> {
        Stored::TABLES.iter().map(|sql| (*sql).to_owned()).collect()
    }
}
