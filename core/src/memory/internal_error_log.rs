//! Rate limit for internal errors in the log: one line per second and cause, however many requests it fails.

use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;

/// Most causes that are told apart at once. Some carry ids, so the oldest is forgotten.
const CAUSES: usize = 16;
const PAUSE_MS: i64 = 1000;

/// Decides which internal errors are logged.
#[derive(Debug, Default)]
pub struct InternalErrorLog(Mutex<Vec<LoggedCause>>);

#[derive(Debug)]
struct LoggedCause {
    cause: String,
    logged_at: Timestamp,
    unlogged: u64,
}

impl InternalErrorLog {
    /// Decides whether an error of this cause is logged. Returns `Some` if so, with how many of the same cause were
    /// left out since the last one that was logged.
    pub fn admit(&self, cause: &str, now: Timestamp) -> Option<u64> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = seen.iter().position(|seen| seen.cause == cause) {
            let mut known = seen.remove(index);
            // A clock that was set back must not silence the cause.
            let age = now.0.saturating_sub(known.logged_at.0);
            let unlogged = if (0..PAUSE_MS).contains(&age) {
                known.unlogged = known.unlogged.saturating_add(1);
                None
            } else {
                known.logged_at = now;
                Some(std::mem::take(&mut known.unlogged))
            };
            seen.push(known);
            return unlogged;
        }
        if seen.len() >= CAUSES {
            seen.remove(0);
        }
        seen.push(LoggedCause { cause: cause.to_owned(), logged_at: now, unlogged: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_a_cause() {
        let log = InternalErrorLog::default();
        let admit = |cause: &str, at| log.admit(cause, Timestamp(at));
        assert_eq!(admit("busy", 10_000), Some(0));
        assert_eq!((admit("busy", 10_000), admit("busy", 10_999)), (None, None));
        assert_eq!(admit("down", 10_500), Some(0), "another cause");
        assert_eq!(admit("busy", 11_000), Some(2));
        assert_eq!(admit("busy", 11_500), None);
        assert_eq!(admit("busy", 5000), Some(1), "the clock was set back");
        for cause in 0..100 {
            assert_eq!(admit(&format!("cause {cause}"), 5000), Some(0));
        }
        assert_eq!(log.0.lock().unwrap().len(), CAUSES);
    }
}
