//! Every SQL text of the application prepares against the migrated schema, and none scans a table that grows.

use aibaas_core::{
    domain::Timestamp,
    ports::Value,
    store::{
        Guard,
        migrations::{CREATE_LOG, MIGRATIONS, Migration},
        sessions,
    },
};
use fallible_iterator::FallibleIterator as _;
use libsql_sqlite3_parser::{ast::Cmd, lexer::sql::Parser};
use rusqlite::Connection;

fn migrated() -> Connection {
    let database = Connection::open_in_memory().expect("a database in memory");
    database.execute_batch(CREATE_LOG).expect("the log of migrations");
    for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
        database.execute_batch(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }
    database
}

/// The plan's steps that read a whole table. What a statement makes itself (`json_each`, a common table
/// expression, a subquery's rows) is as long as its input; the log of migrations does not grow with use.
fn scans(database: &Connection, sql: &str, tables: &[String]) -> Vec<String> {
    let is_table = |name: &str| {
        let alias = |table: &String| {
            sql.contains(&format!("{table} AS {name} ")) || sql.contains(&format!("{table} AS {name}\n"))
        };
        tables.iter().any(|table| table == name || alias(table) || sql.ends_with(&format!("{table} AS {name}")))
    };
    let whole =
        |step: &String| step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).is_some_and(is_table);
    steps(database, sql).into_iter().filter(whole).collect()
}

/// The steps of a statement's plan.
fn steps(database: &Connection, sql: &str) -> Vec<String> {
    let mut plan =
        database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    // A plan needs no values: what is not bound is null.
    let steps = plan.raw_query().mapped(|row| row.get("detail")).collect::<Result<_, _>>();
    steps.expect("a query plan")
}

fn tables(database: &Connection) -> Vec<String> {
    let mut names = database
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('d1_migrations', 'sqlite_sequence')",
        )
        .expect("the schema");
    names.query_map([], |row| row.get(0)).expect("the schema").collect::<Result<_, _>>().expect("the tables' names")
}

/// Every file of `core/src/store/sql`, by `subject/name`.
fn files() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/store/sql");
    let entries = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let name = |path: &std::path::Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    let of_subject = |folder: std::path::PathBuf| {
        let subject = name(&folder);
        let files = entries(&folder).into_iter();
        files
            .map(move |file| {
                (format!("{subject}/{}", name(&file)), std::fs::read_to_string(&file).expect("a statement"))
            })
            .collect::<Vec<_>>()
    };
    entries(&root).into_iter().flat_map(of_subject).collect()
}

#[test]
fn every_file_holds_one_statement_that_prepares_and_scans_nothing_that_grows() {
    let database = migrated();
    let tables = tables(&database);
    let files = files();
    assert!(files.len() > 50, "{}", files.len());
    for (name, sql) in files {
        assert!(sql.starts_with("-- "), "{name}: say first what it does");
        database.prepare(&sql).unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
        // `aibaas check` looks at everything; no request does.
        if !name.starts_with("check/") {
            let scans = scans(&database, &sql, &tables);
            assert!(scans.is_empty(), "{name}: {scans:#?}");
        }
    }
}

/// A libSQL server reads each statement with a parser of its own, and runs what that writes: but for a single `CREATE TABLE`,
/// which it runs as it was.
#[test]
fn a_libsql_server_runs_every_statement() {
    let parse = |sql: &str| -> Result<Vec<Cmd>, String> {
        let mut parser = Box::new(Parser::new(sql.as_bytes()));
        std::iter::from_fn(|| parser.next().transpose()).collect::<Result<_, _>>().map_err(|error| error.to_string())
    };
    let database = migrated();
    for (name, text) in files() {
        let [statement] = &parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))[..] else { panic!("{name}") };
        let written = statement.to_string();
        if !written.starts_with("CREATE TABLE") {
            database.prepare(&written).unwrap_or_else(|error| panic!("{name}: {error}\n{written}"));
        }
    }
    let rewritten = Connection::open_in_memory().expect("a database");
    rewritten.execute_batch(CREATE_LOG).expect("the log of migrations");
    for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
        let read = parse(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
        for read in read {
            let written = read.to_string();
            let run = if written.starts_with("CREATE TABLE") { statement } else { &written };
            rewritten.execute_batch(run).unwrap_or_else(|error| panic!("{error}\n{run}"));
        }
    }
}

