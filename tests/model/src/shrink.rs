//! Shortens a failing list of steps by delta debugging (Zeller and Hildebrandt, 2002), first of steps, then of faults.

use crate::{
    faults::Weather,
    invariants::Broken,
    plan::{Action, Step},
    run::{Episode, Outcome},
    world::Mutant,
};

/// Plays the steps of an episode.
#[must_use]
pub fn play(seed: u64, steps: &[Step]) -> Outcome {
    Episode::new(seed).play(steps)
}

/// Plays the steps of an episode with a fault in the application.
#[must_use]
pub fn play_mutant(seed: u64, steps: &[Step], mutant: Mutant) -> Outcome {
    Episode::with(seed, Some(mutant)).play(steps)
}

/// Returns the shortest list found that still breaks the same invariant, in at most `tries` tries.
pub fn shrink(steps: &[Step], tries: u32, breaks: &mut dyn FnMut(&[Step]) -> Option<Broken>) -> Vec<Step> {
    let Some(broken) = breaks(steps) else { return steps.to_vec() };
    let wanted = broken.kind();
    let mut left = tries;
    let mut still = |steps: &[Step]| {
        left = left.saturating_sub(1);
        left > 0 && breaks(steps).is_some_and(|broken| broken.kind() == wanted)
    };
    let mut steps = steps.to_vec();
    steps.truncate(broken.after);
    let mut size = steps.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let mut shorter = false;
        while start < steps.len() {
            let end = (start + size).min(steps.len());
            let rest = [&steps[..start], &steps[end..]].concat();
            if still(&rest) {
                steps = rest;
                shorter = true;
            } else {
                start = end;
            }
        }
        size = if shorter && size == 1 { 1 } else { size / 2 };
    }
    for index in 0..steps.len() {
        let mut calmer = steps.clone();
        calmer[index].weather = Weather::CALM;
        if calmer[index] != steps[index] && still(&calmer) {
            steps = calmer;
        }
    }
    steps
}

/// Formats the list so that [`read`] reads it again: the numbers of the steps, with `!` after those whose calls do not
/// fail.
#[must_use]
pub fn list(steps: &[Step]) -> String {
    let told = steps.iter().map(|step| {
        let calm = if step.weather == Weather::CALM { "!" } else { "" };
        format!("{}{calm}", step.number)
    });
    told.collect::<Vec<_>>().join(",")
}

/// Reads a list that [`list`] has written.
///
/// # Errors
/// Returns the entry that names no step of the episode.
pub fn read(list: &str, all: &[Step]) -> Result<Vec<Step>, String> {
    let step = |text: &str| {
        let (number, calm) = text.strip_suffix('!').map_or((text, false), |number| (number, true));
        let step = number.trim().parse::<usize>().ok().and_then(|number| all.get(number));
        let step = *step.ok_or_else(|| format!("{text:?} is no step of this episode"))?;
        Ok(if calm { Step { weather: Weather::CALM, ..step } } else { step })
    };
    list.split(',').filter(|text| !text.is_empty()).map(step).collect()
}

/// Describes the steps for people, each on a line.
#[must_use]
pub fn describe(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let who = match step.action {
            Action::Tick | Action::Wait | Action::Jump | Action::SetBack | Action::Die | Action::Leave => String::new(),
            _ => format!(" by client {} of person {}", step.client, step.person),
        };
        let rough = if step.weather == Weather::CALM { "" } else { ", with faults" };
        format!("  {:>6} {:?}{who}{rough}\n", step.number, step.action)
    };
    steps.iter().map(line).collect()
}
