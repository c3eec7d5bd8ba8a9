//! The log of changes: one for each snapshot, in the order in which they were committed.

use crate::ports::{DatabaseError, Row, Statement, Timestamp};

macro_rules! columns {
    () => {
        "SELECT c.seq, n.id, c.kind, n.created_at, c.benchmark_id, n.version, c.model_id, c.run_id, c.reason, c.previous_run_id, \
           c.current_run_id, c.rank_before, c.rank_after, c.moved FROM changes AS c JOIN snapshots AS n ON n.seq = c.seq "
    };
}

/// The newest change of benchmark `?1` (of any where null).
pub const LATEST: &str = "SELECT n.id, n.seq FROM snapshots AS n WHERE n.seq = \
     CASE WHEN ?1 IS NULL THEN (SELECT max(seq) FROM changes) ELSE (SELECT max(seq) FROM changes WHERE benchmark_id = ?1) END";
/// Where a change stands in the order of all.
pub const SEQ_OF: &str = "SELECT seq FROM snapshots WHERE id = ?1";
/// The changes after the place `?1`, oldest first.
pub const AFTER: &str = concat!(columns!(), "WHERE c.seq > ?1 ORDER BY c.seq LIMIT ?2");
/// Those before it, newest first.
pub const BEFORE: &str = concat!(columns!(), "WHERE c.seq < ?1 ORDER BY c.seq DESC LIMIT ?2");
/// [`AFTER`], of benchmark `?3`.
pub const AFTER_OF_BENCHMARK: &str =
    concat!(columns!(), "WHERE c.benchmark_id = ?3 AND c.seq > ?1 ORDER BY c.seq LIMIT ?2");
/// [`BEFORE`], of benchmark `?3`.
pub const BEFORE_OF_BENCHMARK: &str =
    concat!(columns!(), "WHERE c.benchmark_id = ?3 AND c.seq < ?1 ORDER BY c.seq DESC LIMIT ?2");

/// A change of a leaderboard, on the wire.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its place in the order of all.
    #[serde(skip)]
    pub seq: i64,
    /// Also the snapshot's.
    pub id: String,
    /// `published`, `rescored`, `withdrawn` or `rejected`.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Which leaderboard.
    pub benchmark: String,
    /// Which leaderboard.
    pub version: String,
    /// Whose run it was.
    pub model: String,
    /// The run.
    pub run_id: String,
    /// Why it was withdrawn or rejected.
    pub reason: Option<String>,
    /// The run that stood for the model before.
    pub previous_run_id: Option<String>,
    /// The run that stands for it since.
    pub current_run_id: Option<String>,
    /// The model's rank before, where it had one.
    pub rank_before: Option<i64>,
    /// The model's rank since, where it has one.
    pub rank_after: Option<i64>,
    /// The other models whose rank changed: `model`, `from`, `to`.
    pub moved: serde_json::Value,
}

impl Change {
    /// Reads a row.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let moved = serde_json::from_str(&row.text("moved")?)
            .map_err(|error| DatabaseError::Unavailable(format!("a change's JSON: {error}")))?;
        Ok(Self {
            seq: row.integer("seq")?,
            id: row.text("id")?,
            kind: row.text("kind")?,
            at: Timestamp(row.integer("created_at")?),
            benchmark: row.text("benchmark_id")?,
            version: row.text("version")?,
            model: row.text("model_id")?,
            run_id: row.text("run_id")?,
            reason: row.optional_text("reason")?,
            previous_run_id: row.optional_text("previous_run_id")?,
            current_run_id: row.optional_text("current_run_id")?,
            rank_before: row.optional_integer("rank_before")?,
            rank_after: row.optional_integer("rank_after")?,
            moved,
        })
    }
}

/// Which way the log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first, from a place on.
    Forward,
    /// Newest first, before a place.
    Backward,
}

/// At most `limit` changes, of a benchmark or of all.
#[must_use]
pub fn page(direction: Direction, benchmark: Option<&str>, place: i64, limit: u32) -> Statement {
    let of_all = match direction {
        Direction::Forward => AFTER,
        Direction::Backward => BEFORE,
    };
    let of_benchmark = match direction {
        Direction::Forward => AFTER_OF_BENCHMARK,
        Direction::Backward => BEFORE_OF_BENCHMARK,
    };
    match benchmark {
        None => Statement::new(of_all).bind(place).bind(limit),
        Some(benchmark) => Statement::new(of_benchmark).bind(place).bind(limit).bind(benchmark),
    }
}
