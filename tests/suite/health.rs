//! What a benchmark still tells.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, unique},
    host::Host,
};
use serde_json::{Value, json};

use crate::compare::{assert_close, evalperf, ran, results};

cases![KeepsMail:
    tasks_that_tell_nothing_are_counted_and_named,
    published_scores_cannot_tell_two_models_apart,
    attempts_take_chance_away,
    counts_tell_as_much_as_they_can,
    private_tasks_are_counted_and_not_named,
    health_stays_with_its_snapshot,
    a_version_that_is_declared_anew_is_told_anew,
    a_page_says_what_a_benchmark_still_tells,
];

async fn health(publisher: &Publisher) -> Value {
    publisher.api.anonymous().get(path(publisher)).await.expect(200)
}

fn path(publisher: &Publisher) -> String {
    format!("/api/v1/benchmarks/{}/health", publisher.benchmark)
}

/// Three models on forty tasks: all pass the first ten, none the last five.
async fn three(publisher: &Publisher) -> [String; 3] {
    publisher.tasks(40).await;
    let mut models = Vec::new();
    for (name, passed) in [("a", 30), ("b", 20), ("c", 10)] {
        models.push(ran(publisher, name, results((0..40).map(|n| n < passed))).await);
    }
    models.try_into().expect("three")
}

async fn tasks_that_tell_nothing_are_counted_and_named(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(40).await;
    let empty = health(&publisher).await;
    assert_eq!((&empty["systems"], &empty["leaders"], &empty["snapshotId"]), (&json!(0), &Value::Null, &Value::Null));

    let publisher = Publisher::new(&host).await;
    let [a, b, _] = three(&publisher).await;
    let found = health(&publisher).await;
    assert_eq!(found["snapshotId"], publisher.leaderboard().await["snapshotId"]);
    assert_eq!((&found["tasks"], &found["systems"]), (&json!(40), &json!(3)));
    let names = |range: std::ops::RangeInclusive<u32>| range.map(|n| json!(format!("t{n}"))).collect::<Value>();
    assert_eq!(found["passedByAll"], json!({ "count": 10, "ids": names(1..=10) }));
    assert_eq!(found["passedByNone"], json!({ "count": 10, "ids": names(31..=40) }));
    assert_eq!(found["separating"], json!({ "systems": 3, "tasks": 20 }));
    let leaders = &found["leaders"];
    assert_eq!((&leaders["first"]["model"], &leaders["second"]["model"]), (&json!(a), &json!(b)));
    assert_eq!(leaders["discordant"], json!({ "aOnly": 10, "bOnly": 0 }));
    // scipy: sem of ten ones and thirty zeros is .0693375, which norm finds with a power of .950.
    assert_close(&leaders["standardError"], 0.069_337_525);
    assert_close(&leaders["power"], 0.950_075_634);
    assert_close(&leaders["detectableDifference"], 0.194_254_978);
    // (2.801585 · .0693375 / .25)² · 40 = 24.15: fewer than there are.
    assert_eq!((&leaders["tasksNeeded"], &leaders["moreTasks"]), (&json!(25), &json!(0)));
    assert_eq!(leaders["attemptsNeeded"], Value::Null, "each was tried once");
}

async fn published_scores_cannot_tell_two_models_apart(host: Host) {
    let publisher = Publisher::new(&host).await;
    let (tasks, [first, second]) = evalperf();
    publisher.version("1", json!({ "title": "EvalPerf", "metric": "pass_rate", "tasks": tasks })).await;
    ran(&publisher, "deepseek", first).await;
    ran(&publisher, "gpt-4o", second).await;
    let found = health(&publisher).await;
    let leaders = &found["leaders"];
    // scipy and statsmodels, on the per-task pass@1.
    assert_close(&leaders["difference"], 0.019_067_797);
    assert_close(&leaders["power"], 0.134_507_163);
    assert_close(&leaders["detectableDifference"], 0.063_379_746);
    assert_eq!((&leaders["tasksNeeded"], &leaders["moreTasks"]), (&json!(1304), &json!(1304 - 118)));
    assert_eq!(leaders["attemptsNeeded"], Value::Null, "the tasks differ too much for attempts to do");
}

async fn attempts_take_chance_away(host: Host) {
    let publisher = Publisher::new(&host).await;
    let tasks = (1..=40).map(|n| json!({ "id": format!("t{n}") })).collect::<Value>();
    let body = json!({ "title": "Tried twice", "metric": "pass_rate", "attemptsPerTask": 2, "tasks": tasks });
    publisher.version("1", body).await;
    // Every task comes out by chance alone: it passes once in two attempts, but for five that the first passes twice.
    let uploaded = |twice: usize| {
        let result = |n: usize, attempt: usize| {
            let passed = attempt == 1 || n < twice;
            let status = if passed { "success" } else { "failed" };
            json!({ "task": format!("t{}", n + 1), "attempt": attempt, "status": status, "score": u8::from(passed) })
        };
        (0..40).flat_map(|n| [result(n, 1), result(n, 2)]).collect::<Value>()
    };
    ran(&publisher, "a", uploaded(5)).await;
    ran(&publisher, "b", uploaded(0)).await;
    let found = health(&publisher).await;
    let leaders = &found["leaders"];
    assert_close(&leaders["difference"], 0.0625);
    // numpy: std(ddof=1)/√40 of five halves and 35 zeros.
    assert_close(&leaders["standardError"], 0.026_478_705);
    // Variance of an attempt: 35/40·1/2 and 1/2; nothing else varies. .9375/(40·(.0625/2.801585)²) = 47.09.
    assert_eq!(leaders["attemptsNeeded"], json!(48));
    assert_eq!(leaders["tasksNeeded"], json!(57));
}

