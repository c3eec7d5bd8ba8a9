//! The leaderboard: ranking, what is read of it and of its changes, and its page.

mod api;
mod atom;
mod badge;
mod board;
pub mod caching;
mod changes;
mod compare;
mod formats;
mod history;
mod html;
mod last_answer;
mod pareto;
mod query;

use axum::{Router, middleware::from_fn_with_state, routing::get};

use super::public_reads;
use crate::app::App;

/// The routes of the API. Each shows its last answer while the database has none.
pub fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/leaderboard", get(api::handler))
        .route("/leaderboard.csv", get(api::csv))
        .route("/leaderboard.ndjson", get(api::ndjson))
        .route("/leaderboard/compare", get(compare::handler))
        .route("/leaderboard/pareto", get(pareto::handler))
        .route("/models/{provider}/{name}/history", get(history::handler))
        .route("/badges/{provider}/{name}", get(badge::handler))
        .route("/changes", get(changes::handler))
        .route("/changes.atom", get(atom::handler))
        .route_layer(from_fn_with_state(app.clone(), last_answer::or_last_answer))
}

/// The pages, which do the same, and are read as the API is.
pub fn page_routes(app: &App) -> Router<App> {
    Router::new()
        .route("/leaderboard", get(html::board))
        .route("/leaderboard/compare", get(html::compare))
        .route("/leaderboard/models/{provider}/{name}", get(html::model))
        .route_layer(from_fn_with_state(app.clone(), last_answer::or_last_answer))
        .route_layer(from_fn_with_state(app.clone(), public_reads::count))
}
