//! A person's own runs and benchmarks, as they see them themselves.

use super::{
    PageBefore,
    columns::{measure, read_named, system},
    query::{Query, sql},
};
use crate::{
    domain::{
        BenchmarkId, RunId, Timestamp, UserId, VersionName, measure::Measure, run_status::RunStatus, system::System,
    },
    ports::{DatabaseError, Row},
};

/// A run, without what was uploaded.
#[derive(Clone, Debug)]
pub struct OwnRun {
    /// Id of the run.
    pub id: RunId,
    /// The system that ran.
    pub system: System,
    /// Id of the benchmark.
    pub benchmark: BenchmarkId,
    /// Name of the version.
    pub version: VersionName,
    /// Status of the run.
    pub status: RunStatus,
    /// Why the run was rejected or withdrawn.
    pub reason: Option<String>,
    /// When the run was opened.
    pub created_at: Timestamp,
    /// When the run was published.
    pub published_at: Option<Timestamp>,
    /// Meaning of the score.
    pub measure: Measure,
    /// Score, once the run was published.
    pub score: Option<f64>,
}

impl OwnRun {
    pub(super) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?.into(),
            system: system(row)?,
            benchmark: row.text("benchmark_id")?.into(),
            version: row.text("version")?.into(),
            status: read_named(row, "status", RunStatus::named)?,
            reason: row.optional_text("reason")?,
            created_at: Timestamp(row.integer("created_at")?),
            published_at: row.optional_integer("published_at")?.map(Timestamp),
            measure: measure(row)?,
            score: row.optional_real("score")?,
        })
    }
}

/// A benchmark that somebody declared.
#[derive(Clone, Debug)]
pub struct OwnBenchmark {
    /// Id of the benchmark.
    pub id: BenchmarkId,
    /// Current version, where one is marked.
    pub current_version: Option<String>,
    /// Why an administrator hid the benchmark.
    pub hidden_reason: Option<String>,
}

/// Lists a person's runs, all or those of one status, newest first.
pub fn list(owner_id: &UserId, status: Option<RunStatus>, page: &PageBefore) -> Query<Vec<OwnRun>> {
    let status = status.map(RunStatus::as_str);
    sql!("own_runs/list").bind(owner_id).bind_page(page).bind(status).all(OwnRun::from_row)
}

/// Lists a person's benchmarks.
pub fn benchmarks(owner_id: &UserId) -> Query<Vec<OwnBenchmark>> {
    sql!("own_runs/benchmarks").bind(owner_id).all(|row| {
        Ok(OwnBenchmark {
            id: row.text("id")?.into(),
            current_version: row.optional_text("current_version")?,
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    })
}
