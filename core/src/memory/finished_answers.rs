//! Answers to public reads, and pages, that are ready to be sent.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::SizedCache;
use crate::domain::Timestamp;

/// Most bytes of answers that an instance keeps; only hosts that learn of every commit keep any.
const ANSWERS_BYTES: usize = 12 << 20;
/// Most bytes of the API's pages of boards that an instance keeps, on every host.
const BOARD_PAGES_BYTES: usize = 4 << 20;
/// Most bytes of HTML pages that an instance keeps, on every host.
const RENDERED_PAGES_BYTES: usize = 4 << 20;

/// Finished answers, by what was asked.
pub type FinishedAnswers = SizedCache<String, Arc<FinishedAnswer>>;

/// An answer to a public read, as it was given.
#[derive(Debug)]
pub struct FinishedAnswer {
    /// Version of the database that the answer was made of, or an older one.
    pub version: i64,
    pub at: Timestamp,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// First pages of boards in the API, by snapshot, moderation and slice.
pub type BoardPages = SizedCache<String, BoardPage>;

/// HTML pages, by their `ETag`.
pub type RenderedPages = SizedCache<String, Bytes>;

/// A page of a board in the form in which it is sent, and in which the cache has it.
#[derive(Clone, Debug)]
pub struct BoardPage {
    /// When the page was made.
    pub at: Timestamp,
    /// Cursor at which the next page begins, if there is one.
    pub next: Option<String>,
    pub body: Bytes,
}

/// Creates an empty cache of finished answers.
#[must_use]
pub fn finished_answers() -> FinishedAnswers {
    SizedCache::new(ANSWERS_BYTES)
}

/// Creates an empty cache of boards' pages.
#[must_use]
pub fn board_pages() -> BoardPages {
    SizedCache::new(BOARD_PAGES_BYTES)
}

/// Creates an empty cache of HTML pages.
#[must_use]
pub fn rendered_pages() -> RenderedPages {
    SizedCache::new(RENDERED_PAGES_BYTES)
}
