//! Leases of a key's limit: how many instances of the application share one limit, each of which may serve a busy key by
//! itself for a moment.
//!
//! One [`KeyCoordinator`] keeps the ledger of a key and of the keys that it was rotated into. An instance through which
//! a key is used a lot acquires a [`Lease`] from it: a part of what the limit still admits, paid for in advance, for
//! [`LEASE_MS`]. The instance then decides alone, and reports afterwards what it used. The limit stays exact:
//!
//! * never over: a lease counts as used from the moment at which it is granted, and one that nobody reports counts as
//!   used up;
//! * never under: a request that would be refused only because of outstanding leases waits until they are reported;
//! * a key that loses a right loses it at once: the coordinator first waits until no lease is outstanding.
//!
//! Clocks of coordinator and instance may differ; only lengths of time are compared, each measured by one of them.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ApiKeyId,
    api_key::KeyHash,
    key_use::{Decision, Denial, HourOfUse, KeyGrant, KeyLedger, KeyUse},
};
use crate::ports::{LimitState, Timestamp};

/// How long an instance may use a lease, from before it asks for it, in milliseconds.
pub const LEASE_MS: i64 = 100;
/// How long the coordinator waits for the report of a lease, in milliseconds: well beyond what a clock that stands still
/// within a request can make of [`LEASE_MS`].
const HOLD_MS: i64 = 1_500;
/// A smaller lease is not worth its messages.
const SMALLEST_LEASE: u32 = 16;
/// Where less than this is left, no lease is granted: what a small limit tells of itself is exact then, and whoever has
/// one is not busy for long.
const LEAST_LEFT: u32 = 500;
/// How long a grant is good without looking whether it still is. Whoever changes a key says so; this is for a change whose
/// author was killed half-way, and for what gives a key more.
const GRANT_MS: u64 = 60_000;
/// How long after an invalidation each decision reads its own grant, in milliseconds: the batch that follows may take so
/// long.
const CHANGING_MS: i64 = 60_000;

/// A lease, as the coordinator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedLease {
    /// Names the lease.
    pub id: u32,
    /// How much it is.
    pub cost: u32,
    /// When it counts as used up, in milliseconds since the epoch, by the coordinator's clock.
    pub until_ms: i64,
}

/// What an instance used of a lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsageReport {
    /// Which lease.
    pub id: u32,
    /// The id of the key that it was granted for.
    pub key_id: ApiKeyId,
    /// How many milliseconds ago, and how much.
    pub used: Vec<(u32, u32)>,
    /// What it decided meanwhile.
    pub counts: Vec<HourOfUse>,
}

/// A grant, and for what it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FreshGrant {
    /// From [`Reply::NeedsGrant`].
    pub generation: u32,
    /// From [`Reply::NeedsGrant`].
    pub keep: bool,
    /// What was read.
    pub grant: KeyGrant,
    /// What was saved of the hour's use.
    pub saved: HourOfUse,
}

/// What the coordinator answers an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Read what the key grants, and ask again with it.
    NeedsGrant {
        /// To be given back.
        generation: u32,
        /// To be given back.
        keep: bool,
    },
    /// Ask again when something has come back, at the latest after so many milliseconds.
    Wait(u32),
    /// Decided.
    Decided {
        /// What was decided.
        verdict: Verdict,
        /// What the key grants.
        grant: Box<KeyGrant>,
        /// What the instance may use by itself.
        lease: Option<GrantedLease>,
    },
}

/// A [`Decision`] without its grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// No.
    Denied(Denial),
    /// Not now. Remaining, and milliseconds until more is admitted.
    Limited(u32, u64),
    /// Yes. Remaining, and milliseconds until more is admitted.
    Allowed(u32, u64),
}

impl Verdict {
    /// The decision about a key with this grant.
    #[must_use]
    pub fn about(self, grant: Arc<KeyGrant>) -> Decision {
        let state = |remaining, reset_after_ms| LimitState { remaining, reset_after_ms };
        match self {
            Self::Denied(denial) => Decision::Denied(grant, denial),
            Self::Limited(remaining, reset) => Decision::Limited(grant, state(remaining, reset)),
            Self::Allowed(remaining, reset) => Decision::Allowed(grant, state(remaining, reset)),
        }
    }
}

