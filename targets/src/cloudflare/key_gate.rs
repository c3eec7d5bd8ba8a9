//! `KeyGate` over Durable Objects, one for the keys that share a limit: the instance's side, which asks and holds
//! leases. The object's side is [`super::key_object`]; what both decide is `aibaas_core::domain::key_lease`.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use aibaas_core::{
    domain::{
        ApiKeyId, Timestamp,
        api_key::KeyHash,
        key_lease::{FreshGrant, GrantedLease, LEASE_MS, Lease, Reply, Verdict},
        key_use::{Decision, HourOfUse, KeyGrant, KeyUse},
    },
    ports::{Background as _, Clock, Database, KeyGate, KeyGateError},
    store::{Batch, key_uses},
};
use async_trait::async_trait;
use futures_util::future;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::{durable::ObjectNamespace, send::SendFuture};

use super::{adapters::WaitUntilBackground, glue};

/// Time after a lease was granted at which it is reported, in milliseconds: by then a request may have reported it on
/// its way.
const REPORT_AFTER_MS: u32 = 110;
const _: () = assert!(REPORT_AFTER_MS as i64 > LEASE_MS);
/// How long no lease is asked for after one that had already ended when it arrived, in milliseconds.
const REST_MS: i64 = 5_000;
/// Most keys whose first keys an instance remembers; where there are more, it learns them anew.
const MOST_SUCCESSORS: usize = 10_000;

/// Objects of the binding `KEY_GATE`.
#[derive(Clone)]
pub(super) struct KeyObjects {
    namespace: ObjectNamespace,
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
}

thread_local! {
    /// State of keys that this instance holds.
    static HELD: RefCell<HashMap<KeyHash, HeldKey>> = RefCell::default();
    /// First keys of rotated keys, by the hash of the key; they never change.
    static FIRST_KEYS: RefCell<HashMap<KeyHash, KeyHash>> = RefCell::default();
}

/// Returns the key whose object keeps the limit of this one, as far as this instance knows: the key itself, if it has
/// no known predecessor.
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

/// State of a key that this instance holds.
#[derive(Default)]
struct HeldKey {
    lease: Option<Lease>,
    /// Whether a request is asking for a lease at the moment.
    asking: bool,
    /// Leases that ended and are reported with the next call.
    ended: Vec<Lease>,
    /// Time until which no lease is asked for: the object is so far away that the last lease had ended when it arrived.
    resting_until: Option<Timestamp>,
}

impl HeldKey {
    /// Takes the lease out of use, if it is this one.
    fn retire(&mut self, lease: Option<u32>) {
        if self.lease.as_ref().is_some_and(|held| lease.is_none_or(|id| held.id() == id)) {
            self.ended.extend(self.lease.take());
        }
    }

    fn is_resting(&mut self, now: Timestamp) -> bool {
        self.resting_until = self.resting_until.filter(|until| now < *until);
        self.resting_until.is_some()
    }
}

/// Runs a function on the state of the key, and drops the state when nothing of it is left.
fn held<T>(hash: KeyHash, with: impl FnOnce(&mut HeldKey) -> T) -> T {
    HELD.with_borrow_mut(|all| {
        let held = all.entry(hash).or_default();
        let outcome = with(held);
        if held.lease.is_none() && !held.asking && held.ended.is_empty() && held.resting_until.is_none() {
            all.remove(&hash);
        }
        outcome
    })
}

#[derive(Serialize, Deserialize)]
pub(super) struct Question {
    pub(super) of: KeyUse,
    pub(super) fresh: Option<FreshGrant>,
    pub(super) wants_lease: bool,
}

/// A lease that was granted ahead of the need, with what the limit then admitted, and for how long it admits no more.
pub(super) type Renewal = Option<(GrantedLease, u32, u64)>;

/// Marks that a request of this instance is asking for a lease, until it has one or has given up.
struct LeaseRequest(KeyHash);

impl LeaseRequest {
    /// Starts asking, unless another request is asking already.
    fn begin(hash: KeyHash, held: &mut HeldKey) -> Option<Self> {
        (!std::mem::replace(&mut held.asking, true)).then(|| Self(hash))
    }
}

impl Drop for LeaseRequest {
    fn drop(&mut self) {
        held(self.0, |held| held.asking = false);
    }
}

fn unreadable(error: impl std::fmt::Display) -> KeyGateError {
    KeyGateError(error.to_string())
}

impl KeyObjects {
    /// Creates the gate over these objects, with the database that holds the grants of keys.
    pub(super) fn new(namespace: ObjectNamespace, database: Arc<dyn Database>, clock: Arc<dyn Clock>) -> Self {
        Self { namespace, database, clock }
    }

