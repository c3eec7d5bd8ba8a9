//! Answers to public reads, and pages of boards, that are ready to be sent.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::SizedCache;
use crate::domain::Timestamp;

/// Most bytes of answers that an instance keeps; only hosts that learn of every commit keep any.
const ANSWERS_BYTES: usize = 12 << 20;
/// Most bytes of boards' pages that an instance keeps, on every host.
const PAGES_BYTES: usize = 4 << 20;

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

/// First pages of boards: those of the API by snapshot, moderation and slice, those that people read by their tag.
pub type BoardPages = SizedCache<String, BoardPage>;

/// A page of a board in the form in which it is sent; those of the API are in the cache in the same form.
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
    SizedCache::new(PAGES_BYTES)
}
