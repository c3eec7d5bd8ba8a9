//! Style sheets of the pages.

use std::sync::LazyLock;

use axum::response::Response;
use http::HeaderMap;

use super::StaticAnswer;

/// Answers with the styles that only pages of accounts need, so that those of the leaderboard stay small.
pub(super) async fn account(headers: HeaderMap) -> Response {
    static STYLE: LazyLock<StaticAnswer> =
        LazyLock::new(|| StaticAnswer::new("text/css; charset=utf-8", include_bytes!("account.css")));
    STYLE.answer(&headers)
}

/// Answers with the styles that only pages of the documentation need.
pub(super) async fn docs(headers: HeaderMap) -> Response {
    static STYLE: LazyLock<StaticAnswer> =
        LazyLock::new(|| StaticAnswer::new("text/css; charset=utf-8", include_bytes!("docs.css")));
    STYLE.answer(&headers)
}

/// Answers with the styles of all pages.
pub(super) async fn site(headers: HeaderMap) -> Response {
    static STYLE: LazyLock<StaticAnswer> =
        LazyLock::new(|| StaticAnswer::new("text/css; charset=utf-8", include_bytes!("style.css")));
    STYLE.answer(&headers)
}
