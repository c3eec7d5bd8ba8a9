//! The wire: one file per endpoint, each from top to bottom: parse, decide, answer.

mod admin;
mod api_keys;
mod auth;
mod client;
mod credentials;
mod deadline;
mod export;
mod host_refusal;
mod idempotency;
mod key_changes;
mod leaderboard;
mod limits;
mod login_throttle;
mod middleware;
mod moderation;
mod page;
mod parameters;
mod passwords;
mod problem;
mod public_reads;
mod publishing;
mod request;
mod request_body;
mod secret_scanning;
mod site;
mod step_up;
mod unknown_keys;
mod users;

use axum::{Router, middleware::from_fn_with_state};

pub use host_refusal::HostRefusal;
pub use middleware::refuse;
pub use problem::ApiError;
pub use request_body::{BodyStalled, Sleep, UnreadBody, watch_body};
pub use site::catch_up;

use crate::app::App;

/// Makes every route, on every host. Build it once and clone it for each request.
pub fn router(app: &App) -> Router {
    let api = Router::new()
        .nest("/auth", auth::routes())
        .nest("/users", users::routes())
        .nest("/admin", admin::routes())
        .nest("/api-keys", api_keys::routes())
        .nest("/secret-scanning", secret_scanning::routes())
        .merge(publishing::routes())
        .merge(public_routes(app));
    let mut router = Router::new()
        .merge(site::routes(app))
        .nest("/api/v1", api)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    if app.clock().movable().is_some() {
        router = router.layer(from_fn_with_state(app.clone(), site::follow));
    }
    router.layer(from_fn_with_state(app.clone(), middleware::complete)).with_state(app.clone())
}

/// What anybody may read.
fn public_routes(app: &App) -> Router<App> {
    Router::new()
        .merge(publishing::public_routes())
        .merge(leaderboard::routes(app))
        .merge(export::routes())
        .route_layer(from_fn_with_state(app.clone(), public_reads::count))
}

async fn no_such_path() -> ApiError {
    ApiError::not_found("path")
}

async fn no_such_method() -> ApiError {
    ApiError::new(problem::METHOD_NOT_ALLOWED, "see the Allow header")
}
