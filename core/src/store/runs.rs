//! Runs, what was uploaded for them, and what publishing keeps of it.

use crate::ports::{DatabaseError, Row, Statement, Timestamp};

macro_rules! run_columns {
    () => {
        "r.id, r.owner_id, r.model_id, r.benchmark_id, r.version, r.harness, r.harness_version, r.commit_hash, r.dirty, \
         r.prompt_hash, r.generation_config, r.attempts_policy, r.command, r.evaluator_relationship, r.external_id, r.request, \
         r.started_at, r.completed_at, r.status, r.reason, r.created_at, r.published_at, \
         v.evidence, v.metric, v.task_count, v.attempts_per_task, \
         n.total AS counted_total, n.correct_by_attempt, n.cost_usd AS counted_cost, n.mean_latency_ms, \
         l.p50_ms, l.p95_ms, (SELECT sum(tasks) FROM run_cells WHERE run_id = r.id) AS tasks, \
         (SELECT sum(correct) FROM run_cells WHERE run_id = r.id) AS correct, \
         (SELECT sum(total) FROM run_cells WHERE run_id = r.id) AS total, \
         (SELECT sum(score_sum) FROM run_cells WHERE run_id = r.id) AS score_sum, \
         (SELECT sum(score_square_sum) FROM run_cells WHERE run_id = r.id) AS score_square_sum, \
         (SELECT sum(cost_usd) FROM run_cells WHERE run_id = r.id) AS cost_usd, \
         (SELECT sum(uncosted) FROM run_cells WHERE run_id = r.id) AS uncosted"
    };
}
macro_rules! run_joins {
    () => {
        " FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
         LEFT JOIN run_counts AS n ON n.run_id = r.id LEFT JOIN run_latencies AS l ON l.run_id = r.id "
    };
}

macro_rules! unknown_tasks {
    () => {
        "json_each(?2) WHERE NOT EXISTS (SELECT 1 FROM runs AS r \
           JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
           JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version AND t.task_id = value ->> 'task' \
           WHERE r.id = ?1 AND (value ->> 'attempt') <= v.attempts_per_task)"
    };
}

macro_rules! conflicts {
    () => {
        "json_each(?2) JOIN results AS r ON r.run_id = ?1 AND r.task_id = value ->> 'task' AND r.attempt = value ->> 'attempt' \
         WHERE (r.status, r.score, r.samples, r.correct, r.latency_ms, r.input_tokens, r.output_tokens, r.cost_usd) IS NOT \
           (value ->> 'status', value ->> 'score', value ->> 'samples', value ->> 'correct', value ->> 'latencyMs', \
            value ->> 'inputTokens', value ->> 'outputTokens', value ->> 'costUsd')"
    };
}

macro_rules! missing {
    () => {
        "FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
         JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version \
         JOIN json_each('[1,2,3,4,5,6,7,8,9,10]') AS a ON a.value <= v.attempts_per_task \
         WHERE r.id = ?1 AND v.evidence = 'results' \
           AND NOT EXISTS (SELECT 1 FROM results AS x WHERE x.run_id = ?1 AND x.task_id = t.task_id AND x.attempt = a.value)"
    };
}

/// One run.
pub const BY_ID: &str = concat!("SELECT ", run_columns!(), run_joins!(), "WHERE r.id = ?1");
/// The run that a person's external id stands for.
pub const BY_EXTERNAL_ID: &str =
    concat!("SELECT ", run_columns!(), run_joins!(), "WHERE r.owner_id = ?1 AND r.external_id = ?2");
/// Opens a run, where model and version are declared and the external id is new.
pub const CREATE: &str = "INSERT INTO runs (id, owner_id, model_id, benchmark_id, version, harness, harness_version, commit_hash, \
       dirty, prompt_hash, generation_config, attempts_policy, command, evaluator_relationship, external_id, request, \
       started_at, completed_at, created_at) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19 \
     WHERE EXISTS (SELECT 1 FROM models WHERE id = ?3) \
       AND EXISTS (SELECT 1 FROM benchmark_versions WHERE benchmark_id = ?4 AND version = ?5) \
     ON CONFLICT (owner_id, external_id) DO NOTHING";
/// Guard: run `?1` is `?2`'s, open, and brings evidence `?3` (any where null).
pub const EXPECT_OPEN: &str = "INSERT INTO batch_guard (expectation) SELECT 'open run' WHERE NOT EXISTS (\
     SELECT 1 FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
     WHERE r.id = ?1 AND r.owner_id = ?2 AND r.status = 'open' AND (?3 IS NULL OR v.evidence = ?3))";

