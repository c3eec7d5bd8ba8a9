//! Aggregates that publishing keeps of a run's results: the score of each slice of its tasks, and each task's mean.
//!
//! They are computed here and not in SQL, because in a database with one writer everybody else's writes would wait
//! meanwhile, and because sums in a fixed order give the same digits on every host. What is kept is rounded all the
//! same: equal scores share a rank, whoever computed them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    statistics::significant,
    withheld_slices::{self, Values},
};

/// Decimals that are kept of shares and costs; of other scores, whose size is not known, as many significant digits.
const DECIMALS: usize = 12;

/// A task, and the slices that it belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlicedTask {
    /// Id of the task, unique within its version.
    pub id: String,
    /// Scenario, language and difficulty, where the task has them.
    pub dimensions: [Option<String>; 3],
    /// Cluster of the task; the scores of tasks in one cluster are not independent.
    pub cluster: Option<String>,
}

/// One attempt at a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attempt {
    /// Id of the task.
    pub task: String,
    /// Score of the attempt, within the version's bounds.
    pub score: f64,
    /// Number of samples that the attempt stands for, where there are several.
    pub samples: Option<i64>,
    /// Number of those samples that passed.
    pub correct: Option<i64>,
    /// Latency in milliseconds.
    pub latency_ms: Option<f64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Score of each part of a composite score, by the part's id.
    pub parts: BTreeMap<String, f64>,
}

/// The score of a slice, which is named by a value of each dimension; '' stands for every value.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// Scenario, language and difficulty of the slice.
    pub values: [String; 3],
    /// Number of distinct tasks.
    pub tasks: u32,
    /// Number of clusters of tasks; a task in no cluster is one of its own.
    pub clusters: u32,
    /// Number of passes.
    pub correct: i64,
    /// Number of attempts or samples.
    pub total: i64,
    /// Mean over tasks of each task's mean score.
    pub score: f64,
    /// Σ over clusters of (Σ over its tasks of (score − mean))².
    pub squares: f64,
    /// Sum of the known costs, in US dollars; `None` where no cost is known.
    pub cost_usd: Option<f64>,
    /// Number of attempts whose cost is not known.
    pub uncosted: u32,
    /// Median latency in milliseconds, interpolated as R's type 7.
    pub p50_ms: Option<f64>,
    /// 95th percentile of latency in milliseconds, interpolated as R's type 7.
    pub p95_ms: Option<f64>,
}

impl Slice {
    /// Checks whether the slice is that of all tasks.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.values.iter().all(String::is_empty)
    }
}

/// Aggregates that are kept of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunAggregates {
    /// Slices, that of all tasks first; then by their dimensions, and in the order of their values.
    pub slices: Vec<Slice>,
    /// Mean score of each task, in the tasks' order.
    pub scores: Vec<f64>,
    /// Tasks by their numbers of samples and of passes: `(samples, correct, tasks)`.
    pub pass_counts: Vec<(i64, i64, u32)>,
    /// Number of results that have a part of a composite score, and their mean, by the part's id.
    pub parts: BTreeMap<String, (u32, f64)>,
}

#[derive(Clone, Debug, Default)]
struct TaskSum {
    scores: Sum,
    attempts: u32,
    correct: i64,
    total: i64,
    cost: Option<Sum>,
    uncosted: u32,
    latencies: Vec<f64>,
}

impl TaskSum {
    fn mean(&self) -> f64 {
        self.scores.value() / f64::from(self.attempts.max(1))
    }
}

/// Sums over a run's attempts, which can be added in any pieces.
#[derive(Debug)]
pub struct RunSums<'a> {
    tasks: &'a [SlicedTask],
    is_share: bool,
    places: HashMap<&'a str, usize>,
    sums: Vec<TaskSum>,
    parts: BTreeMap<String, (u32, Sum)>,
}

impl<'a> RunSums<'a> {
    /// Creates empty sums for attempts at these tasks. Unless `is_share`, a score does not tell that a task was passed.
    #[must_use]
    pub fn new(tasks: &'a [SlicedTask], is_share: bool) -> Self {
        let places = tasks.iter().enumerate().map(|(place, task)| (task.id.as_str(), place)).collect();
        Self { tasks, is_share, places, sums: vec![TaskSum::default(); tasks.len()], parts: BTreeMap::new() }
    }

