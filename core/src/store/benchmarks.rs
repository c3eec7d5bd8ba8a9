//! Benchmarks, their versions and tasks.

use std::collections::BTreeSet;

use super::{
    Batch, Handle, PageBefore,
    declarations::Declaration,
    query::{Query, sql},
    storage,
};
use crate::{
    domain::run_aggregates::SlicedTask,
    ports::{DatabaseError, Row, Timestamp},
};

/// The most values of a dimension: more tell tasks apart rather than grouping them.
pub const MOST_VALUES: usize = 50;
/// The most slices of a version: one for each combination of values that its tasks have. Each run keeps so many scores.
pub const MOST_SLICES: usize = 2500;
/// The most versions of a benchmark.
pub const MOST_VERSIONS: u32 = 100;

/// How a version is scored and what its runs bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Results, task by task.
    Results,
    /// Only counts: how many of the tasks passed. For sources that publish no more.
    Counts,
}

/// What a score means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of tasks passed.
    PassRate,
    /// The mean of the tasks' scores.
    Score,
}

impl Evidence {
    /// Its name in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Results => "results",
            Self::Counts => "counts",
        }
    }
}

impl Metric {
    /// Its name in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassRate => "pass_rate",
            Self::Score => "score",
        }
    }

    fn parse(text: &str) -> Self {
        if text == "score" { Self::Score } else { Self::PassRate }
    }
}

/// A task and the slices that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Task {
    /// Unique within its version.
    pub id: String,
    /// Slice.
    pub scenario: Option<String>,
    /// Slice.
    pub language: Option<String>,
    /// Slice.
    pub difficulty: Option<String>,
    /// Tasks of one cluster resemble each other, such as those of one repository: their scores are not independent.
    pub cluster: Option<String>,
}

impl Task {
    /// Reads the columns of that name.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("task_id")?,
            scenario: row.optional_text("scenario")?,
            language: row.optional_text("language")?,
            difficulty: row.optional_text("difficulty")?,
            cluster: row.optional_text("cluster")?,
        })
    }

    /// Scenario, language, difficulty.
    #[must_use]
    pub fn dimensions(&self) -> [Option<String>; 3] {
        [self.scenario.clone(), self.language.clone(), self.difficulty.clone()]
    }
}

/// A part of a composite score, such as a judge's.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Unique within its version.
    pub id: String,
    /// Its share, to that of the other parts; positive.
    pub weight: f64,
}

/// The values that a version's tasks have in each dimension, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Slices {
    /// Scenarios.
    pub scenario: BTreeSet<String>,
    /// Languages.
    pub language: BTreeSet<String>,
    /// Difficulties.
    pub difficulty: BTreeSet<String>,
}

impl Slices {
    /// The dimensions, by name.
    #[must_use]
    pub fn dimensions(&self) -> [(&'static str, &BTreeSet<String>); 3] {
        [("scenario", &self.scenario), ("language", &self.language), ("difficulty", &self.difficulty)]
    }

    /// Those of these tasks.
    #[must_use]
    pub fn of(tasks: &[Task]) -> Self {
        let values = |of: fn(&Task) -> &Option<String>| tasks.iter().filter_map(|task| of(task).clone()).collect();
        Self {
            scenario: values(|task| &task.scenario),
            language: values(|task| &task.language),
            difficulty: values(|task| &task.difficulty),
        }
    }

    /// Reads the column `slices`.
    ///
    /// # Errors
    /// When it is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        read_json(&row.text("slices")?)
    }
}

/// JSON that we wrote.
fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, DatabaseError> {
    serde_json::from_str(text).map_err(|error| DatabaseError::Unavailable(format!("a version's JSON: {error}")))
}

/// A version, with its tasks. Its JSON is what is compared when it is declared again.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkVersion {
    /// The benchmark's id.
    pub benchmark: String,
    /// Immutable once a run stands on it.
    pub version: String,
    /// What people call the benchmark.
    pub title: String,
    /// What it measures.
    pub description: Option<String>,
    /// What a score means.
    pub metric: Metric,
    /// What guessing scores.
    pub chance_level: Option<f64>,
    /// What its runs bring.
    pub evidence: Evidence,
    /// How many tasks there are.
    pub task_count: u32,
    /// How often each task is tried.
    pub attempts_per_task: u32,
    /// Whether its tasks, and results by task, are told to nobody.
    #[serde(serialize_with = "null_where_false")]
    pub private_tasks: bool,
    /// The day or month since when anyone could read the tasks.
    pub tasks_published_on: Option<String>,
    /// What a score is made of, where it is composite.
    pub parts: Option<Vec<Part>>,
    /// The tasks; none where the evidence is counts.
    pub tasks: Vec<Task>,
}

