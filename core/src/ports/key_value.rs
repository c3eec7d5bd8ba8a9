use async_trait::async_trait;

/// A cache, never the truth. It may answer what was true a minute ago, also about what is missing, and may forget
/// anything at any time. Callers go on without it when it fails.
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// Returns the value that was last put under the key and has not expired, as far as this host has heard.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store cannot be reached.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;

    /// Stores the value for about `ttl_seconds` seconds, but for at least 60 (Workers KV knows no shorter life).
    ///
    /// # Errors
    /// [`KeyValueError`] when the store cannot be reached.
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError>;
}

/// Failure to reach the cache, with the reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("key-value store: {0}")]
pub struct KeyValueError(pub String);
