//! The log of changes as a Merkle tree: its leaves, proofs and signed heads, and what `aibaas-client verify` says of it.

use std::path::Path;

use aibaas_core::domain::{
    jws::Verifier,
    log_record::{from_hex, hex, note},
    merkle::{leaf_hash, root, verify_consistency, verify_inclusion},
};
use aibaas_tests::{
    Client, Publisher, cases, eventually,
    fixtures::{admin, passes},
    host::Host,
    tools,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

cases![
    KeepsMail:
        every_change_has_a_leaf_that_proofs_lead_to,
        heads_are_signed_and_stay,
        moderation_withholds_leaves_and_keeps_their_hashes,
        proofs_that_cannot_be_are_refused;
    // Nobody else publishes or moderates meanwhile.
    MovesTime:
        a_true_board_is_verified_and_a_lie_is_not,
        every_kind_of_board_is_verified,
];

fn hash(value: &Value) -> [u8; 32] {
    from_hex(value.as_str().expect("a hash")).expect("a hash")
}

fn hashes(value: &Value) -> Vec<[u8; 32]> {
    value.as_array().expect("hashes").iter().map(hash).collect()
}

/// Waits until the log has a leaf for the change, and returns the newest head.
async fn head_with(api: &Client, change: &str) -> Value {
    eventually("a leaf", async || {
        let answer = api.get(format!("/api/v1/log/proof/inclusion?change={change}")).await;
        (answer.status == 200).then_some(())
    })
    .await;
    api.get("/api/v1/log/head").await.expect(200)
}

/// The leaves of a log of this size.
async fn leaves(api: &Client, size: u64) -> Vec<Value> {
    let mut leaves = Vec::new();
    let mut from = json!(0);
    while from.is_number() {
        let page = api.get(format!("/api/v1/log/leaves?limit=100&from={from}")).await.expect(200);
        leaves.extend(page["data"].as_array().expect("leaves").clone());
        from = page["nextFrom"].clone();
    }
    leaves.truncate(usize::try_from(size).expect("few"));
    leaves
}

fn size(head: &Value) -> u64 {
    head["size"].as_u64().expect("a size")
}

async fn every_change_has_a_leaf_that_proofs_lead_to(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("m").await;
    let api = publisher.api.anonymous();
    publisher.published(&model, 1, 4).await;
    let first = publisher.changes().await[0]["id"].as_str().expect("an id").to_owned();
    let earlier = head_with(&api, &first).await;
    let run = publisher.published(&model, 2, 4).await;
    publisher.withdraw(&run, "It was wrong.").await.expect(200);
    let changes = publisher.changes().await;
    let later = head_with(&api, changes[0]["id"].as_str().expect("an id")).await;

    let leaves = leaves(&api, size(&later)).await;
    let tree = leaves.iter().map(|leaf| hash(&leaf["hash"])).collect::<Vec<_>>();
    assert_eq!(root(&tree), hash(&later["rootHash"]));
    let own = leaves.iter().filter(|leaf| changes.iter().any(|change| change["id"] == leaf["change"]));
    let own = own.collect::<Vec<_>>();
    assert_eq!(own.len(), 3, "each once");
    for (leaf, change) in own.iter().rev().zip(&changes) {
        let text = leaf["leaf"].as_str().expect("nothing is hidden");
        assert_eq!(leaf_hash(text.as_bytes()), hash(&leaf["hash"]));
        let says = serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!((&says["change"], &says["snapshotId"]), (change, &change["id"]));
        let is_published = change["kind"] != "withdrawn";
        assert_eq!(says["run"]["results"], if is_published { json!(4) } else { Value::Null });
        assert_eq!(says["board"]["entries"], json!(1));
        let (size, change) = (size(&later), leaf["change"].as_str().expect("an id"));
        let path = format!("/api/v1/log/proof/inclusion?change={change}&size={size}");
        let answer = api.get(path.as_str()).await;
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let proof = answer.expect(200);
        let index = proof["index"].as_u64().expect("an index");
        assert_eq!((&proof["index"], &proof["leafHash"]), (&leaf["index"], &leaf["hash"]));
        assert!(verify_inclusion(index, size, &hash(&leaf["hash"]), &hashes(&proof["path"]), &root(&tree)));
        let same = api.get(format!("/api/v1/log/proof/inclusion?index={index}&size={size}")).await.expect(200);
        assert_eq!(same, proof);
    }
    let (from, to) = (size(&earlier), size(&later));
    let proof = api.get(format!("/api/v1/log/proof/consistency?from={from}&to={to}")).await.expect(200);
    let (before, since) = (hash(&earlier["rootHash"]), hash(&later["rootHash"]));
    assert!(verify_consistency((from, &before), (to, &since), &hashes(&proof["path"])), "{proof}");
}

async fn heads_are_signed_and_stay(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 2).await;
    let api = publisher.api.anonymous();
    let change = publisher.changes().await[0]["id"].as_str().expect("an id").to_owned();
    let head = head_with(&api, &change).await;
    let keys = api.get("/.well-known/log-keys.json").await.expect(200);
    let key = keys["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == head["keyId"]).expect("its key");
    let bytes = |value: &Value| BASE64_URL_SAFE_NO_PAD.decode(value.as_str().expect("text")).expect("base64url");
    let note = note(size(&head), &hex(&hash(&head["rootHash"])), head["timestamp"].as_str().expect("a time"));
    let verifier = Verifier::ed_dsa(&bytes(&key["x"])).expect("a key");
    assert!(verifier.verify(note.as_bytes(), &bytes(&head["signature"])), "{head}");
    let tokens = api.get("/.well-known/jwks.json").await.expect(200);
    assert!(!tokens.to_string().contains(key["x"].as_str().expect("text")), "it signs no tokens");
    let again = api.get("/api/v1/log/head").await.expect(200);
    assert!(size(&again) > size(&head) || again == head, "of one size there is one");
}

async fn moderation_withholds_leaves_and_keeps_their_hashes(host: Host) {
    let admin = admin(&host).await;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("spam").await;
    publisher.published(&model, 1, 2).await;
    let api = publisher.api.anonymous();
    let change = publisher.changes().await[0]["id"].as_str().expect("an id").to_owned();
    let head = head_with(&api, &change).await;
    let path = format!("/api/v1/log/proof/inclusion?change={change}&size={}", size(&head));
    let proof = api.get(path.as_str()).await.expect(200);
    let page = format!("/api/v1/log/leaves?limit=1&from={}", proof["index"]);
    let told = api.get(page.as_str()).await.expect(200)["data"][0].clone();
    assert!(told["leaf"].as_str().expect("told").contains(&model));
    let act = |act: &str| admin.api.post(format!("/api/v1/admin/models/{model}/{act}"));
    act("hide").json(json!({ "reason": "It is spam." })).await.expect(200);
    let withheld = api.get(page.as_str()).await.expect(200)["data"][0].clone();
    assert_eq!((&withheld["leaf"], &withheld["hash"]), (&Value::Null, &told["hash"]));
    assert_eq!(api.get(path.as_str()).await.expect(200), proof);
    act("unhide").json(json!({ "reason": "It is none." })).await.expect(200);
    assert_eq!(api.get(page.as_str()).await.expect(200)["data"][0], told);
    // What moderation did has leaves of its own, which stay public.
    let changes = api.get("/api/v1/changes?limit=100").await.expect(200);
    let of_model = |change: &&Value| change["model"] == model.as_str() && change["runId"].is_null();
    for change in changes["data"].as_array().expect("changes").iter().filter(of_model) {
        let id = change["id"].as_str().expect("an id");
        head_with(&api, id).await;
        let index = api.get(format!("/api/v1/log/proof/inclusion?change={id}")).await.expect(200)["index"].clone();
        let leaf = api.get(format!("/api/v1/log/leaves?limit=1&from={index}")).await.expect(200)["data"][0].clone();
        let says = serde_json::from_str::<Value>(leaf["leaf"].as_str().expect("told")).expect("JSON");
        assert_eq!((&says["change"], &says["board"], &says["run"]), (change, &Value::Null, &Value::Null));
    }
}

async fn proofs_that_cannot_be_are_refused(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 2).await;
    let api = publisher.api.anonymous();
    let change = publisher.changes().await[0]["id"].as_str().expect("an id").to_owned();
    let size = size(&head_with(&api, &change).await);
    let get = |path: &str| api.get(format!("/api/v1/log/{path}"));
    for path in [
        "proof/inclusion".to_owned(),
        format!("proof/inclusion?index=0&change={change}"),
        "proof/inclusion?change=x".to_owned(),
        "proof/inclusion?index=-1".to_owned(),
        format!("proof/inclusion?index={}&size=1", size.max(2) - 1),
        "proof/consistency".to_owned(),
        format!("proof/consistency?from={size}&to={}", size - 1),
        "leaves?limit=101".to_owned(),
        "leaves?from=x".to_owned(),
    ] {
        // A log of one leaf has no other to ask for.
        if size > 1 || !path.contains("size=1") {
            get(&path).await.problem(400, "malformed_request");
        }
    }
    for path in [
        "proof/inclusion?index=9000000000000".to_owned(),
        "proof/inclusion?index=0&size=9000000000000".to_owned(),
        "proof/inclusion?change=01939f41-5a00-7f3e-a7b8-c9d0e1f2a3b4".to_owned(),
        "proof/consistency?from=9000000000000".to_owned(),
        "proof/consistency?from=0&to=9000000000000".to_owned(),
    ] {
        get(&path).await.problem(404, "not_found");
    }
    assert_eq!(get("leaves?from=9000000000000").await.expect(200), json!({ "data": [], "nextFrom": null }));
    let empty = get("proof/consistency?from=0").await.expect(200);
    assert_eq!((&empty["from"], &empty["path"]), (&json!(0), &json!([])));
}

