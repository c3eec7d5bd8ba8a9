use axum::{Json, extract::State};
use http::{HeaderMap, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::tokens;
use crate::{
    app::App,
    domain::{RefreshToken, SessionId, Timestamp},
    http::{openapi::ForbiddenPage, problem::ApiError, user_body::UserBody},
    store::sessions,
};

/// Whether the browser holds a session in cookie mode: by `authenticated`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum BrowserSession {
    Live(Box<LiveBrowserSession>),
    None(NoBrowserSession),
}

/// The session that the browser's cookie continues.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveBrowserSession {
    /// `/api/v1/auth/refresh` fetches an access token.
    #[schema(extensions(("x-const" = json!(true))))]
    authenticated: bool,
    session_id: SessionId,
    /// When it ends, whatever its use. Unused for 7 days, it ends earlier.
    expires_at: Timestamp,
    user: UserBody,
}

/// There is no session, and why.
#[derive(Serialize, ToSchema)]
pub struct NoBrowserSession {
    /// Log in.
    #[schema(extensions(("x-const" = json!(false))))]
    authenticated: bool,
    #[schema(inline)]
    reason: NoSessionReason,
    /// What to do about it, in a sentence.
    #[schema(example = "log in")]
    detail: String,
}

/// Why there is no session.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NoSessionReason {
    /// The browser has no cookie.
    NoCookie,
    /// The browser sends none: the page is of another site than this API.
    CrossSite,
    /// It has ended, or is not one of ours.
    SessionEnded,
}

/// Tells whether the browser holds a session in cookie mode.
///
/// For front ends when they load, before they know: nobody being logged in is an answer here (200), and not a refusal. It
/// looks at the cookie and changes nothing: the session stays as unused as it was, and its refresh token the same. A page of
/// another origin than the API's needs one that CORS allows.
#[utoipa::path(
    get,
    path = "/api/v1/auth/session",
    operation_id = "getBrowserSession",
    tag = "Accounts",
    security((), ("refreshCookie" = [])),
    responses(
        (status = 200, description = "The session, or that there is none.", body = inline(BrowserSession)),
        (status = 403, response = ForbiddenPage),
    ),
)]
pub async fn handler(State(app): State<App>, headers: HeaderMap) -> Result<Json<BrowserSession>, ApiError> {
    // A page of the API's own origin sends no `Origin` with a GET.
    if headers.contains_key(header::ORIGIN) {
        tokens::require_allowed_origin(&app, &headers)?;
    }
    let none = |reason| {
        let detail = match reason {
            NoSessionReason::CrossSite => tokens::cross_site_detail(&app),
            NoSessionReason::NoCookie | NoSessionReason::SessionEnded => "log in".to_owned(),
        };
        Ok(Json(BrowserSession::None(NoBrowserSession { authenticated: false, reason, detail })))
    };
    let Some(token) = tokens::cookie_token(&headers)? else {
        let is_cross_site = tokens::is_cross_site(&headers);
        return none(if is_cross_site { NoSessionReason::CrossSite } else { NoSessionReason::NoCookie });
    };
    let Some(token) = RefreshToken::parse(token.expose()) else { return none(NoSessionReason::SessionEnded) };
    let found = sessions::find(&token.session_id).run(app.database()).await?;
    let is_live = |session: &sessions::Session| {
        app.keys().is_refresh_token(&token, &session.nonce) && session.refreshes(token.generation, app.now())
    };
    let Some(session) = found.filter(is_live) else { return none(NoSessionReason::SessionEnded) };
    Ok(Json(BrowserSession::Live(Box::new(LiveBrowserSession {
        authenticated: true,
        session_id: session.id,
        expires_at: session.expires_at,
        user: session.user.into(),
    }))))
}
