//! No answer and no run is so large that others wait for it.

use aibaas_tests::{
    Publisher, User, cases,
    fixtures::{row, tasks},
    host::Host,
};
use serde_json::{Value, json};

cases![
    KeepsMail:
        versions_are_told_without_their_tasks,
        a_benchmark_has_so_many_versions,
        a_version_has_so_many_slices,
        mistakes_and_conflicts_are_told_up_to_a_number,
        an_export_of_much_has_pages,
        an_export_tells_once_what_is_written_meanwhile,
        the_largest_run_is_published_and_no_answer_is_large;
    SendsMail:
        an_export_skips_nothing_after_a_deletion;
];

const MOST_BYTES: usize = 2_000_000;

async fn versions_are_told_without_their_tasks(host: Host) {
    let publisher = Publisher::new(&host).await;
    for version in ["1", "2", "3"] {
        publisher.version(version, json!({ "title": version, "metric": "pass_rate", "tasks": tasks(45) })).await;
    }
    let api = publisher.api.anonymous();
    let path = format!("/api/v1/benchmarks/{}", publisher.benchmark);
    let names = |page: &Value| {
        let versions = page["versions"].as_array().unwrap().iter();
        versions.map(|version| version["version"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let whole = api.get(&path).await.expect(200);
    assert_eq!(
        (names(&whole), &whole["nextCursor"]),
        (vec!["3".to_owned(), "2".to_owned(), "1".to_owned()], &Value::Null)
    );
    assert_eq!((&whole["title"], &whole["currentVersion"]), (&json!("1"), &json!("1")), "the first that was declared");
    assert!(whole["versions"][0].get("tasks").is_none(), "{whole}");
    let first = api.get(format!("{path}?limit=2")).await.expect(200);
    assert_eq!(names(&first), ["3", "2"]);
    let rest = api.get(format!("{path}?limit=2&cursor={}", first["nextCursor"].as_str().unwrap())).await.expect(200);
    assert_eq!((names(&rest), &rest["title"], &rest["nextCursor"]), (vec!["1".to_owned()], &json!("1"), &Value::Null));
    api.get(format!("{path}?limit=101")).await.problem(400, "malformed_request");

    let mut told = Vec::new();
    let mut next = format!("{path}/versions/1/tasks");
    loop {
        let page = api.get(&next).await.expect(200);
        told.extend(page["data"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("{path}/versions/1/tasks?cursor={cursor}");
    }
    assert_eq!(told, (1..=45).map(|n| format!("t{n}")).collect::<Vec<_>>(), "in the order that they were declared in");
    api.get(format!("{path}/versions/4/tasks")).await.problem(404, "not_found");
}

async fn a_benchmark_has_so_many_versions(host: Host) {
    let publisher = Publisher::new(&host).await;
    let put = |version: usize, title: &str| {
        let path = format!("/api/v1/benchmarks/{}/versions/{version}", publisher.benchmark);
        publisher.api.put(path).json(json!({ "title": title, "metric": "pass_rate", "tasks": tasks(1) }))
    };
    for version in 1..=100 {
        put(version, "B").await.expect(201);
    }
    put(101, "B").await.problem(409, "too_many_versions");
    put(100, "B").await.expect(200);
    put(7, "Another title").await.expect(200);
    let shown = publisher.api.get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await.expect(200);
    assert_eq!(shown["versions"].as_array().unwrap().len(), 100);
}

async fn a_version_has_so_many_slices(host: Host) {
    let publisher = Publisher::new(&host).await;
    let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    let put =
        |tasks: Value| publisher.api.put(&path).json(json!({ "title": "B", "metric": "pass_rate", "tasks": tasks }));
    let of_values =
        |count: usize| (0..count).map(|n| json!({ "id": n.to_string(), "language": n.to_string() })).collect();
    put(of_values(51)).await.invalid("/tasks");
    put(of_values(50)).await.expect(201);
    // Tasks that differ in every dimension: 1 + 3 × 50 singles, and three pairs and one triple a task.
    let of_combinations = |count: usize| {
        let task = |n: usize| json!({ "id": n.to_string(), "language": (n % 50).to_string(), "scenario": (n / 50 % 50).to_string(), "difficulty": (n % 49).to_string() });
        (0..count).map(task).collect()
    };
    put(of_combinations(1000)).await.invalid("/tasks");
    put(of_combinations(500)).await.expect(200);
}

async fn mistakes_and_conflicts_are_told_up_to_a_number(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(500).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let upload = |score: Value| {
        let result = |n| json!({ "task": format!("t{n}"), "attempt": 1, "status": "success", "score": score });
        publisher.api.post(format!("/api/v1/runs/{run}/results")).json((1..=500).map(result).collect::<Value>())
    };
    let refused = upload(json!(2)).await.problem(422, "validation_failed");
    assert_eq!(refused["errors"].as_array().unwrap().len(), 100);
    upload(json!(1)).await.expect(200);
    let refused = upload(json!(0)).await.problem(409, "conflicting_results");
    assert_eq!(refused["conflicts"].as_array().unwrap().len(), 100);
}

async fn an_export_of_much_has_pages(host: Host) {
    let publisher = Publisher::new(&host).await;
    for number in 0..101 {
        publisher.model(&format!("m{number}")).await;
    }
    publisher.tasks(1).await;
    let export = |query: String| publisher.user.api.get(format!("/api/v1/users/me/export{query}"));
    let first = export(String::new()).await.expect(200);
    assert_eq!(
        (first["models"].as_array().unwrap().len(), &first["benchmarks"][0]["id"]),
        (100, &json!(publisher.benchmark))
    );
    let rest = export(format!("?cursor={}", first["nextCursor"].as_str().unwrap())).await.expect(200);
    assert_eq!((rest["models"].as_array().unwrap().len(), &rest["benchmarks"]), (1, &json!([])));
    assert_eq!((&rest["nextCursor"], &rest["user"]), (&Value::Null, &first["user"]));
    let exported = first["models"].as_array().unwrap().iter().chain(rest["models"].as_array().unwrap());
    let distinct = exported.map(|model| model["id"].as_str().unwrap()).collect::<std::collections::HashSet<_>>();
    assert_eq!(distinct.len(), 101);
    // The second holds the number of a row, as cursors of exports did.
    for cursor in ["nonsense", "MTAw"] {
        export(format!("?cursor={cursor}")).await.problem(400, "malformed_request");
    }
}

/// Asks for the next page of the export; returns whether there is another after it.
async fn export_page(user: &User, pages: &mut Vec<Value>) -> bool {
    let cursor = pages.last().and_then(|page| page["nextCursor"].as_str());
    let after = cursor.map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
    let page = user.api.get(format!("/api/v1/users/me/export{after}")).await.expect(200);
    assert!(pages.len() < 10, "an export without end");
    pages.push(page);
    pages.last().is_some_and(|page| page["nextCursor"].is_string())
}

/// What a list of the pages tells, each row by these members, sorted.
fn exported(pages: &[Value], list: &str, members: &[&str]) -> Vec<String> {
    let rows = pages.iter().flat_map(|page| page[list].as_array().unwrap());
    let mut told = rows.map(|row| members.iter().map(|name| row[*name].to_string()).collect()).collect::<Vec<String>>();
    told.sort_unstable();
    told
}

async fn rename(user: &User, name: String) {
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": name })).await.expect(200);
}

/// The first page writes an event itself, and lists that it told to their end are told no more.
async fn an_export_tells_once_what_is_written_meanwhile(host: Host) {
    let publisher = Publisher::new(&host).await;
    let user = &publisher.user;
    for number in 0..205 {
        rename(user, format!("Ada {number}")).await;
    }
    for number in 0..101 {
        publisher.model(&format!("m{number:03}")).await;
    }
    let mut before = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = user.api.get(format!("/api/v1/users/me/audit-log?limit=100{cursor}")).await.expect(200);
        before.extend(page["data"].as_array().unwrap().iter().map(|event| event["id"].to_string()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    before.sort_unstable();
    assert!(before.len() > 205, "{}", before.len());

    let mut pages = Vec::new();
    while export_page(user, &mut pages).await {
        let number = pages.len();
        rename(user, format!("Grace {number}")).await;
        user.key(json!({ "name": format!("k{number}"), "scopes": ["leaderboard:read"] })).await;
        // One before what was told, and one after.
        publisher.model(&format!("a{number}")).await;
        publisher.model(&format!("z{number}")).await;
    }
    assert_eq!(pages.len(), 3);
    assert_eq!(exported(&pages, "securityEvents", &["id"]), before);
    let models = (0..101).map(|number| format!("m{number:03}")).chain(["z1".to_owned()]);
    let models = models.map(|name| json!(format!("{}/{name}", publisher.provider)).to_string()).collect::<Vec<_>>();
    assert_eq!(exported(&pages, "models", &["id"]), models);
    for (list, rows) in [("sessions", 1), ("apiKeys", 1), ("benchmarks", 0)] {
        assert_eq!(exported(&pages, list, &[]).len(), rows, "{list}");
    }
}

async fn an_export_skips_nothing_after_a_deletion(host: Host) {
    let user = User::verified(&host).await;
    let mut hooks = Vec::new();
    for number in 0..10 {
        let body = json!({ "url": host.hook_url(&format!("/hooks/{number}")), "events": ["api_key.revoked"] });
        let made = user.api.post("/api/v1/webhooks").json(body).await.expect(201);
        hooks.push(made["webhook"]["id"].as_str().unwrap().to_owned());
    }
    // Each webhook is told of each key: 110 deliveries, those of a key with one id.
    let mut keys = Vec::new();
    for number in 0..11 {
        let key = user.key(json!({ "name": format!("k{number}"), "scopes": ["leaderboard:read"] })).await;
        keys.push(key["apiKey"]["id"].as_str().unwrap().to_owned());
    }
    for key in &keys {
        user.api.delete(format!("/api/v1/api-keys/{key}")).await.expect(204);
    }
    let told = user.api.get(format!("/api/v1/webhooks/{}/deliveries", hooks[0])).await.expect(200);
    assert_eq!(told["data"].as_array().unwrap().len(), 11);
    let members = ["webhookId", "id"];
    let deleted = &hooks[0];
    let mut pages = Vec::new();
    assert!(export_page(&user, &mut pages).await);
    user.api.delete(format!("/api/v1/webhooks/{deleted}")).await.expect(204);
    assert!(!export_page(&user, &mut pages).await);
    let all = exported(&pages, "webhookDeliveries", &members);
    let mut left = Vec::new();
    for hook in &hooks[1..] {
        let told = user.api.get(format!("/api/v1/webhooks/{hook}/deliveries?limit=100")).await.expect(200);
        left.push(json!({ "deliveries": told["data"] }));
    }
    let left = exported(&left, "deliveries", &members);
    assert_eq!(left.len(), 99);
    let of_others = all.iter().filter(|row| !row.contains(deleted)).cloned().collect::<Vec<_>>();
    assert_eq!(of_others, left);
    let mut distinct = all.clone();
    distinct.dedup();
    assert_eq!(distinct, all);
}

/// As many tasks as there may be, of as many slices as there may be about, with long names.
async fn the_largest_run_is_published_and_no_answer_is_large(host: Host) {
    const TASKS: usize = 10_000;
    let publisher = Publisher::new(&host).await;
    let (language, scenario) =
        (|n: usize| format!("language-{}", n % 50), |n: usize| format!("scenario-{}", n / 50 % 45));
    let task = |n: usize| json!({ "id": format!("task-{n:05}"), "language": language(n), "scenario": scenario(n) });
    for version in ["1", "2"] {
        let body = json!({
            "title": "The largest", "description": "é".repeat(10_000), "metric": "score",
            "tasks": (0..TASKS).map(task).collect::<Value>(),
        });
        publisher.version(version, body).await;
    }
    // A task of each language passes of two models alike, and half of the others.
    let score = |n: usize, model: usize| if n % 50 == 7 { 1.0 } else { f64::from(u8::from(n % 2 == model)) };
    let models = [publisher.model("a").await, publisher.model("b").await];
    let mut runs = Vec::new();
    for (number, model) in models.iter().enumerate() {
        let run = publisher.run(model).await;
        for first in (0..TASKS).step_by(1000) {
            let result = |n: usize| json!({ "task": format!("task-{n:05}"), "attempt": 1, "status": "success", "score": score(n, number), "latencyMs": n });
            publisher.upload(&run, (first..first + 1000).map(result).collect()).await;
        }
        publisher.publish(&run).await;
        runs.push(run);
    }
    let api = publisher.api.anonymous();
    let board = publisher.leaderboard_path();
    let mean = |number: usize, chosen: fn(usize) -> bool| {
        let scores = (0..TASKS).filter(|n| chosen(*n)).map(|n| score(n, number)).collect::<Vec<_>>();
        scores.iter().sum::<f64>() / scores.len() as f64
    };
    for (query, chosen) in [
        (String::new(), (|_| true) as fn(usize) -> bool),
        (format!("&language={}", language(7)), |n| n % 50 == 7),
        (format!("&scenario={}", scenario(44 * 50)), |n| n / 50 % 45 == 44),
        (format!("&scenario={}&language={}", scenario(44 * 50), language(7)), |n| n / 50 % 45 == 44 && n % 50 == 7),
        (format!("&scenario={}&language={}", scenario(0), language(0)), |n| n / 50 % 45 == 0 && n % 50 == 0),
    ] {
        let shown = api.get(format!("{board}{query}")).await.expect(200);
        for (number, model) in models.iter().enumerate() {
            let told = row(&shown, model)["score"].as_f64().unwrap();
            assert!((told - mean(number, chosen)).abs() < 1e-9, "{query}: {told}");
        }
    }

    let of_benchmark = format!("/api/v1/benchmarks/{}", publisher.benchmark);
    let compare = format!("compare?benchmark={}&version=1&a={}&b={}", publisher.benchmark, models[0], models[1]);
    let through = api.get("/api/v1/export").await.expect(200)["seq"].to_string();
    for path in [
        of_benchmark.clone(),
        format!("{of_benchmark}/versions/1/tasks?limit=100"),
        "/api/v1/benchmarks?limit=100".to_owned(),
        format!("/api/v1/runs/{}", runs[0]),
        format!("/api/v1/runs/{}/results?limit=100", runs[0]),
        format!("/api/v1/models/{}/history?limit=100", models[0]),
        format!("/api/v1/leaderboard/{compare}"),
        format!("/leaderboard/{compare}"),
        format!("/leaderboard?benchmark={}&version=1", publisher.benchmark),
        format!("/leaderboard/models/{}", models[0]),
        format!("/api/v1/leaderboard/pareto?benchmark={}", publisher.benchmark),
        format!("/api/v1/leaderboard.csv?benchmark={}", publisher.benchmark),
        "/api/v1/changes?limit=100".to_owned(),
        "/api/v1/changes.atom".to_owned(),
    ] {
        let answer = api.get(&path).await;
        answer.expect(200);
        assert!(answer.text().len() < MOST_BYTES, "{path}: {} bytes", answer.text().len());
    }
    for table in ["benchmark_versions", "benchmark_tasks", "results", "run_slices", "run_scores"] {
        let answer = api.get(format!("/api/v1/export/{table}?through={through}&limit=1000")).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert!(answer.text().len() < MOST_BYTES, "{table}: {} bytes", answer.text().len());
    }
}