    /// Adds an attempt; one at a task that is not among the tasks is ignored.
    pub fn add(&mut self, attempt: &Attempt) {
        let Some(task) = self.places.get(attempt.task.as_str()).and_then(|place| self.sums.get_mut(*place)) else {
            return;
        };
        task.scores.add(attempt.score);
        task.attempts = task.attempts.saturating_add(1);
        let passed = attempt.correct.unwrap_or_else(|| i64::from(self.is_share && attempt.score >= 1.0));
        task.correct = task.correct.saturating_add(passed);
        task.total = task.total.saturating_add(attempt.samples.unwrap_or(1));
        match attempt.cost_usd {
            Some(cost) => task.cost.get_or_insert_default().add(cost),
            None => task.uncosted = task.uncosted.saturating_add(1),
        }
        task.latencies.extend(attempt.latency_ms);
        for (part, score) in &attempt.parts {
            let (given, sum) = self.parts.entry(part.clone()).or_default();
            *given = given.saturating_add(1);
            sum.add(*score);
        }
    }

    /// Returns the aggregates, without slices that tell of fewer than `least_tasks` tasks ([`withheld_slices`]); `None` unless
    /// there are tasks and each was tried `attempts` times.
    #[must_use]
    pub fn finish(self, attempts: u32, least_tasks: u32) -> Option<RunAggregates> {
        if self.tasks.is_empty() || self.sums.iter().any(|task| task.attempts != attempts) {
            return None;
        }
        let mut pass_counts = BTreeMap::<_, u32>::new();
        for task in &self.sums {
            let tasks = pass_counts.entry((task.total, task.correct)).or_default();
            *tasks = tasks.saturating_add(1);
        }
        let mean = |(given, sum): (u32, Sum)| (given, rounded(sum.value() / f64::from(given.max(1))));
        let round = if self.is_share { rounded } else { of_any_size };
        Some(RunAggregates {
            slices: slices(self.tasks, &self.sums, least_tasks, round),
            scores: self.sums.iter().map(|task| round(task.mean())).collect(),
            pass_counts: pass_counts.into_iter().map(|((total, correct), tasks)| (total, correct, tasks)).collect(),
            parts: self.parts.into_iter().map(|(part, sum)| (part, mean(sum))).collect(),
        })
    }
}

/// Ways to cut tasks into slices: which dimensions have a value of their own, while '' stands for all of the others.
const CUTS: [[bool; 3]; 8] = [
    [false, false, false],
    [true, false, false],
    [false, true, false],
    [false, false, true],
    [true, true, false],
    [true, false, true],
    [false, true, true],
    [true, true, true],
];

/// Returns the values that name a task's slice in a cut; `None` where the task lacks one of them.
fn values(dimensions: &[Option<String>; 3], cut: [bool; 3]) -> Option<[&str; 3]> {
    let mut values = [""; 3];
    for ((value, dimension), told) in values.iter_mut().zip(dimensions).zip(cut) {
        if told {
            *value = dimension.as_deref()?;
        }
    }
    Some(values)
}

/// Counts the slices that these tasks make.
#[must_use]
pub fn count_slices<'a>(tasks: impl Iterator<Item = &'a [Option<String>; 3]> + Clone) -> usize {
    let of_cut = |cut| {
        let distinct: std::collections::HashSet<_> = tasks.clone().filter_map(|task| values(task, cut)).collect();
        distinct.len()
    };
    CUTS.into_iter().map(of_cut).sum()
}

fn slices(tasks: &[SlicedTask], sums: &[TaskSum], least_tasks: u32, round: fn(f64) -> f64) -> Vec<Slice> {
    let mut told = Vec::new();
    let withheld = withheld(tasks, least_tasks);
    // One cut at a time: each task is in one slice of it, so there is never more than one copy of what was added.
    for cut in CUTS {
        let mut members = BTreeMap::<_, Vec<(&SlicedTask, &TaskSum)>>::new();
        for (task, sum) in tasks.iter().zip(sums) {
            if let Some(values) = values(&task.dimensions, cut) {
                members.entry(values).or_default().push((task, sum));
            }
        }
        let members = members.into_iter().filter(|(values, _)| !withheld.contains(values));
        told.extend(members.map(|(values, members)| slice(values.map(str::to_owned), &members, round)));
    }
    told
}

fn withheld(tasks: &[SlicedTask], least_tasks: u32) -> BTreeSet<Values<'_>> {
    let mut sizes = BTreeMap::<_, u32>::new();
    for values in tasks.iter().flat_map(|task| CUTS.iter().filter_map(|cut| values(&task.dimensions, *cut))) {
        let size = sizes.entry(values).or_default();
        *size = size.saturating_add(1);
    }
    withheld_slices::withheld(&sizes, least_tasks)
}

