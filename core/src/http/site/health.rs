use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    app::App,
    http::problem::{ApiError, Problem, SERVICE_UNAVAILABLE},
    store::migrations,
};

/// The process answers.
pub async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers too, and has the newest schema.
pub async fn ready(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    if let Err(error) = app.database().check().await {
        log::error!("{error}");
        return Err(Problem::new(SERVICE_UNAVAILABLE, "the database's file is gone, empty or replaced")
            .retry_after(5)
            .into());
    }
    let missing = match migrations::pending(app.database()).await {
        Ok(pending) if pending.is_empty() => return Ok(Json(json!({ "status": "ready" }))),
        Ok(pending) => {
            let names = pending.iter().map(|migration| migration.name).collect::<Vec<_>>().join(", ");
            format!("migrations have not run: {names}")
        }
        Err(error) => {
            log::error!("{error}");
            "the database does not answer, or has never been migrated".to_owned()
        }
    };
    Err(Problem::new(SERVICE_UNAVAILABLE, missing).retry_after(5).into())
}