/// What says nothing is left out of a definition, so that older ones are still the same.
fn null_where_false<S: serde::Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    if *value { serializer.serialize_bool(true) } else { serializer.serialize_none() }
}

/// The tasks that a version's definition, in canonical JSON, names.
///
/// # Errors
/// When it is unreadable.
pub(super) fn defined_tasks(definition: &str) -> Result<Vec<Task>, DatabaseError> {
    #[derive(serde::Deserialize)]
    struct Definition {
        tasks: Vec<Task>,
    }
    Ok(read_json::<Definition>(definition)?.tasks)
}

impl BenchmarkVersion {
    /// Reads a row of `benchmark_versions`; the tasks stand elsewhere.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row, tasks: Vec<Task>) -> Result<Self, DatabaseError> {
        let number = |column: &str| row.integer(column).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        Ok(Self {
            benchmark: row.text("benchmark_id")?,
            version: row.text("version")?,
            title: row.text("title")?,
            description: row.optional_text("description")?,
            metric: Metric::parse(&row.text("metric")?),
            chance_level: row.optional_real("chance_level")?,
            evidence: if row.text("evidence")? == "counts" { Evidence::Counts } else { Evidence::Results },
            task_count: number("task_count")?,
            attempts_per_task: number("attempts_per_task")?,
            private_tasks: row.boolean("private_tasks")?,
            tasks_published_on: row.optional_text("tasks_published_on")?,
            parts: row.optional_text("parts")?.map(|parts| read_json(&parts)).transpose()?,
            tasks,
        })
    }
}

/// A version that is declared.
#[derive(Clone, Copy, Debug)]
pub struct NewVersion<'a> {
    /// What it says.
    pub version: &'a BenchmarkVersion,
    /// Who declares it.
    pub owner_id: &'a str,
    /// The version in canonical JSON.
    pub definition: &'a str,
    /// Its tasks in canonical JSON.
    pub tasks: &'a str,
    /// How many bytes the owner may store where they have no quota of their own.
    pub quota_bytes: i64,
}

/// Where the answers about a version that is declared will be.
pub struct Declared {
    /// The version before, where there was one.
    pub before: Handle<Option<VersionTitle>>,
    /// The version as it is now.
    pub after: Handle<Option<VersionTitle>>,
}

impl NewVersion<'_> {
    /// Declares the version. The batch fails by [`Guard::BenchmarkOwner`](super::Guard),
    /// [`Guard::VersionLimit`](super::Guard), [`Guard::VersionReplaceable`](super::Guard) or
    /// [`Guard::StorageQuota`](super::Guard).
    #[must_use]
    pub fn declare(&self, batch: &mut Batch, now: Timestamp) -> Declared {
        let Self { version, owner_id, definition, .. } = *self;
        let (benchmark, name) = (version.benchmark.as_str(), version.version.as_str());
        let before = batch.push(find_version(benchmark, name));
        let size = i64::try_from(definition.len()).unwrap_or(i64::MAX);
        batch.extend([
            sql!("benchmarks/claim").bind(benchmark).bind(owner_id).bind(now).execute(),
            sql!("benchmarks/expect_owner").bind(benchmark).bind(owner_id).execute(),
            sql!("benchmarks/expect_few_versions").bind(benchmark).bind(name).bind(MOST_VERSIONS).execute(),
            sql!("benchmarks/expect_replaceable").bind(benchmark).bind(name).bind(definition).execute(),
            storage::refund_version(benchmark, name, owner_id, size),
            storage::charge_version(benchmark, name, owner_id, size),
            storage::expect_quota(owner_id, self.quota_bytes),
            sql!("benchmarks/put_definition").bind(benchmark).bind(name).bind(definition).execute(),
            sql!("benchmarks/clear_tasks").bind(benchmark).bind(name).execute(),
            put_version(version, now),
            sql!("benchmarks/put_tasks").bind(benchmark).bind(name).bind(self.tasks).execute(),
        ]);
        Declared { before, after: batch.push(find_version(benchmark, name)) }
    }
}

fn put_version(version: &BenchmarkVersion, now: Timestamp) -> Query<()> {
    let slices = serde_json::json!(Slices::of(&version.tasks)).to_string();
    let parts = version.parts.as_ref().map(|parts| serde_json::json!(parts).to_string());
    sql!("benchmarks/put_version")
        .bind(version.benchmark.as_str())
        .bind(version.version.as_str())
        .bind(version.title.as_str())
        .bind(version.description.as_deref())
        .bind(version.metric.as_str())
        .bind(version.chance_level)
        .bind(version.evidence.as_str())
        .bind(version.task_count)
        .bind(version.attempts_per_task)
        .bind(now)
        .bind(version.private_tasks)
        .bind(version.tasks_published_on.as_deref())
        .bind(parts)
        .bind(slices)
        .execute()
}

