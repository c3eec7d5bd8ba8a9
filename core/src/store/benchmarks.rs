//! Benchmarks, their versions and tasks.

use super::{
    Batch, Handle, PageBefore,
    columns::{measure, optional_json, read_json, read_named},
    declarations::Declaration,
    query::{Query, sql},
    storage,
};
use crate::{
    domain::{
        BenchmarkId, RunId, Timestamp, UserId, VersionName,
        benchmark::{BenchmarkVersion, Evidence, MOST_VERSIONS, Slices, Task},
        measure::Bounds,
        run_aggregates::SlicedTask,
    },
    ports::{DatabaseError, Row},
};

/// Reads the tasks from the column `definition`.
///
/// # Errors
/// [`DatabaseError::Unexpected`] when the column is missing or unreadable.
pub(super) fn defined_tasks(row: &Row) -> Result<Vec<Task>, DatabaseError> {
    #[derive(serde::Deserialize)]
    struct Definition {
        tasks: Vec<Task>,
    }
    Ok(read_json::<Definition>(row, "definition")?.tasks)
}

fn task_from_row(row: &Row) -> Result<Task, DatabaseError> {
    Ok(Task {
        id: row.text("task_id")?,
        scenario: row.optional_text("scenario")?,
        language: row.optional_text("language")?,
        difficulty: row.optional_text("difficulty")?,
        cluster: row.optional_text("cluster")?,
    })
}

/// Reads a row of `benchmark_versions`, and adds the tasks, which are stored elsewhere.
///
/// # Errors
/// [`DatabaseError::Unexpected`] when a column is missing or unreadable.
pub(super) fn version_from_row(row: &Row, tasks: Vec<Task>) -> Result<BenchmarkVersion, DatabaseError> {
    let number = |column: &str| row.integer(column).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    Ok(BenchmarkVersion {
        benchmark: row.text("benchmark_id")?.into(),
        version: row.text("version")?.into(),
        title: row.text("title")?,
        description: row.optional_text("description")?,
        measure: measure(row)?,
        chance_level: row.optional_real("chance_level")?,
        evidence: read_named(row, "evidence", Evidence::named)?,
        task_count: number("task_count")?,
        attempts_per_task: number("attempts_per_task")?,
        private_tasks: row.boolean("private_tasks")?,
        tasks_published_on: row.optional_text("tasks_published_on")?,
        parts: optional_json(row, "parts")?,
        part_of: row.optional_text("part_of")?.map(Into::into),
        whole_task_count: row.optional_integer("whole_task_count")?.and_then(|count| u32::try_from(count).ok()),
        other_scoring_of: row.optional_text("other_scoring_of")?.map(Into::into),
        homepage: row.optional_text("homepage")?,
        licence: row.optional_text("licence")?,
        citation: row.optional_text("citation")?,
        conditions: optional_json(row, "conditions")?,
        tasks,
    })
}

/// A version that is to be declared.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// The version without its storage form.
    pub version: &'a BenchmarkVersion,
    /// Id of the account that declares the version.
    pub owner_id: &'a UserId,
    /// The version in canonical JSON.
    pub definition: &'a str,
    /// The version's tasks in canonical JSON.
    pub tasks: &'a str,
    /// Bytes that the owner may store where they have no quota of their own.
    pub quota_bytes: i64,
}

/// Handles of the answers about a version that is declared.
pub struct Declared {
    /// The version as it was before, where there was one.
    pub before: Handle<Option<VersionTitle>>,
    /// The version as it is now.
    pub after: Handle<Option<VersionTitle>>,
}

impl NewVersion<'_> {
    /// Declares the version. The batch fails by [`Guard::BenchmarkOwner`](super::Guard),
    /// [`Guard::VersionLimit`](super::Guard), [`Guard::VersionReplaceable`](super::Guard),
    /// [`Guard::BaseWhole`](super::Guard), [`Guard::BaseTasks`](super::Guard) or [`Guard::StorageQuota`](super::Guard).
    #[must_use]
    pub fn declare(&self, batch: &mut Batch, now: Timestamp) -> Declared {
        let Self { version, owner_id, definition, .. } = *self;
        let (benchmark, name) = (&version.benchmark, &version.version);
        let base = version.part_of.as_ref().or(version.other_scoring_of.as_ref());
        let before = batch.push(find_version(benchmark, name));
        let size = i64::try_from(definition.len()).unwrap_or(i64::MAX);
        batch.extend([
            sql!("benchmarks/claim").bind(benchmark).bind(owner_id).bind(now).execute(),
            sql!("benchmarks/expect_owner").bind(benchmark).bind(owner_id).execute(),
            sql!("benchmarks/expect_few_versions").bind(benchmark).bind(name).bind(MOST_VERSIONS).execute(),
            sql!("benchmarks/expect_replaceable").bind(benchmark).bind(name).bind(definition).execute(),
            sql!("benchmarks/expect_base_whole").bind(benchmark).bind(name).bind(base).execute(),
            storage::refund_version(benchmark, name, owner_id, size),
            storage::charge_version(benchmark, name, owner_id, size),
            storage::expect_quota(owner_id, self.quota_bytes),
            sql!("benchmarks/put_definition").bind(benchmark).bind(name).bind(definition).execute(),
            sql!("benchmarks/clear_tasks").bind(benchmark).bind(name).execute(),
            put_version(version, now),
            sql!("benchmarks/put_tasks").bind(benchmark).bind(name).bind(self.tasks).execute(),
            sql!("benchmarks/expect_base_tasks").bind(benchmark).bind(name).execute(),
            sql!("benchmarks/keep_current").bind(benchmark).execute(),
        ]);
        Declared { before, after: batch.push(find_version(benchmark, name)) }
    }
}

