//! What requests cost beside the same service as it is usually written for Workers: Hono, drizzle on D1, jose and a SIMD
//! build of Argon2 (`tests/benches/peers`), in the same workerd, by turns.
//!
//! `cargo bench -p aibaas-tests --bench peers`, and after `--` parts of the names of rows where not all are wanted. All of
//! workerd counts, with its simulated D1, KV and Durable Objects. The peer does less: its `worker.mjs` says what.

#[expect(dead_code, reason = "the other hosts are not started")]
mod hosts;
#[expect(dead_code, reason = "the table has columns of its own")]
mod load;
#[path = "peers/mod.rs"]
mod peer;

use std::{path::Path, process::ExitCode, time::Duration};

use aibaas_tests::{
    fixtures::{passes, tasks, token_in},
    host::{Setup, cloudflare},
    tools,
};
use reqwest::Method;
use serde_json::{Value, json};

use hosts::{Outcome, Server, cpu, cpu_since, median};
use load::{Series, get, request};

const ROUNDS: usize = 5;
/// Of each read, in a round.
const READS: usize = 1_600;
const PEOPLE: usize = 24;
/// What each of them costs; where none of it is asked for, there is one person.
const OF_ACCOUNTS: [&str; 5] = ["register", "verify an address", "log in", "refresh", "make an API key"];
/// As many as the Aider leaderboard has.
const SYSTEMS: usize = 68;
const TASKS: usize = 225;
/// Uploads of as many results as one may have.
const UPLOADS: usize = 12;
const LARGEST_UPLOAD: &str = "upload 1,000 results";
const LARGEST: usize = 1_000;
const PASSWORD: &str = "correct horse battery staple 9";
/// What is left to do after an answer is done in this time, and counts.
const AFTERWARDS: Duration = Duration::from_millis(10);

fn main() -> ExitCode {
    hosts::exit_code(measure())
}

