//! What a comparison of models reads: a row for the version, and one for each model, however many results there are.

use super::{
    benchmarks::{defined_tasks, version_from_row},
    columns::optional_json,
    leaderboard::{Scope, Snapshot},
    query::{Query, sql},
};
use crate::{
    domain::{
        ModelId,
        benchmark::BenchmarkVersion,
        leaderboard::{Aggregates, ComparedRun},
    },
    ports::{DatabaseError, Row},
};

impl ComparedRun {
    /// Reads a row of `comparisons/entries.sql`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let scoreless = || DatabaseError::Unavailable("an entry without a score".to_owned());
        Ok(Self {
            model: row.text("model_id")?.into(),
            display_name: row.text("display_name")?,
            run_id: row.text("run_id")?.into(),
            aggregates: Aggregates::from_row(row)?.ok_or_else(scoreless)?,
            scores: optional_json(row, "scores")?,
        })
    }
}

/// Finds the version of a leaderboard, with its tasks in order.
pub fn version(scope: &Scope) -> Query<Option<BenchmarkVersion>> {
    sql!("comparisons/version")
        .bind(&scope.benchmark)
        .bind(&scope.version)
        .optional(|row| version_from_row(row, defined_tasks(row)?))
}

/// Lists the entries of models as they stood at a snapshot.
pub fn entries(scope: &Scope, snapshot: &Snapshot, models: &[&ModelId]) -> Query<Vec<ComparedRun>> {
    sql!("comparisons/entries")
        .bind(&scope.benchmark)
        .bind(&scope.version)
        .bind(snapshot.seq)
        .bind(serde_json::json!(models).to_string())
        .all(ComparedRun::from_row)
}
