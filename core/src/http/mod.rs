//! The wire: one file per endpoint, each from top to bottom: parse, decide, answer.

mod auth;
mod envelope;
mod limits;
mod problem;
mod request;

use axum::{Router, middleware, routing::get};

pub use problem::ApiError;

use crate::app::App;

/// Every route.
pub fn router(app: &App) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok" }))
        .layer(middleware::from_fn_with_state(app.clone(), envelope::envelope))
        .with_state(app.clone())
}
