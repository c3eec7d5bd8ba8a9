//! `GET /metrics`: what a native server measures, and whom it tells.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::Stdio,
};

use aibaas_tests::{
    Key, Service, User, cases, eventually,
    fixtures::unique,
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
    open_metrics::{self, Exposition},
    plain_client, tools,
};
use serde_json::{Value, json};

cases![
    KeepsMail: only_a_host_that_measures_has_metrics;
];

const TOKEN: &str = "a token for those who measure";

async fn scrape(url: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut request = plain_client().get(format!("{url}/metrics"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    let media_type = answer.headers()["content-type"].to_str().expect("text").to_owned();
    (answer.status().as_u16(), media_type, answer.text().await.expect("text"))
}

/// What a server measures, and the text that says so.
pub async fn measured(server: &Server) -> (Exposition, String) {
    measured_at(&server.url).await
}

async fn measured_at(url: &str) -> (Exposition, String) {
    let (status, media_type, text) = scrape(url, &[]).await;
    assert_eq!((status, &*media_type), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"), "{text}");
    (open_metrics::parse(&text).unwrap_or_else(|why| panic!("{why}\n{text}")), text)
}

/// The other hosts know no such path.
async fn only_a_host_that_measures_has_metrics(host: Host) {
    let expected = if host.kind() == Kind::Native { 200 } else { 404 };
    if host.kind() != Kind::Remote {
        assert_eq!(scrape(host.url(), &[]).await.0, expected);
        assert_eq!(scrape(host.url(), &[("X-Forwarded-For", "127.0.0.1")]).await.0, 404);
    }
}

/// What happens is counted, and nothing in it tells who did what.
pub async fn what_happens_is_counted() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let (before, _) = measured(&server).await;
    assert_eq!(before.sum("aibaas_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);

    let user = User::verified(&host).await;
    let service = Service::new(&host).await;
    let (key, gone) = (Key::new(&user, json!({})).await, Key::new(&user, json!({})).await);
    user.api.delete(gone.path()).await.expect(204);
    service.shown(&key.secret, &json!({})).await.expect(200);
    service.shown(&gone.secret, &json!({})).await.expect(200);
    let wanted = unique("wanted");
    for _ in 0..3 {
        host.client().get(format!("/api/v1/runs/{wanted}")).await.expect(404);
    }
    host.client().get(format!("/{wanted}")).await.expect(404);

    let none_of_its_own = ["PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "MADE-UP"];
    for method in none_of_its_own {
        let method = method.parse().expect("a method");
        let answer = plain_client().request(method, format!("{}/api/v1/models", server.url)).send().await;
        assert_eq!(answer.expect("an answer").status(), 405);
    }

    let (after, text) = measured(&server).await;
    let rose = |name: &str, labels: &[(&str, &str)]| after.sum(name, labels) - before.sum(name, labels);
    let (of_runs, requests) = (("route", "/api/v1/runs/{id}"), "aibaas_http_requests_total");
    assert_eq!(rose(requests, &[of_runs, ("method", "GET"), ("status", "404")]), 3.0);
    assert_eq!(rose("aibaas_http_request_duration_seconds_count", &[of_runs]), 3.0);
    assert!(rose("aibaas_http_request_duration_seconds_sum", &[of_runs]) > 0.0);
    // Anybody can send any method to any route: that makes one series of counts, and no histogram.
    let of_models = ("route", "/api/v1/models");
    let others = none_of_its_own.len() as f64;
    assert_eq!(rose(requests, &[of_models, ("method", "other"), ("status", "405")]), others);
    assert_eq!(after.sum("aibaas_http_request_duration_seconds_count", &[of_models]), 0.0);
    assert_eq!(rose(requests, &[("route", "none"), ("status", "404")]), 1.0);
    assert_eq!(rose(requests, &[("route", "/api/v1/auth/register"), ("status", "202")]), 3.0, "with an administrator");
    // The service's own key is let in twice, and one that it shows once.
    assert_eq!(rose("aibaas_api_key_decisions_total", &[("decision", "valid")]), 3.0);
    assert_eq!(rose("aibaas_api_key_decisions_total", &[("decision", "revoked")]), 1.0);
    assert_eq!(after.sum("aibaas_api_key_decisions_total", &[("decision", "expired")]), 0.0);
    assert!(rose("aibaas_password_hash_duration_seconds_count", &[]) >= 6.0, "three registrations and logins");
    assert!(rose("aibaas_database_commit_duration_seconds_count", &[]) > 0.0);
    assert!(
        rose("aibaas_database_write_wait_seconds_count", &[])
            >= rose("aibaas_database_commit_duration_seconds_count", &[])
    );
    // What was written is in the log until it is brought into the file.
    let sizes = ["size", "wal_size"].map(|size| after.sum(&format!("aibaas_database_{size}_bytes"), &[]));
    assert!(sizes.iter().all(|size| *size >= 4096.0), "{sizes:?}");
    for gauge in ["password_hashes_waiting", "database_writes_waiting", "outbox_mails_given_up", "webhooks_waiting"] {
        assert!(after.names().contains(&*format!("aibaas_{gauge}")), "{gauge}");
        assert_eq!(after.sum(&format!("aibaas_{gauge}"), &[]), 0.0, "{gauge}");
    }

    let id = user.api.get("/api/v1/users/me").await.expect(200)["id"].as_str().expect("an id").to_owned();
    for told in [&wanted, &id, &user.email, &key.secret[..13], &key.id, "127.0.0.1"] {
        assert!(!text.contains(told), "{told} in\n{text}");
    }
    let (later, _) = measured(&server).await;
    for sample in after.0.iter().filter(|sample| sample.name.ends_with("_total") || sample.name.ends_with("_count")) {
        let labels = sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
        assert!(later.sum(&sample.name, &labels) >= sample.value, "{sample:?} fell");
    }
}

/// With a token, nobody is told without it; without one, nobody who comes through a proxy or from another machine.
pub async fn strangers_are_told_nothing() {
    let data = tempfile::tempdir().expect("a folder");
    let mut variables = Setup::KeepsMail.variables();
    variables.push(("METRICS_TOKEN", TOKEN.to_owned()));
    let server = Server::start(data.path(), &variables).expect("it starts");
    let bearer = format!("Bearer {TOKEN}");
    for (header, status) in [
        (None, 401),
        (Some(("Authorization", "Bearer another token")), 401),
        (Some(("Authorization", TOKEN)), 401),
        (Some(("X-Forwarded-For", "127.0.0.1")), 401),
        (Some(("Authorization", &*bearer)), 200),
    ] {
        let (answered, _, text) = scrape(&server.url, header.as_slice()).await;
        assert_eq!(answered, status, "{header:?}");
        assert_eq!(text.contains("aibaas_http_requests"), status == 200, "{header:?}: {text}");
        assert!(!text.contains(TOKEN), "{text}");
    }
}

/// Every metric that the dashboard asks for is one that a server tells.
pub async fn the_dashboard_shows_what_there_is() {
    let (data, kept) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut variables = Setup::KeepsMail.variables();
    variables.push(("BACKUP_DIR", kept.path().display().to_string()));
    let server = Server::start(data.path(), &variables).expect("it starts");
    eventually("a backup", async || {
        // A first scrape is counted before the second is told of it.
        let (told, _) = measured(&server).await;
        (told.sum("aibaas_backup_made_timestamp_seconds", &[]) > 0.0).then_some(())
    })
    .await;
    let (told, _) = measured(&server).await;
    let dashboard = std::fs::read_to_string(tools::root().join("docs/grafana-dashboard.json")).expect("the dashboard");
    let dashboard = serde_json::from_str::<Value>(&dashboard).expect("JSON");
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().expect("an expression");
            let words = expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
            asked.extend(words.filter(|word| word.starts_with("aibaas_")).map(str::to_owned));
        }
    }
    let asked = asked.iter().map(String::as_str).collect::<BTreeSet<_>>();
    let unknown = asked.difference(&told.names()).copied().collect::<Vec<_>>();
    assert!(asked.len() > 10 && unknown.is_empty(), "{unknown:?} of {asked:?}");
    // Nothing is measured that nobody looks at, but for what a histogram has besides its buckets.
    let unseen = told.names().into_iter().filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"));
    let unseen = unseen.filter(|name| !asked.contains(name)).collect::<Vec<_>>();
    assert!(unseen.is_empty(), "{unseen:?}");
}

/// Requests are answered while nobody reads the log. What is too much for the memory is dropped, and counted.
pub async fn nobody_has_to_read_the_log() {
    const REQUESTS: usize = 20_000;
    let data = tempfile::tempdir().expect("a folder");
    let mut command = native::command().expect("the binary");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path()).envs(Setup::Logs.variables());
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(server.stdout.take().expect("piped")).lines();
    let address = said.find_map(|line| {
        let line = line.expect("text");
        let (address, _) = line.strip_prefix("listening on ")?.split_once(',')?;
        Some(address.to_owned())
    });
    let address = address.expect("it says where it listens");

    let mut stream = TcpStream::connect(&address).expect("a connection");
    let mut sender = stream.try_clone().expect("the same connection");
    let sending = std::thread::spawn(move || {
        let request = |connection| format!("GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
        let all = request("keep-alive").repeat(REQUESTS - 1) + &request("close");
        sender.write_all(all.as_bytes())
    });
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).expect("answers");
    sending.join().expect("it ends").expect("it is sent");
    let answers = String::from_utf8_lossy(&answers);
    assert_eq!(answers.matches("HTTP/1.1 404 ").count(), REQUESTS);

    let (measured, text) = measured_at(&format!("http://{address}")).await;
    assert!(measured.sum("aibaas_log_lines_dropped_total", &[]) > 0.0, "{text}");
    server.kill().expect("it ends");
    server.wait().expect("it ended");
}
