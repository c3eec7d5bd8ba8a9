//! `aibaas move`: everything goes to another host, and is there what it was.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use aibaas_core::store::moving::{LEFT_BEHIND, is_moved};
use aibaas_tests::{
    User, eventually,
    fixtures::try_login,
    host::{Host, Kind, Setup, cloudflare::QUIET, native::Server},
    keys::{Key, Service},
    tools,
};
use rusqlite::{Connection, types::Value};
use serde_json::json;

use crate::{
    backups::{run, small, text},
    dataset::{Everything, assert_same},
};

/// A folder with a passphrase.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("passphrase"), "a passphrase of the tests\n").expect("a file");
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `aibaas move`; its code, and what it said.
    fn moves(&self, way: &str, file: &str, more: &[&str]) -> (Option<i32>, String) {
        let (file, passphrase) = (self.at(file), self.at("passphrase"));
        run(&[&["move", way, text(&file), "--passphrase-file", text(&passphrase)], more].concat())
    }

    fn moves_out(&self, file: &str, data: &Path) {
        let (code, said) = self.moves("out", file, &["--data-dir", text(data)]);
        assert!(code == Some(0) && said.contains("sealed ") && said.contains(" rows, "), "{said}");
    }

    fn moves_in(&self, file: &str, data: &Path) {
        let (code, said) = self.moves("in", file, &["--data-dir", text(data)]);
        assert!(code == Some(0) && said.contains("moved in "), "{said}");
        let (code, said) = run(&["check", "--data-dir", text(data)]);
        assert!(code == Some(0) && said.contains(": 0 violations"), "{said}");
    }

    /// A directory with a small database.
    fn filled(&self, name: &str) -> PathBuf {
        let data = self.at(name);
        fs::create_dir(&data).expect("a folder");
        small(&data.join("aibaas.db"));
        data
    }
}

type Rows = Vec<(String, Vec<Vec<Value>>)>;

/// Every row of every table that goes along.
fn rows(database: &Path) -> Rows {
    let database = Connection::open(database).expect("a database");
    let mut names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").expect("SQL");
    let names = names.query_map([], |row| row.get::<_, String>(0)).expect("names").map(|name| name.expect("a name"));
    let read = |name: String| {
        let mut rows = database.prepare(&format!("SELECT * FROM {name}")).expect("the table");
        let columns = rows.column_count();
        let rows = rows.query_map([], |row| (0..columns).map(|column| row.get(column)).collect()).expect("rows");
        let mut rows = rows.collect::<Result<Vec<Vec<Value>>, _>>().expect("rows");
        rows.sort_by_key(|row| format!("{row:?}"));
        (name, rows)
    };
    names.filter(|name| is_moved(name)).map(read).collect()
}

fn assert_same_rows(one: &Path, other: &Path) {
    let (one, other) = (rows(one), rows(other));
    assert!(one.len() > 25 && one.iter().filter(|(_, rows)| !rows.is_empty()).count() > 20);
    for (was, is) in one.iter().zip(&other) {
        assert_eq!(was, is);
    }
    assert_eq!(one.len(), other.len());
}

