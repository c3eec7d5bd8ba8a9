use std::collections::BTreeMap;

use super::{
    coordinator::{CHANGING_MS, HOLD_MS},
    *,
};
use crate::domain::{
    Timestamp,
    api_key::KeyHash,
    key_use::{KeyLedger, KeyUse},
    test_rng::TestRng,
};

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
    /// Messages under way, by time of arrival.
    messages: BTreeMap<i64, Vec<Message>>,
    /// True time and cost of what was admitted, oldest first.
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

    /// Advances the time by a millisecond.
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

    /// Asserts that what was refused really did not fit, apart from what reports make younger than it is by the time
    /// they take.
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
        while world.open > 0 || world.leases.iter().any(Option::is_some) || !world.coordinator.outstanding().is_empty()
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
    assert!(matches!(world.coordinator.admit(&World::of(1), None, true, later), Reply::NeedsGrant { keep: true, .. }));
}
