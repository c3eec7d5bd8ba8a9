//! Positions of systems on several leaderboards at once.

use serde_json::json;

use super::{
    leaderboard::Scope,
    query::{Query, sql},
};
use crate::{
    domain::{BenchmarkId, ModelId, leaderboard::Entry},
    ports::{DatabaseError, Row},
};

/// A leaderboard, with the number of systems ranked there.
#[derive(Clone, Debug)]
pub struct ListedBoard {
    /// The leaderboard of the benchmark's current version.
    pub scope: Scope,
    /// Number of ranked systems, including those of hidden models.
    pub systems: usize,
}

impl ListedBoard {
    /// Reads a row of the statements that find leaderboards.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let systems = usize::try_from(row.integer("systems")?).unwrap_or(0);
        Ok(Self { scope: Scope::from_row(row)?, systems })
    }
}

/// Finds the leaderboards on which a model is ranked, by benchmark, after the given one or from the first.
pub fn of_model(model: &ModelId, after: Option<&BenchmarkId>, rows: u32) -> Query<Vec<ListedBoard>> {
    let after = after.map_or("", BenchmarkId::as_str);
    sql!("standings/of_model").bind(model).bind(after).bind(rows).all(ListedBoard::from_row)
}

/// Finds the leaderboards of these benchmarks, in their order; those that do not exist are left out.
pub fn named(benchmarks: &[BenchmarkId]) -> Query<Vec<ListedBoard>> {
    let benchmarks = benchmarks.iter().map(BenchmarkId::as_str).collect::<Vec<_>>();
    sql!("standings/named").bind(json!(benchmarks).to_string()).all(ListedBoard::from_row)
}

/// Finds the featured leaderboard, then those with the latest publications.
pub fn newest(rows: u32) -> Query<Vec<ListedBoard>> {
    sql!("standings/newest").bind(rows).all(ListedBoard::from_row)
}

/// Finds the leaderboards of a page of benchmarks, by id.
pub fn page(after: Option<&BenchmarkId>, rows: u32) -> Query<Vec<ListedBoard>> {
    sql!("standings/page").bind(after.map_or("", BenchmarkId::as_str)).bind(rows).all(ListedBoard::from_row)
}

/// Lists the ranked entries of these leaderboards, each with the index of its board among them.
pub fn entries(scopes: &[Scope]) -> Query<Vec<(usize, Entry)>> {
    let boards = scopes.iter().map(|scope| {
        let seq = scope.snapshot.as_ref().map_or(0, |snapshot| snapshot.seq);
        json!([scope.benchmark.as_str(), scope.version.as_str(), seq])
    });
    let boards = serde_json::Value::from_iter(boards).to_string();
    sql!("standings/entries").bind(boards).all(|row| {
        let board = usize::try_from(row.integer("board")?).unwrap_or(usize::MAX);
        Ok((board, Entry::from_row(row)?))
    })
}
