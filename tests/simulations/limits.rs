//! Checks of the limits that are kept in SQL: they are exact, whatever clocks do, and the cost of a decision does not
//! grow with what a window holds.

use aibaas_core::{
    SqlKeyGate, SqlRateLimiter,
    domain::{
        ApiKeyId, LimitState, Timestamp,
        api_key::KeyHash,
        key_use::{Decision, KeyUse},
    },
    ports::{KeyGate as _, Limit, RateLimiter as _, Statement},
    store::{
        key_uses::{self, Charge},
        rate_limits,
    },
};
use aibaas_tests::{fixtures::seeded, simulation::SimulatedDatabase};
use fastrand::Rng;

const START: i64 = 1_795_395_723_004;

/// The rule itself, over everything that one limit has ever admitted.
#[derive(Clone, Default)]
struct Admitted(Vec<Admission>);

#[derive(Clone)]
struct Admission {
    at: i64,
    cost: u32,
    expires: i64,
}

impl Admitted {
    /// Returns the time of the limit, which does not run back.
    fn time(&self, clock: i64) -> i64 {
        self.0.iter().map(|one| one.at).max().unwrap_or(clock).max(clock)
    }

    fn in_use(&self, clock: i64, window: i64) -> impl Iterator<Item = &Admission> {
        let now = self.time(clock);
        self.0.iter().filter(move |one| one.cost > 0 && now - one.at < window)
    }

    fn used(&self, clock: i64, window: i64) -> u32 {
        self.in_use(clock, window).map(|one| one.cost).sum()
    }

    fn admit(&mut self, clock: i64, window: i64, cost: u32) {
        let at = self.time(clock);
        if cost > 0 {
            let expires = self.0.iter().map(|one| one.expires).max().unwrap_or(0).max(at + window);
            match self.0.last_mut() {
                // Uses admitted in the same millisecond are forgotten together.
                Some(last) if last.at == at => *last = Admission { at, cost: last.cost + cost, expires },
                _ => self.0.push(Admission { at, cost, expires }),
            }
        } else if self.0.is_empty() {
            // A free use keeps the limit's time until the next tick.
            self.0.push(Admission { at, cost, expires: at });
        }
    }

    fn state(&self, clock: i64, limit: u32, window: i64) -> LimitState {
        let oldest = self.in_use(clock, window).map(|one| one.at).min();
        let reset_after_ms = oldest.map_or(0, |oldest| u64::try_from(oldest + window - clock).expect("in use"));
        LimitState { remaining: limit.saturating_sub(self.used(clock, window)), reset_after_ms }
    }

    /// Forgets what a tick at this time forgets.
    fn forget(&mut self, clock: i64) {
        self.0.retain(|one| one.expires > clock);
    }

    /// Returns the largest sum of costs in any window of this length.
    fn fullest(&self, window: i64) -> u32 {
        let ending = |end: i64| self.0.iter().filter(move |one| one.at <= end && end - one.at < window);
        self.0.iter().map(|one| ending(one.at).map(|one| one.cost).sum()).max().unwrap_or(0)
    }
}

/// Returns the next change of a clock, in milliseconds: it may stand still, leap, or be set back.
fn tick(random: &mut Rng, window: i64) -> i64 {
    let some = random.i64(0..=window / 2);
    match random.u8(0..20) {
        0..6 => 0,
        6..17 => some,
        17 => 2 * window + some,
        _ => -2 * some,
    }
}

async fn forget(database: &SimulatedDatabase, clock: i64) {
    rate_limits::expire(Timestamp(clock), 100_000).run(database.port().as_ref()).await.expect("an answer");
}

