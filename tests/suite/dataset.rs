//! The public data set: exported from every host, and loaded into an empty native instance that answers the same.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use aibaas_tests::{
    Client, Publisher, cases, eventually,
    fixtures::unique,
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
    tools,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub mod files;

cases![KeepsMail:
    a_copy_gives_the_same_answers,
    an_export_is_of_one_moment_while_others_publish,
    pages_are_as_of_their_snapshot,
    private_things_stay_private,
    parameters_are_checked,
];

pub const TABLES: [&str; 14] = [
    "models",
    "benchmarks",
    "benchmark_versions",
    "benchmark_tasks",
    "seals",
    "runs",
    "results",
    "run_counts",
    "run_given_scores",
    "run_slices",
    "run_scores",
    "snapshots",
    "leaderboard_entries",
    "changes",
];

/// Runs a program, and returns whether it ended well and what it printed.
async fn run(program: std::process::Command, arguments: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::from(program).args(arguments).output().await.expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

async fn try_export(url: &str, dataset: &Path) -> (bool, String) {
    run(tools::client().expect("the client"), &["export", "--url", url, text(dataset)]).await
}

async fn export(url: &str, dataset: &Path) {
    let (well, said) = try_export(url, dataset).await;
    assert!(well && said.contains("14 tables"), "{said}");
}

async fn import(dataset: &Path, data: &Path) -> (bool, String) {
    run(native::command().expect("the server"), &["import", "dataset", text(dataset), "--data-dir", text(data)]).await
}

/// A native instance that was filled with a dataset of another.
struct Copy {
    host: Host,
    dataset: PathBuf,
    _server: Server,
    _folder: TempDir,
}

impl Copy {
    async fn of(url: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (dataset, data) = (folder.path().join("dataset"), folder.path().join("data"));
        // What is moderated while it is made contradicts itself, and whoever exports begins again.
        let mut said = String::new();
        for _ in 0..20 {
            let (exported, told) = try_export(url, &dataset).await;
            let (well, refusal) = if exported { import(&dataset, &data).await } else { (false, told) };
            if well {
                said.clear();
                break;
            }
            said = refusal;
            _ = std::fs::remove_dir_all(&dataset);
        }
        assert!(said.is_empty(), "{said}");
        let server = Server::start(&data, &Setup::KeepsMail.variables()).expect("it starts");
        let host = Host::at(Kind::Native, server.url.clone(), None);
        Self { host, dataset, _server: server, _folder: folder }
    }

    /// The rows of a table.
    fn rows(&self, table: &str) -> Vec<Value> {
        let file = std::fs::read_to_string(self.dataset.join(format!("{table}.ndjson"))).expect("the file");
        file.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// What differs between two instances that answer the same: nothing but the addresses that a feed is made of.
async fn answer(client: &Client, path: &str) -> (u16, Vec<(String, String)>, String) {
    let answer = client.get(path).await;
    let mut body = answer.text();
    let (_, rest) = body.split_once("<id>").unwrap_or_default();
    if let Some((base, _)) = rest.split_once("/api/v1/changes.atom") {
        body = body.replace(base, "");
    }
    (answer.status.as_u16(), answer.comparable_headers(), body)
}

pub async fn assert_same(one: &Host, other: &Host, paths: &[String]) {
    let (one, other) = (one.client(), other.client());
    for path in paths {
        let (was, is) = (answer(&one, path).await, answer(&other, path).await);
        assert_eq!(was.0, 200, "{path}: {}", was.2);
        assert_eq!((was.0, &was.2), (is.0, &is.2), "{path}");
        let told = |headers: &[(String, String)], name: &str| headers.iter().find(|header| header.0 == name).cloned();
        // Tags are each server's own: they also tell of its addresses, and of how far its moderation has come.
        for name in ["content-type", "link"] {
            assert_eq!(told(&was.1, name), told(&is.1, name), "{name} of {path}");
        }
    }
}

/// Everything that can be said of a benchmark: slices, several attempts and samples, clusters, odd numbers, parts, counts,
/// private tasks; a run that replaced another, one that was withdrawn, and things that nobody published on.
pub struct Everything {
    /// Whoever publishes it.
    pub publisher: Publisher,
    /// The first two have a run of versions 1 and 2 each.
    models: Vec<String>,
    runs: Vec<String>,
    withdrawn: String,
    private_runs: Vec<String>,
    open_run: String,
    secret: String,
}

impl Everything {
    pub async fn on(host: &Host) -> Self {
        let publisher = Publisher::new(host).await;
        let secret = unique("secret-task");
        let mut models = Vec::new();
        for name in ["a", "b", "c"] {
            models.push(publisher.model(name).await);
        }
        let priced = json!({
            "displayName": "Model ä \"quoted\" \u{1f980}", "contextWindow": 200_000, "inputUsdPerMtok": 0.1, "outputUsdPerMtok": 1.0 / 3.0,
            "licence": "MIT", "releasedOn": "2026-02", "trainingCutoff": "2026-01-31",
        });
        publisher.api.put(format!("/api/v1/models/{}", models[1])).json(priced).await.expect(200);

        let tasks = (0..24).map(|n| {
            let (language, difficulty) = (["rust", "go", "ü"][n % 3], ["easy", "hard"][n % 2]);
            json!({ "id": format!("t{n}"), "scenario": "edit", "language": language, "difficulty": difficulty, "cluster": format!("c{}", n / 2) })
        });
        let first = json!({
            "title": "All of it", "description": "Line\nbreak", "metric": "pass_rate", "chanceLevel": 0.25, "attemptsPerTask": 2,
            "tasksPublishedOn": "2025-12", "tasks": tasks.collect::<Value>(), "homepage": "https://example.com/all?a=1",
            "licence": "Apache-2.0", "citation": "@misc{all,\n title={All}}", "conditions": { "internet": false, "attempts": 2 },
        });
        publisher.version("1", first).await;
        let judged = json!({
            "title": "Judged", "metric": "score", "parts": [{ "id": "one", "weight": 2 }, { "id": "two", "weight": 0.1 }],
            "tasks": [{ "id": "x" }, { "id": "y" }, { "id": "z" }],
        });
        publisher.version("2", judged).await;
        publisher.version("3", json!({ "title": "Counted", "metric": "pass_rate", "evidence": "counts", "taskCount": 225, "attemptsPerTask": 2 })).await;
        let private = json!([{ "id": secret, "language": "rust" }, { "id": format!("{secret}-2") }]);
        publisher
            .version("4", json!({ "title": "Private", "metric": "pass_rate", "privateTasks": true, "tasks": private }))
            .await;
        publisher
            .version("5", json!({ "title": "Nobody yet", "metric": "pass_rate", "tasks": [{ "id": "lonely" }] }))
            .await;

        let part = json!([{ "id": "t0" }, { "id": "t1" }]);
        publisher.version("6", json!({ "title": "Smoke", "metric": "pass_rate", "partOf": "1", "tasks": part })).await;
        let given = json!({ "title": "Given", "metric": "score", "evidence": "score", "taskCount": 50, "unit": "s",
            "direction": "lower_is_better", "bounds": { "lower": 0 } });
        publisher.version("7", given).await;
        let marked = format!("/api/v1/benchmarks/{}/current-version", publisher.benchmark);
        publisher.api.put(marked).json(json!({ "version": "2" })).await.expect(200);

        let mut this = Self {
            publisher,
            models: models.clone(),
            runs: Vec::new(),
            withdrawn: String::new(),
            private_runs: Vec::new(),
            open_run: String::new(),
            secret: secret.clone(),
        };
        let mut seal = this.publisher.seal_body(&models[0]);
        seal["attempts"] = json!(2);
        this.publisher.api.post("/api/v1/seals").json(seal).await.expect(201);
        for (seed, model) in [(1_usize, &models[0]), (2, &models[1]), (3, &models[2]), (5, &models[0])] {
            let results = (0..24).flat_map(|task| [1_usize, 2].map(|attempt| (task, attempt))).map(|(task, attempt)| {
                let correct = (task * seed + attempt) % 4;
                let odd = |divisor: f64| f64::from(u32::try_from(task * 7 + attempt * seed + 1).expect("small")) / divisor;
                json!({
                    "task": format!("t{task}"), "attempt": attempt, "status": if correct > 0 { "success" } else { "failed" },
                    "score": f64::from(u32::try_from(correct).expect("small")) / 3.0, "samples": 3, "correct": correct,
                    "latencyMs": odd(0.7), "inputTokens": 1000 + task, "outputTokens": null, "costUsd": odd(3e7),
                })
            });
            let run = this.run("1", model).await;
            this.publisher.upload(&run, results.collect()).await;
            this.published(run).await;
        }
        for (model, scores) in [(&models[0], [0.1, 0.7, 1.0]), (&models[1], [1.0 / 3.0, 0.2, 0.9])] {
            let result = |(task, score): (&str, f64)| json!({ "task": task, "attempt": 1, "status": "success", "parts": { "one": score, "two": 0.3 } });
            let run = this.run("2", model).await;
            this.publisher.upload(&run, ["x", "y", "z"].into_iter().zip(scores).map(result).collect()).await;
            this.published(run).await;
        }
        let counted = this.run("3", &models[2]).await;
        let counts =
            json!({ "total": 225, "correctByAttempt": [70, 198], "costUsd": 29.0829, "meanLatencyMs": 194.0 / 3.0 });
        this.publisher.api.put(format!("/api/v1/runs/{counted}/counts")).json(counts).await.expect(200);
        this.published(counted).await;
        for (model, given) in [
            (&models[0], json!({ "score": 37.0 / 3.0, "standardError": 0.1, "samples": 100, "costUsd": 0.7 })),
            (&models[1], json!({ "score": 11, "interval": { "low": 10.5, "high": 11.7 }, "tasks": 49 })),
        ] {
            let run = this.run("7", model).await;
            this.publisher.api.put(format!("/api/v1/runs/{run}/score")).json(given).await.expect(200);
            this.published(run).await;
        }
        let hidden =
            |task: &str| json!({ "task": task, "attempt": 1, "status": "success", "score": 1, "costUsd": 0.5 });
        for model in &models[..2] {
            let run = this.run("4", model).await;
            this.publisher.upload(&run, json!([hidden(&secret), hidden(&format!("{secret}-2"))])).await;
            this.published(run.clone()).await;
            this.private_runs.push(run);
        }
        let withdrawn = this.runs[2].clone();
        this.withdraw(&withdrawn, "The harness was \"wrong\".\nAll of it.").await;
        this.withdrawn = withdrawn;
        this.open_run = this.run("1", &models[1]).await;
        let open = json!({ "task": "t0", "attempt": 1, "status": "failed", "score": 0, "latencyMs": 987_654.25 });
        this.publisher.upload(&this.open_run, json!([open])).await;
        this
    }

    async fn run(&self, version: &str, model: &str) -> String {
        let mut body = self.publisher.run_body(model);
        body["version"] = json!(version);
        body["generationConfig"] =
            json!({ "temperature": 0.30000000000000004, "nested": { "z": [1, 2.50, "é"], "a": null } });
        body["command"] = json!("run --all 'it'");
        body["dirty"] = json!(version == "1");
        body["attemptsPolicy"] = json!("best of 2");
        body["conditions"] = json!({ "internet": version == "1", "attempts": 2 });
        body["startedAt"] = json!("2026-01-02T03:04:05.678Z");
        body["externalId"] = json!(unique("external"));
        let run = self.publisher.api.post("/api/v1/runs").json(body).await.expect(201);
        run["id"].as_str().expect("an id").to_owned()
    }

    async fn published(&mut self, run: String) {
        self.publisher.publish(&run).await;
        self.runs.push(run);
    }

    async fn withdraw(&self, run: &str, reason: &str) {
        let body = json!({ "reason": reason });
        self.publisher.api.post(format!("/api/v1/runs/{run}/withdraw")).json(body).await.expect(200);
    }

    /// Every public read of this publisher's things.
    pub async fn reads(&self) -> Vec<String> {
        let benchmark = &self.publisher.benchmark;
        let api = self.publisher.api.anonymous();
        let changes = format!("/api/v1/changes?benchmark={benchmark}&limit=100");
        let log = api.get(&changes).await.expect(200);
        let mut paths = vec![
            changes,
            format!("/api/v1/changes.atom?benchmark={benchmark}"),
            format!("/api/v1/benchmarks/{benchmark}"),
        ];
        let made_snapshots = |change: &&Value| change["kind"] != "sealed";
        for change in log["data"].as_array().expect("changes").iter().filter(made_snapshots) {
            let (id, version) = (change["id"].as_str().expect("an id"), change["version"].as_str().expect("a version"));
            let of = format!("benchmark={benchmark}&version={version}&snapshot={id}");
            for form in ["leaderboard", "leaderboard.csv", "leaderboard.ndjson"] {
                paths.push(format!("/api/v1/{form}?{of}&limit=100"));
            }
            paths.push(format!("/api/v1/leaderboard/pareto?{of}"));
            if version == "1" {
                for slice in [
                    "language=rust",
                    "difficulty=hard&sort=cost",
                    "scenario=edit&language=%C3%BC",
                    "sort=latency&order=desc",
                ] {
                    paths.push(format!("/api/v1/leaderboard?{of}&limit=100&{slice}"));
                }
            }
            paths.push(format!("/api/v1/changes?benchmark={benchmark}&after={id}"));
        }
        paths.push(format!("/api/v1/leaderboard?benchmark={benchmark}"));
        for version in 1..=6 {
            paths.push(format!("/api/v1/leaderboard.csv?benchmark={benchmark}&version={version}"));
        }
        let (a, b) = (&self.models[0], &self.models[1]);
        for version in [1, 2] {
            paths.push(format!("/api/v1/leaderboard/compare?a={a}&b={b}&benchmark={benchmark}&version={version}"));
        }
        for model in &self.models {
            paths.extend([format!("/api/v1/models/{model}"), format!("/api/v1/models/{model}/history?limit=100")]);
        }
        for run in &self.runs {
            paths.push(format!("/api/v1/runs/{run}"));
            if !self.private_runs.contains(run) {
                paths.push(format!("/api/v1/runs/{run}/results?limit=100"));
            }
        }
        paths
    }
}

async fn a_copy_gives_the_same_answers(host: Host) {
    let everything = Everything::on(&host).await;
    let reads = everything.reads().await;
    assert!(reads.len() > 60, "{}", reads.len());
    let copy = Copy::of(host.url()).await;
    assert_same(&host, &copy.host, &reads).await;

    let api = copy.host.client();
    let private = format!("/api/v1/runs/{}/results", everything.private_runs[0]);
    api.get(private).await.problem(403, "private_tasks");
    let model = &everything.models[0];
    let compared = format!(
        "/api/v1/leaderboard/compare?a={model}&b={}&benchmark={}&version=4",
        everything.models[1], everything.publisher.benchmark
    );
    host.client().get(&compared).await.expect(200);
    api.get(&compared).await.problem(403, "private_tasks");
    api.get(format!("/api/v1/runs/{}", everything.open_run)).await.problem(404, "not_found");
    let mut check = std::process::Command::new("sha256sum");
    let checked =
        check.args(["--check", "--strict", "SHA256SUMS"]).current_dir(&copy.dataset).output().expect("sha256sum");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success() && said.lines().count() == 16, "{said}");
}

async fn an_export_is_of_one_moment_while_others_publish(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(6).await;
    let models = [publisher.model("a").await, publisher.model("b").await];
    publisher.published(&models[0], 3, 6).await;
    let ended = Arc::new(AtomicBool::new(false));
    let going_on = {
        let (publisher, models, ended) = (publisher.clone(), models.clone(), Arc::clone(&ended));
        tokio::spawn(async move {
            let mut last = None;
            for n in 0.. {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let run = publisher.published(&models[n % 2], n % 7, 6).await;
                if let Some(last) = last.replace(run).filter(|_| n % 3 == 0) {
                    let reason = json!({ "reason": "again" });
                    publisher.api.post(format!("/api/v1/runs/{last}/withdraw")).json(reason).await.expect(200);
                }
                // A benchmark has only so many versions.
                if n % 5 == 0 && n < 100 {
                    publisher
                        .version(
                            &format!("later-{n}"),
                            json!({ "title": "Later", "metric": "pass_rate", "tasks": [{ "id": "t" }] }),
                        )
                        .await;
                }
            }
        })
    };
    let benchmark = &publisher.benchmark;
    let until_more = async |than: usize| {
        let more = async || (changes(&host, benchmark).await.len() > than).then_some(());
        eventually("more is published", more).await;
    };
    until_more(3).await;
    let copy = Copy::of(host.url()).await;
    let all = changes(&copy.host, benchmark).await;
    until_more(all.len()).await;
    ended.store(true, Ordering::SeqCst);
    going_on.await.expect("it published on");

    // What is newest there was newest here once.
    let last = all[0]["id"].as_str().expect("a change").to_owned();
    let mut paths = Vec::new();
    for change in &all {
        paths.push(format!(
            "/api/v1/leaderboard?benchmark={benchmark}&version=1&limit=100&snapshot={}",
            change["id"].as_str().unwrap()
        ));
    }
    assert_same(&host, &copy.host, &paths).await;
    let newest = copy.host.client().get(publisher.leaderboard_path()).await;
    let then = host.client().get(format!("{}&snapshot={last}", publisher.leaderboard_path())).await;
    assert_eq!(newest.text(), then.text());

    // A run that was withdrawn later than that is as it was then.
    let ends = all.iter().filter(|change| change["kind"] == "withdrawn").count();
    let runs =
        copy.rows("runs").into_iter().filter(|run| run["benchmark_id"] == benchmark.as_str()).collect::<Vec<_>>();
    assert_eq!(runs.iter().filter(|run| run["status"] == "withdrawn").count(), ends);
    assert!(runs.iter().all(|run| (run["status"] == "withdrawn") == run["withdrawn_at"].is_i64()));
    assert_eq!(runs.len() + ends, all.len());
}

/// All changes of a benchmark, newest first.
async fn changes(host: &Host, benchmark: &str) -> Vec<Value> {
    let api = host.client();
    let first = format!("/api/v1/changes?benchmark={benchmark}&limit=100");
    let (mut all, mut path) = (Vec::new(), first.clone());
    loop {
        let page = api.get(&path).await.expect(200);
        all.extend(page["data"].as_array().expect("a list").iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { return all };
        path = format!("{first}&cursor={cursor}");
    }
}

/// Every row of a table, page by page.
async fn whole(host: &Host, table: &str, through: i64, limit: u32) -> Vec<Value> {
    let api = host.client();
    let mut rows = Vec::new();
    let mut next = Some(format!("/api/v1/export/{table}?through={through}&limit={limit}"));
    while let Some(path) = next {
        let page = api.get(path).await;
        page.expect(200);
        assert_eq!(page.media_type(), Some("application/x-ndjson"));
        let before = rows.len();
        rows.extend(page.text().lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")));
        assert!(rows.len() - before <= limit as usize);
        next = page.header("link").map(|link| {
            let (target, relation) = link.trim_start_matches('<').split_once('>').expect("a target");
            assert_eq!(relation, "; rel=\"next\"");
            target.to_owned()
        });
    }
    rows
}

async fn pages_are_as_of_their_snapshot(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("m").await;
    let first = publisher.published(&model, 2, 4).await;
    let manifest = host.client().get("/api/v1/export").header("Origin", "https://anywhere.example").await;
    assert_eq!(manifest.header("access-control-allow-origin"), Some("*"));
    assert_eq!(manifest.header("access-control-allow-credentials"), None);
    let manifest = manifest.expect(200);
    let names = manifest["tables"].as_array().unwrap().iter().map(|table| table["name"].as_str().unwrap());
    assert!(names.eq(TABLES), "{manifest}");
    let through = manifest["seq"].as_i64().unwrap();
    let snapshot = manifest["snapshotId"].as_str().unwrap().to_owned();

    let second = publisher.published(&model, 4, 4).await;
    let reason = json!({ "reason": "wrong" });
    publisher.api.post(format!("/api/v1/runs/{first}/withdraw")).json(reason).await.expect(200);
    let later = host.client().get("/api/v1/export").await.expect(200)["seq"].as_i64().unwrap();
    assert!(later >= through + 2);

    let own = |rows: Vec<Value>| rows.into_iter().filter(|row| row["model_id"] == model.as_str()).collect::<Vec<_>>();
    let runs = own(whole(&host, "runs", through, 1000).await);
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert_eq!((&runs[0]["id"], &runs[0]["status"]), (&json!(first), &json!("published")));
    assert!(runs[0]["reason"].is_null() && runs[0]["withdrawn_at"].is_null(), "{runs:?}");
    let entries = own(whole(&host, "leaderboard_entries", through, 1000).await);
    assert!(entries.len() == 1 && entries[0]["to_seq"].is_null(), "{entries:?}");
    assert_eq!(own(whole(&host, "changes", through, 1000).await).len(), 1);
    let snapshots = whole(&host, "snapshots", through, 1000).await;
    assert_eq!(snapshots.last().unwrap()["id"], snapshot);
    for table in ["results", "run_slices", "run_scores"] {
        let rows = whole(&host, table, through, 1000).await;
        assert!(
            rows.iter().any(|row| row["run_id"] == first) && !rows.iter().any(|row| row["run_id"] == second),
            "{table}"
        );
    }

    let runs = own(whole(&host, "runs", later, 1000).await);
    let status = |id: &str| runs.iter().find(|run| run["id"] == id).map(|run| run["status"].clone());
    assert_eq!((status(&first), status(&second)), (Some(json!("withdrawn")), Some(json!("published"))));

    // Small pages are the same as large ones, also while others publish.
    for table in ["leaderboard_entries", "run_slices", "changes"] {
        assert_eq!(whole(&host, table, through, 61).await, whole(&host, table, through, 1000).await, "{table}");
    }
}

async fn private_things_stay_private(host: Host) {
    let everything = Everything::on(&host).await;
    let folder = tempfile::tempdir().expect("a folder");
    let dataset = folder.path().join("dataset");
    export(host.url(), &dataset).await;
    let user = everything.publisher.user.api.get("/api/v1/users/me").await.expect(200);
    let (id, email) = (user["id"].as_str().unwrap(), user["email"].as_str().unwrap());
    let mut found_withdrawn = false;
    for table in TABLES {
        let file = std::fs::read_to_string(dataset.join(format!("{table}.ndjson"))).expect("the file");
        assert!(!file.contains(&everything.secret), "{table} tells a private task");
        assert!(!file.contains(&everything.open_run) && !file.contains("987654.25"), "{table} tells an open run");
        assert!(!file.contains(id) && !file.contains(email) && !file.contains("owner"), "{table} tells who it was");
        found_withdrawn |= table == "runs" && file.contains(&everything.withdrawn);
        if table == "run_scores" {
            let line = file.lines().find(|line| line.contains(&everything.private_runs[0])).expect("its aggregates");
            assert_eq!(serde_json::from_str::<Value>(line).unwrap()["scores"], json!([]));
        }
    }
    assert!(found_withdrawn);
}

async fn parameters_are_checked(host: Host) {
    let api = host.client();
    let seq = api.get("/api/v1/export").await.expect(200)["seq"].as_i64().unwrap();
    api.get(format!("/api/v1/export/users?through={seq}")).await.problem(404, "not_found");
    for query in [
        String::new(),
        "?through=-1".to_owned(),
        "?through=9007199254740991".to_owned(),
        "?through=x".to_owned(),
        format!("?through={seq}&limit=0"),
        format!("?through={seq}&limit=1001"),
        format!("?through={seq}&cursor=junk"),
        // A key of another kind, and one of too few parts.
        format!("?through={seq}&cursor=WzFd"),
        format!("?through={seq}&cursor=W10"),
        format!("?through={seq}&table=users"),
    ] {
        api.get(format!("/api/v1/export/runs{query}")).await.problem(400, "malformed_request");
    }
}
