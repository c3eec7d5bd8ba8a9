//! Stored bytes of accounts, and their quotas: charged in the batch of each write, so that two at once do not both take
//! the last of the room.

use super::{
    query::{Query, sql},
    results::Upload,
};
use crate::{
    domain::{BenchmarkId, RunId, UserId, VersionName},
    ports::{DatabaseError, Row},
};

/// Guards that what the statement before charged is within the owner's quota, or the deployment's where they have none
/// of their own: [`Guard::StorageQuota`](super::Guard).
pub fn expect_quota(owner_id: &UserId, quota_bytes: i64) -> Query<()> {
    sql!("storage/expect_quota").bind(owner_id).bind(quota_bytes).execute()
}

/// Charges a person for a run whose request has `bytes` bytes, where the statement before opened one.
pub fn charge_run(owner_id: &UserId, bytes: i64) -> Query<()> {
    sql!("storage/charge_run").bind(owner_id).bind(bytes).execute()
}

/// Charges a person for those of the results that the run does not have yet.
pub fn charge_results(run_id: &RunId, upload: &Upload, owner_id: &UserId) -> Query<()> {
    sql!("storage/charge_results").bind(run_id).bind(upload.as_str()).bind(owner_id).execute()
}

/// Charges a person for a version whose definition grows to `bytes` bytes.
pub fn charge_version(benchmark: &BenchmarkId, version: &VersionName, owner_id: &UserId, bytes: i64) -> Query<()> {
    sql!("storage/charge_version").bind(benchmark).bind(version).bind(owner_id).bind(bytes).execute()
}

/// Refunds a person for a version whose definition shrinks to `bytes` bytes.
pub fn refund_version(benchmark: &BenchmarkId, version: &VersionName, owner_id: &UserId, bytes: i64) -> Query<()> {
    sql!("storage/refund_version").bind(benchmark).bind(version).bind(owner_id).bind(bytes).execute()
}

/// Finds what a person has stored, and their quota: `quota_bytes`, the deployment's, where they have none of their own.
pub fn find(user_id: &UserId, quota_bytes: i64) -> Query<Option<Storage>> {
    sql!("storage/of_user").bind(user_id).optional(move |row| Storage::from_row(row, quota_bytes))
}

/// What an account has stored of benchmarks, runs and results, and how much it may: of each version the bytes of its
/// definition in JSON, of each run those of the request that opened it, of each result 64, its task's name and the
/// scores of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Bytes of benchmarks, runs and results.
    #[schema(minimum = 0, example = 8_123_456)]
    pub used_bytes: i64,
    /// How many there may be: the deployment's quota, unless an administrator set another one.
    #[schema(minimum = 0, example = 1_073_741_824)]
    pub quota_bytes: i64,
}

impl Storage {
    /// Reads the columns `storage_bytes` and `storage_quota_bytes`. The quota is `quota_bytes`, the deployment's, where
    /// the account has none of its own.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row, quota_bytes: i64) -> Result<Self, DatabaseError> {
        let own = row.optional_integer("storage_quota_bytes")?;
        Ok(Self { used_bytes: row.integer("storage_bytes")?, quota_bytes: own.unwrap_or(quota_bytes) })
    }

    /// Returns how many more bytes may be stored.
    #[must_use]
    pub fn left_bytes(&self) -> i64 {
        self.quota_bytes.saturating_sub(self.used_bytes).max(0)
    }
}

/// Sets a person's own quota in bytes, or returns them to the deployment's.
pub fn set_quota(owner_id: &UserId, quota_bytes: Option<i64>) -> Query<()> {
    sql!("storage/set_quota").bind(owner_id).bind(quota_bytes).execute()
}
