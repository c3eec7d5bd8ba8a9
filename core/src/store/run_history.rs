//! All runs of a model that were ever published.

use super::{
    PageBefore,
    columns::{measure, optional_json, read_named, system},
    query::{Query, sql},
};
use crate::{
    domain::{
        BenchmarkId, ModelId, RunId, Timestamp, VersionName, evaluator::EvaluatorRelationship, leaderboard::Aggregates,
        measure::Measure, run_links::RunLinks, run_status::RunStatus, system::System,
    },
    ports::{DatabaseError, Row},
};

/// A run of a model that was published at some time.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// Id of the run.
    pub id: RunId,
    /// Id of the benchmark.
    pub benchmark: BenchmarkId,
    /// Name of the version.
    pub version: VersionName,
    /// The system that ran.
    pub system: System,
    /// Links to more about the run.
    pub links: Option<RunLinks>,
    /// Name of the harness.
    pub harness: String,
    /// Version of the harness.
    pub harness_version: String,
    /// Relationship of the evaluator to the vendor of the model.
    pub evaluator_relationship: EvaluatorRelationship,
    /// When the run began.
    pub started_at: Option<Timestamp>,
    /// When the run was evaluated.
    pub evaluated_at: Timestamp,
    /// Status of the run.
    pub status: RunStatus,
    /// Why the run was rejected or withdrawn.
    pub reason: Option<String>,
    /// When the run was published.
    pub published_at: Timestamp,
    /// When the run was withdrawn or rejected.
    pub withdrawn_at: Option<Timestamp>,
    /// Meaning of the score.
    pub measure: Measure,
    /// Aggregates that publishing stored.
    pub aggregates: Option<Aggregates>,
    /// Whether the run stands on the leaderboard.
    pub current: bool,
    /// Whether the run is the ranked one of its system.
    pub ranked: bool,
}

impl PastRun {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let time = |column: &str| row.optional_integer(column).map(|time| time.map(Timestamp));
        Ok(Self {
            id: row.text("id")?.into(),
            benchmark: row.text("benchmark_id")?.into(),
            version: row.text("version")?.into(),
            system: system(row)?,
            links: optional_json(row, "links")?,
            harness: row.text("harness")?,
            harness_version: row.text("harness_version")?,
            evaluator_relationship: read_named(row, "evaluator_relationship", EvaluatorRelationship::named)?,
            started_at: time("started_at")?,
            evaluated_at: Timestamp(row.integer("evaluated_at")?),
            status: read_named(row, "status", RunStatus::named)?,
            reason: row.optional_text("reason")?,
            published_at: Timestamp(row.integer("published_at")?),
            withdrawn_at: time("withdrawn_at")?,
            measure: measure(row)?,
            aggregates: Aggregates::from_row(row)?,
            current: row.boolean("current")?,
            ranked: row.boolean("ranked")?,
        })
    }
}

/// Date by which runs are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunDate {
    /// Date of publication.
    #[default]
    Published,
    /// Date of evaluation.
    Evaluated,
}

/// Lists the runs of a model that were ever published, on a benchmark or on any, the latest first.
pub fn list(model: &ModelId, benchmark: Option<&BenchmarkId>, by: RunDate, page: &PageBefore) -> Query<Vec<PastRun>> {
    let list = match by {
        RunDate::Published => sql!("runs/history"),
        RunDate::Evaluated => sql!("runs/history_by_evaluation"),
    };
    list.bind(model).bind(benchmark).bind_page(page).all(PastRun::from_row)
}
