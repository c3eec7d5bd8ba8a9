//! Runs, what was uploaded for them, and what publishing keeps of it.

use std::collections::BTreeMap;

use super::benchmarks::Part;
use crate::{
    domain::run_aggregates::Attempt,
    ports::{DatabaseError, Row, Timestamp},
};

macro_rules! run_columns {
    () => {
        "r.id, r.owner_id, r.model_id, r.benchmark_id, r.version, r.harness, r.harness_version, r.commit_hash, r.dirty, \
         r.prompt_hash, r.generation_config, r.attempts_policy, r.command, r.evaluator_relationship, r.external_id, r.request, \
         r.started_at, r.completed_at, r.status, r.reason, r.created_at, r.published_at, r.withdrawn_at, r.revision, \
         v.evidence, v.metric, v.task_count, v.attempts_per_task, v.private_tasks, v.parts, \
         n.total AS counted_total, n.correct_by_attempt, n.cost_usd AS counted_cost, n.mean_latency_ms, \
         s.tasks, s.clusters, s.correct, s.total, s.score, s.squares, s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms, \
         p.pass_counts, p.parts AS part_scores, coalesce(hm.hidden_reason, hb.hidden_reason) AS hidden_reason"
    };
}
macro_rules! run_joins {
    () => {
        " FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
         JOIN models AS hm ON hm.id = r.model_id JOIN benchmarks AS hb ON hb.id = r.benchmark_id \
         LEFT JOIN run_counts AS n ON n.run_id = r.id LEFT JOIN run_scores AS p ON p.run_id = r.id \
         LEFT JOIN run_slices AS s ON s.run_id = r.id AND s.scenario = '' AND s.language = '' AND s.difficulty = '' "
    };
}

macro_rules! unknown_tasks {
    () => {
        "json_each(?2) WHERE NOT EXISTS (SELECT 1 FROM runs AS r \
           JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
           JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version AND t.task_id = value ->> 1 \
           WHERE r.id = ?1 AND (value ->> 2) <= v.attempts_per_task)"
    };
}

macro_rules! conflicts {
    () => {
        "json_each(?2) CROSS JOIN results AS r ON r.run_id = ?1 AND r.task_id = value ->> 1 AND r.attempt = value ->> 2 \
         WHERE (r.status, r.score, r.samples, r.correct, r.latency_ms, r.input_tokens, r.output_tokens, r.cost_usd, r.parts) IS NOT \
           (value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
            value ->> 8, value ->> 9, value ->> 10, value ->> 11)"
    };
}

/// One run.
pub const BY_ID: &str = concat!("SELECT ", run_columns!(), run_joins!(), "WHERE r.id = ?1");
/// The run that a person's external id stands for.
pub const BY_EXTERNAL_ID: &str =
    concat!("SELECT ", run_columns!(), run_joins!(), "WHERE r.owner_id = ?1 AND r.external_id = ?2");
/// Opens a run, where model and version are declared, neither is hidden, and the external id is new.
pub const CREATE: &str = "INSERT INTO runs (id, owner_id, model_id, benchmark_id, version, harness, harness_version, commit_hash, \
       dirty, prompt_hash, generation_config, attempts_policy, command, evaluator_relationship, external_id, request, \
       started_at, completed_at, created_at) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19 \
     WHERE EXISTS (SELECT 1 FROM models WHERE id = ?3 AND hidden_reason IS NULL) \
       AND EXISTS (SELECT 1 FROM benchmarks WHERE id = ?4 AND hidden_reason IS NULL) \
       AND EXISTS (SELECT 1 FROM benchmark_versions WHERE benchmark_id = ?4 AND version = ?5) \
     ON CONFLICT (owner_id, external_id) DO NOTHING";
/// Guard: run `?1` is `?2`'s, open, and brings evidence `?3` (any where null).
pub const EXPECT_OPEN: &str = "INSERT INTO batch_guard (expectation) SELECT 'open run' WHERE NOT EXISTS (\
     SELECT 1 FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
     WHERE r.id = ?1 AND r.owner_id = ?2 AND r.status = 'open' AND (?3 IS NULL OR v.evidence = ?3))";

/// Guard: run `?1` is open.
pub const EXPECT_STILL_OPEN: &str = "INSERT INTO batch_guard (expectation) SELECT 'open' WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = ?1 AND status = 'open')";

