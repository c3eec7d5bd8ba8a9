//! The leaderboard: ranking, its API and its page.

mod api;
mod board;
mod html;

use axum::{Router, routing::get};

pub use board::Score;

use crate::app::App;

pub fn routes() -> Router<App> {
    Router::new().route("/leaderboard", get(api::handler))
}

pub fn page_routes() -> Router<App> {
    Router::new().route("/leaderboard", get(html::handler))
}