/// What people call the benchmark of a version, and why it is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionTitle {
    /// The title.
    pub title: String,
    /// Why an administrator hid the benchmark.
    pub hidden_reason: Option<String>,
}

/// Finds a version's title, and why its benchmark is hidden.
pub fn find_version(benchmark: &str, version: &str) -> Query<Option<VersionTitle>> {
    sql!("benchmarks/find_version").bind(benchmark).bind(version).optional(|row| {
        Ok(VersionTitle { title: row.text("title")?, hidden_reason: row.optional_text("hidden_reason")? })
    })
}

/// Finds who declared a benchmark, and why it is hidden.
pub fn declaration(id: &str) -> Query<Option<Declaration>> {
    sql!("benchmarks/declaration").bind(id).optional(Declaration::from_row)
}

/// Finds a version's definition, in canonical JSON.
pub fn definition(benchmark: &str, version: &str) -> Query<Option<String>> {
    sql!("benchmarks/definition").bind(benchmark).bind(version).optional(|row| row.text("definition"))
}

/// A benchmark as its newest version describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchmarkSummary {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it measures.
    pub description: Option<String>,
    /// Its newest version.
    pub latest_version: String,
    /// Its newest versions, newest first.
    pub versions: Vec<String>,
}

/// Lists the benchmarks that are not hidden, by id, after one.
pub fn list(after: &str, rows: u32) -> Query<Vec<BenchmarkSummary>> {
    sql!("benchmarks/list").bind(after).bind(rows).all(|row| {
        Ok(BenchmarkSummary {
            id: row.text("benchmark_id")?,
            title: row.text("title")?,
            description: row.optional_text("description")?,
            latest_version: row.text("version")?,
            versions: read_json(&row.text("versions")?)?,
        })
    })
}

/// How the newest version describes a benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestVersion {
    /// The version.
    pub version: String,
    /// What people call the benchmark.
    pub title: String,
    /// What it measures.
    pub description: Option<String>,
}

/// Finds a benchmark's newest version.
pub fn newest(id: &str) -> Query<Option<NewestVersion>> {
    sql!("benchmarks/newest").bind(id).optional(|row| {
        Ok(NewestVersion {
            version: row.text("version")?,
            title: row.text("title")?,
            description: row.optional_text("description")?,
        })
    })
}

/// A version as anyone may read it.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicVersion {
    /// When it was declared.
    pub created_at: Timestamp,
    /// What it says, without its tasks.
    pub version: BenchmarkVersion,
    /// The values that its tasks have.
    pub slices: Slices,
}

/// Lists a benchmark's versions, newest first; a version's id is its name.
pub fn versions(id: &str, page: &PageBefore) -> Query<Vec<PublicVersion>> {
    sql!("benchmarks/versions").bind(id).bind_page(page).all(|row| {
        Ok(PublicVersion {
            created_at: Timestamp(row.integer("created_at")?),
            version: BenchmarkVersion::from_row(row, Vec::new())?,
            slices: Slices::from_row(row)?,
        })
    })
}

/// Who may read a version's tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskVisibility {
    /// Whether nobody may.
    pub private: bool,
    /// Why an administrator hid the benchmark.
    pub hidden_reason: Option<String>,
}

/// Finds who may read a version's tasks.
pub fn task_visibility(benchmark: &str, version: &str) -> Query<Option<TaskVisibility>> {
    sql!("benchmarks/private_tasks").bind(benchmark).bind(version).optional(|row| {
        Ok(TaskVisibility {
            private: row.boolean("private_tasks")?,
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    })
}

/// A task, where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedTask {
    /// From 0.
    pub position: i64,
    /// The task.
    pub task: Task,
}

/// Lists a version's public tasks, in their order, after a place.
pub fn tasks(benchmark: &str, version: &str, after: i64, rows: u32) -> Query<Vec<PlacedTask>> {
    sql!("benchmarks/tasks")
        .bind(benchmark)
        .bind(version)
        .bind(after)
        .bind(rows)
        .all(|row| Ok(PlacedTask { position: row.integer("position")?, task: Task::from_row(row)? }))
}

/// Lists all tasks of a person's open run, as publishing sorts them into slices.
pub fn sliced_tasks(run_id: &str, owner_id: &str) -> Query<Vec<SlicedTask>> {
    sql!("benchmarks/sliced_tasks").bind(run_id).bind(owner_id).all(|row| {
        Ok(SlicedTask {
            id: row.text("task_id")?,
            dimensions: Task::from_row(row)?.dimensions(),
            cluster: row.optional_text("cluster")?,
        })
    })
}
