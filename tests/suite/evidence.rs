//! What runs must bring, what is computed from it, and what is flagged.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, row, tasks, unique},
    host::Host,
    oracle::pass_at,
};
use serde_json::{Value, json};

cases![KeepsMail:
    what_reproducing_needs_is_named,
    nobody_sends_aggregates,
    coverage_is_of_every_attempt,
    pass_at_k_of_samples,
    pass_at_k_of_attempts,
    clustered_errors_are_millers,
    private_tasks_are_told_in_aggregates_only,
    models_trained_later_are_flagged,
    other_flags,
    a_thousand_results_come_in_whole,
];

async fn what_reproducing_needs_is_named(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let needed = ["model", "benchmark", "version", "harness", "harnessVersion", "evaluatorRelationship"];
    for member in needed {
        let mut body = publisher.run_body(&model);
        body.as_object_mut().expect("an object").remove(member);
        publisher.api.post("/api/v1/runs").json(body).await.invalid(&format!("/{member}"));
        if member != "model" && member != "benchmark" && member != "version" {
            let mut body = publisher.run_body(&model);
            body[member] = json!("");
            publisher.api.post("/api/v1/runs").json(body).await.invalid(&format!("/{member}"));
        }
    }
    let problem = publisher.api.post("/api/v1/runs").json(json!({})).await.problem(422, "validation_failed");
    assert!(!problem["errors"].as_array().expect("errors").is_empty());
    let given = json!({
        "dirty": true, "promptHash": "sha256:9f86d081", "generationConfig": { "temperature": 0.2, "seed": 7 },
        "attemptsPolicy": "one try", "command": "evaluate --model m", "completedAt": "2026-01-02T03:04:05.678Z",
    });
    let run = publisher.run_of(&model, given.clone()).await;
    publisher.upload(&run, passes(2, 2)).await;
    publisher.publish(&run).await;
    let shown = publisher.api.anonymous().get(format!("/api/v1/runs/{run}")).await.expect(200);
    for (name, value) in given.as_object().expect("members") {
        assert_eq!(shown[name], *value, "{name}");
    }
}

async fn nobody_sends_aggregates(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    for member in ["score", "aggregates", "correct", "total", "status", "publishedAt", "rank", "costUsd", "flags"] {
        let mut body = publisher.run_body(&model);
        body[member] = json!(1);
        publisher.api.post("/api/v1/runs").json(body).await.invalid(&format!("/{member}"));
    }
    let run = publisher.run(&model).await;
    let upload = json!({ "results": passes(2, 2), "score": 1 });
    publisher.api.post(format!("/api/v1/runs/{run}/results")).json(upload).await.problem(422, "validation_failed");
    for member in ["rank", "weight", "mean", "passAtK"] {
        let mut results = passes(2, 2);
        results[1][member] = json!(1);
        let answer = publisher.api.post(format!("/api/v1/runs/{run}/results")).json(results).await;
        answer.invalid(&format!("/1/{member}"));
    }
    let results = publisher.api.get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    assert_eq!(results["data"], json!([]));
}

async fn coverage_is_of_every_attempt(host: Host) {
    let publisher = Publisher::new(&host).await;
    let version = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(3), "attemptsPerTask": 2 });
    publisher.version("1", version).await;
    let model = publisher.model("m").await;
    let run = publisher.run(&model).await;
    publisher.upload(&run, passes(2, 3)).await;
    let path = format!("/api/v1/runs/{run}/publish");
    let missing = publisher.api.post(&path).await.problem(422, "incomplete_run")["missing"].clone();
    assert_eq!(missing, (1..=3).map(|n| json!({ "task": format!("t{n}"), "attempt": 2 })).collect::<Value>());
    let third = json!([{ "task": "t1", "attempt": 3, "status": "success", "score": 1 }]);
    publisher.api.post(format!("/api/v1/runs/{run}/results")).json(third).await.invalid("/0/task");
    assert_eq!(publisher.leaderboard().await["data"], json!([]), "nothing is published in part");
    assert_eq!(publisher.changes().await, Vec::<Value>::new());
    let second = (1..=3).map(|n| json!({ "task": format!("t{n}"), "attempt": 2, "status": "failed", "score": 0 }));
    publisher.upload(&run, second.collect()).await;
    publisher.publish(&run).await;
    let leaderboard = publisher.leaderboard().await;
    assert_eq!([&row(&leaderboard, &model)["correct"], &row(&leaderboard, &model)["total"]], [2, 6]);
}

