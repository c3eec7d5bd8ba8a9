//! What became of a model's runs over time.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, row, tasks, unique},
    host::Host,
};
use serde_json::{Value, json};

cases![KeepsMail: history_tells_every_run];

async fn history_tells_every_run(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    publisher.version("2", json!({ "title": "Two", "metric": "pass_rate", "tasks": tasks(2) })).await;
    let model = publisher.model("m").await;
    let first = publisher.published(&model, 1, 4).await;
    let second = publisher.published(&model, 2, 4).await;
    let on_two = publisher.run_of(&model, json!({ "version": "2", "startedAt": "2026-01-02T03:04:05.678Z" })).await;
    publisher.upload(&on_two, passes(2, 2)).await;
    publisher.publish(&on_two).await;
    let third = publisher.published(&model, 3, 4).await;
    publisher.run(&model).await;
    publisher.withdraw(&third, "a mistake").await.expect(200);
    let path = format!("/api/v1/models/{model}/history");
    let api = publisher.api.anonymous();
    let history = api.get(&path).await.expect(200);
    let told = |history: &Value| {
        let runs = history["data"].as_array().expect("runs").clone();
        let told = runs.iter().map(|run| (run["runId"].as_str().expect("an id").to_owned(), run["current"] == true));
        told.collect::<Vec<_>>()
    };
    let all = [(&third, false), (&on_two, true), (&second, true), (&first, false)];
    let all = all.map(|(run, current)| (run.clone(), current));
    assert_eq!(told(&history), all, "newest first; an open run is nobody's business yet");
    let gone = &history["data"][0];
    assert_eq!((&gone["status"], &gone["reason"]), (&json!("withdrawn"), &json!("a mistake")));
    assert!(gone["withdrawnAt"].is_string() && gone["publishedAt"].is_string(), "{gone}");
    let two = &history["data"][1];
    assert_eq!((&two["version"], &two["startedAt"]), (&json!("2"), &json!("2026-01-02T03:04:05.678Z")));
    assert_eq!((&two["correct"], &two["total"], &two["score"].as_f64()), (&json!(2), &json!(2), &Some(1.0)));
    let leaderboard = publisher.leaderboard().await;
    for member in ["score", "scoreLow", "scoreHigh", "correct", "total", "costUsd", "evaluatorRelationship"] {
        assert_eq!(history["data"][2][member], row(&leaderboard, &model)[member], "{member}");
    }
    // In pages, and of one benchmark.
    let (mut seen, mut next) = (Vec::new(), Some(format!("{path}?limit=3&benchmark={}", publisher.benchmark)));
    while let Some(path) = next {
        let page = api.get(&path).await.expect(200);
        seen.extend(told(&page));
        let base = path.split("&cursor=").next().expect("a path").to_owned();
        next = page["nextCursor"].as_str().map(|cursor| format!("{base}&cursor={cursor}"));
    }
    assert_eq!(seen, all);
    let elsewhere = api.get(format!("{path}?benchmark={}", unique("none"))).await.expect(200);
    assert_eq!(elsewhere["data"], json!([]));
    api.get(format!("/api/v1/models/{}/none/history", publisher.provider)).await.problem(404, "not_found");
    api.get(format!("{path}?colour=red")).await.problem(400, "malformed_request");
}
