//! What accounts have stored, and how much they may: counted in the batch of each write, so that two at once do not both
//! take the last of it.

use super::query::{Query, sql};
use crate::ports::{DatabaseError, Row, Statement};

/// Charges for results that are new.
pub const CHARGE_RESULTS: &str = include_str!("sql/storage/charge_results.sql");
/// Charges for a run, after it was opened.
pub const CHARGE_RUN: &str = include_str!("sql/storage/charge_run.sql");
/// Charges for a version whose definition grows.
pub const CHARGE_VERSION: &str = include_str!("sql/storage/charge_version.sql");
/// Takes back what a version no longer needs.
pub const REFUND_VERSION: &str = include_str!("sql/storage/refund_version.sql");
/// Guard: what was charged is within the quota.
pub const EXPECT_QUOTA: &str = include_str!("sql/storage/expect_quota.sql");
/// What a person has stored.
pub const OF_USER: &str = include_str!("sql/storage/of_user.sql");

/// Gives a person a quota of their own in bytes, or the deployment's.
pub fn set_quota(owner_id: &str, quota_bytes: Option<i64>) -> Query<()> {
    sql!("storage/set_quota").bind(owner_id).bind(quota_bytes).execute()
}

/// The statement of [`EXPECT_QUOTA`]; it follows what it is about.
#[must_use]
pub fn expect_quota(owner_id: &str, quota_bytes: i64) -> Statement {
    Statement::new(EXPECT_QUOTA).bind(owner_id).bind(quota_bytes)
}

/// Whether that guard undid the batch.
#[must_use]
pub fn is_exceeded(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Constraint(name) if name == "storage_quota_exceeded")
}

/// What a person has stored, and how much they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Bytes of benchmarks, runs and results.
    pub used_bytes: i64,
    /// How many there may be.
    pub quota_bytes: i64,
}

impl Storage {
    /// Reads the columns `storage_bytes` and `storage_quota_bytes`; without a quota of their own, the deployment's holds.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row, quota_bytes: i64) -> Result<Self, DatabaseError> {
        let own = row.optional_integer("storage_quota_bytes")?;
        Ok(Self { used_bytes: row.integer("storage_bytes")?, quota_bytes: own.unwrap_or(quota_bytes) })
    }

    /// How much more there may be.
    #[must_use]
    pub fn left_bytes(&self) -> i64 {
        self.quota_bytes.saturating_sub(self.used_bytes).max(0)
    }
}
