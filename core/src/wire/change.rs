use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    BenchmarkId, ModelId, RunId, SealId, SystemId, Timestamp, VersionName,
    formats::Uuid,
    leaderboard::{ChangeKind, RankChange},
    system::Agent,
};

/// Something that changed on the leaderboards.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Also of the snapshot that it made, or the seal; moderation has one of its own.
    #[schema(value_type = Uuid)]
    pub id: String,
    pub kind: ChangeKind,
    pub at: Timestamp,
    pub benchmark: Option<BenchmarkId>,
    pub version: Option<VersionName>,
    pub model: Option<ModelId>,
    /// Of whose runs one was published or taken out; null where it is moderation.
    pub system_id: Option<SystemId>,
    /// What drove the model, where something did.
    pub agent: Option<Agent>,
    /// In what it ran.
    #[schema(min_length = 1, max_length = 100)]
    pub configuration: Option<String>,
    /// What an administrator renamed it.
    pub name: Option<String>,
    pub run_id: Option<RunId>,
    /// What was sealed, or what the run was sealed as.
    pub seal_id: Option<SealId>,
    /// Why it was withdrawn, rejected or moderated.
    pub reason: Option<String>,
    /// The run that was ranked for the system before. Where it is `currentRunId` too, the ranking stayed as it was: `runId`
    /// was evaluated earlier than its owner's, or weighs less than another owner's.
    pub previous_run_id: Option<RunId>,
    /// The run that is ranked for it since.
    pub current_run_id: Option<RunId>,
    /// Of the system.
    #[schema(minimum = 1)]
    pub rank_before: Option<i64>,
    /// Of the system.
    #[schema(minimum = 1)]
    pub rank_after: Option<i64>,
    /// The other systems whose rank changed; where they are more, the hundred that now rank best.
    #[schema(max_items = 100)]
    pub moved: Vec<RankChange>,
}