/// Those of the uploaded results (`?2`) whose task or attempt the version of run `?1` does not have.
pub const UNKNOWN_TASKS: &str = concat!(
    "SELECT value ->> 'position' AS position, value ->> 'task' AS task, value ->> 'attempt' AS attempt FROM ",
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
pub const ADD_RESULTS: &str = "INSERT INTO results (run_id, task_id, attempt, status, score, samples, correct, latency_ms, input_tokens, output_tokens, cost_usd) \
     SELECT ?1, value ->> 'task', value ->> 'attempt', value ->> 'status', value ->> 'score', value ->> 'samples', value ->> 'correct', \
       value ->> 'latencyMs', value ->> 'inputTokens', value ->> 'outputTokens', value ->> 'costUsd' FROM json_each(?2) \
     WHERE true ON CONFLICT DO NOTHING";
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
pub const MISSING: &str =
    concat!("SELECT t.task_id AS task, a.value AS attempt ", missing!(), " ORDER BY t.position, a.value LIMIT 100");
/// Guard: every attempt at every task has its result, or the counts are there.
pub const EXPECT_COMPLETE: &str = concat!(
    "INSERT INTO batch_guard (expectation) SELECT 'complete' WHERE EXISTS (SELECT 1 ",
    missing!(),
    ") OR EXISTS (SELECT 1 FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
       WHERE r.id = ?1 AND v.evidence = 'counts' AND NOT EXISTS (SELECT 1 FROM run_counts WHERE run_id = ?1))"
);
/// Keeps the sums of each slice of a run's results.
pub const KEEP_CELLS: &str = "INSERT INTO run_cells (run_id, scenario, language, difficulty, tasks, correct, total, score_sum, score_square_sum, cost_usd, uncosted) \
     SELECT ?1, coalesce(t.scenario, ''), coalesce(t.language, ''), coalesce(t.difficulty, ''), \
       count(*), sum(p.correct), sum(p.total), sum(p.score), sum(p.score * p.score), sum(p.cost), sum(p.uncosted) \
     FROM (SELECT task_id, avg(score) AS score, sum(coalesce(correct, score >= 1)) AS correct, sum(coalesce(samples, 1)) AS total, \
             sum(cost_usd) AS cost, sum(cost_usd IS NULL) AS uncosted FROM results WHERE run_id = ?1 GROUP BY task_id) AS p \
     JOIN runs AS r ON r.id = ?1 \
     JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version AND t.task_id = p.task_id \
     GROUP BY 2, 3, 4";
/// The same of its counts: one slice, the last attempt's passes.
pub const KEEP_COUNTED_CELL: &str = "INSERT INTO run_cells (run_id, scenario, language, difficulty, tasks, correct, total, score_sum, score_square_sum, cost_usd, uncosted) \
     SELECT ?1, '', '', '', total, passes, total, passes, passes, cost_usd, cost_usd IS NULL \
     FROM (SELECT total, cost_usd, correct_by_attempt ->> (json_array_length(correct_by_attempt) - 1) AS passes FROM run_counts WHERE run_id = ?1)";
/// Keeps the latency percentiles of a run, interpolated as R's type 7.
pub const KEEP_LATENCIES: &str = "INSERT INTO run_latencies (run_id, p50_ms, p95_ms) \
     WITH ordered AS (SELECT latency_ms AS ms, row_number() OVER (ORDER BY latency_ms) - 1 AS place, count(*) OVER () - 1 AS last \
         FROM results WHERE run_id = ?1 AND latency_ms IS NOT NULL), \
       wanted AS (SELECT value AS percent, (SELECT max(last) FROM ordered) * value AS hundredths FROM json_each('[50, 95]')), \
       found AS (SELECT percent, \
           (SELECT ms FROM ordered WHERE place = hundredths / 100) AS below, \
           (SELECT ms FROM ordered WHERE place = min(hundredths / 100 + 1, last)) AS above, (hundredths % 100) / 100.0 AS share FROM wanted) \
     SELECT ?1, max(CASE percent WHEN 50 THEN below + (above - below) * share END), \
       max(CASE percent WHEN 95 THEN below + (above - below) * share END) FROM found";
/// Publishes.
pub const PUBLISH: &str = "UPDATE runs SET status = 'published', published_at = ?2 WHERE id = ?1 AND status = 'open'";
/// A new snapshot of the leaderboard that run `?1` belongs to.
pub const ADD_SNAPSHOT: &str = "INSERT INTO snapshots (id, benchmark_id, version, created_at) SELECT ?2, benchmark_id, version, ?3 FROM runs WHERE id = ?1";
/// Ends the entry that the model had.
pub const CLOSE_ENTRY: &str = "UPDATE leaderboard_entries SET to_seq = (SELECT seq FROM snapshots WHERE id = ?2) \
     WHERE to_seq IS NULL AND (benchmark_id, version, model_id) = (SELECT benchmark_id, version, model_id FROM runs WHERE id = ?1)";