#[tokio::test]
async fn several_limits_are_charged_together_or_not_at_all() {
    let seed = seeded().u64(..);
    let mut random = Rng::with_seed(seed);
    for case in 0..40 {
        let database = SimulatedDatabase::new().await;
        let limiter = SqlRateLimiter::new(database.port());
        let limit = |number: usize, random: &mut Rng| Limit {
            name: format!("limit {number}"),
            limit: random.u32(1..12),
            window_seconds: random.u32(1..20),
        };
        let limits = (0..random.usize(1..4)).map(|number| limit(number, &mut random)).collect::<Vec<_>>();
        let mut admitted = vec![[const { Admitted(Vec::new()) }; 2]; limits.len()];
        let mut everything = admitted.clone();
        let mut clock = START;
        for step in 0..100 {
            let told = format!("seed {seed}, case {case}, step {step}");
            clock += tick(&mut random, 12_000);
            if random.u8(0..10) == 0 {
                forget(&database, clock).await;
                admitted.iter_mut().flatten().for_each(|one| one.forget(clock));
            }
            let (subject, cost) = (random.usize(0..2), random.u32(0..4));
            let window = |limit: &Limit| i64::from(limit.window_seconds) * 1000;
            let fits = limits
                .iter()
                .zip(&admitted)
                .all(|(limit, admitted)| admitted[subject].used(clock, window(limit)) + cost <= limit.limit);
            let name = ["ada", "bob"][subject];
            let answer = limiter.admit(name, &limits, cost, Timestamp(clock)).await.expect("an answer");
            assert_eq!(answer.allowed, fits, "{told}");
            for (at, limit) in limits.iter().enumerate() {
                if fits {
                    admitted[at][subject].admit(clock, window(limit), cost);
                    everything[at][subject].admit(clock, window(limit), cost);
                }
                let state = admitted[at][subject].state(clock, limit.limit, window(limit));
                assert_eq!(answer.states[at], state, "{told}");
            }
        }
        for (limit, admitted) in limits.iter().zip(&admitted) {
            let window = i64::from(limit.window_seconds) * 1000;
            assert!(admitted.iter().all(|one| one.fullest(window) <= limit.limit), "seed {seed}, case {case}");
        }
    }
}

/// Creates keys of one owner, each with its limit and its window in seconds.
async fn keys(database: &SimulatedDatabase, limits: &[(u32, u32)]) -> Vec<KeyHash> {
    let user =
        "INSERT INTO users (id, email, created_at, updated_at, password_changed_at) VALUES ('u', 'a@b.c', 0, 0, 0)";
    database.run(Statement::new(user)).await;
    let mut hashes = Vec::new();
    for (number, (limit, window)) in limits.iter().enumerate() {
        let hash = KeyHash::from_bytes(&[u8::try_from(number).expect("few"); 32]).expect("a hash");
        let key = "INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix, scopes, rate_limit, \
             rate_limit_window_seconds, environment, created_at) VALUES (?1, 'u', '', ?2, '', '[]', ?3, ?4, 'live', 0)";
        database.run(Statement::new(key).bind(format!("key-{number}")).bind(hash).bind(*limit).bind(*window)).await;
        hashes.push(hash);
    }
    hashes
}

fn use_of(hash: KeyHash, cost: u32) -> KeyUse {
    KeyUse { hash, scopes: Vec::new(), address: None, cost, publishes: false, optional: false, verifier: None }
}

#[tokio::test]
async fn uses_of_keys_are_charged_in_order_up_to_the_first_that_does_not_fit() {
    let seed = seeded().u64(..);
    let mut random = Rng::with_seed(seed);
    for case in 0..40 {
        let database = SimulatedDatabase::new().await;
        let gate = SqlKeyGate::new(database.port());
        let mut limits = [(random.u32(1..12), random.u32(1..20)), (random.u32(1..12), random.u32(1..20))];
        let hashes = keys(&database, &limits).await;
        let mut admitted = [Admitted::default(), Admitted::default()];
        let mut clock = START;
        for step in 0..100 {
            let told = format!("seed {seed}, case {case}, step {step}");
            clock += tick(&mut random, 12_000);
            if random.u8(0..10) == 0 {
                forget(&database, clock).await;
                admitted.iter_mut().for_each(|one| one.forget(clock));
            }
            if random.u8(0..10) == 0 {
                let key = random.usize(0..2);
                limits[key] = (random.u32(1..12), random.u32(1..20));
                let change = "UPDATE api_keys SET rate_limit = ?2, rate_limit_window_seconds = ?3 WHERE id = ?1";
                let change = Statement::new(change).bind(format!("key-{key}"));
                database.run(change.bind(limits[key].0).bind(limits[key].1)).await;
            }
            let costs = [random.u32(0..4), random.u32(0..4)];
            let uses = [use_of(hashes[0], costs[0]), use_of(hashes[1], costs[1])];
            let decisions = gate.admit(&uses, Timestamp(clock)).await.expect("decisions");
            let mut expected = 0;
            for ((key, (limit, window)), decision) in limits.iter().enumerate().zip(&decisions) {
                let window = i64::from(*window) * 1000;
                let fits = admitted[key].used(clock, window) + costs[key] <= *limit;
                if fits {
                    admitted[key].admit(clock, window, costs[key]);
                }
                expected += 1;
                let state = match decision {
                    Decision::Allowed(_, state) if fits => state,
                    Decision::Limited(_, state) if !fits => state,
                    _ => panic!("{told}, key {key}: {decision:?}, of which fits {fits}"),
                };
                assert_eq!(*state, admitted[key].state(clock, *limit, window), "{told}, key {key}");
                if !fits {
                    break;
                }
            }
            assert_eq!(decisions.len(), expected, "{told}");
            assert!(expected == 2 || !decisions.iter().all(Decision::is_allowed), "{told}");
        }
    }
}

