//! Sealed runs: what a runner registers before a run is made, and what becomes of it.

use aibaas_core::domain::{
    log_record::{Row, from_hex, hex, seal_digest},
    merkle::{leaf_hash, verify_inclusion},
};
use aibaas_tests::{
    Publisher, cases, eventually,
    fixtures::{admin, passes, tasks},
    host::Host,
};
use serde_json::{Value, json};

cases![KeepsMail:
    a_seal_is_opened_by_its_run,
    a_seal_is_opened_once,
    what_a_run_says_otherwise_is_refused,
    seals_need_what_they_name,
    seals_that_are_never_opened_stay_to_be_seen,
    seals_take_of_their_owners_storage,
    the_log_commits_to_seals,
    seals_of_what_is_hidden_are_hidden,
    a_version_with_a_seal_stays_as_it_is,
];

async fn a_seal_is_opened_by_its_run(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("m").await;
    let mut body = publisher.seal_body(&model);
    body["agent"] = json!({ "name": "Tinker", "version": "1" });
    body["note"] = json!("For the paper.");
    let seal = async || publisher.api.post("/api/v1/seals").header("Idempotency-Key", "once").json(body.clone()).await;
    let made = seal().await.expect(201);
    assert_eq!(seal().await.expect(201), made, "made once");
    for (member, value) in body.as_object().expect("members") {
        assert_eq!(made[member], *value, "{member}");
    }
    let told = [&made["status"], &made["runId"], &made["taskCount"], &made["ordinal"], &made["series"]];
    assert_eq!(told, [&json!("sealed"), &Value::Null, &json!(4), &json!(1), &made["id"]]);
    let api = publisher.api.anonymous();
    let path = format!("/api/v1/seals/{}", made["id"].as_str().expect("an id"));
    let shown = api.get(&path).await.expect(200);
    assert_eq!((&shown["stoppingRule"], &shown["status"]), (&made["stoppingRule"], &json!("sealed")));
    assert!(
        !shown.to_string().contains(publisher.user.api.credential().expect("a token")),
        "nobody is told whose it is"
    );

    let of_run = json!({ "seal": made["id"], "agent": body["agent"] });
    let run = publisher.run_of(&model, of_run).await;
    assert_eq!(api.get(&path).await.expect(200)["status"], "sealed", "a run that is open opens nothing");
    publisher.upload(&run, passes(3, 4)).await;
    assert_eq!(publisher.publish(&run).await["run"]["seal"], made["id"]);
    let opened = api.get(&path).await.expect(200);
    assert_eq!((&opened["status"], &opened["runId"]), (&json!("opened"), &json!(run)));
    publisher.published(&publisher.model("other").await, 1, 4).await;

    let board = publisher.leaderboard().await;
    let sealed = &board["data"][0];
    assert_eq!(sealed["seal"], json!({ "id": made["id"], "sealedAt": made["sealedAt"] }));
    assert_eq!(sealed["seals"], json!({ "sealed": 1, "opened": 1 }));
    assert_eq!(board["data"][1]["seal"], Value::Null);
    assert_eq!(board["data"][1]["seals"], json!({ "sealed": 0, "opened": 0 }));
    let filtered = async |sealed: &str| {
        let board = api.get(format!("{}&sealed={sealed}", publisher.leaderboard_path())).await.expect(200);
        board["data"].as_array().expect("rows").iter().map(|row| row["rank"].clone()).collect::<Value>()
    };
    assert_eq!((filtered("true").await, filtered("false").await), (json!([1]), json!([2])), "ranks are of the whole");
    api.get(format!("{}&sealed=maybe", publisher.leaderboard_path())).await.problem(400, "malformed_request");
    let csv = publisher.leaderboard_path().replace("/leaderboard?", "/leaderboard.csv?");
    let csv = api.get(csv).await.text();
    let id = made["id"].as_str().expect("an id");
    assert!(csv.contains("seal,sealedAt,seals,sealsOpened\r\n") && csv.contains(id), "{csv}");
    let page = api.get(format!("/leaderboard?benchmark={}", publisher.benchmark)).await.text();
    assert!(page.contains("sealed before it was run") && page.contains("1 of 1 seal opened"), "{page}");

    let changes = publisher.changes().await;
    let sealed = changes.iter().find(|change| change["kind"] == "sealed").expect("the seal");
    assert_eq!([&sealed["id"], &sealed["sealId"], &sealed["runId"]], [&made["id"], &made["id"], &Value::Null]);
    let published = changes.iter().find(|change| change["runId"] == json!(run)).expect("the run");
    assert_eq!(published["sealId"], made["id"]);
    let atom = api.get(format!("/api/v1/changes.atom?benchmark={}", publisher.benchmark)).await.text();
    assert!(atom.contains("was sealed"), "{atom}");
}

