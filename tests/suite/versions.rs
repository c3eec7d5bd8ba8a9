//! Which version a benchmark is read by, which benchmark is read where none is named, and what versions say of themselves.

use aibaas_tests::{
    Answer, Publisher, cases,
    client::Client,
    fixtures::{User, admin, passes, row, tasks},
    host::Host,
};
use serde_json::{Value, json};

cases![KeepsMail:
    a_part_is_neither_the_default_nor_what_describes_the_benchmark,
    a_part_of_a_whole_that_is_not_declared_is_no_default,
    the_first_whole_version_is_current_until_another_is_marked,
    a_part_and_a_second_scoring_have_the_tasks_of_a_whole_version,
    counts_never_displace_results,
    only_the_owner_marks_the_current_version,
    the_featured_benchmark_is_read_where_none_is_named,
    a_version_says_where_to_read_more,
    other_conditions_are_flagged_and_filtered,
];

async fn put(publisher: &Publisher, version: &str, tasks: Value, members: Value) -> Answer {
    let mut body = json!({ "title": version, "metric": "pass_rate", "tasks": tasks });
    for (name, value) in members.as_object().expect("members") {
        body[name] = value.clone();
    }
    publisher.api.put(format!("/api/v1/benchmarks/{}/versions/{version}", publisher.benchmark)).json(body).await
}

async fn mark(api: &Client, benchmark: &str, version: &str) -> Answer {
    api.put(format!("/api/v1/benchmarks/{benchmark}/current-version")).json(json!({ "version": version })).await
}

/// The version that each read takes which names none: they agree.
async fn read_by(publisher: &Publisher) -> Value {
    let (api, id) = (publisher.api.anonymous(), &publisher.benchmark);
    let benchmark = api.get(format!("/api/v1/benchmarks/{id}")).await.expect(200);
    let board = api.get(format!("/api/v1/leaderboard?benchmark={id}")).await.expect(200);
    let pareto = api.get(format!("/api/v1/leaderboard/pareto?benchmark={id}")).await.expect(200);
    let csv = api.get(format!("/api/v1/leaderboard.csv?benchmark={id}")).await;
    let named = board["version"].as_str().expect("a version");
    let csv_named = api.get(format!("/api/v1/leaderboard.csv?benchmark={id}&version={named}")).await;
    assert_eq!(csv.text(), csv_named.text());
    assert_eq!((&benchmark["currentVersion"], &pareto["version"]), (&board["version"], &board["version"]));
    board["version"].clone()
}

async fn publish(publisher: &Publisher, model: &str, version: &str, total: usize) {
    let run = publisher.run_of(model, json!({ "version": version })).await;
    publisher.upload(&run, passes(total / 2, total)).await;
    publisher.publish(&run).await;
}

async fn a_part_is_neither_the_default_nor_what_describes_the_benchmark(host: Host) {
    let publisher = Publisher::new(&host).await;
    let model = publisher.model("m").await;
    put(&publisher, "whole", tasks(40), json!({})).await.expect(201);
    publish(&publisher, &model, "whole", 40).await;
    let smoke = put(&publisher, "smoke", tasks(10), json!({ "partOf": "whole" })).await.expect(201);
    assert_eq!((&smoke["partOf"], &smoke["otherScoringOf"]), (&json!("whole"), &Value::Null));
    put(&publisher, "strict", tasks(40), json!({ "otherScoringOf": "whole" })).await.expect(201);
    publish(&publisher, &model, "smoke", 10).await;
    publish(&publisher, &model, "strict", 40).await;

    assert_eq!(read_by(&publisher).await, "whole");
    let (api, id) = (publisher.api.anonymous(), &publisher.benchmark);
    let benchmark = api.get(format!("/api/v1/benchmarks/{id}")).await.expect(200);
    assert_eq!(benchmark["title"], "whole", "it is described by its current version");
    for version in ["smoke", "strict"] {
        mark(&publisher.api, id, version).await.problem(409, "version_not_whole");
    }
    assert_eq!(read_by(&publisher).await, "whole");
    let text = |path: String| {
        let api = api.clone();
        async move { api.get(path).await.text() }
    };
    let page = text(format!("/leaderboard?benchmark={id}")).await;
    assert!(page.contains("whole (current)"), "{page}");
    let links = ["whole", "strict", "smoke"].map(|version| page.find(&format!("version={version}\"")).expect(version));
    assert!(links.is_sorted(), "whole versions first");
    assert!(text(format!("/leaderboard?benchmark={id}&version=smoke")).await.contains("10 of 40 tasks of version"));
    assert!(
        text(format!("/leaderboard?benchmark={id}&version=strict")).await.contains("second scoring of the tasks of")
    );
}

