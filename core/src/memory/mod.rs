//! State that an instance keeps in its memory. Other instances do not see it, and a restart loses it.

mod finished_answers;
mod internal_error_log;
mod known_keys;
mod last_answers;
mod read_counts;
mod sized_cache;

pub use finished_answers::{
    BoardPage, BoardPages, FinishedAnswer, FinishedAnswers, RenderedPages, board_pages, finished_answers,
    rendered_pages,
};
pub use internal_error_log::InternalErrorLog;
pub use known_keys::KnownKeys;
pub use last_answers::LastAnswers;
pub use read_counts::ReadCounts;
pub use sized_cache::SizedCache;
