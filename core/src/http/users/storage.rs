use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    http::{credentials::ClaimedSession, problem::ApiError},
    store::storage::Storage,
};

/// What the caller has stored, and how much they may.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwnStorage)]
pub struct Body {
    #[serde(flatten)]
    storage: Storage,
    /// How many more there may be.
    #[schema(minimum = 0, example = 1_065_618_368)]
    left_bytes: i64,
}

/// Tells how much the caller has stored, and how much they may.
///
/// Benchmarks, runs and results count; `leftBytes` is what further ones may take.
#[utoipa::path(
    get,
    path = "/api/v1/users/me/storage",
    operation_id = "getMyStorage",
    tag = "User",
    security(("accessToken" = [])),
    responses((status = 200, description = "In bytes of benchmarks, runs and results.", body = Body)),
)]
pub async fn handler(State(app): State<App>, caller: ClaimedSession) -> Result<Json<Body>, ApiError> {
    let storage = caller.confirm(&app).await?.user.storage(app.config().storage_quota_bytes);
    Ok(Json(Body { storage, left_bytes: storage.left_bytes() }))
}