/// Publishes tasks of these samples and passes, and gives what the run says of pass@k.
async fn pass_at_k(publisher: &Publisher, attempts: u32, tries: &[&[(u32, u32)]]) -> Value {
    let publisher = publisher.another();
    let version =
        json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(tries.len()), "attemptsPerTask": attempts });
    publisher.version("1", version).await;
    let mut results = Vec::new();
    for (task, tries) in tries.iter().enumerate() {
        for (attempt, (samples, correct)) in tries.iter().enumerate() {
            results.push(json!({
                "task": format!("t{}", task + 1), "attempt": attempt + 1, "status": "success", "samples": samples,
                "correct": correct, "score": f64::from(*correct) / f64::from(*samples),
            }));
        }
    }
    let run = publisher.publish_results(&publisher.model("m").await, json!(results)).await;
    publisher.api.anonymous().get(format!("/api/v1/runs/{run}")).await.expect(200)["aggregates"].clone()
}

#[track_caller]
fn assert_rates(aggregates: &Value, expected: &[(&str, f64)]) {
    let shown = aggregates["passAtK"].as_object().unwrap_or_else(|| panic!("no rates: {aggregates}"));
    assert_eq!(shown.len(), expected.len(), "{aggregates}");
    for (k, rate) in expected {
        let close = shown.get(*k).and_then(Value::as_f64).is_some_and(|shown| (shown - rate).abs() < 1e-9);
        assert!(close, "pass@{k} is {rate}: {aggregates}");
    }
}

async fn pass_at_k_of_samples(host: Host) {
    // The oracle first, by the known answers of Chen 2021's estimator.
    for (samples, correct, k, rate) in
        [(5, 2, 2, 0.7), (10, 3, 5, 0.916_667), (100, 32, 10, 0.983_204), (10, 8, 3, 1.0), (10, 0, 5, 0.0)]
    {
        assert!((pass_at(samples, correct, k) - rate).abs() < 5e-7, "({samples}, {correct}, {k})");
    }
    let publisher = Publisher::new(&host).await;
    let one = pass_at_k(&publisher, 1, &[&[(10, 3)]]).await;
    assert_rates(&one, &[("1", 0.3), ("5", pass_at(10, 3, 5)), ("10", 1.0)]);
    assert!((one["passAtK"]["5"].as_f64().expect("a rate") - 0.916_667).abs() < 5e-7);
    let many = pass_at_k(&publisher, 1, &[&[(100, 32)], &[(100, 0)], &[(200, 200)]]).await;
    let mean = |k| (pass_at(100, 32, k) + 0.0 + 1.0) / 3.0;
    assert_rates(&many, &[("1", mean(1)), ("5", mean(5)), ("10", mean(10)), ("100", mean(100))]);
    assert_eq!([&many["tasks"], &many["correct"], &many["total"]], [3, 232, 400]);
    // For those k only that every task has samples for.
    let uneven = pass_at_k(&publisher, 1, &[&[(100, 1)], &[(5, 2)]]).await;
    assert_rates(&uneven, &[("1", (0.01 + 0.4) / 2.0), ("5", (pass_at(100, 1, 5) + 1.0) / 2.0)]);
}

