//! Number of database calls of a request until it is answered: two at most, except where `docs/cost.md` says why not.
//! The gate of keys is left out: its calls depend on the host.

use aibaas_tests::{
    fixtures::PASSWORD,
    reads::{Size, public_reads, publisher, result, task},
    simulation::Simulation,
};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, request::Builder},
    response::Response,
};
use serde_json::{Value, json};

use super::steps::{admin, verified};

const EMAIL: &str = "ada@example.com";

/// A counter of the database calls of requests, one after the other.
struct Counting<'a> {
    simulation: &'a Simulation,
    most: u32,
    requests: usize,
}

impl<'a> Counting<'a> {
    fn of(simulation: &'a Simulation) -> Self {
        Self { simulation, most: 2, requests: 0 }
    }

    async fn answer(&mut self, name: &str, request: Request<Body>) -> (StatusCode, String) {
        self.simulation.complete_background().await;
        self.simulation.faults.database_calls();
        let answer = self.simulation.send(request).await;
        let calls = self.simulation.faults.database_calls();
        assert!(calls <= self.most, "{name} calls the database {calls} times");
        self.requests += 1;
        let status = answer.status();
        (status, text(answer).await)
    }

    /// Reads a page as a browser does, or an API path as a program does, and returns the status.
    async fn read(&mut self, path: &str, cookie: &str) -> StatusCode {
        let accept = if path.starts_with("/api/") { "*/*" } else { "text/html" };
        let request = get(path).header("accept", accept).header("cookie", cookie);
        self.answer(path, request.body(Body::empty()).expect("a request")).await.0
    }

    /// Calls the API, and returns the answer's body.
    async fn call(&mut self, method: &str, path: &str, token: &str, body: Value) -> Value {
        self.call_once(method, path, token, None, body).await
    }

    async fn call_once(&mut self, method: &str, path: &str, token: &str, key: Option<&str>, body: Value) -> Value {
        let name = format!("{method} {path}");
        let request = Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", HOST);
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header("content-type", "application/json").body(Body::from(body.to_string()))
        };
        let (status, answer) = self.answer(&name, request.expect("a request")).await;
        assert!(status.is_success(), "{name}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or(Value::Null)
    }
}

const HOST: &str = "simulation.example";

fn get(path: &str) -> Builder {
    Request::get(path).header("host", HOST)
}

async fn text(answer: Response) -> String {
    let body = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    String::from_utf8_lossy(&body).into_owned()
}

/// Logs in with a browser, and returns its cookies.
async fn browser(simulation: &Simulation, email: &str) -> String {
    let cookies = |answer: &Response| {
        let set = answer.headers().get_all("set-cookie").iter().filter_map(|set| set.to_str().ok()?.split(';').next());
        set.collect::<Vec<_>>().join("; ")
    };
    let page = simulation.answer(Request::get("/account/login").header("accept", "text/html"), None, None).await;
    let cookie = cookies(&page);
    let page = text(page).await;
    let token = page.split("name=\"formToken\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let form = [("formToken", token.expect("a token")), ("email", email), ("password", PASSWORD)];
    let form = form.map(|(name, value)| format!("{name}={}", value.replace('@', "%40").replace(' ', "+"))).join("&");
    let request = Request::post("/account/login").header("host", HOST).header("cookie", cookie);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(form));
    let answer = simulation.send(request.expect("a request")).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{email} logs in");
    cookies(&answer)
}

#[tokio::test]
async fn no_public_read_and_no_page_calls_the_database_more_than_twice() {
    let size = Size { benchmarks: 3, models: 5, tasks: 20 };
    let simulation = Simulation::new(&[]).await;
    size.publish(&simulation).await;
    let reads = public_reads(&simulation, size).await;
    let mut counting = Counting::of(&simulation);
    for read in &reads {
        assert_eq!(counting.read(&read.path, "").await, 200, "{}", read.path);
    }
    assert!(counting.requests > 60, "{}", counting.requests);
}

#[tokio::test]
async fn what_was_shown_before_takes_one_call() {
    let size = Size { benchmarks: 2, models: 3, tasks: 20 };
    let simulation = Simulation::new(&[]).await;
    size.publish(&simulation).await;
    let mut reads = public_reads(&simulation, size).await.into_iter().map(|read| read.path).collect::<Vec<_>>();
    // Pages without parameters, but for the list to choose a benchmark from; of those with parameters, boards that are
    // neither filtered nor sorted.
    reads.retain(|path| !path.starts_with("/api/") && !path.contains('?') && path != "/leaderboard");
    reads.extend(["/leaderboard?benchmark=bench-0", "/api/v1/leaderboard?benchmark=bench-0"].map(str::to_owned));
    for page in ["/", "/benchmarks", "/models", "/standings", "/changes"] {
        assert!(reads.iter().any(|path| path == page), "{page}: {reads:?}");
    }
    assert!(reads.iter().any(|path| path.starts_with("/leaderboard/models/")), "{reads:?}");
    let (_, board) = simulation.call(Method::GET, "/api/v1/leaderboard?benchmark=bench-0", None, None).await;
    reads.push(format!("/runs/{}", board["data"][0]["runId"].as_str().expect("a run")));
    let mut counting = Counting::of(&simulation);
    for most in [2, 1] {
        counting.most = most;
        for path in &reads {
            assert_eq!(counting.read(path, "").await, 200, "{path}");
        }
    }
}