fn measure() -> Outcome<()> {
    _ = rustls::crypto::ring::default_provider().install_default();
    let mut variables = Setup::KeepsMail.variables();
    variables.extend([
        ("RATE_LIMIT_LOGIN", "100000/1".to_owned()),
        ("RATE_LIMIT_REGISTER", "100000/1".to_owned()),
        ("JWT_SECRET", "of the benchmark alone, where nobody logs in".to_owned()),
        ("BASE_URL", "http://localhost:8787".to_owned()),
        ("APP_URL", "http://localhost:8787".to_owned()),
    ]);
    eprintln!("building");
    let (node, worker) = cloudflare::built()?;
    let benches = tools::root().join("tests/benches");
    let start = |build: &Path, migrations: &Path| hosts::workerd(&node, build, migrations, &variables);
    let migrations = tools::root().join("migrations");
    let hello = start(&benches.join("hello/worker"), &migrations)?;
    let application = start(&worker, &migrations)?;
    let peer = start(&peer::built()?, &benches.join("peers/migrations"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut sides = [Side::new(application), Side::new(peer)];
    let rows = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect::<Vec<_>>();
    let wants = |name: &str| rows.is_empty() || rows.iter().any(|part| name.contains(part.as_str()));
    let people = if OF_ACCOUNTS.into_iter().any(wants) { PEOPLE } else { 1 };
    let uploads = if wants(LARGEST_UPLOAD) { UPLOADS } else { 0 };
    eprintln!("accounts, keys and publications");
    let mut reads = runtime.block_on(async {
        for person in 0..people {
            for side in &mut sides {
                side.account(person).await?;
            }
        }
        for side in &mut sides {
            side.prepares().await?;
        }
        for system in 0..SYSTEMS {
            for side in &mut sides {
                side.publication(system).await?;
            }
        }
        for upload in 0..uploads {
            for side in &mut sides {
                side.largest_upload(upload).await?;
            }
        }
        let [ours, peers] = &sides;
        let pairs = ours.reads().into_iter().zip(peers.reads()).filter(|(one, _)| wants(one.name));
        Ok::<_, Box<dyn std::error::Error>>(pairs.flat_map(|(one, other)| [one, other]).collect::<Vec<_>>())
    })?;
    eprintln!("reads");
    reads.insert(0, Series::new("hello", &hello, get(hello.address, "/"), None));
    Series::measure(&mut reads, ROUNDS, READS)?;

    println!("| request | µs of CPU | the peer's | ratio |");
    println!("|---|--:|--:|--:|");
    println!("| a bare Worker | {:.0} | | |", reads[0].cpu_micros());
    for pair in reads[1..].chunks(2) {
        let ratio = pair[0].ratio_to(&pair[1], |cost| cost.cpu).unwrap_or(f64::NAN);
        println!("| {} | {:.0} | {:.0} | {ratio:.2} |", pair[0].name, pair[0].cpu_micros(), pair[1].cpu_micros());
    }
    for (name, costs) in sides[0].writes.iter().filter(|(name, _)| wants(name)) {
        let ours = median(costs.clone());
        let others = sides[1].writes.iter().find(|(other, _)| other == name).ok_or("the peer was not asked")?;
        let others = median(others.1.clone());
        println!("| {name} | {ours:.0} | {others:.0} | {:.2} |", ours / others);
    }
    Ok(())
}

/// One of the two, with what it has been asked.
struct Side {
    server: Server,
    client: reqwest::Client,
    /// Of the last person who logged in.
    session: String,
    /// May publish and verify.
    key: String,
    /// Is shown.
    shown: String,
    /// Microseconds of CPU of each call, by what was called.
    writes: Vec<(&'static str, Vec<f64>)>,
}

impl Side {
    fn new(server: Server) -> Self {
        let none = String::new;
        Self { server, client: reqwest::Client::new(), session: none(), key: none(), shown: none(), writes: Vec::new() }
    }

    /// Calls, one call at a time, so that all that the server spends is its; what is not named does not count.
    async fn call(
        &mut self,
        name: Option<&'static str>,
        (method, path): (Method, &str),
        credential: Option<&str>,
        body: Value,
    ) -> Outcome<Value> {
        let mut request = self.client.request(method, format!("http://{}{path}", self.server.address));
        request = request.header("Accept", "application/json").header("CF-Connecting-IP", "127.0.0.1");
        if let Some(credential) = credential {
            request = request.bearer_auth(credential);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        let before = cpu(self.server.serving);
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if let Some(name) = name {
            tokio::time::sleep(AFTERWARDS).await;
            let spent = cpu_since(before, self.server.serving).ok_or("the system does not tell CPU")?;
            let micros = spent.as_secs_f64() * 1e6;
            match self.writes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, costs)) => costs.push(micros),
                None => self.writes.push((name, vec![micros])),
            }
        }
        if !status.is_success() {
            return Err(format!("{path} answered {status}: {text}").into());
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    async fn post(
        &mut self,
        name: Option<&'static str>,
        path: &str,
        credential: Option<&str>,
        body: Value,
    ) -> Outcome<Value> {
        self.call(name, (Method::POST, path), credential, body).await
    }

    /// Somebody registers, verifies, logs in, refreshes and makes a key.
    async fn account(&mut self, person: usize) -> Outcome<()> {
        let email = format!("person{person}@example.com");
        let registration = json!({ "email": email, "password": PASSWORD, "fullName": "Ada Lovelace" });
        self.post(Some("register"), "/api/v1/auth/register", None, registration).await?;
        let mails = self.call(None, (Method::GET, &format!("/dev/mail?to={email}")), None, Value::Null).await?;
        let token = token_in(mails["data"][0]["text"].as_str().ok_or("no mail")?);
        self.post(Some("verify an address"), "/api/v1/auth/verify-email", None, json!({ "token": token })).await?;
        let login = json!({ "email": email, "password": PASSWORD });
        let tokens = self.post(Some("log in"), "/api/v1/auth/login", None, login).await?;
        let refresh = json!({ "refreshToken": tokens["refreshToken"] });
        let tokens = self.post(Some("refresh"), "/api/v1/auth/refresh", None, refresh).await?;
        self.session = tokens["accessToken"].as_str().ok_or("no token")?.to_owned();
        self.new_key(Some("make an API key"), "a key", &["leaderboard:read"]).await?;
        Ok(())
    }

    async fn new_key(&mut self, counted: Option<&'static str>, name: &str, scopes: &[&str]) -> Outcome<String> {
        let session = self.session.clone();
        let body = json!({ "name": name, "scopes": scopes, "rateLimit": 100_000 });
        let made = self.post(counted, "/api/v1/api-keys", Some(&session), body).await?;
        Ok(made["key"].as_str().ok_or("no key")?.to_owned())
    }

    /// The last person gets keys, and declares a benchmark for boards and one for large uploads.
    async fn prepares(&mut self) -> Outcome<()> {
        self.key = self.new_key(None, "publishes", &["results:write", "models:write", "keys:verify"]).await?;
        self.shown = self.new_key(None, "is shown", &["leaderboard:read"]).await?;
        let key = self.key.clone();
        for (benchmark, count) in [("board", TASKS), ("large", LARGEST)] {
            let path = format!("/api/v1/benchmarks/{benchmark}/versions/1");
            let version = json!({ "title": "A benchmark", "metric": "pass_rate", "tasks": tasks(count) });
            self.call(None, (Method::PUT, &path), Some(&key), version).await?;
        }
        Ok(())
    }

    /// A run is opened; its id.
    async fn opened(&mut self, benchmark: &str, system: usize) -> Outcome<String> {
        let (key, model) = (self.key.clone(), format!("maker/{benchmark}-{system}"));
        let declared = format!("/api/v1/models/{model}");
        self.call(None, (Method::PUT, &declared), Some(&key), json!({ "displayName": model })).await?;
        let run = json!({
            "model": model, "benchmark": benchmark, "version": "1", "harness": "suite", "harnessVersion": "1.0",
            "commit": "2fccd47", "evaluatorRelationship": "third_party",
        });
        let run = self.post(None, "/api/v1/runs", Some(&key), run).await?;
        Ok(run["id"].as_str().ok_or("no id")?.to_owned())
    }

    async fn publication(&mut self, system: usize) -> Outcome<()> {
        let (key, run) = (self.key.clone(), self.opened("board", system).await?);
        let results = passes(TASKS - 2 * system, TASKS);
        self.post(Some("upload 225 results"), &format!("/api/v1/runs/{run}/results"), Some(&key), results).await?;
        self.post(Some("publish a run of 225 tasks"), &format!("/api/v1/runs/{run}/publish"), Some(&key), Value::Null)
            .await?;
        Ok(())
    }

    async fn largest_upload(&mut self, system: usize) -> Outcome<()> {
        let (key, run) = (self.key.clone(), self.opened("large", system).await?);
        let results = passes(LARGEST / 2, LARGEST);
        self.post(Some(LARGEST_UPLOAD), &format!("/api/v1/runs/{run}/results"), Some(&key), results).await?;
        Ok(())
    }

    /// What is asked again and again.
    fn reads(&self) -> Vec<Series> {
        let (server, address) = (&self.server, self.server.address);
        let series = |name, request, told| Series::new(name, server, request, Some(told));
        let headers = |credential: &str| format!("Authorization: Bearer {credential}\r\n");
        let shown = json!({ "key": self.shown }).to_string();
        let json = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", shown.len());
        let verify = request(address, "POST /api/v1/api-keys/verify", &(headers(&self.key) + &json), &shown);
        let page = request(address, "GET /leaderboard?benchmark=board", "Accept: text/html\r\n", "");
        vec![
            series("`GET /`", get(address, "/"), "version"),
            series(
                "`GET /users/me`",
                request(address, "GET /api/v1/users/me", &headers(&self.session), ""),
                "@example.com",
            ),
            series("verify an API key", verify, r#""valid":true"#),
            series(
                "board of 20 of 68, JSON",
                get(address, "/api/v1/leaderboard?benchmark=board&limit=20"),
                "maker/board-0",
            ),
            series("board as a page", page, "maker/board-0"),
        ]
    }
}
