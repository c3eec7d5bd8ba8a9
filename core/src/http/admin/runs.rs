use axum::{Json as Answer, extract::State};
use serde_json::{Value, json};

use crate::{
    app::App,
    domain::run_status::RunStatus,
    http::{
        credentials::Person,
        problem::{ApiError, RUN_NOT_OPEN},
        publishing::{Reason, find, run_body},
        request::{Json, Path},
    },
    store::{Batch, BatchError, Guard, publications::Ending, runs},
};

/// Rejects anybody's run, open or published, with a reason that stays public. Rejecting again is no error, and changes
/// nothing.
pub async fn reject(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
    Json(body): Json<Reason>,
) -> Result<Answer<Value>, ApiError> {
    let reason = body.reason()?;
    person.read_as_admin(&app, Batch::new()).await?;
    let owner = find(&app, &id).await?.owner_id;
    let ending = Ending { run_id: &id, status: RunStatus::Rejected, reason: &reason, at: app.now() };
    let event = || {
        let event = person.client.event(&app, "run_rejected", json!({ "runId": id, "reason": reason }));
        event.of(owner.as_deref().unwrap_or(&person.user_id), Some(&person.user_id))
    };
    let mut published = ending.of_published(None, &app.new_id());
    published.push(event());
    match person.write_as_admin(&app, published).await {
        Err(BatchError::Guard(Guard::RunPublished)) => {
            let mut open = Batch::new();
            open.extend([runs::expect_still_open(&id), ending.end()]);
            open.push(event());
            match person.write_as_admin(&app, open).await {
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
