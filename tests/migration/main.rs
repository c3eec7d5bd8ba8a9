//! What was published before a schema reads as if it had been published with it, and the release before goes on with it.

mod release_before;

use std::sync::Mutex;

use aibaas_core::{
    domain::{
        RunId, TaskAttempt, Timestamp, UserId, log_record::ResultsDigest, run_aggregates::RunSums,
        run_status::RunStatus,
    },
    ports,
    store::{
        Batch, benchmarks,
        migrations::{CREATE_LOG, MIGRATIONS, Migration, MigrationError, migrate, plan},
        publications::{Publication, RunEnding, ScoreSource},
        results,
    },
};
use aibaas_tests::fixtures::seeded;
use async_trait::async_trait;
use futures_util::FutureExt as _;
use rusqlite::{Connection, params, types::Value};

const DIMENSIONS: [[Option<&str>; 3]; 3] =
    [[Some("edit"), Some("fix"), None], [Some("go"), Some("rust"), None], [Some("easy"), Some("hard"), None]];

/// A run as it was published: its id, model, benchmark and moment.
type Published = (String, &'static str, &'static str, i64);

/// Each migration is one transaction, as on every host.
fn apply(database: &Connection, migrations: &[Migration]) {
    for migration in migrations {
        database.execute_batch("BEGIN").expect("a transaction");
        for statement in migration.statements() {
            database.execute_batch(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
        }
        database.execute_batch("COMMIT").unwrap_or_else(|error| panic!("{}: {error}", migration.name));
    }
}

fn rows(database: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = database.prepare(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column)).collect());
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

