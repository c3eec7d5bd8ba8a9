//! Seals: what a runner registers before a run is made. None ever changes; the first run that is published with one
//! opens it.

use utoipa::ToSchema;

use super::{
    columns::{agent, time},
    query::{Query, sql},
};
use crate::{
    domain::{
        BenchmarkId, ModelId, RunId, SealId, SystemId, Timestamp, UserId, VersionName, seal::SealState, system::Agent,
    },
    ports::{DatabaseError, Row},
};

/// What a run is going to be, on the wire too.
#[derive(Clone, Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealDeclaration {
    /// What is evaluated.
    pub model: ModelId,
    /// What drives the model, where something does.
    pub agent: Option<Agent>,
    /// In what it runs, such as a reasoning effort.
    #[schema(min_length = 1, max_length = 100, example = "high")]
    pub configuration: Option<String>,
    /// The system that these three make.
    pub system_id: SystemId,
    /// On what.
    pub benchmark: BenchmarkId,
    /// On which version of that: it is replaced no more, and the run answers every one of its tasks.
    pub version: VersionName,
    /// What runs it.
    #[schema(min_length = 1, max_length = 100, example = "aider")]
    pub harness: String,
    /// Which version of that.
    #[schema(min_length = 1, max_length = 100, example = "0.86.0")]
    pub harness_version: String,
    /// Of the harness or of the benchmark's code.
    #[schema(min_length = 1, max_length = 100, example = "5318380")]
    pub commit: String,
    /// How often each task is tried.
    #[schema(minimum = 1, maximum = 10)]
    pub attempts: u32,
    /// When the runner stops.
    #[schema(min_length = 1, max_length = 1000, example = "One run; tasks that break are tried once more.")]
    pub stopping_rule: String,
    /// What else the runner says.
    #[schema(min_length = 1, max_length = 1000)]
    pub note: Option<String>,
}

/// A seal that is to be made.
#[derive(Clone, Debug)]
pub struct NewSeal<'a> {
    /// Id of the seal, a UUIDv7.
    pub id: &'a SealId,
    /// Id of the owner.
    pub owner_id: &'a UserId,
    /// What the seal declares.
    pub declared: &'a SealDeclaration,
    /// Place of the seal among its owner's.
    pub place: &'a SealPlace,
    /// When the seal is made.
    pub sealed_at: Timestamp,
}

/// Place of a seal among its owner's, with the size of its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealPlace {
    /// Number of tasks of the version.
    pub task_count: i64,
    /// Attempts at each task.
    pub attempts: i64,
    /// Id of the series: the owner's first run or seal of the system on the version; `None` where this is the first.
    pub series: Option<String>,
    /// Number of the seal in the series, from 1.
    pub ordinal: i64,
}

/// Finds the place of a person's next seal of a system on a version; `None` where there is no such version.
pub fn next(owner_id: &UserId, declared: &SealDeclaration) -> Query<Option<SealPlace>> {
    let next = sql!("seals/next").bind(owner_id).bind(&declared.benchmark).bind(&declared.version);
    next.bind(&declared.system_id).optional(|row| {
        Ok(SealPlace {
            task_count: row.integer("task_count")?,
            attempts: row.integer("attempts_per_task")?,
            series: row.optional_text("series")?,
            ordinal: row.integer("ordinal")?,
        })
    })
}

/// Makes a seal, where model and version are declared, neither is hidden, and its place is still the one that [`next`]
/// found.
pub fn add(seal: &NewSeal<'_>) -> Query<()> {
    let declared = seal.declared;
    let agent = declared.agent.as_ref();
    sql!("seals/add")
        .bind(seal.id)
        .bind(seal.owner_id)
        .bind(&declared.model)
        .bind(&declared.benchmark)
        .bind(&declared.version)
        .bind(declared.harness.as_str())
        .bind(declared.harness_version.as_str())
        .bind(declared.commit.as_str())
        .bind(declared.attempts)
        .bind(declared.stopping_rule.as_str())
        .bind(declared.note.as_deref())
        .bind(seal.sealed_at)
        .bind(&declared.system_id)
        .bind(agent.map(|agent| agent.name.as_str()))
        .bind(agent.and_then(|agent| agent.version.as_deref()))
        .bind(declared.configuration.as_deref())
        .bind(seal.place.task_count)
        .bind(seal.place.series.as_deref().unwrap_or(seal.id.as_str()))
        .bind(seal.place.ordinal)
        .execute()
}

