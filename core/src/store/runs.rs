//! Runs, the counts and scores that were uploaded for them, and the aggregates that publishing stores.

use std::collections::BTreeMap;

use utoipa::ToSchema;

use super::{
    columns::{agent, measure, optional_json, read_json, read_named},
    query::{Query, sql},
};
use crate::{
    domain::{
        BenchmarkId, ModelId, RunId, SealId, SystemId, Timestamp, UserId, VersionName,
        benchmark::{Evidence, Part},
        conditions::Conditions,
        evaluator::EvaluatorRelationship,
        leaderboard::{Aggregates, GivenUncertainty},
        measure::Measure,
        run_links::RunLinks,
        run_status::RunStatus,
        statistics::Interval,
        strict_json::AnyJson,
        system::Agent,
    },
    ports::{DatabaseError, Row},
    wire::{Counts, GivenInterval, GivenScore},
};

impl Aggregates {
    /// Reads the columns of `run_slices`; `None` where nothing was stored.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Option<Self>, DatabaseError> {
        let Some(tasks) = row.optional_integer("tasks")? else { return Ok(None) };
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Some(Self {
            tasks: count(tasks),
            clusters: count(row.integer("clusters")?),
            correct: count(row.integer("correct")?),
            total: count(row.integer("total")?),
            score: row.real("score")?,
            squares: row.real("squares")?,
            cost_usd: if row.integer("uncosted")? == 0 { row.optional_real("cost_usd")? } else { None },
            p50_ms: row.optional_real("p50_ms")?,
            p95_ms: row.optional_real("p95_ms")?,
            given: match row.optional_real("standard_error")? {
                Some(error) => Some(GivenUncertainty::StandardError(error)),
                None => {
                    let ends = row.optional_real("interval_low")?.zip(row.optional_real("interval_high")?);
                    ends.map(|(low, high)| GivenUncertainty::Interval(Interval { low, high }))
                }
            },
        }))
    }
}

impl GivenScore {
    /// Reads the columns of `runs/find.sql` that belong to this part; `None` where they are null.
    fn from_row(row: &Row) -> Result<Option<Self>, DatabaseError> {
        let Some(score) = row.optional_real("given_score")? else { return Ok(None) };
        let ends = row.optional_real("given_low")?.zip(row.optional_real("given_high")?);
        let count =
            |column| row.optional_integer(column).map(|count| count.and_then(|count| u32::try_from(count).ok()));
        Ok(Some(Self {
            score,
            standard_error: row.optional_real("given_error")?,
            interval: ends.map(|(low, high)| GivenInterval { low, high, level: GivenInterval::level() }),
            tasks: count("given_tasks")?,
            samples: count("given_samples")?,
            cost_usd: row.optional_real("given_cost")?,
            mean_latency_ms: row.optional_real("given_latency")?,
        }))
    }
}

/// What a run claims to be, on the wire too.
#[derive(Clone, Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunDeclaration {
    /// What was evaluated.
    pub model: ModelId,
    /// What drove the model, where something did.
    pub agent: Option<Agent>,
    /// In what it ran, such as a reasoning effort.
    #[schema(min_length = 1, max_length = 100, example = "high")]
    pub configuration: Option<String>,
    /// The system that these three make: what a row of the leaderboard is.
    pub system_id: SystemId,
    /// On what.
    pub benchmark: BenchmarkId,
    /// On which version of that.
    pub version: VersionName,
    /// What ran it.
    #[schema(min_length = 1, max_length = 100, example = "aider")]
    pub harness: String,
    /// Which version of that.
    #[schema(min_length = 1, max_length = 100, example = "0.86.0")]
    pub harness_version: String,
    /// Of the harness or of the benchmark's code; null where the source does not tell: then its row has the flag `unpinned`.
    #[schema(min_length = 1, max_length = 100, example = "5318380")]
    pub commit: Option<String>,
    /// Whether the working tree differed from the commit.
    pub dirty: bool,
    /// Of the prompt.
    #[schema(min_length = 1, max_length = 128)]
    pub prompt_hash: Option<String>,
    /// Temperature, reasoning effort and the like, as it was sent.
    #[schema(value_type = Object)]
    pub generation_config: serde_json::Value,
    /// How attempts were made and counted.
    #[schema(min_length = 1, max_length = 1000, example = "2 attempts, the second with the test output")]
    pub attempts_policy: Option<String>,
    /// What was called.
    #[schema(min_length = 1, max_length = 4000, example = "aider --model openai/gpt-5")]
    pub command: Option<String>,
    /// Who evaluated it.
    pub evaluator_relationship: EvaluatorRelationship,
    /// The source's own id of the run, unique among its owner's runs.
    #[schema(min_length = 1, max_length = 200, example = "2025-08-23-gpt-5-high")]
    pub external_id: Option<String>,
    /// Under which conditions it was made.
    pub conditions: Option<Conditions>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Where to read more of it.
    pub links: Option<RunLinks>,
    /// What it was sealed as before it was made; the seal is opened by the first run that is published with it.
    pub seal: Option<SealId>,
}

