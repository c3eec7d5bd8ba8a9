//! Models, benchmarks and runs: what programs declare and upload, and what anyone reads of it.

mod benchmark_input;
mod benchmarks;
mod counts;
mod current_version;
mod evidence;
mod given_score;
mod models;
mod publish;
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

pub use runs::{RunBody, find};
pub use withdraw::Body as Reason;

use crate::{
    app::App,
    domain::{
        UserId, ValidationErrorCode,
        conditions::{Conditions, MOST_ATTEMPTS, MOST_SECONDS},
        system::Agent,
    },
    http::{
        credentials::invalid_key,
        moderation::publishes_to_hidden,
        problem::{ApiError, Problem, ProblemMembers, STORAGE_QUOTA_EXCEEDED},
        request::Validator,
    },
    store::{benchmarks::VersionTitle, declarations::Declaration, storage},
};

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

/// Checks conditions and returns them as they are kept: `None` where they say nothing.
fn check_conditions(validator: &mut Validator, conditions: Option<Conditions>) -> Option<Conditions> {
    let conditions = conditions.and_then(Conditions::if_any)?;
    let seconds = conditions.time_limit_seconds.is_none_or(|seconds| (1..=MOST_SECONDS).contains(&seconds));
    validator.require(seconds, "/conditions/timeLimitSeconds", "give 1 to 31536000 seconds");
    let attempts = conditions.attempts.is_none_or(|attempts| (1..=MOST_ATTEMPTS).contains(&attempts));
    validator.require(attempts, "/conditions/attempts", "give 1 to 1000000");
    Some(conditions)
}

/// Checks the agent and the configuration, which tell the system of a run from the model's others, and returns both.
fn check_system(
    validator: &mut Validator,
    agent: Option<&Agent>,
    configuration: Option<&str>,
) -> (Option<Agent>, Option<String>) {
    let agent = agent.map(|agent| Agent {
        name: validator.label("/agent/name", &agent.name, 100),
        version: agent.version.as_ref().map(|version| validator.label("/agent/version", version, 100)),
    });
    (agent, configuration.map(|label| validator.label("/configuration", label, 100)))
}

/// Refuses a model or version that is not declared, or that an administrator hid.
///
/// # Errors
/// `published_to_hidden`, or `validation_failed` at what is missing.
fn require_declared(model: Option<&Declaration>, version: Option<&VersionTitle>) -> Result<(), ApiError> {
    let of_model = model.and_then(|model| model.hidden_reason.clone());
    let of_benchmark = version.and_then(|version| version.hidden_reason.clone());
    if let Some(reason) = of_model.or(of_benchmark) {
        return Err(publishes_to_hidden(reason));
    }
    let mut validator = Validator::default();
    for (exists, pointer, what) in
        [(model.is_some(), "/model", "model"), (version.is_some(), "/version", "benchmark version")]
    {
        if !exists {
            validator.refuse(pointer, ValidationErrorCode::UnknownReference, format!("declare the {what} first"));
        }
    }
    validator.finish()
}

/// Creates the error for a batch that its owner has no storage left for.
///
/// # Errors
/// `invalid_api_key` where the owner's account has gone meanwhile; else what the database answers.
async fn over_quota(app: &App, owner_id: &UserId) -> Result<ApiError, ApiError> {
    let storage = storage::find(owner_id, app.config().storage_quota_bytes).run(app.database()).await?;
    let storage = storage.ok_or_else(invalid_key)?;
    let left = storage.left_bytes();
    let detail = format!(
        "{left} of {} bytes are left for benchmarks, runs and results, and this takes more; an administrator can raise the quota",
        storage.quota_bytes
    );
    let members = ProblemMembers {
        used_bytes: Some(storage.used_bytes),
        quota_bytes: Some(storage.quota_bytes),
        left_bytes: Some(left),
        ..ProblemMembers::default()
    };
    Ok(Problem::new(STORAGE_QUOTA_EXCEEDED, detail).with(members).into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        config::{Config, HostDefaults},
        http::problem::INVALID_API_KEY,
        ports::counting::Counting,
    };

    #[test]
    fn an_owner_who_is_gone_by_then_has_no_quota_and_no_key() {
        let defaults = HostDefaults::development("http://a.example");
        let app = App::new(Arc::new(Counting::default()).ports(), Config::load(&|_| None, defaults).unwrap());
        let refused = over_quota(&app, &"nobody".into()).now_or_never().expect("these ports never wait");
        assert!(matches!(refused, Err(ApiError::Problem(problem)) if problem.is(INVALID_API_KEY)));
    }
}
