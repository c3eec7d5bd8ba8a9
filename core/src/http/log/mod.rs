//! The log of changes as a Merkle tree, so that nobody has to trust who keeps it.

mod head;
mod leaves;
mod proofs;

use axum::{Router, routing::get};
use http::HeaderValue;
use serde::{Deserialize as _, Deserializer, de::Error as _};

use crate::app::App;

/// `Cache-Control` of proofs for given sizes, which never change.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(head::handler, leaves::handler, proofs::inclusion, proofs::consistency))]
pub struct Described;

/// The largest number that every client reads exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// Deserializes a number of leaves, or the index of a leaf: at most [`LARGEST`].
fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let place = u64::deserialize(deserializer)?;
    if place <= LARGEST { Ok(place) } else { Err(D::Error::custom(format!("at most {LARGEST}"))) }
}

/// Deserializes a number of leaves, or the index of a leaf, that may be absent.
fn optional_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    place(deserializer).map(Some)
}

pub fn routes() -> Router<App> {
    Router::new()
        .route("/log/head", get(head::handler))
        .route("/log/leaves", get(leaves::handler))
        .route("/log/proof/inclusion", get(proofs::inclusion))
        .route("/log/proof/consistency", get(proofs::consistency))
}
