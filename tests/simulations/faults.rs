//! Requests while a dependency hangs, breaks off or fails: every dependency against every family of requests, in a
//! time that only deadlines let pass. `docs/dependencies.md` tells the same.

use std::cell::RefCell;

use aibaas_tests::{
    faults::{DEPENDENCIES, Dependency, Fault},
    fixtures::{PASSWORD, passes, tasks},
    simulation::Simulation,
};
use axum::{
    body::to_bytes,
    http::{Method, Request, header},
};
use serde_json::{Value, json};

use Dependency::{Cache, Database, Gate, Hasher, Limits, Outbound};

/// The default of `REQUEST_DEADLINE_SECONDS`, in milliseconds.
const REQUEST_MS: i64 = 25_000;
/// Deadline of one attempt of a read, in milliseconds.
const READ_MS: i64 = 7_500;
/// The longest pause before another attempt, in milliseconds.
const PAUSE_MS: i64 = 305;
const ADA: &str = "ada@example.com";
const BOARD: &str = "/api/v1/leaderboard?benchmark=bench&version=1";

/// A simulation with a person, her key, and a board with one run.
struct World {
    simulation: Simulation,
    /// The person's access token, and the time at which it was given, in milliseconds.
    token: RefCell<(String, i64)>,
    key: String,
    run: String,
}

/// An answer, with the milliseconds that it took.
#[derive(Debug)]
struct Heard {
    status: u16,
    retry_after: Option<String>,
    age: Option<String>,
    cache_status: Option<String>,
    tag: Option<String>,
    replayed: bool,
    body: Vec<u8>,
    ms: i64,
}