/// Models, benchmarks and runs with their evidence, none of it published.
fn fill(database: &Connection, seed: u64) -> Vec<Published> {
    let mut random = fastrand::Rng::with_seed(seed);
    let execute = |sql: &str| database.execute_batch(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    execute(
        "INSERT INTO users (id, email, created_at, updated_at, password_changed_at) VALUES ('owner', 'o@example.com', 1, 1, 1)",
    );
    for model in ["p/a", "p/b", "p/c", "p/d"] {
        execute(&format!(
            "INSERT INTO models (id, provider, display_name, created_at, updated_at) VALUES ('{model}', 'p', 'Model {model}', 1, 1)"
        ));
    }
    for (benchmark, evidence, metric, attempts) in
        [("tried", "results", "pass_rate", 2), ("scored", "results", "score", 1), ("counted", "counts", "pass_rate", 2)]
    {
        execute(&format!("INSERT INTO benchmarks (id, created_at) VALUES ('{benchmark}', 1)"));
        execute(&format!(
            "INSERT INTO benchmark_versions (benchmark_id, version, title, metric, evidence, task_count, attempts_per_task, definition, created_at) \
             VALUES ('{benchmark}', '1', 'B', '{metric}', '{evidence}', 30, {attempts}, '{{}}', 1)"
        ));
        for task in (0..30).filter(|_| evidence == "results") {
            let [scenario, language, difficulty] = DIMENSIONS.map(|values| random.choice(values).flatten());
            database
                .execute(
                    "INSERT INTO benchmark_tasks (benchmark_id, version, task_id, position, scenario, language, difficulty) \
                     VALUES (?1, '1', ?2, ?3, ?4, ?5, ?6)",
                    params![benchmark, format!("t{}", (task * 7) % 30), task, scenario, language, difficulty],
                )
                .expect("a task");
        }
    }
    let mut runs = Vec::new();
    for (at, (model, benchmark)) in
        [("p/a", 0), ("p/b", 0), ("p/a", 1), ("p/c", 2), ("p/a", 0), ("p/c", 0), ("p/b", 2), ("p/d", 0), ("p/b", 0)]
            .into_iter()
            .enumerate()
    {
        let (id, benchmark) = (format!("run-{at}"), ["tried", "scored", "counted"][benchmark]);
        let at = 1000 + i64::try_from(at).expect("few");
        execute(&format!(
            "INSERT INTO runs (id, owner_id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty, \
               generation_config, evaluator_relationship, request, created_at) \
             VALUES ('{id}', 'owner', '{model}', '{benchmark}', '1', 'h', '1', 'c', 0, '{{}}', 'first_party', '{{}}', 1)"
        ));
        if benchmark == "counted" {
            let passes = random.u8(..=30);
            execute(&format!(
                "INSERT INTO run_counts (run_id, total, correct_by_attempt) VALUES ('{id}', 30, '[0,{passes}]')"
            ));
        }
        for task in (0..30).filter(|_| benchmark != "counted") {
            for attempt in 1..=if benchmark == "tried" { 2 } else { 1 } {
                let sampled = benchmark == "tried" && random.bool();
                let correct = random.u8(..=4);
                let score = if sampled || benchmark == "scored" {
                    f64::from(correct) / 4.0
                } else {
                    f64::from(correct / 3).min(1.0)
                };
                let sampled = sampled.then_some((4, correct)).unzip();
                database
                    .execute(
                        "INSERT INTO results (run_id, task_id, attempt, status, score, samples, correct, latency_ms, cost_usd) \
                         VALUES (?1, ?2, ?3, 'success', ?4, ?5, ?6, ?7, ?8)",
                        params![
                            id,
                            format!("t{task}"),
                            attempt,
                            score,
                            sampled.0,
                            sampled.1,
                            (random.u8(..5) > 0).then_some(f64::from(random.u16(..)) / 8.0),
                            (model != "p/b").then_some(f64::from(random.u8(1..)) / 256.0)
                        ],
                    )
                    .expect("a result");
            }
        }
        runs.push((id, model, benchmark, at));
    }
    runs
}

/// What the application of now is given as its database.
struct Memory(Mutex<Connection>);

impl Memory {
    fn rows(&self, statement: &ports::Statement) -> ports::Rows {
        let database = self.0.lock().expect("a lock");
        let mut prepared = database.prepare(statement.sql).unwrap_or_else(|error| panic!("{error}\n{}", statement.sql));
        for (index, value) in (1..).zip(&statement.params) {
            let value = match value {
                ports::Value::Null => Value::Null,
                ports::Value::Integer(integer) => Value::Integer(*integer),
                ports::Value::Real(real) => Value::Real(*real),
                ports::Value::Text(text) => Value::Text(text.clone()),
                ports::Value::Blob(bytes) => Value::Blob(bytes.clone()),
            };
            prepared.raw_bind_parameter(index, value).expect("a parameter");
        }
        let columns = prepared.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let count = columns.len();
        let rows = prepared.raw_query().mapped(|row| {
            (0..count)
                .map(|column| {
                    Ok(match row.get(column)? {
                        Value::Null => ports::Value::Null,
                        Value::Integer(integer) => ports::Value::Integer(integer),
                        Value::Real(real) => ports::Value::Real(real),
                        Value::Text(text) => ports::Value::Text(text),
                        Value::Blob(bytes) => ports::Value::Blob(bytes),
                    })
                })
                .collect::<Result<Vec<_>, rusqlite::Error>>()
        });
        let rows = rows.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}\n{}", statement.sql));
        ports::Rows::new(columns, rows)
    }
}

#[async_trait]
impl ports::Database for Memory {
    async fn query(&self, statement: ports::Statement) -> Result<ports::Rows, ports::DatabaseError> {
        Ok(self.rows(&statement))
    }

    async fn batch(&self, statements: Vec<ports::Statement>) -> Result<Vec<ports::Rows>, ports::DatabaseError> {
        Ok(statements.iter().map(|statement| self.rows(statement)).collect())
    }
}

