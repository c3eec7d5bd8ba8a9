//! API keys of the native program: on its command line, beside a server, and over its end.

use std::path::Path;

use aibaas_tests::{
    Answer, Client, User, ended, eventually,
    fixtures::unique,
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
};
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::{Value, json};

/// What the program did: its exit code, standard output and standard error.
fn keys(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = native::command().expect("the binary");
    let output = command.arg("keys").args(arguments).arg("--data-dir").arg(data).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn start(data: &Path) -> (Server, Host) {
    let server = Server::start(data, &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    (server, host)
}

/// SIGTERM, and the end that it leads to.
#[cfg(unix)]
async fn stop(mut server: Server) {
    let sent = std::process::Command::new("kill").args(["-TERM", &server.child().id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let status = ended(server.child()).await;
    assert!(status.success(), "{status}");
}

/// The key asks about itself, which is charged once.
async fn use_key(api: &Client) -> Answer {
    let key = api.credential().expect("a key");
    api.post("/api/v1/api-keys/verify").json(json!({ "key": key })).await
}

/// How many of so many uses at once got in.
async fn uses(api: &Client, count: usize) -> usize {
    let answers = join_all((0..count).map(|_| use_key(api))).await;
    answers.iter().filter(|answer| answer.status == 200).count()
}

/// What is saved of a key's use in all: allowed, limited and denied.
fn saved(data: &Path, id: &str) -> [u32; 3] {
    let sums = "SELECT coalesce(sum(allowed), 0), coalesce(sum(limited), 0), coalesce(sum(denied), 0) \
         FROM api_key_usage WHERE key_id = ?1";
    let database = Connection::open(data.join("aibaas.db")).expect("the database");
    let row = database.query_row(sums, [id], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]));
    row.expect("the use")
}

async fn verifying_key(user: &User, rate_limit: u32) -> (String, String) {
    let created = user.key(json!({ "name": "k", "scopes": ["keys:verify"], "rateLimit": rate_limit })).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&created["apiKey"]["id"]), text(&created["key"]))
}

/// `aibaas keys` beside a server, which knows of each change at its next request.
pub async fn the_command_line_makes_and_revokes_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let (code, _, said) = keys(data, &["list"]);
    assert!(code == Some(1) && said.contains("no database"), "{said}");

    let (_server, host) = start(data);
    let user = User::verified(&host).await;
    let name = unique("operator's");
    let mut made = Vec::new();
    for round in 0..5 {
        let (code, key, said) =
            keys(data, &["create", "--email", &user.email.to_uppercase(), "--name", &name, "--scope", "keys:verify"]);
        assert_eq!(code, Some(0), "{said}");
        let key = key.strip_suffix('\n').expect("a line");
        let api = host.client().with(key);
        assert_eq!(use_key(&api).await.expect(200)["valid"], json!(true), "round {round}");
        let list = user.api.get("/api/v1/api-keys").await.expect(200);
        let (id, prefix) = (list["data"][0]["id"].as_str().expect("an id"), &list["data"][0]["keyPrefix"]);
        assert!(list["data"][0]["name"] == *name && key.starts_with(prefix.as_str().expect("a prefix")), "{list}");
        assert!(said.contains(id) && said.contains("1000 requests in 3600 seconds") && !said.contains(key), "{said}");

        for words in ["is revoked", "was revoked already"] {
            let (code, told, _) = keys(data, &["revoke", id]);
            assert!(code == Some(0) && told.contains(words) && told.contains(&user.email), "{told}");
            use_key(&api).await.problem(401, "api_key_revoked");
        }
        made.push((id.to_owned(), key.to_owned()));
    }

    let log = user.api.get("/api/v1/users/me/audit-log").await.expect(200);
    let events = log["data"].as_array().expect("events");
    for event in ["api_key_created", "api_key_revoked"] {
        let of = events.iter().filter(|entry| entry["event"] == event);
        let expected = made.iter().rev().map(|(id, _)| json!({ "apiKeyId": id, "by": "command line" }));
        assert_eq!(of.map(|entry| entry["details"].clone()).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    let everything = ["--description", "nightly", "--scope", "models:write", "--scope", "results:write"];
    let everything = [&everything[..], &["--rate-limit", "7", "--window", "60", "--expires-in-days", "2"]].concat();
    let everything = [&everything[..], &["--allow-ip", "192.0.2.7", "--allow-ip", "2001:db8::/32"]].concat();
    let create = |name| ["create", "--email", &user.email, "--name", name, "--environment", "test"];
    let (code, _, said) = keys(data, &[&create("\u{1b}[31mred")[..], &everything].concat());
    assert!(code != Some(0) && said.contains("--name: give a name without control characters"), "{said}");
    let (code, key, said) = keys(data, &[&create("red")[..], &everything].concat());
    assert!(code == Some(0) && key.starts_with("aib_test_"), "{said}");
    for words in ["models:write, results:write", "7 requests in 60 seconds", "192.0.2.7/32", "PUBLISHING=roles"] {
        assert!(said.contains(words), "{words} in {said}");
    }

    let (code, table, _) = keys(data, &["list"]);
    let lines = table.lines().collect::<Vec<_>>();
    assert!(code == Some(0) && lines.len() == 7 && lines[0].starts_with("ID "), "{table}");
    assert!(!table.contains('\u{1b}') && lines[1].contains("active") && lines[1].ends_with("never"), "{table}");
    let (id, _) = &made[4];
    assert!(lines[2].starts_with(id.as_str()) && lines[2].contains("revoked") && lines[2].contains(&user.email));
    let (code, list, _) = keys(data, &["list", "--json", "--email", &user.email]);
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let first = &list[0];
    assert_eq!(code, Some(0));
    assert_eq!(first["allowedIps"], json!(["192.0.2.7/32", "2001:db8::/32"]));
    assert_eq!(
        (&first["email"], &first["rateLimit"], &list[5]["id"]),
        (&json!(user.email), &json!(7), &json!(made[0].0))
    );
    made.push((String::new(), key.trim_end().to_owned()));
    for (_, key) in &made {
        assert!(!table.contains(key) && !list.to_string().contains(key), "a whole key is listed");
    }
}

/// What is asked wrongly, and what cannot be done.
pub async fn the_command_line_refuses_wrong_keys() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let (_server, host) = start(data);
    let user = User::verified(&host).await;
    let unverified = User::unverified(&host.client()).await;
    let create = |email: &str, more: &[&str]| {
        let usual = ["create", "--email", email, "--name", "k", "--scope", "keys:verify"];
        keys(data, &[&usual[..], more].concat())
    };
    for (more, words) in [
        (&["--rate-limit", "0"][..], "--rate-limit: give 1 to 100000"),
        (&["--rate-limit", "many"], "--rate-limit"),
        (&["--window", "86401"], "--window: give 1 to 86400"),
        (&["--scope", "everything"], "leaderboard:read"),
        (&["--scope", "keys:verify"], "--scope (number 2): name each scope once"),
        (&["--allow-ip", "::1", "--allow-ip", "10.0.0.1/8"], "--allow-ip (number 2): give an address"),
        (&["--expires-at", "tomorrow"], "--expires-at: "),
        (&["--expires-at", "2001-01-01T00:00:00Z"], "--expires-at: give a time to come"),
        (&["--expires-at", "2099-01-01T00:00:00Z", "--expires-in-days", "1"], "cannot be used with"),
        (&["--expires-in-days", "3651"], "--expires-in-days: give 1 to 3650"),
        (&["--environment", "staging"], "live"),
    ] {
        let (code, out, said) = create(&user.email, more);
        assert!(code == Some(2) && out.is_empty() && said.contains(words), "{more:?}: {code:?} {said}");
    }
    let publishing = |variables: &[(&str, &str)]| {
        let mut command = native::command().expect("the binary");
        command.args(["keys", "create", "--email", &user.email, "--name", "k", "--scope", "keys:verify"]);
        command.args(["--scope", "results:write", "--data-dir"]).arg(data).envs(variables.iter().copied());
        let output = command.output().expect("it runs");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"), said)
    };
    for variables in [&[("PUBLISHING", "roles")][..], &[("ENVIRONMENT", "production")]] {
        let (code, out, said) = publishing(variables);
        assert!(code == Some(1) && out.is_empty() && said.contains("results:write needs the role publisher"), "{said}");
    }
    let (code, out, said) = publishing(&[("PUBLISHING", "perhaps")]);
    assert!(code == Some(2) && out.is_empty() && said.contains("PUBLISHING must be"), "{said}");
    for (email, words) in [("nobody@example.com", "nobody has an account"), (&unverified, "not verified")] {
        let (code, out, said) = create(email, &[]);
        assert!(code == Some(1) && out.is_empty() && said.contains(words), "{said}");
    }
    let (code, _, said) = keys(data, &["revoke", "0190f3a1-0000-7000-8000-00000000000a"]);
    assert!(code == Some(1) && said.contains("no key"), "{said}");
    let (code, _, said) = keys(data, &["list", "--email", "nobody@example.com"]);
    assert!(code == Some(1) && said.contains("nobody has an account"), "{said}");

    for _ in 0..50 {
        verifying_key(&user, 10).await;
    }
    let (code, out, said) = create(&user.email, &[]);
    assert!(code == Some(1) && out.is_empty() && said.contains("50 active keys already"), "{said}");
}

