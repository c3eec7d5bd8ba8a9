//! `/admin`: administration in the browser. Pages like those of accounts, whose forms call what `/api/v1/admin` calls.

mod acts;
mod addresses;
mod events;
mod featured;
mod frame;
mod health;
mod outbox;
mod overview;
mod people;
mod runs;
mod visit;

use axum::{
    Router,
    body::Body,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
    routing::{get, post},
};

use super::{
    account_pages::{PageResult, errors},
    problem::{Problem, ROLE_REQUIRED},
    problem_page::{no_such_path, problems_as_pages},
};
use crate::app::App;

pub fn routes() -> Router<App> {
    let pages = Router::new()
        .route("/", get(overview::page))
        .route("/people", get(people::list))
        .route("/people/{id}", get(people::person))
        .route("/people/{id}/{act}", get(acts::page).post(acts::submit))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::run))
        .route("/runs/{id}/reject", get(runs::reject_page).post(runs::reject))
        .route("/featured-benchmark", get(featured::page).post(featured::choose))
        .route("/featured-benchmark/clear", post(featured::clear))
        .route("/outbox", get(outbox::list))
        .route("/outbox/{id}/send", post(outbox::send))
        .route("/health", get(health::page))
        .route("/events", get(events::list));
    // The layer that is added last is the outermost.
    Router::new().nest(
        "/admin",
        pages
            .route_layer(from_fn(errors::as_page))
            .route_layer(from_fn(as_unknown))
            .route_layer(from_fn(problems_as_pages)),
    )
}

/// Hides the pages from everybody but administrators: others who are logged in get the answer of an unknown path.
async fn as_unknown(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Request::from_parts(parts.clone(), Body::empty());
    let response = next.run(Request::from_parts(parts, body)).await;
    let is_refused = response.extensions().get::<Problem>().is_some_and(|problem| problem.is(ROLE_REQUIRED));
    if is_refused { no_such_path(asked).await } else { response }
}