/// The one place that keeps the ledger of the keys that share a limit.
#[derive(Clone, Debug, Default)]
pub struct KeyCoordinator {
    /// What was admitted and counted, without outstanding leases.
    pub ledger: KeyLedger,
    outstanding: Vec<GrantedLease>,
    grants: HashMap<KeyHash, (Arc<KeyGrant>, Timestamp)>,
    generation: u32,
    changing_until: Option<Timestamp>,
    last_lease: u32,
    /// How much of the lease that was reported last was used.
    last_used: u32,
    /// A request waits for outstanding leases: until then no other is granted.
    wanted_until: Option<Timestamp>,
}

impl KeyCoordinator {
    /// Creates a coordinator from what was stored of it. `nonce` must be fresh: what was said to an earlier one of the
    /// same key is not for this one.
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

    /// The leases that were neither reported nor expired.
    #[must_use]
    pub fn outstanding(&self) -> &[GrantedLease] {
        &self.outstanding
    }

    /// Until when a batch that invalidated the key may change it.
    #[must_use]
    pub fn changing_until(&self) -> Option<Timestamp> {
        self.changing_until
    }

    /// Decides about a use.
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
        // A lease is used, as far as anybody else is concerned.
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

    /// Grants another lease of the key, ahead of the need, where the key may be used now: with what the limit then still
    /// admits, and for how many milliseconds it admits no more than that.
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

    /// Ends a lease and charges what was used of it. One that the coordinator does not know, because it counts as used up
    /// already or the coordinator lost its memory, is charged all the same: rather too much than too little.
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

    /// Forgets what it knows of the key, because a batch is about to change it or its owner: every decision reads the
    /// database until the batch must have ended. Returns until when. No lease may be outstanding when the batch runs:
    /// see [`KeyCoordinator::waits`].
    pub fn invalidate(&mut self, now: Timestamp) -> Timestamp {
        let until = now.plus_ms(CHANGING_MS);
        self.generation = self.generation.wrapping_add(1);
        self.grants.clear();
        self.changing_until = Some(until);
        until
    }

    /// Milliseconds until no lease that was granted up to `before` can be outstanding; `None` when none is.
    pub fn waits(&mut self, before: Timestamp, now: Timestamp) -> Option<u32> {
        self.expire_leases(now);
        let last = before.plus_ms(HOLD_MS).0;
        self.outstanding.iter().any(|lease| lease.until_ms <= last).then(|| self.longest_wait(now))
    }

    /// How much outstanding leases cost together.
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