/// Use that was counted, and limits that were used up, are known after a shutdown.
#[cfg(unix)]
pub async fn use_and_limits_survive_sigterm() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let (server, host) = start(data);
    let user = User::verified(&host).await;
    let (id, key) = verifying_key(&user, 50).await;
    let (spent_id, spent) = verifying_key(&user, 3).await;
    assert_eq!(uses(&host.client().with(&spent), 5).await, 3);
    assert_eq!(uses(&host.client().with(&key), 30).await, 30);
    stop(server).await;
    assert_eq!((saved(data, &id), saved(data, &spent_id)), ([30, 0, 0], [3, 2, 0]));

    for (sent, allowed, in_all) in [(12, 12, [42, 0, 0]), (40, 8, [50, 32, 0])] {
        let (server, host) = start(data);
        assert_eq!(uses(&host.client().with(&key), sent).await, allowed);
        use_key(&host.client().with(&spent)).await.problem(429, "too_many_requests");
        stop(server).await;
        assert_eq!(saved(data, &id), in_all);
    }
    assert_eq!(saved(data, &spent_id), [3, 4, 0]);
}

/// A killed server has saved the first use, and never more than there was; the next one goes on from there.
pub async fn sigkill_loses_at_most_the_last_minutes_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let (mut server, mut host) = start(data);
    let (id, key) = verifying_key(&User::verified(&host).await, 100).await;
    let mut counted = 0;
    let mut known = 0;
    for _ in 0..2 {
        assert_eq!(uses(&host.client().with(&key), 5).await, 5);
        counted += 5;
        // The first use is saved within a moment, and with it whichever of the other four had come by then.
        eventually("the first use is saved", || async { (saved(data, &id)[0] > known).then_some(()) }).await;
        let least = saved(data, &id)[0];
        assert_eq!(uses(&host.client().with(&key), 10).await, 10);
        counted += 10;
        server.kill();
        let [allowed, limited, denied] = saved(data, &id);
        assert!((least..=counted).contains(&allowed) && limited + denied == 0, "{allowed} of {counted}");
        known = allowed;
        (server, host) = start(data);
    }
}
