//! Everything around the API: index, health, documentation, keys, pages, and the development mailbox and clock.

mod dev_clock;
mod dev_mail;
mod docs;
mod health;
mod icons;
mod key_sets;
pub mod metrics;
mod problems;
mod remedies;
mod static_answer;
mod styles;
mod tick;

use axum::{
    Router,
    routing::{get, post},
};

pub use self::dev_clock::follow;
use self::static_answer::StaticAnswer;
use crate::app::App;

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    key_sets::jwks,
    key_sets::log_keys,
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
        .route("/style.css", get(styles::site))
        .route("/favicon.svg", get(icons::favicon))
        .route("/card.png", get(icons::card))
        .route("/robots.txt", get(icons::robots))
        .route("/account.css", get(styles::account))
        .route("/docs.css", get(styles::docs))
        .route("/dev/mail", get(dev_mail::handler))
        .route("/dev/clock", get(dev_clock::show).post(dev_clock::advance))
        .route("/internal/tick", post(tick::handler))
}

/// Returns the routes for programs without credentials: how the API is called, and with which keys tokens are verified.
pub fn public_documents() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(docs::openapi))
        .route("/.well-known/jwks.json", get(key_sets::jwks))
        .route("/.well-known/log-keys.json", get(key_sets::log_keys))
}
