//! What a public read costs the database does not grow with the results that are stored, nor does an upload's cost.

use aibaas_tests::{
    reads::{Size, described, public_reads, publisher, result, task},
    simulation::Simulation,
};
use axum::http::Method;
use serde_json::{Value, json};

/// The steps of SQLite of every public read, by its name.
async fn steps(tasks: usize) -> Vec<(&'static str, u64)> {
    let size = Size { benchmarks: 2, models: 5, tasks };
    let simulation = Simulation::new(&[]).await;
    size.publish(&simulation).await;
    let described = described(&simulation).await;
    let reads = public_reads(&simulation, size).await;
    for path in &described {
        assert!(reads.iter().any(|read| read.template == path), "{path} is read by nobody here");
    }
    let mut steps = Vec::new();
    for read in reads.iter().filter(|read| described.iter().any(|path| path == read.template)) {
        let ((status, body), cost) = simulation.cost(simulation.read(&read.path)).await;
        assert_eq!(status, 200, "{}: {}", read.path, String::from_utf8_lossy(&body));
        steps.push((read.name, cost.steps));
    }
    steps
}

#[tokio::test]
async fn no_public_read_costs_more_where_ten_times_the_results_are_stored() {
    let (few, many) = (steps(20).await, steps(200).await);
    assert!(few.len() > 30, "{few:?}");
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        // The log looks at each rank that moved, and by chance other ones moved there.
        let slack = if name.contains("changes") { few / 20 } else { 0 };
        assert!(few.abs_diff(many) <= slack, "steps of SQLite: {name}: {few}, {many}");
    }
}

#[tokio::test]
async fn no_upload_costs_more_where_its_run_has_many_results() {
    let simulation = Simulation::new(&[]).await;
    let key = publisher(&simulation).await;
    let send = async |method, path: &str, body| {
        let call = simulation.call(method, path, Some(&key), Some(body));
        let ((status, answer), cost) = simulation.cost(call).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        (answer, cost.steps)
    };
    send(Method::PUT, "/api/v1/models/maker/model", json!({ "displayName": "Model" })).await;
    let tasks = (0..200).map(task).collect::<Value>();
    let version = json!({ "title": "Benchmark", "metric": "pass_rate", "tasks": tasks });
    send(Method::PUT, "/api/v1/benchmarks/bench/versions/1", version).await;
    let run = json!({
        "model": "maker/model", "benchmark": "bench", "version": "1", "harness": "reads", "harnessVersion": "1.0",
        "commit": "2fccd47", "evaluatorRelationship": "third_party",
    });
    let (run, _) = send(Method::POST, "/api/v1/runs", run).await;
    let path = format!("/api/v1/runs/{}/results", run["id"].as_str().expect("an id"));
    let mut chance = fastrand::Rng::with_seed(1);
    let mut uploads = Vec::new();
    for first in (0..200).step_by(20) {
        let results = (first..first + 20).map(|task| result(task, 1, &mut chance)).collect::<Value>();
        uploads.push(send(Method::POST, &path, results).await.1);
    }
    assert!(uploads[9] < uploads[1] + uploads[1] / 10, "steps of SQLite: {uploads:?}");
}