impl Heard {
    fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl World {
    async fn new(variables: &[(&str, &str)]) -> Self {
        let wide = ["RATE_LIMIT_REGISTER", "RATE_LIMIT_LOGIN", "RATE_LIMIT_RESEND"].map(|name| (name, "100000/1"));
        let simulation = Simulation::new(&[&wide[..], variables].concat()).await;
        let ((token, key, run), _) = simulation.timed(Self::prepare(&simulation));
        let token = RefCell::new((token, simulation.now_ms()));
        Self { simulation, token, key, run }
    }

    /// Creates a person with a key and a published run; returns her token, the key and the run's id.
    async fn prepare(simulation: &Simulation) -> (String, String, String) {
        let credentials = json!({ "email": ADA, "password": PASSWORD });
        let post = async |path: &str, token: Option<&str>, body: Value| {
            let (status, answer) = simulation.call(Method::POST, &format!("/api/v1{path}"), token, Some(body)).await;
            assert!(status < 300, "{path}: {answer}");
            answer
        };
        post("/auth/register", None, credentials.clone()).await;
        let token = simulation.mailed_token(ADA, "Verify your e-mail address").await;
        post("/auth/verify-email", None, json!({ "token": token })).await;
        let tokens = post("/auth/login", None, credentials).await;
        let token = tokens["accessToken"].as_str().expect("an access token").to_owned();
        let scopes = json!(["results:write", "models:write", "keys:verify"]);
        let made = json!({ "name": "runner", "scopes": scopes, "rateLimit": 100_000 });
        let key = post("/api-keys", Some(&token), made).await["key"].as_str().expect("a key").to_owned();
        let put = async |path: &str, body: Value| {
            let path = format!("/api/v1{path}");
            let (status, answer) = simulation.call(Method::PUT, &path, Some(&key), Some(body)).await;
            assert_eq!(status, 201, "{answer}");
        };
        put("/models/p/m", json!({ "displayName": "M" })).await;
        put("/benchmarks/bench/versions/1", json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(3) })).await;
        let run = post("/runs", Some(&key), run("first")).await["id"].as_str().expect("an id").to_owned();
        post(&format!("/runs/{run}/results"), Some(&key), passes(2, 3)).await;
        let published = format!("/api/v1/runs/{run}/publish");
        assert_eq!(simulation.call(Method::POST, &published, Some(&key), None).await.0, 200);
        (token, key, run)
    }

    /// Logs the person in again before her token expires.
    fn stay_logged_in(&self) {
        if self.simulation.now_ms() - self.token.borrow().1 > 600_000 {
            let credentials = json!({ "email": ADA, "password": PASSWORD });
            let login = asked(Method::POST, "/api/v1/auth/login", Whom::Nobody, &[], Some(credentials));
            let tokens = self.send(&login, None).value();
            let token = tokens["accessToken"].as_str().expect("an access token").to_owned();
            self.token.replace((token, self.simulation.now_ms()));
        }
    }

    /// Sends a request, and lets time pass while it waits. Its work after the answer is left undone.
    fn send(&self, request: &Asked, once: Option<&str>) -> Heard {
        let mut asked = Request::builder().method(request.method.clone()).uri(&request.path);
        if let Some(key) = once {
            asked = asked.header("idempotency-key", key);
        }
        if let Some(accept) = request.accept {
            asked = asked.header(header::ACCEPT, accept);
        }
        let token = match request.as_whom {
            Whom::Nobody => None,
            Whom::Person => Some(self.token.borrow().0.clone()),
            Whom::Program => Some(self.key.clone()),
        };
        let answer = self.simulation.answer(asked, token.as_deref(), request.body.as_ref());
        let (response, ms) = self.simulation.timed(answer);
        let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Heard {
            status: response.status().as_u16(),
            retry_after: text("retry-after"),
            age: text("age"),
            cache_status: text("cache-status"),
            tag: text("etag"),
            replayed: text("idempotent-replayed").is_some(),
            ms,
            body: self.simulation.timed(to_bytes(response.into_body(), usize::MAX)).0.expect("a body").to_vec(),
        }
    }

    /// Has the administrator hide or show again; how long that took.
    fn moderate(&self, what: &str) -> i64 {
        let reason = Some(json!({ "reason": "Its name was somebody's." }));
        let path = format!("/api/v1/admin/{what}");
        let heard = self.send(&asked(Method::POST, &path, Whom::Person, &[], reason), None);
        assert_eq!(heard.status, 200, "{}", heard.value());
        heard.ms
    }

    /// Completes the work after answers; returns the milliseconds that it took.
    fn complete_background(&self) -> i64 {
        self.simulation.timed(self.simulation.complete_background()).1
    }

    /// Revokes a key that was created, since a person may have only fifty.
    fn revoke(&self, made: &Heard) {
        if let Some(id) = made.value()["apiKey"]["id"].as_str() {
            let revoke = asked(Method::DELETE, &format!("/api/v1/api-keys/{id}"), Whom::Person, &[], None);
            assert_eq!(self.send(&revoke, None).status, 204);
        }
    }

    fn count(&self, table: &str) -> i64 {
        self.simulation.count(&format!("SELECT count(*) FROM {table}"))
    }
}

fn run(external_id: &str) -> Value {
    json!({
        "model": "p/m", "benchmark": "bench", "version": "1", "harness": "h", "harnessVersion": "1", "commit": "abc1234",
        "evaluatorRelationship": "first_party", "externalId": external_id,
    })
}

#[derive(Clone, Copy)]
enum Whom {
    Nobody,
    Person,
    Program,
}

/// A request, and the dependencies that it cannot do without.
struct Asked {
    method: Method,
    path: String,
    as_whom: Whom,
    accept: Option<&'static str>,
    body: Option<Value>,
    needs: &'static [Dependency],
}

fn asked(method: Method, path: &str, as_whom: Whom, needs: &'static [Dependency], body: Option<Value>) -> Asked {
    Asked { method, path: path.to_owned(), as_whom, accept: None, body, needs }
}

fn get(path: &str, needs: &'static [Dependency]) -> Asked {
    asked(Method::GET, path, Whom::Nobody, needs, None)
}

