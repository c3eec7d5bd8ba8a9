//! The leaderboard: entries that stand from one snapshot to another.

use super::{benchmarks::Slices, runs::Aggregates};
use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// The columns of a scope: besides the version and its snapshot, whether the benchmark is hidden, and how far moderation
/// has come.
macro_rules! scope_columns {
    () => {
        "SELECT v.benchmark_id, v.version, v.title, v.description, v.metric, v.evidence, v.slices, s.seq, s.id AS snapshot_id, \
           s.created_at AS generated_at, b.hidden_reason, (SELECT coalesce(max(seq), 0) FROM moderations) AS moderation "
    };
}
/// The benchmark of the newest entry that stands, is hidden by nobody, and came in by a change of these kinds.
macro_rules! benchmark_of_newest {
    ($kinds:literal) => {
        concat!(
            "(SELECT e.benchmark_id FROM leaderboard_entries AS e CROSS JOIN changes AS c ON c.seq = e.from_seq AND c.kind IN (",
            $kinds,
            ") CROSS JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL \
             CROSS JOIN benchmarks AS d ON d.id = e.benchmark_id AND d.hidden_reason IS NULL \
             WHERE e.to_seq IS NULL AND e.from_seq > 0 ORDER BY e.from_seq DESC LIMIT 1)"
        )
    };
}
/// Which version is meant, and its newest snapshot. Where no benchmark is named, that of the newest publication that
/// stands: neither what was rejected or hidden nor the rejection itself brings a board to the front. Where no version is
/// named, the one on which a standing entry came in last.
pub const SCOPE: &str = concat!(
    scope_columns!(),
    "FROM benchmark_versions AS v JOIN benchmarks AS b ON b.id = v.benchmark_id \
     LEFT JOIN snapshots AS s ON s.seq = (SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version) \
     WHERE v.benchmark_id = coalesce(?1, ",
    benchmark_of_newest!("'published', 'rescored'"),
    ", ",
    benchmark_of_newest!("'withdrawn', 'rejected'"),
    ") AND (?2 IS NULL OR v.version = ?2) \
     ORDER BY coalesce((SELECT max(e.from_seq) FROM leaderboard_entries AS e \
         WHERE e.benchmark_id = v.benchmark_id AND e.version = v.version AND e.to_seq IS NULL), 0) DESC, \
       coalesce(s.seq, 0) DESC, v.created_at DESC, v.version DESC LIMIT 1"
);
/// The same, of a named snapshot.
pub const SCOPE_OF_SNAPSHOT: &str = concat!(
    scope_columns!(),
    "FROM snapshots AS s JOIN benchmark_versions AS v ON v.benchmark_id = s.benchmark_id AND v.version = s.version \
     JOIN benchmarks AS b ON b.id = s.benchmark_id \
     WHERE s.id = ?1 AND (?2 IS NULL OR s.benchmark_id = ?2) AND (?3 IS NULL OR s.version = ?3)"
);
/// Its entries, each with the score of the slice (`?4` scenario, `?5` language, `?6` difficulty; '' is every value). Those
/// that stand and those that stood are looked up apart, so that runs which others have replaced are not walked over. Hidden
/// models have none, in no snapshot.
pub const ENTRIES: &str = "SELECT r.id AS run_id, e.model_id, e.display_name, e.contaminated, r.published_at, r.evaluator_relationship, r.dirty, \
       substr(r.attempts_policy, 1, 100) AS attempts_policy, s.tasks, s.clusters, s.correct, s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms \
     FROM (SELECT * FROM leaderboard_entries WHERE benchmark_id = ?1 AND version = ?2 AND to_seq IS NULL AND from_seq <= ?3 \
       UNION ALL SELECT * FROM leaderboard_entries WHERE benchmark_id = ?1 AND version = ?2 AND to_seq > ?3 AND from_seq <= ?3) AS e \
     JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL JOIN runs AS r ON r.id = e.run_id \
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
    /// How often moderation changed anything: with the snapshot, it tells what the board shows.
    pub moderation: i64,
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
            moderation: row.integer("moderation")?,
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
    /// How attempts were made and counted, as the run says: the beginning of it.
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
