//! The public data set, table by table: what `GET /export` tells, and what loads it into an empty database.
//!
//! A dump is of one moment, the snapshot `through`, whatever is published meanwhile. The log of changes says of each run
//! when it was published and when it was taken out again, so both are told as they were then. Models, benchmarks and
//! versions that no published run stands on are told as they are when they are asked for. Rows of a table that were
//! Nothing is told of what an administrator hid. Rows of a table that were
//! declared while the tables before it were read may lack what they refer to: loading leaves them out.
//!
//! A page walks so many rows of a table by its primary key, whether they are public or not, and so costs no more than
//! them.

use serde::{Deserialize, Serialize};

use super::runs;
use crate::ports::{DatabaseError, Row, Rows, Statement, Value};

/// The form of what is told; another number is another form.
pub const FORMAT: u32 = 1;

/// Walks at most `?2` rows of a table after the key `?3` …, and of long ones fewer: 1 MB of texts, or one row. `walked` is
/// greater than the number of rows where there are more.
macro_rules! page {
    ($table:literal, $keys:literal > $after:literal $more:literal, size $size:literal, $told:expr, $columns:expr) => {
        concat!(
            "WITH page AS MATERIALIZED (SELECT ",
            $keys,
            ", row_number() OVER w AS place, sum(size) OVER w - size AS ahead, size, count(*) OVER () AS walked FROM (SELECT ",
            $keys,
            ", ",
            $size,
            " AS size FROM ",
            $table,
            " WHERE (",
            $keys,
            ") > (",
            $after,
            ")",
            $more,
            " ORDER BY ",
            $keys,
            " LIMIT ?2 + 1) WINDOW w AS (ORDER BY ",
            $keys,
            " ROWS UNBOUNDED PRECEDING)) SELECT page.walked, ",
            $told,
            " AS told, ",
            $columns,
            " FROM page CROSS JOIN ",
            $table,
            " AS t USING (",
            $keys,
            ") WHERE page.place <= ?2 AND (page.place = 1 OR page.ahead + page.size <= 1000000) ORDER BY page.place"
        )
    };
}

/// Whether a benchmark is hidden by nobody.
macro_rules! visible_benchmark {
    ($benchmark:literal) => {
        concat!("EXISTS (SELECT 1 FROM benchmarks AS b WHERE b.id = ", $benchmark, " AND b.hidden_reason IS NULL)")
    };
}

/// Whether neither the model nor the benchmark of a run is hidden.
macro_rules! visible_run {
    ($run:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM runs AS o JOIN models AS m ON m.id = o.model_id JOIN benchmarks AS b ON b.id = o.benchmark_id WHERE o.id = ",
            $run,
            " AND m.hidden_reason IS NULL AND b.hidden_reason IS NULL)"
        )
    };
}

/// Whether a run was published by then, which its first change is, and is not hidden.
macro_rules! published {
    ($run:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM changes AS c WHERE c.run_id = ",
            $run,
            " AND c.seq <= ?1) AND ",
            visible_run!($run)
        )
    };
}

/// Of a run, what holds unless it was taken out later than then.
macro_rules! unless_ended_later {
    ($column:literal, $instead:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM changes AS c WHERE c.run_id = t.id AND c.kind IN ('withdrawn', 'rejected') AND c.seq > ?1) \
             THEN ",
            $instead,
            " ELSE t.",
            $column,
            " END AS ",
            $column
        )
    };
}

/// What a dump would be mixed with.
macro_rules! used {
    () => {
        "(EXISTS (SELECT 1 FROM models WHERE id > '') OR EXISTS (SELECT 1 FROM benchmarks WHERE id > '') \
         OR EXISTS (SELECT 1 FROM runs WHERE id > ''))"
    };
}

