//! Models, benchmarks, runs and results: how evidence comes in.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{admin, passes, tasks, unique},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    models_are_declared_and_changed,
    an_empty_text_counts_as_none,
    models_belong_to_their_owner,
    benchmark_versions_stand_once_runs_stand_on_them,
    benchmarks_check_their_body,
    runs_need_what_they_name,
    a_generation_config_is_kept_exactly,
    an_external_id_makes_a_run_repeatable,
    results_come_in_whole_or_not_at_all,
    conflicting_results_are_listed,
    concurrent_uploads_agree,
    results_come_as_ndjson,
    results_have_limits,
    publishing_needs_every_task,
    a_published_run_is_closed,
    a_run_belongs_to_its_owner,
    runs_are_listed_for_their_owner,
    administrators_list_everybodys_runs,
    public_reads_need_no_credential,
];

async fn models_are_declared_and_changed(host: Host) {
    let publisher = Publisher::new(&host).await;
    let path = format!("/api/v1/models/{}/m-1.5_x", publisher.provider);
    let body = json!({
        "displayName": "M 1.5", "contextWindow": 200_000, "inputUsdPerMtok": 1.25, "outputUsdPerMtok": 10,
        "licence": "proprietary", "releasedOn": "2025-08-07", "trainingCutoff": "2024-09-30",
    });
    let created = publisher.api.put(&path).json(body.clone()).await.expect(201);
    assert_eq!(created["id"], format!("{}/m-1.5_x", publisher.provider));
    for (member, value) in body.as_object().unwrap() {
        assert_eq!(created[member].as_f64(), value.as_f64());
        assert!(value.is_number() || created[member] == *value, "{member}: {created}");
    }
    assert_eq!(publisher.api.put(&path).json(body.clone()).await.expect(200), created);
    let mut dearer = body;
    dearer["outputUsdPerMtok"] = json!(12.5);
    assert_eq!(publisher.api.put(&path).json(dearer).await.expect(200)["outputUsdPerMtok"], 12.5);
    assert_eq!(publisher.api.anonymous().get(&path).await.expect(200)["outputUsdPerMtok"], 12.5);
    for (member, value) in [
        ("displayName", json!("")),
        ("contextWindow", json!(-1)),
        ("inputUsdPerMtok", json!(-0.5)),
        ("releasedOn", json!("yesterday")),
        ("releasedOn", json!("2025-02-30")),
        ("deprecated", json!("no")),
        ("stars", json!(5)),
    ] {
        let mut body = json!({ "displayName": "M" });
        body[member] = value;
        publisher.api.put(&path).json(body).await.invalid(&format!("/{member}"));
    }
    publisher
        .api
        .anonymous()
        .get(format!("/api/v1/models/{}/none", publisher.provider))
        .await
        .problem(404, "not_found");
}

async fn an_empty_text_counts_as_none(host: Host) {
    let publisher = Publisher::new(&host).await;
    let model = format!("{}/m", publisher.provider);
    let body = json!({ "displayName": "M", "licence": "" });
    let declared = publisher.api.put(format!("/api/v1/models/{model}")).json(body).await.expect(201);
    assert_eq!(declared["licence"], Value::Null);
    let task = json!({ "id": "t1", "scenario": "", "language": " ", "difficulty": "", "cluster": "" });
    publisher.version("1", json!({ "title": "T", "metric": "score", "tasks": [task] })).await;
    let version = publisher.api.get(format!("/api/v1/benchmarks/{}/versions/1/tasks", publisher.benchmark)).await;
    let none = json!({ "id": "t1", "scenario": null, "language": null, "difficulty": null, "cluster": null });
    assert_eq!(version.expect(200)["data"], json!([none]));
    let members = json!({ "promptHash": "", "attemptsPolicy": "", "command": "", "externalId": "" });
    let run = publisher.run_of(&model, members.clone()).await;
    let run = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    for (member, _) in members.as_object().unwrap() {
        assert_eq!(run[member], Value::Null, "{member}");
    }
    publisher.run_of(&model, members).await;
}

async fn models_belong_to_their_owner(host: Host) {
    let (owner, stranger) = (Publisher::new(&host).await, Publisher::new(&host).await);
    let model = owner.model("m").await;
    let path = format!("/api/v1/models/{model}");
    stranger.api.put(&path).json(json!({ "displayName": "Mine now" })).await.problem(403, "not_owner");
    assert_eq!(stranger.api.get(&path).await.expect(200)["displayName"], "m");
}

