//! The native program: its command line, its refusal to start, and its end.

use std::process::{Command, Output};

use aibaas_tests::{
    Publisher, ended,
    fixtures::{PASSWORD, new_address},
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
    plain_client, tools,
    wire::Wire,
};
use serde_json::json;

use crate::connections::{head, in_the_end};

/// Runs a command; its output, and all that it said.
pub fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let mut command = native::command().expect("the binary");
    let output = command.args(arguments).envs(variables.iter().copied()).output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, said)
}

/// `--help`, `--version` and mistakes.
pub fn command_line() {
    let (output, said) = run(&["--version"], &[]);
    assert!(output.status.success() && said.trim() == concat!("aibaas ", env!("CARGO_PKG_VERSION")), "{said}");
    let (output, said) = run(&["--help"], &[]);
    assert!(output.status.success());
    for word in ["serve", "import", "--listen", "--data-dir"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let (output, said) = run(&["--no-such-option"], &[]);
    assert!(!output.status.success() && said.contains("--no-such-option"), "{said}");
    let (output, said) = run(&["import", "users", "/no/such/file"], &[]);
    assert!(!output.status.success() && said.contains("/no/such/file"), "{said}");
    for arguments in [&["--help"][..], &["import", "--help"]] {
        let (output, said) = run(arguments, &[]);
        assert!(output.status.success() && said.contains("aibaas-client"), "{said}");
    }
}

/// What a shell completes, and what `man` shows, is made of the command line itself.
pub fn completions_and_manual() {
    let (output, said) = run(&["completions", "bash"], &[]);
    assert!(output.status.success(), "{said}");
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("aibaas.bash");
    std::fs::write(&script, &output.stdout).expect("written");
    let complete = "source \"$0\"; COMP_WORDS=(aibaas \"$1\"); COMP_CWORD=1; _aibaas aibaas \"$1\" aibaas; echo \"${COMPREPLY[*]}\"";
    let completed = |word: &str| {
        let mut bash = Command::new("bash");
        bash.args(["-euc", complete]).arg(&script).arg(word);
        tools::run(&mut bash, "install bash").expect("a script that bash reads")
    };
    assert_eq!(completed("doc").trim(), "doctor");
    assert_eq!(completed("--data").trim(), "--data-dir");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let (output, said) = run(&["completions", shell], &[]);
        assert!(output.status.success() && said.contains("doctor"), "{shell}: {said}");
    }

    let (output, page) = run(&["man"], &[]);
    assert!(output.status.success() && page.contains(".TH aibaas 1"), "{page}");
    let pages = folder.path().join("man/man1");
    let (output, said) = run(&["man", "--dir", pages.to_str().expect("UTF-8")], &[]);
    assert!(output.status.success(), "{said}");
    for (name, part) in [("aibaas", "doctor"), ("aibaas-doctor", "offline"), ("aibaas-keys-create", "scope")] {
        let file = pages.join(format!("{name}.1"));
        let page = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        for part in [".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS", "AIBAAS_DATA_DIR", part] {
            assert!(page.contains(part), "{part} in {page}");
        }
        let Ok(output) = Command::new("groff").args(["-man", "-ww", "-z"]).arg(&file).output() else { continue };
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// `aibaas health` ends with 0 while a server is ready, and says why it is not.
pub fn health_is_told_by_the_program() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let listen = server.url.strip_prefix("http://").expect("a URL").to_owned();
    for (arguments, variables) in [
        (vec!["health", &server.url], vec![]),
        (vec!["health", "--listen", &listen], vec![]),
        (vec!["health"], vec![("AIBAAS_LISTEN", listen.as_str())]),
    ] {
        let (output, said) = run(&arguments, &variables);
        assert!(output.status.success() && said.contains("is ready"), "{arguments:?}: {said}");
    }
    std::fs::rename(data.path().join("aibaas.db"), data.path().join("aside")).expect("renamed");
    let (output, said) = run(&["health", &server.url], &[]);
    assert!(output.status.code() == Some(1) && said.contains("is not ready: the database"), "{said}");
    let url = server.url.clone();
    server.kill();
    let (output, said) = run(&["health", &url], &[]);
    assert!(output.status.code() == Some(1) && said.contains(&url), "{said}");
}

/// `--help`, `--version` and mistakes of the client.
pub fn command_line_of_the_client() {
    let run = |arguments: &[&str]| {
        let output = tools::client().expect("the client").args(arguments).output().expect("it runs");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), said)
    };
    let (code, said) = run(&["--version"]);
    assert!(code == Some(0) && said.trim() == concat!("aibaas-client ", env!("CARGO_PKG_VERSION")), "{said}");
    let (code, said) = run(&["import", "--help"]);
    assert_eq!(code, Some(0), "{said}");
    for word in [
        "aider",
        "evalperf",
        "inspect",
        "lm-eval",
        "every-eval-ever",
        "live-code-bench",
        "swe-bench",
        "terminal-bench",
        "helm",
    ] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let commands = said.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = commands.map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    let mut listed = listed.filter(|name| !matches!(*name, "" | "help")).collect::<Vec<_>>();
    listed.sort_unstable();
    let (_, server) = self::run(&["import", "--help"], &[]);
    let told = server.split_once("aibaas-client import takes ").and_then(|(_, told)| told.split_once('.'));
    let told = told.expect(&server).0.replace(" and ", ", ");
    let mut told = told.split(',').map(str::trim).collect::<Vec<_>>();
    told.sort_unstable();
    assert_eq!(told, listed, "what `aibaas import --help` says of the client");
    assert_eq!(run(&[]).0, Some(2), "a command is needed");
    let (code, said) = run(&["import", "aider", "/no/such/file", "--api-key", "x"]);
    assert!(code == Some(2) && said.contains("aibaas-client: /no/such/file: there is no such file"), "{said}");
}