#[tokio::test]
async fn what_is_missing_is_told_after_two_calls_at_most() {
    let simulation = Simulation::new(&[]).await;
    let key = publisher(&simulation).await;
    // Versions with counts never become the current version.
    for version in ["1", "2"] {
        let counted = json!({ "title": "Counted", "metric": "pass_rate", "evidence": "counts", "taskCount": 3 });
        let path = format!("/benchmarks/counted/versions/{version}");
        Counting::of(&simulation).call("PUT", &path, &key, counted).await;
    }
    let mut counting = Counting::of(&simulation);
    for path in ["", "/compare", "/seals"] {
        // Nothing is featured; there are versions, and none is current; there is no such benchmark.
        for (asked, expected) in [("", 200), ("?benchmark=counted", 200), ("?benchmark=nothing", 404)] {
            let path = format!("/leaderboard{path}{asked}");
            assert_eq!(counting.read(&path, "").await, expected, "{path}");
        }
    }
    for path in ["", ".csv", "/pareto"] {
        for (asked, expected) in [("", 400), ("?benchmark=counted", 400), ("?benchmark=nothing", 404)] {
            let path = format!("/api/v1/leaderboard{path}{asked}");
            assert_eq!(counting.read(&path, "").await, expected, "{path}");
        }
    }
    for path in ["/leaderboard/models/no/model", "/runs/01a205ec-9efc-7311-bfc1-43b2b7b7e1bf", "/nothing"] {
        assert_eq!(counting.read(path, "").await, 404, "{path}");
    }
}

#[tokio::test]
async fn no_request_of_an_account_calls_the_database_more_than_twice() {
    let simulation = Simulation::new(&[("ADMIN_EMAILS", "root@example.com")]).await;
    let mut counting = Counting::of(&simulation);
    let credentials = json!({ "email": EMAIL, "password": PASSWORD });
    counting.call("POST", "/auth/register", "", credentials.clone()).await;
    simulation.complete_background().await;
    let token = simulation.mailed_token(EMAIL, "Verify your e-mail address").await;
    counting.call("POST", "/auth/verify-email", "", json!({ "token": token })).await;
    let tokens = counting.call("POST", "/auth/login", "", credentials.clone()).await;
    let tokens = counting.call("POST", "/auth/refresh", "", json!({ "refreshToken": tokens["refreshToken"] })).await;
    let ada = tokens["accessToken"].as_str().expect("a token").to_owned();

    counting.call("PATCH", "/users/me", &ada, json!({ "fullName": "Ada" })).await;
    let asked = json!({ "name": "key", "scopes": ["results:write"], "rateLimit": 100 });
    let key = counting.call_once("POST", "/api-keys", &ada, Some("once"), asked).await;
    let key = format!("/api-keys/{}", key["apiKey"]["id"].as_str().expect("an id"));
    counting.call("PATCH", &key, &ada, json!({ "rateLimit": 99 })).await;
    let rotated = counting.call("POST", &format!("{key}/rotate"), &ada, json!({})).await;
    let rotated = rotated["apiKey"]["id"].as_str().expect("an id").to_owned();
    for path in ["me", "me/storage", "me/export", "me/audit-log"] {
        counting.call("GET", &format!("/users/{path}"), &ada, Value::Null).await;
    }
    for path in ["/auth/sessions", "/api-keys", &key, &format!("{key}/usage")] {
        counting.call("GET", path, &ada, Value::Null).await;
    }

    let cookie = browser(&simulation, EMAIL).await;
    for page in ["", "/sessions", "/events", "/profile", "/export", "/delete", "/publishing", "/second-factor", "/keys"]
    {
        assert_eq!(counting.read(&format!("/account{page}"), &cookie).await, 200, "{page}");
    }
    for page in
        ["/password".to_owned(), "/keys/new".to_owned(), format!("/keys/{rotated}"), format!("/keys/{rotated}/change")]
    {
        assert_eq!(counting.read(&format!("/account{page}"), &cookie).await, 200, "{page}");
    }
    for page in ["/account/login", "/account/register", "/account/forgotten", "/health", "/ready", "/docs"] {
        assert_eq!(counting.read(page, "").await, 200, "{page}");
    }

    counting.call("DELETE", &format!("/api-keys/{rotated}"), &ada, Value::Null).await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another long password" });
    counting.call("POST", "/auth/password/change", &ada, change).await;
    counting.call("POST", "/auth/logout", &ada, json!({})).await;
}

