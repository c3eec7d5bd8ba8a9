//! Every public read, over leaderboards of a chosen size that were published through the application itself.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{fixtures::PASSWORD, simulation::Simulation};

const EMAIL: &str = "publisher@example.com";
const UPLOAD: usize = 1000;
/// Number of seals of the first benchmark.
const SEALS: usize = 10;
/// Seconds between two publications: long enough that a period ends within what is published.
const APART_SECONDS: i64 = 5 * 3600;

/// The amount that is published: every model once on every benchmark.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Number of benchmarks, each with one version.
    pub benchmarks: usize,
    /// Number of models.
    pub models: usize,
    /// Number of tasks of each benchmark, over 4 scenarios, 6 languages and 3 difficulties; 20 tasks have every value.
    pub tasks: usize,
}

impl Size {
    /// Returns the number of all results.
    pub fn results(self) -> usize {
        self.benchmarks * self.models * self.tasks
    }

    /// Returns the length of a page that is shorter than a leaderboard.
    fn page(self) -> usize {
        self.models * 2 / 5
    }

    fn model(number: usize) -> String {
        format!("maker-{}/model-{number}", number % 5)
    }

    fn benchmark(number: usize) -> String {
        format!("bench-{number}")
    }

    /// Declares and publishes everything, in an application without any of it.
    pub async fn publish(self, simulation: &Simulation) {
        let key = publisher(simulation).await;
        let send = async |method, path: String, body| {
            let (status, answer) = simulation.call(method, &format!("/api/v1{path}"), Some(&key), body).await;
            assert!((200..300).contains(&status), "{path}: {status} {answer}");
            answer
        };
        for number in 0..self.models {
            let body = json!({ "displayName": format!("Model {number}") });
            send(Method::PUT, format!("/models/{}", Self::model(number)), Some(body)).await;
        }
        let tasks = (0..self.tasks).map(task).collect::<Value>();
        for number in 0..self.benchmarks {
            let version = json!({ "title": format!("Benchmark {number}"), "metric": "pass_rate", "tasks": tasks });
            send(Method::PUT, format!("/benchmarks/{}/versions/1", Self::benchmark(number)), Some(version)).await;
        }
        for number in 0..SEALS {
            let seal = json!({
                "model": Self::model(number % self.models), "benchmark": Self::benchmark(0), "version": "1", "attempts": 1,
                "harness": "reads", "harnessVersion": "1.0", "commit": "2fccd47", "stoppingRule": "One run.",
            });
            send(Method::POST, "/seals".to_owned(), Some(seal)).await;
        }
        for (model, benchmark) in (0..self.models).flat_map(|model| (0..self.benchmarks).map(move |of| (model, of))) {
            let run = json!({
                "model": Self::model(model), "benchmark": Self::benchmark(benchmark), "version": "1",
                "harness": "reads", "harnessVersion": "1.0", "commit": "2fccd47", "evaluatorRelationship": "third_party",
            });
            let run = send(Method::POST, "/runs".to_owned(), Some(run)).await;
            let run = run["id"].as_str().expect("an id");
            let mut chance = fastrand::Rng::with_seed((benchmark * 1000 + model) as u64);
            for first in (0..self.tasks).step_by(UPLOAD) {
                let last = self.tasks.min(first + UPLOAD);
                let results = (first..last).map(|task| result(task, model, &mut chance)).collect::<Value>();
                send(Method::POST, format!("/runs/{run}/results"), Some(results)).await;
            }
            send(Method::POST, format!("/runs/{run}/publish"), None).await;
            simulation.pass_seconds(APART_SECONDS);
        }
    }
}

/// Returns the declaration of a task.
pub fn task(number: usize) -> Value {
    json!({
        "id": format!("task-{number}"),
        "scenario": format!("s{}", number % 4),
        "language": format!("l{}", number / 3 % 6),
        "difficulty": format!("d{}", number / 7 % 3),
    })
}

/// Returns a model's result at a task; it passes with a chance that grows with the model's number.
pub fn result(task: usize, model: usize, chance: &mut fastrand::Rng) -> Value {
    let passed = chance.f64() < 0.3 + model as f64 / 100.0;
    json!({
        "task": format!("task-{task}"),
        "attempt": 1,
        "status": if passed { "success" } else { "failed" },
        "score": u8::from(passed),
        "latencyMs": chance.u32(500..5000),
        "costUsd": f64::from(chance.u32(1..1000)) / 1e5,
    })
}

