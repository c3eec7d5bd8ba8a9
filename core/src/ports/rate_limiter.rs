use async_trait::async_trait;

use super::Timestamp;

/// Exact limits over sliding windows.
///
/// Of any burst, from any number of connections, at most `limit` of cost is admitted in any window of
/// `window_seconds`, and exactly that many of a burst that starts from empty. A refused request consumes
/// nothing; a request that several limits govern is charged to all of them or to none.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Charges `cost` to every limit of the subject at once, or to none.
    ///
    /// `subject` says whose limits these are (a key's id, an address and a route) and chooses the object that
    /// counts them: limits of two subjects never meet.
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

/// At most `limit` of cost in any `window_seconds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Names the policy in the `RateLimit-Policy` header, and the counter within its subject.
    pub name: String,
    /// Cost admitted in a window.
    pub limit: u32,
    /// Length of the window, in seconds.
    pub window_seconds: u32,
}

/// What the limiter decided, and where each limit stands after the decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether the request may go on.
    pub allowed: bool,
    /// One state a limit, in the order asked.
    pub states: Vec<LimitState>,
}

/// Where a limit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitState {
    /// Cost that would still be admitted now.
    pub remaining: u32,
    /// Milliseconds until something more is admitted than now (0 where nothing is in use).
    pub reset_after_ms: u64,
}

/// The counter could not be reached.
#[derive(Clone, Debug, thiserror::Error)]
#[error("rate limiter: {0}")]
pub struct RateLimitError(pub String);
