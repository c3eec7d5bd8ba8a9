//! Seals: what a runner registered before a run was made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SealId;
use crate::domain::Timestamp;

/// What has become of a seal. `opened`: a run was published with it, whatever became of the run since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SealState {
    /// No run was published with it.
    Sealed,
    /// A run was.
    Opened,
}

impl SealState {
    /// Returns the name of the state in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Opened => "opened",
        }
    }
}

/// The seal of a run that is on a board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoundSeal {
    /// Which.
    pub id: SealId,
    /// When it was made.
    pub sealed_at: Timestamp,
}

/// How many seals the owner of a run had made for its system on its version, as of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SealCounts {
    /// All of them.
    #[schema(minimum = 0, example = 5)]
    pub sealed: i64,
    /// Those that a run was published with.
    #[schema(minimum = 0, example = 1)]
    pub opened: i64,
}

impl SealCounts {
    /// Returns the counts for people, such as `1 of 5 seals opened`; `None` where there are no seals.
    #[must_use]
    pub fn words(self) -> Option<String> {
        let noun = if self.sealed == 1 { "seal" } else { "seals" };
        (self.sealed > 0).then(|| format!("{} of {} {noun} opened", self.opened, self.sealed))
    }
}
