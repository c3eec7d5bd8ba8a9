//! Answers that hold tokens, and the cookie of the refresh token.

use axum::{Json, response::IntoResponse as _, response::Response};
use http::{HeaderMap, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{ACCESS_TOKEN_SECONDS, AccessClaims, RefreshToken, Secret, SessionId, Timestamp},
    http::{
        cookies,
        problem::{ApiError, CROSS_SITE_COOKIE, ORIGIN_NOT_ALLOWED},
        user_body::UserBody,
    },
    store::sessions::Session,
};

const COOKIE: &str = "__Secure-aibaas_refresh";
const COOKIE_ATTRIBUTES: &str = "HttpOnly; Secure; SameSite=Lax; Path=/api/v1/auth";

/// The tokens of a session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// JWT, `typ: at+jwt`.
    #[serde(serialize_with = "Secret::shown")]
    #[schema(
        value_type = String,
        pattern = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$",
        example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIwMTkzIn0.c2lnbmF0dXJl"
    )]
    access_token: Secret,
    #[schema(inline)]
    token_type: TokenType,
    /// Seconds.
    #[schema(minimum = 1, example = 900)]
    expires_in: i64,
    /// Absent in `cookie` mode. Rotated on every use.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "Secret::shown_if_any")]
    #[schema(
        value_type = String,
        min_length = 1,
        max_length = 1024,
        example = "aibr_01939f40-02b7-7a11-9c55-6d7e8f901234.1.bWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWFjbWE"
    )]
    refresh_token: Option<Secret>,
    /// Seconds.
    #[schema(minimum = 1, example = 2_592_000)]
    refresh_expires_in: u64,
    user: UserBody,
}

#[derive(Serialize, ToSchema)]
enum TokenType {
    Bearer,
}

/// Answers with access and refresh token of the session's current generation, as of `now`, the moment of the write that
/// made it. In cookie mode the refresh token rides in its cookie.
pub fn answer(app: &App, session: &Session, now: Timestamp) -> Result<Response, ApiError> {
    let user = &session.user;
    let claims = AccessClaims {
        iss: app.config().base_url.clone(),
        aud: app.config().base_url.clone(),
        sub: user.id.clone(),
        sid: session.id.clone(),
        jti: app.new_id(),
        email: user.email.clone(),
        role: user.role,
    };
    let access = app.keys().sign_access_token(claims, now).map_err(ApiError::internal)?;
    let refresh =
        app.keys().refresh_token(&session.id, session.generation, &session.nonce).map_err(ApiError::internal)?;
    let refresh_seconds = session.expires_at.ms_since(now) / 1000;
    let cookie = session
        .cookie
        .then(|| format!("{COOKIE}={}; Max-Age={refresh_seconds}; {COOKIE_ATTRIBUTES}", refresh.expose()));
    let body = Tokens {
        access_token: access,
        token_type: TokenType::Bearer,
        expires_in: ACCESS_TOKEN_SECONDS,
        refresh_token: Some(refresh).filter(|_| !session.cookie),
        refresh_expires_in: refresh_seconds,
        user: UserBody::from(user.clone()),
    };
    let mut response = Json(body).into_response();
    if let Some(cookie) = cookie {
        cookies::append(response.headers_mut(), &cookie);
    }
    Ok(response)
}

/// Makes the browser forget the refresh token.
pub fn clear_cookie(headers: &mut HeaderMap) {
    cookies::append(headers, &format!("{COOKIE}=; Max-Age=0; {COOKIE_ATTRIBUTES}"));
}

/// Returns the refresh token in the request's cookie, if any.
///
/// # Errors
/// As [`cookies::only`].
pub fn cookie_token(headers: &HeaderMap) -> Result<Option<Secret>, ApiError> {
    cookies::only(headers, COOKIE)
}

/// Returns the session whose refresh token rides in the request's cookie, without checking that the token is genuine.
///
/// # Errors
/// As [`cookie_token`].
pub fn cookie_session(headers: &HeaderMap) -> Result<Option<SessionId>, ApiError> {
    let token = cookie_token(headers)?;
    Ok(token.and_then(|token| RefreshToken::parse(token.expose())).map(|token| token.session_id))
}

/// Returns the session that the browser brought along, for a session in cookie mode to replace.
///
/// # Errors
/// `origin_not_allowed`, `cross_site_cookie`, and as [`cookie_token`].
pub fn cookie_brought(app: &App, headers: &HeaderMap) -> Result<Option<SessionId>, ApiError> {
    require_allowed_origin(app, headers)?;
    if is_cross_site(headers) {
        return Err(ApiError::new(CROSS_SITE_COOKIE, cross_site_detail(app)));
    }
    cookie_session(headers)
}

/// Checks that a call comes from an origin that CORS allows: what rides in a cookie, another site could send too.
pub fn require_allowed_origin(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.get(header::ORIGIN).is_some_and(|origin| app.config().allows_origin(origin.as_bytes())) {
        return Ok(());
    }
    Err(ApiError::new(ORIGIN_NOT_ALLOWED, "cookie mode needs an Origin that CORS_ORIGINS allows"))
}

/// Checks whether the browser says that the page is of another site than this API. The browser then neither keeps nor
/// sends the cookie, which is `SameSite=Lax`, and reports no error.
pub fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

/// Returns the advice for a page of another site.
pub fn cross_site_detail(app: &App) -> String {
    format!(
        "the page is of another site than the address by which it calls this API, so the browser keeps and sends no \
         cookie: call it as {}, serve both under one domain (in development: both as localhost), or log in with mode \
         \"token\"",
        app.config().base_url
    )
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn token(cookies: &[&[u8]]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_bytes(cookie).unwrap());
        }
        cookie_token(&headers).map(|token| token.map(|token| token.expose().to_owned())).map_err(drop)
    }

    #[test]
    fn one_cookie_is_taken() {
        assert_eq!(token(&[]), Ok(None));
        assert_eq!(token(&[b"a=b; __Secure-aibaas_refresh_old=x; _Secure-aibaas_refresh=y"]), Ok(None));
        // The name stands within the value of another cookie.
        assert_eq!(token(&[b"theme=dark,__Secure-aibaas_refresh=x", b"a=b, __Secure-aibaas_refresh=y"]), Ok(None));
        for cookies in [
            [b"a=b; __Secure-aibaas_refresh=tok; c".as_slice(), b"d=e"],
            [b"__Secure-aibaas_refresh=tok", b"a=\xff"],
            [b"a=\xff; __Secure-aibaas_refresh = tok ;;", b""],
        ] {
            assert_eq!(token(&cookies), Ok(Some("tok".to_owned())));
        }
    }

    #[test]
    fn two_cookies_are_refused() {
        for cookies in [
            [b"__Secure-aibaas_refresh=a; __Secure-aibaas_refresh=b".as_slice(), b""],
            [b"__Secure-aibaas_refresh=a", b"__Secure-aibaas_refresh=a"],
            [b"__Secure-aibaas_refresh=a, __Secure-aibaas_refresh=b", b""],
            [b"__Secure-aibaas_refresh=; x=\xff;__Secure-aibaas_refresh=b", b""],
            [b"__Secure-aibaas_refresh=a;__Secure-aibaas_refresh\t=b", b""],
        ] {
            assert_eq!(token(&cookies), Err(()));
        }
    }
}