/// On the other host people log in and go on with their sessions, keys verify, boards are the same bytes, and so is the
/// log with its signed head.
pub async fn everything_moves() {
    let folder = Folder::new();
    let (data, moved) = (folder.at("data"), folder.at("moved"));
    let variables = Setup::MovesTime.variables();
    let server = Server::start(&data, &variables).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let everything = Everything::on(&host).await;
    let service = Service::new(&host).await;
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    let key = Key::limited(&user, 5, 3600).await;
    let revoked = Key::new(&user, json!({})).await;
    user.api.delete(revoked.path()).await.expect(204);
    service.accepts(&key, json!({})).await;
    let (_, recovery_codes) = other.second_factor().await;
    host.let_time_pass().await;
    let log = eventually("every change has its leaf", async || {
        let head = host.client().get("/api/v1/log/head").await.expect(200);
        let changes = host.client().get("/api/v1/changes?limit=1").await.expect(200);
        let newest = changes["data"][0]["id"].as_str().expect("a change").to_owned();
        let proof = host.client().get(format!("/api/v1/log/proof/inclusion?change={newest}")).await;
        (proof.status == 200).then_some(head)
    })
    .await;
    let mut reads = everything.reads().await;
    reads.extend(
        ["models", "benchmarks", "changes", "changes.atom", "log/leaves"].map(|list| format!("/api/v1/{list}")),
    );
    folder.moves_out("sealed", &data);

    folder.moves_in("sealed", &moved);
    let new = Server::start(&moved, &variables).expect("it starts");
    let copy = Host::at(Kind::Native, new.url.clone(), None);
    assert_same(&host, &copy, &reads).await;
    let head = copy.client().get("/api/v1/log/head").await.expect(200);
    for member in ["size", "rootHash", "signature", "keyId"] {
        assert_eq!(head[member], log[member], "{member}");
    }
    // The new host takes the old one's place: access tokens name the address that gave them.
    let address = server.url.trim_start_matches("http://").replace("localhost", "127.0.0.1");
    server.kill();
    new.kill();
    let new = Server::start_on(&address, &moved, &variables).expect("it starts");
    let copy = Host::at(Kind::Native, new.url.clone(), None);
    // With a password; with the session that was begun on the other host; with its refresh token.
    User::login(&copy.client(), &user.email).await;
    let session = copy.client().with(user.api.credential().expect("a token"));
    assert_eq!(session.get("/api/v1/users/me").await.expect(200)["email"], user.email);
    let refresh = json!({ "refreshToken": user.refresh_token() });
    copy.client().post("/api/v1/auth/refresh").json(refresh).await.expect(200);
    assert_eq!(try_login(&copy.client(), &user.email, "another password").await.status, 401);
    let challenge = User::login(&copy.client(), &other.email).await;
    let code = json!({ "mfaToken": challenge["mfaToken"], "code": recovery_codes[0] });
    copy.client().post("/api/v1/auth/login/mfa").json(code).await.expect(200);
    let there = Service(copy.client().with(service.0.credential().expect("a key")));
    assert_eq!(there.remaining(&key).await, 5, "windows of limits begin anew");
    there.accepts(&key, json!({})).await;
    there.refuses(&revoked, json!({}), "api_key_revoked").await;
    new.kill();
}

