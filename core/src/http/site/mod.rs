//! What stands around the API: index, health, documentation, keys, pages, and the development mailbox and clock.

mod dev_clock;
mod dev_mail;
mod docs;
mod health;
mod index;
mod tick;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderValue, header};

use super::leaderboard;
use crate::app::App;
pub use dev_clock::{catch_up, follow};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(index::handler))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
        .route("/style.css", get(style))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/dev/mail", get(dev_mail::handler))
        .route("/dev/clock", get(dev_clock::show).post(dev_clock::advance))
        .route("/internal/tick", post(tick::handler))
        .merge(leaderboard::page_routes())
}

async fn style() -> Response {
    cached("text/css; charset=utf-8", include_str!("style.css"))
}

async fn jwks(State(app): State<App>) -> Response {
    let mut response = Json(app.keys().jwks()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// What changes only with a release.
fn cached(media_type: &'static str, text: &'static str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// Whether the client would rather read HTML than JSON: a browser.
fn wants_html(headers: &http::HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = |media: &str| accept.find(media).unwrap_or(usize::MAX);
    place("text/html") < place("application/json")
}
