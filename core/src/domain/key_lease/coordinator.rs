use std::{collections::HashMap, sync::Arc};

use super::{FreshGrant, GrantedLease, LEASE_MS, Reply, UsageReport, Verdict};
use crate::domain::{
    Timestamp,
    api_key::KeyHash,
    key_use::{Decision, Denial, KeyGrant, KeyLedger, KeyUse},
};

/// How long the coordinator waits for the report of a lease, in milliseconds: well beyond what a clock that stands
/// still within a request can make of [`LEASE_MS`].
pub(super) const HOLD_MS: i64 = 1_500;
/// Smallest cost of a lease: a smaller one is not worth its messages.
const SMALLEST_LEASE: u32 = 16;
/// What must be left of the limit for a lease to be granted: a small limit then always reports an exact remainder, and
/// whoever has one is not busy for long.
const LEAST_LEFT: u32 = 500;
/// How long a grant is used without being read again, in milliseconds. A change of a key invalidates it at once; this
/// is for a change whose author was killed half-way, and for changes that give a key more rights.
const GRANT_MS: u64 = 60_000;
/// How long after an invalidation each decision reads its own grant, in milliseconds: the batch that changes the key
/// may take so long.
pub(super) const CHANGING_MS: i64 = 60_000;

/// The only keeper of the ledger of the keys that share a limit.
#[derive(Clone, Debug, Default)]
pub struct KeyCoordinator {
    /// What was admitted and counted, without outstanding leases.
    pub ledger: KeyLedger,
    outstanding: Vec<GrantedLease>,
    grants: HashMap<KeyHash, (Arc<KeyGrant>, Timestamp)>,
    generation: u32,
    changing_until: Option<Timestamp>,
    last_lease: u32,
    /// How much was used of the lease that was reported last.
    last_used: u32,
    /// Until when no lease is granted, because a request waits for outstanding ones.
    wanted_until: Option<Timestamp>,
}

impl KeyCoordinator {
    /// Creates a coordinator from what was stored of it. `nonce` must be fresh: replies of an earlier coordinator of
    /// the same key are not valid for this one.
    #[must_use]
    pub fn new(
        ledger: KeyLedger,
        outstanding: Vec<GrantedLease>,
        changing_until: Option<Timestamp>,
        nonce: u32,
    ) -> Self {
        Self {
            ledger,
            outstanding,
            grants: HashMap::new(),
            generation: nonce,
            changing_until,
            last_lease: nonce,
            last_used: 0,
            wanted_until: None,
        }
    }

    /// Returns the leases that have been neither reported nor expired.
    #[must_use]
    pub fn outstanding(&self) -> &[GrantedLease] {
        &self.outstanding
    }

    /// Returns the time until which a batch that invalidated the key may change it.
    #[must_use]
    pub fn changing_until(&self) -> Option<Timestamp> {
        self.changing_until
    }

    /// Decides about a use. `fresh` is the grant that a reply [`Reply::NeedsGrant`] asked for.
    pub fn admit(&mut self, of: &KeyUse, fresh: Option<FreshGrant>, wants_lease: bool, now: Timestamp) -> Reply {
        self.expire_leases(now);
        let changing = self.changing_until.is_some_and(|until| now < until);
        let grant = match fresh.filter(|fresh| fresh.generation == self.generation) {
            Some(fresh) => {
                self.ledger.usage.of(&fresh.grant.id).take_up(fresh.saved);
                let grant = Arc::new(fresh.grant);
                if fresh.keep && !changing {
                    self.grants.insert(of.hash, (Arc::clone(&grant), now));
                }
                grant
            }
            None => match self.grants.get(&of.hash) {
                Some((grant, read)) if !changing && now.ms_since(*read) < GRANT_MS => Arc::clone(grant),
                _ => return Reply::NeedsGrant { generation: self.generation, keep: !changing },
            },
        };
        // For everybody else, a lease counts as used.
        let leased = self.leased();
        if leased > 0 && grant.denial(of, now).is_none() {
            self.ledger.log.expire(grant.window_ms(), now);
            let wanted = self.ledger.log.used().saturating_add(of.cost);
            if wanted <= grant.rate_limit && wanted.saturating_add(leased) > grant.rate_limit {
                self.wanted_until = Some(now.plus_ms(LEASE_MS));
                return Reply::Wait(self.longest_wait(now));
            }
        }
        let rest = KeyGrant { rate_limit: grant.rate_limit.saturating_sub(leased), ..KeyGrant::clone(&grant) };
        let verdict = match self.ledger.decide(&Arc::new(rest), of, now) {
            Decision::Unknown => Verdict::Denied(Denial::Revoked),
            Decision::Denied(_, denial) => Verdict::Denied(denial),
            Decision::Limited(_, state) => Verdict::Limited(state.remaining, state.reset_after_ms),
            Decision::Allowed(_, state) => Verdict::Allowed(state.remaining, state.reset_after_ms),
        };
        let keeps = self.grants.contains_key(&of.hash) && !changing;
        let lease = match &verdict {
            Verdict::Allowed(remaining, _) if wants_lease && keeps => self.acquire(*remaining, &grant, now),
            _ => None,
        };
        Reply::Decided { verdict, grant: Box::new(KeyGrant::clone(&grant)), lease }
    }

