//! Statuses of a run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What has become of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// It takes results.
    Open,
    /// It is in the ranking, or was until the model's next run came.
    Published,
    /// An administrator took it out.
    Rejected,
    /// Its owner took it out.
    Withdrawn,
}

impl RunStatus {
    /// Returns the name of the status in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Published => "published",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Returns the status with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Open, Self::Published, Self::Rejected, Self::Withdrawn]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// What may have become of a run that was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublishedStatus {
    /// It still stands.
    #[default]
    Published,
    /// An administrator took it out.
    Rejected,
    /// Its owner did.
    Withdrawn,
}

impl PublishedStatus {
    /// Every status, in the order in which they are listed to choose from.
    pub const ALL: [Self; 3] = [Self::Published, Self::Withdrawn, Self::Rejected];
}

impl From<PublishedStatus> for RunStatus {
    fn from(status: PublishedStatus) -> Self {
        match status {
            PublishedStatus::Published => Self::Published,
            PublishedStatus::Rejected => Self::Rejected,
            PublishedStatus::Withdrawn => Self::Withdrawn,
        }
    }
}