/// A page of the models.
pub const MODELS: &str = page!("models", "id" > "?3" "", size "octet_length(display_name) + coalesce(octet_length(licence), 0) + 500", "t.hidden_reason IS NULL", "t.*");
/// A page of the benchmarks.
pub const BENCHMARKS: &str = page!("benchmarks", "id" > "?3" "", size "0", "t.hidden_reason IS NULL", "t.*");
/// A page of their versions; a definition lacks the tasks where they are private.
pub const BENCHMARK_VERSIONS: &str = page!("benchmark_versions", "benchmark_id, version" > "?3, ?4" "", size "(SELECT octet_length(d.definition) FROM benchmark_definitions AS d WHERE d.benchmark_id = benchmark_versions.benchmark_id AND d.version = benchmark_versions.version) + coalesce(octet_length(description), 0) + octet_length(slices)", visible_benchmark!("t.benchmark_id"),
    "t.benchmark_id, t.version, t.title, t.description, t.metric, t.chance_level, t.evidence, t.task_count, t.attempts_per_task, \
     t.private_tasks, t.tasks_published_on, t.parts, t.slices, t.created_at, \
     (SELECT CASE WHEN t.private_tasks THEN json_set(d.definition, '$.tasks', json('[]'), '$.title', t.title) \
        WHEN d.definition ->> 'title' IS NOT t.title THEN json_set(d.definition, '$.title', t.title) ELSE d.definition END FROM benchmark_definitions AS d \
      WHERE d.benchmark_id = t.benchmark_id AND d.version = t.version) AS definition");
/// A page of the tasks that are public.
pub const BENCHMARK_TASKS: &str = page!("benchmark_tasks", "benchmark_id, version, task_id" > "?3, ?4, ?5" "", size "octet_length(task_id) + coalesce(octet_length(scenario), 0) + coalesce(octet_length(language), 0) + coalesce(octet_length(difficulty), 0) + coalesce(octet_length(cluster), 0) + 300",
    concat!("EXISTS (SELECT 1 FROM benchmark_versions AS v WHERE v.benchmark_id = t.benchmark_id AND v.version = t.version AND NOT v.private_tasks) AND ",
        visible_benchmark!("t.benchmark_id")),
    "t.*");
/// A page of the runs.
pub const RUNS: &str = page!("runs", "id" > "?3" "", size "octet_length(generation_config) + coalesce(octet_length(command), 0) + coalesce(octet_length(attempts_policy), 0) + coalesce(octet_length(reason), 0) + 1500", published!("t.id"),
    concat!("t.id, t.model_id, t.benchmark_id, t.version, t.harness, t.harness_version, t.commit_hash, t.dirty, t.prompt_hash, \
     t.generation_config, t.attempts_policy, t.command, t.evaluator_relationship, t.external_id, t.started_at, t.completed_at, \
     t.created_at, t.published_at, ",
     unless_ended_later!("status", "'published'"), ", ", unless_ended_later!("reason", "NULL"), ", ",
     unless_ended_later!("withdrawn_at", "NULL")));
/// A page of the results at public tasks. There are so many that each run is looked up once a page.
pub const RESULTS: &str = concat!(
    "WITH page AS MATERIALIZED (SELECT *, count(*) OVER () AS walked, \
         sum(octet_length(task_id) + coalesce(octet_length(parts), 0) + 300) OVER (ORDER BY run_id, task_id, attempt ROWS UNBOUNDED PRECEDING) AS through \
         FROM (SELECT * FROM results WHERE (run_id, task_id, attempt) > (?3, ?4, ?5) ORDER BY run_id, task_id, attempt LIMIT ?2 + 1)), \
       known AS MATERIALIZED (SELECT r.id AS run_id, NOT v.private_tasks AND ",
    published!("r.id"),
    " AS told FROM (SELECT DISTINCT run_id FROM page) AS p CROSS JOIN runs AS r ON r.id = p.run_id \
         JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version) \
     SELECT known.told, page.* FROM page CROSS JOIN known USING (run_id) WHERE page.through <= 1000000 ORDER BY page.run_id, page.task_id, page.attempt LIMIT ?2"
);
/// A page of the counts.
pub const RUN_COUNTS: &str = page!("run_counts", "run_id" > "?3" "", size "0", published!("t.run_id"), "t.*");
/// A page of the slices of runs.
pub const RUN_SLICES: &str = page!("run_slices", "run_id, scenario, language, difficulty" > "?3, ?4, ?5, ?6" "", size "octet_length(scenario) + octet_length(language) + octet_length(difficulty) + 400", published!("t.run_id"), "t.*");
/// A page of the scores of runs, task by task where the tasks are public.
pub const RUN_SCORES: &str = page!("run_scores", "run_id" > "?3" "", size "octet_length(scores) + octet_length(pass_counts)", published!("t.run_id"),
    "t.run_id, t.pass_counts, t.parts, \
     CASE WHEN EXISTS (SELECT 1 FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
       WHERE r.id = t.run_id AND NOT v.private_tasks) THEN t.scores ELSE '[]' END AS scores");
