//! From entries to ranked rows (statistics: `domain::statistics`).

use serde::Serialize;

use crate::{
    app::App,
    domain::{
        RunId,
        benchmark::{Evidence, Metric},
        evaluator::EvaluatorRelationship,
        statistics::{Interval, MINIMUM_CLUSTERS, normal, pareto_front, rank_ranges, ranks, tie_groups, wilson},
    },
    http::{moderation::refuse_hidden, problem::ApiError},
    ports::Timestamp,
    store::{
        leaderboard::{self as store, Entry, Scope},
        runs::Aggregates,
    },
};

/// A score with its 95 % interval, where there is enough to tell one.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// 0 to 1.
    pub score: f64,
    /// 95 %.
    pub interval: Option<Interval>,
}

impl Score {
    /// A pass rate of one try a task has Wilson's interval; anything else is a mean over tasks, whose attempts, and the
    /// tasks of a cluster, belong together.
    #[expect(clippy::cast_precision_loss, reason = "counts are within 2⁵³")]
    pub fn of(metric: Metric, of: &Aggregates) -> Self {
        if metric == Metric::PassRate && of.total == of.tasks && of.clusters == of.tasks {
            return Self { score: of.score, interval: wilson(of.correct, of.total) };
        }
        let score = of.score.clamp(0.0, 1.0);
        let enough = usize::try_from(of.clusters).is_ok_and(|clusters| clusters >= MINIMUM_CLUSTERS);
        let clusters = of.clusters as f64;
        let error = of.squares.max(0.0).sqrt() / of.tasks as f64 * (clusters / (clusters - 1.0)).sqrt();
        // Where all failed, or all passed, the normal interval has no width; how many clusters there were still tells.
        let interval = match score {
            0.0 => wilson(0, of.clusters),
            1.0 => wilson(of.clusters, of.clusters),
            _ => Some(normal(score, error).within(0.0, 1.0)),
        };
        Self { score, interval: interval.filter(|_| enough) }
    }
}

/// One row of the leaderboard.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowBody {
    pub rank: usize,
    pub rank_low: usize,
    pub rank_high: usize,
    pub tie_group: usize,
    pub model: String,
    pub display_name: String,
    pub score: f64,
    pub score_low: Option<f64>,
    pub score_high: Option<f64>,
    pub correct: u64,
    pub total: u64,
    pub cost_usd: Option<f64>,
    pub cost_usd_per_task: Option<f64>,
    #[serde(rename = "latencyMsP50")]
    pub latency_ms_p50: Option<f64>,
    #[serde(rename = "latencyMsP95")]
    pub latency_ms_p95: Option<f64>,
    pub pareto_optimal: Option<bool>,
    pub run_id: RunId,
    pub published_at: Timestamp,
    pub evaluator_relationship: EvaluatorRelationship,
    pub flags: Vec<&'static str>,
}

/// A whole leaderboard, best first.
pub struct Board {
    /// Which one.
    pub scope: Scope,
    /// Ranked.
    pub rows: Vec<RowBody>,
}

/// Which leaderboard is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    pub benchmark: Option<&'a str>,
    pub version: Option<&'a str>,
    pub snapshot: Option<&'a str>,
}

impl Wanted<'_> {
    /// The leaderboard meant: of the newest snapshot unless another is named.
    ///
    /// # Errors
    /// `hidden` where an administrator hid the benchmark.
    pub async fn find(self, app: &App) -> Result<Option<Scope>, ApiError> {
        let scope = match self.snapshot {
            Some(snapshot) => store::scope_of_snapshot(snapshot, self.benchmark, self.version),
            None => store::scope(self.benchmark, self.version),
        };
        let scope = scope.run(app.database()).await?;
        refuse_hidden("benchmark", scope.as_ref().and_then(|scope| scope.hidden_reason.clone()))?;
        Ok(scope)
    }
}

impl Board {
    /// Reads and ranks the entries of a slice: scenario, language, difficulty.
    pub async fn read(app: &App, scope: Scope, slice: [Option<&str>; 3]) -> Result<Self, ApiError> {
        let Some(snapshot) = &scope.snapshot else { return Ok(Self { scope, rows: Vec::new() }) };
        let entries = store::entries(&scope, snapshot, slice).run(app.database()).await?;
        let rows = rank(&scope, entries);
        Ok(Self { scope, rows })
    }
}

