//! Answers with pages that caches may keep, each with an `ETag`.

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use maud::Markup;

use crate::{
    app::App,
    http::{
        leaderboard::caching::{self, MINUTE},
        page::{Summary, html_answer, public_document},
    },
    store::standings::ListedBoard,
};

/// Renders the page with the `ETag` of its text, or answers 304 where the client has it.
pub(super) fn answer(app: &App, headers: &HeaderMap, summary: &Summary<'_>, content: &Markup) -> Response {
    let page = public_document(&app.config().base_url, summary, content).into_string();
    let tag = caching::etag(page.as_bytes());
    caching::not_modified(headers, &tag, MINUTE)
        .unwrap_or_else(|| caching::cacheable(html_answer(StatusCode::OK, page), &tag, MINUTE))
}

/// Computes the `ETag` of a page before it is rendered. The page may depend on nothing but `shown`, the base URL, and
/// these boards at their snapshots.
pub(super) fn tag_of_boards(app: &App, shown: &impl serde::Serialize, boards: &[ListedBoard]) -> String {
    caching::tag_of(&(&app.config().base_url, shown, format!("{boards:?}")))
}

/// Renders the page with this `ETag`.
pub(super) fn answer_tagged(app: &App, tag: &str, summary: &Summary<'_>, content: &Markup) -> Response {
    let page = public_document(&app.config().base_url, summary, content).into_string();
    caching::cacheable(html_answer(StatusCode::OK, page), tag, MINUTE)
}
