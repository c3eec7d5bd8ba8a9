//! Leaderboards: entries that stand from one snapshot to another.

use super::{
    columns::{measure, optional_json, read_json, read_named, system, time},
    query::{Query, sql},
};
use crate::{
    domain::{
        BenchmarkId, Timestamp, VersionName,
        benchmark::{Evidence, Slices},
        conditions::Conditions,
        evaluator::EvaluatorRelationship,
        leaderboard::{Aggregates, Entry},
        measure::Measure,
        seal::{BoundSeal, SealCounts},
    },
    ports::{DatabaseError, Row},
};

/// The leaderboard that is read.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Id of the benchmark.
    pub benchmark: BenchmarkId,
    /// Name of the version.
    pub version: VersionName,
    /// Title of the benchmark.
    pub title: String,
    /// What the benchmark measures.
    pub description: Option<String>,
    /// Meaning of a score.
    pub measure: Measure,
    /// Evidence that runs bring.
    pub evidence: Evidence,
    /// Scenarios, languages and difficulties of the tasks.
    pub slices: Slices,
    /// Conditions under which runs are to be made.
    pub conditions: Conditions,
    /// Snapshot, once something was published.
    pub snapshot: Option<Snapshot>,
    /// Number of times that moderation, or a change of what a model on the board is a variant of, amended what was
    /// published. Together with the snapshot, it determines what the board shows.
    pub amendments: i64,
    /// Why an administrator hid the benchmark.
    pub hidden_reason: Option<String>,
}

/// A state of a leaderboard after a publication, withdrawal or rejection; immutable.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Place of the snapshot in the order of all.
    pub seq: i64,
    /// Id of the snapshot, a UUIDv7.
    pub id: String,
    /// When the snapshot was made.
    pub created_at: Timestamp,
}

impl Scope {
    /// Reads a row of `leaderboard/scope.sql`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let snapshot = match row.optional_integer("seq")? {
            None => None,
            Some(seq) => Some(Snapshot {
                seq,
                id: row.text("snapshot_id")?,
                created_at: Timestamp(row.integer("generated_at")?),
            }),
        };
        Ok(Self {
            benchmark: row.text("benchmark_id")?.into(),
            version: row.text("version")?.into(),
            title: row.text("title")?,
            description: row.optional_text("description")?,
            measure: measure(row)?,
            evidence: read_named(row, "evidence", Evidence::named)?,
            slices: read_json(row, "slices")?,
            conditions: optional_json(row, "conditions")?.unwrap_or_default(),
            snapshot,
            amendments: row.integer("amendments")?,
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    }
}

fn bound_seal(row: &Row) -> Result<Option<BoundSeal>, DatabaseError> {
    let Some(id) = row.optional_text("seal_id")? else { return Ok(None) };
    Ok(Some(BoundSeal { id: id.into(), sealed_at: time(row, "sealed_at")? }))
}

impl Entry {
    /// Reads a row of `leaderboard/entries.sql`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            system: system(row)?,
            ranked: row.boolean("ranked")?,
            base_model: row.optional_text("base_model")?.map(Into::into),
            display_name: row.text("display_name")?,
            run_id: row.text("run_id")?.into(),
            published_at: Timestamp(row.integer("published_at")?),
            evaluated_at: Timestamp(row.integer("evaluated_at")?),
            links: optional_json(row, "links")?,
            seal: bound_seal(row)?,
            seals: SealCounts {
                sealed: row.optional_integer("seals_sealed")?.unwrap_or(0),
                opened: row.integer("seals_opened")?,
            },
            evaluator_relationship: read_named(row, "evaluator_relationship", EvaluatorRelationship::named)?,
            dirty: row.boolean("dirty")?,
            pinned: row.boolean("pinned")?,
            conditions: optional_json(row, "conditions")?.unwrap_or_default(),
            contaminated: row.boolean("contaminated")?,
            attempts_policy: row.optional_text("attempts_policy")?,
            aggregates: Aggregates::from_row(row)?
                .ok_or_else(|| DatabaseError::Unexpected("an entry without a score".to_owned()))?,
        })
    }
}

/// Finds the leaderboard of a benchmark version as of its newest snapshot. Without a benchmark, it is that of the
/// featured one; without a version, that of the benchmark's current version.
pub fn scope(benchmark: Option<&BenchmarkId>, version: Option<&VersionName>) -> Query<Option<Scope>> {
    sql!("leaderboard/scope").bind(benchmark).bind(version).optional(Scope::from_row)
}

/// Lists the names of the first benchmarks that are not hidden; or those of one benchmark's versions, whole ones first.
pub fn named(benchmark: Option<&BenchmarkId>, rows: u32) -> Query<Vec<String>> {
    sql!("leaderboard/named").bind(benchmark).bind(rows).all(|row| row.text("name"))
}

/// Finds the featured benchmark, which is read where none is named.
pub fn featured() -> Query<Option<BenchmarkId>> {
    sql!("leaderboard/featured").optional(|row| row.text("benchmark_id").map(Into::into))
}

/// Sets or clears the featured benchmark, which is read where none is named.
pub fn feature(benchmark: Option<&BenchmarkId>) -> Query<()> {
    match benchmark {
        Some(benchmark) => sql!("leaderboard/feature").bind(benchmark).execute(),
        None => sql!("leaderboard/feature_none").execute(),
    }
}

/// Finds the leaderboard of a snapshot, as of that snapshot, where it is of this benchmark and version.
pub fn scope_of_snapshot(
    id: &str,
    benchmark: Option<&BenchmarkId>,
    version: Option<&VersionName>,
) -> Query<Option<Scope>> {
    sql!("leaderboard/scope_of_snapshot").bind(id).bind(benchmark).bind(version).optional(Scope::from_row)
}

/// Choice of the entries that are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entries {
    /// The ranked entry of each system.
    #[default]
    Ranked,
    /// All entries that stand.
    All,
}

/// Lists entries of a snapshot, each with its score on a slice: scenario, language, difficulty.
pub fn entries(
    scope: &Scope,
    snapshot: &Snapshot,
    [scenario, language, difficulty]: [Option<&str>; 3],
    which: Entries,
) -> Query<Vec<Entry>> {
    sql!("leaderboard/entries")
        .bind(&scope.benchmark)
        .bind(&scope.version)
        .bind(snapshot.seq)
        .bind(scenario.unwrap_or_default())
        .bind(language.unwrap_or_default())
        .bind(difficulty.unwrap_or_default())
        .bind(which == Entries::All)
        .all(Entry::from_row)
}
