//! What happened to a leaderboard.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::ModelId;

/// What changed. `rescored`: a new run took the place of the model's earlier one. `hidden`, `unhidden`, `renamed`: an
/// administrator moderated a model or a benchmark; the other of the two, `version` and `runId` are null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// A model's first run was published.
    Published,
    /// A new run took the place of the model's earlier one.
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
}

impl ChangeKind {
    const ALL: [Self; 7] =
        [Self::Published, Self::Rescored, Self::Withdrawn, Self::Rejected, Self::Hidden, Self::Unhidden, Self::Renamed];

    /// Its name in the database and on the wire.
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
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A model whose rank changed because another's run came or went.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct RankChange {
    /// `provider/name`.
    pub model: ModelId,
    /// Its rank before.
    #[schema(minimum = 1)]
    pub from: u32,
    /// Its rank since.
    #[schema(minimum = 1)]
    pub to: u32,
}
