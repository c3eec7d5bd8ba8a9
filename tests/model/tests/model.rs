//! A hundred thousand steps of the simulation: the whole application against its model, while everything around it
//! fails. An episode that fails is shortened and printed with how to play it again. The long run is `cargo run
//! --release -p aibaas-model --example simulate`; docs/testing.md says more.

use std::collections::BTreeMap;

use aibaas_model::{
    faults::Counts,
    plan::{self, Step},
    run::Outcome,
    shrink,
};

const STEPS: u32 = 2500;
/// Number of episodes of each quarter.
const EPISODES: u64 = 10;

fn episode(seed: u64, steps: &[Step]) -> Outcome {
    let outcome = shrink::play(seed, steps);
    if let Some(broken) = &outcome.broken {
        let short = shrink::shrink(steps, 400, &mut |steps| shrink::play(seed, steps).broken);
        panic!(
            "{broken}\nseed {seed}, {} steps; enough are:\n{}play them again:\n  cargo run -p aibaas-model --example \
             simulate -- --seed {seed} --episode {} --only {} --verbose",
            steps.len(),
            shrink::describe(&short),
            steps.len(),
            shrink::list(&short)
        );
    }
    outcome
}

/// Plays a quarter of the steps, and checks that nothing breaks; the test harness runs the quarters in parallel.
fn quarter(first: u64) {
    let (mut steps, mut requests) = (0, 0);
    let mut faults = Counts::new();
    let mut answers = BTreeMap::<u16, u64>::new();
    for seed in first..first + EPISODES {
        let outcome = episode(seed, &plan::steps(seed, STEPS));
        assert!(!outcome.cut_short, "seed {seed}: too much is unknown");
        steps += outcome.steps;
        requests += outcome.requests;
        outcome.faults.iter().for_each(|(fault, count)| *faults.entry(*fault).or_default() += count);
        outcome.answers.iter().for_each(|(status, count)| *answers.entry(*status).or_default() += count);
    }
    println!("{steps} steps, {requests} requests\n{answers:?}\n{faults:?}");
    assert_eq!(steps, EPISODES * u64::from(STEPS));
    // An answer that never occurs proves nothing.
    for status in [200, 201, 202, 204, 400, 401, 403, 404, 409, 422, 429, 503] {
        assert!(answers.get(&status).is_some_and(|count| *count > 5), "{status}: {answers:?}");
    }
    assert_eq!(faults.len(), 15, "{faults:?}");
}

#[test]
fn steps_of_the_first_quarter_break_nothing() {
    quarter(0);
}

#[test]
fn steps_of_the_second_quarter_break_nothing() {
    quarter(EPISODES);
}

#[test]
fn steps_of_the_third_quarter_break_nothing() {
    quarter(2 * EPISODES);
}

#[test]
fn steps_of_the_fourth_quarter_break_nothing() {
    quarter(3 * EPISODES);
}

#[test]
fn a_seed_plays_the_same_again() {
    for seed in [1, 2, 3] {
        let steps = plan::steps(seed, 800);
        let (first, second) = (shrink::play(seed, &steps), shrink::play(seed, &steps));
        assert_eq!((first.trace, first.requests, first.faults), (second.trace, second.requests, second.faults));
        assert_ne!(first.trace, shrink::play(seed + 4, &plan::steps(seed + 4, 800)).trace);
    }
}

/// Replays the shortened rest of an episode that once broke something in the long run, and checks that nothing breaks
/// now.
fn replayed(seed: u64, only: &str) -> Outcome {
    let steps = shrink::read(only, &plan::steps(seed, STEPS)).expect("steps");
    let outcome = shrink::play(seed, &steps);
    assert_eq!(outcome.broken, None);
    outcome
}

/// Checks two requests with one `Idempotency-Key`: the second was refused while the first was under way, and its
/// answer came after that of the first.
#[test]
fn a_refusal_may_come_late() {
    let outcome = replayed(100_529, "211!,227!,639!,698!,699!,803!,809!,897!,898!,899!,900!");
    assert_eq!(outcome.answers.get(&409), Some(&1), "the case itself: {:?}", outcome.answers);
}

/// Checks a run that was published 20 seconds after its request had been given up, and after its client had opened
/// others.
#[test]
fn what_comes_late_is_not_forgotten() {
    let list = "771!,787!,997!,1000!,1004!,1290!,1325!,1613!,1632,1640!,1723!,1737!,1744!,1759!";
    let outcome = replayed(20_261_687, list);
    assert_eq!(outcome.answers.get(&503), Some(&1), "the case itself: {:?}", outcome.answers);
}

/// Checks a request that was under way with its `Idempotency-Key` while its client began another one.
#[test]
fn a_key_that_is_under_way_is_not_forgotten() {
    let outcome = replayed(4_003_133, "851!,946!,1002!,1004!,1089!,1090!,1294!,1295!,1296!");
    assert_eq!(outcome.answers.get(&422), Some(&1), "the case itself: {:?}", outcome.answers);
}

/// Checks that the claim of a request with a key goes with the account: the request is refused as the key is from then
/// on.
#[test]
fn an_account_may_go_while_its_key_opens_a_run() {
    let outcome = replayed(70_000_094, "662!,705!,729!,733!,962!,963!");
    assert!(outcome.answers.contains_key(&401), "the case itself: {:?}", outcome.answers);
}