impl RunDeclaration {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let time = |column: &str| row.optional_integer(column).map(|time| time.map(Timestamp));
        Ok(Self {
            model: row.text("model_id")?.into(),
            agent: agent(row)?,
            configuration: row.optional_text("configuration")?,
            system_id: row.text("system_id")?.into(),
            benchmark: row.text("benchmark_id")?.into(),
            version: row.text("version")?.into(),
            harness: row.text("harness")?,
            harness_version: row.text("harness_version")?,
            commit: row.optional_text("commit_hash")?,
            dirty: row.boolean("dirty")?,
            prompt_hash: row.optional_text("prompt_hash")?,
            generation_config: read_json::<AnyJson>(row, "generation_config")?.0,
            attempts_policy: row.optional_text("attempts_policy")?,
            command: row.optional_text("command")?,
            evaluator_relationship: read_named(row, "evaluator_relationship", EvaluatorRelationship::named)?,
            external_id: row.optional_text("external_id")?,
            conditions: optional_json(row, "conditions")?,
            started_at: time("started_at")?,
            completed_at: time("completed_at")?,
            links: optional_json(row, "links")?,
            seal: row.optional_text("seal_id")?.map(Into::into),
        })
    }
}

/// A run with all that is stored of it.
#[derive(Clone, Debug)]
pub struct Run {
    /// Id of the run, a UUIDv7.
    pub id: RunId,
    /// Account whose keys may change it; `None` once it was deleted.
    pub owner_id: Option<UserId>,
    /// What the run declares about itself.
    pub declared: RunDeclaration,
    /// Status of the run.
    pub status: RunStatus,
    /// Why the run was rejected or withdrawn.
    pub reason: Option<String>,
    /// When the run was opened.
    pub created_at: Timestamp,
    /// When the run was published.
    pub published_at: Option<Timestamp>,
    /// When the run was evaluated: completed, else started, else published.
    pub evaluated_at: Option<Timestamp>,
    /// When the run was withdrawn or rejected.
    pub withdrawn_at: Option<Timestamp>,
    /// Request that opened the run, in canonical JSON.
    pub request: String,
    /// Number of times that the results changed.
    pub revision: i64,
    /// Evidence that the run brings.
    pub evidence: Evidence,
    /// Meaning of the score.
    pub measure: Measure,
    /// Number of tasks of the version.
    pub task_count: i64,
    /// Attempts at each task.
    pub attempts_per_task: i64,
    /// Whether only aggregates are public.
    pub private_tasks: bool,
    /// Parts of the version's scores, where they are composite.
    pub parts: Option<Vec<Part>>,
    /// Counts of an aggregate-only source.
    pub counts: Option<Counts>,
    /// Score of a source that publishes one number per run.
    pub given_score: Option<GivenScore>,
    /// Aggregates that publishing stored.
    pub aggregates: Option<Aggregates>,
    /// Numbers of tasks by samples and passed samples: `(samples, correct, tasks)`.
    pub pass_counts: Vec<(u64, u64, u64)>,
    /// By part of a composite score: the number of results that have it, and their mean.
    pub part_scores: BTreeMap<String, (u64, f64)>,
    /// Why an administrator hid the model or the benchmark.
    pub hidden_reason: Option<String>,
}

impl Run {
    /// Reads a row of `runs/find.sql`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let time = |column: &str| row.optional_integer(column).map(|time| time.map(Timestamp));
        let counts = match optional_json(row, "correct_by_attempt")? {
            None => None,
            Some(correct_by_attempt) => Some(Counts {
                total: u32::try_from(row.integer("counted_total")?).unwrap_or(u32::MAX),
                correct_by_attempt,
                cost_usd: row.optional_real("counted_cost")?,
                mean_latency_ms: row.optional_real("mean_latency_ms")?,
            }),
        };
        Ok(Self {
            id: row.text("id")?.into(),
            owner_id: row.optional_text("owner_id")?.map(Into::into),
            declared: RunDeclaration::from_row(row)?,
            status: read_named(row, "status", RunStatus::named)?,
            reason: row.optional_text("reason")?,
            created_at: Timestamp(row.integer("created_at")?),
            published_at: time("published_at")?,
            evaluated_at: time("evaluated_at")?,
            withdrawn_at: time("withdrawn_at")?,
            request: row.text("request")?,
            revision: row.integer("revision")?,
            evidence: read_named(row, "evidence", Evidence::named)?,
            measure: measure(row)?,
            task_count: row.integer("task_count")?,
            attempts_per_task: row.integer("attempts_per_task")?,
            private_tasks: row.boolean("private_tasks")?,
            parts: optional_json(row, "parts")?,
            counts,
            given_score: GivenScore::from_row(row)?,
            aggregates: Aggregates::from_row(row)?,
            pass_counts: optional_json(row, "pass_counts")?.unwrap_or_default(),
            part_scores: optional_json(row, "part_scores")?.unwrap_or_default(),
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    }
}

/// A run that is to be opened.
#[derive(Clone, Debug)]
pub struct NewRun<'a> {
    /// Id of the run, a UUIDv7.
    pub id: &'a RunId,
    /// Id of the owner.
    pub owner_id: &'a UserId,
    /// What the run declares about itself.
    pub declared: &'a RunDeclaration,
    /// Request that opens the run, in canonical JSON.
    pub request: &'a str,
    /// When the run is opened.
    pub created_at: Timestamp,
}