/// Returns one request of each family; a different `n` makes them create different things.
fn families(world: &World, n: usize) -> Vec<Asked> {
    let credentials = json!({ "email": ADA, "password": PASSWORD });
    let stranger = json!({ "email": format!("person{n}@example.com"), "password": PASSWORD });
    let key = json!({ "name": "another", "scopes": ["models:write"], "rateLimit": 10 });
    let results = format!("/api/v1/runs/{}/results", world.run);
    vec![
        get("/health", &[]),
        get("/docs", &[]),
        get("/.well-known/jwks.json", &[]),
        get("/ready", &[Database]),
        get(BOARD, &[Database]),
        get("/api/v1/leaderboard.csv?benchmark=bench", &[Database]),
        get("/leaderboard?benchmark=bench", &[Database]),
        get("/leaderboard/models/p/m", &[Database]),
        get("/api/v1/leaderboard/pareto?benchmark=bench", &[Database]),
        get("/api/v1/badges/p/m.svg?benchmark=bench", &[Database]),
        get("/api/v1/changes", &[Database]),
        get("/api/v1/changes.atom", &[Database]),
        get("/api/v1/models/p/m/history", &[Database]),
        get("/api/v1/models", &[Database]),
        get("/api/v1/benchmarks/bench", &[Database]),
        get(&format!("/api/v1/runs/{}", world.run), &[Database]),
        get(&results, &[Database]),
        get("/api/v1/export", &[Database]),
        asked(Method::POST, "/api/v1/auth/register", Whom::Nobody, &[Database, Limits, Hasher], Some(stranger)),
        asked(Method::POST, "/api/v1/auth/login", Whom::Nobody, &[Database, Limits, Hasher], Some(credentials)),
        asked(
            Method::POST,
            "/api/v1/auth/password/forgot",
            Whom::Nobody,
            &[Database, Limits],
            Some(json!({ "email": ADA })),
        ),
        asked(Method::GET, "/api/v1/users/me", Whom::Person, &[Database], None),
        asked(Method::PATCH, "/api/v1/users/me", Whom::Person, &[Database, Limits], Some(json!({ "fullName": "Ada" }))),
        asked(Method::GET, "/api/v1/auth/sessions", Whom::Person, &[Database], None),
        asked(Method::GET, "/api/v1/users/me/audit-log", Whom::Person, &[Database], None),
        asked(Method::GET, "/api/v1/api-keys", Whom::Person, &[Database], None),
        asked(Method::POST, "/api/v1/api-keys", Whom::Person, &[Database], Some(key)),
        asked(
            Method::POST,
            "/api/v1/api-keys/verify",
            Whom::Program,
            &[Gate],
            Some(json!({ "key": world.key.as_str() })),
        ),
        asked(
            Method::PUT,
            &format!("/api/v1/models/p/m{n}"),
            Whom::Program,
            &[Database, Gate],
            Some(json!({ "displayName": "M" })),
        ),
        asked(Method::POST, "/api/v1/runs", Whom::Program, &[Database, Gate], Some(run(&format!("run {n}")))),
        get("/.well-known/log-keys.json", &[]),
        get("/api/v1/log/head", &[Database]),
        get("/api/v1/log/proof/inclusion?index=0", &[Database]),
    ]
}

const LOST: &str = "D1_ERROR: Network connection lost.";
const TIMED_OUT: &str = "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.";
const OVERLOADED: &str = "D1_ERROR: D1 DB is overloaded. Requests queued for too long.";
const PASSING: [&str; 3] = [LOST, TIMED_OUT, OVERLOADED];

/// Checks every dependency's faults: a request that needs the dependency gets 503 with `Retry-After` in time; one that
/// does not need it notices nothing but, at most, the second for which the cache is waited for. Once the fault is
/// healed, everything works as before.
#[tokio::test]
async fn every_request_ends_in_time() {
    let world = World::new(&[]).await;
    let mut n = 0;
    for of in DEPENDENCIES {
        for fault in [Fault::Hangs, Fault::HangsToTell, Fault::Fails(OVERLOADED), Fault::BreaksOff(LOST)] {
            n += 1;
            for request in families(&world, n) {
                let context = format!("{} {} while {of:?} {fault:?}", request.method, request.path);
                world.stay_logged_in();
                world.simulation.faults.set(of, fault);
                let heard = world.send(&request, None);
                world.simulation.faults.heal();
                world.simulation.die();
                assert!(heard.ms <= REQUEST_MS, "{context}: {} ms", heard.ms);
                if request.needs.contains(&of) {
                    assert_eq!(heard.status, 503, "{context}: {}", String::from_utf8_lossy(&heard.body));
                    assert_eq!(heard.value()["code"], "service_unavailable", "{context}");
                    let seconds = heard.retry_after.as_ref().and_then(|seconds| seconds.parse::<u64>().ok());
                    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{context}: {heard:?}");
                } else {
                    assert!(heard.status < 300, "{context}: {} {}", heard.status, heard.value());
                    assert!(heard.ms <= 1_000, "{context}: {} ms", heard.ms);
                }
                // Logins that seem to have failed may be delayed.
                world.simulation.pass_seconds(if request.path.ends_with("login") { 120 } else { 0 });
                let again = world.send(&request, None);
                assert!(again.status < 300, "{context}, healed: {} {}", again.status, again.value());
                assert_eq!(again.ms, 0, "{context}, healed");
                world.revoke(&again);
                world.complete_background();
            }
        }
    }
}