/// Whatever is refused makes nothing, and says why.
pub fn what_does_not_move_is_refused() {
    let folder = Folder::new();
    let data = folder.filled("data");
    folder.moves_out("sealed", &data);
    let refused = |way: &str, file: &str, more: &[&str], why: &str| {
        let (code, said) = folder.moves(way, file, more);
        assert!(code != Some(0) && said.contains(why), "{way} {file} {more:?}: {said}");
    };
    let target = folder.at("target");
    let into = ["--data-dir", text(&target)];

    let whole = fs::read(folder.at("sealed")).expect("a sealed file");
    let beginning = String::from_utf8_lossy(&whole[..64]).into_owned();
    assert!(beginning.starts_with("aibaas-move/1") && whole.len() > 8000, "{beginning}");
    for secret in ["@example.com", "argon2", "acme"] {
        assert!(!whole.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
    }
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (name, bytes, why) in [
        ("changed", &changed[..], "changed or cut off"),
        ("cut", &whole[..whole.len() - 1], "changed or cut off"),
        ("headless", &whole[..20], "cut off in its head"),
        ("text", b"this is no sealed file, but a text that somebody put there", "neither a sealed file"),
        ("longer", &[&whole[..], b"x"].concat(), "changed or cut off"),
    ] {
        fs::write(folder.at(name), bytes).expect("a file");
        refused("in", name, &into, why);
        let sql = folder.at("sql");
        refused("sql", name, &[text(&sql)], "");
        assert!(!sql.exists() && !folder.at("sql.part").exists() && !target.join("aibaas.db").exists(), "{name}");
    }
    refused("in", "nothing", &into, "nothing");
    refused("out", "sealed", &["--data-dir", text(&data)], "is there already");
    refused("out", "more", &["--data-dir", text(&target)], "there is no database");

    fs::write(folder.at("passphrase"), "another passphrase, and a long one").expect("a file");
    refused("in", "sealed", &into, "the passphrase is another one");
    fs::write(folder.at("passphrase"), "short").expect("a file");
    refused("in", "sealed", &into, "less than 20 characters");
    let (code, said) = run(&[&["move", "in", text(&folder.at("sealed"))], &into[..]].concat());
    assert!(code == Some(2) && said.contains("--passphrase-file"), "{said}");
    fs::write(folder.at("passphrase"), "a passphrase of the tests").expect("a file");

    // Of a newer release, and of an older one.
    for (name, change, why) in [
        ("newer", "INSERT INTO d1_migrations (name) VALUES ('9999_of_tomorrow.sql')", "9999_of_tomorrow.sql"),
        ("older", "DELETE FROM d1_migrations WHERE id = (SELECT max(id) FROM d1_migrations)", "aibaas migrate"),
    ] {
        let data = folder.filled(name);
        Connection::open(data.join("aibaas.db")).and_then(|database| database.execute_batch(change)).expect(change);
        refused("out", "more", &["--data-dir", text(&data)], why);
        assert!(!folder.at("more").exists() && !folder.at("more.part").exists());
    }

    let before = rows(&data.join("aibaas.db"));
    refused("in", "sealed", &["--data-dir", text(&data)], "is there already");
    assert_eq!(rows(&data.join("aibaas.db")), before);

    // What stands where a file is made is somebody else's, and stays as it was.
    fs::write(folder.at("foreign"), "somebody else's, and long").expect("a file");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.at("foreign"), folder.at("linked.part")).expect("a link");
    fs::write(folder.at("taken.part"), "somebody else's, and long").expect("a file");
    for name in ["linked", "taken"].into_iter().filter(|name| folder.at(&format!("{name}.part")).exists()) {
        refused("sql", "sealed", &[text(&folder.at(name))], "another one makes it");
        refused("out", name, &["--data-dir", text(&data)], "another one makes it");
        assert!(!folder.at(name).exists());
        assert_eq!(
            fs::read_to_string(folder.at(&format!("{name}.part"))).ok().as_deref(),
            Some("somebody else's, and long")
        );
    }
    fs::create_dir_all(&target).expect("a folder");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.at("foreign"), target.join("aibaas.db.moving")).expect("a link");

    // A backup moves as well; and the same rows twice, as what was tried is no obstacle.
    let backup = folder.at("backup.db");
    let (code, said) = run(&["backup", text(&backup), "--data-dir", text(&data)]);
    assert!(code == Some(0), "{said}");
    let (code, said) = folder.moves("out", "of-backup", &["--database", text(&backup)]);
    assert!(code == Some(0), "{said}");
    folder.moves_in("of-backup", &target);
    assert_same_rows(&data.join("aibaas.db"), &target.join("aibaas.db"));
    assert_eq!(fs::read_to_string(folder.at("foreign")).ok().as_deref(), Some("somebody else's, and long"));
    for suffix in ["", "-wal", "-shm"] {
        assert!(!target.join(format!("aibaas.db.moving{suffix}")).exists(), "{suffix}");
    }
    #[cfg(unix)]
    for file in [folder.at("of-backup"), target.join("aibaas.db")] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).expect("a file").permissions());
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
    let kept = Connection::open(target.join("aibaas.db")).expect("a database");
    for left in LEFT_BEHIND.iter().filter(|left| left.table != "d1_migrations") {
        let count = kept.query_row(&format!("SELECT count(*) FROM {}", left.table), [], |row| row.get::<_, i64>(0));
        assert_eq!(count.expect("the table"), 0, "{}", left.table);
    }
}

/// What no fixture has: texts that SQL and its exports find hard, numbers that no decimal tells shortly, and a row that is
/// longer than a statement may be.
fn difficult(database: &Path) {
    let long = "€'\\n".repeat(60_000);
    let definition = format!("{{\n  \"long\": \"{}\",\r\n \"b\": [1,\n2]}}", "x\\ny\\\\n'".repeat(30_000));
    let database = Connection::open(database).expect("a database");
    let event = "INSERT INTO audit_events (id, at, event, user_agent, details) VALUES (?1, ?2, 'login', ?3, ?4)";
    let agents = ["it's; -- not", "BEGIN TRANSACTION; COMMIT;", "a\u{7f}b", "\\n", "two\nlines", "", &long];
    for (number, agent) in (0_i64..).zip(agents) {
        let values = (format!("difficult-{number}"), number, agent, &definition);
        database.execute(event, values).expect("a row");
    }
    let numbers = "UPDATE models SET input_usd_per_mtok = ?1, output_usd_per_mtok = ?2";
    database.execute(numbers, (1.0 / 3.0, 0.1 + 0.2)).expect("numbers");
}

