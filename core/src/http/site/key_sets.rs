//! Public keys that verify what this server signs: access tokens, and heads of the log.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};

use crate::{app::App, domain::Jwks, http::openapi::IfNoneMatch};

/// Lists the public keys that verify access tokens.
///
/// Whoever gets an access token verifies it with the key that its header's `kid` names, without asking the service.
/// Fetch the set again where a `kid` is not in it.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "jwks",
    tag = "Accounts",
    params(IfNoneMatch),
    responses((status = 200, description = "The key set.", body = Jwks)),
)]
pub(super) async fn jwks(State(app): State<App>) -> Response {
    key_set(app.keys().jwks())
}

/// Lists the public keys that verify heads of the log of changes.
///
/// A head names its key in `keyId`. The current key comes first, then the previous one while it is kept.
#[utoipa::path(
    get,
    path = "/.well-known/log-keys.json",
    operation_id = "logKeys",
    tag = "Leaderboard",
    params(IfNoneMatch),
    responses((status = 200, description = "The key set.", body = Jwks)),
)]
pub(super) async fn log_keys(State(app): State<App>) -> Response {
    key_set(app.keys().log_keys())
}

fn key_set(keys: Jwks) -> Response {
    let mut response = Json(keys).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