/// There are as many events of a kind as everybody caused in a year. Only lists of a kind, which end, walk them.
#[test]
fn events_of_a_kind_are_walked_by_lists_of_them_alone() {
    let database = migrated();
    let walks = |step: &String| step.contains("INDEX audit_events_by_kind");
    let by_kind = files().into_iter().filter(|(_, sql)| steps(&database, sql).iter().any(walks));
    assert_eq!(by_kind.map(|(name, _)| name).collect::<Vec<_>>(), ["audit/list_of_kind"]);
}

/// What a page of the export reads is found by its person, and where an index tells it in order, from where the page before
/// ended.
#[test]
fn pages_of_the_export_begin_where_the_page_before_ended() {
    let database = migrated();
    let read_from_the_first = ["pending_links", "seals"];
    let sorted = ["api_key_use", "former_addresses", "pending_links", "seals", "webhook_deliveries"];
    let files = files();
    let lists = files.iter().filter_map(|(name, sql)| Some((name.strip_prefix("personal_data/")?, sql)));
    let lists = lists.collect::<Vec<_>>();
    assert!(lists.len() >= 14, "{}", lists.len());
    for (name, sql) in lists {
        let steps = steps(&database, sql);
        let has = |signs: &[&str]| steps.iter().any(|step| signs.iter().any(|sign| step.contains(sign)));
        assert!(has(&["user_id=?", "owner_id=?"]), "{name}: {steps:#?}");
        assert_eq!(has(&["<", ">"]), !read_from_the_first.contains(&name), "{name}: {steps:#?}");
        assert_eq!(has(&["ORDER BY"]), sorted.contains(&name), "{name}: {steps:#?}");
    }
}

/// A benchmark may have a hundred versions: what is read of one does not grow with the entries of the others.
#[test]
fn a_board_is_read_without_the_entries_of_other_versions() {
    let database = migrated();
    let boards =
        ["leaderboard/entries", "standings/entries", "comparisons/standing", "comparisons/entries", "log/board"];
    for (name, sql) in files().into_iter().filter(|(name, _)| boards.contains(&name.as_str())) {
        let steps = steps(&database, &sql).into_iter().filter(|step| step.contains("INDEX leaderboard_entries"));
        let steps = steps.collect::<Vec<_>>();
        assert!(!steps.is_empty() && steps.iter().all(|step| step.contains("version=?")), "{name}: {steps:#?}");
    }
}