/// Runs the client, and returns how it ended and what it printed.
async fn client(arguments: &[&str]) -> (Option<i32>, String) {
    let command = tools::client().expect("the client");
    let output = tokio::process::Command::from(command).args(arguments).output().await.expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), said)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

async fn a_true_board_is_verified_and_a_lie_is_not(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let models = [publisher.model("a").await, publisher.model("b").await];
    publisher.published(&models[0], 1, 3).await;
    let run = publisher.published(&models[1], 2, 3).await;
    publisher.seal(&models[0]).await;
    let sealed = publisher.run_of(&models[0], json!({ "seal": publisher.seal(&models[0]).await })).await;
    publisher.upload(&sealed, passes(3, 3)).await;
    publisher.publish(&sealed).await;
    publisher.withdraw(&run, "It was wrong.").await.expect(200);
    let folder = tempfile::tempdir().expect("a folder");
    let (copy, kept) = (folder.path().join("copy"), folder.path().join("head.json"));
    let url = host.url().to_owned();

    let (code, said) = client(&["verify", &url, "--head", text(&kept)]).await;
    assert!(code == Some(0) && said.starts_with("true: "), "{code:?} {said}");
    assert!(said.contains("1 of 2 seals were opened"), "{said}");
    let head = serde_json::from_str::<Value>(&std::fs::read_to_string(&kept).expect("a head")).expect("JSON");
    assert!(head["signature"].is_string(), "{head}");
    let (code, said) = client(&["export", "--log", "--url", &url, text(&copy)]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = client(&["verify", text(&copy), "--head", text(&kept)]).await;
    assert!(code == Some(0) && said.starts_with("true: "), "{code:?} {said}");

    // A result that was changed in the copy, another history, and nothing to look at.
    let results = copy.join("results.ndjson");
    let rows = std::fs::read_to_string(&results).expect("results");
    let lies = rows.lines().map(|row| {
        let is_of_run = row.contains(&run) && row.contains("\"score\":1.0");
        if is_of_run { row.replace("\"score\":1.0", "\"score\":0.5") } else { row.to_owned() }
    });
    let lies = lies.map(|row| row + "\n").collect::<String>();
    assert_ne!(lies, rows);
    std::fs::write(&results, lies).expect("it is written");
    let (code, said) = client(&["verify", text(&copy)]).await;
    assert!(code == Some(1) && said.starts_with("UNTRUE: ") && said.contains(&run), "{code:?} {said}");
    std::fs::write(&results, rows).expect("it is written");
    let seals = copy.join("seals.ndjson");
    let rows = std::fs::read_to_string(&seals).expect("seals");
    std::fs::write(&seals, rows.replacen("One run;", "Two runs;", 1)).expect("it is written");
    let (code, said) = client(&["verify", text(&copy)]).await;
    assert!(code == Some(1) && said.contains("seal ") && said.contains("is not what the log commits to"), "{said}");
    let lost = rows.lines().skip(1).map(|row| format!("{row}\n")).collect::<String>();
    std::fs::write(&seals, lost).expect("it is written");
    let (code, said) = client(&["verify", text(&copy)]).await;
    assert!(code == Some(1) && said.contains("is in the log and not in the data"), "{said}");
    std::fs::write(&seals, rows).expect("it is written");
    let mut forked = head.clone();
    forked["rootHash"] = json!("ab".repeat(32));
    std::fs::write(&kept, forked.to_string()).expect("it is written");
    let (code, said) = client(&["verify", text(&copy), "--head", text(&kept)]).await;
    assert!(code == Some(1) && said.contains("forked"), "{code:?} {said}");
    assert_eq!(std::fs::read_to_string(&kept).expect("a head"), forked.to_string(), "it is kept as it was");
    let (code, said) = client(&["verify", text(folder.path())]).await;
    assert_eq!(code, Some(2), "{said}");
}

async fn every_kind_of_board_is_verified(host: Host) {
    let admin = admin(&host).await;
    let publisher = Publisher::new(&host).await;
    let stranger = Publisher { benchmark: publisher.benchmark.clone(), ..Publisher::new(&host).await };
    let models = [publisher.model("a").await, publisher.model("b").await, publisher.model("c").await];
    // Several attempts, clusters, slices, and numbers of 17 digits.
    let task = |n: usize| {
        let language = if n.is_multiple_of(2) { "go" } else { "rust" };
        json!({ "id": format!("t{n}"), "language": language, "scenario": "s", "cluster": format!("c{}", n / 3) })
    };
    let tasks = (0..25).map(task).collect::<Value>();
    let body = json!({ "title": "Scored", "metric": "score", "attemptsPerTask": 2, "tasks": tasks });
    publisher.version("1", body).await;
    let results = |seed: u32| {
        let result = |n: u32| {
            let score = f64::from((n * 37 + seed * 11) % 101) / 101.0;
            json!({ "task": format!("t{}", n / 2), "attempt": n % 2 + 1, "status": "success", "score": score,
                "latencyMs": score * 1234.567, "costUsd": score / 7.0, "outputTokens": n })
        };
        (0..50).map(result).collect::<Value>()
    };
    for (model, seed) in models.iter().zip(1..) {
        publisher.publish_results(model, results(seed)).await;
    }
    stranger.publish_results(&models[0], results(7)).await;
    publisher.publish_results(&models[1], results(9)).await;
    let private = json!([{ "id": "secret" }, { "id": "other" }]);
    publisher
        .version("2", json!({ "title": "Private", "metric": "pass_rate", "privateTasks": true, "tasks": private }))
        .await;
    let run = publisher.run_of(&models[0], json!({ "version": "2" })).await;
    let passed = |task: &str| json!({ "task": task, "attempt": 1, "status": "success", "score": 1.0 });
    publisher.upload(&run, json!([passed("secret"), passed("other")])).await;
    publisher.publish(&run).await;
    let counted = json!({ "title": "Counted", "metric": "pass_rate", "evidence": "counts", "taskCount": 225 });
    publisher.version("3", counted).await;
    let run = publisher.run_of(&models[0], json!({ "version": "3" })).await;
    let counts = json!({ "total": 225, "correctByAttempt": [139], "costUsd": 14.41 });
    publisher.api.put(format!("/api/v1/runs/{run}/counts")).json(counts).await.expect(200);
    publisher.publish(&run).await;
    // Less is better, beyond 1; and what sources give of it.
    let lower = |members: Value| {
        let mut body = json!({ "title": "Seconds", "metric": "score", "direction": "lower_is_better", "unit": "s",
            "bounds": { "lower": 0 } });
        body.as_object_mut().expect("members").extend(members.as_object().expect("members").clone());
        body
    };
    let tasks = (0..25).map(|n| json!({ "id": format!("t{n}") })).collect::<Value>();
    publisher.version("4", lower(json!({ "tasks": tasks }))).await;
    publisher.version("5", lower(json!({ "evidence": "score", "taskCount": 25 }))).await;
    let given = [
        json!({ "score": 12.5, "standardError": 0.25, "samples": 50 }),
        json!({ "score": 7.25, "interval": { "low": 6.5, "high": 8.0 }, "costUsd": 1.5, "tasks": 20 }),
        json!({ "score": 9.0 }),
    ];
    for ((model, given), base) in models.iter().zip(given).zip([40.0, 8.0, 20.0]) {
        let run = publisher.run_of(model, json!({ "version": "4" })).await;
        let took = |n: u32| {
            json!({ "task": format!("t{n}"), "attempt": 1, "status": "success",
            "score": base + f64::from(n) / 7.0 })
        };
        publisher.upload(&run, (0..25).map(took).collect()).await;
        publisher.publish(&run).await;
        let run = publisher.run_of(model, json!({ "version": "5" })).await;
        publisher.api.put(format!("/api/v1/runs/{run}/score")).json(given).await.expect(200);
        publisher.publish(&run).await;
    }

    // It moves the model that is hidden below: its leaf is withheld, and the score that its source gives is not.
    let run = publisher.run_of(&models[0], json!({ "version": "5" })).await;
    publisher.api.put(format!("/api/v1/runs/{run}/score")).json(json!({ "score": 8.5 })).await.expect(200);
    publisher.publish(&run).await;

    let url = host.url().to_owned();
    let (code, said) = client(&["verify", &url]).await;
    assert!(code == Some(0) && said.contains("runs at private tasks") && said.contains("which runs stand"), "{said}");
    let hide = format!("/api/v1/admin/models/{}/hide", models[2]);
    admin.api.post(hide).json(json!({ "reason": "It is spam." })).await.expect(200);
    publisher.publish_results(&models[0], results(13)).await;
    let (code, said) = client(&["verify", &url]).await;
    assert!(code == Some(0) && said.contains("name what is hidden"), "{code:?} {said}");
}
