//! What only the pages ask for.

use crate::ports::{DatabaseError, Row, Statement};

/// The versions of benchmark `?1`, and those of the first `?2` benchmarks that anything was published on.
pub const CHOICES: &str = "SELECT v.benchmark_id, v.version, v.title, \
       EXISTS (SELECT 1 FROM snapshots AS s WHERE s.benchmark_id = v.benchmark_id AND s.version = v.version) AS published \
     FROM benchmark_versions AS v WHERE v.benchmark_id IN (SELECT ?1 UNION SELECT id FROM (SELECT b.id FROM benchmarks AS b \
       WHERE b.id > '' AND b.hidden_reason IS NULL AND EXISTS (SELECT 1 FROM snapshots AS s WHERE s.benchmark_id = b.id) ORDER BY b.id LIMIT ?2)) \
     ORDER BY v.benchmark_id, v.created_at DESC, v.version DESC";
/// What a version says of itself.
pub const VERSION_FACTS: &str = "SELECT task_count, attempts_per_task, chance_level, private_tasks, tasks_published_on, parts \
     FROM benchmark_versions WHERE benchmark_id = ?1 AND version = ?2";

/// A version that can be chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The benchmark.
    pub benchmark: String,
    /// Its version.
    pub version: String,
    /// What people call it.
    pub title: String,
    /// Whether anything was published on it.
    pub published: bool,
}

impl Choice {
    /// Reads a row of [`CHOICES`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            benchmark: row.text("benchmark_id")?,
            version: row.text("version")?,
            title: row.text("title")?,
            published: row.boolean("published")?,
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
    /// What a composite score is made of: id and weight.
    pub parts: Vec<(String, f64)>,
}

impl VersionFacts {
    /// Reads a row of [`VERSION_FACTS`].
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        #[derive(serde::Deserialize)]
        struct Part {
            id: String,
            weight: f64,
        }
        let parts = row.optional_text("parts")?.unwrap_or_else(|| "[]".to_owned());
        let parts = serde_json::from_str::<Vec<Part>>(&parts);
        let parts = parts.map_err(|error| DatabaseError::Unavailable(format!("a version's parts: {error}")))?;
        Ok(Self {
            task_count: row.integer("task_count")?,
            attempts_per_task: row.integer("attempts_per_task")?,
            chance_level: row.optional_real("chance_level")?,
            private_tasks: row.boolean("private_tasks")?,
            tasks_published_on: row.optional_text("tasks_published_on")?,
            parts: parts.into_iter().map(|part| (part.id, part.weight)).collect(),
        })
    }
}

/// The statements of both.
#[must_use]
pub fn of_version(benchmark: &str, version: &str, most: usize) -> Vec<Statement> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    vec![
        Statement::new(CHOICES).bind(benchmark).bind(most),
        Statement::new(VERSION_FACTS).bind(benchmark).bind(version),
    ]
}