/// A seal with all that is stored of it.
#[derive(Clone, Debug)]
pub struct Seal {
    /// Id of the seal, a UUIDv7.
    pub id: SealId,
    /// Id of the owner; `None` once they deleted their account.
    pub owner_id: Option<UserId>,
    /// What the seal declares.
    pub declared: SealDeclaration,
    /// Number of tasks of the version.
    pub task_count: i64,
    /// Id of the series: the owner's first run or seal of the system on the version.
    pub series: String,
    /// Number of the seal in the series, from 1.
    pub ordinal: i64,
    /// When the seal was made.
    pub sealed_at: Timestamp,
    /// Number that orders seals and acts of moderation.
    pub act: i64,
    /// Run that was published with the seal.
    pub run_id: Option<RunId>,
    /// Index of the seal's leaf in the log, once it has one.
    pub log_index: Option<i64>,
    /// Why an administrator hid the model or the benchmark.
    pub hidden_reason: Option<String>,
}

impl Seal {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?.into(),
            owner_id: row.optional_text("owner_id")?.map(Into::into),
            declared: SealDeclaration {
                model: row.text("model_id")?.into(),
                agent: agent(row)?,
                configuration: row.optional_text("configuration")?,
                system_id: row.text("system_id")?.into(),
                benchmark: row.text("benchmark_id")?.into(),
                version: row.text("version")?.into(),
                harness: row.text("harness")?,
                harness_version: row.text("harness_version")?,
                commit: row.text("commit_hash")?,
                attempts: u32::try_from(row.integer("attempts")?).unwrap_or(u32::MAX),
                stopping_rule: row.text("stopping_rule")?,
                note: row.optional_text("note")?,
            },
            task_count: row.integer("tasks")?,
            series: row.text("series")?,
            ordinal: row.integer("ordinal")?,
            sealed_at: time(row, "sealed_at")?,
            act: row.integer("act")?,
            run_id: row.optional_text("run_id")?.map(Into::into),
            log_index: row.optional_integer("log_index")?,
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    }
}

/// Finds a seal.
pub fn find(id: &SealId) -> Query<Option<Seal>> {
    sql!("seals/find").bind(id).optional(Seal::from_row)
}

/// Filter of a list of a benchmark's seals, newest first.
#[derive(Clone, Copy, Debug)]
pub struct SealsOf<'a> {
    /// Id of the benchmark.
    pub benchmark: &'a BenchmarkId,
    /// Version of the benchmark, or any.
    pub version: Option<&'a VersionName>,
    /// Model, or any.
    pub model: Option<&'a ModelId>,
    /// State of the seals, or any.
    pub state: Option<SealState>,
    /// Number before which the seals were made.
    pub before: i64,
    /// Most seals to list.
    pub rows: u32,
}

/// Lists seals, except those of hidden models.
pub fn list(of: &SealsOf<'_>) -> Query<Vec<Seal>> {
    let list = match of.version {
        None => sql!("seals/of_benchmark"),
        Some(_) => sql!("seals/of_version"),
    };
    let list =
        list.bind(of.benchmark).bind(of.before).bind(of.rows).bind(of.model).bind(of.state.map(SealState::as_str));
    match of.version {
        None => list.all(Seal::from_row),
        Some(version) => list.bind(version).all(Seal::from_row),
    }
}

/// Guards that a run which was just opened matches its seal, where it names one: [`Guard::SealOwner`](super::Guard),
/// [`Guard::SealMatches`](super::Guard), [`Guard::SealOrder`](super::Guard) and [`Guard::SealUnopened`](super::Guard).
pub fn expect_bound(run_id: &RunId) -> Query<()> {
    sql!("seals/expect_bound").bind(run_id).execute()
}

/// Guards that no other run was published with a run's seal: [`Guard::SealUnopened`](super::Guard).
pub fn expect_unopened(run_id: &RunId) -> Query<()> {
    sql!("seals/expect_unopened").bind(run_id).execute()
}
