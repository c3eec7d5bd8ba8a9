//! Runs whose source tells only how many tasks passed.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, row, tasks},
    host::Host,
};
use serde_json::{Value, json};

cases![KeepsMail:
    counts_rank_with_their_interval,
    counts_check_their_numbers,
    counts_may_be_corrected_until_published,
    evidence_is_of_one_kind,
];

async fn counts_benchmark(publisher: &Publisher, total: u32, attempts: u32) {
    let body = json!({ "title": "Counted", "metric": "pass_rate", "evidence": "counts", "taskCount": total, "attemptsPerTask": attempts });
    publisher.version("1", body).await;
}

async fn counts_rank_with_their_interval(host: Host) {
    let publisher = Publisher::new(&host).await;
    counts_benchmark(&publisher, 225, 2).await;
    let model = publisher.model("m").await;
    let run = publisher.run(&model).await;
    let body = json!({ "total": 225, "correctByAttempt": [100, 198], "costUsd": 29.0829, "meanLatencyMs": 194_000.0 });
    let counted = publisher.api.put(format!("/api/v1/runs/{run}/counts")).json(body.clone()).await.expect(200);
    assert_eq!(counted, body);
    let stored = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!((&stored["counts"], &stored["status"]), (&body, &json!("open")));
    publisher.publish(&run).await;

    let leaderboard = publisher.leaderboard().await;
    let row = row(&leaderboard, &model);
    assert_eq!((&row["correct"], &row["total"]), (&json!(198), &json!(225)));
    assert_close(&row["score"], 0.88);
    assert_close(&row["scoreLow"], 0.831_038);
    assert_close(&row["scoreHigh"], 0.916_205);
    assert_close(&row["costUsd"], 29.0829);
    assert_close(&row["costUsdPerTask"], 29.0829 / 225.0);
    assert!(row["flags"].as_array().unwrap().contains(&json!("counts_only")), "{row}");
    assert_eq!(row["latencyMsP50"], Value::Null, "a mean is no median");
}

#[track_caller]
fn assert_close(value: &Value, expected: f64) {
    assert!(value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-6), "{value} is not {expected}");
}

async fn counts_check_their_numbers(host: Host) {
    let publisher = Publisher::new(&host).await;
    counts_benchmark(&publisher, 225, 2).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let path = format!("/api/v1/runs/{run}/counts");
    for (pointer, body) in [
        ("/total", json!({ "total": 224, "correctByAttempt": [1, 2] })),
        ("/total", json!({ "total": "225", "correctByAttempt": [1, 2] })),
        ("/correctByAttempt", json!({ "total": 225, "correctByAttempt": [1] })),
        ("/correctByAttempt", json!({ "total": 225, "correctByAttempt": [] })),
        ("/correctByAttempt", json!({ "total": 225, "correctByAttempt": [1, 2, 3] })),
        ("/correctByAttempt", json!({ "total": 225, "correctByAttempt": [2, 1] })),
        ("/correctByAttempt", json!({ "total": 225, "correctByAttempt": [2, 226] })),
        ("/correctByAttempt/0", json!({ "total": 225, "correctByAttempt": [-1, 2] })),
        ("/costUsd", json!({ "total": 225, "correctByAttempt": [1, 2], "costUsd": -1 })),
        ("/meanLatencyMs", json!({ "total": 225, "correctByAttempt": [1, 2], "meanLatencyMs": "fast" })),
        ("/score", json!({ "total": 225, "correctByAttempt": [1, 2], "score": 0.9 })),
    ] {
        publisher.api.put(&path).json(body).await.invalid(pointer);
    }
    publisher.api.post(format!("/api/v1/runs/{run}/publish")).await.problem(422, "incomplete_run");
    assert_eq!(publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200)["counts"], Value::Null);
}

async fn counts_may_be_corrected_until_published(host: Host) {
    let publisher = Publisher::new(&host).await;
    counts_benchmark(&publisher, 10, 1).await;
    let model = publisher.model("m").await;
    let run = publisher.run(&model).await;
    let put = |correct: u32| {
        let body = json!({ "total": 10, "correctByAttempt": [correct], "costUsd": null, "meanLatencyMs": null });
        publisher.api.put(format!("/api/v1/runs/{run}/counts")).json(body)
    };
    put(3).await.expect(200);
    put(4).await.expect(200);
    put(4).await.expect(200);
    publisher.publish(&run).await;
    put(10).await.problem(409, "run_not_open");
    let leaderboard = publisher.leaderboard().await;
    let row = row(&leaderboard, &model);
    assert_eq!((&row["correct"], &row["costUsd"], &row["paretoOptimal"]), (&json!(4), &Value::Null, &Value::Null));
    assert!(row["flags"].as_array().unwrap().contains(&json!("missing_cost")), "{row}");
}

async fn evidence_is_of_one_kind(host: Host) {
    let counted = Publisher::new(&host).await;
    counts_benchmark(&counted, 3, 1).await;
    let run = counted.run(&counted.model("m").await).await;
    counted.api.post(format!("/api/v1/runs/{run}/results")).json(passes(1, 3)).await.problem(409, "evidence_mismatch");

    let scored = Publisher::new(&host).await;
    scored.tasks(3).await;
    let run = scored.run(&scored.model("m").await).await;
    let counts = json!({ "total": 3, "correctByAttempt": [1] });
    scored.api.put(format!("/api/v1/runs/{run}/counts")).json(counts).await.problem(409, "evidence_mismatch");

    let path = format!("/api/v1/benchmarks/{}/versions/2", counted.benchmark);
    for (pointer, body) in [
        (
            "/tasks",
            json!({ "title": "B", "metric": "pass_rate", "evidence": "counts", "taskCount": 3, "attemptsPerTask": 1, "tasks": tasks(3) }),
        ),
        ("/taskCount", json!({ "title": "B", "metric": "pass_rate", "evidence": "counts", "attemptsPerTask": 1 })),
        (
            "/taskCount",
            json!({ "title": "B", "metric": "pass_rate", "evidence": "counts", "taskCount": 0, "attemptsPerTask": 1 }),
        ),
        ("/tasks", json!({ "title": "B", "metric": "pass_rate", "evidence": "results" })),
    ] {
        counted.api.put(&path).json(body).await.invalid(pointer);
    }
}
