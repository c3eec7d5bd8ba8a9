use async_trait::async_trait;

use crate::domain::{LimitState, Timestamp};

/// Exact limits over sliding windows.
///
/// Of any burst, from any number of connections, at most `limit` of cost is admitted in any window of
/// `window_seconds`, and exactly that many of a burst that starts from empty. A refused request consumes
/// nothing; a request that several limits govern is charged to all of them or to none.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Charges `cost` to every limit of the subject at once, or to none.
    ///
    /// `subject` names whose limits these are (a key's id, an address and a route) and chooses the object that counts
    /// them: limits of different subjects never affect each other.
    ///
    /// # Errors
    /// [`RateLimitError`] when the counter cannot be reached; the caller decides whether to go on.
    async fn admit(
        &self,
        subject: &str,
        limits: &[Limit],
        cost: u32,
        now: Timestamp,
    ) -> Result<Admission, RateLimitError>;
}

/// A limit: at most `limit` of cost in any `window_seconds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Name of the policy in the `RateLimit-Policy` header, and of the counter within its subject.
    pub name: String,
    /// Cost that is admitted in a window.
    pub limit: u32,
    /// Length of the window, in seconds.
    pub window_seconds: u32,
}

/// Decision of the limiter, with the state of each limit after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether the request may go on.
    pub allowed: bool,
    /// State of each limit, in the order asked.
    pub states: Vec<LimitState>,
}

/// Failure to reach the counter, with the reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("rate limiter: {0}")]
pub struct RateLimitError(pub String);