    /// Grants a lease as large as four times what is used in its time, and at most a quarter of what is left: none near
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

/// A lease, as its instance knows it.
#[derive(Clone, Debug)]
pub struct Lease {
    id: u32,
    cost: u32,
    left: u32,
    /// By the instance's clock.
    until: Timestamp,
    grant: Arc<KeyGrant>,
    /// What the limit still admitted when the lease was granted, the lease included; and until when, as far as is known.
    remaining: u32,
    reset_at: Timestamp,
    used: Vec<(Timestamp, u32)>,
    counts: Vec<HourOfUse>,
}

impl Lease {
    /// Begins a lease that was granted in answer to a question of the moment `asked`.
    #[must_use]
    pub fn new(
        granted: GrantedLease,
        grant: Arc<KeyGrant>,
        remaining: u32,
        reset_after_ms: u64,
        asked: Timestamp,
    ) -> Self {
        Self {
            id: granted.id,
            cost: granted.cost,
            left: granted.cost,
            until: asked.plus_ms(LEASE_MS),
            grant,
            // GrantedLease by the reply that told the state, so it is not part of that.
            remaining,
            reset_at: asked.plus_ms(i64::try_from(reset_after_ms).unwrap_or(i64::MAX)),
            used: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Takes over from the lease before, whose rest is reported and not used up.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.remaining = self.remaining.saturating_add(before.left);
        self
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
    }

    /// Names the lease.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What the key grants.
    #[must_use]
    pub fn grant(&self) -> &Arc<KeyGrant> {
        &self.grant
    }

    /// Whether it is time to ask for the next one.
    #[must_use]
    pub fn is_ending(&self, now: Timestamp) -> bool {
        now.plus_ms(LEASE_MS / 2) >= self.until || self.left < self.cost / 4
    }

    /// Decides about a use, where the lease can: only the coordinator refuses for the limit's sake.
    pub fn decide(&mut self, of: &KeyUse, now: Timestamp) -> Option<Decision> {
        if self.is_over(now) {
            return None;
        }
        let grant = Arc::clone(&self.grant);
        let decision = match self.grant.denial(of, now) {
            Some(denial) => Decision::Denied(grant, denial),
            None => {
                self.left = self.left.checked_sub(of.cost)?;
                self.remaining = self.remaining.saturating_sub(of.cost);
                match self.used.last_mut() {
                    Some((at, cost)) if *at == now => *cost = cost.saturating_add(of.cost),
                    _ => self.used.push((now, of.cost)),
                }
                Decision::Allowed(
                    grant,
                    LimitState { remaining: self.remaining, reset_after_ms: self.reset_at.ms_since(now) },
                )
            }
        };
        self.count(&decision, now);
        Some(decision)
    }

    fn count(&mut self, decision: &Decision, now: Timestamp) {
        let mut usage = super::key_use::Usage::default();
        usage.count(decision, now);
        for hour in usage.unsaved() {
            match self.counts.iter_mut().find(|known| known.start_ms == hour.start_ms) {
                Some(known) => known.add(hour),
                None => self.counts.push(hour),
            }
        }
    }

    /// Ends the lease and says what was used of it.
    #[must_use]
    pub fn report(self, now: Timestamp) -> UsageReport {
        let age = |at: Timestamp| u32::try_from(now.ms_since(at)).unwrap_or(u32::MAX);
        UsageReport {
            id: self.id,
            key_id: self.grant.id.clone(),
            used: self.used.iter().map(|(at, cost)| (age(*at), *cost)).collect(),
            counts: self.counts,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{api_key::KeyHash, test_rng::TestRng};

    /// Instances with clocks of their own, and messages that take their time or are lost.
    struct World {
        numbers: TestRng,
        now: i64,
        coordinator: KeyCoordinator,
        grant: KeyGrant,
        leases: Vec<Option<Lease>>,
        /// Leases that ended and were not reported yet, by instance; and whether it is asking for one.
        over: Vec<Vec<Lease>>,
        renewing: Vec<bool>,
        renewed: u32,
        skews: Vec<i64>,
        longest_delay: u64,
        loses_reports: bool,
        /// By arrival.
        messages: BTreeMap<i64, Vec<Message>>,
        /// When, by true time, and how much. Oldest first.
        admitted: Vec<(i64, u32)>,
        refused: u32,
        open: u32,
    }

    enum Message {
        Ask { from: usize, cost: u32, fresh: Option<FreshGrant>, sent: Timestamp },
        Renew { from: usize, sent: Timestamp },
        Renewal { to: usize, renewal: Option<(GrantedLease, u32, u64)>, sent: Timestamp },
        Answer { to: usize, cost: u32, reply: Reply, sent: Timestamp },
        UsageReport(UsageReport),
    }

    impl World {
        fn new(seed: u64, limit: u32, window_seconds: u32, instances: usize, loses_reports: bool) -> Self {
            let grant = KeyGrant {
                id: "key".into(),
                user_id: "user".into(),
                first_key_id: "key".into(),
                first_key_hash: KeyHash::from_bytes(&[0; 32]).unwrap(),
                scopes: Vec::new(),
                rate_limit: limit,
                rate_limit_window_seconds: window_seconds,
                allowed_ips: Vec::new(),
                expires_at_ms: None,
                revoked: false,
                owner_suspended: false,
                owner_publishes: false,
                owner_serves: false,
            };
            let mut world = Self {
                numbers: TestRng(seed),
                now: 1_000_000,
                coordinator: KeyCoordinator::new(KeyLedger::default(), Vec::new(), None, 7),
                grant,
                leases: vec![None; instances],
                over: vec![Vec::new(); instances],
                renewing: vec![false; instances],
                renewed: 0,
                skews: Vec::new(),
                longest_delay: 1,
                loses_reports,
                messages: BTreeMap::new(),
                admitted: Vec::new(),
                refused: 0,
                open: 0,
            };
            world.skews = (0..instances).map(|_| world.below(100_000) as i64 - 50_000).collect();
            world.longest_delay = 1 + world.below(30);
            world
        }

        fn below(&mut self, bound: u64) -> u64 {
            self.numbers.below(bound)
        }

        fn clock(&self, instance: usize) -> Timestamp {
            Timestamp(self.now + self.skews[instance])
        }

        fn send(&mut self, message: Message) {
            let at = self.now + 1 + self.below(self.longest_delay) as i64;
            self.messages.entry(at).or_default().push(message);
        }

        fn of(cost: u32) -> KeyUse {
            let hash = KeyHash::from_bytes(&[0; 32]).unwrap();
            KeyUse { hash, scopes: Vec::new(), address: None, cost, publishes: false, optional: false, verifier: None }
        }

        fn request(&mut self, instance: usize, cost: u32) {
            let clock = self.clock(instance);
            let alone = self.leases[instance].as_mut().and_then(|lease| lease.decide(&Self::of(cost), clock));
            if alone.is_some() {
                self.admitted.push((self.now, cost));
                let ends = self.leases[instance].as_ref().is_some_and(|lease| lease.is_ending(clock));
                if ends && !self.renewing[instance] {
                    self.renewing[instance] = true;
                    self.report(instance);
                    self.send(Message::Renew { from: instance, sent: clock });
                }
                return;
            }
            self.over[instance].extend(self.leases[instance].take());
            self.report(instance);
            self.open += 1;
            self.send(Message::Ask { from: instance, cost, fresh: None, sent: clock });
        }

        /// Reports leases that ended; some reports never arrive.
        fn report(&mut self, instance: usize) {
            let clock = self.clock(instance);
            for lease in std::mem::take(&mut self.over[instance]) {
                if !self.loses_reports || self.below(3) > 0 {
                    self.send(Message::UsageReport(lease.report(clock)));
                }
            }
        }

        /// A millisecond.
        fn step(&mut self) {
            self.now += 1;
            for instance in 0..self.leases.len() {
                let is_over = self.leases[instance].as_ref().is_none_or(|lease| lease.is_over(self.clock(instance)));
                if is_over && self.below(5) == 0 {
                    self.over[instance].extend(self.leases[instance].take());
                    self.report(instance);
                }
            }
            for message in self.messages.remove(&self.now).unwrap_or_default() {
                let now = Timestamp(self.now);
                match message {
                    Message::UsageReport(report) => self.coordinator.report_usage(&report, now),
                    Message::Renew { from, sent } => {
                        let renewal = self.coordinator.renew(Self::of(0).hash, now);
                        self.send(Message::Renewal { to: from, renewal, sent });
                    }
                    Message::Renewal { to, renewal, sent } => {
                        self.renewing[to] = false;
                        let Some((granted, remaining, reset)) = renewal else { continue };
                        let grant = Arc::new(self.grant.clone());
                        let next = Lease::new(granted, grant, remaining, reset, sent);
                        self.renewed += 1;
                        match self.leases[to].take() {
                            Some(before) => {
                                self.leases[to] = Some(next.after(&before));
                                self.over[to].push(before);
                            }
                            None => self.leases[to] = Some(next),
                        }
                    }
                    Message::Ask { from, cost, fresh, sent } => {
                        let wants = self.leases[from].is_none() && !self.renewing[from];
                        match self.coordinator.admit(&Self::of(cost), fresh.clone(), wants, now) {
                            Reply::Wait(ms) => {
                                assert!(ms <= HOLD_MS as u32);
                                let again = Message::Ask { from, cost, fresh, sent };
                                self.messages.entry(self.now + 1).or_default().push(again);
                            }
                            reply => {
                                if let Reply::Decided { verdict: Verdict::Allowed(..), .. } = &reply {
                                    self.admitted.push((self.now, cost));
                                }
                                if let Reply::Decided { verdict: Verdict::Limited(..), .. } = &reply {
                                    self.refused += 1;
                                    self.assert_full(cost);
                                }
                                self.send(Message::Answer { to: from, cost, reply, sent });
                            }
                        }
                    }
                    Message::Answer { to, cost, reply, sent } => match reply {
                        Reply::NeedsGrant { generation, keep } => {
                            let saved = HourOfUse::of(now);
                            let fresh = FreshGrant { generation, keep, grant: self.grant.clone(), saved };
                            let sent = self.clock(to);
                            self.send(Message::Ask { from: to, cost, fresh: Some(fresh), sent });
                        }
                        // The coordinator waits by itself.
                        Reply::Wait(_) => {}
                        Reply::Decided { verdict, grant, lease } => {
                            self.open -= 1;
                            if let (Some(granted), Verdict::Allowed(remaining, reset)) = (lease, verdict) {
                                self.over[to].extend(self.leases[to].take());
                                self.leases[to] = Some(Lease::new(granted, Arc::new(*grant), remaining, reset, sent));
                            }
                        }
                    },
                }
            }
        }

        /// What was refused really did not fit: but for what reports make younger than it is, by the time they take.
        fn assert_full(&self, cost: u32) {
            let window = self.grant.window_ms() as i64 + self.longest_delay as i64 + 1;
            let used = self.used_within(self.now, window);
            assert!(self.loses_reports || used + cost > self.grant.rate_limit, "{used} + {cost} at {}", self.now);
        }

        fn used_within(&self, until: i64, window: i64) -> u32 {
            let start = self.admitted.partition_point(|(at, _)| *at <= until - window);
            let end = self.admitted.partition_point(|(at, _)| *at <= until);
            self.admitted[start..end].iter().map(|(_, cost)| cost).sum()
        }

        fn assert_never_over(&self) {
            let window = self.grant.window_ms() as i64;
            for (at, _) in &self.admitted {
                let used = self.used_within(*at, window);
                assert!(used <= self.grant.rate_limit, "{used} of {} until {at}", self.grant.rate_limit);
            }
        }
    }

    #[test]
    fn however_messages_travel_the_limit_is_exact() {
        let (mut leased, mut renewed) = (0, 0);
        for seed in 0..60 {
            let (limit, instances) = ([1, 7, 100, 2000, 8000][seed as usize % 5], 1 + seed as usize % 4);
            let mut world = World::new(seed, limit, 1 + seed as u32 % 2, instances, seed % 3 == 0);
            let busy = 1 + world.below(6);
            for _ in 0..2_500 {
                for _ in 0..world.below(busy) {
                    let (instance, cost) = (world.below(instances as u64) as usize, 1 + world.below(2) as u32);
                    world.request(instance, cost);
                }
                world.step();
                leased += u32::from(world.leases.iter().any(Option::is_some));
            }
            world.assert_never_over();
            renewed += world.renewed;
        }
        assert!(leased > 4_000 && renewed > 100, "there were leases in {leased} milliseconds, renewed {renewed} times");
    }

    #[test]
    fn a_burst_from_empty_gets_all_of_the_limit_and_no_more() {
        for seed in 0..100 {
            let limit = [1, 7, 100, 1000][seed as usize % 4];
            let mut world = World::new(seed, limit, 3600, 3, false);
            // Some at a time, so that leases are granted, and then many more than there is room for.
            while world.refused < 50 {
                for _ in 0..3 {
                    let instance = world.below(3) as usize;
                    world.request(instance, 1);
                }
                world.step();
            }
            while world.open > 0
                || world.leases.iter().any(Option::is_some)
                || !world.coordinator.outstanding.is_empty()
            {
                world.step();
            }
            let admitted = world.admitted.iter().map(|(_, cost)| cost).sum::<u32>();
            assert_eq!(admitted, limit, "seed {seed}");
        }
    }

    #[test]
    fn an_invalidation_waits_for_leases_and_forgets_what_was_read() {
        let mut world = World::new(1, 10_000, 60, 1, false);
        while world.leases[0].is_none() {
            world.request(0, 1);
            world.step();
        }
        let now = Timestamp(world.now);
        world.coordinator.invalidate(now);
        assert!(world.coordinator.waits(now, now).is_some_and(|ms| ms <= HOLD_MS as u32));
        assert!(world.coordinator.renew(World::of(0).hash, now).is_none(), "no other is granted");
        let asked = world.coordinator.admit(&World::of(1), None, true, now);
        let Reply::NeedsGrant { generation, keep: false } = asked else { panic!("{asked:?}") };
        // Whoever read before the invalidation reads again.
        let fresh = |generation| FreshGrant {
            generation,
            keep: true,
            grant: KeyGrant { revoked: true, ..world.grant.clone() },
            saved: HourOfUse::of(now),
        };
        let stale = world.coordinator.admit(&World::of(1), Some(fresh(generation.wrapping_sub(1))), true, now);
        assert!(matches!(stale, Reply::NeedsGrant { .. }), "{stale:?}");
        let read = world.coordinator.admit(&World::of(1), Some(fresh(generation)), true, now);
        let Reply::Decided { verdict: Verdict::Denied(Denial::Revoked), lease: None, .. } = read else {
            panic!("{read:?}")
        };
        while world.coordinator.waits(now, Timestamp(world.now)).is_some() {
            world.step();
        }
        assert!(world.now - now.0 < HOLD_MS, "the lease was reported before its time");
        let later = Timestamp(now.0 + CHANGING_MS);
        assert!(matches!(
            world.coordinator.admit(&World::of(1), None, true, later),
            Reply::NeedsGrant { keep: true, .. }
        ));
    }
}
