//! Costs of reads and uploads in the database: they do not grow with the results that are stored.

use aibaas_tests::{
    fixtures::PASSWORD,
    reads::{Size, described, public_reads, publisher, result, task},
    simulation::Simulation,
};
use axum::{
    body::to_bytes,
    http::{Method, Request},
};
use serde_json::{Value, json};

/// Returns SQLite's steps for every public read, by its name.
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
async fn no_page_waits_for_more_than_two_round_trips() {
    let size = Size { benchmarks: 3, models: 5, tasks: 20 };
    let simulation = Simulation::new(&[]).await;
    size.publish(&simulation).await;
    let reads = public_reads(&simulation, size).await;
    let health = "/api/v1/benchmarks/{id}/health";
    let is_page = |template: &str| !template.starts_with("/api/") || template == health;
    let pages = reads.iter().filter(|read| is_page(read.template)).collect::<Vec<_>>();
    assert!(pages.len() > 15, "{pages:?}");
    let ask = |path: &str, tag: Option<&str>| {
        let request = Request::get(path).header("accept", "text/html");
        let request = tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag));
        let (answer, waits) = simulation.waits(simulation.answer(request, None, None));
        let tag = answer.headers().get("etag").map(|tag| tag.to_str().expect("a tag").to_owned());
        (answer.status().as_u16(), waits, tag)
    };
    // The tags of these pages are known as soon as it is known what they show.
    let early = ["/", "/benchmarks", "/standings", "/leaderboard/models/{provider}/{name}", health];
    for page in pages {
        let (status, waits, tag) = ask(&page.path, None);
        assert_eq!(status, 200, "{}", page.path);
        assert!(waits <= 2, "{} waits for {waits} round trips", page.path);
        let tag = tag.unwrap_or_else(|| panic!("{} has no tag", page.path));
        let (status, again, _) = ask(&page.path, Some(&tag));
        assert_eq!(status, 304, "{}", page.path);
        assert!(again <= waits, "{}: {again}", page.path);
        if early.contains(&page.template) {
            assert_eq!((waits, again), (2, 1), "{}", page.path);
        }
    }
    // A change on any of its boards makes the page new.
    let (_, _, tags) = ask("/standings", None);
    let post = async |path: &str, token: Option<&str>, body| {
        let (status, answer) = simulation.call(Method::POST, path, token, Some(body)).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    };
    let login = json!({ "email": "publisher@example.com", "password": PASSWORD });
    let tokens = post("/api/v1/auth/login", None, login).await;
    let key = json!({ "name": "withdraws", "scopes": ["results:write"] });
    let key = post("/api/v1/api-keys", tokens["accessToken"].as_str(), key).await;
    let (_, board) = simulation.call(Method::GET, "/api/v1/leaderboard?benchmark=bench-1", None, None).await;
    let withdraw = format!("/api/v1/runs/{}/withdraw", board["data"][0]["runId"].as_str().expect("a run"));
    post(&withdraw, key["key"].as_str(), json!({ "reason": "The grader slept." })).await;
    let (status, _, now) = ask("/standings", tags.as_deref());
    assert_eq!(status, 200, "{now:?}");
}

#[tokio::test]
async fn no_first_paint_takes_a_hundred_kilobytes() {
    // More rows than a page of a board or of standings has, and as many results as a page of a run.
    let size = Size { benchmarks: 2, models: 102, tasks: 55 };
    let simulation = Simulation::new(&[]).await;
    size.publish(&simulation).await;
    let read = async |path: &str| {
        let answer = simulation.answer(Request::get(path).header("accept", "text/html"), None, None).await;
        assert_eq!(answer.status(), 200, "{path}");
        to_bytes(answer.into_body(), usize::MAX).await.expect("a body")
    };
    let mut pages = public_reads(&simulation, size).await;
    pages.retain(|read| !read.template.starts_with("/api/") && !read.template.ends_with(".xml"));
    let mut paths = pages.into_iter().map(|read| read.path).collect::<Vec<_>>();
    let run = paths.iter().find_map(|path| path.strip_prefix("/runs/")?.split('?').next()).expect("a run").to_owned();
    let model = |n: usize| format!("maker-{}/model-{n}", n % 5);
    let others = (2..7).map(model).collect::<Vec<_>>().join(",");
    paths.extend([
        format!("/runs/{run}"),
        "/leaderboard?benchmark=bench-0&sort=cost&order=desc&period=90d".to_owned(),
        format!("/leaderboard/compare?benchmark=bench-0&a={}&b={others}", model(1)),
        "/leaderboard/compare?benchmark=bench-0".to_owned(),
        "/search?q=model".to_owned(),
        "/problems".to_owned(),
        "/problems/not_found".to_owned(),
        "/docs".to_owned(),
        "/account/login".to_owned(),
        "/account/register".to_owned(),
    ]);
    for path in paths {
        let page = String::from_utf8(read(&path).await.to_vec()).expect("text");
        let mut bytes = page.len();
        for link in page.split("<link rel=\"stylesheet\" href=\"").skip(1) {
            bytes += read(link.split('"').next().expect("an address")).await.len();
        }
        assert!(bytes < 100_000, "{path}: the first paint takes {bytes} bytes");
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
