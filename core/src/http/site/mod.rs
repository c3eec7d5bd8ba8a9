//! Everything around the API: index, health, documentation, keys, pages, and the development mailbox and clock.

mod dev_clock;
mod dev_mail;
mod docs;
mod health;
mod icons;
pub mod metrics;
mod problems;
mod remedies;
mod tick;

use std::sync::LazyLock;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, header};

use super::{leaderboard::caching, openapi::IfNoneMatch};
use crate::{app::App, domain::Jwks};
pub use dev_clock::{catch_up, follow};

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    jwks,
    log_keys,
    dev_clock::show,
    dev_clock::advance,
    dev_mail::handler,
    docs::openapi,
    docs::overview,
    docs::resource,
    docs::guide,
    problems::problems,
    problems::problem,
    health::health,
    health::ready,
    icons::favicon,
    icons::card,
    icons::robots,
    tick::handler
))]
pub struct Described;

/// Returns the routes for people and operators.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/docs", get(docs::overview))
        .route("/docs/api/{resource}", get(docs::resource))
        .route("/docs/guides/{name}", get(docs::guide))
        .route("/problems", get(problems::problems))
        .route("/problems/{code}", get(problems::problem))
        .route("/style.css", get(style))
        .route("/favicon.svg", get(icons::favicon))
        .route("/card.png", get(icons::card))
        .route("/robots.txt", get(icons::robots))
        .route("/account.css", get(account_style))
        .route("/docs.css", get(docs_style))
        .route("/dev/mail", get(dev_mail::handler))
        .route("/dev/clock", get(dev_clock::show).post(dev_clock::advance))
        .route("/internal/tick", post(tick::handler))
}

/// Returns the routes for programs without credentials: how the API is called, and with which keys tokens are verified.
pub fn public_documents() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(docs::openapi))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/.well-known/log-keys.json", get(log_keys))
}

/// Answers with the styles that only pages of accounts need, so that those of the leaderboard stay small.
async fn account_style(headers: HeaderMap) -> Response {
    static STYLE: LazyLock<StaticAnswer> =
        LazyLock::new(|| StaticAnswer::new("text/css; charset=utf-8", include_bytes!("account.css")));
    STYLE.answer(&headers)
}

/// Answers with the styles that only pages of the documentation need.
async fn docs_style(headers: HeaderMap) -> Response {
    static STYLE: LazyLock<StaticAnswer> =
        LazyLock::new(|| StaticAnswer::new("text/css; charset=utf-8", include_bytes!("docs.css")));
    STYLE.answer(&headers)
}

async fn style(headers: HeaderMap) -> Response {
    static STYLE: LazyLock<StaticAnswer> =
        LazyLock::new(|| StaticAnswer::new("text/css; charset=utf-8", include_bytes!("style.css")));
    STYLE.answer(&headers)
}

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
async fn jwks(State(app): State<App>) -> Response {
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
async fn log_keys(State(app): State<App>) -> Response {
    key_set(app.keys().log_keys())
}

fn key_set(keys: Jwks) -> Response {
    let mut response = Json(keys).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// Answer that changes only with a release; its tag is computed once.
struct StaticAnswer {
    media_type: &'static str,
    body: &'static [u8],
    tag: String,
}

impl StaticAnswer {
    fn new(media_type: &'static str, body: &'static [u8]) -> Self {
        Self { media_type, body, tag: caching::etag(body) }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let holds = HeaderValue::from_static("public, max-age=300");
        caching::not_modified(headers, &self.tag, holds.clone()).unwrap_or_else(|| {
            let mut response = self.body.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
            caching::cacheable(response, &self.tag, holds)
        })
    }
}
