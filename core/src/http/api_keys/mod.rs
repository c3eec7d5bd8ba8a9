//! `/api/v1/api-keys`: a person's keys for programs.

mod create;
mod read;
mod revoke;
mod verify;

use axum::{
    Router,
    routing::{get, post},
};
use serde::Serialize;

use crate::{app::App, ports::Timestamp, store::api_keys::ApiKeyRecord};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(read::list).post(create::handler))
        .route("/verify", post(verify::handler))
        .route("/{id}", get(read::one).delete(revoke::handler))
}

/// A key as its owner sees it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyBody {
    id: String,
    name: String,
    description: Option<String>,
    key_prefix: String,
    scopes: Vec<String>,
    rate_limit: u32,
    rate_limit_window_seconds: u32,
    allowed_ips: Vec<String>,
    status: &'static str,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    rotated_from: Option<String>,
}

impl ApiKeyBody {
    /// How it stands at `now`.
    pub fn new(key: ApiKeyRecord, now: Timestamp) -> Self {
        Self {
            status: key.status(now),
            id: key.id,
            name: key.name,
            description: key.description,
            key_prefix: key.key_prefix,
            scopes: key.scopes,
            rate_limit: key.rate_limit,
            rate_limit_window_seconds: key.rate_limit_window_seconds,
            allowed_ips: key.allowed_ips,
            expires_at: key.expires_at,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            rotated_from: key.rotated_from,
        }
    }
}