async fn a_part_of_a_whole_that_is_not_declared_is_no_default(host: Host) {
    let publisher = Publisher::new(&host).await;
    let (model, id) = (publisher.model("m").await, publisher.benchmark.clone());
    let smoke = put(&publisher, "smoke", tasks(10), json!({ "wholeTaskCount": 40 })).await.expect(201);
    assert_eq!((&smoke["wholeTaskCount"], &smoke["partOf"]), (&json!(40), &Value::Null));
    publish(&publisher, &model, "smoke", 10).await;
    let api = publisher.api.anonymous();
    let problem = api.get(format!("/api/v1/leaderboard?benchmark={id}")).await.problem(400, "version_required");
    assert_eq!(problem["choices"], json!(["smoke"]));
    mark(&publisher.api, &id, "smoke").await.problem(409, "version_not_whole");
    let page = api.get(format!("/leaderboard?benchmark={id}&version=smoke")).await.text();
    assert!(page.contains("10 of 40 tasks."), "{page}");

    put(&publisher, "whole", tasks(40), json!({})).await.expect(201);
    publish(&publisher, &model, "whole", 40).await;
    assert_eq!(read_by(&publisher).await, "whole");
    for (members, tasks) in [
        (json!({ "wholeTaskCount": 10 }), tasks(10)),
        (json!({ "wholeTaskCount": 0 }), tasks(1)),
        (json!({ "wholeTaskCount": 40, "partOf": "whole" }), tasks(10)),
        (json!({ "wholeTaskCount": 40, "otherScoringOf": "whole" }), tasks(40)),
    ] {
        let refused = put(&publisher, "bad", tasks, members).await.problem(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], "/wholeTaskCount");
    }
}

async fn the_first_whole_version_is_current_until_another_is_marked(host: Host) {
    let publisher = Publisher::new(&host).await;
    let (model, id) = (publisher.model("m").await, publisher.benchmark.clone());
    put(&publisher, "1", tasks(3), json!({})).await.expect(201);
    put(&publisher, "2", tasks(4), json!({})).await.expect(201);
    publish(&publisher, &model, "2", 4).await;
    assert_eq!(read_by(&publisher).await, "1", "neither a later declaration nor a publication displaces it");
    for _ in 0..2 {
        assert_eq!(mark(&publisher.api, &id, "2").await.expect(200), json!({ "version": "2" }));
        assert_eq!(read_by(&publisher).await, "2");
    }
    let version_1 = publisher.api.anonymous().get(format!("/leaderboard?benchmark={id}&version=1")).await.text();
    assert!(version_1.contains("The current version of this benchmark is"), "{version_1}");

    // Whoever began with the smoke test says so later.
    let other = publisher.another();
    put(&other, "smoke", tasks(2), json!({})).await.expect(201);
    put(&other, "full", tasks(4), json!({})).await.expect(201);
    assert_eq!(read_by(&other).await, "smoke");
    put(&other, "smoke", tasks(2), json!({ "partOf": "full" })).await.expect(200);
    assert_eq!(read_by(&other).await, "full");
}

