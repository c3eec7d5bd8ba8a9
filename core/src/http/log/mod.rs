//! The log of changes as a Merkle tree, so that nobody has to trust who keeps it.

mod head;
mod leaves;
mod proofs;
mod sequencer;

use axum::{Router, routing::get};
use http::HeaderValue;

use crate::app::App;
pub use sequencer::{sequence, sequence_in_background};

/// How long an answer about the past holds.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// What the calls say of themselves.
#[derive(utoipa::OpenApi)]
#[openapi(paths(head::handler, leaves::handler, proofs::inclusion, proofs::consistency))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/log/head", get(head::handler))
        .route("/log/leaves", get(leaves::handler))
        .route("/log/proof/inclusion", get(proofs::inclusion))
        .route("/log/proof/consistency", get(proofs::consistency))
}
