use axum::{Json as Answer, extract::State};
use serde_json::{Value, json};

use crate::{
    app::App,
    http::{
        credentials::Person,
        problem::{ApiError, RUN_NOT_OPEN},
        publishing::{Reason, find, run_body},
        request::{Json, Path},
    },
    ports::Statement,
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
    let ending = Ending { run_id: &id, status: "rejected", reason: &reason, at: app.now() };
    let event = || {
        let event = person.client.event(&app, "run_rejected", json!({ "runId": id, "reason": reason }));
        event.of(owner.as_deref().unwrap_or(&person.user_id), Some(&person.user_id))
    };
    let mut published = Batch::new();
    for statement in ending.of_published(None, &app.new_id()) {
        published.push_statement(statement);
    }
    published.push_statement(event());
    match person.write_as_admin(&app, published).await {
        Err(error) if is_undone_by(&error, Guard::RunPublished) => {
            let mut open = Batch::new();
            open.push_statement(Statement::new(runs::EXPECT_STILL_OPEN).bind(id.as_str()));
            open.push_statement(ending.end());
            open.push_statement(event());
            match person.write_as_admin(&app, open).await {
                Err(error) if is_undone_by(&error, Guard::RunOpen) => {}
                done => drop(done?),
            }
        }
        done => drop(done?),
    }
    let run = find(&app, &id).await?;
    match run.status.as_str() {
        "rejected" => Ok(Answer(run_body(&run))),
        status => Err(ApiError::new(RUN_NOT_OPEN, format!("it is {status}"))),
    }
}

/// Whether that guard undid the batch, or one whose statement does not tell its name.
fn is_undone_by(error: &BatchError, guard: Guard) -> bool {
    match error {
        BatchError::Guard(name) => *name == guard,
        BatchError::Database(error) => error.is_guard(),
    }
}
