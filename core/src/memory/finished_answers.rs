//! Answers to public reads, and pages of boards, with nothing left to do but to send them.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::SizedCache;
use crate::ports::Timestamp;

/// What an instance keeps of answers at most: those of a host that hears of every commit.
const ANSWERS_BYTES: usize = 12 << 20;
/// What it keeps of pages of boards at most, on every host.
const PAGES_BYTES: usize = 4 << 20;

/// Finished answers by what was asked.
pub type FinishedAnswers = SizedCache<String, Arc<FinishedAnswer>>;

/// An answer as it was given.
#[derive(Debug)]
pub struct FinishedAnswer {
    /// The version of the database that it was made of, or an older one.
    pub version: i64,
    pub at: Timestamp,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// First pages of boards: those of the API by snapshot, moderation and slice, those that people read by their tag.
pub type BoardPages = SizedCache<String, BoardPage>;

/// A page as it is sent, and those of the API as they are in the cache.
#[derive(Clone, Debug)]
pub struct BoardPage {
    /// When it was made.
    pub at: Timestamp,
    /// Where the next page begins.
    pub next: Option<String>,
    pub body: Bytes,
}

/// No answers yet.
#[must_use]
pub fn finished_answers() -> FinishedAnswers {
    SizedCache::new(ANSWERS_BYTES)
}

/// No pages yet.
#[must_use]
pub fn board_pages() -> BoardPages {
    SizedCache::new(PAGES_BYTES)
}
