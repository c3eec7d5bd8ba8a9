use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jwt_compact::Claims;
use lru::LruCache;
use sha2::{Digest as _, Sha256};

use super::AccessClaims;

/// Most tokens in the cache: more people than call one instance within a token's life; a few megabytes at most.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Access tokens whose signature was right; the least recently used one is forgotten first. A token is found by all of
/// its text, signature included, so nothing but that very text is ever found. Whether it is still valid is not kept.
pub(super) struct TokenCache(Mutex<LruCache<TokenId, Arc<Claims<AccessClaims>>>>);

/// SHA-256 of a token, so that the cache holds no token that could be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenId([u8; 32]);

impl TokenId {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

impl TokenCache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(CAPACITY)))
    }

    pub(super) fn get(&self, id: TokenId) -> Option<Arc<Claims<AccessClaims>>> {
        self.entries().get(&id).cloned()
    }

    pub(super) fn insert(&self, id: TokenId, claims: Arc<Claims<AccessClaims>>) {
        self.entries().put(id, claims);
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<TokenId, Arc<Claims<AccessClaims>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries().len()
    }
}
