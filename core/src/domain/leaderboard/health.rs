//! What a benchmark can still show: which tasks separate systems, and how sure it can be of who leads.

use serde::Serialize;
use utoipa::ToSchema;

use super::{CompareError, ComparedRun, Found, GivenUncertainty, Method, compare};
use crate::domain::{
    benchmark::BenchmarkVersion,
    measure::Metric,
    statistics::{
        AttemptVariance, attempt_variance, attempts_needed, detectable_difference, normal, power, tasks_needed,
    },
};

/// Number of the best systems that are looked at for whether a task separates them.
const TOP: usize = 5;
/// Most tasks of a set that are named.
const MOST_NAMED: usize = 100;

/// A run on the board, with what tells how much its attempts vary.
#[derive(Clone, Debug)]
pub struct StandingRun {
    /// The run, with the score of each task.
    pub run: ComparedRun,
    /// Tasks by how often they were passed: attempts, passes, number of such tasks; `None` unless the evidence is
    /// results.
    pub pass_counts: Option<Vec<(u64, u64, u64)>>,
}

/// What a version of a benchmark still tells of the systems that stand on it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Saturation {
    /// How many tasks there are.
    #[schema(example = 225)]
    pub tasks: u32,
    /// How many systems were looked at: the best of the board.
    #[schema(example = 68)]
    pub systems: usize,
    /// The tasks that every one of them passes, each time, or where less is better, that none fails: they tell nobody
    /// apart any more. Null where nothing is known task by task, or scores are no shares.
    pub passed_by_all: Option<TaskSet>,
    /// The tasks that none of them passes, not once: too hard yet, or broken. Null as `passedByAll`.
    pub passed_by_none: Option<TaskSet>,
    /// The tasks on which the best do not all score the same. Null where nothing is known task by task, or fewer than
    /// two stand.
    pub separating: Option<Separating>,
}

/// Some of a version's tasks.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TaskSet {
    /// How many there are.
    pub count: usize,
    /// The first hundred of them; null where the tasks are private.
    #[schema(max_items = 100)]
    pub ids: Option<Vec<String>>,
}

/// How many tasks separate the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Separating {
    /// How many of the best: five, or all where there are fewer.
    #[schema(minimum = 2, maximum = 5)]
    pub systems: usize,
    /// On so many tasks they do not all score the same.
    pub tasks: usize,
}

/// How sure the benchmark is that the first is better than the second, and what it would take to be surer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaderGap {
    /// How they differ on all tasks, first less second.
    #[serde(flatten)]
    pub found: Found,
    /// What the p-value, or where there is none the interval, is made with.
    pub method: Method,
    /// Of the difference; null under 20 tasks or clusters. Where nothing is known task by task, as if the two had
    /// answered different tasks.
    #[schema(minimum = 0)]
    pub standard_error: Option<f64>,
    /// How likely a two-sided test at 5 % is to find a difference of this size; null where the standard error is.
    #[schema(minimum = 0, maximum = 1)]
    pub power: Option<f64>,
    /// The smallest difference that such a test finds in four cases of five; null where the standard error is.
    #[schema(minimum = 0)]
    pub detectable_difference: Option<f64>,
    /// How many tasks like these it would take to find this difference in four cases of five; null where the standard
    /// error is, where they score the same, or where more than 10⁹ would be needed.
    pub tasks_needed: Option<u64>,
    /// How many more than there are.
    pub more_tasks: Option<u64>,
    /// How many attempts at each of these tasks would do instead; null where no number would, or where tasks were not
    /// tried at least twice and so nobody knows how much chance there is in an attempt.
    pub attempts_needed: Option<u64>,
}

impl Saturation {
    /// Evaluates runs of a version, best first.
    #[must_use]
    pub fn of(version: &BenchmarkVersion, runs: &[StandingRun]) -> Self {
        let scores = runs.iter().map(|standing| standing.run.scores.as_deref()).collect::<Option<Vec<_>>>();
        let scores = scores.filter(|scores| !scores.is_empty());
        // Only where scores are shares is it known what a pass is; it is not of seconds or dollars.
        let shares = scores.as_deref().filter(|_| version.measure.is_share());
        let where_all_score = |best: Option<f64>| {
            let all = |scores: &[f64]| scores.iter().all(|score| Some(*score) == best);
            shares.map(|scores| TaskSet::named(version, &tasks_where(scores, all)))
        };
        let top = scores.as_deref().map(|scores| scores.get(..TOP).unwrap_or(scores)).filter(|top| top.len() > 1);
        Self {
            tasks: version.task_count,
            systems: runs.len(),
            passed_by_all: where_all_score(version.measure.best()),
            passed_by_none: where_all_score(version.measure.worst()),
            separating: top.map(|top| Separating {
                systems: top.len(),
                tasks: tasks_where(top, |scores| scores.windows(2).any(|pair| pair.first() != pair.last())).len(),
            }),
        }
    }
}