/// As the application of now publishes.
async fn publish(database: &Memory, (run, _, benchmark, at): &Published) {
    let (run_id, owner_id) = (&RunId::from(run.as_str()), &UserId::from("owner"));
    let tasks = benchmarks::sliced_tasks(run_id, owner_id, -1, 1000).run(database).await.expect("tasks");
    assert_eq!(tasks.end, None, "all of them");
    let mut sums = RunSums::new(&tasks.tasks, true);
    let piece =
        results::attempts(run_id, owner_id, &TaskAttempt::default(), 1000).run(database).await.expect("results");
    assert_eq!(piece.end, None, "all of them");
    for attempt in &piece.attempts {
        sums.add(attempt);
    }
    let mut digest = ResultsDigest::default();
    piece.rows.into_iter().for_each(|row| digest.add(row).expect("a row"));
    let results = digest.finish();
    let aggregates = sums.finish(if *benchmark == "tried" { 2 } else { 1 }, 1);
    assert_eq!(aggregates.is_some(), *benchmark != "counted");
    let source = aggregates.as_ref().map_or(ScoreSource::Counts, ScoreSource::Aggregates);
    let publication = Publication { run_id, owner_id, revision: 0, source, results };
    assert!(publication.preparations().expect("nothing beforehand").is_empty());
    let mut batch = Batch::new();
    publication.publish(&mut batch, &format!("snapshot-{run}"), Timestamp(*at)).expect("a batch");
    batch.run(database).await.expect("a publication");
}

/// How runs were published before the fourth migration, each statement with the run `?1`; `?2` and `?3` are the
/// snapshot's id and time.
const PUBLISH_OF_0003: [&str; 7] = [
    "INSERT INTO run_cells (run_id, scenario, language, difficulty, tasks, correct, total, score_sum, score_square_sum, cost_usd, uncosted) \
     SELECT ?1, coalesce(t.scenario, ''), coalesce(t.language, ''), coalesce(t.difficulty, ''), \
       count(*), sum(p.correct), sum(p.total), sum(p.score), sum(p.score * p.score), sum(p.cost), sum(p.uncosted) \
     FROM (SELECT task_id, avg(score) AS score, sum(coalesce(correct, score >= 1)) AS correct, sum(coalesce(samples, 1)) AS total, \
             sum(cost_usd) AS cost, sum(cost_usd IS NULL) AS uncosted FROM results WHERE run_id = ?1 GROUP BY task_id) AS p \
     JOIN runs AS r ON r.id = ?1 \
     JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version AND t.task_id = p.task_id \
     GROUP BY 2, 3, 4",
    "INSERT INTO run_cells (run_id, scenario, language, difficulty, tasks, correct, total, score_sum, score_square_sum, cost_usd, uncosted) \
     SELECT ?1, '', '', '', total, passes, total, passes, passes, cost_usd, cost_usd IS NULL \
     FROM (SELECT total, cost_usd, correct_by_attempt ->> (json_array_length(correct_by_attempt) - 1) AS passes FROM run_counts WHERE run_id = ?1)",
    "INSERT INTO run_latencies (run_id, p50_ms, p95_ms) \
     WITH ordered AS (SELECT latency_ms AS ms, row_number() OVER (ORDER BY latency_ms) - 1 AS place, count(*) OVER () - 1 AS last \
         FROM results WHERE run_id = ?1 AND latency_ms IS NOT NULL), \
       wanted AS (SELECT value AS percent, (SELECT max(last) FROM ordered) * value AS hundredths FROM json_each('[50, 95]')), \
       found AS (SELECT percent, \
           (SELECT ms FROM ordered WHERE place = hundredths / 100) AS below, \
           (SELECT ms FROM ordered WHERE place = min(hundredths / 100 + 1, last)) AS above, (hundredths % 100) / 100.0 AS share FROM wanted) \
     SELECT ?1, max(CASE percent WHEN 50 THEN below + (above - below) * share END), \
       max(CASE percent WHEN 95 THEN below + (above - below) * share END) FROM found",
    "UPDATE runs SET status = 'published', published_at = ?2 WHERE id = ?1 AND status = 'open'",
    "INSERT INTO snapshots (id, benchmark_id, version, created_at) SELECT ?2, benchmark_id, version, ?3 FROM runs WHERE id = ?1",
    "UPDATE leaderboard_entries SET to_seq = (SELECT seq FROM snapshots WHERE id = ?2) \
     WHERE to_seq IS NULL AND (benchmark_id, version, model_id) = (SELECT benchmark_id, version, model_id FROM runs WHERE id = ?1)",
    "INSERT INTO leaderboard_entries (benchmark_id, version, model_id, run_id, from_seq) \
     SELECT benchmark_id, version, model_id, id, (SELECT seq FROM snapshots WHERE id = ?2) FROM runs WHERE id = ?1",
];