fn rank(scope: &Scope, entries: Vec<Entry>) -> Vec<RowBody> {
    let scores = entries.iter().map(|entry| Score::of(scope.metric, &entry.aggregates)).collect::<Vec<_>>();
    // Where no interval can be told, any score is possible.
    let unknown = Interval { low: 0.0, high: 1.0 };
    let intervals = scores.iter().map(|score| score.interval.unwrap_or(unknown)).collect::<Vec<_>>();
    let ranges = rank_ranges(&intervals);
    let ranks = ranks(&scores.iter().map(|score| score.score).collect::<Vec<_>>());
    let costs = scores.iter().zip(&entries).map(|(score, entry)| (score.score, known_cost(&entry.aggregates)));
    let pareto = pareto_front(&costs.collect::<Vec<_>>());
    let ties = tie_groups(&ranges);

    let places = ranks.into_iter().zip(ranges).zip(ties).zip(pareto);
    let mut rows = entries
        .into_iter()
        .zip(scores)
        .zip(places)
        .map(|((entry, score), (((rank, range), tie_group), pareto_optimal))| {
            let cost_usd = known_cost(&entry.aggregates);
            #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
            let cost_usd_per_task = cost_usd.map(|cost| cost / entry.aggregates.tasks.max(1) as f64);
            RowBody {
                rank,
                rank_low: range.low,
                rank_high: range.high,
                tie_group,
                flags: flags(scope, &entry, cost_usd),
                model: entry.model,
                score: score.score,
                score_low: score.interval.map(|interval| interval.low),
                score_high: score.interval.map(|interval| interval.high),
                correct: entry.aggregates.correct,
                total: entry.aggregates.total,
                cost_usd,
                cost_usd_per_task,
                latency_ms_p50: entry.aggregates.p50_ms,
                latency_ms_p95: entry.aggregates.p95_ms,
                pareto_optimal,
                run_id: entry.run_id,
                published_at: entry.published_at,
                evaluator_relationship: entry.evaluator_relationship,
                display_name: entry.display_name,
            }
        })
        .collect::<Vec<_>>();
    rows.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.model.cmp(&b.model)));
    rows
}

/// Zero is no price: a local model, or nobody counted.
pub fn known_cost(aggregates: &Aggregates) -> Option<f64> {
    aggregates.cost_usd.filter(|cost| *cost > 0.0)
}

fn flags(scope: &Scope, entry: &Entry, cost: Option<f64>) -> Vec<&'static str> {
    let flags = [
        (cost.is_none(), "missing_cost"),
        (entry.evaluator_relationship == EvaluatorRelationship::SelfReported, "self_reported"),
        (scope.evidence == Evidence::Counts, "counts_only"),
        (entry.dirty, "dirty_harness"),
        (entry.contaminated, "contamination"),
        (entry.attempts_policy.as_deref().is_some_and(is_best_of_several), "best_of_n"),
    ];
    flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect()
}

/// Whether a policy says that the best of several attempts counts: `best_of_n`, `Best-of-5`, `best of 3 runs`.
fn is_best_of_several(policy: &str) -> bool {
    let words = policy.to_lowercase().replace(['-', '_'], " ");
    let number = words.strip_prefix("best of ").and_then(|rest| rest.split_whitespace().next());
    number.is_some_and(|number| number != "1" && number != "one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::statistics::clustered_mean;

    fn aggregates(scores: &[f64], correct: u64, total: u64) -> Aggregates {
        let (tasks, mean) = (scores.len() as u64, scores.iter().sum::<f64>() / scores.len() as f64);
        let squares = scores.iter().map(|score| (score - mean).powi(2)).sum();
        let unknown = None;
        Aggregates {
            tasks,
            clusters: tasks,
            correct,
            total,
            score: mean,
            squares,
            cost_usd: None,
            p50_ms: unknown,
            p95_ms: unknown,
        }
    }

    #[test]
    fn one_try_a_task_is_wilsons() {
        let scores = (0..225).map(|task| f64::from(u8::from(task < 198))).collect::<Vec<_>>();
        let score = Score::of(Metric::PassRate, &aggregates(&scores, 198, 225));
        let interval = score.interval.unwrap();
        assert!((score.score - 0.88).abs() < 1e-12);
        assert!((interval.low - 0.831_038).abs() < 1e-6 && (interval.high - 0.916_205).abs() < 1e-6);
    }

    #[test]
    fn several_tries_are_clustered_by_task() {
        // What publishing keeps comes to the same as all the scores: a task is a cluster of its tries.
        let tries = (0..25).map(|task| [f64::from(task % 2), f64::from(task % 3 / 2)]).collect::<Vec<_>>();
        let clustered = clustered_mean(&tries).unwrap();
        let means = tries.iter().map(|tries| (tries[0] + tries[1]) / 2.0).collect::<Vec<_>>();
        let score = Score::of(Metric::PassRate, &aggregates(&means, 0, 50));
        let (interval, expected) = (score.interval.unwrap(), normal(clustered.mean, clustered.standard_error));
        assert!((score.score - clustered.mean).abs() < 1e-12);
        assert!((interval.low - expected.low).abs() < 1e-12 && (interval.high - expected.high).abs() < 1e-12);
        assert!(Score::of(Metric::Score, &aggregates(&[0.5; 19], 0, 19)).interval.is_none(), "too few to tell");
    }

    #[test]
    fn policies_that_choose_the_best_are_known() {
        for policy in ["best_of_n", "Best-of-5", "best of 3 runs"] {
            assert!(is_best_of_several(policy), "{policy}");
        }
        for policy in ["best_of_1", "single attempt", "mean of 5", "the best of us"] {
            assert!(!is_best_of_several(policy), "{policy}");
        }
    }
}