async fn counts_tell_as_much_as_they_can(host: Host) {
    let publisher = Publisher::new(&host).await;
    let body = json!({ "title": "Counted", "metric": "pass_rate", "evidence": "counts", "taskCount": 225 });
    publisher.version("1", body).await;
    for correct in [198, 195] {
        let model = publisher.model(&format!("m{correct}")).await;
        let run = publisher.run(&model).await;
        let counts = json!({ "total": 225, "correctByAttempt": [correct] });
        publisher.api.put(format!("/api/v1/runs/{run}/counts")).json(counts).await.expect(200);
        publisher.publish(&run).await;
    }
    let path = format!("{}?version=1", path(&publisher));
    let found = publisher.api.anonymous().get(path).await.expect(200);
    for member in ["passedByAll", "passedByNone", "separating"] {
        assert_eq!(found[member], Value::Null, "{member}");
    }
    let leaders = &found["leaders"];
    // √(.88·.12/225 + .8667·.1333/225)
    assert_close(&leaders["standardError"], 0.031_351_453);
    assert_eq!((&leaders["method"], &leaders["tasksNeeded"]), (&json!("newcombe"), &json!(9765)));
}

async fn private_tasks_are_counted_and_not_named(host: Host) {
    let publisher = Publisher::new(&host).await;
    let secret = unique("secret");
    let tasks = (1..=20).map(|n| json!({ "id": format!("{secret}-{n}") })).collect::<Value>();
    let body = json!({ "title": "Private", "metric": "pass_rate", "privateTasks": true, "tasks": tasks });
    publisher.version("1", body).await;
    for (name, passed) in [("a", 15), ("b", 5)] {
        let mut results = passes(passed, 20);
        for (n, result) in results.as_array_mut().expect("results").iter_mut().enumerate() {
            result["task"] = json!(format!("{secret}-{}", n + 1));
        }
        ran(&publisher, name, results).await;
    }
    let found = health(&publisher).await;
    assert_eq!(found["passedByAll"], json!({ "count": 5, "ids": null }));
    assert!(!found.to_string().contains(&secret), "no task is named: {found}");
    let page = format!("/leaderboard?benchmark={}", publisher.benchmark);
    let page = publisher.api.anonymous().get(page).header("Accept", "text/html").await.text();
    assert!(page.contains("What this benchmark still tells") && !page.contains(&secret), "{page}");
}

async fn health_stays_with_its_snapshot(host: Host) {
    let publisher = Publisher::new(&host).await;
    three(&publisher).await;
    let api = publisher.api.anonymous();
    let (before, _) = api.get(path(&publisher)).and_unchanged().await;
    let tag = before.header("etag").expect("an ETag").to_owned();
    let before = before.expect(200);
    ran(&publisher, "d", results((0..40).map(|n| n >= 35))).await;
    let after = api.get(path(&publisher)).header("If-None-Match", &tag).await.expect(200);
    assert_eq!((&after["passedByAll"]["count"], &after["passedByNone"]["count"]), (&json!(0), &json!(5)));
    let snapshot = before["snapshotId"].as_str().expect("a snapshot");
    assert_eq!(api.get(format!("{}?snapshot={snapshot}", path(&publisher))).await.expect(200), before);

    let unknown = unique("unknown");
    api.get(format!("/api/v1/benchmarks/{unknown}/health")).await.problem(404, "not_found");
    api.get(format!("{}?version=nine", path(&publisher))).await.problem(404, "not_found");
    api.get(format!("{}?x=1", path(&publisher))).await.problem(400, "malformed_request");
}

/// Until something is published, no snapshot stands for what a version says of itself.
async fn a_version_that_is_declared_anew_is_told_anew(host: Host) {
    let publisher = Publisher::new(&host).await;
    let declare = async |tasks: usize, metric: &str| {
        let version = json!({ "title": "Anew", "metric": metric, "tasks": aibaas_tests::fixtures::tasks(tasks) });
        let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
        let answer = publisher.api.put(path).json(version).await;
        assert!(answer.status == 200 || answer.status == 201, "{answer}");
    };
    let api = publisher.api.anonymous();
    let pareto = format!("/api/v1/leaderboard/pareto?benchmark={}", publisher.benchmark);
    for path in [path(&publisher), pareto] {
        declare(2, "pass_rate").await;
        let (before, _) = api.get(&path).and_unchanged().await;
        let tag = before.header("etag").expect("an ETag").to_owned();
        declare(3, "score").await;
        assert_ne!(api.get(&path).header("If-None-Match", &tag).await.expect(200), before.expect(200), "{path}");
    }
}

async fn a_page_says_what_a_benchmark_still_tells(host: Host) {
    let publisher = Publisher::new(&host).await;
    three(&publisher).await;
    let page = |query: &str| {
        let path = format!("/leaderboard?benchmark={}{query}", publisher.benchmark);
        let api = publisher.api.anonymous();
        async move { api.get(path).header("Accept", "text/html").await.text() }
    };
    let whole = page("").await;
    for text in ["What this benchmark still tells", "leads", "25.0 percentage points", "<code>t40</code>"] {
        assert!(whole.contains(text), "{text}: {whole}");
    }
    assert!(!page("&q=nothing").await.contains("What this benchmark still tells"), "a filter shows rows alone");
}
