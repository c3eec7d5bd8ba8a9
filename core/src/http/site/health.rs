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
        return Err(unready("the database's file is gone, empty or replaced").caused_by(&error).into());
    }
    match migrations::pending(app.database()).await {
        Ok(pending) if pending.is_empty() => Ok(Json(json!({ "status": "ready" }))),
        Ok(pending) => {
            let names = pending.iter().map(|migration| migration.name).collect::<Vec<_>>().join(", ");
            Err(unready(format!("migrations have not run: {names}")).into())
        }
        Err(error) => Err(unready("the database does not answer, or has never been migrated").caused_by(&error).into()),
    }
}

fn unready(detail: impl Into<String>) -> Problem {
    Problem::new(SERVICE_UNAVAILABLE, detail).retry_after(5)
}