fn slice(values: [String; 3], members: &[(&SlicedTask, &TaskSum)], round: fn(f64) -> f64) -> Slice {
    let tasks = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let mut whole = Sum::default();
    // A task without a cluster is one of its own.
    let mut clusters = BTreeMap::<(Option<&str>, &str), (Sum, u32)>::new();
    let (mut correct, mut total, mut cost, mut uncosted) = (0_i64, 0_i64, None::<Sum>, 0_u32);
    let mut latencies = Vec::new();
    for (task, sum) in members {
        let mean = sum.mean();
        whole.add(mean);
        let cluster = task.cluster.as_deref();
        let alone = if cluster.is_none() { task.id.as_str() } else { "" };
        let (scores, count) = clusters.entry((cluster, alone)).or_default();
        scores.add(mean);
        *count = count.saturating_add(1);
        correct = correct.saturating_add(sum.correct);
        total = total.saturating_add(sum.total);
        if let Some(known) = sum.cost {
            cost.get_or_insert_default().add(known.value());
        }
        uncosted = uncosted.saturating_add(sum.uncosted);
        latencies.extend_from_slice(&sum.latencies);
    }
    let mean = whole.value() / f64::from(tasks.max(1));
    let mut squares = Sum::default();
    for (scores, count) in clusters.values() {
        let distance = scores.value() - f64::from(*count) * mean;
        squares.add(distance * distance);
    }
    latencies.sort_unstable_by(f64::total_cmp);
    Slice {
        values,
        tasks,
        clusters: u32::try_from(clusters.len()).unwrap_or(u32::MAX),
        correct,
        total,
        score: round(mean),
        squares: round(squares.value()),
        cost_usd: cost.map(|cost| rounded(cost.value())),
        uncosted,
        p50_ms: percentile(&latencies, 50),
        p95_ms: percentile(&latencies, 95),
    }
}

/// Returns a percentile of sorted values, interpolated between the two values around it (R's type 7).
#[expect(clippy::cast_precision_loss, reason = "a remainder of 100")]
fn percentile(ordered: &[f64], percent: usize) -> Option<f64> {
    let hundredths = ordered.len().checked_sub(1)?.saturating_mul(percent);
    let (place, rest) = (hundredths / 100, hundredths % 100);
    let below = *ordered.get(place)?;
    let above = ordered.get(place.saturating_add(1)).copied().unwrap_or(below);
    Some(below + (above - below) * (rest as f64 / 100.0))
}

fn rounded(number: f64) -> f64 {
    unsigned_zero(format!("{number:.DECIMALS$}").parse().unwrap_or(number))
}

fn of_any_size(number: f64) -> f64 {
    unsigned_zero(significant(number))
}

fn unsigned_zero(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number }
}

