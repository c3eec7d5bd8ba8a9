use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::login::Mode;
use crate::{
    app::App,
    domain::{SecurityEventName, SessionId, Timestamp, user_agent},
    http::{
        credentials::ClaimedSession,
        openapi::NotFound,
        page::{NewestFirst, Page, PageQuery},
        problem::ApiError,
        request::Path,
    },
    store::{
        BatchError, Guard,
        sessions::{self, SessionSummary},
    },
};

/// What a person sees of a session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody {
    id: SessionId,
    /// As far as the user agent tells.
    #[schema(example = "Firefox on Linux")]
    device: Option<String>,
    #[schema(max_length = 512, example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    user_agent: Option<String>,
    /// Where it was started from.
    #[schema(example = "192.0.2.7")]
    ip: Option<String>,
    mode: Mode,
    created_at: Timestamp,
    last_used_at: Timestamp,
    /// When it ends, whatever its use. Unused for 7 days, it ends earlier.
    expires_at: Timestamp,
}

impl From<SessionSummary> for SessionBody {
    fn from(session: SessionSummary) -> Self {
        Self {
            id: session.id,
            device: session.user_agent.as_deref().map(user_agent::device),
            user_agent: session.user_agent,
            ip: session.ip,
            mode: if session.cookie { Mode::Cookie } else { Mode::Token },
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        }
    }
}

/// A live session of the caller's.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct LiveSession {
    #[serde(flatten)]
    #[schema(inline)]
    session: SessionBody,
    /// Whether it is the session of this request.
    current: bool,
}

/// Lists the caller's live sessions, newest first.
///
/// Each is a login, with where and when it was started and last used.
#[utoipa::path(
    get,
    path = "/api/v1/auth/sessions",
    operation_id = "listSessions",
    tag = "Accounts",
    security(("accessToken" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, LiveSession>)),
)]
pub async fn list(State(app): State<App>, caller: ClaimedSession, page: NewestFirst) -> Result<Response, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let sessions = batch.push(sessions::list(user_id, &page.rows(), app.now()));
    let (current, mut answers) = batch.read(&app).await?;
    let body = |session: SessionSummary| LiveSession { current: session.id == *current.id(), session: session.into() };
    Ok(page.answer(answers.take(sessions)?, |session| (session.created_at.0, session.id.clone().into()), body))
}

/// Ends one of the caller's sessions.
///
/// One of the caller's own; its own session too.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/sessions/{id}",
    operation_id = "endSession",
    tag = "Accounts",
    security(("accessToken" = [])),
    params(("id" = SessionId, Path)),
    responses(
        (status = 204, description = "Ended, for its access tokens too."),
        (status = 404, response = NotFound),
    ),
)]
pub async fn end(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    batch.expect(Guard::SessionExists, sessions::end_of_user(&id, user_id, "ended_by_person", app.now()));
    batch.push(caller.event(&app, SecurityEventName::SessionEnded, json!({ "sessionId": id })));
    match batch.run(&app).await {
        Err(BatchError::Guard(Guard::SessionExists)) => Err(ApiError::not_found("session")),
        done => done.map(|_| StatusCode::NO_CONTENT).map_err(ApiError::from),
    }
}

/// Ends all of the caller's sessions but the current one.
///
/// Their access tokens stop working with the next request.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/sessions",
    operation_id = "endOtherSessions",
    tag = "Accounts",
    security(("accessToken" = [])),
    responses((status = 204, description = "Only the session of this request is left.")),
)]
pub async fn end_others(State(app): State<App>, caller: ClaimedSession) -> Result<StatusCode, ApiError> {
    let mut batch = caller.batch();
    let (user_id, current) = (batch.user_id(), batch.session_id());
    batch.push(sessions::end_others(user_id, Some(current), "ended_by_person", app.now()));
    batch.push(caller.event_if_changed(&app, SecurityEventName::OtherSessionsEnded, json!({})));
    batch.run(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}
