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
mod pareto;
mod query;

use axum::{Router, routing::get};

pub use board::Score;

use crate::app::App;

pub fn routes() -> Router<App> {
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
}

pub fn page_routes() -> Router<App> {
    Router::new()
        .route("/leaderboard", get(html::board))
        .route("/leaderboard/compare", get(html::compare))
        .route("/leaderboard/models/{provider}/{name}", get(html::model))
}