async fn a_seal_is_opened_once(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let seal = publisher.seal(&model).await;
    let mut body = publisher.run_body(&model);
    body["seal"] = json!(seal);
    body["externalId"] = json!("first");
    let first = publisher.api.post("/api/v1/runs").json(body.clone()).await.expect(201);
    let first = first["id"].as_str().expect("an id");
    let second = publisher.run_of(&model, json!({ "seal": seal })).await;
    for run in [first, &second] {
        publisher.upload(run, passes(1, 2)).await;
    }
    publisher.publish(first).await;
    publisher.publish(first).await;
    let publish = format!("/api/v1/runs/{second}/publish");
    publisher.api.post(&publish).await.problem(409, "seal_opened");
    let still = publisher.api.get(format!("/api/v1/runs/{second}")).await.expect(200);
    assert_eq!((&still["status"], &still["aggregates"]), (&json!("open"), &Value::Null));
    publisher.api.post("/api/v1/runs").json(body.clone()).await.expect(200);
    body["externalId"] = json!("third");
    publisher.api.post("/api/v1/runs").json(body).await.problem(409, "seal_opened");
    // What was opened stays opened.
    publisher.withdraw(first, "It was wrong.").await.expect(200);
    publisher.api.post(&publish).await.problem(409, "seal_opened");
    let shown = publisher.api.get(format!("/api/v1/seals/{seal}")).await.expect(200);
    assert_eq!((&shown["status"], &shown["runId"]), (&json!("opened"), &json!(first)));
}

async fn what_a_run_says_otherwise_is_refused(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let (model, other) = (publisher.model("m").await, publisher.model("n").await);
    let seal = publisher.seal(&model).await;
    let sealed_at = publisher.api.get(format!("/api/v1/seals/{seal}")).await.expect(200)["sealedAt"].clone();
    let open = async |publisher: &Publisher, members: Value| {
        let mut body = publisher.run_body(&model);
        body["seal"] = json!(seal);
        for (name, value) in members.as_object().expect("members") {
            body[name] = value.clone();
        }
        publisher.api.post("/api/v1/runs").json(body).await
    };
    for (members, pointer) in [
        (json!({ "commit": "abcdef0" }), "/commit"),
        (json!({ "commit": null }), "/commit"),
        (json!({ "harness": "another" }), "/harness"),
        (json!({ "harnessVersion": "1.1" }), "/harnessVersion"),
        (json!({ "model": other }), "/model"),
        (json!({ "agent": { "name": "Tinker" } }), "/agent"),
        (json!({ "configuration": "high" }), "/configuration"),
        (json!({ "seal": "01939f40-02b7-7a11-9c55-6d7e8f901234" }), "/seal"),
        (json!({ "startedAt": "2025-01-01T00:00:00Z" }), "/startedAt"),
        (json!({ "completedAt": "2025-01-01T00:00:00Z" }), "/completedAt"),
    ] {
        open(&publisher, members).await.invalid(pointer);
    }
    let stranger = Publisher { benchmark: publisher.benchmark.clone(), ..Publisher::new(&host).await };
    open(&stranger, json!({})).await.problem(403, "not_owner");
    open(&publisher, json!({ "startedAt": sealed_at })).await.expect(201);
    // A system has one name, however its words are spaced.
    let mut body = publisher.seal_body(&model);
    body["configuration"] = json!("high  effort");
    let spaced = publisher.api.post("/api/v1/seals").json(body).await.expect(201);
    assert_eq!(spaced["configuration"], "high effort");
    open(&publisher, json!({ "seal": spaced["id"], "configuration": "high  effort" })).await.expect(201);
    // Two configurations whose systems have one id, which anybody may look for: its 48 bits are no proof.
    let mut body = publisher.seal_body(&model);
    body["configuration"] = json!("low effort, seed a441ff5847a8");
    let sealed = publisher.api.post("/api/v1/seals").json(body).await.expect(201);
    let of_run = json!({ "configuration": "high effort, seed 7fb1816f8e6d" });
    let run = publisher.api.get(format!("/api/v1/runs/{}", publisher.run_of(&model, of_run.clone()).await)).await;
    assert_eq!(run.expect(200)["systemId"], sealed["systemId"]);
    let of_run = json!({ "seal": sealed["id"], "configuration": of_run["configuration"] });
    open(&publisher, of_run).await.invalid("/configuration");
}

