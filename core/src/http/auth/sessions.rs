use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::App,
    domain::{SessionId, user_agent},
    http::{credentials::ClaimedSession, page::NewestFirst, problem::ApiError, request::Path},
    store::{
        BatchError, Guard,
        sessions::{self, SessionSummary},
    },
};

/// Lists the caller's live sessions, newest first.
pub async fn list(State(app): State<App>, caller: ClaimedSession, page: NewestFirst) -> Result<Response, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let sessions = batch.push(sessions::list(user_id, &page.rows(), app.now()));
    let (current, mut answers) = batch.read(&app).await?;
    let body = |session: SessionSummary| {
        let mut body = body(&session);
        if let Some(members) = body.as_object_mut() {
            members.insert("current".to_owned(), (session.id == *current.id()).into());
        }
        body
    };
    Ok(page.answer(answers.take(sessions)?, |session| (session.created_at.0, session.id.clone().into()), body))
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
pub async fn end(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    batch.expect(Guard::SessionExists, sessions::end_of_user(&id, user_id, "ended_by_person", app.now()));
    batch.push(caller.event(&app, "session_ended", json!({ "sessionId": id })));
    match batch.run(&app).await {
        Err(BatchError::Guard(Guard::SessionExists)) => Err(ApiError::not_found("session")),
        done => done.map(|_| StatusCode::NO_CONTENT).map_err(ApiError::from),
    }
}

/// Ends all of the caller's sessions but the current one.
pub async fn end_others(State(app): State<App>, caller: ClaimedSession) -> Result<StatusCode, ApiError> {
    let mut batch = caller.batch();
    let (user_id, current) = (batch.user_id(), batch.session_id());
    batch.push(sessions::end_others(user_id, Some(current), "ended_by_person", app.now()));
    batch.push(caller.event_if_changed(&app, "other_sessions_ended", json!({})));
    batch.run(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}