/// Of a thousand benchmarks the first page shows a few.
#[test]
fn systems_are_counted_on_the_boards_that_are_shown() {
    let steps = |entries: usize| {
        let database = migrated();
        database
            .execute_batch(&format!(
                "PRAGMA foreign_keys = OFF;
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
                   INSERT INTO benchmarks (id, created_at) SELECT 'b' || i, 1 FROM n;
                 INSERT INTO benchmark_versions (benchmark_id, version, title, metric, evidence, task_count, attempts_per_task, created_at)
                   SELECT id, '1', 'B', 'pass_rate', 'counts', 1, 1, 1 FROM benchmarks;
                 INSERT INTO snapshots (id, benchmark_id, version, created_at) SELECT id, id, '1', 1 FROM benchmarks;
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {entries})
                   INSERT INTO leaderboard_entries (benchmark_id, version, model_id, system_id, run_id, from_seq, display_name, contaminated, ranked)
                   SELECT s.benchmark_id, '1', CASE n.i WHEN 1 THEN 'p/m' ELSE 'p/' || n.i END, 'p/' || n.i, s.id || '-' || n.i, s.seq, 'M', 0, 1
                   FROM snapshots AS s, n;
                 INSERT INTO runs (id, model_id, benchmark_id, version, harness, harness_version, dirty, generation_config,
                     evaluator_relationship, request, created_at, published_at)
                   SELECT 'r' || id, 'p/m', id, '1', 'h', '1', 0, '{{}}', 'first_party', '{{}}', 1, 1 FROM benchmarks;"
            ))
            .expect("boards");
        let of = |name: &str, values: &[&dyn rusqlite::ToSql]| {
            let (_, sql) = files().into_iter().find(|(known, _)| known == name).expect("a file");
            let mut statement = database.prepare(&sql).expect("a statement");
            let rows = statement.query(values).expect("rows").mapped(|_| Ok(())).count();
            assert_eq!(rows, 2, "{name}");
            statement.get_status(rusqlite::StatementStatus::VmStep)
        };
        [of("standings/newest", &[&2]), of("standings/of_model", &[&"p/m", &"", &2])]
    };
    let (few, many) = (steps(10), steps(210));
    for (few, many) in few.into_iter().zip(many) {
        // Each entry that is counted takes some ten steps: 400 on two boards, 6,000 on all.
        assert!(many - few < 15_000, "{few} steps, and {many} on boards of more systems");
    }
}

/// The source files below a folder of the application, with their texts.
fn sources(folder: &std::path::Path) -> Vec<(std::path::PathBuf, String)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), std::fs::read_to_string(&path).expect("a source file")));
        }
    }
    found
}

/// How SQL that reads or writes tables begins.
const SQL: [&str; 5] = ["SELECT ", "INSERT INTO", "DELETE FROM", "UPDATE ", "CREATE TABLE"];

/// The text of a file without its unit tests, which may stand in for a database.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// What of a file of the application or a host belongs into the store: statements, and the values of their rows.
fn statements(text: &str) -> Vec<&str> {
    let text = without_tests(text);
    let signs = ["Statement", ".bind("].into_iter().chain(SQL);
    let mut found = signs.filter(|sign| text.contains(sign)).collect::<Vec<_>>();
    let imports = text.split("ports::{").skip(1).filter_map(|rest| rest.split('}').next());
    let names = imports.flat_map(|imports| imports.split(',')).map(str::trim);
    found.extend(names.filter(|name| ["Row", "Rows", "Value"].contains(name)));
    found
}

#[test]
fn operators_commands_make_no_statements() {
    let native = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets/src/native");
    let commands = sources(&native).into_iter().filter(|(path, _)| {
        let path = path.strip_prefix(&native).expect("a file of the native server");
        ["admin", "backup", "check", "import", "keys", "migrate", "operator"]
            .iter()
            .any(|command| path.with_extension("").starts_with(command))
    });
    let commands = commands.collect::<Vec<_>>();
    assert!(commands.len() >= 6, "{}", commands.len());
    for (path, text) in commands {
        assert_eq!(statements(&text), [""; 0], "{}", path.display());
    }
}

#[test]
fn a_statement_would_be_found() {
    assert_eq!(statements("use x::ports::{Clock, Row};\nquery(\"SELECT 1\")"), ["SELECT ", "Row"]);
    let after_a_test_item = "#[cfg(test)]\nfn a() {}\nquery(\"UPDATE t\")\n#[cfg(test)]\nmod tests {\nSELECT 1";
    assert_eq!(statements(after_a_test_item), ["UPDATE "]);
}

#[test]
fn only_the_store_makes_statements() {
    let core = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src");
    let outside = sources(&core).into_iter().filter(|(path, _)| {
        let path = path.strip_prefix(&core).expect("a file of the application");
        // Unit tests in a file of their own, and the ports that unit tests share, may stand in for a database, too.
        !["store", "ports", "counting_ports.rs"].iter().any(|part| path.starts_with(part))
            && !path.ends_with("tests.rs")
    });
    let outside = outside.collect::<Vec<_>>();
    assert!(outside.len() > 100, "{}", outside.len());
    for (path, text) in outside {
        assert_eq!(statements(&text), [""; 0], "{}", path.display());
    }
}