/// As the schema before did.
fn publish_before(database: &Connection, (run, _, _, at): &Published) {
    let snapshot = format!("snapshot-{run}");
    for sql in PUBLISH_OF_0003 {
        let written = match sql {
            _ if sql.starts_with("UPDATE runs") => database.execute(sql, params![run, at]),
            _ if sql.contains("?3") => database.execute(sql, params![run, snapshot, at]),
            _ if sql.contains("?2") => database.execute(sql, params![run, snapshot]),
            _ => database.execute(sql, params![run]),
        };
        written.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    }
}

#[test]
fn what_was_published_before_slices_reads_the_same() {
    let seed = seeded().u64(..);
    let (before, after) = (Connection::open_in_memory().expect("one"), Connection::open_in_memory().expect("another"));
    let (old, new) = MIGRATIONS.split_at(3);
    for database in [&before, &after] {
        database.execute_batch(CREATE_LOG).expect("the log of migrations");
        apply(database, old);
    }
    let (runs, same) = (fill(&before, seed), fill(&after, seed));
    apply(&after, new);
    assert_eq!(runs, same);
    let memory = Memory(Mutex::new(after));
    for run in &runs {
        // Nothing waits in memory.
        publish(&memory, run).now_or_never().expect("a publication");
        publish_before(&before, run);
    }
    let after = memory.0.into_inner().expect("the database");
    apply(&before, new);
    // Percentiles were kept of whole runs only.
    for sql in [
        "SELECT run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, \
           cost_usd, uncosted FROM run_slices ORDER BY 1, 2, 3, 4",
        "SELECT run_id, p50_ms, p95_ms FROM run_slices WHERE scenario || language || difficulty = '' ORDER BY 1",
        "SELECT run_id, scores, pass_counts, parts FROM run_scores ORDER BY 1",
        "SELECT benchmark_id, version, model_id, run_id, from_seq, to_seq, display_name, contaminated FROM leaderboard_entries ORDER BY 1, 2, 3, 5",
        "SELECT * FROM changes ORDER BY seq",
    ] {
        let (migrated, published) = (rows(&before, sql), rows(&after, sql));
        assert!(!published.is_empty(), "{sql}");
        assert_eq!(migrated, published, "{sql}");
    }
}

#[test]
fn what_was_stored_before_quotas_is_counted() {
    let database = Connection::open_in_memory().expect("a database in memory");
    database.execute_batch(CREATE_LOG).expect("the log of migrations");
    let (old, new) = MIGRATIONS.split_at(4);
    apply(&database, old);
    fill(&database, seeded().u64(..));
    database
        .execute_batch(
            "UPDATE benchmarks SET owner_id = 'owner' WHERE id = 'tried'; \
             UPDATE benchmark_versions SET definition = '{\"a\":\"é\"}' WHERE benchmark_id = 'tried'; \
             UPDATE runs SET owner_id = NULL WHERE id = 'run-3'; \
             UPDATE results SET parts = '{\"a\":1}' WHERE run_id = 'run-2' AND task_id = 't0'",
        )
        .expect("changes");
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let results = count(
        "SELECT count(*) * 64 + sum(length(task_id)) + sum(coalesce(length(parts), 0)) FROM results WHERE run_id <> 'run-3'",
    );
    apply(&database, new);
    // Of the nine runs all but one are theirs, each with the request '{}'.
    assert_eq!(count("SELECT storage_bytes FROM users"), 10 + 2 * 8 + results);
    assert_eq!(count("SELECT count(*) FROM users WHERE storage_quota_bytes IS NULL"), 1);
    assert_eq!(count("SELECT count(*) FROM benchmark_definitions"), 3);
}

