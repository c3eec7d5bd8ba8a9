//! What holds of the data and no constraint says: whoever owns the machine looks for what contradicts it. These statements
//! read whole tables.

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
    DatabaseError::Unavailable(format!("what is checked cannot be read: {error}"))
}

fn read_hash(row: &Row, column: &str) -> Result<Hash, DatabaseError> {
    log_record::from_hex(&row.text(column)?).ok_or_else(|| unreadable(format!("{column} is no hash")))
}

fn read_count(row: &Row, column: &str) -> Result<u64, DatabaseError> {
    u64::try_from(row.integer(column)?).map_err(unreadable)
}

/// Lists the invariants that SQL can look at, by name; each query finds at most so many violations.
pub fn invariants(rows: u32) -> Vec<(&'static str, Query<Vec<String>>)> {
    let problems = |sql: Sql| sql.bind(rows).all(|row| row.text("problem"));
    vec![
        ("run_states", problems(sql!("check/run_states"))),
        ("aggregates_of_results", problems(sql!("check/aggregates_of_results"))),
        ("aggregates_of_totals", problems(sql!("check/aggregates_of_totals"))),
        ("standing", problems(sql!("check/standing"))),
        ("entries", problems(sql!("check/entries"))),
        ("snapshots", problems(sql!("check/snapshots"))),
        ("ranks", problems(sql!("check/ranks"))),
        ("seals", problems(sql!("check/seals"))),
        ("log_leaves", problems(sql!("check/log_leaves"))),
        ("storage", problems(sql!("check/storage"))),
        ("outbox", problems(sql!("check/outbox"))),
        ("key_families", problems(sql!("check/key_families"))),
        ("key_counters", problems(sql!("check/key_counters"))),
        ("limits", problems(sql!("check/limits"))),
        ("second_factors", problems(sql!("check/second_factors"))),
    ]
}

/// Lists leaves of the log, with their texts, from one on.
pub fn leaves(first: u64, rows: u32) -> Query<Vec<(u64, String)>> {
    let leaves = sql!("check/log_texts").bind(i64::try_from(first).unwrap_or(i64::MAX)).bind(rows);
    leaves.all(|row| Ok((read_count(row, "idx")?, row.text("leaf")?)))
}

/// Lists stored nodes of the log's tree after one.
pub fn nodes(after: Option<Node>, rows: u32) -> Query<Vec<(Node, Hash)>> {
    let (level, index) =
        after.map_or((-1, -1), |node| (i64::from(node.level), i64::try_from(node.index).unwrap_or(i64::MAX)));
    sql!("check/log_nodes").bind(level).bind(index).bind(rows).all(|row| {
        let level = u32::try_from(row.integer("level")?).map_err(unreadable)?;
        Ok((Node { level, index: read_count(row, "idx")? }, read_hash(row, "hash")?))
    })
}

/// Lists the heads that were signed: of which size, over which root.
pub fn heads() -> Query<Vec<(u64, Hash)>> {
    sql!("check/log_heads").all(|row| Ok((read_count(row, "size")?, read_hash(row, "root_hash")?)))
}

/// A published run, and what its results came to then.
pub struct DigestedRun {
    /// Its id.
    pub id: RunId,
    /// What they came to.
    pub results: DigestedResults,
    /// Whether results were left out because tasks are private.
    pub private_tasks: bool,
}

/// Lists published runs whose results were digested, after one.
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