/// Hosts keep the SQL of their own tables in files, as the store does. Their databases speak of SQLite itself, and what
/// moves an instance of whatever tables there are.
#[test]
fn hosts_write_no_sql_in_rust() {
    let hosts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets/src");
    let others = sources(&hosts).into_iter().filter(|(path, _)| {
        let path = path.strip_prefix(&hosts).expect("a file of a host");
        !path.starts_with("native/database") && !path.starts_with("native/moving") && !path.ends_with("tests.rs")
    });
    let others = others.collect::<Vec<_>>();
    assert!(others.len() > 80, "{}", others.len());
    for (path, text) in others {
        let found = SQL.into_iter().filter(|sign| without_tests(&text).contains(sign)).collect::<Vec<_>>();
        assert_eq!(found, [""; 0], "{}", path.display());
    }
}

#[test]
fn every_file_is_used() {
    let store = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/store");
    let text = sources(&store).into_iter().map(|(_, text)| text).collect::<String>();
    for (name, _) in files() {
        let is_used = text.contains(&format!("sql!(\"{name}\")")) || text.contains(&format!("sql/{name}.sql\")"));
        assert!(is_used, "{name}");
    }
}

#[test]
fn every_guard_is_used() {
    let of = |folder| sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    let text = of("../core/src").into_iter().chain(of("../targets/src")).map(|(_, text)| text).collect::<String>();
    let text = text.replace(char::is_whitespace, "");
    let texts = files().into_iter().map(|(_, text)| text).collect::<String>();
    for guard in Guard::ALL {
        let is_used =
            text.contains(&format!("expect(Guard::{guard:?},")) || texts.contains(&format!("'{}'", guard.name()));
        assert!(is_used, "{guard:?}");
    }
}

#[test]
fn every_guard_is_a_constraint_that_tells_its_name() {
    let database = migrated();
    let fails_by = |name: &str, constraint: &str| {
        let error = database.execute("INSERT INTO batch_guard (expectation) VALUES (?1)", [name]).expect_err(name);
        assert_eq!(error.to_string(), format!("CHECK constraint failed: {constraint}"));
    };
    for guard in Guard::ALL {
        fails_by(guard.name(), guard.name());
        assert_eq!(Guard::named(guard.name()), Some(*guard));
    }
    fails_by("anything else", "expectation_failed");
}