/// Ids with capitals become lower case, with everything that refers to them; two that differ in case alone stay.
#[test]
fn names_become_lower_case() {
    let database = Connection::open_in_memory().expect("a database");
    let names = MIGRATIONS.iter().position(|migration| migration.name == "0010_names.sql").expect("the migration");
    let (before, after) = MIGRATIONS.split_at(names);
    apply(&database, before);
    let execute = |sql: &str| database.execute_batch(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    for model in ["Acme/Rocket", "acme/plain", "Acme/Twin", "acme/twin"] {
        let provider = model.split('/').next().expect("a provider");
        execute(&format!(
            "INSERT INTO models (id, provider, display_name, created_at, updated_at) VALUES ('{model}', '{provider}', 'M', 1, 1)"
        ));
    }
    execute(
        "INSERT INTO benchmarks (id, created_at) VALUES ('SumS', 1);
         INSERT INTO benchmark_versions (benchmark_id, version, title, metric, evidence, task_count, attempts_per_task, created_at)
           VALUES ('SumS', 'V1', 'B', 'pass_rate', 'results', 1, 1, 1);
         INSERT INTO benchmark_definitions (benchmark_id, version, definition) VALUES ('SumS', 'V1', '{}');
         INSERT INTO benchmark_tasks (benchmark_id, version, task_id, position) VALUES ('SumS', 'V1', 'T', 0);
         INSERT INTO runs (id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty, generation_config,
             evaluator_relationship, request, created_at)
           VALUES ('r', 'Acme/Rocket', 'SumS', 'V1', 'h', '1', 'c', 0, '{}', 'first_party',
             '{\"model\":\"Acme/Rocket\",\"benchmark\":\"SumS\"}', 1);
         INSERT INTO snapshots (id, benchmark_id, version, created_at) VALUES ('s', 'SumS', 'V1', 1);
         INSERT INTO leaderboard_entries (benchmark_id, version, model_id, run_id, from_seq) VALUES ('SumS', 'V1', 'Acme/Rocket', 'r', 1);
         INSERT INTO changes (seq, benchmark_id, kind, model_id, run_id, moved)
           VALUES (1, 'SumS', 'published', 'Acme/Rocket', 'r', '[{\"model\":\"Acme/Rocket\",\"from\":1,\"to\":2},{\"model\":\"Acme/Twin\",\"from\":2,\"to\":1}]');
         INSERT INTO moderations (id, after_seq, kind, model_id, reason, created_at) VALUES ('m', 1, 'hidden', 'Acme/Rocket', 'x', 1);
         INSERT INTO moderations (id, after_seq, kind, benchmark_id, reason, created_at) VALUES ('n', 1, 'hidden', 'SumS', 'x', 1)",
    );
    apply(&database, after);
    let text = |sql: &str| match rows(&database, sql).concat().as_slice() {
        [Value::Text(text)] => text.clone(),
        other => panic!("{sql}: {other:?}"),
    };
    assert_eq!(
        text("SELECT group_concat(id, ' ' ORDER BY id) FROM models"),
        "Acme/Twin acme/plain acme/rocket acme/twin"
    );
    for of_model in ["runs", "leaderboard_entries", "changes", "moderations WHERE model_id IS NOT NULL --"] {
        assert_eq!(text(&format!("SELECT model_id FROM {of_model}")), "acme/rocket", "{of_model}");
    }
    for of_benchmark in [
        "benchmark_versions",
        "benchmark_definitions",
        "benchmark_tasks",
        "runs",
        "snapshots",
        "leaderboard_entries",
        "changes",
    ] {
        assert_eq!(text(&format!("SELECT benchmark_id FROM {of_benchmark}")), "sums", "{of_benchmark}");
    }
    assert_eq!(text("SELECT benchmark_id FROM moderations WHERE benchmark_id IS NOT NULL"), "sums");
    assert_eq!(text("SELECT request FROM runs"), r#"{"model":"acme/rocket","benchmark":"sums"}"#);
    let models = "SELECT group_concat(w.value ->> 'model', ' ') FROM changes AS c, json_each(c.moved) AS w";
    assert_eq!(text(models), "acme/rocket Acme/Twin");
    assert!(rows(&database, "PRAGMA foreign_key_check").is_empty());
}

/// A version of a benchmark: what it brings, whether an entry stands on it, and whether one ever stood.
type Stood = (&'static str, bool, bool);

/// What was declared before there were current versions gets one: the latest with results and an entry, else the counts
/// that the board showed, else the first with results.
#[test]
fn benchmarks_get_a_current_version() {
    let database = Connection::open_in_memory().expect("a database");
    let versions =
        MIGRATIONS.iter().position(|migration| migration.name == "0013_versions.sql").expect("the migration");
    let (before, after) = MIGRATIONS.split_at(versions);
    apply(&database, before);
    let execute = |sql: &str| database.execute_batch(sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    execute("INSERT INTO models (id, provider, display_name, created_at, updated_at) VALUES ('p/m', 'p', 'M', 1, 1)");
    let mut seq = 0;
    // In the order of their declaration, and published to in the reverse.
    let cases: [(&str, &[Stood], Option<&str>); 6] = [
        ("latest", &[("results", true, true), ("results", true, true), ("results", false, false)], Some("2")),
        ("after-counts", &[("results", true, true), ("counts", true, true)], Some("1")),
        ("counts", &[("counts", true, true), ("counts", true, true)], Some("1")),
        ("counts-first", &[("results", false, true), ("counts", true, true)], Some("2")),
        ("unpublished", &[("counts", false, false), ("results", false, false), ("results", false, false)], Some("2")),
        ("nothing", &[("counts", false, false), ("counts", false, false)], None),
    ];
    for (benchmark, versions, _) in cases {
        execute(&format!("INSERT INTO benchmarks (id, created_at) VALUES ('{benchmark}', 1)"));
        for (at, (evidence, ..)) in (1..).zip(versions) {
            execute(&format!(
                "INSERT INTO benchmark_versions (benchmark_id, version, title, metric, evidence, task_count, attempts_per_task, created_at) \
                 VALUES ('{benchmark}', '{at}', 'B', 'pass_rate', '{evidence}', 1, 1, {at})"
            ));
        }
        for (at, (_, stands, stood)) in (1..).zip(versions).collect::<Vec<_>>().into_iter().rev() {
            if !stood {
                continue;
            }
            seq += 1;
            let until = if *stands { "NULL".to_owned() } else { seq.to_string() };
            execute(&format!(
                "INSERT INTO runs (id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty, \
                   generation_config, evaluator_relationship, request, created_at) \
                 VALUES ('r{seq}', 'p/m', '{benchmark}', '{at}', 'h', '1', 'c', 0, '{{}}', 'first_party', '{{}}', 1); \
                 INSERT INTO snapshots (seq, id, benchmark_id, version, created_at) VALUES ({seq}, 's{seq}', '{benchmark}', '{at}', 1); \
                 INSERT INTO leaderboard_entries (benchmark_id, version, model_id, run_id, from_seq, to_seq) \
                 VALUES ('{benchmark}', '{at}', 'p/m', 'r{seq}', {seq}, {until})"
            ));
        }
    }
    apply(&database, after);
    for (benchmark, _, current) in cases {
        let found =
            rows(&database, &format!("SELECT current_version FROM benchmarks WHERE id = '{benchmark}'")).concat();
        let expected = current.map_or(Value::Null, |version| Value::Text(version.to_owned()));
        assert_eq!(found, [expected], "{benchmark}");
    }
    assert!(rows(&database, "PRAGMA foreign_key_check").is_empty());
}

/// What limits had in use goes on: uses of one millisecond become one row, with the total and the last expiry up to it.
#[test]
fn what_limits_had_in_use_is_kept() {
    let database = Connection::open_in_memory().expect("a database in memory");
    let (old, new) = MIGRATIONS.split_at(4);
    apply(&database, old);
    let seed = seeded().u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..200 {
        let (subject, name, at) = (random.choice(["a", "b"]), random.choice(["key", "minute"]), random.i64(1..50));
        let cost = random.i64(0..3);
        let expires = at + i64::from(cost > 0) * random.i64(10..100);
        let event = "INSERT INTO rate_limit_events (subject, name, at, cost, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        database.execute(event, params![subject, name, at, cost, expires]).expect("a use");
    }
    let uses =
        "SELECT subject, name, at, sum(cost) FROM rate_limit_events WHERE cost > 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
    let totals = "SELECT e.subject, e.name, e.at, sum(b.cost), max(b.expires_at) FROM (SELECT DISTINCT subject, name, at FROM rate_limit_events WHERE cost > 0) AS e \
         JOIN rate_limit_events AS b ON b.subject = e.subject AND b.name = e.name AND b.at <= e.at AND b.cost > 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";
    let (uses, totals) = (rows(&database, uses), rows(&database, totals));
    apply(&database, new);
    let kept = "SELECT subject, name, at, cost FROM rate_limit_totals ORDER BY 1, 2, 3";
    assert_eq!(rows(&database, kept), uses, "seed {seed}");
    let kept = "SELECT subject, name, at, running, expires_at FROM rate_limit_totals ORDER BY 1, 2, 3";
    assert_eq!(rows(&database, kept), totals, "seed {seed}");
}

/// What stood before systems stands as it did, and whose run was displaced by another owner's comes back once that is gone.
#[test]
fn what_stood_before_systems_stands_as_it_did() {
    let database = Connection::open_in_memory().expect("a database in memory");
    database.execute_batch(CREATE_LOG).expect("the log of migrations");
    let (oldest, later) = MIGRATIONS.split_at(3);
    let systems = later.iter().position(|migration| migration.name == "0014_systems.sql").expect("the migration");
    let (old, new) = later.split_at(systems);
    apply(&database, oldest);
    for run in fill(&database, seeded().u64(..)) {
        publish_before(&database, &run);
    }
    apply(&database, old);
    // A stranger's run stands in the place of one that somebody else evaluated better.
    let stranger = "INSERT INTO users (id, email, created_at, updated_at, password_changed_at) VALUES ('stranger', 's@example.com', 1, 1, 1);
       UPDATE runs SET owner_id = 'stranger', evaluator_relationship = 'self_reported' WHERE id = 'run-4'";
    database.execute_batch(stranger).expect("another owner");
    let entries = "SELECT benchmark_id, version, model_id, run_id, from_seq, to_seq, display_name, contaminated \
       FROM leaderboard_entries ORDER BY 1, 2, 3, 5";
    let moves = "SELECT c.seq, w.value ->> 'model', w.value ->> 'from', w.value ->> 'to' FROM changes AS c, json_each(c.moved) AS w";
    // What digests of runs are made of, but for what later migrations added.
    let records = "SELECT id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty, generation_config, \
       evaluator_relationship, created_at, published_at FROM runs ORDER BY id";
    let before = [entries, moves, records].map(|sql| rows(&database, sql));
    apply(&database, new);
    assert_eq!([entries, moves, records].map(|sql| rows(&database, sql)), before);
    assert!(rows(&database, "PRAGMA foreign_key_check").is_empty());
    let texts = |database: &Connection, sql: &str| {
        let rows = rows(database, sql).concat().into_iter();
        let text = |value| if let Value::Text(text) = value { text } else { panic!("{sql}: {value:?}") };
        rows.map(text).collect::<Vec<_>>().join(" ")
    };
    let standing = "SELECT run_id || ':' || ranked FROM leaderboard_entries WHERE to_seq IS NULL AND benchmark_id = 'tried' ORDER BY 1";
    assert_eq!(texts(&database, standing), "run-4:1 run-5:1 run-7:1 run-8:1");
    assert_eq!(
        texts(&database, "SELECT id || ':' || series FROM runs ORDER BY id"),
        "run-0:run-0 run-1:run-1 run-2:run-2 run-3:run-3 run-4:run-4 run-5:run-5 run-6:run-6 run-7:run-7 run-8:run-1"
    );
    assert_eq!(
        rows(&database, "SELECT 1 FROM runs WHERE system_id <> model_id OR evaluated_at <> published_at"),
        [[]; 0]
    );

    let memory = Memory(Mutex::new(database));
    let mut batch = Batch::new();
    let at = Timestamp(2000);
    let ending = RunEnding { run_id: &"run-1".into(), status: RunStatus::Withdrawn, reason: "a mistake", at };
    ending.of_published(&mut batch, Some(&"owner".into()), "withdrawal-1");
    drop(batch.run(&memory).now_or_never().expect("it never waits").expect("a withdrawal"));
    let other = RunEnding { run_id: &"run-4".into(), ..ending };
    let mut batch = Batch::new();
    other.of_published(&mut batch, None, "withdrawal-2");
    drop(batch.run(&memory).now_or_never().expect("it never waits").expect("another"));
    let database = memory.0.into_inner().expect("the database");
    assert_eq!(texts(&database, standing), "run-0:1 run-5:1 run-7:1 run-8:1", "the owner's own stands again");
}

/// Two releases apart: the older one changes nothing of what the newer one made, and says which it is.
#[test]
fn a_newer_schema_is_refused() {
    let database = Connection::open_in_memory().expect("a database in memory");
    let memory = Memory(Mutex::new(database));
    let now = |future: bool| {
        let sql = if future {
            "INSERT INTO d1_migrations (name) VALUES ('9999_of_tomorrow.sql')"
        } else {
            "DELETE FROM d1_migrations WHERE name = '9999_of_tomorrow.sql'"
        };
        memory.0.lock().expect("a lock").execute_batch(sql).expect("it runs");
    };
    let planned = plan(&memory).now_or_never().expect("it never waits").expect("a plan");
    assert_eq!((planned.pending.len(), planned.unknown.len()), (MIGRATIONS.len(), 0));
    memory.0.lock().expect("a lock").execute_batch(CREATE_LOG).expect("the log of migrations");
    assert_eq!(migrate(&memory).now_or_never().expect("it never waits").expect("migrated").len(), MIGRATIONS.len());
    assert_eq!(migrate(&memory).now_or_never().expect("it never waits").expect("migrated").len(), 0);
    now(true);
    let refused = migrate(&memory).now_or_never().expect("it never waits").expect_err("a refusal");
    assert_eq!(refused, MigrationError::Newer(vec!["9999_of_tomorrow.sql".to_owned()]));
    let last = MIGRATIONS.last().expect("one").name;
    for part in ["9999_of_tomorrow.sql", last, env!("CARGO_PKG_VERSION")] {
        assert!(refused.to_string().contains(part), "{part}: {refused}");
    }
}

/// Whoever reads that a database needs a migration finds the release that has it.
#[test]
fn the_changelog_names_the_newest_migration() {
    let last = MIGRATIONS.last().expect("one").name;
    assert!(include_str!("../../CHANGELOG.md").contains(last), "say in CHANGELOG.md which release brings {last}");
}
