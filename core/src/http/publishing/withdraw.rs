use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::runs::{RunBody, find_own, own};
use crate::{
    app::App,
    domain::{RunId, UserId, api_key::Scope, run_status::RunStatus},
    http::{
        credentials::{ApiKeyClient, ClaimedSession, ResultsWrite, may_have},
        openapi::{ConflictWithdrawal, ForbiddenPublisher, NotFound},
        person_limits,
        problem::{ApiError, RUN_NOT_PUBLISHED},
        request::{Json, Path, Validator},
    },
    log,
    store::{
        Answers, Batch, BatchError, Guard, Handle,
        publications::RunEnding,
        runs::{self, Run},
    },
    webhooks,
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
    /// Checks the reason and returns it trimmed.
    ///
    /// # Errors
    /// `validation_failed` where it is empty or too long.
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
    let mut batch = Batch::new();
    let after = withdraw(&app, &mut batch, owner_id, &id, &reason);
    let done = batch.run(app.database()).await;
    outcome(&app, done, after, owner_id, &id).await.map(|run| Answer(RunBody::of(&run)))
}

/// Withdraws a run of the logged-in user, who needs the role that the scope of a key would need.
///
/// # Errors
/// The errors of [`handler`]; also `role_required`, and those of the session.
pub async fn in_session(app: &App, caller: &ClaimedSession, id: &RunId, body: &Body) -> Result<Run, ApiError> {
    let reason = body.reason()?;
    let session = caller.confirm(app).await?;
    may_have(app, session.user.role, &[Scope::ResultsWrite])?;
    person_limits::admit_person(app, session.confirmed()).await?;
    let mut batch = caller.batch();
    let owner_id = batch.user_id();
    let after = withdraw(app, &mut batch, owner_id, id, &reason);
    let done = batch.run(app).await;
    outcome(app, done, after, owner_id, id).await
}

/// Withdraws the run in a batch, which then reads it.
fn withdraw(app: &App, batch: &mut Batch, owner_id: &UserId, id: &RunId, reason: &str) -> Handle<Option<Run>> {
    let ending = RunEnding { run_id: id, status: RunStatus::Withdrawn, reason, at: app.now() };
    ending.of_published(batch, Some(owner_id), &app.new_id());
    batch.push(runs::find(id))
}

/// Returns the run where it is withdrawn, by this batch or before.
async fn outcome(
    app: &App,
    done: Result<Answers, BatchError>,
    after: Handle<Option<Run>>,
    owner_id: &UserId,
    id: &RunId,
) -> Result<Run, ApiError> {
    let run = match done {
        // The run's status tells what it is instead.
        Err(BatchError::Guard(Guard::RunPublished)) => find_own(app, owner_id, id).await?,
        done => {
            let run = done?.take(after)?.ok_or_else(|| ApiError::internal("a run is gone"))?;
            log::sequence_in_background(app);
            webhooks::deliver_in_background(app);
            own(run, owner_id)?
        }
    };
    match run.status {
        RunStatus::Withdrawn => Ok(run),
        status => Err(ApiError::new(RUN_NOT_PUBLISHED, format!("it is {}", status.as_str()))),
    }
}