async fn pass_at_k_of_attempts(host: Host) {
    let publisher = Publisher::new(&host).await;
    let pooled = pass_at_k(&publisher, 2, &[&[(5, 1), (5, 2)], &[(5, 0), (5, 0)]]).await;
    assert_rates(&pooled, &[("1", 0.15), ("5", pass_at(10, 3, 5) / 2.0), ("10", 0.5)]);
    let single = pass_at_k(&publisher, 1, &[&[(1, 1)], &[(1, 0)]]).await;
    assert_rates(&single, &[("1", 0.5)]);
    let scored = publisher.another();
    scored.version("1", json!({ "title": "S", "metric": "score", "tasks": tasks(1) })).await;
    let run = scored.published(&scored.model("m").await, 1, 1).await;
    let shown = scored.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!(shown["aggregates"]["passAtK"], Value::Null, "a score is no pass");
}

/// Twenty clusters of statistics.md's four, whose standard error is known: √20 clusters of the same deviations.
async fn clustered_errors_are_millers(host: Host) {
    let publisher = Publisher::new(&host).await;
    let clusters: [&[u8]; 4] = [&[1, 1, 0], &[0, 0], &[1, 1, 1, 1], &[0]];
    let (mut tasks, mut results) = (Vec::new(), Vec::new());
    for repeat in 0..5 {
        for (cluster, scores) in clusters.iter().enumerate() {
            for score in *scores {
                let id = format!("t{}", tasks.len());
                results.push(json!({ "task": id, "attempt": 1, "status": "success", "score": score }));
                tasks.push(json!({ "id": id, "cluster": format!("{repeat}/{cluster}") }));
            }
        }
    }
    publisher.version("1", json!({ "title": "Clustered", "metric": "pass_rate", "tasks": tasks })).await;
    let model = publisher.model("m").await;
    publisher.publish_results(&model, json!(results)).await;
    // .209762 of the four without the correction; five times as many have √5 of it less; then the correction for 20.
    let error = 0.209_761_769_6 / 5.0_f64.sqrt() * (20.0_f64 / 19.0).sqrt();
    let leaderboard = publisher.leaderboard().await;
    let row = row(&leaderboard, &model);
    let half = 1.959_963_984_540_054 * error;
    for (member, expected) in [("score", 0.6), ("scoreLow", 0.6 - half), ("scoreHigh", 0.6 + half)] {
        assert!((row[member].as_f64().expect("a number") - expected).abs() < 1e-8, "{member} is {expected}: {row}");
    }
}

