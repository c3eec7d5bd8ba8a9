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
    store::{publications::Ending, runs},
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
    person.read_statements_as_admin(&app, Vec::new()).await?;
    let owner = find(&app, &id).await?.owner_id;
    let ending = Ending { run_id: &id, status: "rejected", reason: &reason, at: app.now() };
    let event = || {
        let event = person.client.event(&app, "run_rejected", json!({ "runId": id, "reason": reason }));
        event.of(owner.as_deref().unwrap_or(&person.user_id), Some(&person.user_id))
    };
    let published = ending.of_published(None, &app.new_id()).into_iter().chain([event()]).collect();
    if let Err(error) = person.write_statements_as_admin(&app, published).await? {
        if !error.is_guard() {
            return Err(error.into());
        }
        let open = vec![Statement::new(runs::EXPECT_STILL_OPEN).bind(id.as_str()), ending.end(), event()];
        match person.write_statements_as_admin(&app, open).await? {
            Err(error) if error.is_guard() => {}
            answers => drop(answers?),
        }
    }
    let run = find(&app, &id).await?;
    match run.status.as_str() {
        "rejected" => Ok(Answer(run_body(&run))),
        status => Err(ApiError::new(RUN_NOT_OPEN, format!("it is {status}"))),
    }
}
