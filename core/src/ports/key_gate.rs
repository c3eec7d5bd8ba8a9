use async_trait::async_trait;

use crate::domain::{
    Timestamp,
    api_key::KeyHash,
    key_use::{Decision, HourOfUse, KeyUse},
};

/// Decides about every use of an API key: whether the key is valid, whether it may do what is asked, and whether its
/// limit admits the use. Counts what it decides.
///
/// The limit is a sliding log, exact in the sense of [`super::RateLimiter`]. Once the request that revokes a key, or
/// that suspends or deletes its owner, has been answered, every instance of the application refuses the key.
#[async_trait]
pub trait KeyGate: Send + Sync {
    /// Decides about the uses, which are of different keys, in order. A use is decided, and charged, only where those
    /// before it were allowed. So the answer has as many decisions as uses, or its last decision is a refusal.
    ///
    /// # Errors
    /// [`KeyGateError`] when the gate cannot decide; nobody gets in then.
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError>;

    /// Makes every instance forget what it knows of these keys; to be called before a batch that changes them or their
    /// owner. For at least half a minute after this has returned, decisions about the keys are based on the database as
    /// it is at that time. So what the batch takes away is gone when the batch is answered.
    ///
    /// # Errors
    /// [`KeyGateError`] when the gate cannot promise that: then the batch must not run.
    async fn invalidate(&self, keys: &[KeyHash]) -> Result<(), KeyGateError>;

    /// Returns a key's counts that are not in the database yet, by hour. Each stands for the whole hour.
    ///
    /// # Errors
    /// [`KeyGateError`] when the counts cannot be reached.
    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError>;
}

/// Failure of the gate to decide, with the reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("key gate: {0}")]
pub struct KeyGateError(pub String);
