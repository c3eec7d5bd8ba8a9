//! The log of changes: a line for each snapshot and each act of moderation, in the order in which they were committed.

use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// The models that moved in change `$of`, without those that are hidden.
macro_rules! moved_and_visible {
    ($of:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM json_each(", $of, ".moved) AS w JOIN models AS h ON h.id = w.value ->> 'model' \
               WHERE h.hidden_reason IS NOT NULL) \
             THEN (SELECT json_group_array(json(w.value)) FROM json_each(", $of, ".moved) AS w \
               WHERE NOT EXISTS (SELECT 1 FROM models AS h WHERE h.id = w.value ->> 'model' AND h.hidden_reason IS NOT NULL)) \
             ELSE ", $of, ".moved END"
        )
    };
}
/// What publications, withdrawals and rejections say. Of what is hidden nothing is told, nor that it moved.
macro_rules! changed {
    ($which:literal) => {
        concat!(
            "SELECT * FROM (SELECT c.seq, 0 AS act, n.id, c.kind, n.created_at, c.benchmark_id, n.version, c.model_id, c.run_id, c.reason, \
               c.previous_run_id, c.current_run_id, c.rank_before, c.rank_after, ",
            moved_and_visible!("c"),
            " AS moved, NULL AS name FROM changes AS c CROSS JOIN snapshots AS n ON n.seq = c.seq \
             CROSS JOIN models AS m ON m.id = c.model_id AND m.hidden_reason IS NULL \
             CROSS JOIN benchmarks AS b ON b.id = c.benchmark_id AND b.hidden_reason IS NULL WHERE ",
            $which,
            " LIMIT ?2)"
        )
    };
}
/// What moderation says; it has its place after the snapshot that was the newest then.
macro_rules! moderated {
    ($which:literal) => {
        concat!(
            " UNION ALL SELECT * FROM (SELECT o.after_seq AS seq, o.seq AS act, o.id, o.kind, o.created_at, o.benchmark_id, NULL AS version, \
               o.model_id, NULL AS run_id, o.reason, NULL AS previous_run_id, NULL AS current_run_id, NULL AS rank_before, \
               NULL AS rank_after, '[]' AS moved, o.name FROM moderations AS o WHERE ",
            $which,
            " LIMIT ?2)"
        )
    };
}
pub(super) use moved_and_visible;

/// The newest snapshot.
pub const NEWEST_SNAPSHOT: &str = "SELECT n.id, n.seq FROM snapshots AS n WHERE n.seq = (SELECT max(seq) FROM changes)";
/// The newest line of the log, of benchmark `?1` or of any where null, and how far moderation has come.
pub const LATEST: &str = "SELECT l.id, l.seq, l.act, (SELECT coalesce(max(seq), 0) FROM moderations) AS moderation \
     FROM (SELECT n.id, n.seq, 0 AS act FROM snapshots AS n WHERE n.seq = \
         CASE WHEN ?1 IS NULL THEN (SELECT max(seq) FROM changes) ELSE (SELECT max(seq) FROM changes WHERE benchmark_id = ?1) END \
       UNION ALL SELECT o.id, o.after_seq, o.seq FROM moderations AS o WHERE o.seq = \
         CASE WHEN ?1 IS NULL THEN (SELECT max(seq) FROM moderations) ELSE (SELECT max(seq) FROM moderations WHERE benchmark_id = ?1) END) AS l \
     ORDER BY l.seq DESC, l.act DESC LIMIT 1";
/// Where a line stands in the order of all.
pub const PLACE_OF: &str =
    "SELECT seq, 0 AS act FROM snapshots WHERE id = ?1 UNION ALL SELECT after_seq, seq FROM moderations WHERE id = ?1";
/// The lines after the place (`?1`, `?3`), oldest first.
pub const AFTER: &str = concat!(
    changed!("c.seq > ?1 ORDER BY c.seq"),
    moderated!("(o.after_seq, o.seq) > (?1, ?3) ORDER BY o.after_seq, o.seq"),
    " ORDER BY seq, act LIMIT ?2"
);
/// Those before it, newest first.
pub const BEFORE: &str = concat!(
    changed!("c.seq < ?1 + (?3 > 0) ORDER BY c.seq DESC"),
    moderated!("(o.after_seq, o.seq) < (?1, ?3) ORDER BY o.after_seq DESC, o.seq DESC"),
    " ORDER BY seq DESC, act DESC LIMIT ?2"
);
/// [`AFTER`], of benchmark `?4`.
pub const AFTER_OF_BENCHMARK: &str = concat!(
    changed!("c.benchmark_id = ?4 AND c.seq > ?1 ORDER BY c.seq"),
    moderated!("o.benchmark_id = ?4 AND (o.after_seq, o.seq) > (?1, ?3) ORDER BY o.after_seq, o.seq"),
    " ORDER BY seq, act LIMIT ?2"
);
/// [`BEFORE`], of benchmark `?4`.
pub const BEFORE_OF_BENCHMARK: &str = concat!(
    changed!("c.benchmark_id = ?4 AND c.seq < ?1 + (?3 > 0) ORDER BY c.seq DESC"),
    moderated!("o.benchmark_id = ?4 AND (o.after_seq, o.seq) < (?1, ?3) ORDER BY o.after_seq DESC, o.seq DESC"),
    " ORDER BY seq DESC, act DESC LIMIT ?2"
);

/// Where a line of the log stands: by its snapshot, and after that by moderation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
pub struct Place(pub i64, pub i64);

/// A line of the log, on the wire.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its place in the order of all.
    #[serde(skip)]
    pub place: Place,
    /// Also the snapshot's, where it made one.
    pub id: String,
    /// `published`, `rescored`, `withdrawn` or `rejected`; of moderation `hidden`, `unhidden` or `renamed`.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// Which leaderboard, or which benchmark was moderated.
    pub benchmark: Option<String>,
    /// Which leaderboard.
    pub version: Option<String>,
    /// Whose run it was, or which model was moderated.
    pub model: Option<String>,
    /// What an administrator called it.
    pub name: Option<String>,
    /// The run.
    pub run_id: Option<String>,
    /// Why it was withdrawn, rejected or moderated.
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
            place: Place(row.integer("seq")?, row.integer("act")?),
            id: row.text("id")?,
            kind: row.text("kind")?,
            at: Timestamp(row.integer("created_at")?),
            benchmark: row.optional_text("benchmark_id")?,
            version: row.optional_text("version")?,
            model: row.optional_text("model_id")?,
            name: row.optional_text("name")?,
            run_id: row.optional_text("run_id")?,
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
pub fn page(direction: Direction, benchmark: Option<&str>, Place(seq, act): Place, limit: u32) -> Statement {
    let of_all = match direction {
        Direction::Forward => AFTER,
        Direction::Backward => BEFORE,
    };
    let of_benchmark = match direction {
        Direction::Forward => AFTER_OF_BENCHMARK,
        Direction::Backward => BEFORE_OF_BENCHMARK,
    };
    match benchmark {
        None => Statement::new(of_all).bind(seq).bind(limit).bind(act),
        Some(benchmark) => Statement::new(of_benchmark).bind(seq).bind(limit).bind(act).bind(benchmark),
    }
}