/// A page of the snapshots.
pub const SNAPSHOTS: &str =
    page!("snapshots", "seq" > "?3" " AND seq <= ?1", size "0", visible_benchmark!("t.benchmark_id"), "t.*");
/// A page of the entries; what ended later still stands.
pub const LEADERBOARD_ENTRIES: &str = page!("leaderboard_entries", "benchmark_id, version, model_id, from_seq" > "?3, ?4, ?5, ?6" "", size "octet_length(display_name) + 600",
    concat!("t.from_seq <= ?1 AND ", visible_run!("t.run_id")),
    "t.benchmark_id, t.version, t.model_id, t.run_id, t.from_seq, CASE WHEN t.to_seq <= ?1 THEN t.to_seq END AS to_seq, \
     t.display_name, t.contaminated");
/// A page of the changes.
pub const CHANGES: &str = page!("changes", "seq" > "?3" " AND seq <= ?1", size "octet_length(moved) + coalesce(octet_length(reason), 0)", visible_run!("t.run_id"),
    concat!("t.seq, t.benchmark_id, t.kind, t.model_id, t.run_id, t.reason, t.previous_run_id, t.current_run_id, t.rank_before, t.rank_after, ",
        super::changes::moved_and_visible!("t"), " AS moved"));

/// Whether the database holds what a dump would be mixed with.
pub const IS_USED: &str = concat!("SELECT ", used!(), " AS used");
/// Guard: it holds nothing of that.
pub const EXPECT_UNUSED: &str = concat!("INSERT INTO batch_guard (expectation) SELECT 'unused' WHERE ", used!());
/// Guard: the statement before it loaded all of its rows.
pub const EXPECT_LOADED: &str = "INSERT INTO batch_guard (expectation) SELECT 'loaded' WHERE changes() <> ?1";
/// Guard: the versions of the JSON array `?1` that were loaded have the tasks that their definitions name.
pub const EXPECT_TASKS: &str = "INSERT INTO batch_guard (expectation) SELECT 'tasks' FROM json_each(?1) AS v \
     WHERE EXISTS (SELECT 1 FROM benchmark_versions AS b WHERE b.benchmark_id = v.value ->> 'benchmark_id' AND b.version = v.value ->> 'version') \
       AND (json_array_length(v.value, '$.definition.tasks') <> (SELECT count(*) FROM benchmark_tasks AS t \
           WHERE t.benchmark_id = v.value ->> 'benchmark_id' AND t.version = v.value ->> 'version') \
         OR EXISTS (SELECT 1 FROM json_each(v.value, '$.definition.tasks') AS d WHERE NOT EXISTS (SELECT 1 FROM benchmark_tasks AS t \
           WHERE t.benchmark_id = v.value ->> 'benchmark_id' AND t.version = v.value ->> 'version' AND t.task_id = d.value ->> 'id' \
             AND (t.position, t.scenario, t.language, t.difficulty, t.cluster) IS \
               (d.key, d.value ->> 'scenario', d.value ->> 'language', d.value ->> 'difficulty', d.value ->> 'cluster'))))";
