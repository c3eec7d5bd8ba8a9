//! The runs of a model that were ever published.

use super::{
    PageBefore,
    columns::{measure, optional_json, read_named, system},
    query::{Query, sql},
};
use crate::{
    domain::{
        BenchmarkId, ModelId, RunId, VersionName, evaluator::EvaluatorRelationship, leaderboard::Aggregates,
        measure::Measure, run_links::RunLinks, run_status::RunStatus, system::System,
    },
    ports::{DatabaseError, Row, Timestamp},
};

/// A run of a model that was published at some time.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// Its id.
    pub id: RunId,
    /// The benchmark.
    pub benchmark: BenchmarkId,
    /// Its version.
    pub version: VersionName,
    /// The system that ran.
    pub system: System,
    /// Where to read more of it.
    pub links: Option<RunLinks>,
    /// What ran it.
    pub harness: String,
    /// Which version of that.
    pub harness_version: String,
    /// Who evaluated.
    pub evaluator_relationship: EvaluatorRelationship,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it was evaluated.
    pub evaluated_at: Timestamp,
    /// What has become of it.
    pub status: RunStatus,
    /// Why it was rejected or withdrawn.
    pub reason: Option<String>,
    /// When it was published.
    pub published_at: Timestamp,
    /// When it was withdrawn or rejected.
    pub withdrawn_at: Option<Timestamp>,
    /// What its score means.
    pub measure: Measure,
    /// What publishing kept.
    pub aggregates: Option<Aggregates>,
    /// Whether it stands on the leaderboard.
    pub current: bool,
    /// Whether it is the run that is ranked for its system.
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

/// By which date runs are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Publication.
    #[default]
    Published,
    /// Evaluation.
    Evaluated,
}

/// Lists the runs of a model that were ever published, on a benchmark or on any, the latest first.
pub fn list(model: &ModelId, benchmark: Option<&BenchmarkId>, by: By, page: &PageBefore) -> Query<Vec<PastRun>> {
    let list = match by {
        By::Published => sql!("runs/history"),
        By::Evaluated => sql!("runs/history_by_evaluation"),
    };
    list.bind(model).bind(benchmark).bind_page(page).all(PastRun::from_row)
}
