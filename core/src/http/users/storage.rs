use axum::{Json, extract::State};
use serde::Serialize;

use crate::{
    app::App,
    http::{credentials::Person, problem::ApiError},
    store::{Batch, storage::Storage},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    #[serde(flatten)]
    storage: Storage,
    left_bytes: i64,
}

/// Tells how much the caller has stored of benchmarks, runs and results, and how much they may.
pub async fn handler(State(app): State<App>, person: Person) -> Result<Json<Body>, ApiError> {
    let (user, _) = person.read(&app, Batch::new()).await?;
    let storage = user.storage(app.config().storage_quota_bytes);
    Ok(Json(Body { storage, left_bytes: storage.left_bytes() }))
}