/// Loads the model of the JSON array `?1`: one, as SQLite would plan to look through the entries for more.
pub const LOAD_MODELS: &str = "INSERT INTO models (id, provider, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, released_on, \
       training_cutoff, deprecated, created_at, updated_at) \
     VALUES (?1 ->> '$[0].id', ?1 ->> '$[0].provider', ?1 ->> '$[0].display_name', ?1 ->> '$[0].context_window', \
       ?1 ->> '$[0].input_usd_per_mtok', ?1 ->> '$[0].output_usd_per_mtok', ?1 ->> '$[0].licence', \
       ?1 ->> '$[0].released_on', ?1 ->> '$[0].training_cutoff', ?1 ->> '$[0].deprecated', ?1 ->> '$[0].created_at', \
       ?1 ->> '$[0].updated_at')";
/// Loads benchmarks, from the JSON array `?1`.
pub const LOAD_BENCHMARKS: &str = "INSERT INTO benchmarks (id, created_at) \
     SELECT value ->> 'id', value ->> 'created_at' FROM json_each(?1)";
/// Loads versions of the benchmarks that were loaded, from the JSON array `?1`.
pub const LOAD_BENCHMARK_VERSIONS: &str = "INSERT INTO benchmark_versions (benchmark_id, version, title, description, metric, chance_level, evidence, task_count, attempts_per_task, \
       private_tasks, tasks_published_on, parts, slices, created_at) \
     SELECT value ->> 'benchmark_id', value ->> 'version', value ->> 'title', value ->> 'description', value ->> 'metric', \
       value ->> 'chance_level', value ->> 'evidence', value ->> 'task_count', value ->> 'attempts_per_task', \
       value ->> 'private_tasks', value ->> 'tasks_published_on', value ->> 'parts', value ->> 'slices', \
       value ->> 'created_at' FROM json_each(?1) \
     WHERE EXISTS (SELECT 1 FROM benchmarks AS b WHERE b.id = value ->> 'benchmark_id')";
/// Loads their definitions, from the same array.
pub const LOAD_BENCHMARK_DEFINITIONS: &str = "INSERT INTO benchmark_definitions (benchmark_id, version, definition) \
     SELECT value ->> 'benchmark_id', value ->> 'version', value ->> 'definition' FROM json_each(?1) \
     WHERE EXISTS (SELECT 1 FROM benchmarks AS b WHERE b.id = value ->> 'benchmark_id')";
/// Loads tasks of the versions that were loaded, from the JSON array `?1`.
pub const LOAD_BENCHMARK_TASKS: &str = "INSERT INTO benchmark_tasks (benchmark_id, version, task_id, position, scenario, language, difficulty, cluster) \
     SELECT value ->> 'benchmark_id', value ->> 'version', value ->> 'task_id', value ->> 'position', value ->> 'scenario', \
       value ->> 'language', value ->> 'difficulty', value ->> 'cluster' FROM json_each(?1) \
     WHERE EXISTS (SELECT 1 FROM benchmark_versions AS v WHERE v.benchmark_id = value ->> 'benchmark_id' AND v.version = value ->> 'version')";
/// Loads runs; nobody owns them, and the requests that opened them are not told, from the JSON array `?1`.
pub const LOAD_RUNS: &str = "INSERT INTO runs (id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty, prompt_hash, generation_config, \
       attempts_policy, command, evaluator_relationship, external_id, started_at, completed_at, status, reason, \
       created_at, published_at, withdrawn_at, request) \
     SELECT value ->> 'id', value ->> 'model_id', value ->> 'benchmark_id', value ->> 'version', value ->> 'harness', \
       value ->> 'harness_version', value ->> 'commit_hash', value ->> 'dirty', value ->> 'prompt_hash', \
       value ->> 'generation_config', value ->> 'attempts_policy', value ->> 'command', \
       value ->> 'evaluator_relationship', value ->> 'external_id', value ->> 'started_at', value ->> 'completed_at', \
       value ->> 'status', value ->> 'reason', value ->> 'created_at', value ->> 'published_at', value ->> 'withdrawn_at', \
       '{}' FROM json_each(?1)";
