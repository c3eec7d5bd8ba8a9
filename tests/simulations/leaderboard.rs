//! Publishing with a failing database, a dying process and a clock that the test sets: what is left behind, how often
//! the database is called, and what days do to a leaderboard.

use aibaas_tests::{
    fixtures::{PASSWORD, passes, tasks},
    simulation::{Failure, Simulation},
};
use axum::http::{Method, Request};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

const DAY: i64 = 24 * 3600;
const BENCHMARK: &str = "/api/v1/leaderboard?benchmark=bench&version=1&limit=100";

/// A simulation with a publisher's key and an administrator's token.
pub struct Publisher {
    pub simulation: Simulation,
    pub key: String,
    root: String,
}

impl Publisher {
    pub async fn new(task_count: usize) -> Self {
        Self::on(Simulation::new(&[("ADMIN_EMAILS", "root@example.com")]).await, task_count).await
    }

    pub async fn on(simulation: Simulation, task_count: usize) -> Self {
        let mut tokens = Vec::new();
        for email in ["ada@example.com", "root@example.com"] {
            let body = json!({ "email": email, "password": PASSWORD });
            let post = |path: &str, body: Value| {
                let path = format!("/api/v1/auth/{path}");
                let simulation = &simulation;
                async move { simulation.call(Method::POST, &path, None, Some(body)).await }
            };
            assert_eq!(post("register", body.clone()).await.0, 202);
            let token = simulation.mailed_token(email, "Verify your e-mail address").await;
            assert_eq!(post("verify-email", json!({ "token": token })).await.0, 200);
            let (_, answer) = post("login", body).await;
            tokens.push(answer["accessToken"].as_str().expect("an access token").to_owned());
        }
        let scopes = json!(["results:write", "models:write"]);
        let body = json!({ "name": "runner", "scopes": scopes, "rateLimit": 100_000 });
        let (status, key) = simulation.call(Method::POST, "/api/v1/api-keys", Some(&tokens[0]), Some(body)).await;
        assert_eq!(status, 201, "{key}");
        let key = key["key"].as_str().expect("a key").to_owned();
        let publisher = Self { simulation, key, root: tokens.remove(1) };
        let body = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(task_count) });
        publisher.call(Method::PUT, "/benchmarks/bench/versions/1", Some(body), 201).await;
        publisher
    }

    async fn try_call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.simulation.call(method, &format!("/api/v1{path}"), Some(&self.key), body).await
    }

    pub async fn call(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let (answered, value) = self.try_call(method, path, body).await;
        assert_eq!(answered, status, "{path}: {value}");
        value
    }

    pub async fn model(&self, name: &str) {
        self.call(Method::PUT, &format!("/models/p/{name}"), Some(json!({ "displayName": name })), 201).await;
    }

    pub async fn open(&self, name: &str) -> String {
        let body = json!({
            "model": format!("p/{name}"), "benchmark": "bench", "version": "1", "harness": "suite",
            "harnessVersion": "1", "commit": "abc1234", "evaluatorRelationship": "first_party",
        });
        let run = self.call(Method::POST, "/runs", Some(body), 201).await;
        run["id"].as_str().expect("an id").to_owned()
    }

    pub async fn uploaded(&self, name: &str, correct: usize, total: usize) -> String {
        let run = self.open(name).await;
        self.call(Method::POST, &format!("/runs/{run}/results"), Some(passes(correct, total)), 200).await;
        run
    }

    pub async fn published(&self, name: &str, correct: usize, total: usize) -> String {
        let run = self.uploaded(name, correct, total).await;
        self.call(Method::POST, &format!("/runs/{run}/publish"), None, 200).await;
        run
    }

    async fn leaderboard(&self, query: &str) -> Value {
        let (status, board) = self.simulation.call(Method::GET, &format!("{BENCHMARK}{query}"), None, None).await;
        assert_eq!(status, 200, "{board}");
        board
    }

    /// Counts everything that publishing writes.
    fn everything(&self) -> Vec<i64> {
        let counted = [
            "SELECT count(*) FROM run_slices",
            "SELECT count(*) FROM run_scores",
            "SELECT count(*) FROM snapshots",
            "SELECT count(*) FROM changes",
            "SELECT count(*) FROM leaderboard_entries",
            "SELECT count(*) FROM leaderboard_entries WHERE to_seq IS NULL",
            "SELECT count(*) FROM results",
            "SELECT count(*) FROM runs WHERE status = 'open'",
            "SELECT count(*) FROM runs WHERE status = 'published'",
            "SELECT count(*) FROM runs WHERE status = 'withdrawn'",
            "SELECT count(*) FROM runs WHERE status = 'rejected'",
            "SELECT count(*) FROM runs WHERE reason IS NOT NULL",
            "SELECT count(*) FROM audit_events WHERE event = 'run_rejected'",
        ];
        counted.iter().map(|sql| self.simulation.count(sql)).collect()
    }
}

