//! API keys that this instance has seen to exist, and networks that showed it too many that do not.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

use crate::domain::{Timestamp, api_key::KeyHash};

/// Most existing keys that an instance remembers, half a megabyte; the least recently used is forgotten first.
const KEYS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Most networks that an instance remembers to refuse.
const SUBJECTS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Existing keys and refused networks that this instance knows of without asking anybody.
pub struct KnownKeys(Mutex<Known>);

struct Known {
    exist: LruCache<KeyHash, ()>,
    refused_until: LruCache<String, Timestamp>,
}

impl Default for KnownKeys {
    fn default() -> Self {
        Self(Mutex::new(Known { exist: LruCache::new(KEYS), refused_until: LruCache::new(SUBJECTS) }))
    }
}

impl KnownKeys {
    /// Returns the time until which the subject is refused without a look at the key, or `None` where it is not refused
    /// or the key is known to exist.
    pub fn refused_until(&self, subject: &str, key: KeyHash, now: Timestamp) -> Option<Timestamp> {
        let mut known = self.known();
        let until = known.refused_until.get(subject).copied().filter(|until| now < *until)?;
        known.exist.get(&key).is_none().then_some(until)
    }

    /// Notes that a key exists.
    pub fn exists(&self, key: KeyHash) {
        self.known().exist.put(key, ());
    }

    /// Notes until when a subject is refused.
    pub fn refuse(&self, subject: String, until: Timestamp) {
        self.known().refused_until.put(subject, until);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_exist_pass_while_unknown_ones_are_refused() {
        let known = KnownKeys::default();
        let key = |byte| KeyHash::from_bytes(&[byte; 32]).unwrap();
        let refused = |subject, byte, now| known.refused_until(subject, key(byte), Timestamp(now));
        known.exists(key(1));
        assert_eq!(refused("a", 2, 0), None);
        known.refuse("a".to_owned(), Timestamp(100));
        assert_eq!(refused("a", 2, 99), Some(Timestamp(100)));
        assert_eq!((refused("a", 1, 99), refused("b", 2, 99), refused("a", 2, 100)), (None, None, None));
    }
}
