//! How two models differ on the same tasks (the statistics are in `domain::statistics`).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::{Aggregates, Score};
use crate::domain::{
    RunId,
    benchmark::{BenchmarkVersion, Evidence, MOST_VALUES, Task},
    measure::Metric,
    statistics::{Difference, Discordant, Interval, holm, mcnemar, mover, newcombe, paired_difference},
    system::System,
    withheld_slices::{self, Values},
};

/// Fewest private tasks of a slice that is shown: a smaller one could reveal single tasks' results.
pub const LEAST_PRIVATE_TASKS: u32 = 10;

/// A run to be compared, with the score of each task.
#[derive(Clone, Debug)]
pub struct ComparedRun {
    /// System that the run is of.
    pub system: System,
    /// Name of the model for people.
    pub display_name: String,
    /// Id of the run.
    pub run_id: RunId,
    /// Aggregates over all tasks.
    pub aggregates: Aggregates,
    /// Each task's mean score, in the order of the version's tasks; `None` unless the evidence is results.
    pub scores: Option<Vec<f64>>,
}

/// How two models differ. Its adjusted p-value is Holm's over all comparisons that are read together.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Difference)]
pub struct Comparison {
    /// On all tasks.
    #[serde(flatten)]
    pub found: Found,
    /// Of the difference, from the differences task by task; null under 20 tasks or clusters, or where nothing is known
    /// task by task.
    #[schema(minimum = 0)]
    pub standard_error: Option<f64>,
    /// What the p-value is made with; `newcombe` and `mover` have none.
    pub method: Method,
    /// Of each scenario, language and difficulty; a dimension of more than 50 values is left out.
    pub slices: Vec<SliceFound>,
}

/// How the models differ on the tasks of a slice. Its adjusted p-value is Holm's over the slices of one comparison.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SliceDifference)]
pub struct SliceFound {
    /// What tells the slice's tasks from others.
    pub dimension: Dimension,
    /// What they have in common.
    #[schema(example = "python")]
    pub value: String,
    /// How they differ there.
    #[serde(flatten)]
    pub found: Found,
}

/// What tells the tasks of a slice from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SliceDimension)]
pub enum Dimension {
    /// What they are about.
    Scenario,
    /// In which language they are.
    Language,
    /// How hard they are.
    Difficulty,
}

impl Dimension {
    /// Returns the values of the slice that has this one, and every value of the other dimensions.
    fn values(self, value: &str) -> Values<'_> {
        match self {
            Self::Scenario => [value, "", ""],
            Self::Language => ["", value, ""],
            Self::Difficulty => ["", "", value],
        }
    }
}

/// A difference, a − b, with its 95 % interval where there is enough to tell one.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Distinct tasks.
    pub tasks: usize,
    /// The score of a less that of b.
    pub difference: f64,
    /// Where the 95 % interval begins; null under 20 tasks or clusters, or where a source gives no interval.
    pub low: Option<f64>,
    /// Where it ends.
    pub high: Option<f64>,
    /// Of the test of no difference, two-sided.
    #[schema(minimum = 0, maximum = 1)]
    pub p_value: Option<f64>,
    /// The same, adjusted after Holm for the tests that are read together.
    #[schema(minimum = 0, maximum = 1)]
    pub p_value_adjusted: Option<f64>,
    /// Null where tasks are not just passed or failed, or are not known.
    pub discordant: Option<Discordant>,
}

/// What the p-value, or where there is none the interval, is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ComparisonMethod)]
pub enum Method {
    /// The exact test of the tasks that one passed and the other did not.
    Mcnemar,
    /// The t test of the differences task by task, or cluster by cluster.
    PairedT,
    /// Two pass rates of which nothing is known but the counts.
    Newcombe,
    /// Two scores of which nothing is known but the intervals that their sources give (Zou and Donner 2008).
    Mover,
}

impl Dimension {
    /// Returns the name of the dimension on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Language => "language",
            Self::Difficulty => "difficulty",
        }
    }
}

/// Why two models cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareError {
    /// The tasks are private, and a copy of somebody else's data does not have them.
    PrivateTasks,
    /// What is stored of a run does not fit its version.
    Inconsistent(&'static str),
}

