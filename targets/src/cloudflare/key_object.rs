//! The Durable Object of the keys that share a limit. It holds their [`KeyCoordinator`], and its storage holds what
//! another instance of the object goes on from. `worker.mjs` calls it and runs its statements.

use std::collections::BTreeMap;

use aibaas_core::{
    domain::{
        ApiKeyId, SlidingLog, Timestamp,
        key_lease::{GrantedLease, KeyCoordinator, Reply, UsageReport},
        key_use::{HourOfUse, KeyLedger, UsageByKey},
    },
    store::key_uses,
};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use super::{
    adapters::timestamp,
    d1,
    key_gate::{Question, Renewal},
};

/// Statements on the object's storage.
mod sql {
    macro_rules! statements {
        ($($name:ident $file:literal)*) => {
            $(pub(super) const $name: &str = include_str!(concat!("key_object/", $file, ".sql"));)*
        };
    }

    statements! {
        TABLES "tables"
        ADMISSIONS "admissions"
        PUT_ADMISSIONS "put_admissions"
        DELETE_ADMISSIONS "delete_admissions"
        LEASES "leases"
        INSERT_LEASE "insert_lease"
        DELETE_LEASE "delete_lease"
        USES "uses"
        PUT_USE "put_use"
        DELETE_USE "delete_use"
        ABOUT "about"
        PUT_FIRST_KEY "put_first_key"
        PUT_CHANGING "put_changing"
        UPDATE_SAVED "update_saved"
    }
}

/// Shortest time between two saves of a key's use, in milliseconds.
const SAVE_EVERY_MS: i64 = 60_000;
/// Time after which a failed save is tried again, in milliseconds.
const SAVE_AGAIN_MS: i64 = 10_000;

/// State in memory of the object for keys that share a limit. Its storage has the same, except for the last moment's.
#[wasm_bindgen]
pub struct KeyObject {
    coordinator: KeyCoordinator,
    first_key_id: Option<ApiKeyId>,
    saved_at: Timestamp,
    saving: Vec<(ApiKeyId, HourOfUse)>,
    window_ms: i64,
    stored: Stored,
}

/// What the object has stored, to find out what is new.
#[derive(Default)]
struct Stored {
    oldest: Option<Timestamp>,
    newest: Option<(Timestamp, u32)>,
    /// Earliest time of an admission that came in late.
    older: Option<Timestamp>,
    leases: Vec<GrantedLease>,
    /// Counts by key and hour, with whether they are unsaved.
    uses: Vec<(ApiKeyId, HourOfUse, bool)>,
    first_key_id: Option<ApiKeyId>,
}

/// Key id, hour, allowed, limited, denied, last use, whether it is unsaved.
type SavedHour = (ApiKeyId, i64, u64, u64, u64, Option<i64>, u8);

/// Content of the storage that a new instance of the object reads.
#[derive(Deserialize)]
struct Found {
    admissions: Vec<String>,
    leases: Vec<(u32, u32, i64)>,
    uses: Vec<SavedHour>,
    /// Id of the first key, window, time of the last save, and time until which the key is being changed.
    about: Option<(ApiKeyId, i64, i64, i64)>,
}

#[wasm_bindgen]
impl KeyObject {
    /// Creates the object from what is stored. `nonce` is random.
    #[wasm_bindgen(constructor)]
    pub fn new(stored: &str, nonce: u32) -> Self {
        let found = serde_json::from_str::<Found>(stored).ok();
        let Found { admissions, leases, uses, about } =
            found.unwrap_or(Found { admissions: Vec::new(), leases: Vec::new(), uses: Vec::new(), about: None });
        // The same millisecond may stand in several rows; the highest counts, since what was admitted in it only grows.
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
        let leases = leases.into_iter().map(|(id, cost, until_ms)| GrantedLease { id, cost, until_ms }).collect();
        let (first_key_id, window_ms, saved_at, changing_until) = match about {
            Some((id, window, saved, changing)) => (Some(id), window, saved, changing),
            None => (None, 0, 0, 0),
        };
        let coordinator = KeyCoordinator::new(KeyLedger { log, usage }, leases, Some(Timestamp(changing_until)), nonce);
        let mut object = Self {
            coordinator,
            first_key_id: first_key_id.filter(|id| !id.as_str().is_empty()),
            saved_at: Timestamp(saved_at),
            saving: Vec::new(),
            window_ms,
            stored: Stored::default(),
        };
        drop(object.writes());
        object
    }