/// Checks that a key and the one that it was rotated to share a limit.
#[tokio::test]
async fn keys_may_share_a_limit() {
    let database = SimulatedDatabase::new().await;
    keys(&database, &[(5, 60), (5, 60)]).await;
    database.run(Statement::new("UPDATE api_keys SET first_key_id = 'key-0' WHERE id = 'key-1'")).await;
    let (first, second) = (ApiKeyId::from("key-0"), ApiKeyId::from("key-1"));
    let charge = async |costs: [u32; 2], at: i64| {
        let of = |key_id, cost| Charge { key_id, cost, is_denied: false, verifier: None };
        let uses = [of(&first, costs[0]), of(&second, costs[1])];
        key_uses::charge(&uses, Timestamp(START + at)).run(&*database.port()).await.expect("an answer")
    };
    assert_eq!(charge([2, 2], 0).await, 2);
    assert_eq!(charge([1, 1], 0).await, 1, "one of five is left");
    assert_eq!(charge([1, 0], 59_999).await, 0);
    assert_eq!(charge([0, 0], 59_999).await, 2, "what costs nothing always fits");
    assert_eq!(charge([3, 3], 60_000).await, 1);
    assert_eq!(charge([2, 0], 60_000).await, 2);
    assert_eq!(charge([1, 0], 60_001).await, 0);
}

/// Checks that a process goes on with the logs that another has saved.
#[tokio::test]
async fn what_is_kept_of_logs_is_what_the_limit_goes_on_with() {
    let database = SimulatedDatabase::new().await;
    let hashes = keys(&database, &[(10, 60), (10, 60)]).await;
    let gate = SqlKeyGate::new(database.port());
    for at in [0, 10, 10, 30] {
        gate.admit(&[use_of(hashes[0], 2)], Timestamp(START + at)).await.expect("a decision");
    }
    let (first, second) = (ApiKeyId::from("key-0"), ApiKeyId::from("key-1"));
    let read =
        async || key_uses::log(&first, 60_000, Timestamp(START + 40)).run(&*database.port()).await.expect("a log");
    let log = read().await;
    assert_eq!(log.used(), 8);
    for _ in 0..2 {
        for query in key_uses::keep_logs([(&first, 60_000, &log), (&second, 60_000, &log)]) {
            query.run(&*database.port()).await.expect("an answer");
        }
        assert!(read().await.entries().eq(log.entries()));
    }
    for hash in hashes {
        let decisions = gate.admit(&[use_of(hash, 2)], Timestamp(START + 40)).await.expect("a decision");
        let Some(Decision::Allowed(_, state)) = decisions.first() else { panic!("{decisions:?}") };
        assert_eq!(*state, LimitState { remaining: 0, reset_after_ms: 59_960 });
    }
}

/// Returns SQLite's steps for a use of a key, and for a request with a limit of its own, where the window holds `uses`
/// uses.
async fn steps(uses: i64) -> [u64; 2] {
    let database = SimulatedDatabase::new().await;
    let hashes = keys(&database, &[(1_000_000, 86_400)]).await;
    let fill = "INSERT INTO rate_limit_totals (subject, name, at, cost, running, expires_at) \
         SELECT s.value, 'key', ?1 + n.value, 1, n.value + 1, ?1 + n.value + 86400000 \
         FROM json_each('[\"key-0\", \"ada\"]') AS s JOIN json_each(?2) AS n";
    let numbers = (0..uses).collect::<serde_json::Value>().to_string();
    database.run(Statement::new(fill).bind(START).bind(numbers)).await;
    let (gate, limiter) = (SqlKeyGate::new(database.port()), SqlRateLimiter::new(database.port()));
    let now = Timestamp(START + uses);
    database.steps();
    let decisions = gate.admit(&[use_of(hashes[0], 1)], now).await.expect("a decision");
    let Some(Decision::Allowed(_, state)) = decisions.first() else { panic!("{decisions:?}") };
    assert_eq!(i64::from(state.remaining), 1_000_000 - uses - 1);
    let of_key = database.steps();
    let limits = [Limit { name: "key".to_owned(), limit: 1_000_000, window_seconds: 86_400 }];
    let admission = limiter.admit("ada", &limits, 1, now).await.expect("an answer");
    assert_eq!(i64::from(admission.states[0].remaining), 1_000_000 - uses - 1);
    [of_key, database.steps()]
}

#[tokio::test]
async fn a_decision_costs_the_same_whatever_its_window_holds() {
    let few = steps(10).await;
    assert!(few.iter().all(|steps| *steps > 0), "{few:?}");
    assert_eq!(steps(60_000).await, few);
}