async fn a_part_and_a_second_scoring_have_the_tasks_of_a_whole_version(host: Host) {
    let publisher = Publisher::new(&host).await;
    put(&publisher, "whole", tasks(4), json!({})).await.expect(201);
    put(&publisher, "part", tasks(2), json!({ "partOf": "whole" })).await.expect(201);
    let strangers = json!([{ "id": "t1" }, { "id": "x" }]);
    let strange_four = json!([{ "id": "t1" }, { "id": "t2" }, { "id": "t3" }, { "id": "x" }]);
    for (why, tasks, members, pointer) in [
        ("unknown", tasks(2), json!({ "partOf": "nothing" }), "/partOf"),
        ("itself", tasks(2), json!({ "partOf": "new" }), "/partOf"),
        ("a part", tasks(1), json!({ "partOf": "part" }), "/partOf"),
        ("no slug", tasks(1), json!({ "partOf": "a b" }), "/partOf"),
        ("all of it", tasks(4), json!({ "partOf": "whole" }), "/partOf"),
        ("other tasks", strangers, json!({ "partOf": "whole" }), "/partOf"),
        ("fewer", tasks(3), json!({ "otherScoringOf": "whole" }), "/otherScoringOf"),
        ("other tasks", strange_four, json!({ "otherScoringOf": "whole" }), "/otherScoringOf"),
        ("of a part", tasks(2), json!({ "otherScoringOf": "part" }), "/otherScoringOf"),
        ("both", tasks(4), json!({ "partOf": "whole", "otherScoringOf": "whole" }), "/otherScoringOf"),
    ] {
        let problem = put(&publisher, "new", tasks, members).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{why}");
    }
    let versions = publisher.api.get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await.expect(200);
    assert_eq!(versions["versions"].as_array().map(Vec::len), Some(2), "what is refused leaves nothing");
    // What others lean on stays as it is.
    put(&publisher, "whole", tasks(5), json!({})).await.problem(409, "version_in_use");
    put(&publisher, "whole", tasks(4), json!({})).await.expect(200);
}

async fn counts_never_displace_results(host: Host) {
    let publisher = Publisher::new(&host).await;
    let (api, id) = (publisher.api.anonymous(), publisher.benchmark.clone());
    let counts = |version: &'static str| {
        let publisher = publisher.clone();
        async move {
            let body = json!({ "title": version, "metric": "pass_rate", "evidence": "counts", "taskCount": 10 });
            publisher.version(version, body).await;
        }
    };
    counts("a").await;
    assert_eq!(read_by(&publisher).await, "a", "the only one");
    counts("b").await;
    let board = format!("/api/v1/leaderboard?benchmark={id}");
    let problem = api.get(&board).await.problem(400, "version_required");
    assert_eq!(problem["choices"], json!(["b", "a"]));
    assert!(problem["detail"].as_str().unwrap().contains("b, a"), "{problem}");
    let shown = api.get(format!("/api/v1/benchmarks/{id}")).await.expect(200);
    assert_eq!(shown["currentVersion"], Value::Null);
    let page = api.get(format!("/leaderboard?benchmark={id}")).await;
    assert!(page.status == 200 && page.text().contains(&format!("benchmark={id}&amp;version=a")), "{page}");
    mark(&publisher.api, &id, "a").await.expect(200);
    assert_eq!(read_by(&publisher).await, "a");

    put(&publisher, "tasks", tasks(2), json!({})).await.expect(201);
    assert_eq!(read_by(&publisher).await, "tasks", "results displace counts");
    counts("c").await;
    let model = publisher.model("m").await;
    let run = publisher.run_of(&model, json!({ "version": "c" })).await;
    let body = json!({ "total": 10, "correctByAttempt": [4] });
    publisher.api.put(format!("/api/v1/runs/{run}/counts")).json(body).await.expect(200);
    publisher.publish(&run).await;
    assert_eq!(read_by(&publisher).await, "tasks");
    mark(&publisher.api, &id, "c").await.problem(409, "version_of_counts");
}

async fn only_the_owner_marks_the_current_version(host: Host) {
    let (publisher, stranger) = (Publisher::new(&host).await, Publisher::new(&host).await);
    put(&publisher, "1", tasks(1), json!({})).await.expect(201);
    put(&publisher, "2", tasks(2), json!({})).await.expect(201);
    let id = &publisher.benchmark;
    mark(&stranger.api, id, "2").await.problem(403, "not_owner");
    mark(&publisher.user.api, id, "2").await.problem(403, "api_key_required");
    mark(&admin(&host).await.api, id, "2").await.problem(403, "api_key_required");
    let reader = publisher.user.key_client(&["results:write"]).await;
    mark(&reader, id, "2").await.problem(403, "insufficient_scope");
    mark(&publisher.api.anonymous(), id, "2").await.problem(401, "missing_credentials");
    mark(&publisher.api, id, "3").await.problem(404, "not_found");
    mark(&publisher.api, &stranger.benchmark, "1").await.problem(404, "not_found");
    assert_eq!(read_by(&publisher).await, "1");
}