    /// Grants another lease of the key before the last one is used up. Returns it with what the limit then still
    /// admits, and with how many milliseconds it takes until the limit admits more; `None` where no lease can be
    /// granted now.
    pub fn renew(&mut self, key: KeyHash, now: Timestamp) -> Option<(GrantedLease, u32, u64)> {
        self.expire_leases(now);
        let changing = self.changing_until.is_some_and(|until| now < until);
        let (grant, read) = self.grants.get(&key).cloned()?;
        if changing || now.ms_since(read) >= GRANT_MS {
            return None;
        }
        self.ledger.log.expire(grant.window_ms(), now);
        let leased = self.leased();
        let state = self.ledger.log.state(grant.rate_limit.saturating_sub(leased), grant.window_ms(), now);
        let lease = self.acquire(state.remaining, &grant, now)?;
        Some((lease, state.remaining, state.reset_after_ms))
    }

    /// Ends a lease and charges what was used of it. A lease that the coordinator does not know, because it counts as
    /// used up already or because the coordinator lost its memory, is charged all the same: rather too much than too
    /// little.
    pub fn report_usage(&mut self, report: &UsageReport, now: Timestamp) {
        self.expire_leases(now);
        self.outstanding.retain(|lease| lease.id != report.id);
        self.last_used = report.used.iter().fold(0_u32, |sum, (_, cost)| sum.saturating_add(*cost));
        for (age_ms, cost) in &report.used {
            self.ledger.log.add(*cost, now.plus_ms(i64::from(*age_ms).saturating_neg()));
        }
        for counts in &report.counts {
            self.ledger.usage.of(&report.key_id).add_counts(*counts);
        }
    }

    /// Forgets the grants of the key, because a batch is about to change the key or its owner: every decision reads the
    /// database until the batch must have ended. Returns the time of that end. No lease may be outstanding when the
    /// batch runs: see [`KeyCoordinator::waits`].
    pub fn invalidate(&mut self, now: Timestamp) -> Timestamp {
        let until = now.plus_ms(CHANGING_MS);
        self.generation = self.generation.wrapping_add(1);
        self.grants.clear();
        self.changing_until = Some(until);
        until
    }

    /// Returns the milliseconds until no lease that was granted up to `before` can be outstanding; `None` if none is.
    pub fn waits(&mut self, before: Timestamp, now: Timestamp) -> Option<u32> {
        self.expire_leases(now);
        let last = before.plus_ms(HOLD_MS).0;
        self.outstanding.iter().any(|lease| lease.until_ms <= last).then(|| self.longest_wait(now))
    }

    /// Returns the cost of all outstanding leases together.
    fn leased(&self) -> u32 {
        self.outstanding.iter().fold(0, |sum, lease| sum.saturating_add(lease.cost))
    }

    fn longest_wait(&self, now: Timestamp) -> u32 {
        let last = self.outstanding.iter().map(|lease| lease.until_ms).max().unwrap_or(now.0);
        u32::try_from(Timestamp(last).ms_since(now)).unwrap_or(u32::MAX).max(1)
    }

    /// Charges in full each lease that nobody reported in time.
    fn expire_leases(&mut self, now: Timestamp) {
        let (over, outstanding) = self.outstanding.iter().partition::<Vec<_>, _>(|lease| lease.until_ms <= now.0);
        self.outstanding = outstanding;
        for lease in over {
            self.ledger.log.add(lease.cost, Timestamp(lease.until_ms));
        }
    }

    /// Grants a lease of four times what is used in a lease's time, and at most a quarter of what is left; `None` near
    /// the limit.
    fn acquire(&mut self, remaining: u32, grant: &KeyGrant, now: Timestamp) -> Option<GrantedLease> {
        let recently = self.ledger.log.used_since(now.plus_ms(LEASE_MS.saturating_neg()));
        let cost = recently.max(self.last_used).saturating_mul(4).min(remaining / 4);
        let ends_soon = grant.expires_at_ms.is_some_and(|expires| expires <= now.plus_ms(HOLD_MS).0);
        let is_wanted = self.wanted_until.is_some_and(|until| now < until);
        if remaining < LEAST_LEFT || cost < SMALLEST_LEASE || ends_soon || is_wanted {
            return None;
        }
        self.last_lease = self.last_lease.wrapping_add(1);
        let granted = GrantedLease { id: self.last_lease, cost, until_ms: now.plus_ms(HOLD_MS).0 };
        self.outstanding.push(granted);
        Some(granted)
    }
}
