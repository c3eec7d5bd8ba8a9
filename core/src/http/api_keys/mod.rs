//! `/api/v1/api-keys`: a person's keys for programs.

pub mod change;
pub mod create;
pub mod read;
pub mod revoke;
pub mod rotate;
pub mod usage;
mod verify;

use axum::{
    Router,
    routing::{get, post},
};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::{
    app::App,
    domain::{
        ApiKeyId, Secret, Timestamp,
        api_key::{KeyStatus, Scope},
        formats::IpBlock,
    },
    http::problem::{API_KEY_NOT_ACTIVE, ApiError, TOO_MANY_API_KEYS},
    store::api_keys::{ApiKeyRecord, MOST_ACTIVE},
};

/// OpenAPI descriptions of these endpoints.
#[derive(OpenApi)]
#[openapi(paths(
    read::list,
    create::handler,
    verify::handler,
    read::one,
    change::handler,
    revoke::handler,
    rotate::handler,
    usage::handler
))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(read::list).post(create::handler))
        .route("/verify", post(verify::handler))
        .route("/{id}", get(read::one).patch(change::handler).delete(revoke::handler))
        .route("/{id}/rotate", post(rotate::handler))
        .route("/{id}/usage", get(usage::handler))
}

/// A key as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
pub struct ApiKeyBody {
    id: ApiKeyId,
    #[schema(min_length = 1, max_length = 255, example = "nightly benchmarks")]
    name: String,
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// How the key begins, to tell keys apart.
    #[schema(pattern = "^aib_(live|test)_[0-9A-Za-z]{4}$", example = "aib_live_7Qk2")]
    key_prefix: String,
    #[schema(value_type = BTreeSet<Scope>, min_items = 1)]
    scopes: Vec<Scope>,
    /// What is admitted in any window: a request costs 1, a verification its `cost`.
    #[schema(minimum = 1, maximum = 100_000, example = 1000)]
    rate_limit: u32,
    #[schema(minimum = 1, maximum = 86_400, example = 3600)]
    rate_limit_window_seconds: u32,
    /// CIDR blocks in their one spelling, such as 192.0.2.7/32; empty: any address.
    #[schema(value_type = BTreeSet<IpBlock>, max_items = 100)]
    allowed_ips: Vec<String>,
    status: KeyStatus,
    /// When it ends by itself; null: never.
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    /// When it was last let in. In lists it may be a minute behind.
    last_used_at: Option<Timestamp>,
    /// When it was revoked, by whomever.
    revoked_at: Option<Timestamp>,
    /// The key that this one took over from.
    rotated_from: Option<ApiKeyId>,
}

/// A new key, shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedApiKey {
    api_key: ApiKeyBody,
    /// The key itself, which is shown this once.
    #[schema(value_type = String, pattern = "^aib_(live|test)_[0-9A-Za-z]{38}$", example = "aib_live_7Qk2mZr9Xw4Tn8Vb3Yc6Lh1Pd5Sf0Gj20aBcD9")]
    #[serde(serialize_with = "Secret::shown")]
    key: Secret,
}

impl ApiKeyBody {
    /// Creates the body of a key as it stands at `now`.
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