/// One case: which benchmark is featured is one choice for the whole host.
async fn the_featured_benchmark_is_read_where_none_is_named(host: Host) {
    let (admin, publisher) = (admin(&host).await, Publisher::new(&host).await);
    publisher.tasks(2).await;
    publisher.published(&publisher.model("m").await, 1, 2).await;
    let (api, id) = (publisher.api.anonymous(), publisher.benchmark.clone());
    let feature = |user: &User, benchmark: Value| {
        user.api.put("/api/v1/admin/featured-benchmark").json(json!({ "benchmark": benchmark }))
    };
    let unnamed = async || {
        let problem = api.get("/api/v1/leaderboard").await.problem(400, "benchmark_required");
        let choices = problem["choices"].as_array().expect("choices").clone();
        assert!((1..=20).contains(&choices.len()), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(choices[0].as_str().unwrap()), "{problem}");
        for path in [
            "leaderboard.csv",
            "leaderboard.ndjson",
            "leaderboard/pareto",
            "badges/a/b.svg",
            "leaderboard/compare?a=a/b&b=a/c",
        ] {
            api.get(format!("/api/v1/{path}")).await.problem(400, "benchmark_required");
        }
        let page = api.get("/leaderboard").await;
        assert!(page.status == 200 && page.text().contains("Choose one."), "{page}");
        assert!(page.text().contains("href=\"/leaderboard?benchmark="), "{page}");
    };
    feature(&admin, Value::Null).await.expect(200);
    unnamed().await;

    feature(&publisher.user, json!(id)).await.problem(403, "role_required");
    feature(&admin, json!(format!("{id}-nothing"))).await.problem(404, "not_found");
    let missing = admin.api.put("/api/v1/admin/featured-benchmark").json(json!({})).await;
    assert_eq!(missing.problem(422, "validation_failed")["errors"][0]["pointer"], "/benchmark");
    unnamed().await;
    for _ in 0..2 {
        assert_eq!(feature(&admin, json!(id.to_uppercase())).await.expect(200), json!({ "benchmark": id }));
    }
    let board = api.get("/api/v1/leaderboard").await.expect(200);
    assert_eq!((&board["benchmark"], &board["version"]), (&json!(id), &json!("1")));
    let page = api.get("/leaderboard").await.text();
    assert!(page.contains("A benchmark") && !page.contains("Choose one."), "{page}");
    // Publishing elsewhere changes nothing.
    let other = publisher.another();
    other.tasks(2).await;
    other.published(&other.model("m").await, 1, 2).await;
    assert_eq!(api.get("/api/v1/leaderboard").await.expect(200)["benchmark"], json!(id));

    let reason = json!({ "reason": "It advertises a casino." });
    admin.api.post(format!("/api/v1/admin/benchmarks/{id}/hide")).json(reason.clone()).await.expect(200);
    unnamed().await;
    admin.api.post(format!("/api/v1/admin/benchmarks/{id}/unhide")).json(reason).await.expect(200);
    assert_eq!(api.get("/api/v1/leaderboard").await.expect(200)["benchmark"], json!(id));
    feature(&admin, Value::Null).await.expect(200);
    unnamed().await;

    let log = admin.api.get(format!("/api/v1/admin/audit-log?limit=100&userId={}", admin.id())).await.expect(200);
    let events = log["data"].as_array().expect("events").iter().filter(|event| event["event"] == "benchmark_featured");
    let featured = events.filter(|event| event["details"]["benchmarkId"] == json!(id)).count();
    assert_eq!(featured, 1, "what is so already leaves no event: {log}");
}