/// Compares two runs of a version, of which `a` is the first.
///
/// # Errors
/// A [`CompareError`] where the tasks are unknown or a run does not fit them.
pub fn compare(version: &BenchmarkVersion, a: &ComparedRun, b: &ComparedRun) -> Result<Comparison, CompareError> {
    if version.evidence == Evidence::Score {
        return Ok(of_given_scores(version, a, b));
    }
    let (Some(of_a), Some(of_b)) = (&a.scores, &b.scores) else {
        let counts = |run: &ComparedRun| (run.aggregates.correct, run.aggregates.total);
        let Difference { difference, interval } =
            newcombe(counts(a), counts(b)).ok_or(CompareError::Inconsistent("a run without counts"))?;
        let found = Found {
            tasks: usize::try_from(version.task_count).unwrap_or(usize::MAX),
            difference,
            low: Some(interval.low),
            high: Some(interval.high),
            p_value: None,
            p_value_adjusted: None,
            discordant: None,
        };
        return Ok(Comparison { found, standard_error: None, method: Method::Newcombe, slices: Vec::new() });
    };
    if version.private_tasks && version.tasks.is_empty() {
        return Err(CompareError::PrivateTasks);
    }
    if of_a.len() != version.tasks.len() || of_b.len() != version.tasks.len() {
        return Err(CompareError::Inconsistent("scores that do not fit the tasks"));
    }
    let pairs = version.tasks.iter().zip(of_a).zip(of_b).map(|((task, a), b)| Pair { task, a: *a, b: *b });
    let pairs = pairs.collect::<Vec<_>>();
    let is_passed_or_not = version.measure.metric == Metric::PassRate && pairs.iter().all(Pair::is_passed_or_not);
    // The exact test takes every task to be independent of the others.
    let method = if is_passed_or_not && !has_clusters(&version.tasks) { Method::Mcnemar } else { Method::PairedT };
    let whole = pairs.iter().collect::<Vec<_>>();
    let most = version.measure.bounds.width();
    let (found, standard_error) = Found::of(&whole, method, is_passed_or_not, most);
    let least = if version.private_tasks { LEAST_PRIVATE_TASKS } else { 1 };
    let slices = slices(&pairs);
    let withheld = withheld(&slices, pairs.len(), least);
    let mut slices = slices
        .into_iter()
        .filter(|(dimension, value, _)| !withheld.contains(&dimension.values(value)))
        .map(|(dimension, value, pairs)| {
            let (found, _) = Found::of(&pairs, method, is_passed_or_not, most);
            SliceFound { dimension, value: value.to_owned(), found }
        })
        .collect::<Vec<_>>();
    adjust(slices.iter_mut().map(|slice| &mut slice.found));
    Ok(Comparison { found, standard_error, method, slices })
}

/// Compares two scores that sources publish, of which nothing is known task by task.
fn of_given_scores(version: &BenchmarkVersion, a: &ComparedRun, b: &ComparedRun) -> Comparison {
    let given = |run: &ComparedRun| {
        let Score { score, interval, .. } = Score::of(&version.measure, &run.aggregates);
        (score, interval)
    };
    let ((of_a, interval_of_a), (of_b, interval_of_b)) = (given(a), given(b));
    let most = version.measure.bounds.width();
    let interval = interval_of_a.zip(interval_of_b);
    let interval = interval.map(|(one, other)| mover((of_a, one), (of_b, other)).interval.within(-most, most));
    let found = Found {
        tasks: usize::try_from(version.task_count).unwrap_or(usize::MAX),
        difference: of_a - of_b,
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        p_value: None,
        p_value_adjusted: None,
        discordant: None,
    };
    Comparison { found, standard_error: None, method: Method::Mover, slices: Vec::new() }
}

/// A task, and what both models scored on it.
struct Pair<'a> {
    task: &'a Task,
    a: f64,
    b: f64,
}

impl Pair<'_> {
    fn is_passed_or_not(&self) -> bool {
        [self.a, self.b].iter().all(|score| *score == 0.0 || *score == 1.0)
    }
}