/// Opens a run, where model and version are declared, neither is hidden, and the external id is new.
///
/// # Errors
/// [`DatabaseError`] when the links cannot be written.
pub fn open(run: &NewRun<'_>) -> Result<Query<()>, DatabaseError> {
    let declared = run.declared;
    let links = declared.links.as_ref().map(serde_json::to_string).transpose();
    let links = links.map_err(|error| DatabaseError::Unexpected(format!("links: {error}")))?;
    let agent = declared.agent.as_ref();
    let query = sql!("runs/open")
        .bind(run.id)
        .bind(run.owner_id)
        .bind(&declared.model)
        .bind(&declared.benchmark)
        .bind(&declared.version)
        .bind(declared.harness.as_str())
        .bind(declared.harness_version.as_str())
        .bind(declared.commit.as_deref())
        .bind(declared.dirty)
        .bind(declared.prompt_hash.as_deref())
        .bind(declared.generation_config.to_string())
        .bind(declared.attempts_policy.as_deref())
        .bind(declared.command.as_deref())
        .bind(declared.evaluator_relationship.as_str())
        .bind(declared.external_id.as_deref())
        .bind(run.request)
        .bind(declared.started_at)
        .bind(declared.completed_at)
        .bind(run.created_at)
        .bind(&declared.system_id)
        .bind(agent.map(|agent| agent.name.as_str()))
        .bind(agent.and_then(|agent| agent.version.as_deref()))
        .bind(declared.configuration.as_deref())
        .bind(links)
        .bind(declared.conditions.map(|conditions| serde_json::json!(conditions).to_string()))
        .bind(declared.seal.as_ref())
        .execute();
    Ok(query)
}

/// Finds a run.
pub fn find(id: &RunId) -> Query<Option<Run>> {
    sql!("runs/find").bind(id).optional(Run::from_row)
}

/// Finds the run with a person's external id.
pub fn find_external(owner_id: &UserId, external_id: Option<&str>) -> Query<Option<Run>> {
    sql!("runs/find_external").bind(owner_id).bind(external_id).optional(Run::from_row)
}

/// Guards that the run is the person's, open, and of this evidence: [`Guard::RunOwner`](super::Guard) and
/// [`Guard::RunOpen`](super::Guard).
pub fn expect_open(id: &RunId, owner_id: &UserId, evidence: Evidence) -> Query<()> {
    sql!("runs/expect_open").bind(id).bind(owner_id).bind(evidence.as_str()).execute()
}

/// Guards that the run is open, whoever owns it: [`Guard::RunOpen`](super::Guard).
pub fn expect_still_open(id: &RunId) -> Query<()> {
    sql!("runs/expect_still_open").bind(id).execute()
}

/// Guards that the run is the person's and open, and that its results are those of a revision:
/// [`Guard::RunUnchanged`](super::Guard).
pub fn expect_unchanged(id: &RunId, owner_id: &UserId, revision: i64) -> Query<()> {
    sql!("runs/expect_unchanged").bind(id).bind(owner_id).bind(revision).execute()
}

/// Increments the revision of a run's results, where the statement before changed them.
pub fn revise(id: &RunId) -> Query<()> {
    sql!("runs/revise").bind(id).execute()
}

/// Stores the counts of a run, in place of earlier ones.
pub fn put_counts(id: &RunId, counts: &Counts) -> Query<()> {
    sql!("runs/put_counts")
        .bind(id)
        .bind(counts.total)
        .bind(serde_json::Value::from(counts.correct_by_attempt.clone()).to_string())
        .bind(counts.cost_usd)
        .bind(counts.mean_latency_ms)
        .execute()
}

/// Stores the score that a source publishes of a run, in place of an earlier one.
pub fn put_given_score(id: &RunId, given: &GivenScore) -> Query<()> {
    sql!("runs/put_given_score")
        .bind(id)
        .bind(given.score)
        .bind(given.standard_error)
        .bind(given.interval.map(|interval| interval.low))
        .bind(given.interval.map(|interval| interval.high))
        .bind(given.tasks)
        .bind(given.samples)
        .bind(given.cost_usd)
        .bind(given.mean_latency_ms)
        .execute()
}
