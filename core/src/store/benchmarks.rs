//! Benchmarks, their versions and tasks.

use std::collections::BTreeSet;

use super::storage;
use crate::{
    domain::run_aggregates::SlicedTask,
    ports::{DatabaseError, Row, Statement},
};

/// Who owns a benchmark, and why it is hidden; no row where there is none.
pub const OWNER: &str = "SELECT owner_id, hidden_reason FROM benchmarks WHERE id = ?1";
/// Claims the benchmark's name.
pub const CLAIM: &str = "INSERT INTO benchmarks (id, owner_id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
/// Guard: the benchmark is `?2`'s.
pub const EXPECT_OWNER: &str = "INSERT INTO batch_guard (expectation) SELECT 'owner' \
     WHERE NOT EXISTS (SELECT 1 FROM benchmarks WHERE id = ?1 AND owner_id = ?2)";
/// Guard: no run stands on the version, or it says the same already.
pub const EXPECT_SAME_OR_UNUSED: &str = "INSERT INTO batch_guard (expectation) SELECT 'same or unused' \
     WHERE EXISTS (SELECT 1 FROM runs WHERE benchmark_id = ?1 AND version = ?2) \
       AND NOT EXISTS (SELECT 1 FROM benchmark_definitions WHERE benchmark_id = ?1 AND version = ?2 AND definition = ?3)";
/// Guard: the benchmark does not get too many versions.
pub const EXPECT_FEW_VERSIONS: &str = include_str!("sql/benchmarks/expect_few_versions.sql");
/// How many versions there are.
pub const COUNT_VERSIONS: &str = include_str!("sql/benchmarks/count_versions.sql");
/// Keeps what a version says.
pub const PUT_DEFINITION: &str = include_str!("sql/benchmarks/put_definition.sql");
/// What a version says.
pub const DEFINITION: &str = include_str!("sql/benchmarks/definition.sql");
/// Forgets the tasks of a version that says something else, after [`PUT_DEFINITION`].
pub const CLEAR_TASKS: &str = "DELETE FROM benchmark_tasks WHERE benchmark_id = ?1 AND version = ?2 AND changes() > 0";
/// Declares the version; a title that an administrator gave the benchmark stays.
pub const PUT_VERSION: &str = "INSERT INTO benchmark_versions (benchmark_id, version, title, description, metric, chance_level, \
       evidence, task_count, attempts_per_task, created_at, private_tasks, tasks_published_on, parts, slices) \
     VALUES (?1, ?2, coalesce((SELECT given_title FROM benchmarks WHERE id = ?1), ?3), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
     ON CONFLICT (benchmark_id, version) DO UPDATE SET title = excluded.title, description = excluded.description, \
       metric = excluded.metric, chance_level = excluded.chance_level, evidence = excluded.evidence, \
       task_count = excluded.task_count, attempts_per_task = excluded.attempts_per_task, \
       private_tasks = excluded.private_tasks, tasks_published_on = excluded.tasks_published_on, parts = excluded.parts, slices = excluded.slices";
/// Adds the tasks of the JSON array `?3`.
pub const PUT_TASKS: &str = "INSERT INTO benchmark_tasks (benchmark_id, version, task_id, position, scenario, language, difficulty, cluster) \
     SELECT ?1, ?2, value ->> 'id', key, value ->> 'scenario', value ->> 'language', value ->> 'difficulty', value ->> 'cluster' FROM json_each(?3) \
     WHERE true ON CONFLICT DO NOTHING";
/// The version's title, and why its benchmark is hidden; no row where there is none.
pub const VERSION_EXISTS: &str = "SELECT v.title, b.hidden_reason FROM benchmark_versions AS v JOIN benchmarks AS b ON b.id = v.benchmark_id \
     WHERE v.benchmark_id = ?1 AND v.version = ?2";
/// A page of benchmarks.
pub const LIST: &str = include_str!("sql/benchmarks/list.sql");
/// How the newest version describes a benchmark.
pub const NEWEST: &str = include_str!("sql/benchmarks/newest.sql");
/// A page of the versions of one benchmark.
pub const VERSIONS: &str = include_str!("sql/benchmarks/versions.sql");
/// Whether a version's tasks are private.
pub const PRIVATE_TASKS: &str = include_str!("sql/benchmarks/private_tasks.sql");
/// A page of a version's tasks.
pub const TASKS: &str = include_str!("sql/benchmarks/tasks.sql");
/// All tasks of a version, as publishing sorts them into slices.
pub const SLICED_TASKS: &str = include_str!("sql/benchmarks/sliced_tasks.sql");

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
    /// Reads a row of [`TASKS`].
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

/// The tasks that a version's definition names.
///
/// # Errors
/// When the row has none, or it is unreadable.
pub fn defined_tasks(row: &Row) -> Result<Vec<Task>, DatabaseError> {
    #[derive(serde::Deserialize)]
    struct Definition {
        tasks: Vec<Task>,
    }
    Ok(read_json::<Definition>(&row.text("definition")?)?.tasks)
}

/// Reads a row of [`SLICED_TASKS`].
///
/// # Errors
/// When a column is missing.
pub fn sliced_task(row: &Row) -> Result<SlicedTask, DatabaseError> {
    Ok(SlicedTask {
        id: row.text("task_id")?,
        dimensions: [row.optional_text("scenario")?, row.optional_text("language")?, row.optional_text("difficulty")?],
        cluster: row.optional_text("cluster")?,
    })
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

/// What declaring a version writes, whole or not at all. Within the quota of its owner, the deployment's where they have
/// none of their own.
#[must_use]
pub fn put(
    version: &BenchmarkVersion,
    owner_id: &str,
    definition: &str,
    tasks: &str,
    quota_bytes: i64,
    now: crate::ports::Timestamp,
) -> Vec<Statement> {
    let slices = serde_json::json!(Slices::of(&version.tasks)).to_string();
    let parts = version.parts.as_ref().map(|parts| serde_json::json!(parts).to_string());
    let of_version = |sql| Statement::new(sql).bind(version.benchmark.as_str()).bind(version.version.as_str());
    let size = i64::try_from(definition.len()).unwrap_or(i64::MAX);
    let of_owner = |sql| of_version(sql).bind(owner_id).bind(size);
    vec![
        of_version(VERSION_EXISTS),
        Statement::new(CLAIM).bind(version.benchmark.as_str()).bind(owner_id).bind(now),
        Statement::new(EXPECT_OWNER).bind(version.benchmark.as_str()).bind(owner_id),
        of_version(EXPECT_FEW_VERSIONS).bind(MOST_VERSIONS),
        of_version(EXPECT_SAME_OR_UNUSED).bind(definition),
        of_owner(storage::REFUND_VERSION),
        of_owner(storage::CHARGE_VERSION),
        storage::expect_quota(owner_id, quota_bytes),
        of_version(PUT_DEFINITION).bind(definition),
        of_version(CLEAR_TASKS),
        of_version(PUT_VERSION)
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
            .bind(slices),
        of_version(PUT_TASKS).bind(tasks),
        of_version(VERSION_EXISTS),
    ]
}
