//! `/api/v1/api-keys`: a person's keys for programs.

mod change;
mod create;
mod read;
mod revoke;
mod rotate;
mod usage;
mod verify;

use axum::{
    Router,
    routing::{get, post},
};
use serde::Serialize;

use crate::{
    app::App,
    domain::{
        ApiKeyId,
        api_key::{KeyStatus, Scope},
    },
    http::problem::{API_KEY_NOT_ACTIVE, ApiError, TOO_MANY_API_KEYS},
    ports::Timestamp,
    store::api_keys::{ApiKeyRecord, MOST_ACTIVE},
};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(read::list).post(create::handler))
        .route("/verify", post(verify::handler))
        .route("/{id}", get(read::one).patch(change::handler).delete(revoke::handler))
        .route("/{id}/rotate", post(rotate::handler))
        .route("/{id}/usage", get(usage::handler))
}

/// A key as its owner sees it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyBody {
    id: ApiKeyId,
    name: String,
    description: Option<String>,
    key_prefix: String,
    scopes: Vec<Scope>,
    rate_limit: u32,
    rate_limit_window_seconds: u32,
    allowed_ips: Vec<String>,
    status: KeyStatus,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    rotated_from: Option<ApiKeyId>,
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

fn too_many() -> ApiError {
    ApiError::new(TOO_MANY_API_KEYS, format!("revoke one of your {MOST_ACTIVE} active keys first"))
}

fn no_such_key() -> ApiError {
    ApiError::not_found("API key")
}

fn not_active(key: &ApiKeyRecord, now: Timestamp) -> ApiError {
    ApiError::new(API_KEY_NOT_ACTIVE, format!("the key is {}; create another", key.status(now).as_str()))
}
