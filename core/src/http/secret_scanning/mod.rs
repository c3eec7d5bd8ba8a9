//! `/api/v1/secret-scanning`: reports of leaked API keys, from those who search public places for credentials.

mod github;
mod public_keys;

use axum::{Router, routing::post};

use crate::app::App;

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(github::handler))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new().route("/github", post(github::handler))
}