#[tokio::test]
async fn no_request_of_an_administrator_calls_the_database_more_than_twice() {
    let simulation = Simulation::new(&[("ADMIN_EMAILS", "root@example.com")]).await;
    Size { benchmarks: 1, models: 2, tasks: 20 }.publish(&simulation).await;
    verified(&simulation, EMAIL).await;
    let root = admin(&simulation).await["accessToken"].as_str().expect("a token").to_owned();
    let mut counting = Counting::of(&simulation);
    let people = counting.call("GET", "/admin/users", &root, Value::Null).await;
    let of = |email: &str| people["data"].as_array().expect("people").iter().find(|user| user["email"] == email);
    let ada = of(EMAIL).and_then(|user| user["id"].as_str()).expect("an id").to_owned();
    let runs = counting.call("GET", "/admin/runs", &root, Value::Null).await;
    let run = runs["data"][0]["id"].as_str().expect("a run").to_owned();
    for path in ["audit-log", "mails", "health", "featured-benchmark", &format!("users/{ada}")] {
        counting.call("GET", &format!("/admin/{path}"), &root, Value::Null).await;
    }
    let cookie = browser(&simulation, "root@example.com").await;
    for page in ["", "/people", "/runs", "/featured-benchmark", "/outbox", "/health", "/events"] {
        assert_eq!(counting.read(&format!("/admin{page}"), &cookie).await, 200, "{page}");
    }
    for page in [
        format!("/people/{ada}"),
        format!("/people/{ada}/suspend"),
        format!("/runs/{run}"),
        format!("/runs/{run}/reject"),
    ] {
        assert_eq!(counting.read(&format!("/admin{page}"), &cookie).await, 200, "{page}");
    }
    counting.call("PUT", "/admin/featured-benchmark", &root, json!({ "benchmark": "bench-0" })).await;
    counting.call("PATCH", &format!("/admin/users/{ada}"), &root, json!({ "role": "publisher" })).await;
    counting.call("DELETE", &format!("/admin/users/{ada}/sessions"), &root, Value::Null).await;
    counting.call("POST", &format!("/admin/runs/{run}/reject"), &root, json!({ "reason": "It was made up." })).await;
    let hidden = json!({ "reason": "It leaked." });
    counting.call("POST", "/admin/benchmarks/bench-0/hide", &root, hidden.clone()).await;
    for path in ["/leaderboard?benchmark=bench-0", "/api/v1/leaderboard?benchmark=bench-0"] {
        assert_eq!(counting.read(path, "").await, 410, "{path}");
    }
    counting.call("POST", "/admin/benchmarks/bench-0/unhide", &root, hidden).await;
}

#[tokio::test]
async fn a_publisher_waits_for_two_calls_and_with_an_idempotency_key_for_more() {
    let simulation = Simulation::new(&[]).await;
    let key = publisher(&simulation).await;
    let mut counting = Counting::of(&simulation);
    counting.call("PUT", "/models/maker/model", &key, json!({ "displayName": "Model" })).await;
    let tasks = (0..20).map(task).collect::<Value>();
    let version = json!({ "title": "Benchmark", "metric": "pass_rate", "tasks": tasks });
    for name in ["1", "2"] {
        counting.call("PUT", &format!("/benchmarks/bench/versions/{name}"), &key, version.clone()).await;
    }
    counting.call("PUT", "/benchmarks/bench/current-version", &key, json!({ "version": "1" })).await;
    let run = json!({
        "model": "maker/model", "benchmark": "bench", "version": "1", "harness": "reads", "harnessVersion": "1.0",
        "commit": "2fccd47", "evaluatorRelationship": "third_party",
    });
    let mut seal = run.clone();
    seal.as_object_mut().expect("an object").remove("evaluatorRelationship");
    seal["attempts"] = 1.into();
    seal["stoppingRule"] = "One run.".into();
    counting.call("POST", "/seals", &key, seal).await;
    let mut chance = fastrand::Rng::with_seed(1);
    let results = (0..20).map(|number| result(number, 1, &mut chance)).collect::<Value>();
    // Calls: claim, read, write; and where a run is published, its answer is remembered.
    for (once, [open, upload, publish, withdraw]) in [(false, [1, 2, 2, 1]), (true, [2, 3, 4, 1])] {
        let claim = |name| once.then_some(name);
        counting.most = open;
        let made = counting.call_once("POST", "/runs", &key, claim("a"), run.clone()).await;
        let path = format!("/runs/{}", made["id"].as_str().expect("an id"));
        counting.most = upload;
        counting.call_once("POST", &format!("{path}/results"), &key, claim("b"), results.clone()).await;
        counting.most = publish;
        counting.call_once("POST", &format!("{path}/publish"), &key, claim("c"), Value::Null).await;
        counting.most = withdraw;
        let reason = json!({ "reason": "The grader slept." });
        counting.call_once("POST", &format!("{path}/withdraw"), &key, claim("d"), reason).await;
        counting.most = 2;
        counting.call("GET", "/runs", &key, Value::Null).await;
    }
}