/// Those of the uploaded results (`?2`) whose task or attempt the version of run `?1` does not have.
pub const UNKNOWN_TASKS: &str = concat!(
    "SELECT value ->> 0 AS position, value ->> 1 AS task, value ->> 2 AS attempt FROM ",
    unknown_tasks!(),
    " LIMIT 100"
);
/// Guard: there is none of them.
pub const EXPECT_KNOWN_TASKS: &str = concat!(
    "INSERT INTO batch_guard (expectation) SELECT 'known tasks' WHERE EXISTS (SELECT 1 FROM ",
    unknown_tasks!(),
    ")"
);

/// Those of the uploaded results (`?2`) that say something else than what run `?1` has.
pub const CONFLICTS: &str =
    concat!("SELECT r.task_id AS task, r.attempt FROM ", conflicts!(), " ORDER BY key LIMIT 100");
/// Guard: there is none of them.
pub const EXPECT_NO_CONFLICT: &str = concat!(
    "INSERT INTO batch_guard (expectation) SELECT 'no conflict' WHERE EXISTS (SELECT 1 FROM ",
    conflicts!(),
    ")"
);
/// Stores the uploaded results that are new.
pub const ADD_RESULTS: &str = "INSERT INTO results (run_id, task_id, attempt, status, score, samples, correct, latency_ms, input_tokens, output_tokens, cost_usd, parts) \
     SELECT ?1, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
       value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11 FROM json_each(?2) \
     WHERE true ON CONFLICT DO NOTHING";
/// Guard: nothing came in since a revision.
pub const EXPECT_UNCHANGED: &str = include_str!("sql/runs/expect_unchanged.sql");
/// Counts a change of a run's results.
pub const REVISE: &str = include_str!("sql/runs/revise.sql");
/// A piece of a run's results.
pub const ATTEMPTS: &str = include_str!("sql/runs/attempts.sql");
/// How many rows the statement before changed.
pub const CHANGES: &str = "SELECT changes() AS changes";
/// A page of a run's results after the cursor.
pub const RESULTS: &str =
    "SELECT * FROM results WHERE run_id = ?1 AND (task_id, attempt) > (?2, ?3) ORDER BY task_id, attempt LIMIT ?4";

/// Stores the counts of a run; again while it is open.
pub const PUT_COUNTS: &str = "INSERT INTO run_counts (run_id, total, correct_by_attempt, cost_usd, mean_latency_ms) VALUES (?1, ?2, ?3, ?4, ?5) \
     ON CONFLICT (run_id) DO UPDATE SET total = excluded.total, correct_by_attempt = excluded.correct_by_attempt, \
       cost_usd = excluded.cost_usd, mean_latency_ms = excluded.mean_latency_ms";

/// The attempts at tasks that run `?1` has no result for.
pub const MISSING: &str = "SELECT t.task_id AS task, a.value AS attempt \
     FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
     JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version \
     JOIN json_each('[1,2,3,4,5,6,7,8,9,10]') AS a ON a.value <= v.attempts_per_task \
     WHERE r.id = ?1 AND v.evidence = 'results' \
       AND NOT EXISTS (SELECT 1 FROM results AS x WHERE x.run_id = ?1 AND x.task_id = t.task_id AND x.attempt = a.value) \
     ORDER BY t.position, a.value LIMIT 100";
/// A page of the runs of model `?1` that were ever published, on benchmark `?2` (any where null), newest first.
pub const HISTORY: &str = include_str!("sql/runs/history.sql");

/// The score of a run, or of a slice of it, and what its interval is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregates {
    /// Distinct tasks.
    pub tasks: u64,
    /// Clusters of tasks; a task that is in none is one of its own.
    pub clusters: u64,
    /// Passes.
    pub correct: u64,
    /// Attempts or samples.
    pub total: u64,
    /// The mean over tasks of each task's mean score.
    pub score: f64,
    /// Σ over clusters of (Σ over its tasks of (score − mean))².
    pub squares: f64,
    /// US dollars, where every attempt's cost is known.
    pub cost_usd: Option<f64>,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of latency in milliseconds.
    pub p95_ms: Option<f64>,
}

impl Aggregates {
    /// Reads the columns of `run_slices`; `None` where nothing was kept.
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
        }))
    }
}

/// What an aggregate-only source tells of a run.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Tasks tried.
    pub total: u32,
    /// Tasks passed by the first attempt, by the second, …
    pub correct_by_attempt: Vec<u32>,
    /// US dollars for the whole run.
    pub cost_usd: Option<f64>,
    /// Mean milliseconds a task.
    pub mean_latency_ms: Option<f64>,
}

