use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    board::{Board, BoardSelector, RowBody},
    caching::{self, MINUTE},
};
use crate::{
    app::App,
    domain::RunId,
    http::{parameters, problem::ApiError, request::Query},
};

/// So many points are told: the front, then the best of the others.
const MOST_POINTS: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    #[serde(default, deserialize_with = "parameters::id")]
    benchmark: Option<String>,
    #[serde(default, deserialize_with = "parameters::slug")]
    version: Option<String>,
    #[serde(default, deserialize_with = "parameters::uuid")]
    snapshot: Option<String>,
    #[serde(default, deserialize_with = "parameters::label")]
    scenario: Option<String>,
    #[serde(default, deserialize_with = "parameters::label")]
    language: Option<String>,
    #[serde(default, deserialize_with = "parameters::label")]
    difficulty: Option<String>,
}

/// A model whose cost is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    model: String,
    display_name: String,
    run_id: RunId,
    score: f64,
    score_low: Option<f64>,
    score_high: Option<f64>,
    cost_usd: f64,
    cost_usd_per_task: Option<f64>,
    pareto_optimal: bool,
}

impl Point {
    fn of(row: RowBody) -> Option<Self> {
        Some(Self {
            cost_usd: row.cost_usd?,
            pareto_optimal: row.pareto_optimal?,
            model: row.model,
            display_name: row.display_name,
            run_id: row.run_id,
            score: row.score,
            score_low: row.score_low,
            score_high: row.score_high,
            cost_usd_per_task: row.cost_usd_per_task,
        })
    }
}

/// Score against cost, the cheapest first. What has no known cost is not free: it is left out, and counted.
pub async fn handler(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let wanted = BoardSelector {
        benchmark: parameters.benchmark.as_deref(),
        version: parameters.version.as_deref(),
        snapshot: parameters.snapshot.as_deref(),
    };
    let scope = wanted.find(&app).await?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
    let slice = [&parameters.scenario, &parameters.language, &parameters.difficulty].map(Option::as_deref);
    let snapshot = scope.snapshot.as_ref().map(|snapshot| snapshot.id.as_str()).unwrap_or_default();
    let tag = caching::tag_of(&("pareto", snapshot, &scope.benchmark, &scope.version, scope.moderation, slice));
    if let Some(not_modified) = caching::not_modified(&headers, &tag, MINUTE) {
        return Ok(not_modified);
    }
    let board = Board::read(&app, scope, slice).await?;
    let rows = board.rows.len();
    let mut points = board.rows.into_iter().filter_map(Point::of).collect::<Vec<_>>();
    let known = points.len();
    if known > MOST_POINTS {
        points.sort_by(|a, b| b.pareto_optimal.cmp(&a.pareto_optimal).then_with(|| b.score.total_cmp(&a.score)));
        points.truncate(MOST_POINTS);
    }
    points.sort_by(|a, b| {
        let by_score = || b.score.total_cmp(&a.score);
        a.cost_usd.total_cmp(&b.cost_usd).then_with(by_score).then_with(|| a.model.cmp(&b.model))
    });
    let body = Answer(json!({
        "benchmark": board.scope.benchmark,
        "version": board.scope.version,
        "snapshotId": board.scope.snapshot.map(|snapshot| snapshot.id),
        "withoutCost": rows.saturating_sub(known),
        "omitted": known.saturating_sub(points.len()),
        "data": points,
    }));
    Ok(caching::cacheable(body.into_response(), &tag, MINUTE))
}
