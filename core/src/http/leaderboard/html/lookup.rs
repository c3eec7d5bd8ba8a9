//! Finds the leaderboard that a page is about, or the page that stands in its place.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use maud::html;

use super::listing;
use crate::{
    app::App,
    http::{
        leaderboard::board::{BoardLookup, BoardSelector},
        page::html_page,
        problem::{ApiError, HIDDEN},
    },
    store::leaderboard::Scope,
};

/// Why a page does not show what it is about.
pub enum LeaderboardPageError {
    /// Another page stands in its place.
    Replaced(Box<Response>),
    /// Anything else.
    Other(ApiError),
}

impl<E: Into<ApiError>> From<E> for LeaderboardPageError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl IntoResponse for LeaderboardPageError {
    fn into_response(self) -> Response {
        match self {
            Self::Replaced(page) => *page,
            Self::Other(error) => error.into_response(),
        }
    }
}

/// Finds the leaderboard, or returns the page to show instead: that there is none, that it is hidden, or a list to
/// choose from, whose links lead to `path`.
pub(super) async fn find_or_list(
    app: &App,
    headers: &HeaderMap,
    path: &str,
    wanted: BoardSelector<'_>,
) -> Result<Scope, LeaderboardPageError> {
    board_or_list(app, headers, path, unless_hidden(wanted.look_up(app).await)?).await
}

/// Returns the leaderboard that was found, or the page to show instead.
pub(super) async fn board_or_list(
    app: &App,
    headers: &HeaderMap,
    path: &str,
    found: BoardLookup<'_>,
) -> Result<Scope, LeaderboardPageError> {
    let page = match found {
        BoardLookup::Board(scope) => return Ok(*scope),
        BoardLookup::NotFound => no_board(),
        BoardLookup::NoBenchmark => listing::benchmarks(app, headers, path).await?,
        BoardLookup::NoVersion(benchmark) => unless_hidden(listing::versions(app, headers, path, benchmark).await)?,
    };
    Err(LeaderboardPageError::Replaced(Box::new(page)))
}

/// Returns what was found, or the page (410) that says why an administrator hid it.
pub(super) fn unless_hidden<T>(found: Result<T, ApiError>) -> Result<T, LeaderboardPageError> {
    found.map_err(|error| match error {
        ApiError::Problem(problem) if problem.is(HIDDEN) => {
            let nothing = html! {
                p { (problem.detail()) }
                p { a href="/leaderboard" { "The leaderboard" } }
            };
            LeaderboardPageError::Replaced(Box::new(html_page(StatusCode::GONE, "Hidden", &nothing)))
        }
        error => error.into(),
    })
}

/// Answers that there is no such leaderboard.
pub(super) fn no_board() -> Response {
    let nothing = html! {
        p { "There is no such leaderboard: no benchmark, version or snapshot of this name is known here." }
        p { a href="/leaderboard" { "The leaderboard" } }
    };
    html_page(StatusCode::NOT_FOUND, "No such leaderboard", &nothing)
}
