use axum::{Json as Answer, extract::State};

use super::{
    evidence::{check_measured, replace, require_evidence},
    runs::find_own,
};
use crate::{
    app::App,
    domain::{
        RunId,
        benchmark::Evidence,
        measure::{Bounds, MOST_SCORE, Measure},
    },
    http::{
        credentials::{ApiKeyClient, ResultsWrite},
        openapi::{ConflictCounts, ForbiddenPublisher, NotFound},
        problem::ApiError,
        request::{Json, Path, Validator},
    },
    store::runs,
    wire::{GivenInterval, GivenScore, GivenScorePut},
};

/// Most samples that a score may be over.
const MOST_COUNTED: u32 = 10_000_000;

/// Gives the score of a run.
///
/// Scope `results:write`; for a benchmark version with evidence `score`, whose source publishes one number a run. Its
/// interval is the source's, or the normal one of the standard error that it gives, and is told as such. Replaces an earlier
/// score while the run is open.
#[utoipa::path(
    put,
    path = "/api/v1/runs/{id}/score",
    operation_id = "putRunScore",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(("id" = RunId, Path)),
    request_body = GivenScorePut,
    responses(
        (status = 200, description = "As stored.", body = GivenScore),
        (status = 403, response = ForbiddenPublisher),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictCounts),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Path(id): Path<RunId>,
    Json(body): Json<GivenScorePut>,
) -> Result<Answer<GivenScore>, ApiError> {
    let run = find_own(&app, client.owner_id(), &id).await?;
    require_evidence(&run, Evidence::Score)?;
    // A version that has a run never changes its bounds, so they may be checked before the batch that writes.
    let given = body.check(&run.measure, run.task_count)?;
    replace(&app, client.owner_id(), &id, Evidence::Score, runs::put_given_score(&id, &given)).await?;
    Ok(Answer(given))
}

impl GivenScorePut {
    fn check(self, measure: &Measure, task_count: i64) -> Result<GivenScore, ApiError> {
        let mut validator = Validator::default();
        let Bounds { lower, upper } = measure.bounds;
        let mut within = |pointer: &str, number: f64| {
            if let Err(detail) = measure.bounds.check(number) {
                validator.require(false, pointer, &detail);
            }
        };
        within("/score", self.score);
        if let Some(interval) = self.interval {
            within("/interval/low", interval.low);
            within("/interval/high", interval.high);
            validator.require(interval.low <= self.score, "/interval/low", "the interval holds the score");
            validator.require(interval.high >= self.score, "/interval/high", "the interval holds the score");
            let is_usual = interval.level == GivenInterval::level();
            validator.require(is_usual, "/interval/level", "give the 95 % interval, or the standard error: 0.95");
            validator.require(self.standard_error.is_none(), "/standardError", "give it or the interval, not both");
        }
        // Scores within bounds have a standard error of at most half the distance between them.
        let most = lower.zip(upper).map_or(MOST_SCORE, |(lower, upper)| (upper - lower) / 2.0);
        let possible = self.standard_error.is_none_or(|error| (0.0..=most).contains(&error));
        validator.require(possible, "/standardError", &format!("give 0 to {most}, or null where it is unknown"));
        let tasks = self.tasks.is_none_or(|tasks| tasks >= 1 && i64::from(tasks) <= task_count);
        validator.require(tasks, "/tasks", &format!("the benchmark version has {task_count} tasks"));
        let samples = self.samples.is_none_or(|samples| (1..=MOST_COUNTED).contains(&samples));
        validator.require(samples, "/samples", "give 1 to 10000000, or null where it is unknown");
        check_measured(&mut validator, self.cost_usd, self.mean_latency_ms);
        validator.finish()?;
        Ok(self.into())
    }
}
