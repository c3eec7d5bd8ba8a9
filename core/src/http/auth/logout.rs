use axum::{
    extract::{FromRequestParts as _, Request, State},
    response::{IntoResponse as _, Response},
};
use http::{StatusCode, header};
use serde_json::json;

use super::{refresh, tokens};
use crate::{
    app::App,
    domain::{RefreshToken, SecurityEventName, SessionId, UserId},
    http::{
        client::Client,
        credentials::ClaimedSession,
        openapi::{ForbiddenSession, Unauthorized},
        problem::{ApiError, INVALID_TOKEN, MISSING_CREDENTIALS},
    },
    store::{Batch, Handle, sessions},
};

/// Logs out.
///
/// Ends the session of the access token, or of the refresh token given in the body or the cookie.
#[utoipa::path(
    post,
    path = "/api/v1/auth/logout",
    operation_id = "logout",
    tag = "Accounts",
    security(("accessToken" = []), (), ("refreshCookie" = [])),
    request_body = Option<refresh::Body>,
    responses(
        (
            status = 204,
            description = "The session has ended, for its access tokens too.",
            headers(("Set-Cookie")),
        ),
        (status = 401, response = Unauthorized),
        (status = 403, response = ForbiddenSession),
    ),
)]
pub async fn handler(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let client = Client::of(&parts);
    let mut rides_in_cookie = false;
    let ends_cookie = if parts.headers.contains_key(header::AUTHORIZATION) {
        let caller = ClaimedSession::from_request_parts(&mut parts, &app).await?;
        log_out(&app, &caller).await?
    } else {
        let cookie_session = tokens::cookie_session(&parts.headers)?;
        let token = refresh::presented(&app, Request::from_parts(parts, body)).await?;
        let token = token.ok_or_else(|| ApiError::new(MISSING_CREDENTIALS, "send an access or a refresh token"))?;
        let invalid = || ApiError::new(INVALID_TOKEN, "this is no refresh token of ours");
        let token = RefreshToken::parse(token.expose()).ok_or_else(invalid)?;
        rides_in_cookie = cookie_session.as_ref() == Some(&token.session_id);
        let session = refresh::genuine(&app, &token).await?;
        let mut batch = Batch::new();
        let ends_cookie = end(&mut batch, &app, &client, &session.user.id, &session.id);
        batch.run(app.database()).await?.take(ends_cookie)?
    };
    let mut response = StatusCode::NO_CONTENT.into_response();
    // Also for a session that had ended before: the browser is to forget it.
    if rides_in_cookie || ends_cookie {
        tokens::clear_cookie(response.headers_mut());
    }
    Ok(response)
}

/// Ends the caller's session, and returns whether its refresh token rides in a cookie.
///
/// # Errors
/// The errors of a session's batch.
pub async fn log_out(app: &App, caller: &ClaimedSession) -> Result<bool, ApiError> {
    let mut batch = caller.batch();
    let (user_id, id) = (batch.user_id(), batch.session_id());
    let ends_cookie = end(&mut batch, app, caller.client(), user_id, id);
    Ok(batch.run(app).await?.take(ends_cookie)?)
}

/// Adds the end of the session to a batch; the handle gives whether the session's refresh token rides in a cookie.
fn end(batch: &mut Batch, app: &App, client: &Client, user_id: &UserId, id: &SessionId) -> Handle<bool> {
    let event = client.event(app, SecurityEventName::Logout, json!({ "sessionId": id }));
    let ends_cookie = batch.push(sessions::end(id, "logout", app.now()));
    batch.push(event.of_if_changed(user_id, Some(user_id)));
    ends_cookie
}