/// Registers an account and returns a key of it that may publish.
pub async fn publisher(simulation: &Simulation) -> String {
    let send = async |path: &str, token: Option<&str>, body| {
        let (status, answer) = simulation.call(Method::POST, &format!("/api/v1{path}"), token, Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    };
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    send("/auth/register", None, credentials.clone()).await;
    let token = simulation.mailed_token(EMAIL, "Verify your e-mail address").await;
    send("/auth/verify-email", None, json!({ "token": token })).await;
    let tokens = send("/auth/login", None, credentials).await;
    let key = json!({ "name": "reads", "scopes": ["results:write", "models:write"], "rateLimit": 100_000 });
    let key = send("/api-keys", tokens["accessToken"].as_str(), key).await;
    key["key"].as_str().expect("a key").to_owned()
}

/// A read that anyone may make.
#[derive(Clone, Debug)]
pub struct Read {
    /// Name of the read, for reports.
    pub name: &'static str,
    /// The path as the OpenAPI document names it.
    pub template: &'static str,
    /// The path that is requested, with its query.
    pub path: String,
}

/// Returns every public read of a leaderboard, over what [`Size::publish`] has published.
pub async fn public_reads(simulation: &Simulation, size: Size) -> Vec<Read> {
    let get = async |path: &str| {
        let (status, answer) = simulation.call(Method::GET, path, None, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    let page = format!("benchmark=bench-0&limit={}", size.page());
    let first = get(&format!("/api/v1/leaderboard?{page}")).await;
    let cursor = first["nextCursor"].as_str().expect("another page").to_owned();
    let run = first["data"][0]["runId"].as_str().expect("a run").to_owned();
    let changes = get(&format!("/api/v1/changes?{page}")).await;
    let newest = changes["latest"].as_str().expect("a change").to_owned();
    let old = changes["data"][size.page() - 1]["id"].as_str().expect("a change").to_owned();
    let data = get("/api/v1/export").await;
    let through =
        data["tables"][0]["href"].as_str().and_then(|href| href.split_once('?')).expect("a table").1.to_owned();
    let seals = get("/api/v1/benchmarks/bench-0/seals").await;
    let seal = seals["data"][0]["id"].as_str().expect("a seal").to_owned();
    let (model, other) = (Size::model(1), Size::model(2));
    let others = (2..size.models.min(7)).map(Size::model).collect::<Vec<_>>().join(",");

    let mut reads = Vec::new();
    let mut read = |name, template: &'static str, query: &str| {
        let path = template.replace("{provider}/{name}", &model).replace("benchmarks/{id}", "benchmarks/bench-0");
        let path = path
            .replace("seals/{id}", &format!("seals/{seal}"))
            .replace("{table}", "results")
            .replace("{version}", "1")
            .replace("{id}", &run);
        reads.push(Read { name, template, path: path + query });
    };
    let board = "/api/v1/leaderboard";
    for (name, query) in [
        ("leaderboard", String::new()),
        ("leaderboard, 100 rows", "&limit=100".to_owned()),
        ("leaderboard, scenario", "&scenario=s0".to_owned()),
        ("leaderboard, language", "&language=l0".to_owned()),
        ("leaderboard, difficulty", "&difficulty=d0".to_owned()),
        ("leaderboard, scenario and language", "&scenario=s0&language=l0".to_owned()),
        ("leaderboard, all three", "&scenario=s0&language=l0&difficulty=d0".to_owned()),
        ("leaderboard, provider", "&provider=maker-3".to_owned()),
        ("leaderboard, text", "&q=model-1".to_owned()),
        ("leaderboard, 30 days", "&period=30d".to_owned()),
        ("leaderboard, by cost", "&sort=cost".to_owned()),
        ("leaderboard, by latency", "&sort=latency".to_owned()),
        ("leaderboard, by date", "&sort=date".to_owned()),
        ("leaderboard, old snapshot", format!("&snapshot={old}")),
    ] {
        read(name, board, &format!("?benchmark=bench-0{query}"));
    }
    read("leaderboard, second page", board, &format!("?{page}&cursor={cursor}"));
    read("leaderboard.csv", "/api/v1/leaderboard.csv", "?benchmark=bench-0");
    read("leaderboard.ndjson", "/api/v1/leaderboard.ndjson", "?benchmark=bench-0");
    let compare = |others: &str| format!("?benchmark=bench-0&a={model}&b={others}");
    read("compare two", "/api/v1/leaderboard/compare", &compare(&other));
    read("compare six", "/api/v1/leaderboard/compare", &compare(&others));
    read("pareto", "/api/v1/leaderboard/pareto", "?benchmark=bench-0");
    read("pareto, language", "/api/v1/leaderboard/pareto", "?benchmark=bench-0&language=l0");
    read("models", "/api/v1/models", "");
    read("one model", "/api/v1/models/{provider}/{name}", "");
    read("history", "/api/v1/models/{provider}/{name}/history", "");
    read("history on one benchmark", "/api/v1/models/{provider}/{name}/history", "?benchmark=bench-0");
    read("standings of a model", "/api/v1/models/{provider}/{name}/standings", "");
    read("standings", "/api/v1/standings", "");
    read("standings on one benchmark", "/api/v1/standings", "?benchmark=bench-0");
    read("benchmarks", "/api/v1/benchmarks", "");
    read("one benchmark, its versions", "/api/v1/benchmarks/{id}", "");
    read("a page of tasks", "/api/v1/benchmarks/{id}/versions/{version}/tasks", "?limit=15");
    read("health of a benchmark", "/api/v1/benchmarks/{id}/health", "");
    read("seals of a benchmark", "/api/v1/benchmarks/{id}/seals", "");
    read("seals of a version", "/api/v1/benchmarks/{id}/seals", "?version=1&status=sealed");
    read("one seal", "/api/v1/seals/{id}", "");
    read("one run", "/api/v1/runs/{id}", "");
    read("one run, for every_eval_ever", "/api/v1/runs/{id}/every-eval-ever", "");
    read("a page of results", "/api/v1/runs/{id}/results", "?limit=15");
    read("changes", "/api/v1/changes", "");
    read("changes of one benchmark", "/api/v1/changes", "?benchmark=bench-0");
    read("changes after one", "/api/v1/changes", &format!("?after={old}"));
    read("changes, nothing new", "/api/v1/changes", &format!("?benchmark=bench-0&after={newest}"));
    read("changes.atom", "/api/v1/changes.atom", "");
    read("results for the Hub", "/api/v1/models/{provider}/{name}/eval-results.yaml", "?benchmark=bench-0&dataset=a/b");
    read("head of the log", "/api/v1/log/head", "");
    read("leaves of changes", "/api/v1/log/leaves", "?limit=15");
    read("proof that a change is in the log", "/api/v1/log/proof/inclusion", &format!("?change={old}"));
    read("proof that the log was added to", "/api/v1/log/proof/consistency", "?from=1");
    read("badge", "/api/v1/badges/{provider}/{name}.svg", "?benchmark=bench-0");
    read("page to begin with, and its changes", "/", "");
    read("page of benchmarks", "/benchmarks", "");
    read("page of models", "/models", "");
    read("page of standings", "/standings", "");
    read("page of changes", "/changes", "");
    read("page to search on", "/search", "");
    read("map of the site", "/sitemap.xml", "");
    read("page of a provider's models", "/models", "?provider=maker-1");
    read("page of what was looked for", "/search", "?q=model-1");
    // The cursor points behind the last result, since the number of results on a page is not what is compared.
    read("page of a run", "/runs/{id}", "?cursor=WyJ6enoiLDFd");
    read("page, none named", "/leaderboard", "");
    read("page", "/leaderboard", "?benchmark=bench-0");
    read("page, language", "/leaderboard", "?benchmark=bench-0&language=l0");
    read("page of seals", "/leaderboard/seals", "?benchmark=bench-0");
    read("page of a model", "/leaderboard/models/{provider}/{name}", "");
    read("page of a comparison", "/leaderboard/compare", &compare(&other));
    read("the data set", "/api/v1/export", "");
    read("the data set in Croissant", "/api/v1/export/croissant", "");
    read("a page of the data set", "/api/v1/export/{table}", &format!("?{through}&limit=15"));
    reads
}

/// Returns the paths of the OpenAPI document under which anyone may read a leaderboard.
pub async fn described(simulation: &Simulation) -> Vec<String> {
    let (_, document) = simulation.call(Method::GET, "/openapi.json", None, None).await;
    let paths = document["paths"].as_object().expect("paths");
    let is_public = |path: &str, item: &Value| {
        let is_leaderboard = item["get"]["tags"][0] == "Leaderboard" || !path.starts_with("/api/");
        item["get"]["security"][0] == json!({}) && is_leaderboard
    };
    paths.iter().filter(|(path, item)| is_public(path, item)).map(|(path, _)| path.clone()).collect()
}
