//! `/api/v1/admin`: what administrators see and do.

pub mod audit_log;
pub mod featured_benchmark;
pub mod health;
pub mod mails;
mod moderation;
pub mod runs;
pub mod users;

use axum::{
    Router,
    routing::{delete, get, post},
};

use crate::{app::App, http::publishing::run_list};

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    users::list,
    users::one,
    users::change,
    users::end_sessions,
    users::remove_second_factor,
    users::lift_undeliverable,
    run_list::published,
    runs::reject,
    moderation::hide_model,
    moderation::unhide_model,
    moderation::rename_model,
    moderation::hide_benchmark,
    moderation::unhide_benchmark,
    moderation::rename_benchmark,
    featured_benchmark::read,
    featured_benchmark::handler,
    audit_log::handler,
    mails::list,
    mails::send_again,
    health::handler
))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/users", get(users::list))
        .route("/users/{id}", get(users::one).patch(users::change))
        .route("/users/{id}/sessions", delete(users::end_sessions))
        .route("/users/{id}/mfa", delete(users::remove_second_factor))
        .route("/users/{id}/undeliverable", delete(users::lift_undeliverable))
        .route("/runs", get(run_list::published))
        .route("/runs/{id}/reject", post(runs::reject))
        .route("/models/{provider}/{name}/hide", post(moderation::hide_model))
        .route("/models/{provider}/{name}/unhide", post(moderation::unhide_model))
        .route("/models/{provider}/{name}/rename", post(moderation::rename_model))
        .route("/benchmarks/{id}/hide", post(moderation::hide_benchmark))
        .route("/benchmarks/{id}/unhide", post(moderation::unhide_benchmark))
        .route("/benchmarks/{id}/rename", post(moderation::rename_benchmark))
        .route("/featured-benchmark", get(featured_benchmark::read).put(featured_benchmark::handler))
        .route("/mails", get(mails::list))
        .route("/mails/{id}/send", post(mails::send_again))
        .route("/health", get(health::handler))
        .route("/audit-log", get(audit_log::handler))
}