/// Loads results, from the JSON array `?1`.
pub const LOAD_RESULTS: &str = "INSERT INTO results (run_id, task_id, attempt, status, score, samples, correct, latency_ms, input_tokens, output_tokens, cost_usd, parts) \
     SELECT value ->> 'run_id', value ->> 'task_id', value ->> 'attempt', value ->> 'status', value ->> 'score', \
       value ->> 'samples', value ->> 'correct', value ->> 'latency_ms', value ->> 'input_tokens', \
       value ->> 'output_tokens', value ->> 'cost_usd', value ->> 'parts' FROM json_each(?1)";
/// Loads run counts, from the JSON array `?1`.
pub const LOAD_RUN_COUNTS: &str = "INSERT INTO run_counts (run_id, total, correct_by_attempt, cost_usd, mean_latency_ms) \
     SELECT value ->> 'run_id', value ->> 'total', value ->> 'correct_by_attempt', value ->> 'cost_usd', \
       value ->> 'mean_latency_ms' FROM json_each(?1)";
/// Loads run slices, from the JSON array `?1`.
pub const LOAD_RUN_SLICES: &str = "INSERT INTO run_slices (run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted, \
       p50_ms, p95_ms) \
     SELECT value ->> 'run_id', value ->> 'scenario', value ->> 'language', value ->> 'difficulty', value ->> 'tasks', \
       value ->> 'clusters', value ->> 'correct', value ->> 'total', value ->> 'score', value ->> 'squares', \
       value ->> 'cost_usd', value ->> 'uncosted', value ->> 'p50_ms', value ->> 'p95_ms' FROM json_each(?1)";
/// Loads run scores, from the JSON array `?1`.
pub const LOAD_RUN_SCORES: &str = "INSERT INTO run_scores (run_id, scores, pass_counts, parts) \
     SELECT value ->> 'run_id', value ->> 'scores', value ->> 'pass_counts', value ->> 'parts' FROM json_each(?1)";
/// Loads snapshots, from the JSON array `?1`.
pub const LOAD_SNAPSHOTS: &str = "INSERT INTO snapshots (seq, id, benchmark_id, version, created_at) \
     SELECT value ->> 'seq', value ->> 'id', value ->> 'benchmark_id', value ->> 'version', value ->> 'created_at' FROM json_each(?1)";
/// Loads leaderboard entries, from the JSON array `?1`.
pub const LOAD_LEADERBOARD_ENTRIES: &str = "INSERT INTO leaderboard_entries (benchmark_id, version, model_id, run_id, from_seq, to_seq, display_name, contaminated) \
     SELECT value ->> 'benchmark_id', value ->> 'version', value ->> 'model_id', value ->> 'run_id', value ->> 'from_seq', \
       value ->> 'to_seq', value ->> 'display_name', value ->> 'contaminated' FROM json_each(?1)";
/// Loads changes, from the JSON array `?1`.
pub const LOAD_CHANGES: &str = "INSERT INTO changes (seq, benchmark_id, kind, model_id, run_id, reason, previous_run_id, current_run_id, rank_before, rank_after, moved) \
     SELECT value ->> 'seq', value ->> 'benchmark_id', value ->> 'kind', value ->> 'model_id', value ->> 'run_id', \
       value ->> 'reason', value ->> 'previous_run_id', value ->> 'current_run_id', value ->> 'rank_before', \
       value ->> 'rank_after', value ->> 'moved' FROM json_each(?1)";

/// What a column holds, and how it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Real,
    Boolean,
    /// Text that is JSON; told as it stands, so that not a byte of it changes.
    Json,
}

/// A table of the public data set.
#[derive(Debug)]
pub struct Table {
    /// Its name, also in the schema.
    pub name: &'static str,
    page: &'static str,
    load: &'static str,
    keys: &'static [&'static str],
    columns: &'static [(&'static str, Kind)],
}

