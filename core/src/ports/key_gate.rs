use async_trait::async_trait;

use super::Timestamp;
use crate::domain::{
    api_key::KeyHash,
    key_use::{Decision, HourOfUse, KeyUse},
};

/// Decides about every use of an API key: whether the key lives and may do what is asked, and whether its limit
/// admits it. It counts what it decides.
///
/// The limit is a sliding log, exact in the sense of [`super::RateLimiter`]. A key that has been revoked, or whose owner
/// has been suspended or deleted, is refused from the answer to that on, by every instance of the application.
#[async_trait]
pub trait KeyGate: Send + Sync {
    /// Decides about the uses, of different keys, in order, each of which is looked at, and charged, only where those
    /// before it were allowed: as many decisions as uses, or the last of them is a refusal.
    ///
    /// # Errors
    /// [`KeyGateError`] when it cannot be decided; nobody gets in then.
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError>;

    /// Makes every instance forget what it knows of these keys; to be called before a batch that changes them or their
    /// owner. What is decided about them after this has returned stands on what is in the database at that time, for at
    /// least half a minute; so what the batch takes away is gone when the batch is answered.
    ///
    /// # Errors
    /// [`KeyGateError`] when that cannot be promised: then the batch must not run.
    async fn invalidate(&self, keys: &[KeyHash]) -> Result<(), KeyGateError>;

    /// What has been counted of a key and is not in the database yet, by hour. Each stands for the whole hour.
    ///
    /// # Errors
    /// [`KeyGateError`] when the counts cannot be reached.
    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError>;
}

/// The gate could not decide.
#[derive(Clone, Debug, thiserror::Error)]
#[error("key gate: {0}")]
pub struct KeyGateError(pub String);