/// Enters the run.
pub const ADD_ENTRY: &str = "INSERT INTO leaderboard_entries (benchmark_id, version, model_id, run_id, from_seq) \
     SELECT benchmark_id, version, model_id, id, (SELECT seq FROM snapshots WHERE id = ?2) FROM runs WHERE id = ?1";
/// The snapshot that a run came in with.
pub const SNAPSHOT_OF: &str =
    "SELECT s.id FROM leaderboard_entries AS e JOIN snapshots AS s ON s.seq = e.from_seq WHERE e.run_id = ?1";

/// What publishing writes, whole or not at all.
#[must_use]
pub fn publish(run_id: &str, owner_id: &str, snapshot_id: &str, now: Timestamp) -> Vec<Statement> {
    let of_run = |sql| Statement::new(sql).bind(run_id);
    vec![
        of_run(EXPECT_OPEN).bind(owner_id).bind(None::<&str>),
        of_run(EXPECT_COMPLETE),
        of_run(KEEP_CELLS),
        of_run(KEEP_COUNTED_CELL),
        of_run(KEEP_LATENCIES),
        of_run(PUBLISH).bind(now),
        of_run(ADD_SNAPSHOT).bind(snapshot_id).bind(now),
        of_run(CLOSE_ENTRY).bind(snapshot_id),
        of_run(ADD_ENTRY).bind(snapshot_id),
    ]
}

/// Sums over a run, or over a slice of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums {
    /// Distinct tasks.
    pub tasks: u64,
    /// Passes.
    pub correct: u64,
    /// Attempts or samples.
    pub total: u64,
    /// Sum of each task's mean score.
    pub score_sum: f64,
    /// Sum of their squares.
    pub score_square_sum: f64,
    /// US dollars, where every attempt's cost is known.
    pub cost_usd: Option<f64>,
}

impl Sums {
    /// Reads the summed columns; `None` where nothing was kept.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Option<Self>, DatabaseError> {
        let Some(tasks) = row.optional_integer("tasks")? else { return Ok(None) };
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(Some(Self {
            tasks: count(tasks),
            correct: count(row.integer("correct")?),
            total: count(row.integer("total")?),
            score_sum: row.real("score_sum")?,
            score_square_sum: row.real("score_square_sum")?,
            cost_usd: if row.integer("uncosted")? == 0 { row.optional_real("cost_usd")? } else { None },
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
    /// The request that opened it, in canonical JSON.
    pub request: String,
    /// `results` or `counts`.
    pub evidence: String,
    /// `pass_rate` or `score`.
    pub metric: String,
    /// How many tasks the version has.
    pub task_count: i64,
    /// How often each is tried.
    pub attempts_per_task: i64,
    /// What an aggregate-only source told.
    pub counts: Option<Counts>,
    /// What publishing kept.
    pub sums: Option<Sums>,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of latency in milliseconds.
    pub p95_ms: Option<f64>,
}

impl Run {
    /// Reads the columns of `run_columns!`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let unreadable = |error: serde_json::Error| DatabaseError::Unavailable(format!("a run's JSON: {error}"));
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
            "generationConfig": serde_json::from_str::<serde_json::Value>(&row.text("generation_config")?).map_err(unreadable)?,
            "attemptsPolicy": row.optional_text("attempts_policy")?,
            "command": row.optional_text("command")?,
            "evaluatorRelationship": row.text("evaluator_relationship")?,
            "externalId": row.optional_text("external_id")?,
            "startedAt": time("started_at")?,
            "completedAt": time("completed_at")?,
        });
        let counts = match row.optional_text("correct_by_attempt")? {
            None => None,
            Some(list) => Some(Counts {
                total: u32::try_from(row.integer("counted_total")?).unwrap_or(u32::MAX),
                correct_by_attempt: serde_json::from_str(&list).map_err(unreadable)?,
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
            request: row.text("request")?,
            evidence: row.text("evidence")?,
            metric: row.text("metric")?,
            task_count: row.integer("task_count")?,
            attempts_per_task: row.integer("attempts_per_task")?,
            counts,
            sums: Sums::from_row(row)?,
            p50_ms: row.optional_real("p50_ms")?,
            p95_ms: row.optional_real("p95_ms")?,
        })
    }
}