use Kind::{Boolean, Integer, Json, Real, Text};

/// Every table, each after those that it refers to.
pub static TABLES: [Table; 12] = [
    Table {
        name: "models",
        page: MODELS,
        load: LOAD_MODELS,
        keys: &["id"],
        columns: &[
            ("id", Text),
            ("provider", Text),
            ("display_name", Text),
            ("context_window", Integer),
            ("input_usd_per_mtok", Real),
            ("output_usd_per_mtok", Real),
            ("licence", Text),
            ("released_on", Text),
            ("training_cutoff", Text),
            ("deprecated", Boolean),
            ("created_at", Integer),
            ("updated_at", Integer),
        ],
    },
    Table {
        name: "benchmarks",
        page: BENCHMARKS,
        load: LOAD_BENCHMARKS,
        keys: &["id"],
        columns: &[("id", Text), ("created_at", Integer)],
    },
    Table {
        name: "benchmark_versions",
        page: BENCHMARK_VERSIONS,
        load: LOAD_BENCHMARK_VERSIONS,
        keys: &["benchmark_id", "version"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("title", Text),
            ("description", Text),
            ("metric", Text),
            ("chance_level", Real),
            ("evidence", Text),
            ("task_count", Integer),
            ("attempts_per_task", Integer),
            ("private_tasks", Boolean),
            ("tasks_published_on", Text),
            ("parts", Json),
            ("slices", Json),
            ("definition", Json),
            ("created_at", Integer),
        ],
    },
    Table {
        name: "benchmark_tasks",
        page: BENCHMARK_TASKS,
        load: LOAD_BENCHMARK_TASKS,
        keys: &["benchmark_id", "version", "task_id"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("task_id", Text),
            ("position", Integer),
            ("scenario", Text),
            ("language", Text),
            ("difficulty", Text),
            ("cluster", Text),
        ],
    },
    Table {
        name: "runs",
        page: RUNS,
        load: LOAD_RUNS,
        keys: &["id"],
        columns: &[
            ("id", Text),
            ("model_id", Text),
            ("benchmark_id", Text),
            ("version", Text),
            ("harness", Text),
            ("harness_version", Text),
            ("commit_hash", Text),
            ("dirty", Boolean),
            ("prompt_hash", Text),
            ("generation_config", Json),
            ("attempts_policy", Text),
            ("command", Text),
            ("evaluator_relationship", Text),
            ("external_id", Text),
            ("started_at", Integer),
            ("completed_at", Integer),
            ("status", Text),
            ("reason", Text),
            ("created_at", Integer),
            ("published_at", Integer),
            ("withdrawn_at", Integer),
        ],
    },
    Table {
        name: "results",
        page: RESULTS,
        load: LOAD_RESULTS,
        keys: &["run_id", "task_id", "attempt"],
        columns: &[
            ("run_id", Text),
            ("task_id", Text),
            ("attempt", Integer),
            ("status", Text),
            ("score", Real),
            ("samples", Integer),
            ("correct", Integer),
            ("latency_ms", Real),
            ("input_tokens", Integer),
            ("output_tokens", Integer),
            ("cost_usd", Real),
            ("parts", Json),
        ],
    },
    Table {
        name: "run_counts",
        page: RUN_COUNTS,
        load: LOAD_RUN_COUNTS,
        keys: &["run_id"],
        columns: &[
            ("run_id", Text),
            ("total", Integer),
            ("correct_by_attempt", Json),
            ("cost_usd", Real),
            ("mean_latency_ms", Real),
        ],
    },
    Table {
        name: "run_slices",
        page: RUN_SLICES,
        load: LOAD_RUN_SLICES,
        keys: &["run_id", "scenario", "language", "difficulty"],
        columns: &[
            ("run_id", Text),
            ("scenario", Text),
            ("language", Text),
            ("difficulty", Text),
            ("tasks", Integer),
            ("clusters", Integer),
            ("correct", Integer),
            ("total", Integer),
            ("score", Real),
            ("squares", Real),
            ("cost_usd", Real),
            ("uncosted", Integer),
            ("p50_ms", Real),
            ("p95_ms", Real),
        ],
    },
    Table {
        name: "run_scores",
        page: RUN_SCORES,
        load: LOAD_RUN_SCORES,
        keys: &["run_id"],
        columns: &[("run_id", Text), ("scores", Json), ("pass_counts", Json), ("parts", Json)],
    },
    Table {
        name: "snapshots",
        page: SNAPSHOTS,
        load: LOAD_SNAPSHOTS,
        keys: &["seq"],
        columns: &[("seq", Integer), ("id", Text), ("benchmark_id", Text), ("version", Text), ("created_at", Integer)],
    },
    Table {
        name: "leaderboard_entries",
        page: LEADERBOARD_ENTRIES,
        load: LOAD_LEADERBOARD_ENTRIES,
        keys: &["benchmark_id", "version", "model_id", "from_seq"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("model_id", Text),
            ("run_id", Text),
            ("from_seq", Integer),
            ("to_seq", Integer),
            ("display_name", Text),
            ("contaminated", Boolean),
        ],
    },
    Table {
        name: "changes",
        page: CHANGES,
        load: LOAD_CHANGES,
        keys: &["seq"],
        columns: &[
            ("seq", Integer),
            ("benchmark_id", Text),
            ("kind", Text),
            ("model_id", Text),
            ("run_id", Text),
            ("reason", Text),
            ("previous_run_id", Text),
            ("current_run_id", Text),
            ("rank_before", Integer),
            ("rank_after", Integer),
            ("moved", Json),
        ],
    },
];

