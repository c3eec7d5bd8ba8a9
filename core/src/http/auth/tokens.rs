//! The answer that holds tokens.

use axum::{Json, response::IntoResponse as _, response::Response};
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;

use crate::{
    app::App,
    domain::{ACCESS_TOKEN_SECONDS, AccessClaims, RefreshToken, Secret},
    http::{
        problem::{ApiError, ORIGIN_NOT_ALLOWED},
        users::UserBody,
    },
    ports::Timestamp,
    store::sessions::Session,
};

const COOKIE: &str = "__Secure-aibaas_refresh";
const COOKIE_ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Lax; Path=/api/v1/auth";

/// Access and refresh token of the session's current generation, as of the moment `now` of the write that made it; in
/// cookie mode the latter rides in its cookie.
pub fn answer(app: &App, session: &Session, now: Timestamp) -> Result<Response, ApiError> {
    let user = &session.user;
    let claims = AccessClaims {
        iss: app.config().base_url.clone(),
        aud: app.config().base_url.clone(),
        sub: user.id.clone(),
        sid: session.id.clone(),
        jti: app.new_id(),
        email: user.email.clone(),
        role: user.role.clone(),
    };
    let access = app.keys().sign_access_token(claims, now).map_err(ApiError::internal)?;
    let refresh =
        app.keys().refresh_token(&session.id, session.generation, &session.nonce).map_err(ApiError::internal)?;
    let refresh_seconds = session.expires_at.ms_since(now) / 1000;
    let mut body = json!({
        "accessToken": access.expose(),
        "tokenType": "Bearer",
        "expiresIn": ACCESS_TOKEN_SECONDS,
        "refreshExpiresIn": refresh_seconds,
        "user": UserBody::from(user.clone()),
    });
    if !session.cookie {
        if let Some(body) = body.as_object_mut() {
            body.insert("refreshToken".to_owned(), refresh.expose().into());
        }
        return Ok(Json(body).into_response());
    }
    let cookie = format!("{COOKIE}={}; Max-Age={refresh_seconds}; {COOKIE_ATTRIBUTES}", refresh.expose());
    let mut response = Json(body).into_response();
    set_cookie(response.headers_mut(), &cookie);
    Ok(response)
}

/// Makes the browser forget the refresh token.
pub fn clear_cookie(headers: &mut HeaderMap) {
    set_cookie(headers, &format!("{COOKIE}=; Max-Age=0; {COOKIE_ATTRIBUTES}"));
}

fn set_cookie(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}

/// The refresh token in the request's cookie, if any.
pub fn cookie_token(headers: &HeaderMap) -> Option<Secret> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| Secret::new(token))
}

/// The session whose refresh token rides in the request's cookie; whether it is genuine is not looked at.
pub fn cookie_session(headers: &HeaderMap) -> Option<String> {
    RefreshToken::parse(cookie_token(headers)?.expose()).map(|token| token.session_id)
}

/// What rides in a cookie, another site could send too: such calls must come from an origin that CORS allows.
pub fn require_allowed_origin(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    if app.config().cors_origins.iter().any(|allowed| Some(allowed.as_bytes()) == origin) {
        return Ok(());
    }
    Err(ApiError::new(ORIGIN_NOT_ALLOWED, "cookie mode needs an Origin that CORS_ORIGINS lists"))
}
