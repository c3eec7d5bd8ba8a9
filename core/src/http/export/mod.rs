//! The whole public data set, table by table, as of one snapshot: for those who keep a copy, or compute their own.

mod croissant;
mod manifest;
mod table;

use axum::{Router, routing::get};

use crate::{app::App, store::changes::NewestSnapshot};

/// What the calls say of themselves.
#[derive(utoipa::OpenApi)]
#[openapi(paths(manifest::handler, croissant::handler, table::handler))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/export", get(manifest::handler))
        .route("/export/croissant", get(croissant::handler))
        .route("/export/{table}", get(table::handler))
}

/// The newest snapshot's place in the order of all; before the first one, 0.
fn newest_seq(newest: Option<&NewestSnapshot>) -> i64 {
    newest.map_or(0, |newest| newest.seq)
}
