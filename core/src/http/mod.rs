//! The routes.

use axum::{Router, routing::get};

use crate::app::App;

/// Every route.
pub fn router(app: &App) -> Router {
    Router::new().route("/health", get(|| async { "ok" })).with_state(app.clone())
}
