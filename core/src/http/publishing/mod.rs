//! Models, benchmarks and runs: what programs declare and upload, and what anyone reads of it.

mod benchmark_input;
mod benchmarks;
mod counts;
mod models;
mod publish;
mod result_input;
mod results;
mod runs;
mod withdraw;

use axum::{
    Router,
    routing::{get, post, put},
};

pub use runs::{find, run_body};
pub use withdraw::Body as Reason;

use crate::{
    app::App,
    http::problem::{ApiError, Problem, STORAGE_QUOTA_EXCEEDED},
    store::storage,
};

/// What anybody may read.
pub fn public_routes() -> Router<App> {
    Router::new()
        .route("/models", get(models::list))
        .route("/models/{provider}/{name}", get(models::one))
        .route("/benchmarks", get(benchmarks::list))
        .route("/benchmarks/{id}", get(benchmarks::one))
        .route("/benchmarks/{id}/versions/{version}/tasks", get(benchmarks::tasks))
        .route("/runs/{id}", get(runs::one))
        .route("/runs/{id}/results", get(results::list))
}

/// What programs declare and upload.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/models/{provider}/{name}", put(models::put))
        .route("/benchmarks/{id}/versions/{version}", put(benchmarks::put))
        .route("/runs", post(runs::create))
        .route("/runs/{id}/results", post(results::upload))
        .route("/runs/{id}/counts", put(counts::handler))
        .route("/runs/{id}/publish", post(publish::handler))
        .route("/runs/{id}/withdraw", post(withdraw::handler))
}

/// What a batch is refused with that its owner has no room for.
///
/// # Errors
/// What the database answers.
async fn over_quota(app: &App, owner_id: &str) -> Result<ApiError, ApiError> {
    let storage = storage::find(owner_id, app.config().storage_quota_bytes).run(app.database()).await?;
    let storage = storage.ok_or_else(|| ApiError::internal("the owner of a key is gone"))?;
    let left = storage.left_bytes();
    let detail = format!(
        "{left} of {} bytes are left for benchmarks, runs and results, and this takes more; an administrator can raise the quota",
        storage.quota_bytes
    );
    Ok(Problem::new(STORAGE_QUOTA_EXCEEDED, detail)
        .member("usedBytes", storage.used_bytes.into())
        .member("quotaBytes", storage.quota_bytes.into())
        .member("leftBytes", left.into())
        .into())
}