    /// Calls a method of the object that keeps the key's limit, and reports the key's ended leases with it.
    async fn call(&self, hash: KeyHash, method: &str, question: impl Serialize + Send) -> Result<String, KeyGateError> {
        let ended = held(hash, |held| std::mem::take(&mut held.ended));
        let now = self.clock.now();
        let reports = ended.into_iter().map(|lease| lease.report(now)).collect::<Vec<_>>();
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

    /// Reads which objects keep the limits of these keys, and returns the ids of the keys that exist.
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
            let alone = held.lease.as_mut().and_then(|lease| lease.decide(of, now));
            if alone.is_none() {
                held.retire(None);
            }
            let wants = held.lease.as_ref().is_none_or(|lease| lease.is_ending(now));
            (alone, if wants && !held.is_resting(now) { LeaseRequest::begin(of.hash, held) } else { None })
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

    /// Asks the object to decide, and acquires a lease where this request asks for one.
    async fn ask(&self, of: &KeyUse, asking: Option<LeaseRequest>) -> Result<Decision, KeyGateError> {
        let mut fresh = None;
        loop {
            let asked = self.clock.now();
            let question = Question { of: of.clone(), fresh: fresh.take(), wants_lease: asking.is_some() };
            let reply = self.call(of.hash, "admit", &question).await?;
            match serde_json::from_str(&reply).map_err(unreadable)? {
                Reply::NeedsGrant { generation, keep } => {
                    let read = key_uses::grant(of.hash, asked).run(&*self.database).await.map_err(unreadable)?;
                    let Some((grant, saved)) = read else { return Ok(Decision::Unknown) };
                    // Another object keeps the limit: ask that one.
                    if grant.first_key_hash != first_key(of.hash) {
                        remember_first_key(of.hash, grant.first_key_hash);
                        continue;
                    }
                    fresh = Some(FreshGrant { generation, keep, grant, saved });
                }
                // The object waits by itself, so it never answers this.
                Reply::Wait(_) => return Err(KeyGateError("the object did not wait".to_owned())),
                Reply::Decided { verdict, grant, lease } => {
                    let grant = Arc::new(*grant);
                    if let (Some(granted), Verdict::Allowed(remaining, reset)) = (lease, &verdict) {
                        let lease = Lease::new(granted, Arc::clone(&grant), *remaining, *reset, asked);
                        self.hold(of.hash, lease);
                    }
                    return Ok(verdict.about(grant));
                }
            }
        }
    }

    /// Acquires the next lease while this one still serves.
    fn renew(&self, asking: LeaseRequest, grant: Arc<KeyGrant>) {
        let objects = self.clone();
        WaitUntilBackground.spawn(Box::pin(SendFuture::new(async move {
            let (hash, asked) = (asking.0, objects.clock.now());
            let renewed = objects.call(hash, "renew", hash).await;
            let renewed = renewed.and_then(|answer| serde_json::from_str::<Renewal>(&answer).map_err(unreadable));
            match renewed {
                Ok(Some((granted, remaining, reset))) => {
                    let next = Lease::new(granted, grant, remaining, reset, asked);
                    let next = held(hash, |held| match &held.lease {
                        Some(lease) => next.after(lease),
                        None => next,
                    });
                    objects.hold(hash, next);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a lease could not be renewed"),
            }
        })));
    }

    /// Uses this lease from now on, and reports it when its time is over.
    fn hold(&self, hash: KeyHash, lease: Lease) {
        let (id, now) = (lease.id(), self.clock.now());
        let too_late = lease.is_over(now);
        held(hash, |held| {
            held.retire(None);
            held.lease = Some(lease);
            held.resting_until = too_late.then(|| now.plus_ms(REST_MS));
        });
        let objects = self.clone();
        WaitUntilBackground.spawn(Box::pin(SendFuture::new(async move {
            if !too_late {
                _ = glue::sleep(REPORT_AFTER_MS).await;
            }
            let due = held(hash, |held| {
                held.retire(Some(id));
                held.lease.is_none() && !held.ended.is_empty()
            });
            if due && let Err(error) = objects.call(hash, "reportUsage", ()).await {
                tracing::warn!(%error, "a lease was not reported, and counts as used up");
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

    async fn invalidate(&self, keys: &[KeyHash]) -> Result<(), KeyGateError> {
        self.learn_first_keys(keys).await?;
        let calls = keys.iter().map(async |hash| {
            held(*hash, |held| held.retire(None));
            match self.call(*hash, "invalidate", ()).await {
                // An object that has just been moved or replaced answers the second time.
                Err(_) => self.call(*hash, "invalidate", ()).await,
                answer => answer,
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
