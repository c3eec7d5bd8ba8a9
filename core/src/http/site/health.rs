use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    http::{
        openapi::NotReady,
        problem::{ApiError, Problem, SERVICE_UNAVAILABLE},
    },
    store::migrations,
};

/// That the process answers.
#[derive(Serialize, ToSchema)]
pub struct Health {
    #[schema(extensions(("x-const" = json!("ok"))))]
    status: &'static str,
}

/// That the database answers too.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    #[schema(extensions(("x-const" = json!("ready"))))]
    status: &'static str,
}

/// Tells that the process answers.
///
/// Tells that the process runs, and asks nothing else. For a liveness probe.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "Service",
    responses((status = 200, description = "Alive.", body = Health)),
)]
pub async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Tells whether the database is reachable and migrated.
///
/// Tells whether requests can be answered: the database answers, and its schema is the one that this release works with. For
/// a readiness probe.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "ready",
    tag = "Service",
    responses((status = 200, description = "Ready.", body = Ready), (status = 503, response = NotReady)),
)]
pub async fn ready(State(app): State<App>) -> Result<Json<Ready>, ApiError> {
    if let Err(error) = app.database().check().await {
        return Err(unready("the database's file is gone, empty or replaced").caused_by(&error).into());
    }
    match migrations::state(app.database()).await {
        Ok(found) if !found.unknown.is_empty() => Err(unready(migrations::newer(&found.unknown)).into()),
        Ok(found) if found.pending.is_empty() => Ok(Json(Ready { status: "ready" })),
        Ok(found) => {
            let names = found.pending.iter().map(|migration| migration.name).collect::<Vec<_>>().join(", ");
            Err(unready(format!("migrations have not run: {names}")).into())
        }
        Err(error) => {
            let detail = "the database does not answer, has never been migrated, or was migrated by a newer release";
            Err(unready(detail).caused_by(&error).into())
        }
    }
}

fn unready(detail: impl Into<String>) -> Problem {
    Problem::new(SERVICE_UNAVAILABLE, detail).retry_after(5)
}
