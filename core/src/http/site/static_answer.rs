//! Answers that change only with a release.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, header};

use crate::http::leaderboard::caching;

/// Answer that changes only with a release; its tag is computed once.
pub(super) struct StaticAnswer {
    media_type: &'static str,
    body: &'static [u8],
    tag: String,
}

impl StaticAnswer {
    /// Creates the answer with this body.
    pub(super) fn new(media_type: &'static str, body: &'static [u8]) -> Self {
        Self { media_type, body, tag: caching::etag(body) }
    }

    /// Answers with the body, or with 304 where the client has it.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let holds = HeaderValue::from_static("public, max-age=300");
        caching::not_modified(headers, &self.tag, holds.clone()).unwrap_or_else(|| {
            let mut response = self.body.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
            caching::cacheable(response, &self.tag, holds)
        })
    }
}
