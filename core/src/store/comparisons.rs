//! What a comparison of models reads: one row for the version, and one for each model, however many results there are.

use super::{
    benchmarks::{defined_tasks, version_from_row},
    columns::{optional_json, system},
    leaderboard::{Scope, Snapshot},
    query::{Query, sql},
};
use crate::{
    domain::{
        SystemId,
        benchmark::BenchmarkVersion,
        leaderboard::{Aggregates, ComparedRun, StandingRun},
    },
    ports::{DatabaseError, Row},
};

impl ComparedRun {
    /// Reads a row of `comparisons/entries.sql`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let scoreless = || DatabaseError::Unexpected("an entry without a score".to_owned());
        Ok(Self {
            system: system(row)?,
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

/// Lists the ranked entries of systems as they stood at a snapshot; where a model is named, those of all its systems.
pub fn entries(scope: &Scope, snapshot: &Snapshot, systems: &[&SystemId]) -> Query<Vec<ComparedRun>> {
    let wanted = |system: &&SystemId| serde_json::json!([system.model(), (!system.is_model()).then_some(system)]);
    let wanted = systems.iter().map(wanted).collect::<Vec<_>>();
    sql!("comparisons/entries")
        .bind(&scope.benchmark)
        .bind(&scope.version)
        .bind(snapshot.seq)
        .bind(serde_json::json!(wanted).to_string())
        .all(ComparedRun::from_row)
}

impl StandingRun {
    /// Reads a row of `comparisons/standing.sql`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self { run: ComparedRun::from_row(row)?, pass_counts: optional_json(row, "pass_counts")? })
    }
}

/// Lists the best entries of a snapshot, best first: as many as have at most `most_scores` scores together, but at
/// least two.
pub fn standing(scope: &Scope, snapshot: &Snapshot, most_scores: u32) -> Query<Vec<StandingRun>> {
    sql!("comparisons/standing")
        .bind(&scope.benchmark)
        .bind(&scope.version)
        .bind(snapshot.seq)
        .bind(most_scores)
        .all(StandingRun::from_row)
}
