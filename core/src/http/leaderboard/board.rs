//! Ranked rows, as they are on the wire.

use serde::Serialize;

use crate::{
    app::App,
    domain::{
        RunId,
        evaluator::EvaluatorRelationship,
        leaderboard::{Flag, RankedEntry, rank},
    },
    http::{moderation::refuse_hidden, problem::ApiError},
    ports::Timestamp,
    store::leaderboard::{self as store, Scope},
};

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
    pub flags: Vec<Flag>,
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
pub struct BoardSelector<'a> {
    pub benchmark: Option<&'a str>,
    pub version: Option<&'a str>,
    pub snapshot: Option<&'a str>,
}

impl BoardSelector<'_> {
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
        let rows = rank(scope.metric, scope.evidence, entries).into_iter().map(RowBody::from).collect();
        Ok(Self { scope, rows })
    }
}

impl From<RankedEntry> for RowBody {
    fn from(ranked: RankedEntry) -> Self {
        let RankedEntry { entry, score, .. } = ranked;
        Self {
            rank: ranked.rank,
            rank_low: ranked.range.low,
            rank_high: ranked.range.high,
            tie_group: ranked.tie_group,
            model: entry.model,
            display_name: entry.display_name,
            score: score.score,
            score_low: score.interval.map(|interval| interval.low),
            score_high: score.interval.map(|interval| interval.high),
            correct: entry.aggregates.correct,
            total: entry.aggregates.total,
            cost_usd: ranked.cost_usd,
            cost_usd_per_task: ranked.cost_usd_per_task,
            latency_ms_p50: entry.aggregates.p50_ms,
            latency_ms_p95: entry.aggregates.p95_ms,
            pareto_optimal: ranked.pareto_optimal,
            run_id: entry.run_id,
            published_at: entry.published_at,
            evaluator_relationship: entry.evaluator_relationship,
            flags: ranked.flags,
        }
    }
}
