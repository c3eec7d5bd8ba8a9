use axum::{Json as Answer, extract::State};
use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{RunId, run_status::RunStatus},
    http::{
        credentials::ClaimedAdmin,
        problem::{ApiError, RUN_NOT_OPEN},
        publishing::{Reason, find, run_body},
        request::{Json, Path},
    },
    store::{BatchError, Guard, publications::RunEnding, runs},
};

/// Rejects anybody's run, open or published, with a reason that stays public. Rejecting again is no error, and changes
/// nothing.
pub async fn reject(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<RunId>,
    Json(body): Json<Reason>,
) -> Result<Answer<Value>, ApiError> {
    let reason = body.reason()?;
    admin.confirm(&app).await?;
    let owner = find(&app, &id).await?.owner_id;
    let ending = RunEnding { run_id: &id, status: RunStatus::Rejected, reason: &reason, at: app.now() };
    let event = || admin.event(&app, "run_rejected", json!({ "runId": id, "reason": reason })).of(owner.as_ref());
    let mut published = admin.batch();
    ending.of_published(&mut published, None, &app.new_id());
    published.push(event());
    match published.run(&app).await {
        Err(BatchError::Guard(Guard::RunPublished)) => {
            let mut open = admin.batch();
            open.extend([runs::expect_still_open(&id), ending.end()]);
            open.push(event());
            match open.run(&app).await {
                // What it is instead, the run tells.
                Err(BatchError::Guard(Guard::RunOpen)) => {}
                done => drop(done?),
            }
        }
        done => drop(done?),
    }
    let run = find(&app, &id).await?;
    match run.status {
        RunStatus::Rejected => Ok(Answer(run_body(&run))),
        status => Err(ApiError::new(RUN_NOT_OPEN, format!("it is {}", status.as_str()))),
    }
}