async fn a_version_says_where_to_read_more(host: Host) {
    let publisher = Publisher::new(&host).await;
    let said = json!({
        "homepage": "https://example.com/bench?a=1&b=2", "licence": "Apache-2.0",
        "citation": "@misc{bench, title={<Bench>}}",
        "conditions": { "timeLimitSeconds": 300, "tools": true, "internet": false, "attempts": 2 },
    });
    let declared = put(&publisher, "1", tasks(2), said.clone()).await.expect(201);
    put(&publisher, "1", tasks(2), said.clone()).await.expect(200);
    let shown = publisher.api.get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await.expect(200);
    for member in ["homepage", "licence", "citation", "conditions"] {
        assert_eq!((&declared[member], &shown["versions"][0][member]), (&said[member], &said[member]));
    }
    let page = publisher.api.anonymous().get(format!("/leaderboard?benchmark={}", publisher.benchmark)).await.text();
    for text in [
        "href=\"https://example.com/bench?a=1&amp;b=2\"",
        "Apache-2.0",
        "@misc{bench, title={&lt;Bench&gt;}}",
        "time limit: 300 s · tools: yes · internet: no · attempts: 2",
    ] {
        assert!(page.contains(text), "{text} is missing in {page}");
    }
    for (members, pointer) in [
        (json!({ "homepage": "javascript:alert(1)" }), "/homepage"),
        (json!({ "homepage": "example.com" }), "/homepage"),
        (json!({ "licence": "x".repeat(101) }), "/licence"),
        (json!({ "citation": "x".repeat(2001) }), "/citation"),
        (json!({ "conditions": { "attempts": 0 } }), "/conditions/attempts"),
        (json!({ "conditions": { "timeLimitSeconds": 0 } }), "/conditions/timeLimitSeconds"),
        (json!({ "conditions": { "colour": true } }), "/conditions/colour"),
        (json!({ "conditions": { "tools": "yes" } }), "/conditions/tools"),
    ] {
        let problem = put(&publisher, "2", tasks(2), members.clone()).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{members}");
    }
    let silent = put(&publisher, "3", tasks(2), json!({ "conditions": {} })).await.expect(201);
    assert_eq!(silent["conditions"], Value::Null, "nothing is said");
}

async fn other_conditions_are_flagged_and_filtered(host: Host) {
    let publisher = Publisher::new(&host).await;
    let prescribed = json!({ "conditions": { "timeLimitSeconds": 300, "internet": false } });
    put(&publisher, "1", tasks(4), prescribed).await.expect(201);
    let mut models = Vec::new();
    for (name, correct, conditions) in [
        ("other", 4, json!({ "timeLimitSeconds": 600, "tools": true, "internet": true })),
        ("same", 3, json!({ "timeLimitSeconds": 300, "internet": false, "tools": true })),
        ("silent", 2, Value::Null),
    ] {
        let model = publisher.model(name).await;
        let run = publisher.run_of(&model, json!({ "conditions": conditions })).await;
        publisher.upload(&run, passes(correct, 4)).await;
        publisher.publish(&run).await;
        let told = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
        for (condition, value) in conditions.as_object().into_iter().flatten() {
            assert_eq!(told["conditions"][condition], *value);
        }
        models.push(model);
    }
    let board = publisher.leaderboard().await;
    let is_flagged =
        |model: &String| row(&board, model)["flags"].as_array().unwrap().contains(&json!("other_conditions"));
    assert_eq!(models.iter().map(is_flagged).collect::<Vec<_>>(), [true, false, false]);
    let differences = json!([
        { "condition": "timeLimitSeconds", "prescribed": 300, "actual": 600 },
        { "condition": "internet", "prescribed": false, "actual": true },
    ]);
    assert_eq!(row(&board, &models[0])["conditionDifferences"], differences);
    assert_eq!(row(&board, &models[1])["conditionDifferences"], json!([]));

    let api = publisher.api.anonymous();
    let path = publisher.leaderboard_path();
    let chosen = api.get(format!("{path}&conditions=prescribed")).await.expect(200);
    let ranks = chosen["data"].as_array().unwrap().iter().map(|row| row["rank"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(ranks, [2, 3], "ranks are of the whole board");
    assert_eq!(api.get(format!("{path}&conditions=all")).await.expect(200)["data"], board["data"]);
    api.get(format!("{path}&conditions=strict")).await.problem(400, "malformed_request");
    let csv = api.get(path.replace("/leaderboard?", "/leaderboard.csv?")).await.text();
    assert!(csv.contains("time limit: 600 s instead of 300 s; internet: yes instead of no"), "{csv}");

    let page = format!("/leaderboard?benchmark={}", publisher.benchmark);
    let whole = api.get(&page).await.text();
    assert!(whole.contains("other conditions") && whole.contains("internet: yes instead of no"), "{whole}");
    let filtered = api.get(format!("{page}&conditions=prescribed")).await.text();
    assert!(!filtered.contains("internet: yes instead of no") && filtered.contains("2 rows"), "{filtered}");
}