/// Production with nothing configured: everything that is missing, at once.
pub fn production_refuses_to_start_half_configured() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("UTF-8");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder];
    let (output, said) = run(&arguments, &[("ENVIRONMENT", "production")]);
    assert!(!output.status.success());
    for name in ["JWT_SECRET", "BASE_URL", "RESEND_API_KEY", "MAIL_FROM"] {
        assert!(said.contains(name), "{name} in {said}");
    }
    let weak = [("ENVIRONMENT", "production"), ("JWT_SECRET", "hunter2-hunter2")];
    let (output, said) = run(&arguments, &weak);
    assert!(!output.status.success() && said.contains("JWT_SECRET"), "{said}");
    assert!(!said.contains("hunter2"), "a secret is never shown: {said}");
    for (misspelt, meant) in
        [("JWT_SECERT", "JWT_SECRET"), ("OTEL_EXPORTER_OTLP_ENDPONT", "OTEL_EXPORTER_OTLP_ENDPOINT")]
    {
        let (output, said) = run(&arguments, &[("ENVIRONMENT", "production"), (misspelt, "hunter2")]);
        assert!(!output.status.success() && said.contains("JWT_SECRET is missing"), "{said}");
        assert!(said.contains(&format!("{misspelt} is no variable of this release; is {meant} meant?")), "{said}");
        assert!(!said.contains("hunter2"), "a secret is never shown: {said}");
    }
}

