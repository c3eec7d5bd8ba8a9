use axum::{Json, extract::State};
use serde::Serialize;

use crate::{
    app::App,
    http::{credentials::ClaimedSession, problem::ApiError},
    store::storage::Storage,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(flatten)]
    storage: Storage,
    left_bytes: i64,
}

/// Tells how much the caller has stored of benchmarks, runs and results, and how much they may.
pub async fn handler(State(app): State<App>, caller: ClaimedSession) -> Result<Json<Body>, ApiError> {
    let storage = caller.confirm(&app).await?.user.storage(app.config().storage_quota_bytes);
    Ok(Json(Body { storage, left_bytes: storage.left_bytes() }))
}