async fn benchmark_versions_stand_once_runs_stand_on_them(host: Host) {
    let publisher = Publisher::new(&host).await;
    let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    let body = json!({ "title": "One", "metric": "pass_rate", "tasks": tasks(3) });
    let put = |body: Value| publisher.api.put(&path).json(body);
    put(body.clone()).await.expect(201);
    put(body.clone()).await.expect(200);
    let mut other = body.clone();
    other["title"] = json!("Two");
    put(other.clone()).await.expect(200);
    put(body.clone()).await.expect(200);
    let model = publisher.model("m").await;
    publisher.run(&model).await;
    put(body).await.expect(200);
    put(other).await.problem(409, "version_in_use");
    let shown = publisher.api.anonymous().get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await.expect(200);
    assert!(shown.to_string().contains("One") && !shown.to_string().contains("Two"), "{shown}");
    // A new version is another matter; another owner's benchmark is not.
    publisher.version("2", json!({ "title": "Two", "metric": "pass_rate", "tasks": tasks(4) })).await;
    let stranger = Publisher::new(&host).await;
    let theirs = json!({ "title": "Three", "metric": "pass_rate", "tasks": tasks(4) });
    let path = format!("/api/v1/benchmarks/{}/versions/3", publisher.benchmark);
    stranger.api.put(path).json(theirs).await.problem(403, "not_owner");
}

async fn benchmarks_check_their_body(host: Host) {
    let publisher = Publisher::new(&host).await;
    let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    for (pointer, member, value) in [
        ("/title", "title", json!("")),
        ("/metric", "metric", json!("vibes")),
        ("/tasks", "tasks", json!([])),
        ("/tasks/1/id", "tasks", json!([{ "id": "t1" }, { "id": "t1" }])),
        ("/tasks/0/id", "tasks", json!([{ "id": "" }])),
        ("/tasks/0/colour", "tasks", json!([{ "id": "t1", "colour": "red" }])),
        ("/chanceLevel", "chanceLevel", json!(1.5)),
        ("/evidence", "evidence", json!("hearsay")),
        ("/weight", "weight", json!(1)),
    ] {
        let mut body = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(2) });
        body[member] = value;
        publisher.api.put(&path).json(body).await.invalid(pointer);
    }
    publisher
        .api
        .anonymous()
        .get(format!("/api/v1/benchmarks/{}", publisher.benchmark))
        .await
        .problem(404, "not_found");
    for slug in ["-dash", "with%20space", &"x".repeat(200)] {
        let answer = publisher.api.put(format!("/api/v1/benchmarks/{slug}/versions/1"));
        let answer = answer.json(json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(2) })).await;
        answer.problem(422, "validation_failed");
    }
}

async fn runs_need_what_they_name(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let body = publisher.run_body(&model);
    for (member, value) in [
        ("model", json!("nobody/none")),
        ("model", json!("no-slash")),
        ("version", json!("9")),
        ("harness", json!("")),
        ("commit", json!("")),
        ("evaluatorRelationship", json!("friend")),
        ("startedAt", json!("noon")),
        ("startedAt", json!("2026-01-01T01:02Z")),
        ("completedAt", json!("-000001-01-01T00:00:00Z")),
        ("mood", json!("good")),
    ] {
        let mut body = body.clone();
        body[member] = value;
        publisher.api.post("/api/v1/runs").json(body).await.invalid(&format!("/{member}"));
    }
    let mut elsewhere = body.clone();
    elsewhere["benchmark"] = json!("no-such-benchmark");
    publisher.api.post("/api/v1/runs").json(elsewhere).await.invalid("/version");
    let mut full = body;
    full["dirty"] = json!(true);
    full["generationConfig"] = json!({ "temperature": 0.2, "reasoning": { "effort": "high" } });
    full["startedAt"] = json!("2025-08-07T10:00:00.000Z");
    full["completedAt"] = json!("2025-08-07T11:00:00.000Z");
    let run = publisher.api.post("/api/v1/runs").json(full).await.expect(201);
    assert_eq!((&run["status"], &run["dirty"], &run["model"]), (&json!("open"), &json!(true), &json!(model)));
    assert_eq!(run["generationConfig"]["reasoning"]["effort"], "high");
    assert_eq!(run["startedAt"], "2025-08-07T10:00:00.000Z");
}

