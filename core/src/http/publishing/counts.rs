use axum::{Json as Answer, extract::State};

use super::{
    evidence::{check_measured, replace, require_evidence},
    runs::find_own,
};
use crate::{
    app::App,
    domain::{RunId, benchmark::Evidence},
    http::{
        credentials::{ApiKeyClient, ResultsWrite},
        openapi::{ConflictCounts, ForbiddenPublisher, NotFound},
        problem::ApiError,
        request::{Json, Path, Validator},
    },
    store::runs,
    wire::{Counts, CountsPut},
};

/// Gives the counts of a run.
///
/// Scope `results:write`; for a benchmark version with evidence `counts`. Replaces earlier counts while the run is
/// open.
#[utoipa::path(
    put,
    path = "/api/v1/runs/{id}/counts",
    operation_id = "putRunCounts",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(("id" = RunId, Path)),
    request_body = CountsPut,
    responses(
        (status = 200, description = "As stored.", body = Counts),
        (status = 403, response = ForbiddenPublisher),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictCounts),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Path(id): Path<RunId>,
    Json(body): Json<CountsPut>,
) -> Result<Answer<Counts>, ApiError> {
    let run = find_own(&app, client.owner_id(), &id).await?;
    require_evidence(&run, Evidence::Counts)?;

    let mut validator = Validator::default();
    let expected = format!("the benchmark version has {} tasks", run.task_count);
    validator.require(i64::from(body.total) == run.task_count, "/total", &expected);
    let attempts = i64::try_from(body.correct_by_attempt.len()).unwrap_or(i64::MAX);
    let expected = format!("the benchmark version has {} attempts a task", run.attempts_per_task);
    validator.require(attempts == run.attempts_per_task, "/correctByAttempt", &expected);
    validator.require(
        body.correct_by_attempt.is_sorted(),
        "/correctByAttempt",
        "a task passed stays passed: give what never falls",
    );
    let possible = body.correct_by_attempt.iter().all(|correct| *correct <= body.total);
    validator.require(possible, "/correctByAttempt", "no more tasks can pass than there are");
    check_measured(&mut validator, body.cost_usd, body.mean_latency_ms);
    validator.finish()?;

    let counts = Counts::from(body);
    replace(&app, client.owner_id(), &id, Evidence::Counts, runs::put_counts(&id, &counts)).await?;
    Ok(Answer(counts))
}