/// Checks that a read which fails in passing is tried again without its client noticing, and that a write is not.
#[tokio::test]
async fn reads_are_tried_a_second_time() {
    let world = World::new(&[]).await;
    for why in PASSING {
        for request in families(&world, 0) {
            if request.method != Method::GET || !request.needs.contains(&Database) {
                continue;
            }
            world.simulation.faults.set_after(0, 1, Database, Fault::Fails(why));
            let heard = world.send(&request, None);
            assert_eq!(heard.status, 200, "{}: {}", request.path, heard.value());
            assert!((50..=PAUSE_MS).contains(&heard.ms), "{}: {} ms", request.path, heard.ms);
            world.simulation.faults.set_after(0, 1, Database, Fault::Hangs);
            let heard = world.send(&request, None);
            assert_eq!(heard.status, 200, "{}: {}", request.path, heard.value());
            assert!((READ_MS..=READ_MS + PAUSE_MS).contains(&heard.ms), "{}: {} ms", request.path, heard.ms);
            // Some pages read twice at once, so both attempts of each read have to fail.
            world.simulation.faults.set(Database, Fault::Fails(why));
            assert_eq!(world.send(&request, None).status, 503, "{}", request.path);
            world.simulation.faults.heal();
        }
        let rename = asked(Method::PATCH, "/api/v1/users/me", Whom::Person, &[], Some(json!({ "fullName": "Ada" })));
        // The first round trip of this request reads the session.
        world.simulation.faults.set_after(1, 1, Database, Fault::Fails(why));
        let heard = world.send(&rename, None);
        assert_eq!((heard.status, heard.ms), (503, 0), "{why}");
        // The write may have been carried out, unless the database says that it did not begin.
        let comes_again = if why == OVERLOADED { "1" } else { "5" };
        assert_eq!(heard.retry_after.as_deref(), Some(comes_again), "{why}");
        world.simulation.faults.heal();
    }
}

/// Checks requests with an `Idempotency-Key` while the database fails from each of their round trips on: sent again
/// afterwards, a request has acted once, even when what was given up is carried out after all.
#[tokio::test]
async fn the_same_key_acts_once() {
    let world = World::new(&[]).await;
    let faults =
        [Fault::Hangs, Fault::HangsToTell, Fault::CarriesOutLate, Fault::BreaksOff(LOST), Fault::Fails(TIMED_OUT)];
    let mut n = 1000;
    for (table, index) in [("outbox WHERE kind = 'verify_email'", 18), ("api_keys", 26), ("runs", 29)] {
        for fault in faults {
            for (calls, times) in (0..8).flat_map(|calls| [(calls, 1), (calls, u32::MAX)]) {
                n += 1;
                world.stay_logged_in();
                let request = families(&world, n).swap_remove(index);
                let key = format!("{} {n}", request.path);
                let context = format!("{} {fault:?} at round trip {calls}, {times} times", request.path);
                let before = world.count(table);
                world.simulation.faults.set_after(calls, times, Database, fault);
                let first = world.send(&request, Some(&key));
                world.simulation.faults.heal();
                assert!(first.ms <= REQUEST_MS, "{context}: {} ms", first.ms);
                assert!(first.status < 300 || first.status == 503, "{context}: {first:?} {}", first.value());
                world.complete_background();
                let mut again = world.send(&request, Some(&key));
                if again.status == 409 {
                    assert_eq!(again.value()["code"], "idempotency_in_progress", "{context}");
                    assert_eq!(again.retry_after.as_deref(), Some("1"), "{context}");
                    world.simulation.timed(world.simulation.faults.carry_out_late());
                    world.simulation.pass_seconds(90);
                    again = world.send(&request, Some(&key));
                }
                assert!(again.status < 300, "{context}: {} {}", again.status, again.value());
                world.simulation.timed(world.simulation.faults.carry_out_late());
                let third = world.send(&request, Some(&key));
                assert!(third.replayed, "{context}: {third:?}");
                assert_eq!((third.status, &third.body), (again.status, &again.body), "{context}");
                if first.status < 300 {
                    assert_eq!((first.status, &first.body), (again.status, &again.body), "{context}");
                }
                assert_eq!(world.count(table), before + 1, "{context}");
                world.revoke(&third);
                world.complete_background();
            }
        }
    }
}

