use axum::{
    extract::{Request, State},
    response::Response,
};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::tokens::{self, Tokens};
use crate::{
    app::App,
    domain::{RefreshToken, Secret, SecurityEventName, Timestamp, account::AccountStatus},
    http::{
        client::Client,
        openapi::{ForbiddenSession, UnauthorizedRefresh},
        problem::{ApiError, INVALID_TOKEN, MISSING_CREDENTIALS, SESSION_REVOKED},
        request::{BODY_LIMIT, parse_object, read_body},
    },
    mail::{self, EmailTemplate},
    store::{
        Batch,
        sessions::{self, Session},
    },
};

/// Which session is meant; without the member, the cookie's.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = RefreshRequest)]
pub struct Body {
    #[schema(
        value_type = Option<String>,
        min_length = 1,
        max_length = 1024,
        example = "aibr_01939f40-02b7-7a11-9c55-6d7e8f901234.1.bWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWE"
    )]
    refresh_token: Option<Secret>,
}

/// Refreshes the session.
///
/// The session goes on, with a new refresh token. The previous one, presented again within 10 seconds, gets these same
/// tokens (a lost answer, a second tab); later, or with an older one, the session ends, and a mail tells of it.
#[utoipa::path(
    post,
    path = "/api/v1/auth/refresh",
    operation_id = "refresh",
    tag = "Accounts",
    security((), ("refreshCookie" = [])),
    request_body = Option<Body>,
    responses(
        (status = 200, description = "The next tokens.", body = Tokens, headers(("Set-Cookie"))),
        (status = 401, response = UnauthorizedRefresh),
        (status = 403, response = ForbiddenSession),
    ),
)]
pub async fn handler(State(app): State<App>, client: Client, request: Request) -> Result<Response, ApiError> {
    let is_cross_site = tokens::is_cross_site(request.headers());
    let token = presented(&app, request).await?.ok_or_else(|| missing(&app, is_cross_site))?;
    let token = RefreshToken::parse(token.expose()).ok_or_else(unknown)?;
    let session = genuine(&app, &token).await?;
    if session.user.status == AccountStatus::Suspended {
        return Err(ApiError::account_suspended());
    }

    let now = app.now();
    if session.refreshes(token.generation, now) {
        let mut batch = Batch::new();
        batch.push(sessions::rotate(&token.session_id, token.generation, now));
        let current = batch.push(sessions::find(&token.session_id));
        let current = batch.run(app.database()).await?.take(current)?.filter(|current| {
            token.generation.checked_add(1) == Some(current.generation) && current.refreshes(token.generation, now)
        });
        if let Some(current) = current {
            return tokens::answer(&app, &current, now);
        }
    }
    end_reused(&app, &client, &token, now).await?;
    Err(ApiError::new(SESSION_REVOKED, "log in again"))
}

/// Ends the session and mails its person, where the token is an old one, as it was read or has become since.
async fn end_reused(app: &App, client: &Client, token: &RefreshToken, now: Timestamp) -> Result<(), ApiError> {
    let notice = mail::queue(app, &EmailTemplate::SessionEnded { at: now.to_string() })?;
    let event = client.event(app, SecurityEventName::RefreshTokenReused, json!({ "sessionId": token.session_id }));
    let mut batch = Batch::new();
    let is_ended = batch.push(sessions::end_reused(&token.session_id, token.generation, now));
    // The event comes first: the mail is queued only if the event was inserted.
    batch.push(event.of_session_if_changed(&token.session_id));
    batch.push(notice.to_person_of_session_if_changed(&token.session_id));
    if batch.run(app.database()).await?.take(is_ended)? {
        mail::deliver_in_background(app);
    }
    Ok(())
}

/// Finds the session that the token is truly of. Its nonce never changes, so it may be read ahead of the rotation.
pub async fn genuine(app: &App, token: &RefreshToken) -> Result<Session, ApiError> {
    let found = sessions::find(&token.session_id).run(app.database()).await?;
    found.filter(|session| app.keys().is_refresh_token(token, &session.nonce)).ok_or_else(unknown)
}

/// Reads the refresh token of the body, or of the cookie where the origin is allowed one.
pub async fn presented(app: &App, request: Request) -> Result<Option<Secret>, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body, BODY_LIMIT).await?;
    if !body.is_empty() {
        crate::http::request::require_json(&parts.headers)?;
        if let Some(token) = parse_object::<Body>(&body)?.refresh_token {
            return Ok(Some(token));
        }
    }
    from_cookie(app, &parts.headers)
}

fn from_cookie(app: &App, headers: &HeaderMap) -> Result<Option<Secret>, ApiError> {
    let token = tokens::cookie_token(headers)?;
    if token.is_some() {
        tokens::require_allowed_origin(app, headers)?;
    }
    Ok(token)
}

fn missing(app: &App, is_cross_site: bool) -> ApiError {
    if is_cross_site {
        return ApiError::new(MISSING_CREDENTIALS, tokens::cross_site_detail(app));
    }
    ApiError::new(MISSING_CREDENTIALS, "send the refresh token")
}

fn unknown() -> ApiError {
    ApiError::new(INVALID_TOKEN, "this is no refresh token of ours")
}