/// Returns the positions of the tasks for whose scores, one of each run, `is_so` holds.
fn tasks_where(runs: &[&[f64]], is_so: impl Fn(&[f64]) -> bool) -> Vec<usize> {
    let tasks = runs.iter().map(|scores| scores.len()).min().unwrap_or(0);
    let of_task = |task: usize| runs.iter().filter_map(|scores| scores.get(task).copied()).collect::<Vec<_>>();
    (0..tasks).filter(|task| is_so(&of_task(*task))).collect()
}

impl TaskSet {
    fn named(version: &BenchmarkVersion, positions: &[usize]) -> Self {
        let name = |position: &usize| version.tasks.get(*position).map(|task| task.id.clone());
        let ids = (!version.private_tasks).then(|| positions.iter().take(MOST_NAMED).filter_map(name).collect());
        Self { count: positions.len(), ids }
    }
}

impl LeaderGap {
    /// Compares the two best runs of a version.
    ///
    /// # Errors
    /// A [`CompareError`] where they cannot be compared.
    pub fn of(version: &BenchmarkVersion, first: &StandingRun, second: &StandingRun) -> Result<Self, CompareError> {
        let comparison = compare(version, &first.run, &second.run)?;
        let standard_error = match comparison.method {
            Method::Newcombe => independent_error(&first.run, &second.run),
            Method::Mover => given_error(&first.run, &second.run),
            Method::Mcnemar | Method::PairedT => comparison.standard_error,
        };
        let (tasks, difference) = (u64::from(version.task_count), comparison.found.difference);
        let needed = standard_error.and_then(|error| tasks_needed(tasks, difference, error));
        // The variance of attempts is computed from passes, which other scores are not.
        let is_passes = version.measure.metric == Metric::PassRate;
        let chance = chance_in_attempts(first, second).filter(|_| is_passes);
        Ok(Self {
            method: comparison.method,
            power: standard_error.and_then(|error| power(difference, error)),
            detectable_difference: standard_error.map(detectable_difference),
            tasks_needed: needed,
            more_tasks: needed.map(|needed| needed.saturating_sub(tasks)),
            attempts_needed: standard_error
                .zip(chance)
                .filter(|_| difference != 0.0)
                .and_then(|(error, chance)| attempts_needed(tasks, difference, error, chance)),
            found: comparison.found,
            standard_error,
        })
    }
}

/// Computes the standard error of the difference of two pass rates, of which only the counts are known.
#[expect(clippy::cast_precision_loss, reason = "counts are within 2⁵³")]
fn independent_error(first: &ComparedRun, second: &ComparedRun) -> Option<f64> {
    let variance = |run: &ComparedRun| {
        let (correct, total) = (run.aggregates.correct as f64, run.aggregates.total as f64);
        let rate = correct / total;
        (total > 0.0).then_some(rate * (1.0 - rate) / total)
    };
    Some((variance(first)? + variance(second)?).sqrt())
}

/// Computes the standard error of the difference of two scores that sources publish: from the standard errors that they
/// give, or from their intervals as if these were normal.
fn given_error(first: &ComparedRun, second: &ComparedRun) -> Option<f64> {
    let error = |run: &ComparedRun| match run.aggregates.given? {
        GivenUncertainty::StandardError(error) => Some(error),
        GivenUncertainty::Interval(interval) => Some((interval.high - interval.low) / (2.0 * normal(0.0, 1.0).high)),
    };
    let (first, second) = (error(first)?, error(second)?);
    Some(first.hypot(second))
}

fn chance_in_attempts(first: &StandingRun, second: &StandingRun) -> Option<AttemptVariance> {
    let of = |standing: &StandingRun| attempt_variance(standing.pass_counts.as_deref().unwrap_or_default());
    let (first, second) = (of(first)?, of(second)?);
    Some(AttemptVariance { of_attempt: first.of_attempt + second.of_attempt, of_mean: first.of_mean + second.of_mean })
}
