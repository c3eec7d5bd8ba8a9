//! Last answers, served while the database has none, that this instance has seen to be kept in the cache.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;

use crate::domain::Timestamp;

/// How long an answer is assumed to be in the cache without looking, in milliseconds: an hour.
const LOOK_AGAIN_MS: u64 = 3_600_000;
/// Most answers that an instance remembers to be kept.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Answers that this instance has seen to be kept, by key: their tags, and when.
pub struct LastAnswers(Mutex<LruCache<String, (String, Timestamp)>>);

impl Default for LastAnswers {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl LastAnswers {
    /// Checks whether the answer may not be in the cache yet, and assumes from now on that it is.
    pub fn is_news(&self, key: &str, tag: &str, now: Timestamp) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(key).is_some_and(|(seen, at)| seen == tag && now.ms_since(*at) < LOOK_AGAIN_MS) {
            return false;
        }
        seen.put(key.to_owned(), (tag.to_owned(), now));
        true
    }

    /// Forgets that an answer under the key is in the cache.
    pub fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_news_until_it_is_kept() {
        let seen = LastAnswers::default();
        let hour = i64::try_from(LOOK_AGAIN_MS).unwrap();
        assert!(seen.is_news("a", "1", Timestamp(0)));
        assert!(!seen.is_news("a", "1", Timestamp(hour - 1)));
        assert!(seen.is_news("a", "1", Timestamp(hour)));
        assert!(seen.is_news("a", "2", Timestamp(hour)));
        assert!(seen.is_news("b", "2", Timestamp(hour)));
        seen.forget("b");
        assert!(seen.is_news("b", "2", Timestamp(hour)));
    }
}
