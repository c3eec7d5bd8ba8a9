//! What a person has published, or is about to, as they see it themselves.

use super::{
    PageBefore,
    columns::{measure, read_named, system},
    query::{Query, sql},
};
use crate::{
    domain::{BenchmarkId, RunId, UserId, VersionName, measure::Measure, run_status::RunStatus, system::System},
    ports::{DatabaseError, Row, Timestamp},
};

/// A run, without what was uploaded.
#[derive(Clone, Debug)]
pub struct OwnRun {
    /// Its id.
    pub id: RunId,
    /// The system that ran.
    pub system: System,
    /// The benchmark.
    pub benchmark: BenchmarkId,
    /// Its version.
    pub version: VersionName,
    /// What has become of it.
    pub status: RunStatus,
    /// Why it was rejected or withdrawn.
    pub reason: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// What its score means.
    pub measure: Measure,
    /// Its score, once it was published.
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
    /// Its id.
    pub id: BenchmarkId,
    /// The version that it is read by, where one is marked.
    pub current_version: Option<String>,
    /// Why an administrator hid it.
    pub hidden_reason: Option<String>,
}

/// Lists a person's runs, or those of this status, newest first.
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