/// Checks that reads which were made before get the last answer, byte for byte and marked as such, while the database
/// is down.
#[tokio::test]
async fn boards_outlive_the_database() {
    let world = World::new(&[]).await;
    world.simulation.cache(true);
    let accepting = |accept| Asked { accept: Some(accept), ..get("/api/v1/leaderboard?benchmark=bench", &[]) };
    let kept = [
        get("/leaderboard", &[]),
        get(BOARD, &[]),
        get("/api/v1/leaderboard?limit=100&version=1&benchmark=bench", &[]),
        accepting("text/csv"),
        accepting("application/x-ndjson"),
        get("/api/v1/leaderboard.csv?benchmark=bench", &[]),
        get("/api/v1/leaderboard.ndjson?benchmark=bench", &[]),
        get("/leaderboard?benchmark=bench", &[]),
        get("/leaderboard/models/p/m", &[]),
        get("/api/v1/leaderboard/pareto?benchmark=bench", &[]),
        get("/api/v1/badges/p/m.svg?benchmark=bench", &[]),
        get("/api/v1/changes", &[]),
        get("/api/v1/changes.atom", &[]),
        get("/api/v1/models/p/m/history", &[]),
    ];
    let at = world.simulation.now_ms();
    let fresh = kept.iter().map(|request| world.send(request, None)).collect::<Vec<_>>();
    assert!(fresh.iter().all(|fresh| fresh.status == 200));
    world.complete_background();
    world.simulation.pass_seconds(600);
    for fault in [Fault::Fails("D1_ERROR: no such table"), Fault::Fails(LOST), Fault::Hangs, Fault::HangsToTell] {
        for (request, before) in kept.iter().zip(&fresh) {
            world.simulation.faults.set(Database, fault);
            let last = world.send(request, None);
            let context = format!("{} while the database {fault:?}", request.path);
            assert_eq!((last.status, &last.body, &last.tag), (200, &before.body, &before.tag), "{context}");
            assert!(last.ms <= READ_MS, "{context}: {} ms", last.ms);
            let age = last.age.as_ref().and_then(|age| age.parse::<i64>().ok()).expect("an age");
            assert_eq!(age, (world.simulation.now_ms() - at) / 1000, "{context}");
            let told = format!("aibaas; hit; ttl={}; detail=stale-if-error", 60 - age);
            assert_eq!(last.cache_status.as_deref(), Some(told.as_str()), "{context}");
            if let Some(tag) = &before.tag {
                let known = Request::get(&request.path)
                    .header(header::IF_NONE_MATCH, tag)
                    .header(header::ACCEPT, request.accept.unwrap_or("*/*"));
                let (known, _) = world.simulation.timed(world.simulation.answer(known, None, None));
                assert_eq!(known.status(), 304, "{context}");
            }
            // Nobody has made these reads before, so there is no last answer.
            for other in ["/api/v1/leaderboard?benchmark=bench&scenario=made-up", "/api/v1/leaderboard?q=m"] {
                let other = world.send(&get(other, &[]), None);
                assert_eq!((other.status, other.age), (503, None), "{context}");
            }
            world.simulation.faults.heal();
        }
    }
    let now = world.send(&kept[1], None);
    assert_eq!((now.status, &now.age, &now.cache_status), (200, &None, &None));
    assert_eq!(now.value()["snapshotId"], fresh[1].value()["snapshotId"]);

    // A new answer takes the place of the last one.
    let made = asked(Method::PUT, "/api/v1/models/p/second", Whom::Program, &[], Some(json!({ "displayName": "S" })));
    assert_eq!(world.send(&made, None).status, 201);
    let mut second = run("second");
    second["model"] = json!("p/second");
    let opened = world.send(&asked(Method::POST, "/api/v1/runs", Whom::Program, &[], Some(second)), None);
    let path = format!("/api/v1/runs/{}", opened.value()["id"].as_str().expect("an id"));
    let post = |end: &str, body| asked(Method::POST, &format!("{path}/{end}"), Whom::Program, &[], body);
    assert_eq!(world.send(&post("results", Some(passes(3, 3))), None).status, 200);
    assert_eq!(world.send(&post("publish", None), None).status, 200);
    let newest = world.send(&kept[1], None);
    assert_ne!(newest.value()["snapshotId"], fresh[1].value()["snapshotId"]);
    world.complete_background();
    world.simulation.faults.set(Database, Fault::Fails(LOST));
    assert_eq!(world.send(&kept[1], None).body, newest.body);
}

