//! What the public data set consists of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Timestamp, formats::Uuid};

/// The tables of the public data set, as of the newest snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataSet {
    /// The form of the rows.
    #[schema(extensions(("x-const" = json!(1))))]
    pub format: u32,
    /// The newest migration of the instance.
    #[schema(example = "0004_leaderboard.sql")]
    pub schema: String,
    #[schema(value_type = Option<Uuid>)]
    pub snapshot_id: Option<String>,
    /// The snapshot's place in the order of all; 0 before the first one.
    #[schema(minimum = 0, example = 68)]
    pub seq: i64,
    #[schema(value_type = Timestamp)]
    pub generated_at: String,
    /// Each after those that it refers to.
    pub tables: Vec<ExportedTable>,
}

/// A table, and where its rows are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub struct ExportedTable {
    #[schema(example = "models")]
    pub name: String,
    #[schema(example = "/api/v1/export/models?through=68")]
    pub href: String,
}