/// Ways in which a request is broken off while the database is at work: the failure, and whether the process dies.
const BREAKS: [(Failure, bool); 6] = [
    (Failure::Refused, false),
    (Failure::Unheard, false),
    (Failure::Slow, false),
    (Failure::SlowToTell, false),
    (Failure::Slow, true),
    (Failure::SlowToTell, true),
];

/// Sends a request that `prepare` makes, broken off at its first, second, … round trip, in every way. Checks that it
/// does all or nothing, and that, sent again, it answers 200 and everything is there once.
async fn all_or_nothing(publisher: &Publisher, token: &str, prepare: impl AsyncFn(u32) -> (String, Option<Value>)) {
    let simulation = &publisher.simulation;
    let mut number = 0;
    for (failure, killed) in BREAKS {
        for calls in 0..20 {
            number += 1;
            let (path, body) = prepare(number).await;
            let path = format!("/api/v1{path}");
            let send = || simulation.call(Method::POST, &path, Some(token), body.clone());
            let before = publisher.everything();
            simulation.break_after(calls, failure);
            // Nothing else in a simulation ever waits: a request without an answer here has been given up, or its
            // process has died.
            let answer = send().now_or_never();
            let broken = !simulation.heal();
            if killed {
                simulation.die();
            } else {
                simulation.complete_background().await;
            }
            let between = publisher.everything();
            let (status, again) = send().await;
            let context = format!("{path}, {failure:?} at round trip {calls}, answered {answer:?}");
            assert_eq!(status, 200, "{context}: {again}");
            let after = publisher.everything();
            assert!(between == before || between == after, "{context}: {before:?}, {between:?}, {after:?}");
            assert_ne!(before, after, "{context}: something is done");
            if let Some((status, first)) = answer {
                assert!(status == 503 || (status, &first) == (200, &again), "{context}: {first}");
            }
            let (status, third) = send().await;
            assert_eq!((status, third), (200, again), "{context}: once more is the same");
            assert_eq!(publisher.everything(), after, "{context}: once more is nothing more");
            if !broken {
                assert!(calls > 0, "{context}: it asks the database");
                break;
            }
            assert!(calls < 19, "{context}: it never ends");
        }
    }
}