fn put_version(version: &BenchmarkVersion, now: Timestamp) -> Query<()> {
    let slices = serde_json::json!(Slices::of(&version.tasks)).to_string();
    let parts = version.parts.as_ref().map(|parts| serde_json::json!(parts).to_string());
    let measure = &version.measure;
    let bounds = Some(measure.bounds).filter(|bounds| *bounds != Bounds::default());
    sql!("benchmarks/put_version")
        .bind(&version.benchmark)
        .bind(&version.version)
        .bind(version.title.as_str())
        .bind(version.description.as_deref())
        .bind(version.measure.metric.as_str())
        .bind(version.chance_level)
        .bind(version.evidence.as_str())
        .bind(version.task_count)
        .bind(version.attempts_per_task)
        .bind(now)
        .bind(version.private_tasks)
        .bind(version.tasks_published_on.as_deref())
        .bind(parts)
        .bind(slices)
        .bind(version.part_of.as_ref())
        .bind(version.other_scoring_of.as_ref())
        .bind(version.homepage.as_deref())
        .bind(version.licence.as_deref())
        .bind(version.citation.as_deref())
        .bind(version.conditions.map(|conditions| serde_json::json!(conditions).to_string()))
        .bind(version.whole_task_count)
        .bind(measure.direction.as_str())
        .bind(measure.unit.as_deref())
        .bind(bounds.map(|bounds| serde_json::json!(bounds).to_string()))
        .execute()
}

/// Makes a version the current one, which is read where none is named. The batch fails by
/// [`Guard::BenchmarkExists`](super::Guard), [`Guard::BenchmarkOwner`](super::Guard),
/// [`Guard::VersionExists`](super::Guard), [`Guard::VersionWhole`](super::Guard) or
/// [`Guard::VersionCounts`](super::Guard).
pub fn mark_current(benchmark: &BenchmarkId, version: &VersionName, owner_id: &UserId) -> [Query<()>; 6] {
    [
        expect_exists(benchmark),
        sql!("benchmarks/expect_owner").bind(benchmark).bind(owner_id).execute(),
        sql!("benchmarks/expect_version").bind(benchmark).bind(version).execute(),
        sql!("benchmarks/expect_whole").bind(benchmark).bind(version).execute(),
        sql!("benchmarks/expect_strongest").bind(benchmark).bind(version).execute(),
        sql!("benchmarks/mark_current").bind(benchmark).bind(version).execute(),
    ]
}

/// Guards that the benchmark exists: [`Guard::BenchmarkExists`](super::Guard).
pub fn expect_exists(benchmark: &BenchmarkId) -> Query<()> {
    sql!("benchmarks/expect_exists").bind(benchmark).execute()
}

/// Title of a version's benchmark, and why it is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionTitle {
    /// Title of the benchmark.
    pub title: String,
    /// Why an administrator hid the benchmark.
    pub hidden_reason: Option<String>,
}

/// Finds a version's title, and why its benchmark is hidden.
pub fn find_version(benchmark: &BenchmarkId, version: &VersionName) -> Query<Option<VersionTitle>> {
    sql!("benchmarks/find_version").bind(benchmark).bind(version).optional(|row| {
        Ok(VersionTitle { title: row.text("title")?, hidden_reason: row.optional_text("hidden_reason")? })
    })
}

/// Finds who declared a benchmark, and why it is hidden.
pub fn declaration(id: &BenchmarkId) -> Query<Option<Declaration>> {
    sql!("benchmarks/declaration").bind(id).optional(Declaration::from_row)
}

/// Finds a version's definition, in canonical JSON.
pub fn definition(benchmark: &BenchmarkId, version: &VersionName) -> Query<Option<String>> {
    sql!("benchmarks/definition").bind(benchmark).bind(version).optional(|row| row.text("definition"))
}

