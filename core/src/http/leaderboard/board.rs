//! From entries to ranked rows (statistics: `domain::statistics`).

use serde::Serialize;

use crate::{
    app::App,
    domain::statistics::{Interval, MINIMUM_CLUSTERS, normal, pareto_front, rank_ranges, ranks, tie_groups, wilson},
    http::problem::ApiError,
    ports::{Statement, Timestamp},
    store::{
        leaderboard::{self as store, Entry, Scope},
        runs::Sums,
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
    /// A pass rate of one try a task has Wilson's interval; anything else is a mean over tasks, whose attempts
    /// are a cluster.
    #[expect(clippy::cast_precision_loss, reason = "counts are within 2⁵³")]
    pub fn of(metric: &str, sums: &Sums) -> Self {
        if metric == "pass_rate" && sums.total == sums.tasks {
            let score = if sums.total == 0 { 0.0 } else { sums.correct as f64 / sums.total as f64 };
            return Self { score, interval: wilson(sums.correct, sums.total) };
        }
        let tasks = sums.tasks as f64;
        let mean = if sums.tasks == 0 { 0.0 } else { (sums.score_sum / tasks).clamp(0.0, 1.0) };
        let enough = usize::try_from(sums.tasks).is_ok_and(|tasks| tasks >= MINIMUM_CLUSTERS);
        let squares = (sums.score_square_sum - tasks * mean * mean).max(0.0);
        let error = squares.sqrt() / tasks * (tasks / (tasks - 1.0)).sqrt();
        Self { score: mean, interval: enough.then(|| normal(mean, error).within(0.0, 1.0)) }
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
    pub run_id: String,
    pub published_at: Timestamp,
    pub evaluator_relationship: String,
    pub flags: Vec<&'static str>,
    #[serde(skip)]
    pub display_name: String,
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
    pub async fn find(self, app: &App) -> Result<Option<Scope>, ApiError> {
        let statement = match self.snapshot {
            Some(snapshot) => Statement::new(store::SCOPE_OF_SNAPSHOT).bind(snapshot),
            None => Statement::new(store::SCOPE),
        };
        let rows = app.database().query(statement.bind(self.benchmark).bind(self.version)).await?;
        Ok(rows.into_first().map(|row| Scope::from_row(&row)).transpose()?)
    }
}

impl Board {
    /// Reads and ranks the entries of a slice: scenario, language, difficulty.
    pub async fn read(app: &App, scope: Scope, slice: [Option<&str>; 3]) -> Result<Self, ApiError> {
        let Some(snapshot) = &scope.snapshot else { return Ok(Self { scope, rows: Vec::new() }) };
        let rows = app.database().query(store::entries(&scope, snapshot, slice)).await?;
        let entries = rows.into_iter().map(|row| Entry::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
        let rows = rank(&scope, entries);
        Ok(Self { scope, rows })
    }
}

fn rank(scope: &Scope, entries: Vec<Entry>) -> Vec<RowBody> {
    let scores = entries.iter().map(|entry| Score::of(&scope.metric, &entry.sums)).collect::<Vec<_>>();
    // Where no interval can be told, any score is possible.
    let unknown = Interval { low: 0.0, high: 1.0 };
    let intervals = scores.iter().map(|score| score.interval.unwrap_or(unknown)).collect::<Vec<_>>();
    let ranges = rank_ranges(&intervals);
    let ranks = ranks(&scores.iter().map(|score| score.score).collect::<Vec<_>>());
    let costs = scores.iter().zip(&entries).map(|(score, entry)| (score.score, known_cost(&entry.sums)));
    let pareto = pareto_front(&costs.collect::<Vec<_>>());
    let ties = tie_groups(&ranges);

    let places = ranks.into_iter().zip(ranges).zip(ties).zip(pareto);
    let mut rows = entries
        .into_iter()
        .zip(scores)
        .zip(places)
        .map(|((entry, score), (((rank, range), tie_group), pareto_optimal))| {
            let cost_usd = known_cost(&entry.sums);
            #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
            let cost_usd_per_task = cost_usd.map(|cost| cost / entry.sums.tasks.max(1) as f64);
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
                correct: entry.sums.correct,
                total: entry.sums.total,
                cost_usd,
                cost_usd_per_task,
                latency_ms_p50: entry.p50_ms,
                latency_ms_p95: entry.p95_ms,
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
fn known_cost(sums: &Sums) -> Option<f64> {
    sums.cost_usd.filter(|cost| *cost > 0.0)
}

fn flags(scope: &Scope, entry: &Entry, cost: Option<f64>) -> Vec<&'static str> {
    let flags = [
        (cost.is_none(), "missing_cost"),
        (entry.evaluator_relationship == "self_reported", "self_reported"),
        (scope.evidence == "counts", "counts_only"),
        (entry.dirty, "dirty_harness"),
    ];
    flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::statistics::clustered_mean;

    fn sums(tasks: u64, correct: u64, total: u64, scores: &[f64]) -> Sums {
        let square_sum = scores.iter().map(|score| score * score).sum();
        Sums { tasks, correct, total, score_sum: scores.iter().sum(), score_square_sum: square_sum, cost_usd: None }
    }

    #[test]
    fn one_try_a_task_is_wilsons() {
        let score = Score::of("pass_rate", &sums(225, 198, 225, &[]));
        let interval = score.interval.unwrap();
        assert!((score.score - 0.88).abs() < 1e-12);
        assert!((interval.low - 0.831_038).abs() < 1e-6 && (interval.high - 0.916_205).abs() < 1e-6);
    }

    #[test]
    fn several_tries_are_clustered_by_task() {
        // The sums that publishing keeps come to the same as all the scores: a task is a cluster of its tries.
        let tries = (0..25).map(|task| [f64::from(task % 2), f64::from(task % 3 / 2)]).collect::<Vec<_>>();
        let clustered = clustered_mean(&tries).unwrap();
        let means = tries.iter().map(|tries| (tries[0] + tries[1]) / 2.0).collect::<Vec<_>>();
        let score = Score::of("pass_rate", &sums(25, 0, 50, &means));
        let (interval, expected) = (score.interval.unwrap(), normal(clustered.mean, clustered.standard_error));
        assert!((score.score - clustered.mean).abs() < 1e-12);
        assert!((interval.low - expected.low).abs() < 1e-12 && (interval.high - expected.high).abs() < 1e-12);
        assert!(Score::of("score", &sums(19, 0, 19, &[0.5; 19])).interval.is_none(), "too few to tell");
    }
}