/// Checks that hidden things are not shown from last answers while the database is down, neither by themselves nor on
/// boards that contained them.
#[tokio::test]
async fn what_is_hidden_is_no_last_answer() {
    let world = World::new(&[("ADMIN_EMAILS", ADA)]).await;
    world.simulation.cache(true);
    let boards = [get(BOARD, &[]), get("/leaderboard?benchmark=bench", &[]), get("/api/v1/models/p/m/history", &[])];
    let ask = || boards.iter().map(|board| world.send(board, None).status).collect::<Vec<_>>();
    let while_down = || {
        world.complete_background();
        world.simulation.faults.set(Database, Fault::Fails(LOST));
        let heard = ask();
        world.simulation.faults.heal();
        heard
    };
    assert_eq!(ask(), [200; 3]);
    assert_eq!(while_down(), [200; 3]);
    world.moderate("models/p/m/hide");
    assert_eq!(while_down(), [503; 3]);
    assert_eq!(ask(), [200, 200, 410]);
    assert_eq!(while_down(), [503; 3], "that answer may have been read before");
    world.simulation.pass_seconds(60);
    assert_eq!(ask(), [200, 200, 410]);
    assert_eq!(while_down(), [200, 200, 503]);
    world.moderate("benchmarks/bench/hide");
    assert_eq!(ask(), [410; 3]);
    assert_eq!(while_down(), [503; 3]);
}

/// Nor is it shown again where the cache was late, did not answer, or forgot what must not be shown.
#[tokio::test]
async fn what_is_hidden_is_no_last_answer_of_a_bad_cache() {
    let world = World::new(&[("ADMIN_EMAILS", ADA)]).await;
    let (simulation, board) = (&world.simulation, get(BOARD, &[]));
    simulation.cache(true);
    let is_kept = || {
        simulation.faults.set(Database, Fault::Fails(LOST));
        let heard = world.send(&board, None);
        simulation.faults.heal();
        heard.status == 200
    };
    let show_and_keep = || {
        simulation.pass_seconds(60);
        world.stay_logged_in();
        assert_eq!(world.send(&board, None).status, 200);
        world.complete_background();
        assert!(is_kept());
    };
    let tick = || simulation.timed(aibaas_core::tick(&simulation.app));
    show_and_keep();

    // A moment ago it was late, so that nobody else asks it.
    simulation.faults.set_after(0, 1, Cache, Fault::Hangs);
    assert_eq!(world.send(&get(&format!("{BOARD}&limit=100"), &[]), None).ms, 1_000);
    assert_eq!(world.moderate("models/p/m/hide"), 0);
    simulation.pass_seconds(5);
    assert!(!is_kept());

    for (fault, ms) in [(Fault::Fails("KV is down"), 0), (Fault::Hangs, 5_000)] {
        world.moderate("models/p/m/unhide");
        show_and_keep();
        simulation.faults.set(Cache, fault);
        assert_eq!(world.moderate("models/p/m/hide"), ms, "{fault:?}");
        world.complete_background();
        simulation.faults.heal();
        simulation.pass_seconds(5);
        tick();
        assert!(!is_kept(), "{fault:?}: a tick tells the cache what it was not told");
    }

    world.moderate("models/p/m/unhide");
    show_and_keep();
    simulation.forget_kept("last/amended");
    assert!(!is_kept(), "nobody knows whether it is good");
    tick();
    assert!(is_kept(), "it is from after what the database knows");
}