fn wrangler(node: &Path, config: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(node);
    command.arg(tools::root().join("tests/cloudflare/node_modules/wrangler/bin/wrangler.js")).arg("d1").args(arguments);
    command.arg("--config").arg(config).envs(QUIET).current_dir(config.parent().expect("a folder"));
    let output = command.output().expect("wrangler runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

/// To D1 by the SQL that wrangler executes, and back by what it exports: every row of every table is what it was. What is
/// there already is not touched, and half an export is refused.
pub fn it_moves_to_d1_and_back() -> Result<(), String> {
    let node = tools::node()?;
    let folder = Folder::new();
    let data = folder.filled("data");
    difficult(&data.join("aibaas.db"));
    folder.moves_out("sealed", &data);
    let sql = folder.at("all.sql");
    let (code, said) = folder.moves("sql", "sealed", &[text(&sql)]);
    assert!(code == Some(0) && said.contains("wrote "), "{said}");

    let config = folder.at("wrangler.toml");
    let migrations = tools::root().join("migrations");
    let id = "00000000-0000-0000-0000-000000000000";
    let settings = format!(
        "name = \"moved\"\ncompatibility_date = \"2026-11-01\"\n[[d1_databases]]\nbinding = \"DB\"\ndatabase_name = \
         \"aibaas\"\ndatabase_id = \"{id}\"\nmigrations_dir = \"{}\"\n",
        migrations.display()
    );
    fs::write(&config, settings).map_err(|error| error.to_string())?;
    let wrangler = |arguments: &[&str]| wrangler(&node, &config, arguments);
    let execute = || wrangler(&["execute", "DB", "--local", "--yes", "--file", text(&sql)]);
    let (done, said) = execute();
    assert!(!done && said.contains("no such table"), "without a schema: {said}");
    let (done, said) = wrangler(&["migrations", "apply", "DB", "--local"]);
    assert!(done, "{said}");
    let (done, said) = execute();
    assert!(done, "{said}");
    let (done, said) = execute();
    assert!(!done && said.contains("this database is not empty"), "{said}");

    let dump = folder.at("dump.sql");
    let (done, said) = wrangler(&["export", "DB", "--local", "--output", text(&dump)]);
    assert!(done, "{said}");
    let back = folder.at("back");
    folder.moves_in("dump.sql", &back);
    assert_same_rows(&data.join("aibaas.db"), &back.join("aibaas.db"));

    let exported = fs::read_to_string(&dump).map_err(|error| error.to_string())?;
    let lines = exported.lines().collect::<Vec<_>>();
    let target = folder.at("target");
    let last_row = lines.iter().rposition(|line| line.starts_with("INSERT INTO")).expect("rows");
    for end in [5, lines.len() / 2, last_row, lines.len() - 1] {
        fs::write(folder.at("half.sql"), lines[..end].join("\n")).map_err(|error| error.to_string())?;
        let (code, said) = folder.moves("in", "half.sql", &["--data-dir", text(&target)]);
        assert!(code == Some(1) && !target.join("aibaas.db").exists(), "{end} lines: {said}");
    }
    let migrations = fs::read_dir(tools::root().join("migrations")).map_err(|error| error.to_string())?;
    let names = migrations.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let newest = names.max().ok_or("no migration")?;
    let newer = exported.replace(&format!("'{newest}'"), "'9999_of_tomorrow.sql'");
    fs::write(folder.at("newer.sql"), newer).map_err(|error| error.to_string())?;
    let (code, said) = folder.moves("in", "newer.sql", &["--data-dir", text(&target)]);
    assert!(code == Some(1) && said.contains("9999_of_tomorrow.sql"), "{said}");
    Ok(())
}