#[tokio::test]
async fn a_publication_is_whole_or_not_at_all() {
    let publisher = Publisher::new(3).await;
    publisher.model("m").await;
    all_or_nothing(&publisher, &publisher.key, async |number| {
        let run = publisher.uploaded("m", usize::try_from(number % 4).expect("small"), 3).await;
        (format!("/runs/{run}/publish"), None)
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_whole_or_not_at_all() {
    let publisher = Publisher::new(3).await;
    publisher.model("m").await;
    let simulation = &publisher.simulation;
    let results = "SELECT count(*) FROM results";
    for (failure, killed) in BREAKS {
        for calls in 0..20 {
            let run = publisher.open("m").await;
            let before = simulation.count(results);
            simulation.break_after(calls, failure);
            let path = format!("/api/v1/runs/{run}/results");
            let send = || simulation.call(Method::POST, &path, Some(&publisher.key), Some(passes(2, 3)));
            _ = send().now_or_never();
            let broken = !simulation.heal();
            if killed {
                simulation.die();
            } else {
                simulation.complete_background().await;
            }
            let between = simulation.count(results) - before;
            assert!(between == 0 || between == 3, "{failure:?} at round trip {calls} left {between}");
            // The upload goes on from there: stored results are repeated, and the others are new.
            let (status, answer) = send().await;
            assert_eq!(status, 200, "{answer}");
            assert_eq!(answer["repeated"], between, "{failure:?} at round trip {calls}: {answer}");
            publisher.call(Method::POST, &format!("/runs/{run}/publish"), None, 200).await;
            if !broken {
                break;
            }
            assert!(calls < 19, "it never ends");
        }
    }
}

#[tokio::test]
async fn a_withdrawal_is_whole_or_not_at_all() {
    let publisher = Publisher::new(3).await;
    publisher.model("m").await;
    publisher.published("m", 1, 3).await;
    all_or_nothing(&publisher, &publisher.key, async |_| {
        let run = publisher.published("m", 3, 3).await;
        (format!("/runs/{run}/withdraw"), Some(json!({ "reason": "a mistake" })))
    })
    .await;
    // Whatever broke off, the run before stands.
    assert_eq!(publisher.leaderboard("").await["data"][0]["correct"], 1);
}

#[tokio::test]
async fn a_rejection_is_whole_or_not_at_all() {
    let publisher = Publisher::new(3).await;
    publisher.model("m").await;
    let reason = || Some(json!({ "reason": "made up" }));
    all_or_nothing(&publisher, &publisher.root, async |number| {
        let run = match number % 2 {
            0 => publisher.published("m", 2, 3).await,
            _ => publisher.uploaded("m", 2, 3).await,
        };
        (format!("/admin/runs/{run}/reject"), reason())
    })
    .await;
    assert_eq!(publisher.leaderboard("").await["data"], json!([]));
}

/// Checks how often publishing and reading boards call the database: each call is a round trip to D1.
#[tokio::test]
async fn round_trips_to_the_database_are_few() {
    let publisher = Publisher::new(1000).await;
    publisher.model("m").await;
    let run = publisher.open("m").await;
    let simulation = &publisher.simulation;
    let count = |call: &str, most: u32| {
        let round_trips = simulation.round_trips();
        assert!((1..=most).contains(&round_trips), "{call}: {round_trips} round trips");
    };
    simulation.round_trips();
    // What the key's gate calls is allowed for: on hosts a gate is in memory or in an object of its own.
    publisher.call(Method::POST, "/runs/none/results", Some(json!(null)), 422).await;
    let gate = simulation.round_trips();
    let results = passes(600, 1000);
    publisher.call(Method::POST, &format!("/runs/{run}/results"), Some(results.clone()), 200).await;
    count("an upload of 1,000 results", 2 + gate);
    publisher.call(Method::POST, &format!("/runs/{run}/results"), Some(results), 200).await;
    count("the same again", 2 + gate);
    publisher.call(Method::POST, &format!("/runs/{run}/publish"), None, 200).await;
    count("publish", 2 + gate);
    for (path, most) in [
        ("/leaderboard?benchmark=bench", 2),
        ("/leaderboard?benchmark=bench&language=go&sort=cost", 2),
        ("/leaderboard.csv?benchmark=bench", 2),
        ("/changes?benchmark=bench", 2),
        ("/changes.atom", 1),
        ("/models/p/m/history", 1),
        ("/models/p/m", 1),
        ("/benchmarks/bench", 1),
    ] {
        let (status, answer) = simulation.call(Method::GET, &format!("/api/v1{path}"), None, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        count(path, most);
    }
    publisher.call(Method::POST, &format!("/runs/{run}/withdraw"), Some(json!({ "reason": "a mistake" })), 200).await;
    count("withdraw", 2 + gate);
}

#[tokio::test]
async fn a_period_is_counted_back_from_now() {
    let publisher = Publisher::new(4).await;
    for name in ["old", "older", "new", "renewed"] {
        publisher.model(name).await;
    }
    publisher.published("older", 4, 4).await;
    publisher.published("renewed", 0, 4).await;
    publisher.simulation.pass_seconds(70 * DAY);
    publisher.published("old", 3, 4).await;
    publisher.simulation.pass_seconds(20 * DAY);
    publisher.published("new", 1, 4).await;
    publisher.published("renewed", 2, 4).await;
    let shown = async |period: &str| {
        let board = publisher.leaderboard(&format!("&period={period}")).await;
        let rows = board["data"].as_array().expect("rows").clone();
        let text = |row: &Value| format!("{} {}", row["rank"], row["model"].as_str().expect("a model"));
        rows.iter().map(text).collect::<Vec<_>>()
    };
    let all = ["1 p/older", "2 p/old", "3 p/renewed", "4 p/new"];
    assert_eq!(shown("all").await, all);
    // Exactly ninety days later, to the second, it is still included.
    assert_eq!(shown("90d").await, all);
    publisher.simulation.pass_seconds(1);
    assert_eq!(shown("90d").await, all[1..]);
    assert_eq!(shown("30d").await, all[1..]);
    assert_eq!(shown("7d").await, all[2..]);
    publisher.simulation.pass_seconds(7 * DAY);
    assert_eq!(shown("7d").await, Vec::<String>::new());
    assert_eq!(shown("all").await, all);
}

/// Checks that the pages of a list keep the moment at which its first page was read.
#[tokio::test]
async fn pages_of_a_period_keep_their_moment() {
    let publisher = Publisher::new(4).await;
    for (name, correct) in [("a", 4), ("b", 3), ("c", 2), ("d", 1)] {
        publisher.model(name).await;
        publisher.published(name, correct, 4).await;
        publisher.simulation.pass_seconds(60);
    }
    publisher.simulation.pass_seconds(7 * DAY - 5 * 60);
    let path = "&period=7d&limit=1".to_owned();
    let whole = "/api/v1/leaderboard?benchmark=bench&version=1";
    let (mut seen, mut query) = (Vec::new(), path.clone());
    loop {
        let (status, page) = publisher.simulation.call(Method::GET, &format!("{whole}{query}"), None, None).await;
        assert_eq!(status, 200, "{page}");
        seen.push(page["data"][0]["model"].as_str().expect("a row").to_owned());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        query = format!("{path}&cursor={cursor}");
        publisher.simulation.pass_seconds(DAY);
    }
    assert_eq!(seen, ["p/a", "p/b", "p/c", "p/d"]);
}

/// Checks requests whose owner's account is deleted after their key was admitted, and before they write.
#[tokio::test]
async fn nothing_is_published_for_an_account_that_goes_meanwhile() {
    let publisher = Publisher::new(1).await;
    publisher.model("m").await;
    let simulation = &publisher.simulation;
    let mut refused = 0;
    for (round, calls) in (0..24).map(|round| (round, round / 4)) {
        // The number of registrations in ten minutes is limited.
        simulation.pass_seconds(600);
        let email = format!("bob{round}@example.com");
        let body = json!({ "email": email, "password": PASSWORD });
        let post = |path: &'static str, token: Option<String>, body: Value| async move {
            simulation.call(Method::POST, &format!("/api/v1{path}"), token.as_deref(), Some(body)).await.1
        };
        post("/auth/register", None, body.clone()).await;
        let token = simulation.mailed_token(&email, "Verify your e-mail address").await;
        post("/auth/verify-email", None, json!({ "token": token })).await;
        let tokens = post("/auth/login", None, body).await;
        let access = tokens["accessToken"].as_str().expect("an access token").to_owned();
        let scopes = json!(["results:write", "models:write"]);
        let key = post("/api-keys", Some(access.clone()), json!({ "name": "runner", "scopes": scopes })).await;
        let key = key["key"].as_str().expect("a key").to_owned();
        let run = json!({
            "model": "p/m", "benchmark": "bench", "version": "1", "harness": "suite", "harnessVersion": "1",
            "commit": "abc1234", "evaluatorRelationship": "first_party",
        });
        let (method, path, body) = match round % 4 {
            0 => (Method::POST, "/api/v1/runs".to_owned(), run),
            3 => {
                let run = post("/runs", Some(key.clone()), run).await;
                (Method::POST, format!("/api/v1/runs/{}/results", run["id"].as_str().expect("an id")), passes(1, 1))
            }
            1 => (Method::PUT, format!("/api/v1/models/b/m{round}"), json!({ "displayName": "M" })),
            _ => {
                let body = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(1) });
                (Method::PUT, format!("/api/v1/benchmarks/b{round}/versions/1"), body)
            }
        };
        simulation.break_after(calls, Failure::Slow);
        let mut slow = Box::pin(simulation.call(method, &path, Some(&key), Some(body)));
        let early = (&mut slow).now_or_never();
        simulation.heal();
        let gone = json!({ "password": PASSWORD });
        let gone = simulation.call(Method::DELETE, "/api/v1/users/me", Some(&access), Some(gone)).await;
        assert_eq!(gone.0, 204, "{}", gone.1);
        let (status, answer) = match early {
            Some(answer) => answer,
            None => slow.await,
        };
        if status >= 300 {
            let code = answer["code"].as_str().unwrap_or_default();
            let known = [(401, "invalid_api_key"), (403, "not_owner")].contains(&(status, code));
            assert!(known, "{path} at call {calls}: {answer}");
            refused += 1;
        }
    }
    assert!(refused >= 4, "the account went in between");
}

#[tokio::test]
async fn reads_without_a_key_are_limited_by_address_and_cost_the_database_nothing_more() {
    let simulation = Simulation::new(&[("RATE_LIMIT_READS", "3/60")]).await;
    let models = "/api/v1/models?limit=1";
    let read = async |path: &str| simulation.read(path).await.0;
    simulation.round_trips();
    for path in [models, "/leaderboard", "/api/v1/export"] {
        assert_eq!(read(path).await, 200, "{path}");
    }
    let of_three = simulation.round_trips();
    let refused = simulation.answer(Request::get(models), None, None).await;
    assert_eq!(refused.status(), 429);
    let header = |name: &str| refused.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("ratelimit-policy"), Some("\"reads\";q=3;w=60"));
    assert_eq!(header("ratelimit"), Some("\"reads\";r=0;t=60"));
    assert_eq!((header("retry-after"), header("cache-control")), (Some("60"), Some("no-store")));
    assert_eq!(read("/leaderboard").await, 429);
    assert_eq!(simulation.round_trips(), 0, "a refusal asks nobody");
    assert_eq!(read("/health").await, 200, "only what is read of the leaderboard counts");
    simulation.call_from([192, 0, 2, 2]);
    assert_eq!(read(models).await, 200, "elsewhere nobody has read");
    simulation.call_from([192, 0, 2, 1]);
    simulation.pass_seconds(60);
    for path in [models, "/leaderboard", "/api/v1/export"] {
        assert_eq!(read(path).await, 200, "{path}");
    }
    let open = Simulation::new(&[("RATE_LIMIT_READS", "off")]).await;
    open.round_trips();
    for path in [models, "/leaderboard", "/api/v1/export"] {
        assert_eq!(open.read(path).await.0, 200, "{path}");
    }
    assert_eq!(open.round_trips(), of_three, "counting asks nobody");
}
