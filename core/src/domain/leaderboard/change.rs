//! Kinds of changes of a leaderboard, and of ranks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{ModelId, SystemId, system::Agent};

/// What changed. `published`: a run was published, and none of its owner gave way. `rescored`: it took the place of an
/// earlier one of the same system and owner. `hidden`, `unhidden`, `renamed`: an
/// administrator moderated a model or a benchmark; the other of the two, `version` and `runId` are null. `sealed`: somebody
/// registered what a run is going to be; `runId` is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// A run was published, and none of its owner gave way.
    Published,
    /// A new run took the place of an earlier one of the same system and owner.
    Rescored,
    /// Its publisher withdrew a run.
    Withdrawn,
    /// An administrator rejected a run.
    Rejected,
    /// An administrator hid a model or a benchmark.
    Hidden,
    /// An administrator showed it again.
    Unhidden,
    /// An administrator renamed it.
    Renamed,
    /// Somebody registered what a run is going to be.
    Sealed,
}

impl ChangeKind {
    const ALL: [Self; 8] = [
        Self::Published,
        Self::Rescored,
        Self::Withdrawn,
        Self::Rejected,
        Self::Hidden,
        Self::Unhidden,
        Self::Renamed,
        Self::Sealed,
    ];

    /// Returns the name of the kind in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Rescored => "rescored",
            Self::Withdrawn => "withdrawn",
            Self::Rejected => "rejected",
            Self::Hidden => "hidden",
            Self::Unhidden => "unhidden",
            Self::Renamed => "renamed",
            Self::Sealed => "sealed",
        }
    }

    /// Returns the kind with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A system whose rank changed because another's run came or went.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RankChange {
    /// `provider/name`.
    pub model: ModelId,
    /// The system.
    pub system_id: SystemId,
    /// What drove the model.
    pub agent: Option<Agent>,
    /// What it ran in.
    #[schema(min_length = 1, max_length = 100)]
    pub configuration: Option<String>,
    /// Its rank before.
    #[schema(minimum = 1)]
    pub from: u32,
    /// Its rank since.
    #[schema(minimum = 1)]
    pub to: u32,
}
