//! Scores of several parts: whose weights they are, what is computed, and what is refused.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{row, seeded, tasks},
    host::Host,
};
use serde_json::{Map, Value, json};

cases![KeepsMail:
    scores_are_weighted_over_the_parts_present,
    the_default_weights_are_the_products,
    what_does_not_fit_the_parts_is_refused,
    parts_are_checked,
    random_parts_agree_with_their_definition,
];

const WEIGHTS: [(&str, f64); 3] = [("automated", 6.0), ("panel", 3.0), ("self-review", 1.0)];

async fn composite(host: &Host, count: usize) -> Publisher {
    let publisher = Publisher::new(host).await;
    let parts = WEIGHTS.iter().map(|(id, weight)| json!({ "id": id, "weight": weight })).collect::<Value>();
    publisher
        .version("1", json!({ "title": "Judged", "metric": "score", "tasks": tasks(count), "parts": parts }))
        .await;
    publisher
}

fn result(task: usize, parts: Value) -> Value {
    json!({ "task": format!("t{task}"), "attempt": 1, "status": "success", "parts": parts })
}

#[track_caller]
fn assert_close(value: &Value, expected: f64) {
    assert!(value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-9), "{value} is not {expected}");
}

async fn scores_are_weighted_over_the_parts_present(host: Host) {
    let publisher = composite(&host, 4).await;
    let model = publisher.model("m").await;
    let run = publisher.run(&model).await;
    let results = json!([
        result(1, json!({ "automated": 0.8, "panel": 0.5, "self-review": 1 })),
        result(2, json!({ "automated": 0.5 })),
        result(3, json!({ "panel": 0.25, "self-review": 0.75 })),
        result(4, json!({ "automated": 0, "panel": 0 })),
    ]);
    publisher.upload(&run, results.clone()).await;
    publisher.upload(&run, results.clone()).await;
    let expected = [(6.0 * 0.8 + 3.0 * 0.5 + 1.0) / 10.0, 0.5, (3.0 * 0.25 + 0.75) / 4.0, 0.0];
    let stored = publisher.api.get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    for ((shown, given), expected) in
        stored["data"].as_array().expect("results").iter().zip(results.as_array().expect("results")).zip(expected)
    {
        assert_eq!(shown["task"], given["task"]);
        for (part, score) in given["parts"].as_object().expect("parts") {
            assert_eq!(shown["parts"][part].as_f64(), score.as_f64(), "{shown}");
        }
        assert_close(&shown["score"], expected);
    }
    let mut changed = results.clone();
    changed[2]["parts"]["panel"] = json!(0.5);
    changed[3]["parts"]["self-review"] = json!(0);
    let problem = publisher.api.post(format!("/api/v1/runs/{run}/results")).json(changed).await;
    let problem = problem.problem(409, "conflicting_results");
    assert_eq!(problem["conflicts"], json!([{ "task": "t3", "attempt": 1 }, { "task": "t4", "attempt": 1 }]));

    publisher.publish(&run).await;
    let leaderboard = publisher.leaderboard().await;
    assert_close(&row(&leaderboard, &model)["score"], expected.iter().sum::<f64>() / 4.0);
    let shown = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    let parts = shown["aggregates"]["parts"].as_array().expect("parts").clone();
    for (part, ((id, weight), (count, mean))) in
        parts.iter().zip(WEIGHTS.iter().zip([(3, 1.3 / 3.0), (3, 0.25), (2, 0.875)]))
    {
        assert_eq!((&part["id"], &part["results"]), (&json!(id), &json!(count)), "{part}");
        assert_close(&part["weight"], *weight);
        assert_close(&part["score"], mean);
    }
}

async fn the_default_weights_are_the_products(host: Host) {
    let publisher = Publisher::new(&host).await;
    let body = json!({ "title": "Judged", "metric": "score", "tasks": tasks(1), "parts": "default" });
    publisher.version("1", body).await;
    let benchmark = publisher.api.get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await.expect(200);
    let parts = benchmark["versions"][0]["parts"].as_array().expect("the array").clone();
    let weights = [("automated", 40.0), ("staff", 25.0), ("community", 20.0), ("self-review", 7.5), ("panel", 7.5)];
    assert_eq!(parts.len(), weights.len());
    for (part, (id, weight)) in parts.iter().zip(weights) {
        assert_eq!(part["id"], id);
        assert_close(&part["weight"], weight);
    }
    // Said in full it is the same version.
    let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    let spelt = json!({ "title": "Judged", "metric": "score", "tasks": tasks(1), "parts": parts });
    publisher.api.put(&path).json(spelt).await.expect(200);
    let run = publisher.run(&publisher.model("m").await).await;
    publisher.upload(&run, json!([result(1, json!({ "automated": 1, "staff": 0.5, "panel": 0 }))])).await;
    publisher.publish(&run).await;
    let other =
        json!({ "title": "Judged", "metric": "score", "tasks": tasks(1), "parts": [{ "id": "panel", "weight": 1 }] });
    publisher.api.put(&path).json(other).await.problem(409, "version_in_use");
    assert_close(&publisher.leaderboard().await["data"][0]["score"], (40.0 + 12.5) / 72.5);
    let shown = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    let community = &shown["aggregates"]["parts"][2];
    assert_eq!((&community["results"], &community["score"]), (&json!(0), &Value::Null), "nobody of it judged");
}

