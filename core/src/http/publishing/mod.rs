//! Models, benchmarks and runs: what programs declare and upload, and what anyone reads of it.

mod benchmark_input;
mod benchmarks;
mod checks;
mod counts;
mod current_version;
mod evidence;
mod given_score;
mod models;
mod publish;
mod quota;
mod result_input;
mod results;
pub mod run_list;
mod runs;
mod seals;
pub mod withdraw;

use axum::{
    Router,
    routing::{get, post, put},
};

use self::{
    checks::{check_conditions, check_system, require_declared},
    quota::over_quota,
};
pub use self::{
    runs::{RunBody, find},
    withdraw::Body as Reason,
};
use crate::app::App;

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(
    models::list,
    models::one,
    models::put,
    benchmarks::list,
    benchmarks::one,
    benchmarks::put,
    benchmarks::tasks,
    current_version::handler,
    runs::create,
    run_list::own,
    runs::one,
    seals::create,
    seals::one,
    seals::list,
    results::list,
    results::upload,
    counts::handler,
    given_score::handler,
    publish::handler,
    withdraw::handler
))]
pub struct Described;

/// Creates the routes that anybody may read.
pub fn public_routes() -> Router<App> {
    Router::new()
        .route("/models", get(models::list))
        .route("/models/{provider}/{name}", get(models::one))
        .route("/benchmarks", get(benchmarks::list))
        .route("/benchmarks/{id}", get(benchmarks::one))
        .route("/benchmarks/{id}/versions/{version}/tasks", get(benchmarks::tasks))
        .route("/benchmarks/{id}/seals", get(seals::list))
        .route("/runs/{id}", get(runs::one))
        .route("/runs/{id}/results", get(results::list))
        .route("/seals/{id}", get(seals::one))
}

/// Creates the routes by which programs declare and upload.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/models/{provider}/{name}", put(models::put))
        .route("/benchmarks/{id}/versions/{version}", put(benchmarks::put))
        .route("/benchmarks/{id}/current-version", put(current_version::handler))
        .route("/runs", post(runs::create).get(run_list::own))
        .route("/seals", post(seals::create))
        .route("/runs/{id}/results", post(results::upload))
        .route("/runs/{id}/counts", put(counts::handler))
        .route("/runs/{id}/score", put(given_score::handler))
        .route("/runs/{id}/publish", post(publish::handler))
        .route("/runs/{id}/withdraw", post(withdraw::handler))
}
