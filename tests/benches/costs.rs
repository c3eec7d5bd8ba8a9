//! What operations cost on Cloudflare, by what Cloudflare bills: round trips and statements of D1, the rows that it reads
//! and writes for them, and calls of Durable Objects, with what an operation leaves to be done after its answer.
//!
//! `cargo bench -p aibaas-tests --bench costs`. It counts and times nothing, so a busy machine tells the same.

use std::{process::ExitCode, time::Duration};

use aibaas_tests::{
    Host, Key, Publisher, Service, User,
    fixtures::{PASSWORD, new_address, passes, token_in, unique},
    host::{
        Kind, Setup,
        cloudflare::{Workerd, variables},
    },
    keys::VERIFY,
};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Of each operation the median of so many is told.
const TIMES: usize = 5;
/// What is left to be done after an answer is done in this time.
const SETTLES: Duration = Duration::from_millis(500);
const TASKS: usize = 225;

fn main() -> ExitCode {
    _ = rustls::crypto::ring::default_provider().install_default();
    let outcome = tokio::runtime::Runtime::new().map_err(Into::into).and_then(|runtime| runtime.block_on(measure()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What D1 and the objects have been asked so far.
const COUNTERS: [&str; 7] = ["reads", "writes", "statements", "rowsRead", "rowsWritten", "calls", "admissions"];
type Counts = [u64; COUNTERS.len()];

/// What each operation came to, in the order in which they were first done.
struct Costs {
    workerd: Workerd,
    rows: Vec<(String, Vec<Counts>)>,
}

impl Costs {
    async fn counts(&self) -> Outcome<Counts> {
        tokio::time::sleep(SETTLES).await;
        let text = reqwest::get(format!("{}/keys", self.workerd.control)).await?.error_for_status()?.text().await?;
        let counters = serde_json::from_str::<Value>(&text)?;
        let mut counts = Counts::default();
        for (count, name) in counts.iter_mut().zip(COUNTERS) {
            *count = counters[name].as_u64().ok_or_else(|| format!("no counter {name}: {text}"))?;
        }
        Ok(counts)
    }

    /// Does it, and adds what it cost.
    async fn of<T>(&mut self, operation: &str, done: impl IntoFuture<Output = T>) -> Outcome<T> {
        let before = self.counts().await?;
        let result = done.await;
        let after = self.counts().await?;
        let cost = std::array::from_fn(|counter| after[counter] - before[counter]);
        match self.rows.iter_mut().find(|(name, _)| name == operation) {
            Some((_, costs)) => costs.push(cost),
            None => self.rows.push((operation.to_owned(), vec![cost])),
        }
        Ok(result)
    }

    fn print(&self) {
        println!("| operation | round trips | statements | rows read | rows written | calls of objects |");
        println!("|---|--:|--:|--:|--:|--:|");
        for (operation, costs) in &self.rows {
            let [reads, writes, statements, read, written, keys, limits] = median(costs);
            println!("| {operation} | {} | {statements} | {read} | {written} | {} |", reads + writes, keys + limits);
        }
    }
}

/// Of each counter for itself.
fn median(costs: &[Counts]) -> Counts {
    std::array::from_fn(|counter| {
        let mut values = costs.iter().map(|cost| cost[counter]).collect::<Vec<_>>();
        values.sort_unstable();
        values[values.len() / 2]
    })
}

async fn measure() -> Outcome<()> {
    let workerd = Workerd::start(&variables(Setup::KeepsMail), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let mut costs = Costs { workerd, rows: Vec::new() };
    for round in 1..=TIMES {
        eprintln!("round {round} of {TIMES}");
        accounts(&mut costs, &host).await?;
        keys(&mut costs, &host).await?;
        boards(&mut costs, &host).await?;
        costs.of("idle minute", minute(&costs.workerd.control.clone())).await??;
    }
    costs.print();
    Ok(())
}

async fn accounts(costs: &mut Costs, host: &Host) -> Outcome<()> {
    let (api, email) = (host.client(), new_address());
    let auth = |name: &str, body: Value| api.post(format!("/api/v1/auth/{name}")).json(body);
    let registration = json!({ "email": email, "password": PASSWORD, "fullName": "Ada Lovelace" });
    costs.of("register", auth("register", registration)).await?.expect(202);
    let mails = host.mails_to(&email, 1).await;
    let token = token_in(mails[0]["text"].as_str().ok_or("no mail")?);
    costs.of("verify an address", auth("verify-email", json!({ "token": token }))).await?.expect(200);
    let login = json!({ "email": email, "password": PASSWORD });
    costs.of("log in", auth("login", login.clone())).await?.expect(200);
    let tokens = costs.of("log in again from the same network", auth("login", login)).await?.expect(200);
    let user = api.with(tokens["accessToken"].as_str().ok_or("no token")?);
    costs.of("`GET /users/me`", user.get("/api/v1/users/me")).await?.expect(200);
    let refresh = json!({ "refreshToken": tokens["refreshToken"] });
    let tokens = costs.of("refresh", auth("refresh", refresh)).await?.expect(200);
    let user = api.with(tokens["accessToken"].as_str().ok_or("no token")?);
    costs.of("log out", user.post("/api/v1/auth/logout").json(json!({}))).await?;
    Ok(())
}

async fn keys(costs: &mut Costs, host: &Host) -> Outcome<()> {
    let user = User::verified(host).await;
    let body = json!({ "name": unique("key"), "scopes": ["leaderboard:read"], "rateLimit": 100_000 });
    let made = costs.of("make an API key", user.api.post("/api/v1/api-keys").json(body)).await?.expect(201);
    let key = Key::of(&user.api, &made);
    let Service(service) = Service::new(host).await;
    let verify = || service.post(VERIFY).json(json!({ "key": key.secret }));
    costs.of("verify a key, the first time", verify()).await?.expect(200);
    costs.of("verify it again", verify()).await?.expect(200);
    costs.of("`GET /api-keys`", user.api.get("/api/v1/api-keys")).await?.expect(200);
    costs.of("revoke a key", user.api.delete(key.path())).await?;
    Ok(())
}

async fn boards(costs: &mut Costs, host: &Host) -> Outcome<()> {
    let publisher = Publisher::new(host).await;
    let (kinds, languages) = (["bug", "feature", "refactor"], ["rust", "go"]);
    let tasks = (1..=TASKS).map(|n| {
        json!({ "id": format!("t{n}"), "scenario": kinds[n % 3], "language": languages[n % 2], "difficulty": "hard" })
    });
    let version = json!({ "title": "A benchmark", "metric": "pass_rate", "tasks": tasks.collect::<Vec<_>>() });
    let declared = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    costs.of("declare 225 tasks of three dimensions", publisher.api.put(declared).json(version)).await?.expect(201);
    // A board of some length, made at one price.
    for n in 0..20 {
        let model = publisher.model(&format!("m{n}")).await;
        let run = costs.of("open a run", publisher.api.post("/api/v1/runs").json(publisher.run_body(&model)));
        let run = run.await?.expect(201);
        let run = run["id"].as_str().ok_or("no id")?;
        let results = publisher.api.post(format!("/api/v1/runs/{run}/results")).json(passes(100 + n, TASKS));
        costs.of("upload 225 results", results).await?.expect(200);
        let published = publisher.api.post(format!("/api/v1/runs/{run}/publish"));
        costs.of("publish a run of 225 tasks and three dimensions", published).await?.expect(200);
    }
    let anybody = host.client();
    let board = publisher.leaderboard_path().replace("&limit=100", "");
    costs.of("board of 20, the first time", anybody.get(&board)).await?.expect(200);
    costs.of("the same again", anybody.get(&board)).await?.expect(200);
    let page = format!("/leaderboard?benchmark={}", publisher.benchmark);
    let browse = |path: &str| anybody.get(path).header("Accept", "text/html");
    costs.of("its page", browse(&page)).await?;
    costs.of("its page again", browse(&page)).await?;
    costs.of("the page of a model", browse(&format!("/leaderboard/models/{}/m0", publisher.provider))).await?;
    costs.of("the front page", browse("/")).await?;
    costs.of("the front page again", browse("/")).await?;
    costs.of("`GET /changes`", anybody.get("/api/v1/changes")).await?.expect(200);
    Ok(())
}

/// What the schedule does where there is nothing to do.
async fn minute(control: &str) -> Outcome<()> {
    reqwest::Client::new().post(format!("{control}/cron")).send().await?.error_for_status()?;
    Ok(())
}