async fn what_does_not_fit_the_parts_is_refused(host: Host) {
    let publisher = composite(&host, 2).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let upload = |result: Value| {
        let request = publisher.api.post(format!("/api/v1/runs/{run}/results")).json(json!([result]));
        async move { request.await }
    };
    upload(result(1, json!({ "automated": 1, "jury": 1 }))).await.invalid("/0/parts/jury");
    upload(result(1, json!({ "a/b~c": 1 }))).await.invalid("/0/parts/a~1b~0c");
    upload(result(1, json!({ "automated": 1.5 }))).await.invalid("/0/parts/automated");
    upload(result(1, json!({ "automated": -0.5 }))).await.invalid("/0/parts/automated");
    upload(result(1, json!({}))).await.invalid("/0/parts");
    upload(result(1, Value::Null)).await.invalid("/0/parts");
    let mut both = result(1, json!({ "automated": 1 }));
    both["score"] = json!(1);
    upload(both).await.invalid("/0/score");
    upload(json!({ "task": "t1", "attempt": 1, "status": "success", "score": 1 })).await.invalid("/0/score");
    for odd in [json!("all"), json!([1]), json!({ "automated": "1" }), json!({ "automated": null })] {
        upload(result(1, odd)).await.problem(422, "validation_failed");
    }
    let results = publisher.api.get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    assert_eq!(results["data"], json!([]));
    // And parts where there are none.
    let plain = Publisher::new(&host).await;
    plain.tasks(1).await;
    let run = plain.run(&plain.model("m").await).await;
    let path = format!("/api/v1/runs/{run}/results");
    plain.api.post(&path).json(json!([result(1, json!({ "automated": 1 }))])).await.invalid("/0/parts");
    plain.api.post(&path).json(json!([{ "task": "t1", "attempt": 1, "status": "success" }])).await.invalid("/0/score");
}

async fn parts_are_checked(host: Host) {
    let publisher = Publisher::new(&host).await;
    let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    let put = |metric: &str, parts: Value| {
        let body = json!({ "title": "B", "metric": metric, "tasks": tasks(1), "parts": parts });
        let request = publisher.api.put(&path).json(body);
        async move { request.await }
    };
    let many = |count: usize| (0..count).map(|n| json!({ "id": format!("p{n}"), "weight": 1 })).collect::<Value>();
    put("pass_rate", many(2)).await.invalid("/parts");
    put("score", json!([])).await.invalid("/parts");
    put("score", many(21)).await.invalid("/parts");
    put("score", json!("usual")).await.invalid("/parts");
    put("score", json!([{ "id": "a", "weight": 1 }, { "id": "a", "weight": 2 }])).await.invalid("/parts/1/id");
    put("score", json!([{ "id": "", "weight": 1 }])).await.invalid("/parts/0/id");
    put("score", json!([{ "id": "x".repeat(51), "weight": 1 }])).await.invalid("/parts/0/id");
    put("score", json!([{ "id": "a", "weight": 0 }])).await.invalid("/parts/0/weight");
    put("score", json!([{ "id": "a", "weight": -1 }])).await.invalid("/parts/0/weight");
    for odd in [json!([{ "id": "a" }]), json!([{ "id": "a", "weight": 1, "share": 1 }]), json!([1]), json!({ "a": 1 })]
    {
        put("score", odd).await.problem(422, "validation_failed");
    }
    let counts =
        json!({ "title": "B", "metric": "pass_rate", "evidence": "counts", "taskCount": 3, "parts": "default" });
    publisher.api.put(&path).json(counts).await.invalid("/parts");
    put("score", many(20)).await.expect(201);
}

async fn random_parts_agree_with_their_definition(host: Host) {
    let mut random = seeded();
    let publisher = composite(&host, 40).await;
    let (mut scores, mut results) = (Vec::new(), Vec::new());
    for task in 1..=40 {
        let mut parts = Map::new();
        let (mut sum, mut weights) = (0.0, 0.0);
        while parts.is_empty() {
            for (id, weight) in WEIGHTS {
                if random.bool() && !parts.contains_key(id) {
                    let score = random.f64();
                    parts.insert(id.to_owned(), json!(score));
                    sum += weight * score;
                    weights += weight;
                }
            }
        }
        scores.push(sum / weights);
        results.push(result(task, Value::Object(parts)));
    }
    let model = publisher.model("m").await;
    publisher.publish_results(&model, json!(results)).await;
    let mean = scores.iter().sum::<f64>() / 40.0;
    let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    let half = 1.959_963_984_540_054 * squares.sqrt() / 40.0 * (40.0_f64 / 39.0).sqrt();
    let leaderboard = publisher.leaderboard().await;
    let row = row(&leaderboard, &model);
    assert_close(&row["score"], mean);
    assert_close(&row["scoreLow"], (mean - half).max(0.0));
    assert_close(&row["scoreHigh"], (mean + half).min(1.0));
}
