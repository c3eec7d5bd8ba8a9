//! `/api/v1/users`: the caller's own account.

mod audit_log;
pub mod delete;
pub mod email;
pub mod export;
pub mod me;
mod storage;
pub mod verify_anew;

use axum::{
    Router,
    routing::{get, post},
};
use utoipa::OpenApi;

use crate::{app::App, http::problem::ApiError};

/// OpenAPI descriptions of these endpoints.
#[derive(OpenApi)]
#[openapi(paths(
    me::get,
    me::patch,
    delete::handler,
    storage::handler,
    email::handler,
    verify_anew::handler,
    export::handler,
    audit_log::handler
))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/me", get(me::get).patch(me::patch).delete(delete::handler))
        .route("/me/storage", get(storage::handler))
        .route("/me/email", post(email::handler))
        .route("/me/email/verification", post(verify_anew::handler))
        .route("/me/export", get(export::handler))
        .route("/me/audit-log", get(audit_log::handler))
}

/// Returns the error for a live session without its person, which no constraint of the database allows.
fn account_gone() -> ApiError {
    ApiError::internal("the person of a live session is gone")
}