/// A benchmark as its current version describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchmarkSummary {
    /// Id of the benchmark.
    pub id: BenchmarkId,
    /// Title of the benchmark.
    pub title: String,
    /// What the benchmark measures.
    pub description: Option<String>,
    /// Version that is read where none is named.
    pub current_version: Option<VersionName>,
    /// Newest versions, newest first.
    pub versions: Vec<VersionName>,
}

/// Lists the benchmarks that are not hidden, by id, after the given one or from the first.
pub fn list(after: Option<&BenchmarkId>, rows: u32) -> Query<Vec<BenchmarkSummary>> {
    sql!("benchmarks/list").bind(after.map_or("", BenchmarkId::as_str)).bind(rows).all(|row| {
        Ok(BenchmarkSummary {
            id: row.text("benchmark_id")?.into(),
            title: row.text("title")?,
            description: row.optional_text("description")?,
            current_version: row.optional_text("version")?.map(Into::into),
            versions: read_json(row, "versions")?,
        })
    })
}

/// Description of a benchmark, from its current version, else from its newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Version that is read where none is named.
    pub current_version: Option<VersionName>,
    /// Title of the benchmark.
    pub title: String,
    /// What the benchmark measures.
    pub description: Option<String>,
}

/// Finds the description of a benchmark.
pub fn describe(id: &BenchmarkId) -> Query<Option<Description>> {
    sql!("benchmarks/describe").bind(id).optional(|row| {
        Ok(Description {
            current_version: row.optional_text("version")?.map(Into::into),
            title: row.text("title")?,
            description: row.optional_text("description")?,
        })
    })
}

/// A version as anyone may read it.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicVersion {
    /// When the version was declared.
    pub created_at: Timestamp,
    /// The version, without its tasks.
    pub version: BenchmarkVersion,
    /// Scenarios, languages and difficulties of the version's tasks.
    pub slices: Slices,
}

/// Lists a benchmark's versions, newest first; a version's id is its name.
pub fn versions(id: &BenchmarkId, page: &PageBefore) -> Query<Vec<PublicVersion>> {
    sql!("benchmarks/versions").bind(id).bind_page(page).all(|row| {
        Ok(PublicVersion {
            created_at: Timestamp(row.integer("created_at")?),
            version: version_from_row(row, Vec::new())?,
            slices: read_json(row, "slices")?,
        })
    })
}

/// Visibility of a version's tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskVisibility {
    /// Whether the tasks are private.
    pub private: bool,
    /// Why an administrator hid the benchmark.
    pub hidden_reason: Option<String>,
}

/// Finds whether a version's tasks may be read.
pub fn task_visibility(benchmark: &BenchmarkId, version: &VersionName) -> Query<Option<TaskVisibility>> {
    sql!("benchmarks/private_tasks").bind(benchmark).bind(version).optional(|row| {
        Ok(TaskVisibility {
            private: row.boolean("private_tasks")?,
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    })
}

/// A task, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedTask {
    /// Position among the version's tasks, from 0.
    pub position: i64,
    /// The task.
    pub task: Task,
}

/// Lists a version's public tasks, in order, after a position.
pub fn tasks(benchmark: &BenchmarkId, version: &VersionName, after: i64, rows: u32) -> Query<Vec<PlacedTask>> {
    sql!("benchmarks/tasks")
        .bind(benchmark)
        .bind(version)
        .bind(after)
        .bind(rows)
        .all(|row| Ok(PlacedTask { position: row.integer("position")?, task: task_from_row(row)? }))
}

/// A piece of the tasks of a run's version, as publishing sorts them into slices.
#[derive(Clone, Debug)]
pub struct TaskPiece {
    /// Tasks in their order.
    pub tasks: Vec<SlicedTask>,
    /// The position at which it ends; `None` where no further piece can follow.
    pub end: Option<i64>,
}

/// Lists the tasks of the version of a person's open run after a position, at most `rows`.
pub fn sliced_tasks(run_id: &RunId, owner_id: &UserId, after: i64, rows: u32) -> Query<TaskPiece> {
    sql!("benchmarks/sliced_tasks").bind(run_id).bind(owner_id).bind(after).bind(rows).read(move |found| {
        let is_last = u32::try_from(found.len()).is_ok_and(|found| found < rows);
        let (mut tasks, mut end) = (Vec::with_capacity(found.len()), None);
        for row in found {
            tasks.push(SlicedTask {
                id: row.text("task_id")?,
                dimensions: task_from_row(&row)?.dimensions(),
                cluster: row.optional_text("cluster")?,
            });
            end = Some(row.integer("position")?);
        }
        Ok(TaskPiece { tasks, end: end.filter(|_| !is_last) })
    })
}