async fn private_tasks_are_told_in_aggregates_only(host: Host) {
    let publisher = Publisher::new(&host).await;
    let secret = unique("secret");
    let language = |n: usize| match n {
        1..10 => "go",
        10..20 => "rust",
        _ => "zig",
    };
    let task = |n: usize| json!({ "id": format!("{secret}-{n}"), "language": language(n), "cluster": format!("repository-{secret}") });
    let tasks = (1..=31).map(task).collect::<Value>();
    let body = json!({ "title": "Private", "metric": "pass_rate", "tasks": tasks, "privateTasks": true });
    publisher.version("1", body.clone()).await;
    // Declared again it is the same, and who declares it knows it already.
    let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    publisher.api.put(&path).json(body).await.expect(200);
    let results = |correct: usize| {
        let mut results = passes(correct, 31);
        for n in 0..31 {
            results[n]["task"] = json!(format!("{secret}-{}", n + 1));
        }
        results
    };
    let models = [publisher.model("a").await, publisher.model("b").await];
    let mut runs = Vec::new();
    for (model, correct) in models.iter().zip([31, 1]) {
        runs.push(publisher.publish_results(model, results(correct)).await);
    }
    let api = publisher.api.anonymous();
    for reader in [&api, &publisher.api] {
        reader.get(format!("/api/v1/runs/{}/results", runs[0])).await.problem(403, "private_tasks");
    }
    let benchmark = api.get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await;
    let version = &benchmark.expect(200)["versions"][0];
    assert_eq!((&version["privateTasks"], &version["taskCount"]), (&json!(true), &json!(31)));
    let tasks = format!("/api/v1/benchmarks/{}/versions/1/tasks", publisher.benchmark);
    for reader in [&api, &publisher.api] {
        reader.get(&tasks).await.problem(403, "private_tasks");
    }
    assert_eq!(version["slices"]["language"], json!(["go", "rust", "zig"]));
    let leaderboard = api.get(format!("{}&language=zig", publisher.leaderboard_path())).await;
    assert_eq!(row(&leaderboard.expect(200), &models[1])["correct"], 0);
    // A slice of fewer than ten tasks would tell of single ones, and another one of these, taken from the whole.
    let small = api.get(format!("{}&language=go", publisher.leaderboard_path())).await;
    assert_eq!(small.expect(200)["data"], json!([]));
    let next = api.get(format!("{}&language=rust", publisher.leaderboard_path())).await;
    assert_eq!(next.expect(200)["data"], json!([]));
    let compared =
        format!("/api/v1/leaderboard/compare?benchmark={}&a={}&b={}", publisher.benchmark, models[0], models[1]);
    let compared = api.get(compared).await;
    let slices = compared.expect(200)["comparisons"][0]["slices"].clone();
    assert_eq!(slices.as_array().map(Vec::len), Some(1));
    assert_eq!(slices[0]["value"], "zig");
    // Whoever declared the tasks is told which are missing; others only that some are.
    let own = publisher.run(&models[0]).await;
    let missing = publisher.api.post(format!("/api/v1/runs/{own}/publish")).await.problem(422, "incomplete_run");
    assert_eq!(missing["missing"].as_array().map(Vec::len), Some(31));
    let other = Publisher::new(&host).await;
    let mut foreign = other.run_body(&other.model("m").await);
    foreign["benchmark"] = json!(publisher.benchmark);
    let run_of_other =
        other.api.post("/api/v1/runs").json(foreign).await.expect(201)["id"].as_str().expect("an id").to_owned();
    let refused = other.api.post(format!("/api/v1/runs/{run_of_other}/publish")).await;
    assert_eq!(refused.problem(422, "incomplete_run")["missing"], json!([]));
    let run = api.get(format!("/api/v1/runs/{}", runs[0])).await;
    assert_eq!(run.expect(200)["aggregates"]["score"], 1.0);
    let feed = api.get(format!("/api/v1/changes?benchmark={}", publisher.benchmark)).await;
    for answer in [&benchmark, &leaderboard, &run, &feed, &small, &compared, &refused] {
        assert!(!answer.text().contains(&secret), "a task is told: {answer}");
    }
}

async fn models_trained_later_are_flagged(host: Host) {
    let publisher = Publisher::new(&host).await;
    let flagged = async |published: Value, cutoff: Value| {
        let publisher = publisher.another();
        let mut version = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(1) });
        version["tasksPublishedOn"] = published;
        publisher.version("1", version).await;
        let model = format!("{}/m", publisher.provider);
        let body = json!({ "displayName": "M", "trainingCutoff": cutoff });
        publisher.api.put(format!("/api/v1/models/{model}")).json(body).await.expect(201);
        publisher.published(&model, 1, 1).await;
        let leaderboard = publisher.leaderboard().await;
        row(&leaderboard, &model)["flags"].as_array().expect("flags").contains(&json!("contamination"))
    };
    for (published, cutoff, expected) in [
        (json!("2024-06-15"), json!("2025-01-01"), true),
        (json!("2024-06-15"), json!("2024-06-15"), true),
        (json!("2024-06-15"), json!("2024-06-14"), false),
        (json!("2024-06"), json!("2024-07"), true),
        (json!("2024-06"), json!("2024-05"), false),
        (json!("2024-06"), json!("2024-05-31"), false),
        (json!("2024-06-15"), json!("2023-12"), false),
        (json!("2024-06-15"), Value::Null, false),
        (Value::Null, json!("2025-01-01"), false),
    ] {
        assert_eq!(flagged(published.clone(), cutoff.clone()).await, expected, "{published} {cutoff}");
    }
    for odd in ["2024-13", "2024-02-30", "2024", "soon", ""] {
        let version = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(1), "tasksPublishedOn": odd });
        let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
        publisher.api.put(path).json(version).await.invalid("/tasksPublishedOn");
    }
}

