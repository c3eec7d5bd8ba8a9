//! The leaderboard: entries that stand from one snapshot to another.

use super::{benchmarks::Slices, runs::Aggregates};
use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// Which version is meant, and its newest snapshot (of all, where no version or no benchmark is named).
pub const SCOPE: &str = "SELECT v.benchmark_id, v.version, v.title, v.description, v.metric, v.evidence, v.slices, s.seq, s.id AS snapshot_id, \
       s.created_at AS generated_at FROM benchmark_versions AS v \
     LEFT JOIN snapshots AS s ON s.seq = (SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version) \
     WHERE v.benchmark_id = coalesce(?1, (SELECT benchmark_id FROM snapshots WHERE seq = (SELECT max(seq) FROM snapshots))) AND (?2 IS NULL OR v.version = ?2) \
     ORDER BY coalesce(s.seq, 0) DESC, v.created_at DESC, v.version DESC LIMIT 1";
/// The same, of a named snapshot.
pub const SCOPE_OF_SNAPSHOT: &str = "SELECT v.benchmark_id, v.version, v.title, v.description, v.metric, v.evidence, v.slices, s.seq, s.id AS snapshot_id, \
       s.created_at AS generated_at FROM snapshots AS s \
     JOIN benchmark_versions AS v ON v.benchmark_id = s.benchmark_id AND v.version = s.version \
     WHERE s.id = ?1 AND (?2 IS NULL OR s.benchmark_id = ?2) AND (?3 IS NULL OR s.version = ?3)";
/// Its entries, each with the score of the slice (`?4` scenario, `?5` language, `?6` difficulty; '' is every value). Those
/// that stand and those that stood are looked up apart, so that runs which others have replaced are not walked over.
pub const ENTRIES: &str = "SELECT r.id AS run_id, e.model_id, e.display_name, e.contaminated, r.published_at, r.evaluator_relationship, r.dirty, \
       r.attempts_policy, s.tasks, s.clusters, s.correct, s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms \
     FROM (SELECT * FROM leaderboard_entries WHERE benchmark_id = ?1 AND version = ?2 AND to_seq IS NULL AND from_seq <= ?3 \
       UNION ALL SELECT * FROM leaderboard_entries WHERE benchmark_id = ?1 AND version = ?2 AND to_seq > ?3 AND from_seq <= ?3) AS e \
     JOIN runs AS r ON r.id = e.run_id \
     JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = ?4 AND s.language = ?5 AND s.difficulty = ?6";

/// Which leaderboard is read.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The benchmark.
    pub benchmark: String,
    /// Its version.
    pub version: String,
    /// What people call it.
    pub title: String,
    /// What it measures.
    pub description: Option<String>,
    /// `pass_rate` or `score`.
    pub metric: String,
    /// `results` or `counts`.
    pub evidence: String,
    /// The values that its tasks have.
    pub slices: Slices,
    /// The snapshot, once something was published.
    pub snapshot: Option<Snapshot>,
}

/// One state of a leaderboard; immutable.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its place in the order of all.
    pub seq: i64,
    /// UUIDv7.
    pub id: String,
    /// When it came to be.
    pub created_at: Timestamp,
}

impl Scope {
    /// Reads a row of [`SCOPE`].
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
            benchmark: row.text("benchmark_id")?,
            version: row.text("version")?,
            title: row.text("title")?,
            description: row.optional_text("description")?,
            metric: row.text("metric")?,
            evidence: row.text("evidence")?,
            slices: Slices::from_row(row)?,
            snapshot,
        })
    }
}

/// One model's entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `provider/name`.
    pub model: String,
    /// What people call it.
    pub display_name: String,
    /// Its run.
    pub run_id: String,
    /// When that was published.
    pub published_at: Timestamp,
    /// Who evaluated.
    pub evaluator_relationship: String,
    /// Whether the harness had uncommitted changes.
    pub dirty: bool,
    /// Whether the model was trained after the tasks were published.
    pub contaminated: bool,
    /// How attempts were made and counted, as the run says.
    pub attempts_policy: Option<String>,
    /// Of the slice.
    pub aggregates: Aggregates,
}

impl Entry {
    /// Reads a row of [`ENTRIES`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            model: row.text("model_id")?,
            display_name: row.text("display_name")?,
            run_id: row.text("run_id")?,
            published_at: Timestamp(row.integer("published_at")?),
            evaluator_relationship: row.text("evaluator_relationship")?,
            dirty: row.boolean("dirty")?,
            contaminated: row.boolean("contaminated")?,
            attempts_policy: row.optional_text("attempts_policy")?,
            aggregates: Aggregates::from_row(row)?
                .ok_or_else(|| DatabaseError::Unavailable("an entry without a score".to_owned()))?,
        })
    }
}

/// The statement of [`ENTRIES`].
#[must_use]
pub fn entries(scope: &Scope, snapshot: &Snapshot, slice: [Option<&str>; 3]) -> Statement {
    let statement =
        Statement::new(ENTRIES).bind(scope.benchmark.as_str()).bind(scope.version.as_str()).bind(snapshot.seq);
    slice.into_iter().map(Option::unwrap_or_default).fold(statement, Statement::bind)
}
