//! Models, benchmarks and runs: what programs declare and upload, and what anyone reads of it.

mod benchmarks;
mod counts;
mod models;
mod publish;
mod results;
mod runs;
mod withdraw;

use axum::{
    Router,
    routing::{get, post, put},
};

pub use runs::{find, run_body};
pub use withdraw::Body as Reason;

use crate::app::App;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/models", get(models::list))
        .route("/models/{provider}/{name}", get(models::one).put(models::put))
        .route("/benchmarks", get(benchmarks::list))
        .route("/benchmarks/{id}", get(benchmarks::one))
        .route("/benchmarks/{id}/versions/{version}", put(benchmarks::put))
        .route("/runs", post(runs::create))
        .route("/runs/{id}", get(runs::one))
        .route("/runs/{id}/results", get(results::list).post(results::upload))
        .route("/runs/{id}/counts", put(counts::handler))
        .route("/runs/{id}/publish", post(publish::handler))
        .route("/runs/{id}/withdraw", post(withdraw::handler))
}