async fn other_flags(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let flags = async |name: &str, members: Value, cost: Option<f64>| {
        let model = publisher.model(name).await;
        let run = publisher.run_of(&model, members).await;
        let mut results = passes(1, 2);
        if let Some(cost) = cost {
            results[0]["costUsd"] = json!(cost);
            results[1]["costUsd"] = json!(cost);
        }
        publisher.upload(&run, results).await;
        publisher.publish(&run).await;
        let leaderboard = publisher.leaderboard().await;
        let mut flags = row(&leaderboard, &model)["flags"].as_array().expect("flags").clone();
        flags.sort_by_key(Value::to_string);
        json!(flags)
    };
    assert_eq!(flags("plain", json!({}), Some(0.5)).await, json!([]));
    assert_eq!(flags("costless", json!({}), None).await, json!(["missing_cost"]));
    assert_eq!(flags("free", json!({}), Some(0.0)).await, json!(["missing_cost"]), "zero is unknown, not free");
    let own = json!({ "evaluatorRelationship": "self_reported" });
    assert_eq!(flags("own", own, Some(0.5)).await, json!(["self_reported"]));
    assert_eq!(flags("dirty", json!({ "dirty": true }), Some(0.5)).await, json!(["dirty_harness"]));
    assert_eq!(flags("unpinned", json!({ "commit": null }), Some(0.5)).await, json!(["unpinned"]));
    let best = json!({ "attemptsPolicy": "best_of_5" });
    assert_eq!(flags("best", best, Some(0.5)).await, json!(["best_of_n"]));
    let twice = json!({ "attemptsPolicy": "2 attempts, the second with the test output" });
    assert_eq!(flags("twice", twice, Some(0.5)).await, json!([]));
    let all = json!({ "attemptsPolicy": "best of 3", "dirty": true, "evaluatorRelationship": "self_reported" });
    let expected = json!(["best_of_n", "dirty_harness", "missing_cost", "self_reported"]);
    assert_eq!(flags("all", all, None).await, expected);
}

/// As large as an upload may be, with one result in it that does not fit: nothing is stored; then everything is.
async fn a_thousand_results_come_in_whole(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1000).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let path = format!("/api/v1/runs/{run}/results");
    let mut results = passes(500, 1000);
    for result in results.as_array_mut().expect("results") {
        result["latencyMs"] = json!(1234.5);
        result["costUsd"] = json!(0.001);
        result["inputTokens"] = json!(100);
    }
    let mut broken = results.clone();
    broken[999]["task"] = json!("t1001");
    publisher.api.post(&path).json(broken).await.refused("/999/task", "unknown_task");
    assert_eq!(publisher.api.get(&path).await.expect(200)["data"], json!([]));
    let accepted = publisher.api.post(&path).json(results.clone()).await.expect(200);
    assert_eq!(accepted, json!({ "accepted": 1000, "repeated": 0 }));
    let again = publisher.api.post(&path).json(results.clone()).await.expect(200);
    assert_eq!(again, json!({ "accepted": 0, "repeated": 1000 }));
    results[0]["costUsd"] = json!(0.002);
    results[700]["score"] = json!(1);
    results[700]["status"] = json!("success");
    let problem = publisher.api.post(&path).json(results).await.problem(409, "conflicting_results");
    assert_eq!(problem["conflicts"], json!([{ "task": "t1", "attempt": 1 }, { "task": "t701", "attempt": 1 }]));
    publisher.publish(&run).await;
    let shown = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!([&shown["aggregates"]["tasks"], &shown["aggregates"]["correct"]], [1000, 500]);
    assert!((shown["aggregates"]["costUsd"].as_f64().expect("a sum") - 1.0).abs() < 1e-9);
}
