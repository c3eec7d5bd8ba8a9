//! Users who are logged in to the pages of this server, by a cookie.

use http::{HeaderMap, request::Parts};

use super::ClaimedSession;
use crate::{
    app::App,
    http::{client::Client, cookies, problem::ApiError},
    store::sessions::Session,
};

/// Name of the session cookie. No neighbouring subdomain can set one of this prefix (RFC 6265bis, 4.1.3.2).
const COOKIE: &str = "__Host-aibaas_session";
const ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Lax; Path=/";

/// Returns the session that the browser's cookie claims, if it has a genuine one.
///
/// # Errors
/// `malformed_request` where it has two such cookies.
pub fn claimed(app: &App, parts: &Parts) -> Result<Option<ClaimedSession>, ApiError> {
    let token = cookies::only(&parts.headers, COOKIE)?;
    let claim = token.and_then(|token| app.keys().read_browser_token(token.expose()));
    Ok(claim.map(|(id, user_id)| ClaimedSession::of_browser(user_id, id, Client::of(parts))))
}

/// Sets the browser's cookie of a session that has just started.
///
/// # Errors
/// Never in practice.
pub fn keep(app: &App, headers: &mut HeaderMap, session: &Session) -> Result<(), ApiError> {
    let token = app.keys().browser_token(&session.id, &session.user.id).map_err(ApiError::internal)?;
    let seconds = session.expires_at.ms_since(session.started_at) / 1000;
    cookies::append(headers, &format!("{COOKIE}={}; Max-Age={seconds}; {ATTRIBUTES}", token.expose()));
    Ok(())
}

/// Makes the browser forget its session.
pub fn forget(headers: &mut HeaderMap) {
    cookies::append(headers, &format!("{COOKIE}=; Max-Age=0; {ATTRIBUTES}"));
}