/// What a version has besides costs an upload nothing, and a declaration grows with its own tasks.
#[test]
fn uploads_and_declarations_grow_with_what_they_bring() {
    let database = migrated();
    let steps = |name: &str, values: &[&str]| {
        let files = files();
        let (_, sql) = files.iter().find(|(known, _)| known == name).expect("a file");
        let mut statement = database.prepare(sql).expect("a statement");
        statement.execute(rusqlite::params_from_iter(values)).unwrap_or_else(|error| panic!("{name}: {error}"));
        f64::from(statement.get_status(rusqlite::StatementStatus::VmStep))
    };
    let mut costs = Vec::new();
    for (version, count) in [("small", 1000), ("large", 8000)] {
        database
            .execute_batch(&format!(
                "INSERT INTO benchmarks (id, created_at) VALUES ('{version}', 1);
                 INSERT INTO models (id, provider, display_name, created_at, updated_at) VALUES ('p/{version}', 'p', 'M', 1, 1);
                 INSERT INTO benchmark_versions (benchmark_id, version, title, metric, evidence, task_count, attempts_per_task, created_at)
                   VALUES ('{version}', '{version}', 'B', 'pass_rate', 'results', {count}, 1, 1);
                 INSERT INTO runs (id, model_id, benchmark_id, version, harness, harness_version, commit_hash, dirty,
                     generation_config, evaluator_relationship, request, created_at)
                   VALUES ('{version}', 'p/{version}', '{version}', '{version}', 'h', '1', 'c', 0, '{{}}', 'first_party', '{{}}', 1)"
            ))
            .expect("a version and a run");
        let tasks = (0..count).map(|n| format!("{{\"id\":\"t{n}\",\"language\":\"rust\"}}")).collect::<Vec<_>>();
        let declared = steps("benchmarks/put_tasks", &[version, version, &format!("[{}]", tasks.join(","))]);
        let results = |range: std::ops::Range<usize>| {
            let results = range.map(|n| format!("[{n},\"t{n}\",1,\"success\",1,null,null,null,null,null,null,null]"));
            format!("[{}]", results.collect::<Vec<_>>().join(","))
        };
        for start in (0..count).step_by(1000).take(usize::from(count > 1000) * 7) {
            steps("results/add", &[version, &results(start..start + 1000)]);
        }
        let last = results(count - 1000..count);
        let upload = ["results/expect_known_tasks", "results/expect_consistent", "results/add"];
        let uploaded = upload.map(|name| steps(name, &[version, &last])).into_iter().sum::<f64>();
        costs.push((declared, uploaded));
    }
    let [(small, first), (large, last)] = costs[..] else { panic!("{costs:?}") };
    assert!(large < 8.5 * small && last < 1.1 * first, "{costs:?}");
}

/// A session that ended by itself takes the place of none that lives.
#[test]
fn only_live_sessions_are_too_many() {
    const DAY_MS: i64 = 86_400_000;
    let database = migrated();
    let user = "INSERT INTO users (id, email, created_at, updated_at, password_changed_at) VALUES ('u', 'u@example.com', 1, 1, 1)";
    database.execute(user, []).expect("a person");
    let now = 100 * DAY_MS;
    let add = |id: String, created: i64, used: i64| {
        let session = "INSERT INTO sessions (id, user_id, nonce, generation, created_at, rotated_at, last_used_at, expires_at) \
                       VALUES (?1, 'u', x'00', 0, ?2, ?3, ?3, ?4)";
        database.execute(session, (id, created, used, created + 30 * DAY_MS)).expect("a session");
    };
    let end_oldest = || {
        let statement = sessions::end_oldest(&"u".into(), Timestamp(now)).into_statement();
        let values = statement.params.iter().map(|value| match value {
            Value::Integer(number) => rusqlite::types::Value::Integer(*number),
            Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
            other => panic!("{other:?}"),
        });
        database.execute(statement.sql, rusqlite::params_from_iter(values)).expect("it runs")
    };
    add("oldest".to_owned(), now - 20 * DAY_MS, now);
    // Unused for exactly as long as a session lives so, and past its end whatever its use.
    (0..100).for_each(|number| add(format!("idle-{number}"), now - 8 * DAY_MS, now - 7 * DAY_MS));
    (0..100).for_each(|number| add(format!("over-{number}"), now - 30 * DAY_MS, now));
    assert_eq!(end_oldest(), 0);
    (0..99).for_each(|number| add(format!("live-{number}"), now - DAY_MS, now));
    assert_eq!(end_oldest(), 0, "a hundred live");
    add("newest".to_owned(), now, now);
    assert_eq!(end_oldest(), 1);
    let ended = database.query_row("SELECT id FROM sessions WHERE revoked_reason = 'too_many'", [], |row| row.get(0));
    assert_eq!(ended, Ok("oldest".to_owned()));
}

#[test]
fn a_scan_would_be_found() {
    let database = migrated();
    let tables = tables(&database);
    for sql in ["SELECT * FROM users WHERE full_name = ?1", "SELECT u.id FROM users AS u WHERE u.full_name = ?1"] {
        assert_eq!(scans(&database, sql, &tables).len(), 1, "{sql}");
    }
    assert!(scans(&database, "SELECT * FROM users WHERE email = ?1", &tables).is_empty());
}
