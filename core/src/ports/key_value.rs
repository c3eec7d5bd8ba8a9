use async_trait::async_trait;

/// A cache, never the truth: it may answer what was true a minute ago, also about what is missing, and may
/// forget anything at any time. Callers go on without it when it fails.
#[async_trait]
pub trait KeyValue: Send + Sync {
    /// The value last put under the key and not yet expired, as far as this host has heard.
    ///
    /// # Errors
    /// [`KeyValueError`] when the store cannot be reached.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError>;

    /// Keeps the value for at least 60 and about `ttl_seconds` seconds (Workers KV knows no shorter life).
    ///
    /// # Errors
    /// As [`KeyValue::get`].
    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError>;
}

/// The cache could not be reached.
#[derive(Clone, Debug, thiserror::Error)]
#[error("key-value store: {0}")]
pub struct KeyValueError(pub String);
