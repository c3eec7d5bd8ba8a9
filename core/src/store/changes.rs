//! The log of changes: a line for each snapshot, each act of moderation and each seal, in the order in which they were
//! committed.

use super::{
    columns::{agent, optional_json, read_named, time},
    query::{Query, sql},
};
use crate::{
    domain::{BenchmarkId, Timestamp, leaderboard::ChangeKind},
    ports::{DatabaseError, Row},
    wire::Change,
};

/// Place of a line in the log: the number of its snapshot, and after that the number that moderation and seals share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize)]
pub struct Place(pub i64, pub i64);

impl Place {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self(row.integer("seq")?, row.integer("act")?))
    }
}

/// A line of the log.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Line {
    /// Place in the order of all lines.
    pub place: Place,
    /// What changed.
    pub change: Change,
}

impl Line {
    /// Reads a row of the log.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let change = Change {
            id: row.text("id")?,
            kind: read_named(row, "kind", ChangeKind::named)?,
            at: time(row, "created_at")?,
            benchmark: row.optional_text("benchmark_id")?.map(Into::into),
            version: row.optional_text("version")?.map(Into::into),
            model: row.optional_text("model_id")?.map(Into::into),
            system_id: row.optional_text("system_id")?.map(Into::into),
            agent: agent(row)?,
            configuration: row.optional_text("configuration")?,
            name: row.optional_text("name")?,
            run_id: row.optional_text("run_id")?.map(Into::into),
            seal_id: row.optional_text("seal_id")?.map(Into::into),
            reason: row.optional_text("reason")?,
            previous_run_id: row.optional_text("previous_run_id")?.map(Into::into),
            current_run_id: row.optional_text("current_run_id")?.map(Into::into),
            rank_before: row.optional_integer("rank_before")?,
            rank_after: row.optional_integer("rank_after")?,
            moved: optional_json(row, "moved")?.unwrap_or_default(),
        };
        Ok(Self { place: Place::from_row(row)?, change })
    }
}

/// Direction in which the log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first, from a place on.
    Forward,
    /// Newest first, before a place.
    Backward,
}

/// The newest snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestSnapshot {
    /// Place of the snapshot in the order of all.
    pub seq: i64,
    /// Id of the snapshot, a UUIDv7.
    pub id: String,
    /// When the snapshot was made.
    pub created_at: Timestamp,
}

/// Finds the newest snapshot of the log.
pub fn newest_snapshot() -> Query<Option<NewestSnapshot>> {
    sql!("changes/newest_snapshot").optional(|row| {
        Ok(NewestSnapshot { seq: row.integer("seq")?, id: row.text("id")?, created_at: time(row, "created_at")? })
    })
}

/// The newest line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestChange {
    /// Id of the line.
    pub id: String,
    /// Place of the line.
    pub place: Place,
    /// Number of times that moderation changed anything.
    pub moderation: i64,
}

/// Finds the newest line of the log, of one benchmark or of all.
pub fn latest(benchmark: Option<&BenchmarkId>) -> Query<Option<LatestChange>> {
    sql!("changes/latest").bind(benchmark).optional(|row| {
        Ok(LatestChange { id: row.text("id")?, place: Place::from_row(row)?, moderation: row.integer("moderation")? })
    })
}

/// Finds the place of a line.
pub fn place_of(id: Option<&str>) -> Query<Option<Place>> {
    sql!("changes/place_of").bind(id).optional(Place::from_row)
}

/// Lists lines from a place on, of one benchmark or of all.
pub fn page(direction: Direction, benchmark: Option<&BenchmarkId>, begin: Place, rows: u32) -> Query<Vec<Line>> {
    match direction {
        Direction::Forward => after(benchmark, begin, rows),
        Direction::Backward => before(benchmark, begin, rows, true),
    }
}

/// Lists lines before a place, newest first, of one benchmark or of all, without which other systems moved.
pub fn lines(benchmark: Option<&BenchmarkId>, begin: Place, rows: u32) -> Query<Vec<Line>> {
    before(benchmark, begin, rows, false)
}

fn after(benchmark: Option<&BenchmarkId>, Place(seq, act): Place, rows: u32) -> Query<Vec<Line>> {
    let page = match benchmark {
        None => sql!("changes/after").bind(seq).bind(rows).bind(act),
        Some(benchmark) => sql!("changes/after_of_benchmark").bind(seq).bind(rows).bind(act).bind(benchmark),
    };
    page.all(Line::from_row)
}

fn before(benchmark: Option<&BenchmarkId>, Place(seq, act): Place, rows: u32, with_moved: bool) -> Query<Vec<Line>> {
    let page = match benchmark {
        None => sql!("changes/before").bind(seq).bind(rows).bind(act),
        Some(benchmark) => sql!("changes/before_of_benchmark").bind(seq).bind(rows).bind(act).bind(benchmark),
    };
    page.bind(with_moved).all(Line::from_row)
}
