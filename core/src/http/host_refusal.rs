//! Answers that a host gives before, or instead of, the application.

use super::problem::{ApiError, Problem, REQUEST_TIMEOUT, SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS};

/// Reason why a host answers without the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostRefusal {
    /// The head of a request did not arrive in time.
    LateHead,
    /// The application did not answer in time.
    LateAnswer,
    /// The host has as many connections as it can hold.
    Full,
    /// The client's network has as many connections as it may have.
    NetworkFull,
}

impl HostRefusal {
    pub(super) fn error(self) -> ApiError {
        match self {
            Self::LateHead => ApiError::new(REQUEST_TIMEOUT, "send the whole head of a request at once"),
            Self::LateAnswer => Problem::new(SERVICE_UNAVAILABLE, "the request took too long; try again in a moment")
                .retry_after(5)
                .into(),
            Self::Full => Problem::new(SERVICE_UNAVAILABLE, "there are too many connections; try again in a moment")
                .retry_after(1)
                .into(),
            Self::NetworkFull => Problem::new(
                TOO_MANY_REQUESTS,
                "too many connections are open from this address; use fewer, and keep them",
            )
            .retry_after(1)
            .into(),
        }
    }
}