/// A database that is gone, empty or another one is told: by the running server, which then takes nothing in, and at the
/// next start.
pub async fn a_lost_database_is_told() {
    let data = tempfile::tempdir().expect("a folder");
    let (file, aside) = (data.path().join("aibaas.db"), data.path().join("aside"));
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    host.client().get("/ready").await.expect(200);
    let register = async || {
        let body = json!({ "email": new_address(), "password": PASSWORD });
        host.client().post("/api/v1/auth/register").json(body).await
    };
    register().await.expect(202);
    std::fs::rename(&file, &aside).expect("renamed");
    host.client().get("/ready").await.problem(503, "service_unavailable");
    register().await.problem(503, "service_unavailable");
    std::fs::copy(&aside, &file).expect("copied");
    host.client().get("/ready").await.problem(503, "service_unavailable");
    register().await.problem(503, "service_unavailable");
    std::fs::rename(&aside, &file).expect("renamed back");
    host.client().get("/ready").await.expect(200);
    register().await.expect(202);
    server.kill();

    let folder = data.path().to_str().expect("UTF-8");
    let start = || run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", folder], &[]);
    std::fs::rename(&file, &aside).expect("renamed");
    let (output, said) = start();
    assert!(!output.status.success() && said.contains("aibaas.db is gone"), "{said}");
    std::fs::write(&file, "").expect("an empty file");
    let (output, said) = start();
    assert!(!output.status.success() && said.contains("aibaas.db is empty"), "{said}");
    std::fs::rename(&aside, &file).expect("renamed back");
    Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts again");
}

/// Without room on the disk, what writes is answered 503 and leaves nothing; reads and log-outs go on.
#[cfg(unix)]
pub async fn a_full_disk_is_told() {
    let data = tempfile::tempdir().expect("a folder");
    let mut variables = Setup::KeepsMail.variables();
    // Tokens are of this address, whatever port the server gets.
    variables.push(("BASE_URL", "http://localhost:8787".to_owned()));
    let server = Server::start(data.path(), &variables).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let token = publisher.user.api.credential().expect("a token").to_owned();
    let board = publisher.benchmark.clone();
    server.kill();
    // The reserve cannot be made again.
    std::fs::remove_file(data.path().join("aibaas.reserve")).expect("a reserve");
    let server = Server::start_without_room(data.path(), &variables, 2_000_000).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let user = host.client().with(&token);
    let body = json!({ "email": new_address(), "password": PASSWORD });
    host.client().post("/api/v1/auth/register").json(body).await.problem(503, "service_unavailable");
    let key = json!({ "name": "one", "scopes": ["leaderboard:read"] });
    user.post("/api/v1/api-keys").json(key).await.problem(503, "service_unavailable");
    user.get("/api/v1/users/me").await.expect(200);
    let metrics = plain_client().get(format!("{}/metrics", server.url)).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("metrics");
    assert!(metrics.contains("\naibaas_database_disk_full 1\n"), "{metrics}");
    host.client().get(format!("/api/v1/benchmarks/{board}")).await.expect(200);
    user.post("/api/v1/auth/logout").await.expect(204);
    user.get("/api/v1/users/me").await.problem(401, "session_revoked");
    server.kill();
    let (output, said) = run(&["check", "--data-dir", data.path().to_str().expect("UTF-8")], &[]);
    assert!(output.status.success(), "{said}");
}

/// A program serves no database that a newer release has migrated, and says which migration it lacks.
pub async fn a_newer_schema_is_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let (file, folder) = (data.path().join("aibaas.db"), data.path().to_str().expect("UTF-8"));
    let dry_run = || run(&["migrate", "--dry-run", "--data-dir", folder], &[]);
    let (output, said) = dry_run();
    assert!(output.status.success() && said.contains("would apply 0001_initial.sql"), "{said}");
    assert_eq!(std::fs::read_dir(data.path()).expect("a folder").count(), 0, "it makes no file");
    let (output, said) = run(&["migrate", "--data-dir", folder], &[]);
    assert!(output.status.success() && said.contains("applied 0001_initial.sql"), "{said}");
    let before = std::fs::read(&file).expect("a database");
    let (output, said) = dry_run();
    assert!(output.status.success() && said.starts_with("nothing to apply"), "{said}");
    assert!(std::fs::read(&file).expect("a database") == before, "a dry run changes nothing");

    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    host.client().get("/ready").await.expect(200);
    let database = rusqlite::Connection::open(&file).expect("a database");
    database.execute("INSERT INTO d1_migrations (name) VALUES ('9999_of_tomorrow.sql')", []).expect("a row");
    let told = host.client().get("/ready").await.problem(503, "service_unavailable");
    assert!(told["detail"].as_str().is_some_and(|detail| detail.contains("9999_of_tomorrow.sql")), "{told}");
    server.kill();
    for arguments in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["migrate", "--dry-run"], &["keys", "list"]]
    {
        let (output, said) = run(&[arguments, &["--data-dir", folder]].concat(), &[]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("9999_of_tomorrow.sql"), "{arguments:?}: {said}");
    }
    let names = "SELECT group_concat(name, ' ') FROM d1_migrations";
    let names: String = database.query_row(names, [], |row| row.get(0)).expect("names");
    assert!(names.starts_with("0001_initial.sql ") && names.ends_with(" 9999_of_tomorrow.sql"), "{names}");
}