/// Checks whether any two tasks are in one cluster.
fn has_clusters(tasks: &[Task]) -> bool {
    let mut named = tasks.iter().filter_map(|task| task.cluster.as_deref()).collect::<Vec<_>>();
    named.sort_unstable();
    named.windows(2).any(|pair| pair.first() == pair.last())
}

/// Groups the tasks by each value of each dimension, in order; a dimension of more than [`MOST_VALUES`] is left out.
fn withheld<'a>(slices: &[PairSlice<'a>], all: usize, least: u32) -> BTreeSet<Values<'a>> {
    let size = |pairs: usize| u32::try_from(pairs).unwrap_or(u32::MAX);
    let whole = ([""; 3], size(all));
    let sizes = slices.iter().map(|(dimension, value, pairs)| (dimension.values(value), size(pairs.len())));
    withheld_slices::withheld(&sizes.chain([whole]).collect(), least)
}

/// A dimension, its value, and the tasks that have it.
type PairSlice<'a> = (Dimension, &'a str, Vec<&'a Pair<'a>>);

fn slices<'a>(pairs: &'a [Pair<'a>]) -> Vec<PairSlice<'a>> {
    type Value = fn(&Task) -> Option<&str>;
    let dimensions: [(Dimension, Value); 3] = [
        (Dimension::Scenario, |task| task.scenario.as_deref()),
        (Dimension::Language, |task| task.language.as_deref()),
        (Dimension::Difficulty, |task| task.difficulty.as_deref()),
    ];
    let of_dimension = |(dimension, value): (Dimension, Value)| {
        let mut values = BTreeMap::<&str, Vec<&Pair<'_>>>::new();
        for pair in pairs {
            if let Some(value) = value(pair.task) {
                values.entry(value).or_default().push(pair);
            }
        }
        let shown = values.len() <= MOST_VALUES;
        values.into_iter().filter(move |_| shown).map(move |(value, pairs)| (dimension, value, pairs))
    };
    dimensions.into_iter().flat_map(of_dimension).collect()
}

impl Found {
    /// Computes how the models differ on these tasks, and the standard error. No difference is larger than `most`.
    #[expect(clippy::cast_precision_loss, reason = "there are not so many tasks")]
    fn of(pairs: &[&Pair<'_>], method: Method, is_passed_or_not: bool, most: f64) -> (Self, Option<f64>) {
        let mut clusters = BTreeMap::<(Option<&str>, usize), Vec<f64>>::new();
        for (index, pair) in pairs.iter().enumerate() {
            // A task without a cluster is one of its own.
            let cluster = pair.task.cluster.as_deref();
            let alone = if cluster.is_none() { index } else { 0 };
            clusters.entry((cluster, alone)).or_default().push(pair.a - pair.b);
        }
        let clusters = clusters.into_values().collect::<Vec<_>>();
        let paired = paired_difference(&clusters);
        let interval = paired.and_then(|paired| paired.interval).map(|interval| interval.within(-most, most));
        let count = |passed: fn(&Pair<'_>) -> bool| pairs.iter().filter(|pair| passed(pair)).count() as u64;
        let discordant = is_passed_or_not
            .then(|| Discordant { a_only: count(|pair| pair.a > pair.b), b_only: count(|pair| pair.a < pair.b) });
        let p_value = match (method, discordant) {
            (Method::Mcnemar, Some(discordant)) => Some(mcnemar(discordant)),
            _ => paired.and_then(|paired| paired.p_value),
        };
        let sum = clusters.iter().flatten().sum::<f64>();
        let found = Self {
            tasks: pairs.len(),
            difference: sum / pairs.len().max(1) as f64,
            low: interval.map(|Interval { low, .. }| low),
            high: interval.map(|Interval { high, .. }| high),
            p_value,
            p_value_adjusted: None,
            discordant,
        };
        (found, paired.filter(|_| interval.is_some()).map(|paired| paired.standard_error))
    }
}

/// Sets the adjusted p-value (Holm) of each difference, over all that are read together.
pub fn adjust<'a>(found: impl Iterator<Item = &'a mut Found>) {
    let found = found.collect::<Vec<_>>();
    let adjusted = holm(&found.iter().map(|found| found.p_value).collect::<Vec<_>>());
    for (found, adjusted) in found.into_iter().zip(adjusted) {
        found.p_value_adjusted = adjusted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        leaderboard::GivenUncertainty,
        measure::{Bounds, Measure},
    };

    fn task(index: usize, language: Option<&str>, cluster: Option<String>) -> Task {
        Task {
            id: format!("t{index}"),
            scenario: None,
            language: language.map(str::to_owned),
            difficulty: None,
            cluster,
        }
    }

    fn version(metric: Metric, tasks: Vec<Task>) -> BenchmarkVersion {
        BenchmarkVersion {
            benchmark: "b".into(),
            version: "1".into(),
            title: "B".to_owned(),
            description: None,
            measure: Measure::plain(metric),
            chance_level: None,
            evidence: Evidence::Results,
            task_count: 225,
            attempts_per_task: 1,
            private_tasks: false,
            tasks_published_on: None,
            parts: None,
            part_of: None,
            whole_task_count: None,
            other_scoring_of: None,
            homepage: None,
            licence: None,
            citation: None,
            conditions: None,
            tasks,
        }
    }

    fn run(scores: Option<Vec<f64>>, correct: u64, total: u64) -> ComparedRun {
        let aggregates = Aggregates {
            tasks: total,
            clusters: total,
            correct,
            total,
            score: correct as f64 / total as f64,
            squares: 0.0,
            cost_usd: None,
            p50_ms: None,
            p95_ms: None,
            given: None,
        };
        let system = System { model: "".into(), id: "".into(), agent: None, configuration: None };
        ComparedRun { system, display_name: String::new(), run_id: "".into(), aggregates, scores }
    }

    /// Returns the scores of two runs on 100 tasks: both pass 30, neither 2, the first alone 37, the second alone 31.
    fn passes() -> (Vec<f64>, Vec<f64>) {
        let scores = |passed: fn(&u32) -> bool| (0..100).map(|task| f64::from(u8::from(passed(&task)))).collect();
        (scores(|task| *task < 67), scores(|task| *task < 30 || (67..98).contains(task)))
    }

    #[test]
    fn passes_are_compared_by_the_exact_test() {
        let (a, b) = passes();
        let tasks = (0..100).map(|task_index| task(task_index, (task_index < 67).then_some("rust"), None)).collect();
        let against =
            compare(&version(Metric::PassRate, tasks), &run(Some(a), 67, 100), &run(Some(b), 61, 100)).unwrap();
        assert_eq!(against.method, Method::Mcnemar);
        let found = &against.found;
        let discordant = found.discordant.unwrap();
        assert_eq!((discordant.a_only, discordant.b_only), (37, 31));
        assert!((found.p_value.unwrap() - 0.544_612).abs() < 5e-7 && found.p_value_adjusted.is_none());
        assert!((found.difference - 0.06).abs() < 1e-12);
        // numpy.std(differences, ddof=1) / 10, and scipy.stats.t.ppf(.975, 99) of it on either side.
        assert!((against.standard_error.unwrap() - 0.082_657_868_5).abs() < 1e-9, "{against:?}");
        assert!((found.low.unwrap() + 0.104_011_144).abs() < 1e-8, "{against:?}");
        assert!((found.high.unwrap() - 0.224_011_144).abs() < 1e-8, "{against:?}");
        let [rust] = against.slices.as_slice() else { panic!("{:?}", against.slices) };
        assert_eq!((rust.dimension, rust.value.as_str(), rust.found.tasks), (Dimension::Language, "rust", 67));
        assert_eq!(rust.found.p_value_adjusted, rust.found.p_value, "the only slice");
    }

    #[test]
    fn passes_in_clusters_are_not_independent() {
        let (a, b) = passes();
        let tasks = (0..100).map(|index| task(index, None, Some(format!("c{}", index / 2)))).collect();
        let against =
            compare(&version(Metric::PassRate, tasks), &run(Some(a.clone()), 67, 100), &run(Some(b.clone()), 61, 100));
        let against = against.unwrap();
        assert_eq!(against.method, Method::PairedT);
        assert!(against.found.discordant.is_some());
        let clusters =
            a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>().chunks(2).map(<[f64]>::to_vec).collect::<Vec<_>>();
        let expected = paired_difference(&clusters).unwrap();
        assert!((against.standard_error.unwrap() - expected.standard_error).abs() < 1e-12);
        // A cluster of one is a task that stands alone.
        let alone = (0..100).map(|index| task(index, None, Some(format!("c{index}")))).collect::<Vec<_>>();
        let against =
            compare(&version(Metric::PassRate, alone), &run(Some(a), 67, 100), &run(Some(b), 61, 100)).unwrap();
        assert_eq!(against.method, Method::Mcnemar);
    }

    #[test]
    fn slices_are_adjusted_together_and_short_ones_have_no_interval() {
        let languages = ["go", "rust"];
        let tasks = (0..40).map(|index| task(index, languages.get(index / 30).copied(), None)).collect();
        let a = (0..40_u32).map(|index| f64::from(index % 5) / 4.0).collect();
        let b = (0..40_u32).map(|index| f64::from(index % 3) / 4.0).collect();
        let against = compare(&version(Metric::Score, tasks), &run(Some(a), 0, 40), &run(Some(b), 0, 40)).unwrap();
        assert_eq!((against.method, against.slices.len()), (Method::PairedT, 2));
        let [go, rust] = against.slices.as_slice() else { panic!("{:?}", against.slices) };
        assert!(go.found.low.is_some() && go.found.p_value.is_some() && go.found.discordant.is_none());
        assert!(rust.found.tasks == 10 && rust.found.low.is_none() && rust.found.p_value.is_none());
        assert_eq!(go.found.p_value_adjusted, go.found.p_value, "the other was not tested");
    }

    #[test]
    fn counts_alone_have_newcombes_interval() {
        let against = compare(&version(Metric::PassRate, Vec::new()), &run(None, 56, 70), &run(None, 48, 80)).unwrap();
        assert_eq!((against.method, against.found.tasks), (Method::Newcombe, 225));
        assert!((against.found.low.unwrap() - 0.052_431).abs() < 5e-7);
        assert!(against.found.p_value.is_none() && against.slices.is_empty());
    }

    #[test]
    fn given_scores_differ_by_their_intervals() {
        let elo = Measure { bounds: Bounds { lower: None, upper: None }, ..Measure::plain(Metric::Score) };
        let version =
            BenchmarkVersion { evidence: Evidence::Score, measure: elo, ..version(Metric::Score, Vec::new()) };
        let of = |score: f64, given| {
            let run = run(None, 0, 0);
            ComparedRun { aggregates: Aggregates { score, clusters: 0, given, ..run.aggregates }, ..run }
        };
        let error = |error| Some(GivenUncertainty::StandardError(error));
        let against = compare(&version, &of(1287.0, error(3.0)), &of(1250.0, error(4.0))).unwrap();
        assert_eq!((against.method, against.found.difference), (Method::Mover, 37.0));
        assert!((against.found.low.unwrap() - (37.0 - 9.799_819_923)).abs() < 1e-6, "{:?}", against.found);
        assert_eq!(compare(&version, &of(1.0, None), &of(2.0, error(1.0))).unwrap().found.low, None);
    }

    #[test]
    fn differences_of_seconds_are_not_cut_at_one() {
        let seconds = Measure { bounds: Bounds { lower: Some(0.0), upper: None }, ..Measure::plain(Metric::Score) };
        let tasks = (0..20).map(|index| task(index, None, None)).collect();
        let version = BenchmarkVersion { measure: seconds, ..version(Metric::Score, tasks) };
        let a = (0..20).map(|task| 30.0 + f64::from(task % 2)).collect::<Vec<_>>();
        let against = compare(&version, &run(Some(a), 0, 20), &run(Some(vec![10.0; 20]), 0, 20)).unwrap();
        assert_eq!(against.found.difference, 20.5);
        assert!(against.found.low.unwrap() > 20.2 && against.found.high.unwrap() < 20.8, "{:?}", against.found);
    }
}