    /// Answers a question about a use with `reply
    /// work` (see [`KeyObject::work`]); the reply is empty where it has to wait.
    pub fn admit(&mut self, question: &str, now: f64) -> Option<String> {
        let now = timestamp(now);
        let Question { of, fresh, wants_lease } = serde_json::from_str(question).ok()?;
        let reply = self.coordinator.admit(&of, fresh, wants_lease, now);
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

    /// Ends leases, and charges what was used of them.
    #[wasm_bindgen(js_name = reportUsage)]
    pub fn report_usage(&mut self, reports: &str, now: f64) -> String {
        let now = timestamp(now);
        for report in serde_json::from_str::<Vec<UsageReport>>(reports).unwrap_or_default() {
            let oldest = report.used.iter().map(|(age_ms, _)| now.plus_ms(i64::from(*age_ms).saturating_neg())).min();
            self.stored.older = self.stored.older.into_iter().chain(oldest).min();
            self.coordinator.report_usage(&report, now);
        }
        self.work(None, now)
    }

    /// Grants a lease of this key ahead of the need: `renewal
    /// work`.
    pub fn renew(&mut self, key: &str, now: f64) -> Option<String> {
        let now = timestamp(now);
        let renewal: Renewal = self.coordinator.renew(serde_json::from_str(key).ok()?, now);
        let renewal = serde_json::to_string(&renewal).ok()?;
        Some(format!("{renewal}\n{}", self.work(None, now)))
    }

    /// Forgets what is known of the key, which is about to change.
    pub fn invalidate(&mut self, now: f64) -> String {
        let now = timestamp(now);
        let until = self.coordinator.invalidate(now);
        let about = json!([
            sql::PUT_CHANGING,
            self.first_key_id.as_ref().map_or("", ApiKeyId::as_str),
            self.window_ms,
            self.saved_at.0,
            until.0
        ]);
        self.keeping(None, Some(about), now)
    }

    /// Returns the work, with how long to wait where a lease that was granted up to `before` is still outstanding.
    pub fn waits(&mut self, before: f64, now: f64) -> String {
        let now = timestamp(now);
        let waits = self.coordinator.waits(timestamp(before), now);
        self.work(waits, now)
    }

    /// Returns the work that writes everything new to the object's storage.
    pub fn keep(&mut self, now: f64) -> String {
        self.keeping(None, None, timestamp(now))
    }

    /// Returns the unsaved counts of the key with this id, as JSON.
    pub fn unsaved(&self, key_id: &str) -> Option<String> {
        let key_id = serde_json::from_str::<ApiKeyId>(key_id).ok()?;
        serde_json::to_string(&self.coordinator.ledger.usage.unsaved_of(&key_id)).ok()
    }

    /// Returns statements that save the counts to the database; empty where there is nothing to save, or it is too
    /// early.
    pub fn save(&mut self, now: f64) -> String {
        if timestamp(now) < self.saved_at.plus_ms(SAVE_EVERY_MS) {
            return String::new();
        }
        self.saving = self.coordinator.ledger.usage.unsaved();
        if self.saving.is_empty() {
            return String::new();
        }
        let hours = self.saving.iter().map(|(id, hour)| (id, *hour));
        d1::encode_statements(&[key_uses::save(hours).into_statement()]).unwrap_or_default()
    }

    /// Notes whether the save succeeded.
    pub fn saved(&mut self, done: bool, now: f64) -> String {
        let now = timestamp(now);
        let saving = std::mem::take(&mut self.saving);
        if done {
            self.coordinator.ledger.usage.saved(&saving, now);
        }
        // After a failure the next save is some seconds away, otherwise a minute.
        self.saved_at = if done { now } else { now.plus_ms(SAVE_AGAIN_MS.saturating_sub(SAVE_EVERY_MS)) };
        self.keeping(None, Some(json!([sql::UPDATE_SAVED, self.saved_at.0])), now)
    }

    /// Returns what is to be done now, as JSON `[wait, writes, alarm, later]`: milliseconds to wait for leases,
    /// statements for the object's storage, when to wake up, and whether something remains to be written in a moment.
    fn work(&mut self, waits: Option<u32>, now: Timestamp) -> String {
        // A lease is stored before the instance learns of it: another object of this key must know which leases to wait
        // for.
        if self.coordinator.outstanding().iter().any(|lease| !self.stored.leases.contains(lease)) {
            return self.keeping(waits, None, now);
        }
        let (stored, ledger) = (&self.stored, &self.coordinator.ledger);
        let same = stored.uses.iter().map(|(id, hour, unsaved)| (id, *hour, *unsaved)).eq(ledger.usage.hours())
            && stored.leases == self.coordinator.outstanding()
            && stored.older.is_none()
            && (stored.newest == ledger.log.entries().next_back() || ledger.log.is_empty());
        json!([waits, [], null, !same]).to_string()
    }

    /// Returns the work as [`KeyObject::work`] does, with everything written now.
    fn keeping(&mut self, waits: Option<u32>, last: Option<Value>, now: Timestamp) -> String {
        let mut writes = self.writes();
        writes.extend(last);
        let alarm = self.alarm(now).map(|time| time.0);
        json!([waits, writes, alarm, false]).to_string()
    }

    /// Returns when the object has to wake up: to save the counts, or to forget.
    fn alarm(&self, now: Timestamp) -> Option<Timestamp> {
        let next_save = self.saved_at.plus_ms(SAVE_EVERY_MS);
        if self.coordinator.ledger.usage.is_unsaved() {
            return Some(next_save.max(now));
        }
        let newest = self.stored.newest.map(|(at, _)| at.plus_ms(self.window_ms));
        let leases = self.coordinator.outstanding().iter().map(|lease| Timestamp(lease.until_ms)).max();
        let changing = self.coordinator.changing_until();
        let last = [newest, leases, changing, Some(next_save)].into_iter().flatten().max();
        last.filter(|last| *last > now)
    }

    /// Returns the statements that bring the storage up to date.
    fn writes(&mut self) -> Vec<Value> {
        let mut writes = Vec::new();
        let log = &self.coordinator.ledger.log;
        let oldest = log.entries().next().map(|(at, _)| at);
        let stored = &mut self.stored;
        if stored.oldest != oldest && stored.oldest.is_some() {
            let before = oldest.map_or(i64::MAX, |oldest| oldest.0);
            writes.push(json!([sql::DELETE_ADMISSIONS, before]));
        }
        stored.oldest = oldest;
        let older = stored.older.take();
        let known = stored.newest.map_or(Timestamp(i64::MIN), |(at, _)| older.map_or(at, |older| older.min(at)));
        let new = log.entries_from(known).filter(|entry| stored.newest != Some(*entry));
        let new = new.map(|(at, cost)| (at.0, cost)).collect::<Vec<_>>();
        if let (Some((first, _)), Some((last, _))) = (new.first(), new.last()) {
            let some = json!(new).to_string();
            writes.push(json!([sql::PUT_ADMISSIONS, last, first, some]));
        }
        stored.newest = log.entries().next_back().or(stored.newest);
        for gone in stored.leases.iter().filter(|lease| !self.coordinator.outstanding().contains(lease)) {
            writes.push(json!([sql::DELETE_LEASE, gone.id]));
        }
        for new in self.coordinator.outstanding().iter().filter(|lease| !stored.leases.contains(lease)) {
            writes.push(json!([sql::INSERT_LEASE, new.id, new.cost, new.until_ms]));
        }
        stored.leases = self.coordinator.outstanding().to_vec();
        let uses = self.coordinator.ledger.usage.hours().map(|(id, hour, unsaved)| (id.to_owned(), hour, unsaved));
        let uses = uses.collect::<Vec<_>>();
        for (key_id, hour, unsaved) in uses.iter().filter(|known| !stored.uses.contains(known)) {
            writes.push(json!([
                sql::PUT_USE,
                key_id,
                hour.start_ms,
                hour.allowed,
                hour.limited,
                hour.denied,
                hour.last_used_ms,
                u8::from(*unsaved)
            ]));
        }
        let is_kept = |(id, old, _): &&(ApiKeyId, HourOfUse, bool)| {
            uses.iter().any(|(key_id, hour, _)| key_id == id && hour.start_ms == old.start_ms)
        };
        for (key_id, gone, _) in stored.uses.iter().filter(|known| !is_kept(known)) {
            writes.push(json!([sql::DELETE_USE, key_id, gone.start_ms]));
        }
        stored.uses = uses;
        if stored.first_key_id != self.first_key_id {
            stored.first_key_id = self.first_key_id.clone();
            writes.push(json!([sql::PUT_FIRST_KEY, self.first_key_id, self.window_ms, self.saved_at.0]));
        }
        writes
    }

    /// Returns the statements that create the tables of the object's storage.
    #[must_use]
    pub fn tables() -> String {
        sql::TABLES.to_owned()
    }

    /// Returns the statements that read the object's storage, as JSON by the name of what each reads.
    #[must_use]
    pub fn reads() -> String {
        json!({
            "admissions": sql::ADMISSIONS,
            "leases": sql::LEASES,
            "uses": sql::USES,
            "about": sql::ABOUT,
        })
        .to_string()
    }
}