/// Checks that a cache which hangs costs one second once, and then nothing, and that one which fails costs nothing.
#[tokio::test]
async fn a_cache_is_never_waited_for_long() {
    let world = World::new(&[]).await;
    world.simulation.faults.set(Cache, Fault::Hangs);
    let first = world.send(&get(BOARD, &[]), None);
    assert_eq!((first.status, first.ms), (200, 1_000));
    for _ in 0..3 {
        let next = world.send(&get(BOARD, &[]), None);
        assert_eq!((next.status, next.ms, &next.body), (200, 0, &first.body));
    }
    world.simulation.pass_seconds(5);
    let again = world.send(&get(BOARD, &[]), None);
    assert_eq!((again.ms, &again.body), (0, &first.body), "a page that the instance remembers needs no cache");
    let another = format!("{BOARD}&limit=100");
    assert_eq!(world.send(&get(&another, &[]), None).ms, 1_000, "it is given another chance");
    world.simulation.faults.set(Cache, Fault::Fails("KV is down"));
    world.simulation.pass_seconds(3_600);
    for board in [BOARD, &another] {
        let without = world.send(&get(board, &[]), None);
        assert_eq!((without.status, without.ms, &without.body), (200, 0, &first.body));
    }
}

/// Checks that the look-up of breached passwords is given up after two seconds, and the password accepted.
#[tokio::test]
async fn who_registers_waits_two_seconds_for_breached_passwords() {
    let world = World::new(&[("BREACHED_PASSWORDS_URL", "https://pwned.example/range")]).await;
    for (n, fault) in [Fault::Hangs, Fault::HangsToTell].into_iter().enumerate() {
        let register = families(&world, n).swap_remove(18);
        world.simulation.faults.set(Outbound, fault);
        let heard = world.send(&register, None);
        assert_eq!((heard.status, heard.ms), (202, 2_000), "{}", heard.value());
        world.simulation.faults.heal();
        world.complete_background();
    }
}

/// Checks that a mail provider which hangs delays no answer: deliveries after the answers end, too, and the mails go
/// out later.
#[tokio::test]
async fn mail_waits_for_its_provider() {
    let variables =
        [("RESEND_API_KEY", "re_simulation"), ("MAIL_FROM", "a@example.com"), ("RATE_LIMIT_REGISTER", "1000/1")];
    let simulation = Simulation::new(&variables).await;
    simulation.faults.set(Outbound, Fault::Hangs);
    for n in 0..10 {
        let body = json!({ "email": format!("person{n}@example.com"), "password": PASSWORD });
        let register = simulation.answer(Request::post("/api/v1/auth/register"), None, Some(&body));
        let (answer, ms) = simulation.timed(register);
        assert_eq!((answer.status().as_u16(), ms), (202, 0));
    }
    // Ten deliveries, one after another here: each calls a provider that hangs once, and for four mails at most.
    let ((), ms) = simulation.timed(simulation.complete_background());
    assert!(ms <= 100_000, "{ms} ms");
    let waiting = "SELECT count(*) FROM outbox WHERE sent_at IS NULL";
    assert_eq!(simulation.count(waiting), 10, "none is lost");
    simulation.pass_seconds(3600);
    let ((), ms) = simulation.timed(aibaas_core::tick(&simulation.app));
    assert_eq!(ms, 10_000);
    assert_eq!(simulation.count(waiting), 10);
}
