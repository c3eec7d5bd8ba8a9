//! The leaderboard: entries that stand from one snapshot to another.

use super::runs::Sums;
use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// Which version is meant, and its newest snapshot (of all, where no version or no benchmark is named).
pub const SCOPE: &str = "SELECT v.benchmark_id, v.version, v.title, v.description, v.metric, v.evidence, s.seq, s.id AS snapshot_id, \
       s.created_at AS generated_at FROM benchmark_versions AS v \
     LEFT JOIN snapshots AS s ON s.seq = (SELECT max(x.seq) FROM snapshots AS x WHERE x.benchmark_id = v.benchmark_id AND x.version = v.version) \
     WHERE v.benchmark_id = coalesce(?1, (SELECT benchmark_id FROM snapshots WHERE seq = (SELECT max(seq) FROM snapshots))) AND (?2 IS NULL OR v.version = ?2) \
     ORDER BY coalesce(s.seq, 0) DESC, v.created_at DESC, v.version DESC LIMIT 1";
/// The same, of a named snapshot.
pub const SCOPE_OF_SNAPSHOT: &str = "SELECT v.benchmark_id, v.version, v.title, v.description, v.metric, v.evidence, s.seq, s.id AS snapshot_id, \
       s.created_at AS generated_at FROM snapshots AS s \
     JOIN benchmark_versions AS v ON v.benchmark_id = s.benchmark_id AND v.version = s.version \
     WHERE s.id = ?1 AND (?2 IS NULL OR s.benchmark_id = ?2) AND (?3 IS NULL OR s.version = ?3)";
/// Its entries, each with the sums of the slice (`?4` scenario, `?5` language, `?6` difficulty).
pub const ENTRIES: &str = "SELECT r.id AS run_id, r.model_id, m.display_name, r.published_at, r.evaluator_relationship, r.dirty, \
       l.p50_ms, l.p95_ms, sum(c.tasks) AS tasks, sum(c.correct) AS correct, sum(c.total) AS total, sum(c.score_sum) AS score_sum, \
       sum(c.score_square_sum) AS score_square_sum, sum(c.cost_usd) AS cost_usd, sum(c.uncosted) AS uncosted \
     FROM leaderboard_entries AS e JOIN runs AS r ON r.id = e.run_id JOIN models AS m ON m.id = e.model_id \
     JOIN run_cells AS c ON c.run_id = e.run_id LEFT JOIN run_latencies AS l ON l.run_id = e.run_id \
     WHERE e.benchmark_id = ?1 AND e.version = ?2 AND e.from_seq <= ?3 AND (e.to_seq IS NULL OR e.to_seq > ?3) \
       AND (?4 IS NULL OR c.scenario = ?4) AND (?5 IS NULL OR c.language = ?5) AND (?6 IS NULL OR c.difficulty = ?6) \
     GROUP BY r.id";

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
    /// Sums of the slice.
    pub sums: Sums,
    /// Median latency in milliseconds, of the whole run.
    pub p50_ms: Option<f64>,
    /// 95th percentile in milliseconds, of the whole run.
    pub p95_ms: Option<f64>,
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
            sums: Sums::from_row(row)?.ok_or_else(|| DatabaseError::Unavailable("an entry without sums".to_owned()))?,
            p50_ms: row.optional_real("p50_ms")?,
            p95_ms: row.optional_real("p95_ms")?,
        })
    }
}

/// The statement of [`ENTRIES`].
#[must_use]
pub fn entries(scope: &Scope, snapshot: &Snapshot, slice: [Option<&str>; 3]) -> Statement {
    let statement =
        Statement::new(ENTRIES).bind(scope.benchmark.as_str()).bind(scope.version.as_str()).bind(snapshot.seq);
    slice.into_iter().fold(statement, Statement::bind)
}
