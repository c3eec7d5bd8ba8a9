//! A cache that is bounded by the size of its values in bytes.

use std::{
    borrow::Borrow,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;

/// Assumed overhead of an entry, in bytes.
const ENTRY_BYTES: usize = 256;

/// A cache of values up to a total size; the least recently used are dropped first.
pub struct SizedCache<K: Hash + Eq, V> {
    most_bytes: usize,
    entries: Mutex<Lru<K, V>>,
}

struct Lru<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    bytes: usize,
}

impl<K: Hash + Eq, V: Clone> SizedCache<K, V> {
    /// Creates an empty cache for at most `most_bytes` bytes.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, entries: Mutex::new(Lru { entries: LruCache::unbounded(), bytes: 0 }) }
    }

    /// Returns the value under the key, and makes it the most recently used one.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.lock().entries.get(key).map(|(value, _)| value.clone())
    }

    /// Stores a value that takes `bytes` bytes, in place of the one before. A value larger than the whole cache is not
    /// stored.
    pub fn put(&self, key: K, value: V, bytes: usize) {
        let bytes = bytes.saturating_add(ENTRY_BYTES);
        let mut entries = self.lock();
        if bytes > self.most_bytes {
            let before = entries.entries.pop(&key);
            entries.free(before);
            return;
        }
        let before = entries.entries.put(key, (value, bytes));
        entries.free(before);
        entries.bytes = entries.bytes.saturating_add(bytes);
        while entries.bytes > self.most_bytes {
            let Some((_, oldest)) = entries.entries.pop_lru() else { break };
            entries.free(Some(oldest));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lru<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Lru<K, V> {
    fn free(&mut self, entry: Option<(V, usize)>) {
        self.bytes = self.bytes.saturating_sub(entry.map_or(0, |(_, bytes)| bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 3 * (1000 + ENTRY_BYTES);

    #[test]
    fn the_least_recently_used_give_way() {
        let cache = SizedCache::new(ROOM);
        for key in ["a", "b", "c"] {
            cache.put(key, key, 1000);
        }
        assert_eq!(cache.get(&"a"), Some("a"));
        cache.put("d", "d", 1000);
        assert_eq!([cache.get(&"a"), cache.get(&"b"), cache.get(&"c")], [Some("a"), None, Some("c")]);
        cache.put("large", "large", 2000);
        assert_eq!([cache.get(&"c"), cache.get(&"d"), cache.get(&"large")], [Some("c"), None, Some("large")]);
    }

    #[test]
    fn its_bytes_never_exceed_the_bound() {
        let cache = SizedCache::new(ROOM);
        for turn in 0..1000_usize {
            cache.put(turn % 7, turn, turn * 37 % 5000);
            let entries = cache.lock();
            let counted = entries.entries.iter().map(|(_, (_, bytes))| *bytes).sum::<usize>();
            assert_eq!(entries.bytes, counted);
            assert!(counted <= ROOM, "{counted} bytes");
        }
    }

    #[test]
    fn what_is_replaced_or_too_large_takes_nothing() {
        let cache = SizedCache::new(ROOM);
        for turn in 0..10 {
            cache.put("a", turn, 1000);
            cache.put("b", turn, 1000);
        }
        assert_eq!((cache.get(&"a"), cache.get(&"b")), (Some(9), Some(9)));
        cache.put("a", 10, ROOM);
        assert_eq!((cache.get(&"a"), cache.get(&"b")), (None, Some(9)));
        assert_eq!(cache.lock().bytes, 1000 + ENTRY_BYTES);
    }
}
