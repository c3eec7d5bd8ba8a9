use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::runs::{RunBody, find_own};
use crate::{
    app::App,
    domain::{RunId, run_status::RunStatus},
    http::{
        credentials::{ApiKeyClient, ResultsWrite},
        log,
        openapi::{ConflictWithdrawal, ForbiddenPublisher, NotFound},
        problem::{ApiError, RUN_NOT_PUBLISHED},
        request::{Json, Path, Validator},
    },
    store::{Batch, BatchError, Guard, publications::RunEnding},
};

/// Why it is done.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EndRun)]
pub struct Body {
    /// Everyone may read it.
    #[schema(min_length = 1, max_length = 1000, example = "The harness scored timeouts as passes.")]
    reason: String,
}

impl Body {
    /// The reason.
    ///
    /// # Errors
    /// `validation_failed`.
    pub fn reason(&self) -> Result<String, ApiError> {
        let mut validator = Validator::default();
        let reason = validator.text("/reason", &self.reason, 1, 1000);
        validator.finish()?;
        Ok(reason)
    }
}

/// Withdraws a published run.
///
/// Scope `results:write`. The run stays readable with the reason. The owner's run of that system that was evaluated last
/// stands again, or another owner's is ranked, and the log of changes tells so. Withdrawing again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/withdraw",
    operation_id = "withdrawRun",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(("id" = RunId, Path)),
    request_body = Body,
    responses(
        (status = 200, description = "Withdrawn, now or before.", body = RunBody),
        (status = 403, response = ForbiddenPublisher),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictWithdrawal),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Path(id): Path<RunId>,
    Json(body): Json<Body>,
) -> Result<Answer<RunBody>, ApiError> {
    let (owner_id, reason) = (client.owner_id(), body.reason()?);
    let ending = RunEnding { run_id: &id, status: RunStatus::Withdrawn, reason: &reason, at: app.now() };
    let mut batch = Batch::new();
    ending.of_published(&mut batch, Some(owner_id), &app.new_id());
    match batch.run(app.database()).await {
        // What it is instead, the run tells.
        Err(BatchError::Guard(Guard::RunPublished)) => {}
        done => {
            done?;
            log::sequence_in_background(&app);
        }
    }
    let run = find_own(&app, owner_id, &id).await?;
    match run.status {
        RunStatus::Withdrawn => Ok(Answer(RunBody::of(&run))),
        status => Err(ApiError::new(RUN_NOT_PUBLISHED, format!("it is {}", status.as_str()))),
    }
}
