//! Public reads: leaderboards and what is computed from them, the log of changes, and their HTML pages.

mod api;
mod atom;
mod badge;
mod board;
pub mod caching;
mod changes;
mod compare;
mod finished;
mod formats;
mod health;
mod history;
mod html;
mod last_answer;
mod matrix;
mod named_system;
mod pareto;
mod query;
mod standings;

use axum::{Router, middleware::from_fn_with_state, routing::get};

use self::last_answer::{CachedRoute, or_last_answer};
pub use self::{
    board::{Board, BoardSelector, RowBody},
    html::{Scale, day, grouped, minute, system_name},
};
use crate::app::App;

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(
    paths(
        api::handler,
        api::csv,
        api::ndjson,
        compare::handler,
        health::handler,
        pareto::handler,
        history::handler,
        standings::handler,
        matrix::handler,
        badge::handler,
        changes::handler,
        atom::handler,
        html::board::board,
        html::front::index,
        html::benchmarks::benchmarks,
        html::models::models,
        html::standings::standings,
        html::changes::changes,
        html::search::search,
        html::run::run,
        html::site_map::site_map,
        html::compare::compare,
        html::model::model,
        html::seals::seals
    ),
    components(schemas(
        query::ConditionsFilter,
        query::EvidenceShown,
        query::Group,
        query::Period,
        query::PeriodOf,
        query::Sort,
        query::Order
    ))
)]
pub struct Described;

/// Creates the routes of the API. Each serves its last answer while the database gives none.
pub fn routes(app: &App) -> Router<App> {
    let boards = Router::new()
        .route("/leaderboard", get(api::handler))
        .route("/leaderboard.csv", get(api::csv))
        .route("/leaderboard.ndjson", get(api::ndjson));
    let of_benchmark = Router::new()
        .route("/leaderboard/pareto", get(pareto::handler))
        .route("/benchmarks/{id}/health", get(health::handler))
        .route("/badges/{provider}/{name}", get(badge::handler));
    let others = Router::new()
        .route("/leaderboard/compare", get(compare::handler))
        .route("/models/{provider}/{name}/history", get(history::handler))
        .route("/models/{provider}/{name}/standings", get(standings::handler))
        .route("/standings", get(matrix::handler))
        .route("/changes", get(changes::handler))
        .route("/changes.atom", get(atom::handler));
    with_last_answer(app, boards, CachedRoute::Board)
        .merge(with_last_answer(app, of_benchmark, CachedRoute::OfBenchmark))
        .merge(with_last_answer(app, others, CachedRoute::Path))
}

/// Creates the routes of the HTML pages, which also serve their last answer while the database gives none.
pub fn page_routes(app: &App) -> Router<App> {
    let board = Router::new().route("/leaderboard", get(html::board::board));
    let others = Router::new()
        .route("/", get(html::front::index))
        .route("/benchmarks", get(html::benchmarks::benchmarks))
        .route("/models", get(html::models::models))
        .route("/standings", get(html::standings::standings))
        .route("/changes", get(html::changes::changes))
        .route("/search", get(html::search::search))
        .route("/runs/{id}", get(html::run::run))
        .route("/sitemap.xml", get(html::site_map::site_map))
        .route("/leaderboard/compare", get(html::compare::compare))
        .route("/leaderboard/models/{provider}/{name}", get(html::model::model));
    let seals = Router::new().route("/leaderboard/seals", get(html::seals::seals));
    with_last_answer(app, board, CachedRoute::Board)
        .merge(with_last_answer(app, seals, CachedRoute::OfBenchmark))
        .merge(with_last_answer(app, others, CachedRoute::Path))
}

/// Adds the layer that serves the last answers of these routes while the database gives none.
fn with_last_answer(app: &App, routes: Router<App>, route: CachedRoute) -> Router<App> {
    routes.route_layer(from_fn_with_state((app.clone(), route), or_last_answer))
}