/// What a run was generated with is kept as it was sent, or refused.
async fn a_generation_config_is_kept_exactly(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let model = publisher.model("m").await;
    let open = |config: &str| {
        let body = publisher.run_body(&model).to_string();
        let body = body.replacen('{', &format!(r#"{{"generationConfig":{config},"#), 1);
        publisher.api.post("/api/v1/runs").body("application/json", body)
    };
    let config =
        json!({ "seed": 9_007_199_254_740_991_i64, "temperature": 0.7, "stop": ["\n"], "nested": { "a": [null, -1] } });
    let run = open(&config.to_string()).await.expect(201);
    let read = publisher.api.get(format!("/api/v1/runs/{}", run["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&run["generationConfig"], &read["generationConfig"]), (&config, &config));
    open(r#"{"seed":1,"seed":2}"#).await.refused("/generationConfig/seed", "duplicate_member");
    open(r#"{"a":{"b":[{"c":1,"c":1}]}}"#).await.refused("/generationConfig/a/b/0/c", "duplicate_member");
    // Names that the library serde_json takes for its own: whoever reads with it would see something else.
    for config in [r#"{"$serde_json::private::RawValue":"[7]"}"#, r#"{"a":[{"$serde_json::private::Number":"7"}]}"#] {
        open(config).await.problem(422, "validation_failed");
    }
    for large in ["9007199254740992", "-9007199254740993", "18446744073709551615", "123456789012345678901234567890"] {
        open(&format!(r#"{{"seed":{large}}}"#)).await.refused("/generationConfig/seed", "invalid_value");
    }
}

async fn an_external_id_makes_a_run_repeatable(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let mut body = publisher.run_body(&model);
    body["externalId"] = json!("2025-02-25--m");
    let post = |body: &Value| {
        let request = publisher.api.post("/api/v1/runs").json(body.clone());
        async move { request.await }
    };
    let answers = join_all((0..8).map(|_| post(&body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    let ids = answers.iter().map(|answer| answer.value()["id"].to_string()).collect::<std::collections::HashSet<_>>();
    assert_eq!(ids.len(), 1);
    post(&body).await.expect(200);
    body["harness"] = json!("another");
    post(&body).await.problem(409, "external_id_conflict");
    // The id is the owner's own: somebody else may use the same.
    let other = Publisher::new(&host).await;
    other.tasks(2).await;
    let mut theirs = other.run_body(&other.model("m").await);
    theirs["externalId"] = json!("2025-02-25--m");
    other.api.post("/api/v1/runs").json(theirs).await.expect(201);
}

async fn results_come_in_whole_or_not_at_all(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let path = format!("/api/v1/runs/{run}/results");
    let upload = |results: Value| publisher.api.post(&path).json(results);
    let mut with_unknown = passes(2, 3);
    with_unknown[2]["task"] = json!("t9");
    upload(with_unknown).await.invalid("/2/task");
    for (pointer, member, value) in [
        ("/1/score", "score", json!(1.5)),
        ("/1/score", "score", json!(-0.1)),
        ("/1/score", "score", json!("1")),
        ("/1/status", "status", json!("maybe")),
        ("/1/attempt", "attempt", json!(0)),
        ("/1/latencyMs", "latencyMs", json!(-1)),
        ("/1/costUsd", "costUsd", json!(-1)),
        ("/1/inputTokens", "inputTokens", json!(1.5)),
        ("/1/rank", "rank", json!(1)),
    ] {
        let mut results = passes(3, 3);
        results[1][member] = value;
        upload(results).await.invalid(pointer);
    }
    assert_eq!(publisher.api.get(&path).await.expect(200)["data"], json!([]), "nothing of a refused upload is stored");
    upload(passes(2, 3)).await.expect(200);
    upload(passes(2, 3)).await.expect(200);
    assert_eq!(publisher.api.get(&path).await.expect(200)["data"].as_array().unwrap().len(), 3);
}

async fn conflicting_results_are_listed(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let path = format!("/api/v1/runs/{run}/results");
    publisher.upload(&run, json!([passes(3, 3)[0], passes(3, 3)[1]])).await;
    // The first repeats, the second conflicts, the third is new: none is taken.
    let problem = publisher.api.post(&path).json(passes(1, 3)).await.problem(409, "conflicting_results");
    assert_eq!(problem["conflicts"], json!([{ "task": "t2", "attempt": 1 }]));
    assert_eq!(publisher.api.get(&path).await.expect(200)["data"].as_array().unwrap().len(), 2);
    // Twice the same place in one upload.
    let twice = json!([passes(3, 3)[2], passes(0, 3)[2]]);
    publisher.api.post(&path).json(twice).await.problem(409, "conflicting_results");
    publisher.upload(&run, passes(3, 3)).await;
}

async fn concurrent_uploads_agree(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(5).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let upload = |correct: usize| {
        let request = publisher.api.post(format!("/api/v1/runs/{run}/results")).json(passes(correct, 5));
        async move { request.await }
    };
    let answers = join_all((0..12).map(|n| upload(n % 2 * 5))).await;
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(taken, 6, "one of the two stories is taken whole, and its repeats");
    answers
        .iter()
        .filter(|answer| answer.status != 200)
        .for_each(|answer| drop(answer.problem(409, "conflicting_results")));
    let stored = publisher.api.get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    let scores = stored["data"].as_array().unwrap().iter().map(|result| result["score"].to_string());
    assert_eq!(scores.collect::<std::collections::HashSet<_>>().len(), 1);
}

async fn results_come_as_ndjson(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let lines = passes(2, 3).as_array().unwrap().iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let post =
        |lines: &str| publisher.api.post(format!("/api/v1/runs/{run}/results")).body("application/x-ndjson", lines);
    post(&format!("{lines}\n")).await.expect(200);
    post(&format!("{lines}\n{{broken")).await.problem(400, "malformed_request");
    publisher.publish(&run).await;
}

async fn results_have_limits(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1001).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let path = format!("/api/v1/runs/{run}/results");
    let all = passes(1001, 1001);
    publisher.api.post(&path).json(all.clone()).await.invalid("");
    let (first, rest) = all.as_array().unwrap().split_at(1000);
    // A thousand results are more than the 64 KiB of other bodies.
    publisher.upload(&run, json!(first)).await;
    publisher.upload(&run, json!(rest)).await;
    publisher.api.post(&path).json(json!([])).await.invalid("");
    let huge = format!("[{}]", " ".repeat(1 << 20));
    publisher.api.post(&path).body("application/json", huge).await.expect(413);
    publisher.publish(&run).await;
}

async fn publishing_needs_every_task(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let path = format!("/api/v1/runs/{run}/publish");
    publisher.upload(&run, json!([passes(3, 3)[0]])).await;
    let problem = publisher.api.post(&path).await.problem(422, "incomplete_run");
    assert_eq!(problem["missing"], json!([{ "task": "t2", "attempt": 1 }, { "task": "t3", "attempt": 1 }]));
    assert_eq!(publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200)["status"], "open");
    publisher.upload(&run, passes(3, 3)).await;
    let published = publisher.publish(&run).await;
    assert_eq!((&published["run"]["id"], &published["run"]["status"]), (&json!(run), &json!("published")));
    assert!(published["run"]["publishedAt"].is_string());
    assert_eq!(published["snapshotId"], publisher.leaderboard().await["snapshotId"]);
}

async fn a_published_run_is_closed(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 1, 2).await;
    // Asked for once more, it is told once more.
    let again = publisher.api.post(format!("/api/v1/runs/{run}/publish")).await.expect(200);
    assert_eq!((&again["run"]["id"], &again["run"]["status"]), (&json!(run), &json!("published")));
    let more = json!([{ "task": "t1", "attempt": 2, "status": "success", "score": 1 }]);
    publisher.api.post(format!("/api/v1/runs/{run}/results")).json(more).await.problem(409, "run_not_open");
    let row = publisher.leaderboard().await["data"][0].clone();
    assert_eq!((&row["correct"], &row["total"]), (&json!(1), &json!(2)));
}

async fn a_run_belongs_to_its_owner(host: Host) {
    let (owner, stranger) = (Publisher::new(&host).await, Publisher::new(&host).await);
    owner.tasks(1).await;
    let run = owner.run(&owner.model("m").await).await;
    stranger.api.post(format!("/api/v1/runs/{run}/results")).json(passes(1, 1)).await.problem(403, "not_owner");
    stranger.api.post(format!("/api/v1/runs/{run}/publish")).await.problem(403, "not_owner");
    let nowhere = "/api/v1/runs/00000000-0000-7000-8000-000000000000";
    owner.api.post(format!("{nowhere}/publish")).await.problem(404, "not_found");
    owner.api.get(nowhere).await.problem(404, "not_found");
}

async fn public_reads_need_no_credential(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 2, 2).await;
    let api = publisher.api.anonymous();
    assert_eq!(api.get(format!("/api/v1/runs/{run}")).await.expect(200)["status"], "published");
    assert_eq!(api.get(format!("/api/v1/runs/{run}/results")).await.expect(200)["data"].as_array().unwrap().len(), 2);
    assert_eq!(api.get(format!("/api/v1/models/{model}")).await.expect(200)["id"], model);
    for list in ["/api/v1/models?limit=2", "/api/v1/benchmarks?limit=2"] {
        let page = api.get(list).await.expect(200);
        assert!(page["data"].is_array() && page.get("nextCursor").is_some(), "{page}");
    }
    let unknown = api.get(format!("/api/v1/benchmarks/{}", unique("none"))).await;
    unknown.problem(404, "not_found");
}

async fn runs_are_listed_for_their_owner(host: Host) {
    let (publisher, other) = (Publisher::new(&host).await, Publisher::new(&host).await);
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let published = publisher.published(&model, 1, 2).await;
    let open = publisher.run_of(&model, json!({ "agent": { "name": "OpenHands" }, "configuration": "high" })).await;
    let list = async |query: &str| publisher.api.get(format!("/api/v1/runs{query}")).await.expect(200);
    let ids = |list: &Value| {
        let runs = list["data"].as_array().expect("runs").iter();
        runs.map(|run| run["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let all = list("").await;
    assert_eq!(ids(&all), [open.clone(), published.clone()], "newest first: {all}");
    let (first, second) = (&all["data"][0], &all["data"][1]);
    assert_eq!(
        (&first["status"], &first["publishedAt"], &first["score"]),
        (&json!("open"), &Value::Null, &Value::Null)
    );
    assert_eq!((&first["agent"]["name"], &first["configuration"]), (&json!("OpenHands"), &json!("high")));
    assert_eq!((&second["status"], &second["score"]), (&json!("published"), &json!(0.5)));
    assert_eq!((&second["model"], &second["benchmark"]), (&json!(model), &json!(publisher.benchmark)));
    assert_eq!(ids(&list("?status=open").await), [open.as_str()]);
    assert_eq!(ids(&list("?status=published").await), [published.as_str()]);
    assert_eq!(ids(&list("?status=rejected").await), [""; 0]);
    let page = list("?limit=1").await;
    let cursor = page["nextCursor"].as_str().expect("more");
    assert_eq!((ids(&page), ids(&list(&format!("?limit=1&cursor={cursor}")).await)), (vec![open], vec![published]));
    // Nobody else's, and nothing to those who may not publish.
    assert_eq!(ids(&other.api.get("/api/v1/runs").await.expect(200)), [""; 0]);
    publisher.api.get("/api/v1/runs?status=lost").await.problem(400, "malformed_request");
    publisher.user.key_client(&["models:write"]).await.get("/api/v1/runs").await.problem(403, "insufficient_scope");
    publisher.api.anonymous().get("/api/v1/runs").await.problem(401, "missing_credentials");
}

async fn administrators_list_everybodys_runs(host: Host) {
    let (publisher, admin) = (Publisher::new(&host).await, admin(&host).await);
    publisher.tasks(2).await;
    let run = publisher.published(&publisher.model("m").await, 1, 2).await;
    let found = async |status: &str| {
        // Others publish meanwhile.
        let (mut path, mut found) = (format!("/api/v1/admin/runs?limit=100{status}"), None);
        for _ in 0..20 {
            let page = admin.api.get(&path).await.expect(200);
            let runs = page["data"].as_array().expect("runs");
            found = found.or_else(|| runs.iter().find(|one| one["id"] == *run).cloned());
            match page["nextCursor"].as_str().filter(|_| found.is_none()) {
                Some(cursor) => path = format!("/api/v1/admin/runs?limit=100{status}&cursor={cursor}"),
                None => break,
            }
        }
        found
    };
    assert_eq!(found("").await.expect("published")["score"], 0.5);
    let reason = json!({ "reason": "The tasks had leaked." });
    admin.api.post(format!("/api/v1/admin/runs/{run}/reject")).json(reason).await.expect(200);
    let rejected = found("&status=rejected").await.expect("rejected");
    assert_eq!((&rejected["status"], &rejected["reason"]), (&json!("rejected"), &json!("The tasks had leaked.")));
    assert_eq!(found("&status=published").await, None);
    admin.api.get("/api/v1/admin/runs?status=open").await.problem(400, "malformed_request");
}
