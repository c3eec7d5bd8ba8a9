//! Queries that only the HTML pages use.

use super::{
    columns::{optional_json, read_named, time},
    models::Model,
    query::{Query, sql},
};
use crate::{
    domain::{
        BenchmarkId, ModelId, RunId, Timestamp, VersionName, benchmark::Part, conditions::Conditions,
        evaluator::EvaluatorRelationship, leaderboard::Aggregates, run_status::RunStatus,
    },
    ports::{DatabaseError, Row},
};

/// A version that a reader can choose.
#[derive(Clone, Debug)]
pub struct VersionChoice {
    /// Id of the benchmark.
    pub benchmark: BenchmarkId,
    /// Name of the version.
    pub version: VersionName,
    /// Title of the benchmark.
    pub title: String,
    /// Whether anything was published on the version.
    pub published: bool,
    /// Whether the version is neither a part nor a second scoring of another.
    pub whole: bool,
}

impl VersionChoice {
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

/// Properties of a version for its page.
#[derive(Clone, Debug, Default)]
pub struct VersionFacts {
    /// Number of tasks.
    pub task_count: i64,
    /// Attempts at each task.
    pub attempts_per_task: i64,
    /// Score that guessing gets.
    pub chance_level: Option<f64>,
    /// Whether the tasks are private.
    pub private_tasks: bool,
    /// Day or month since which anyone could read the tasks.
    pub tasks_published_on: Option<String>,
    /// Parts of a composite score.
    pub parts: Vec<Part>,
    /// Version that it is a part of.
    pub part_of: Option<VersionName>,
    /// Number of tasks of the version that it is a part of.
    pub whole_task_count: Option<i64>,
    /// Version of which it is a second scoring.
    pub other_scoring_of: Option<VersionName>,
    /// Address with more about it.
    pub homepage: Option<String>,
    /// Licence of the tasks.
    pub licence: Option<String>,
    /// Citation of the benchmark.
    pub citation: Option<String>,
    /// Conditions under which runs are to be made.
    pub conditions: Conditions,
    /// Current version of the benchmark.
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

/// Lists the versions of a benchmark, and those of at most `others` other benchmarks that anything was published on.
pub fn choices(benchmark: &BenchmarkId, others: usize) -> Query<Vec<VersionChoice>> {
    let others = i64::try_from(others).unwrap_or(i64::MAX);
    sql!("pages/choices").bind(benchmark).bind(others).all(VersionChoice::from_row)
}

/// Finds the properties of a version, or those of the current version where none is named.
pub fn version_facts(benchmark: &BenchmarkId, version: Option<&VersionName>) -> Query<Option<VersionFacts>> {
    sql!("pages/version_facts").bind(benchmark).bind(version).optional(VersionFacts::from_row)
}

/// Lists the models of a provider, or of all, by id, after the given one or from the first.
pub fn models(after: Option<&ModelId>, provider: Option<&str>, rows: u32) -> Query<Vec<Model>> {
    let after = after.map_or("", ModelId::as_str);
    sql!("pages/models").bind(after).bind(provider).bind(rows).all(Model::from_row)
}

/// Lists the first providers of models, by name.
pub fn providers(rows: u32) -> Query<Vec<String>> {
    sql!("pages/providers").bind(rows).all(|row| row.text("provider"))
}

/// Finds models by words of their ids and names.
pub fn search_models(words: &[&str], rows: u32) -> Query<Vec<Model>> {
    sql!("pages/search_models").bind(serde_json::json!(words).to_string()).bind(rows).all(Model::from_row)
}

/// A benchmark that a search found.
#[derive(Clone, Debug)]
pub struct FoundBenchmark {
    /// Id of the benchmark.
    pub id: BenchmarkId,
    /// Title of the benchmark.
    pub title: String,
    /// What the benchmark measures.
    pub description: Option<String>,
}

/// Finds benchmarks by words of their ids and titles.
pub fn search_benchmarks(words: &[&str], rows: u32) -> Query<Vec<FoundBenchmark>> {
    sql!("pages/search_benchmarks").bind(serde_json::json!(words).to_string()).bind(rows).all(|row| {
        Ok(FoundBenchmark {
            id: row.text("id")?.into(),
            title: row.text("title")?,
            description: row.optional_text("description")?,
        })
    })
}

/// Score of a run on a part of the tasks.
#[derive(Clone, Debug)]
pub struct RunSlice {
    /// Dimension of the slice: `scenario`, `language` or `difficulty`.
    pub dimension: &'static str,
    /// Value of the dimension.
    pub value: String,
    /// Aggregates of the slice's results.
    pub aggregates: Aggregates,
}

/// Lists the scores of a run on the tasks of one scenario, one language or one difficulty.
pub fn run_slices(run: &RunId, rows: u32) -> Query<Vec<RunSlice>> {
    sql!("pages/run_slices").bind(run).bind(rows).all(|row| {
        let mut of = ("difficulty", row.text("difficulty")?);
        for dimension in ["language", "scenario"] {
            let value = row.text(dimension)?;
            if !value.is_empty() {
                of = (dimension, value);
            }
        }
        let aggregates = Aggregates::from_row(row)?;
        let aggregates = aggregates.ok_or_else(|| DatabaseError::Unexpected("a slice without a score".to_owned()))?;
        Ok(RunSlice { dimension: of.0, value: of.1, aggregates })
    })
}

/// A run's entry on its board.
#[derive(Clone, Debug)]
pub struct RunEntry {
    /// Title of the benchmark.
    pub title: String,
    /// Conditions that the version prescribes.
    pub conditions: Conditions,
    /// Name of the model when the run was published; `None` before.
    pub display_name: Option<String>,
    /// Whether the model was trained after the tasks were published.
    pub contaminated: bool,
    /// Whether the entry stands on the board now.
    pub stands: bool,
    /// Whether the run is the ranked one of its system.
    pub ranked: bool,
}

/// Finds a run's entry on its board, or its last one.
pub fn run_entry(run: &RunId) -> Query<Option<RunEntry>> {
    sql!("pages/run_entry").bind(run).optional(|row| {
        Ok(RunEntry {
            title: row.text("title")?,
            conditions: optional_json(row, "conditions")?.unwrap_or_default(),
            display_name: row.optional_text("display_name")?,
            contaminated: row.boolean("contaminated")?,
            stands: row.boolean("stands")?,
            ranked: row.boolean("ranked")?,
        })
    })
}

/// Another published run of a system.
#[derive(Clone, Debug)]
pub struct OtherRun {
    /// Id of the run.
    pub id: RunId,
    /// Status of the run.
    pub status: RunStatus,
    /// Relationship of the evaluator to the vendor of the model.
    pub evaluator_relationship: EvaluatorRelationship,
    /// When the run was evaluated.
    pub evaluated_at: Timestamp,
    /// Aggregates that publishing stored.
    pub aggregates: Option<Aggregates>,
}

/// Lists the other runs of a run's system on its version that were ever published, evaluated last first.
pub fn runs_of_system(run: &RunId, rows: u32) -> Query<Vec<OtherRun>> {
    sql!("pages/runs_of_system").bind(run).bind(rows).all(|row| {
        Ok(OtherRun {
            id: row.text("id")?.into(),
            status: read_named(row, "status", RunStatus::named)?,
            evaluator_relationship: read_named(row, "evaluator_relationship", EvaluatorRelationship::named)?,
            evaluated_at: time(row, "evaluated_at")?,
            aggregates: Aggregates::from_row(row)?,
        })
    })
}

/// A resource with a page of its own.
#[derive(Clone, Debug)]
pub enum SiteMapEntry {
    /// A benchmark.
    Benchmark(BenchmarkId),
    /// A model.
    Model(ModelId),
}

/// Lists the first benchmarks and models, at most `rows` of each.
pub fn site_map(rows: u32) -> Query<Vec<SiteMapEntry>> {
    sql!("pages/site_map").bind(rows).all(|row| {
        let id = row.text("id")?;
        Ok(if row.text("kind")? == "model" {
            SiteMapEntry::Model(id.into())
        } else {
            SiteMapEntry::Benchmark(id.into())
        })
    })
}