async fn seals_need_what_they_name(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    for (member, value, pointer) in [
        ("model", json!("nobody/none"), "/model"),
        ("benchmark", json!("no-such-benchmark"), "/version"),
        ("version", json!("9"), "/version"),
        ("attempts", json!(2), "/attempts"),
        ("attempts", json!(0), "/attempts"),
        ("commit", Value::Null, "/commit"),
        ("stoppingRule", json!(""), "/stoppingRule"),
        ("stoppingRule", json!("x".repeat(1001)), "/stoppingRule"),
        ("tasks", json!("all"), "/tasks"),
        ("agent", json!({ "name": "Tin\u{200b}ker" }), "/agent/name"),
        ("configuration", json!("hi\u{200b}gh"), "/configuration"),
    ] {
        let mut body = publisher.seal_body(&model);
        body[member] = value;
        publisher.api.post("/api/v1/seals").json(body).await.invalid(pointer);
    }
    let reader = publisher.user.key_client(&["models:write"]).await;
    reader.post("/api/v1/seals").json(publisher.seal_body(&model)).await.problem(403, "insufficient_scope");
    let list = format!("/api/v1/benchmarks/{}/seals", publisher.benchmark);
    assert_eq!(publisher.api.get(&list).await.expect(200), json!({ "data": [], "nextCursor": null }));
    publisher.api.get("/api/v1/benchmarks/no-such-benchmark/seals").await.problem(404, "not_found");
    publisher.api.get("/api/v1/seals/01939f40-02b7-7a11-9c55-6d7e8f901234").await.problem(404, "not_found");
    publisher.api.get(format!("{list}?status=broken")).await.problem(400, "malformed_request");
}

