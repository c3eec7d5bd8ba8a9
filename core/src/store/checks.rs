//! Invariants of the data that no constraint holds; the operator looks for violations. These statements read whole
//! tables.

use super::query::{Query, Sql, sql};
use crate::{
    domain::{
        RunId,
        log_record::{self, DigestedResults},
        merkle::{Hash, Node},
    },
    ports::{DatabaseError, Row},
};

fn unreadable(error: impl std::fmt::Display) -> DatabaseError {
    DatabaseError::Unexpected(format!("what is checked cannot be read: {error}"))
}

fn read_hash(row: &Row, column: &str) -> Result<Hash, DatabaseError> {
    log_record::from_hex(&row.text(column)?).ok_or_else(|| unreadable(format!("{column} is no hash")))
}

fn read_count(row: &Row, column: &str) -> Result<u64, DatabaseError> {
    u64::try_from(row.integer(column)?).map_err(unreadable)
}

fn problems(sql: Sql) -> Query<Vec<String>> {
    sql.all(|row| row.text("problem"))
}

/// Finds published runs, of those that are not packed, whose results do not add up to what is stored; at most `rows`.
pub fn aggregates_of_results(rows: u32) -> Query<Vec<String>> {
    problems(sql!("check/aggregates_of_results").bind(rows))
}

/// Finds accounts that are charged for less than they store; at most `rows`. `packed` has the bytes that each stores in
/// packs.
pub fn storage<'a>(rows: u32, packed: impl Iterator<Item = (&'a str, usize)>) -> Query<Vec<String>> {
    let packed = packed.map(|(owner, bytes)| serde_json::json!([owner, bytes])).collect::<serde_json::Value>();
    problems(sql!("check/storage").bind(rows).bind(packed.to_string()))
}

/// Lists the other invariants that SQL can check, by name; each query finds at most `rows` violations.
pub fn invariants(rows: u32) -> Vec<(&'static str, Query<Vec<String>>)> {
    let problems = |sql: Sql| problems(sql.bind(rows));
    vec![
        ("run_states", problems(sql!("check/run_states"))),
        ("aggregates_of_totals", problems(sql!("check/aggregates_of_totals"))),
        ("standing", problems(sql!("check/standing"))),
        ("entries", problems(sql!("check/entries"))),
        ("snapshots", problems(sql!("check/snapshots"))),
        ("ranks", problems(sql!("check/ranks"))),
        ("seals", problems(sql!("check/seals"))),
        ("log_leaves", problems(sql!("check/log_leaves"))),
        ("outbox", problems(sql!("check/outbox"))),
        ("key_families", problems(sql!("check/key_families"))),
        ("key_counters", problems(sql!("check/key_counters"))),
        ("limits", problems(sql!("check/limits"))),
        ("second_factors", problems(sql!("check/second_factors"))),
    ]
}

/// Lists leaves of the log, with their texts, from the given index on.
pub fn leaves(first: u64, rows: u32) -> Query<Vec<(u64, String)>> {
    let leaves = sql!("check/log_texts").bind(i64::try_from(first).unwrap_or(i64::MAX)).bind(rows);
    leaves.all(|row| Ok((read_count(row, "idx")?, row.text("leaf")?)))
}

/// Lists stored nodes of the log's tree after the given one.
pub fn nodes(after: Option<Node>, rows: u32) -> Query<Vec<(Node, Hash)>> {
    let (level, index) =
        after.map_or((-1, -1), |node| (i64::from(node.level), i64::try_from(node.index).unwrap_or(i64::MAX)));
    sql!("check/log_nodes").bind(level).bind(index).bind(rows).all(|row| {
        let level = u32::try_from(row.integer("level")?).map_err(unreadable)?;
        Ok((Node { level, index: read_count(row, "idx")? }, read_hash(row, "hash")?))
    })
}

/// Lists the signed heads: the size and the root of each.
pub fn heads() -> Query<Vec<(u64, Hash)>> {
    sql!("check/log_heads").all(|row| Ok((read_count(row, "size")?, read_hash(row, "root_hash")?)))
}

/// A published run, with the digest of its results at that time.
pub struct DigestedRun {
    /// Id of the run.
    pub id: RunId,
    /// Digest of the results when the run was published.
    pub results: DigestedResults,
    /// Whether the digest leaves out results at private tasks.
    pub private_tasks: bool,
}

/// Lists published runs whose results were digested, after the given id.
pub fn digested_runs(after: &str, rows: u32) -> Query<Vec<DigestedRun>> {
    sql!("check/digested_runs").bind(after).bind(rows).all(|row| {
        let results = DigestedResults {
            digest: read_hash(row, "results_digest")?,
            results: read_count(row, "digested_results")?,
        };
        let id = RunId::from(row.text("id")?.as_str());
        Ok(DigestedRun { id, results, private_tasks: row.boolean("private_tasks")? })
    })
}

/// A run that is packed or has packs, with its stored aggregates.
pub struct PackedRun {
    /// Id of the run.
    pub id: RunId,
    /// Id of the owner, where the account still exists.
    pub owner_id: Option<String>,
    /// Whether readers use the packs.
    pub is_packed: bool,
    /// Whether the run was published.
    pub is_published: bool,
    /// Number of rows of results that the run still has.
    pub rows: u64,
    /// Whether scores are shares, so that 1 is a pass.
    pub is_share: bool,
    /// Whether the results are to add up to the stored aggregates.
    pub has_results: bool,
    /// Whether the results may be missing: private tasks' stay with their owner, and a copy of a dataset has none.
    pub private_tasks: bool,
    /// Aggregates that publishing stored.
    pub kept: Option<KeptScore>,
}

/// Aggregates of a run's results that publishing stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptScore {
    /// Number of tasks.
    pub tasks: i64,
    /// Number of attempts.
    pub total: i64,
    /// Number of attempts that passed.
    pub correct: i64,
    /// Mean score over tasks.
    pub score: f64,
    /// Number of tasks with a score of their own.
    pub scores: i64,
}

impl KeptScore {
    fn from_row(row: &Row) -> Result<Option<Self>, DatabaseError> {
        let (Some(tasks), Some(scores)) = (row.optional_integer("tasks")?, row.optional_integer("scores")?) else {
            return Ok(None);
        };
        let (total, correct, score) = (row.integer("total")?, row.integer("correct")?, row.real("score")?);
        Ok(Some(Self { tasks, total, correct, score, scores }))
    }
}

/// Lists runs that are packed or have packs, after the given id.
pub fn packed_runs(after: &str, rows: u32) -> Query<Vec<PackedRun>> {
    sql!("check/packed_runs").bind(after).bind(rows).all(|row| {
        Ok(PackedRun {
            id: RunId::from(row.text("id")?.as_str()),
            owner_id: row.optional_text("owner_id")?,
            is_packed: row.boolean("is_packed")?,
            is_published: row.boolean("is_published")?,
            rows: read_count(row, "rows")?,
            is_share: row.boolean("is_share")?,
            has_results: row.boolean("has_results")?,
            private_tasks: row.boolean("private_tasks")?,
            kept: KeptScore::from_row(row)?,
        })
    })
}
