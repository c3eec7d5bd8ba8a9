//! The public data for programs elsewhere: the whole data set, table by table, as of one snapshot, and what other sites
//! take of it in their own formats.

mod croissant;
mod every_eval_ever;
mod hugging_face;
mod manifest;
mod table;

use axum::{Router, routing::get};

use crate::{app::App, store::changes::NewestSnapshot};

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(manifest::handler, croissant::handler, table::handler, every_eval_ever::handler, hugging_face::handler),
    components(schemas(hugging_face::ScoreScale))
)]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/export", get(manifest::handler))
        .route("/export/croissant", get(croissant::handler))
        .route("/export/{table}", get(table::handler))
        .route("/runs/{id}/every-eval-ever", get(every_eval_ever::handler))
        .route("/models/{provider}/{name}/eval-results.yaml", get(hugging_face::handler))
}

/// Returns the newest snapshot's place in the order of all snapshots; 0 before the first one.
fn newest_seq(newest: Option<&NewestSnapshot>) -> i64 {
    newest.map_or(0, |newest| newest.seq)
}
