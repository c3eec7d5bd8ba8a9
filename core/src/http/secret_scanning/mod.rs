//! `/api/v1/secret-scanning`: whoever searches public places for leaked credentials reports API keys of ours here.

mod github;
mod public_keys;

use axum::{Router, routing::post};

use crate::app::App;

/// What the calls say of themselves.
#[derive(utoipa::OpenApi)]
#[openapi(paths(github::handler))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new().route("/github", post(github::handler))
}
