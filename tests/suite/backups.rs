//! The native server's backups: made while it runs, restored while it does not, and looked at.

use std::path::{Path, PathBuf};

use aibaas_core::store::migrations::{CREATE_LOG, MIGRATIONS, Migration};
use aibaas_tests::{
    Publisher, eventually,
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
};
use rusqlite::Connection;
use serde_json::Value;

/// Runs a command; its code, and what it said.
pub fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let output = native::command().expect("the binary").args(arguments).output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names = entries.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>();
    names.sort();
    names
}

/// A small database with something of everything, of this program's schema.
pub fn small(path: &Path) {
    let database = Connection::open(path).expect("a database");
    database.execute_batch("PRAGMA journal_mode = WAL").expect("a log");
    database.execute_batch(CREATE_LOG).expect("the log of migrations");
    for migration in MIGRATIONS {
        database.execute_batch("BEGIN").expect("a transaction");
        database.execute("INSERT INTO d1_migrations (name) VALUES (?1)", [migration.name]).expect("a row");
        for statement in Migration::statements(migration) {
            database.execute_batch(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
        }
        if migration.name == "0018_runs_by_owner.sql" {
            database.execute_batch(include_str!("../data/databases/0018.sql")).expect("the rows");
        }
        database.execute_batch("COMMIT").expect("it is whole");
    }
}

/// What was there when the backup was made is there again, nothing else, and nothing is lost meanwhile.
pub async fn a_backup_brings_back_what_was_there() {
    let (data, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (folder, file) = (text(data.path()).to_owned(), kept.path().join("backup.db"));
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    publisher.published(&publisher.model("before").await, 3, 4).await;
    let board = publisher.leaderboard().await;
    // The server has not written what is in its log into the file: a copy of that alone would lack it.
    let (code, said) = run(&["backup", text(&file), "--data-dir", &folder]);
    assert!(code == Some(0) && said.contains("verified") && said.contains(" bytes in "), "{said}");
    assert_eq!(names(kept.path()), ["backup.db"]);
    publisher.published(&publisher.model("after").await, 4, 4).await;
    assert_ne!(publisher.leaderboard().await["snapshotId"], board["snapshotId"]);

    let restore = || run(&["restore", text(&file), "--data-dir", &folder]);
    let (code, said) = restore();
    assert!(code == Some(1) && said.contains("another aibaas already serves"), "{said}");
    let (code, said) = run(&["check", "--data-dir", &folder]);
    assert!(code == Some(0) && said.contains(": 0 violations"), "{said}");
    server.kill();
    let (code, said) = restore();
    assert!(code == Some(0) && said.contains("restored"), "{said}");
    let aside = said.lines().find_map(|line| line.split_once("kept as ")).expect("where it is kept").1;
    // One file: what its log held is in it.
    let kept = names(data.path()).into_iter().filter(|name| name.contains(".before-")).collect::<Vec<_>>();
    assert_eq!(kept.len(), 1, "{kept:?}");
    for file in [&file, &PathBuf::from(aside)] {
        let (code, said) = run(&["check", text(file), "--json"]);
        let told: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!((code, &told["violations"]), (Some(0), &Value::Array(Vec::new())), "{told}");
    }
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts again");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let path = format!("/api/v1/leaderboard?benchmark={}", publisher.benchmark);
    assert_eq!(host.client().get(path).await.expect(200)["snapshotId"], board["snapshotId"]);
    let after = format!("/api/v1/models/{}/after", publisher.provider);
    host.client().get(after).await.problem(404, "not_found");
}

/// Whatever is refused leaves everything as it was.
pub fn what_is_no_backup_is_refused() {
    let (data, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let (folder, database) = (text(data.path()), data.path().join("aibaas.db"));
    let file = kept.path().join("backup.db");
    let (code, said) = run(&["backup", text(&file), "--data-dir", folder]);
    assert!(code == Some(1) && said.contains("there is no database"), "{said}");
    small(&database);
    let backup = |more: &[&str]| run(&[&["backup", text(&file), "--data-dir", folder], more].concat());
    assert_eq!(backup(&[]).0, Some(0));
    let (code, said) = backup(&[]);
    assert!(code == Some(1) && said.contains("--force"), "{said}");
    assert_eq!(backup(&["--force"]).0, Some(0));

    let before = std::fs::read(&database).expect("a database");
    let write = |name: &str, bytes: &[u8]| {
        let path = kept.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    };
    let whole = std::fs::read(&file).expect("a backup");
    let mut broken = whole.clone();
    broken[4096 * 8..4096 * 9].fill(0xA5);
    let newer = write("newer.db", &whole);
    let spoiled = Connection::open(&newer).expect("a database");
    spoiled.execute("INSERT INTO d1_migrations (name) VALUES ('9999_of_tomorrow.sql')", []).expect("a row");
    drop(spoiled);
    let other = kept.path().join("other.db");
    Connection::open(&other).and_then(|other| other.execute_batch("CREATE TABLE t (a)")).expect("another database");
    for (path, why) in [
        (write("text.db", b"this is no database, but a text that somebody put there"), "not a database"),
        (write("broken.db", &broken), ""),
        (write("half.db", &whole[..whole.len() / 2]), ""),
        (newer, "9999_of_tomorrow.sql"),
        (other, "no database of aibaas"),
        (kept.path().join("nothing.db"), "there is no"),
    ] {
        let (code, said) = run(&["restore", text(&path), "--data-dir", folder]);
        assert!(code == Some(1) && said.contains(why), "{}: {said}", path.display());
        assert!(std::fs::read(&database).expect("a database") == before, "{}", path.display());
        assert!(!names(data.path()).iter().any(|name| name.contains("restoring")), "{}", path.display());
    }
    let (code, said) = run(&["check", text(&kept.path().join("broken.db"))]);
    assert!(code == Some(1) && said.contains("integrity: "), "{said}");
    let (code, said) = run(&["check", text(&kept.path().join("other.db"))]);
    assert!(code == Some(1) && said.contains("aibaas backup makes a whole one"), "{said}");
}

/// Each invariant, and a change that nothing but it forbids.
const SPOILED: [(&str, &str); 24] = [
    ("foreign_keys", "PRAGMA foreign_keys = OFF; DELETE FROM models WHERE id = 'acme/plane'"),
    ("schema", "INSERT INTO d1_migrations (name) VALUES ('9999_of_tomorrow.sql')"),
    ("run_states", "UPDATE runs SET withdrawn_at = NULL WHERE status = 'withdrawn'"),
    (
        "aggregates_of_results",
        "UPDATE run_slices SET score = score + 0.01 WHERE scenario || language || difficulty = '' AND tasks = 6",
    ),
    ("aggregates_of_results", "UPDATE results SET score = 1 - score WHERE task_id = 't1'"),
    ("aggregates_of_results", "DELETE FROM run_scores"),
    ("aggregates_of_totals", "UPDATE run_counts SET correct_by_attempt = '[1]'"),
    ("aggregates_of_totals", "UPDATE run_given_scores SET score = 3"),
    (
        "standing",
        "UPDATE leaderboard_entries SET to_seq = (SELECT max(seq) FROM snapshots) WHERE to_seq IS NULL AND version = 'arena'",
    ),
    ("standing", "UPDATE runs SET status = 'withdrawn', withdrawn_at = 1, reason = 'x' WHERE version = 'arena'"),
    ("entries", "UPDATE leaderboard_entries SET model_id = 'acme/rocket-2' WHERE version = 'arena'"),
    ("snapshots", "DELETE FROM changes WHERE seq = 3"),
    ("ranks", "UPDATE changes SET rank_after = 7 WHERE seq = 2"),
    ("seals", "UPDATE seals SET harness = 'another'"),
    ("log_leaves", "DELETE FROM log_leaves WHERE idx = 4"),
    ("storage", "UPDATE users SET storage_bytes = 1"),
    ("outbox", "UPDATE outbox SET sent_at = NULL"),
    ("key_families", "UPDATE api_keys SET first_key_id = NULL"),
    ("key_counters", "UPDATE api_key_usage SET allowed = -1"),
    (
        "limits",
        "INSERT INTO rate_limit_totals (subject, name, at, cost, running, expires_at) VALUES ('s', 'key', 1, 1, 1, 9), ('s', 'key', 2, 1, 3, 9)",
    ),
    ("second_factors", "UPDATE users SET mfa_enabled = 1"),
    ("log_tree", "UPDATE log_leaves SET leaf = json_set(leaf, '$.seq', 99) WHERE idx = 5"),
    ("packs", "UPDATE runs SET packed_at = 1 WHERE status = 'published'"),
    ("results_digests", "UPDATE results SET latency_ms = 12345 WHERE task_id = 't1'"),
];

/// Each invariant is looked at, and a violation is told by its name.
pub fn a_check_finds_what_was_spoiled() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole.db");
    small(&whole);
    let check = |path: &Path| {
        let (code, said) = run(&["check", text(path), "--json"]);
        (code, serde_json::from_str::<Value>(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
    };
    let (code, told) = check(&whole);
    assert_eq!((code, &told["violations"]), (Some(0), &Value::Array(Vec::new())));
    let mut seen = vec!["integrity"];
    for (number, (invariant, spoil)) in SPOILED.into_iter().enumerate() {
        let spoiled = folder.path().join(format!("{number}.db"));
        std::fs::copy(&whole, &spoiled).expect("copied");
        Connection::open(&spoiled).and_then(|database| database.execute_batch(spoil)).expect(spoil);
        let (code, told) = check(&spoiled);
        let found = told["violations"].as_array().expect("violations");
        assert!(code == Some(1) && found.iter().any(|one| one["invariant"] == invariant), "{spoil}: {told}");
        seen.push(invariant);
    }
    for name in told["checked"].as_array().expect("invariants") {
        assert!(seen.iter().any(|seen| name == seen), "nothing violates {name}");
    }
}

/// Once a day, at its hour, one file a day, and the oldest go.
pub async fn backups_are_made_every_night() {
    let (data, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut variables = Setup::MovesTime.variables();
    variables.push(("BACKUP_DIR", text(kept.path()).to_owned()));
    variables.push(("BACKUP_AT", "03:30".to_owned()));
    variables.push(("BACKUP_KEEP", "2".to_owned()));
    std::fs::write(kept.path().join("aibaas-2026-01-01.db.part"), "of one that broke off").expect("a file");
    let server = Server::start(data.path(), &variables).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let made = async |before: Vec<String>| {
        eventually("another backup", async || {
            let names = names(kept.path());
            // The oldest goes once the newest is there.
            let is_done = names.len() <= 2 && names.iter().all(|name| name.ends_with(".db"));
            (names != before && is_done).then_some(names)
        })
        .await
    };
    let first = made(Vec::new()).await;
    host.advance(std::time::Duration::from_secs(86_400)).await;
    let second = made(first.clone()).await;
    assert_eq!((second.len(), &second[0]), (2, &first[0]));
    host.advance(std::time::Duration::from_secs(86_400)).await;
    let third = made(second.clone()).await;
    assert_eq!((third.len(), &third[0]), (2, &second[1]));
    for name in &third {
        let (code, said) = run(&["check", text(&kept.path().join(name))]);
        assert_eq!(code, Some(0), "{said}");
    }
    server.kill();
    let mistaken = [("BACKUP_AT", "25:00"), ("BACKUP_KEEP", "0")];
    let mut command = native::command().expect("the binary");
    let command = command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir", text(data.path())]).envs(mistaken);
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("BACKUP_AT") && said.contains("BACKUP_KEEP"), "{said}");
}
