//! What only the pages ask for.

use super::{
    columns::optional_json,
    query::{Query, sql},
};
use crate::{
    domain::{BenchmarkId, VersionName, benchmark::Part, conditions::Conditions},
    ports::{DatabaseError, Row},
};

/// A version that can be chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The benchmark.
    pub benchmark: BenchmarkId,
    /// Its version.
    pub version: VersionName,
    /// What people call it.
    pub title: String,
    /// Whether anything was published on it.
    pub published: bool,
    /// Whether it is neither a part nor a second scoring of another.
    pub whole: bool,
}

impl Choice {
    /// Reads a row of `pages/choices.sql`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            benchmark: row.text("benchmark_id")?.into(),
            version: row.text("version")?.into(),
            title: row.text("title")?,
            published: row.boolean("published")?,
            whole: row.boolean("whole")?,
        })
    }
}

/// What a version says of itself.
#[derive(Clone, Debug, Default)]
pub struct VersionFacts {
    /// How many tasks there are.
    pub task_count: i64,
    /// How often each is tried.
    pub attempts_per_task: i64,
    /// What guessing scores.
    pub chance_level: Option<f64>,
    /// Whether the tasks are told to nobody.
    pub private_tasks: bool,
    /// The day or month since when anyone could read the tasks.
    pub tasks_published_on: Option<String>,
    /// What a composite score is made of.
    pub parts: Vec<Part>,
    /// The version that it is a part of.
    pub part_of: Option<VersionName>,
    /// How many tasks the whole has that it is a part of.
    pub whole_task_count: Option<i64>,
    /// The version of which it is a second scoring.
    pub other_scoring_of: Option<VersionName>,
    /// Where to read more.
    pub homepage: Option<String>,
    /// The licence of its tasks.
    pub licence: Option<String>,
    /// How to cite it.
    pub citation: Option<String>,
    /// Under which conditions runs are to be made.
    pub conditions: Conditions,
    /// The version that the benchmark is read by.
    pub current_version: Option<VersionName>,
}

impl VersionFacts {
    /// Reads a row of `pages/version_facts.sql`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            task_count: row.integer("task_count")?,
            attempts_per_task: row.integer("attempts_per_task")?,
            chance_level: row.optional_real("chance_level")?,
            private_tasks: row.boolean("private_tasks")?,
            tasks_published_on: row.optional_text("tasks_published_on")?,
            parts: optional_json(row, "parts")?.unwrap_or_default(),
            part_of: row.optional_text("part_of")?.map(Into::into),
            whole_task_count: row.optional_integer("whole_task_count")?,
            other_scoring_of: row.optional_text("other_scoring_of")?.map(Into::into),
            homepage: row.optional_text("homepage")?,
            licence: row.optional_text("licence")?,
            citation: row.optional_text("citation")?,
            conditions: optional_json(row, "conditions")?.unwrap_or_default(),
            current_version: row.optional_text("current_version")?.map(Into::into),
        })
    }
}

/// Lists the versions of a benchmark, and those of so many others that anything was published on.
pub fn choices(benchmark: &BenchmarkId, others: usize) -> Query<Vec<Choice>> {
    let others = i64::try_from(others).unwrap_or(i64::MAX);
    sql!("pages/choices").bind(benchmark).bind(others).all(Choice::from_row)
}

/// Finds what a version says of itself.
pub fn version_facts(benchmark: &BenchmarkId, version: &VersionName) -> Query<Option<VersionFacts>> {
    sql!("pages/version_facts").bind(benchmark).bind(version).optional(VersionFacts::from_row)
}