/// A sum that does not lose small numbers to large ones (Neumaier 1974), like SQLite's.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, number: f64) {
        let sum = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() { (self.sum - sum) + number } else { (number - sum) + self.sum };
        self.sum = sum;
    }

    fn value(&self) -> f64 {
        self.sum + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, dimensions: [Option<&str>; 3], cluster: Option<&str>) -> SlicedTask {
        let dimensions = dimensions.map(|value| value.map(str::to_owned));
        SlicedTask { id: id.to_owned(), dimensions, cluster: cluster.map(str::to_owned) }
    }

    fn attempt(task: &str, score: f64, latency_ms: f64, cost_usd: Option<f64>) -> Attempt {
        Attempt { task: task.to_owned(), score, latency_ms: Some(latency_ms), cost_usd, ..Attempt::default() }
    }

    #[test]
    fn every_slice_of_two_attempts_at_three_tasks() {
        let tasks = [
            task("a", [Some("edit"), Some("go"), None], Some("x")),
            task("b", [Some("edit"), None, None], Some("x")),
            task("c", [Some("fix"), Some("go"), None], None),
        ];
        let mut sums = RunSums::new(&tasks, true);
        for (id, first, second) in [("a", 1.0, 0.0), ("b", 1.0, 1.0), ("c", 0.0, 0.0)] {
            sums.add(&attempt(id, first, 10.0, Some(0.1)));
            sums.add(&attempt(id, second, 30.0, (id != "c").then_some(0.2)));
        }
        let kept = sums.finish(2, 1).unwrap();
        let named = kept.slices.iter().map(|slice| slice.values.each_ref().map(String::as_str)).collect::<Vec<_>>();
        let expected =
            [["", "", ""], ["edit", "", ""], ["fix", "", ""], ["", "go", ""], ["edit", "go", ""], ["fix", "go", ""]];
        assert_eq!(named, expected);
        assert_eq!(count_slices(tasks.iter().map(|task| &task.dimensions)), expected.len());
        let [whole, edit, ..] = kept.slices.as_slice() else { panic!() };
        assert_eq!((whole.tasks, whole.clusters, whole.correct, whole.total), (3, 2, 3, 6));
        assert_eq!((whole.score, whole.squares), (0.5, 0.5), "(1.5 − 2 × 0.5)² + (0 − 0.5)²");
        assert_eq!((whole.cost_usd, whole.uncosted), (Some(0.7), 1));
        assert_eq!((whole.p50_ms, whole.p95_ms), (Some(20.0), Some(30.0)));
        assert_eq!((edit.tasks, edit.clusters, edit.score), (2, 1, 0.75));
        assert_eq!(kept.scores, [0.5, 1.0, 0.0]);
        assert_eq!(kept.pass_counts, [(2, 0, 1), (2, 1, 1), (2, 2, 1)]);
    }

    #[test]
    fn small_scores_that_are_no_shares_keep_their_size() {
        let tasks = [task("a", [None, None, None], None), task("b", [None, None, None], None)];
        let of = |is_share| {
            let mut sums = RunSums::new(&tasks, is_share);
            sums.add(&attempt("a", 1e-8, 1.0, None));
            sums.add(&attempt("b", 3e-8, 1.0, None));
            let kept = sums.finish(1, 1).unwrap();
            (kept.scores, kept.slices[0].score, kept.slices[0].squares)
        };
        assert_eq!(of(false), (vec![1e-8, 3e-8], 2e-8, 2e-16), "or the interval would have no width");
        assert_eq!(of(true), (vec![1e-8, 3e-8], 2e-8, 0.0));
    }

    #[test]
    fn what_is_not_complete_is_not_kept() {
        let tasks = [task("a", [None, None, None], None), task("b", [None, None, None], None)];
        let of = |attempts: &[(&str, f64)]| {
            let mut sums = RunSums::new(&tasks, true);
            attempts.iter().for_each(|(id, score)| sums.add(&attempt(id, *score, 1.0, None)));
            sums.finish(1, 1).map(|kept| kept.scores)
        };
        assert_eq!(of(&[("a", 1.0), ("b", 1.0 / 3.0)]), Some(vec![1.0, 0.333_333_333_333]));
        assert_eq!(of(&[("a", 1.0)]), None);
        assert_eq!(of(&[("a", 1.0), ("a", 1.0), ("b", 1.0)]), None);
        assert_eq!(RunSums::new(&[], true).finish(1, 1), None, "nobody can answer tasks that are not known");
    }

    #[test]
    fn small_slices_of_private_tasks_are_left_out() {
        let scenario = |n: usize| match n {
            0..10 => "most of the rest",
            10..22 => "many",
            _ => "few",
        };
        let tasks = (0..24).map(|n| task(&n.to_string(), [Some(scenario(n)), None, None], None));
        let tasks = tasks.collect::<Vec<_>>();
        let mut sums = RunSums::new(&tasks, true);
        tasks.iter().for_each(|task| sums.add(&attempt(&task.id, 1.0, 1.0, None)));
        let kept = sums.finish(1, 10).unwrap();
        let scenarios = kept.slices.iter().map(|slice| slice.values[0].as_str()).collect::<Vec<_>>();
        assert_eq!(scenarios, ["", "many"]);
    }

    #[test]
    fn percentiles_are_those_of_r_type_7() {
        // quantile(c(1, 2, 4, 8), c(.5, .95))
        assert_eq!(percentile(&[1.0, 2.0, 4.0, 8.0], 50), Some(3.0));
        assert!((percentile(&[1.0, 2.0, 4.0, 8.0], 95).unwrap() - 7.4).abs() < 1e-12);
        assert_eq!((percentile(&[5.0], 95), percentile(&[], 50)), (Some(5.0), None));
    }

    #[test]
    fn a_sum_does_not_forget_the_small() {
        let mut sum = Sum::default();
        for number in [1.0, 1e100, 1.0, -1e100] {
            sum.add(number);
        }
        assert_eq!(sum.value(), 2.0);
    }
}
