use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::App,
    domain::user_agent,
    http::{credentials::Person, page::NewestFirst, problem::ApiError, request::Path},
    store::{
        Batch, BatchError, Guard,
        sessions::{self, SessionSummary},
    },
};

/// Lists the caller's live sessions, newest first.
pub async fn list(State(app): State<App>, person: Person, page: NewestFirst) -> Result<Response, ApiError> {
    let mut batch = Batch::new();
    let sessions = batch.push(sessions::list(&person.user_id, &page.rows(), app.now()));
    let (_, mut answers) = person.read(&app, batch).await?;
    let body = |session: SessionSummary| {
        let mut body = body(&session);
        if let Some(members) = body.as_object_mut() {
            members.insert("current".to_owned(), (session.id == person.session_id).into());
        }
        body
    };
    Ok(page.answer(answers.take(sessions)?, |session| (session.created_at.0, session.id.clone()), body))
}

/// A session as its person sees it.
pub fn body(session: &SessionSummary) -> Value {
    json!({
        "id": session.id,
        "device": session.user_agent.as_deref().map(user_agent::device),
        "userAgent": session.user_agent,
        "ip": session.ip,
        "mode": if session.cookie { "cookie" } else { "token" },
        "createdAt": session.created_at,
        "lastUsedAt": session.last_used_at,
        "expiresAt": session.expires_at,
    })
}

/// Ends one of the caller's sessions.
pub async fn end(State(app): State<App>, person: Person, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let mut batch = Batch::new();
    batch.expect(Guard::SessionExists, sessions::end_of_user(&id, &person.user_id, "ended_by_person", app.now()));
    batch.push(person.event(&app, "session_ended", json!({ "sessionId": id })));
    match person.write(&app, batch).await {
        Err(BatchError::Guard(Guard::SessionExists)) => Err(ApiError::not_found("session")),
        done => done.map(|_| StatusCode::NO_CONTENT).map_err(ApiError::from),
    }
}

/// Ends all of the caller's sessions but the current one.
pub async fn end_others(State(app): State<App>, person: Person) -> Result<StatusCode, ApiError> {
    let end = sessions::end_others(&person.user_id, Some(&person.session_id), "ended_by_person", app.now());
    let event = person.client.event(&app, "other_sessions_ended", json!({}));
    let mut batch = Batch::new();
    batch.push(end);
    batch.push(event.of_if_changed(&person.user_id, Some(&person.user_id)));
    person.write(&app, batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