/// Choosing the best of five can be counted, and what was read once stays as it was.
async fn seals_that_are_never_opened_stay_to_be_seen(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("m").await;
    let mut seals = Vec::new();
    for _ in 0..5 {
        seals.push(publisher.seal(&model).await);
    }
    let run = publisher.run_of(&model, json!({ "seal": seals[2] })).await;
    publisher.upload(&run, passes(4, 4)).await;
    let snapshot = publisher.publish(&run).await["snapshotId"].as_str().expect("an id").to_owned();
    let counted = async || publisher.leaderboard().await["data"][0]["seals"].clone();
    assert_eq!(counted().await, json!({ "sealed": 5, "opened": 1 }));
    let api = publisher.api.anonymous();
    let before = publisher.snapshot(&snapshot).await;
    publisher.seal(&model).await;
    assert_eq!(publisher.snapshot(&snapshot).await, before, "a snapshot stays as it is");

    let list = format!("/api/v1/benchmarks/{}/seals", publisher.benchmark);
    let get = async |query: &str| api.get(format!("{list}?{query}")).await.expect(200);
    let all = get("").await;
    let all = all["data"].as_array().expect("seals");
    let numbers = all.iter().map(|seal| seal["ordinal"].clone()).collect::<Value>();
    assert_eq!(numbers, json!([6, 5, 4, 3, 2, 1]), "newest first");
    assert!(all.iter().all(|seal| seal["series"] == json!(seals[0])), "one owner's");
    assert_eq!(get("status=opened&version=1").await["data"], json!([all[3]]));
    assert_eq!(get("status=sealed").await["data"].as_array().map(Vec::len), Some(5));
    assert_eq!(get(&format!("model={model}&version=1")).await["data"].as_array().map(Vec::len), Some(6));
    assert_eq!(get("model=nobody/none").await["data"], json!([]));
    let page = get("limit=4&version=1").await;
    let rest = get(&format!("limit=4&version=1&cursor={}", page["nextCursor"].as_str().expect("more"))).await;
    assert_eq!(rest["data"], json!(all[4..]));

    let text = api.get(format!("/leaderboard?benchmark={}", publisher.benchmark)).await.text();
    assert!(text.contains("1 of 5 seals opened") && text.contains("/leaderboard/seals?benchmark="), "{text}");
    let text = api.get(format!("/leaderboard/seals?benchmark={}", publisher.benchmark)).await.text();
    assert_eq!(text.matches("never opened").count(), 5, "{text}");
    assert_eq!(api.get("/leaderboard/seals?benchmark=no-such-benchmark").await.status, 404);

    // Another owner's seals are counted apart; those of a run without one are told too.
    let stranger = Publisher { benchmark: publisher.benchmark.clone(), ..Publisher::new(&host).await };
    stranger.seal(&model).await;
    stranger.published(&model, 1, 4).await;
    let everything = api.get(format!("{}&evidence=all", publisher.leaderboard_path())).await.expect(200);
    let counts = everything["data"].as_array().expect("rows").iter().map(|row| row["seals"].clone());
    let mut counts = counts.collect::<Vec<_>>();
    counts.sort_by_key(|counts| counts["sealed"].as_u64());
    assert_eq!(counts, [json!({ "sealed": 1, "opened": 0 }), json!({ "sealed": 6, "opened": 1 })]);
}

async fn seals_take_of_their_owners_storage(host: Host) {
    let (publisher, admin) = (Publisher::new(&host).await, admin(&host).await);
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let used = async || publisher.user.api.get("/api/v1/users/me/storage").await.expect(200)["usedBytes"].clone();
    let before = used().await.as_i64().expect("bytes");
    publisher.seal(&model).await;
    let size = used().await.as_i64().expect("bytes") - before;
    let request = i64::try_from(publisher.seal_body(&model).to_string().len()).expect("small");
    assert!(size >= request, "{size} of {request}");
    let user = format!("/api/v1/admin/users/{}", publisher.user.id());
    let quota = json!({ "storageQuotaBytes": before + 2 * size - 1 });
    admin.api.patch(user).json(quota).await.expect(200);
    let refused = publisher.api.post("/api/v1/seals").json(publisher.seal_body(&model)).await;
    refused.problem(409, "storage_quota_exceeded");
    let list = format!("/api/v1/benchmarks/{}/seals", publisher.benchmark);
    assert_eq!(publisher.api.get(list).await.expect(200)["data"].as_array().map(Vec::len), Some(1));
}

