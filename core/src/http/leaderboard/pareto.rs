use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    board::{Board, BoardSelector, RowBody},
    caching::{self, MINUTE},
};
use crate::{
    app::App,
    domain::{BenchmarkId, ModelId, RunId, SystemId, VersionName, measure::Measure, system::Agent},
    http::{
        openapi::{Hidden, IfNoneMatch, NotFound, UnnamedBoard},
        parameters::{self, Uuid},
        problem::ApiError,
        request::Query,
    },
};

/// Most points of an answer: the front, then the best of the others.
const MOST_POINTS: usize = 1000;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The featured one where it is not given; without one 400 `benchmark_required`.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    #[param(example = "aider-polyglot")]
    benchmark: Option<BenchmarkId>,
    /// The current one when absent; without one 400 `version_required`.
    #[serde(default, deserialize_with = "parameters::version")]
    version: Option<VersionName>,
    /// An earlier state, by its `snapshotId`; the newest without it.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    snapshot: Option<String>,
    /// Only tasks of this scenario.
    #[serde(default, deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    scenario: Option<String>,
    /// Only tasks of this language.
    #[serde(default, deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    language: Option<String>,
    /// Only tasks of this difficulty.
    #[serde(default, deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    difficulty: Option<String>,
}

/// Score against cost, of one snapshot of a leaderboard.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParetoFront {
    benchmark: BenchmarkId,
    version: VersionName,
    #[serde(flatten)]
    measure: Measure,
    /// Null when nothing is published.
    #[schema(value_type = Option<Uuid>)]
    snapshot_id: Option<String>,
    /// Systems left out: what they cost is not known.
    without_cost: usize,
    /// Points beyond the thousand that are told: the front, then the best of the others.
    omitted: usize,
    data: Vec<Point>,
}

/// A system whose cost is known.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ParetoPoint)]
struct Point {
    model: ModelId,
    /// What it is of: model, agent and configuration.
    system_id: SystemId,
    /// What drove the model, where something did.
    agent: Option<Agent>,
    /// In what it ran.
    #[schema(min_length = 1, max_length = 100)]
    configuration: Option<String>,
    #[schema(example = "gpt-5 (high)")]
    display_name: String,
    run_id: RunId,
    #[schema(example = 0.88)]
    score: f64,
    /// Where the 95 % interval begins; null where too few clusters carry one.
    #[schema(example = 0.831_038_051_9)]
    score_low: Option<f64>,
    /// Where it ends.
    #[schema(example = 0.916_205_051_3)]
    score_high: Option<f64>,
    /// US dollars.
    #[schema(exclusive_minimum = 0, example = 29.0829)]
    cost_usd: f64,
    #[schema(minimum = 0, example = 0.1292)]
    cost_usd_per_task: Option<f64>,
    /// No other system scores as well for as little.
    pareto_optimal: bool,
}

impl Point {
    fn of(row: RowBody) -> Option<Self> {
        Some(Self {
            cost_usd: row.cost_usd?,
            pareto_optimal: row.pareto_optimal?,
            model: row.model,
            system_id: row.system_id,
            agent: row.agent,
            configuration: row.configuration,
            display_name: row.display_name,
            run_id: row.run_id,
            score: row.score,
            score_low: row.score_low,
            score_high: row.score_high,
            cost_usd_per_task: row.cost_usd_per_task,
        })
    }
}

/// Shows score against cost.
///
/// The systems whose cost is known, the cheapest first. A cost that is absent or zero is unknown, not free: such models
/// are left out, and counted in `withoutCost`. Any origin may read it, without credentials.
#[utoipa::path(
    get,
    path = "/api/v1/leaderboard/pareto",
    operation_id = "getParetoFront",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "The models.", body = ParetoFront),
        (status = 400, response = UnnamedBoard),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let wanted = BoardSelector {
        benchmark: parameters.benchmark.as_ref(),
        version: parameters.version.as_ref(),
        snapshot: parameters.snapshot.as_deref(),
    };
    let scope = wanted.find(&app).await?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
    let slice = [&parameters.scenario, &parameters.language, &parameters.difficulty].map(Option::as_deref);
    let tag = caching::tag_of_snapshot("pareto", &scope, &slice);
    if let Some(not_modified) = tag.as_ref().and_then(|tag| caching::not_modified(&headers, tag, MINUTE)) {
        return Ok(not_modified);
    }
    let board = Board::read(&app, scope, slice).await?;
    let rows = board.rows.len();
    let measure = &board.scope.measure;
    let by_score = |a: &Point, b: &Point| measure.merit(b.score).total_cmp(&measure.merit(a.score));
    let mut points = board.rows.into_iter().filter_map(Point::of).collect::<Vec<_>>();
    let known = points.len();
    if known > MOST_POINTS {
        points.sort_by(|a, b| b.pareto_optimal.cmp(&a.pareto_optimal).then_with(|| by_score(a, b)));
        points.truncate(MOST_POINTS);
    }
    points.sort_by(|a, b| {
        a.cost_usd
            .total_cmp(&b.cost_usd)
            .then_with(|| by_score(a, b))
            .then_with(|| (&a.model, &a.system_id).cmp(&(&b.model, &b.system_id)))
    });
    let body = Answer(ParetoFront {
        benchmark: board.scope.benchmark,
        version: board.scope.version,
        measure: board.scope.measure,
        snapshot_id: board.scope.snapshot.map(|snapshot| snapshot.id),
        without_cost: rows.saturating_sub(known),
        omitted: known.saturating_sub(points.len()),
        data: points,
    });
    Ok(caching::lasting(body.into_response(), tag.as_deref(), MINUTE))
}
