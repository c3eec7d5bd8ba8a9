use axum::{Json as Answer, extract::State};
use serde_json::json;

use crate::{
    app::App,
    domain::{RunId, SecurityEventName, run_status::RunStatus},
    http::{
        credentials::ClaimedAdmin,
        openapi::{ConflictRejection, NotFound},
        problem::{ApiError, RUN_NOT_OPEN},
        publishing::{Reason, RunBody, find},
        request::{Json, Path},
    },
    log,
    store::{BatchError, Guard, publications::RunEnding, runs, webhooks as webhook_store},
    webhooks,
};

/// How often rejecting is tried on a run that is published or withdrawn meanwhile.
const TRIES: usize = 3;

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
    let missing = || ApiError::not_found("run");
    let mut run = admin.read(&app, runs::find(&id)).await?.ok_or_else(missing)?;
    // The guard fails if the run was published or withdrawn since it was read, so it is read again: an open run is
    // published only once.
    for _ in 0..TRIES {
        let guard = match run.status {
            RunStatus::Open => Guard::RunOpen,
            RunStatus::Published => Guard::RunPublished,
            RunStatus::Rejected | RunStatus::Withdrawn => break,
        };
        let ending = RunEnding { run_id: &id, status: RunStatus::Rejected, reason: &reason, at: app.now() };
        let mut batch = admin.batch();
        if run.status == RunStatus::Open {
            batch.extend([runs::expect_still_open(&id), ending.end()]);
            batch.extend(webhook_store::queue_of_open_run(&id, &app.new_id().into(), ending.at));
        } else {
            ending.of_published(&mut batch, None, &app.new_id());
        }
        let event = admin.event(&app, SecurityEventName::RunRejected, json!({ "runId": id, "reason": reason }));
        batch.push(event.of(run.owner_id.as_ref()));
        let after = batch.push(runs::find(&id));
        match batch.run(&app).await {
            Err(BatchError::Guard(failed)) if failed == guard => run = find(&app, &id).await?,
            done => {
                let was_published = run.status == RunStatus::Published;
                run = done?.take(after)?.ok_or_else(missing)?;
                if was_published {
                    log::sequence_in_background(&app);
                }
                webhooks::deliver_in_background(&app);
                break;
            }
        }
    }
    match run.status {
        RunStatus::Rejected => Ok(Answer(RunBody::of(&run))),
        status => Err(ApiError::new(RUN_NOT_OPEN, format!("it is {}", status.as_str()))),
    }
}
