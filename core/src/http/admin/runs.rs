use axum::{Json as Answer, extract::State};
use serde_json::json;

use crate::{
    app::App,
    domain::{RunId, SecurityEventName, run_status::RunStatus},
    http::{
        credentials::ClaimedAdmin,
        log,
        openapi::{ConflictRejection, NotFound},
        problem::{ApiError, RUN_NOT_OPEN},
        publishing::{Reason, RunBody, find},
        request::{Json, Path},
    },
    store::{BatchError, Guard, publications::RunEnding, runs, webhooks as webhook_store},
    webhooks,
};

/// Rejects a run.
///
/// Any run, open or published. The reason stays public. Rejecting again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/admin/runs/{id}/reject",
    operation_id = "rejectRun",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = RunId, Path)),
    request_body = Reason,
    responses(
        (status = 200, description = "Rejected, now or before.", body = RunBody),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictRejection),
    ),
)]
pub async fn reject(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<RunId>,
    Json(body): Json<Reason>,
) -> Result<Answer<RunBody>, ApiError> {
    let reason = body.reason()?;
    admin.confirm(&app).await?;
    let owner = find(&app, &id).await?.owner_id;
    let ending = RunEnding { run_id: &id, status: RunStatus::Rejected, reason: &reason, at: app.now() };
    let event = || {
        admin.event(&app, SecurityEventName::RunRejected, json!({ "runId": id, "reason": reason })).of(owner.as_ref())
    };
    let mut published = admin.batch();
    ending.of_published(&mut published, None, &app.new_id());
    published.push(event());
    match published.run(&app).await {
        Err(BatchError::Guard(Guard::RunPublished)) => {
            let mut open = admin.batch();
            open.extend([runs::expect_still_open(&id), ending.end()]);
            open.push(event());
            open.extend(webhook_store::queue_of_open_run(&id, &app.new_id().into(), app.now()));
            match open.run(&app).await {
                // What it is instead, the run tells.
                Err(BatchError::Guard(Guard::RunOpen)) => {}
                done => drop(done?),
            }
        }
        done => {
            done?;
            log::sequence_in_background(&app);
        }
    }
    webhooks::deliver_in_background(&app);
    let run = find(&app, &id).await?;
    match run.status {
        RunStatus::Rejected => Ok(Answer(RunBody::of(&run))),
        status => Err(ApiError::new(RUN_NOT_OPEN, format!("it is {}", status.as_str()))),
    }
}