async fn the_log_commits_to_seals(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let seal = publisher.seal(&model).await;
    let api = publisher.api.anonymous();
    let index =
        eventually("a leaf", async || api.get(format!("/api/v1/seals/{seal}")).await.expect(200)["logIndex"].as_u64())
            .await;
    let head = api.get("/api/v1/log/head").await.expect(200);
    let size = head["size"].as_u64().expect("a size");
    let proof = api.get(format!("/api/v1/log/proof/inclusion?change={seal}&size={size}")).await.expect(200);
    assert_eq!(proof["index"].as_u64(), Some(index));
    let hash = |value: &Value| from_hex(value.as_str().expect("a hash")).expect("a hash");
    let path = proof["path"].as_array().expect("hashes").iter().map(hash).collect::<Vec<_>>();
    assert!(verify_inclusion(index, size, &hash(&proof["leafHash"]), &path, &hash(&head["rootHash"])));
    let leaf = api.get(format!("/api/v1/log/leaves?limit=1&from={index}")).await.expect(200)["data"][0].clone();
    let text = leaf["leaf"].as_str().expect("a text");
    assert_eq!(leaf_hash(text.as_bytes()), hash(&leaf["hash"]));
    let says = serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!((&says["change"]["kind"], &says["change"]["sealId"]), (&json!("sealed"), &json!(seal)));

    // What the digest is over is in the data set, from the next snapshot on at the latest.
    let run = publisher.run_of(&model, json!({ "seal": seal })).await;
    publisher.upload(&run, passes(1, 2)).await;
    publisher.publish(&run).await;
    let offer = api.get("/api/v1/export").await.expect(200);
    let table = offer["tables"].as_array().expect("tables").iter().find(|table| table["name"] == "seals");
    let mut next = Some(table.expect("the seals")["href"].as_str().expect("a path").to_owned());
    let mut found = None::<Row>;
    while let Some(page) = next {
        let answer = api.get(page).await;
        let rows = answer.text();
        found = found
            .or_else(|| rows.lines().find(|row| row.contains(&seal)).map(|row| serde_json::from_str(row).unwrap()));
        next = answer.header("link").and_then(|link| Some(link.split_once('<')?.1.split_once('>')?.0.to_owned()));
    }
    let row = found.expect("the seal");
    assert!(!row.contains_key("owner_id"), "{row:?}");
    assert_eq!(says["seal"]["digest"], json!(hex(&seal_digest(row).expect("a digest"))));
}

async fn seals_of_what_is_hidden_are_hidden(host: Host) {
    let admin = admin(&host).await;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let (model, other) = (publisher.model("spam").await, publisher.model("kept").await);
    let (hidden, kept) = (publisher.seal(&model).await, publisher.seal(&other).await);
    let api = publisher.api.anonymous();
    eventually("its leaf", async || api.get(format!("/api/v1/seals/{hidden}")).await.expect(200)["logIndex"].as_u64())
        .await;
    let index = api.get(format!("/api/v1/log/proof/inclusion?change={hidden}")).await.expect(200)["index"].clone();
    let act = async |of: &str, act: &str| {
        admin.api.post(format!("/api/v1/admin/{of}/{act}")).json(json!({ "reason": "It is spam." })).await.expect(200);
    };
    let of_model = format!("models/{model}");
    act(&of_model, "hide").await;
    api.get(format!("/api/v1/seals/{hidden}")).await.problem(410, "hidden");
    let list = format!("/api/v1/benchmarks/{}/seals", publisher.benchmark);
    let seals = api.get(&list).await.expect(200);
    assert_eq!(
        seals["data"].as_array().expect("seals").iter().map(|seal| &seal["id"]).collect::<Vec<_>>(),
        [&json!(kept)]
    );
    assert!(publisher.changes().await.iter().all(|change| change["id"] != json!(hidden)));
    let leaf = api.get(format!("/api/v1/log/leaves?limit=1&from={index}")).await.expect(200)["data"][0].clone();
    assert_eq!((&leaf["change"], &leaf["leaf"]), (&json!(hidden), &Value::Null));
    publisher.api.post("/api/v1/seals").json(publisher.seal_body(&model)).await.problem(409, "published_to_hidden");
    act(&of_model, "unhide").await;
    api.get(format!("/api/v1/seals/{hidden}")).await.expect(200);
    act(&format!("benchmarks/{}", publisher.benchmark), "hide").await;
    api.get(format!("/api/v1/seals/{kept}")).await.problem(410, "hidden");
    api.get(&list).await.problem(410, "hidden");
    act(&format!("benchmarks/{}", publisher.benchmark), "unhide").await;
}

async fn a_version_with_a_seal_stays_as_it_is(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let put = async |count| {
        let body = json!({ "title": "Exercises", "metric": "pass_rate", "tasks": tasks(count) });
        publisher.api.put(format!("/api/v1/benchmarks/{}/versions/2", publisher.benchmark)).json(body).await
    };
    put(2).await.expect(201);
    put(3).await.expect(200);
    let mut body = publisher.seal_body(&publisher.model("m").await);
    body["version"] = json!("2");
    assert_eq!(publisher.api.post("/api/v1/seals").json(body).await.expect(201)["taskCount"], 3);
    put(4).await.problem(409, "version_in_use");
    put(3).await.expect(200);
}