/// Beyond this machine nothing is served by default: in development the secret is public.
pub fn other_machines_are_not_served_by_mistake() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = data.path().to_str().expect("UTF-8");
    let (output, said) = run(&["serve", "--listen", "0.0.0.0:0", "--data-dir", folder], &[]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in ["ENVIRONMENT=production", "ENVIRONMENT=development", "0.0.0.0", "127.0.0.1"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let wide = [("ENVIRONMENT", "production"), ("TRUSTED_PROXIES", "0.0.0.0/0"), ("MAX_CONNECTIONS", "none")];
    let (output, said) = run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", folder], &wide);
    assert!(!output.status.success() && said.contains("TRUSTED_PROXIES holds 0.0.0.0/0"), "{said}");
    assert!(said.contains("MAX_CONNECTIONS must"), "{said}");
}

/// The address that it printed is the one it listens on.
pub fn it_says_where_it_listens() {
    let data = tempfile::tempdir().expect("a folder");
    let variables = Setup::KeepsMail.variables();
    let server = Server::start_on("[::1]:0", data.path(), &variables);
    // A machine without IPv6 says so.
    let url = server.map_or_else(|error| error, |server| server.url.clone());
    assert!(
        url.starts_with("http://[::1]:") && !url.ends_with(":0") || url.contains("cannot listen on [::1]:0"),
        "{url}"
    );
}

/// Behind a proxy that is not named everybody has its address; the log says so, once.
pub async fn an_unnamed_proxy_is_told_of_once() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    for _ in 0..3 {
        let client = host.client();
        client.get("/health").header("X-Forwarded-For", "198.51.100.7").await.expect(200);
    }
    let line = server.wait_for_line("X-Forwarded-For");
    assert!(line.contains("TRUSTED_PROXIES") && !line.contains("127.0.0.1"), "{line}");
    // What is logged after it would be there by now: it comes from the same requests.
    assert!(!server.lines_so_far().iter().any(|line| line.contains("X-Forwarded-For")));
}

/// SIGTERM lets the requests that are under way end, and the process end well.
#[cfg(unix)]
pub async fn sigterm_drains_requests() {
    let data = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(data.path(), &Setup::Logs.variables()).expect("it starts");
    let mut under_way = Vec::new();
    for _ in 0..8 {
        let body = json!({ "email": new_address(), "password": PASSWORD }).to_string();
        let length = format!("Content-Length: {}\r\nExpect: 100-continue", body.len());
        let mut wire = Wire::open(&server.url).await.expect("a connection");
        wire.send(head([127, 0, 0, 1].into(), "POST /api/v1/auth/register", "application/json", &length))
            .await
            .expect("it is sent");
        // The server has begun to read the request.
        assert_eq!(in_the_end("to go on", wire.answer()).await.unwrap().unwrap().status, 100);
        under_way.push((wire, body));
    }
    let sent = std::process::Command::new("kill").args(["-TERM", &server.child().id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    server.wait_for_line("stopping");
    for (wire, body) in &mut under_way {
        wire.send(body).await.expect("it is sent");
    }
    for (mut wire, _) in under_way {
        let answer = in_the_end("the last answer", wire.answer()).await.unwrap().unwrap();
        assert_eq!((answer.status, answer.closes()), (202, true), "{answer:?}");
    }
    let status = ended(server.child()).await;
    assert!(status.success(), "{status}");
}
