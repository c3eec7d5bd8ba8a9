//! Benchmarks, their versions and tasks.

use crate::ports::{DatabaseError, Row, Statement};

/// Who owns a benchmark; no row where there is none.
pub const OWNER: &str = "SELECT owner_id FROM benchmarks WHERE id = ?1";
/// Claims the benchmark's name.
pub const CLAIM: &str = "INSERT INTO benchmarks (id, owner_id, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
/// Guard: the benchmark is `?2`'s.
pub const EXPECT_OWNER: &str = "INSERT INTO batch_guard (expectation) SELECT 'owner' \
     WHERE NOT EXISTS (SELECT 1 FROM benchmarks WHERE id = ?1 AND owner_id = ?2)";
/// Guard: no run stands on the version, or it says the same already.
pub const EXPECT_SAME_OR_UNUSED: &str = "INSERT INTO batch_guard (expectation) SELECT 'same or unused' \
     WHERE EXISTS (SELECT 1 FROM runs WHERE benchmark_id = ?1 AND version = ?2) \
       AND NOT EXISTS (SELECT 1 FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2 AND definition = ?3)";
/// Forgets the tasks of a version that says something else.
pub const CLEAR_TASKS: &str = "DELETE FROM benchmark_tasks WHERE benchmark_id = ?1 AND version = ?2 \
     AND NOT EXISTS (SELECT 1 FROM benchmark_versions AS v WHERE v.benchmark_id = ?1 AND v.version = ?2 AND v.definition = ?3)";
/// Declares the version.
pub const PUT_VERSION: &str = "INSERT INTO benchmark_versions (benchmark_id, version, title, description, metric, chance_level, \
       evidence, task_count, attempts_per_task, definition, created_at) \
     VALUES (?1, ?2, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?3, ?11) \
     ON CONFLICT (benchmark_id, version) DO UPDATE SET title = excluded.title, description = excluded.description, \
       metric = excluded.metric, chance_level = excluded.chance_level, evidence = excluded.evidence, \
       task_count = excluded.task_count, attempts_per_task = excluded.attempts_per_task, definition = excluded.definition \
     WHERE definition <> excluded.definition";
/// Adds the tasks of the JSON array `?3`.
pub const PUT_TASKS: &str = "INSERT INTO benchmark_tasks (benchmark_id, version, task_id, position, scenario, language, difficulty) \
     SELECT ?1, ?2, value ->> 'id', key, value ->> 'scenario', value ->> 'language', value ->> 'difficulty' FROM json_each(?3) \
     WHERE true ON CONFLICT DO NOTHING";
/// Whether the version is there.
pub const VERSION_EXISTS: &str = "SELECT 1 AS found FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2";
/// A page of benchmarks after the cursor, with all their versions, newest first.
pub const LIST: &str = "SELECT v.benchmark_id, v.version, v.title, v.description FROM benchmark_versions AS v \
     WHERE v.benchmark_id IN (SELECT id FROM benchmarks WHERE id > ?1 ORDER BY id LIMIT ?2) \
     ORDER BY v.benchmark_id, v.created_at DESC, v.version DESC";
/// The versions of one benchmark, newest first.
pub const VERSIONS: &str =
    "SELECT * FROM benchmark_versions WHERE benchmark_id = ?1 ORDER BY created_at DESC, version DESC";
/// The tasks of one benchmark's versions, in their order.
pub const TASKS: &str = "SELECT version, task_id, scenario, language, difficulty FROM benchmark_tasks \
     WHERE benchmark_id = ?1 ORDER BY version, position";

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
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Task {
    /// Unique within its version.
    pub id: String,
    /// Slice.
    pub scenario: Option<String>,
    /// Slice.
    pub language: Option<String>,
    /// Slice.
    pub difficulty: Option<String>,
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
    /// The tasks; none where the evidence is counts.
    pub tasks: Vec<Task>,
}

impl BenchmarkVersion {
    /// Reads a row of `benchmark_versions`, without tasks.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
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
            tasks: Vec::new(),
        })
    }
}

/// What declaring a version writes, whole or not at all.
#[must_use]
pub fn put(
    version: &BenchmarkVersion,
    owner_id: &str,
    definition: &str,
    tasks: &str,
    now: crate::ports::Timestamp,
) -> Vec<Statement> {
    let of_version = |sql| Statement::new(sql).bind(version.benchmark.as_str()).bind(version.version.as_str());
    vec![
        of_version(VERSION_EXISTS),
        Statement::new(CLAIM).bind(version.benchmark.as_str()).bind(owner_id).bind(now),
        Statement::new(EXPECT_OWNER).bind(version.benchmark.as_str()).bind(owner_id),
        of_version(EXPECT_SAME_OR_UNUSED).bind(definition),
        of_version(CLEAR_TASKS).bind(definition),
        of_version(PUT_VERSION)
            .bind(definition)
            .bind(version.title.as_str())
            .bind(version.description.as_deref())
            .bind(version.metric.as_str())
            .bind(version.chance_level)
            .bind(version.evidence.as_str())
            .bind(version.task_count)
            .bind(version.attempts_per_task)
            .bind(now),
        of_version(PUT_TASKS).bind(tasks),
    ]
}
