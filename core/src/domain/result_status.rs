//! Statuses of an attempt at a task.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultStatus {
    /// It passed, or scored.
    Success,
    /// It did not.
    Failed,
    /// It took too long.
    Timeout,
    /// It broke.
    Error,
}

impl ResultStatus {
    /// Returns the status of an attempt that came to its end with this score, where 0 is a failure.
    #[must_use]
    pub fn of(score: f64) -> Self {
        if score > 0.0 { Self::Success } else { Self::Failed }
    }

    /// Returns the name of the status in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }

    /// Returns the status with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Success, Self::Failed, Self::Timeout, Self::Error].into_iter().find(|status| status.as_str() == name)
    }
}