/// A part of a primary key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// Of a text column.
    Text(String),
    /// Of an integer column.
    Integer(i64),
}

/// Rows of a table, one object a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Each ended by a line break.
    pub lines: String,
    /// The key to go on after, where there is more. A page may be short, or empty, and yet not the last.
    pub next: Option<Vec<Key>>,
}

impl Table {
    /// The table of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// At most `limit` rows as of the snapshot with the place `through`, after a key or from the first; `None` where the
    /// key is no key of this table.
    #[must_use]
    pub fn page(&self, through: i64, limit: u32, after: Option<Vec<Key>>) -> Option<Statement> {
        let statement = Statement::new(self.page).bind(through).bind(limit);
        let kinds = self.keys.iter().map(|key| self.kind(key));
        let Some(after) = after else {
            let first = |kind| if kind == Integer { Value::Integer(0) } else { Value::Text(String::new()) };
            return Some(kinds.map(first).fold(statement, Statement::bind));
        };
        if after.len() != self.keys.len() {
            return None;
        }
        kinds.zip(after).try_fold(statement, |statement, (kind, key)| match (kind, key) {
            (Integer, Key::Integer(integer)) => Some(statement.bind(integer)),
            (Text, Key::Text(text)) => Some(statement.bind(text)),
            _ => None,
        })
    }

    /// How many rows one statement loads at most.
    #[must_use]
    pub fn most_rows(&self) -> usize {
        if self.load == LOAD_MODELS { 1 } else { 1000 }
    }

    fn kind(&self, column: &str) -> Kind {
        self.columns.iter().find(|(name, _)| *name == column).map_or(Text, |(_, kind)| *kind)
    }

    /// Reads the rows of [`Table::page`].
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn read(&self, rows: Rows) -> Result<Page, DatabaseError> {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let mut lines = String::new();
        let mut last = None;
        for row in rows {
            if row.boolean("told")? {
                self.write(&row, &mut lines)?;
            }
            last = Some(row);
        }
        let next = match last {
            Some(last) if last.integer("walked")? > count => Some(self.key(&last)?),
            _ => None,
        };
        Ok(Page { lines, next })
    }