/// Reads a row of [`ATTEMPTS`].
///
/// # Errors
/// When a column is missing or unreadable.
pub fn attempt_from_row(row: &Row) -> Result<Attempt, DatabaseError> {
    Ok(Attempt {
        task: row.text("task_id")?,
        score: row.real("score")?,
        samples: row.optional_integer("samples")?,
        correct: row.optional_integer("correct")?,
        latency_ms: row.optional_real("latency_ms")?,
        cost_usd: row.optional_real("cost_usd")?,
        parts: read_json(row, "parts")?.unwrap_or_default(),
    })
}

/// A run as it is read.
#[derive(Clone, Debug)]
pub struct Run {
    /// UUIDv7.
    pub id: String,
    /// Whose keys may change it; `None` once they deleted their account.
    pub owner_id: Option<String>,
    /// What it claims to be: harness, commit and so on, as the wire shows it.
    pub declared: serde_json::Map<String, serde_json::Value>,
    /// `open`, `published`, `rejected` or `withdrawn`.
    pub status: String,
    /// Why it was rejected or withdrawn.
    pub reason: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// When it was withdrawn or rejected.
    pub withdrawn_at: Option<Timestamp>,
    /// The request that opened it, in canonical JSON.
    pub request: String,
    /// How often its results changed.
    pub revision: i64,
    /// `results` or `counts`.
    pub evidence: String,
    /// `pass_rate` or `score`.
    pub metric: String,
    /// How many tasks the version has.
    pub task_count: i64,
    /// How often each is tried.
    pub attempts_per_task: i64,
    /// Whether only aggregates are public.
    pub private_tasks: bool,
    /// What the version's scores are made of, where they are composite.
    pub parts: Option<Vec<Part>>,
    /// What an aggregate-only source told.
    pub counts: Option<Counts>,
    /// What publishing kept.
    pub aggregates: Option<Aggregates>,
    /// How many tasks had so many samples, of which so many passed: `(samples, correct, tasks)`.
    pub pass_counts: Vec<(u64, u64, u64)>,
    /// Of each part of a composite score: how many results have it, and their mean.
    pub part_scores: BTreeMap<String, (u64, f64)>,
    /// Why an administrator hid the model or the benchmark.
    pub hidden_reason: Option<String>,
}

impl Run {
    /// Reads the columns of `run_columns!`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let time = |column: &str| row.optional_integer(column).map(|time| time.map(Timestamp));
        let declared = serde_json::json!({
            "model": row.text("model_id")?,
            "benchmark": row.text("benchmark_id")?,
            "version": row.text("version")?,
            "harness": row.text("harness")?,
            "harnessVersion": row.text("harness_version")?,
            "commit": row.text("commit_hash")?,
            "dirty": row.boolean("dirty")?,
            "promptHash": row.optional_text("prompt_hash")?,
            "generationConfig": read_json::<serde_json::Value>(row, "generation_config")?,
            "attemptsPolicy": row.optional_text("attempts_policy")?,
            "command": row.optional_text("command")?,
            "evaluatorRelationship": row.text("evaluator_relationship")?,
            "externalId": row.optional_text("external_id")?,
            "startedAt": time("started_at")?,
            "completedAt": time("completed_at")?,
        });
        let counts = match read_json(row, "correct_by_attempt")? {
            None => None,
            Some(correct_by_attempt) => Some(Counts {
                total: u32::try_from(row.integer("counted_total")?).unwrap_or(u32::MAX),
                correct_by_attempt,
                cost_usd: row.optional_real("counted_cost")?,
                mean_latency_ms: row.optional_real("mean_latency_ms")?,
            }),
        };
        Ok(Self {
            id: row.text("id")?,
            owner_id: row.optional_text("owner_id")?,
            declared: declared.as_object().cloned().unwrap_or_default(),
            status: row.text("status")?,
            reason: row.optional_text("reason")?,
            created_at: Timestamp(row.integer("created_at")?),
            published_at: time("published_at")?,
            withdrawn_at: time("withdrawn_at")?,
            request: row.text("request")?,
            revision: row.integer("revision")?,
            evidence: row.text("evidence")?,
            metric: row.text("metric")?,
            task_count: row.integer("task_count")?,
            attempts_per_task: row.integer("attempts_per_task")?,
            private_tasks: row.boolean("private_tasks")?,
            parts: read_json(row, "parts")?,
            counts,
            aggregates: Aggregates::from_row(row)?,
            pass_counts: read_json(row, "pass_counts")?.unwrap_or_default(),
            part_scores: read_json(row, "part_scores")?.unwrap_or_default(),
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    }
}

/// A column of JSON that we wrote, where it is not null.
fn read_json<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, DatabaseError> {
    let unreadable = |error| DatabaseError::Unavailable(format!("{column}: {error}"));
    row.optional_text(column)?.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)
}