    fn key(&self, row: &Row) -> Result<Vec<Key>, DatabaseError> {
        let key = |column: &&str| match self.kind(column) {
            Integer => row.integer(column).map(Key::Integer),
            _ => row.text(column).map(Key::Text),
        };
        self.keys.iter().map(key).collect()
    }

    fn write(&self, row: &Row, lines: &mut String) -> Result<(), DatabaseError> {
        for (index, (name, kind)) in self.columns.iter().enumerate() {
            lines.push_str(if index == 0 { "{\"" } else { ",\"" });
            lines.push_str(name);
            lines.push_str("\":");
            let value = match kind {
                Text => row.optional_text(name)?.map(|text| serde_json::Value::String(text).to_string()),
                Integer => row.optional_integer(name)?.map(|integer| integer.to_string()),
                Real => row.optional_real(name)?.map(|real| serde_json::Value::from(real).to_string()),
                Boolean => Some(row.boolean(name)?.to_string()),
                Json => row.optional_text(name)?,
            };
            lines.push_str(value.as_deref().unwrap_or("null"));
        }
        lines.push_str("}\n");
        Ok(())
    }
}

/// What loads a dump: one batch, whole or not at all, into a database that holds nothing of the kind.
#[derive(Debug)]
pub struct Load {
    statements: Vec<Statement>,
    /// Of each statement, the table whose loaded rows it counts.
    counting: Vec<Option<&'static str>>,
    versions: Vec<String>,
}

impl Default for Load {
    fn default() -> Self {
        let mut load = Self { statements: Vec::new(), counting: Vec::new(), versions: Vec::new() };
        load.push(Statement::new(EXPECT_UNUSED), None);
        load
    }
}

impl Load {
    fn push(&mut self, statement: Statement, counting: Option<&'static str>) {
        self.statements.push(statement);
        self.counting.push(counting);
    }

    /// Adds rows: so many, at most [`Table::most_rows`], as a JSON array. Tables come in the order of [`TABLES`].
    pub fn add(&mut self, table: &'static Table, rows: String, count: usize) {
        // Only what was declared while the dump was made may lack what it refers to.
        let whole = ![LOAD_BENCHMARK_VERSIONS, LOAD_BENCHMARK_TASKS].contains(&table.load);
        if table.load == LOAD_BENCHMARK_VERSIONS {
            self.versions.push(rows.clone());
            self.push(Statement::new(LOAD_BENCHMARK_DEFINITIONS).bind(rows.clone()), None);
        }
        self.push(Statement::new(table.load).bind(rows), None);
        self.push(Statement::new(runs::CHANGES), Some(table.name));
        if whole {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.push(Statement::new(EXPECT_LOADED).bind(count), None);
        }
    }

    /// The batch, and what its answers are read with.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Statement>, Loaded) {
        for versions in std::mem::take(&mut self.versions) {
            self.push(Statement::new(EXPECT_TASKS).bind(versions), None);
        }
        (self.statements, Loaded(self.counting))
    }
}

/// Reads the answers of a [`Load`].
#[derive(Debug)]
pub struct Loaded(Vec<Option<&'static str>>);

impl Loaded {
    /// How many rows of each table were loaded.
    ///
    /// # Errors
    /// When the database did not tell.
    pub fn counts(self, answers: Vec<Rows>) -> Result<Vec<(&'static str, u64)>, DatabaseError> {
        let mut counts = TABLES.iter().map(|table| (table.name, 0_u64)).collect::<Vec<_>>();
        for (name, rows) in self.0.into_iter().zip(answers) {
            let Some(name) = name else { continue };
            let row = rows.into_first().ok_or_else(|| DatabaseError::Unavailable("no count of changes".to_owned()))?;
            let loaded = u64::try_from(row.integer("changes")?).unwrap_or(0);
            if let Some((_, count)) = counts.iter_mut().find(|(table, _)| *table == name) {
                *count = count.saturating_add(loaded);
            }
        }
        Ok(counts)
    }
}
