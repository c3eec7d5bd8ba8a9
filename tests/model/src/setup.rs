//! The start of a process, and the data that is there before anybody comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    net::Ipv4Addr,
    sync::Arc,
    task::{Context, Poll},
};

use aibaas_core::{
    App, ClientAddress, Config, Environment, HostDefaults, OwnMail, SqlKeyGate, SqlRateLimiter, migrate,
    ports::{Database, Ports},
};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request as HttpRequest},
};
use futures_util::task::noop_waker;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    Op,
    account::Account,
    board::{self, Board},
    client,
    faults::Weather,
    linear::Checker,
    meaning::Request,
    plan::PEOPLE,
    run::{Answer, Episode, Outcome, Work},
    world::{Mutant, World},
};

/// The proxy that is trusted to tell the client's address.
const PROXY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
const ADMIN: &str = "root@example.com";

/// Creates the application over a world, as a process that starts does.
pub(crate) fn start(world: &Arc<World>) -> (App, axum::Router) {
    let ports = Ports {
        database: Arc::clone(world) as _,
        key_value: Arc::clone(world) as _,
        rate_limiter: Arc::new(SqlRateLimiter::new(Arc::clone(world) as Arc<dyn Database>)),
        key_gate: Arc::new(SqlKeyGate::new(Arc::clone(world) as _)),
        password_hasher: Arc::clone(world) as _,
        http_client: Arc::clone(world) as _,
        mail_transport: None,
        clock: Arc::clone(world) as _,
        timer: Arc::clone(world) as _,
        entropy: Arc::clone(world) as _,
        background: Arc::clone(world) as _,
    };
    let variables = [
        ("JWT_ALGORITHM", "HS256"),
        ("RESEND_API_KEY", "re_simulated"),
        ("ADMIN_EMAILS", ADMIN),
        ("TRUSTED_PROXIES", "203.0.113.0/24"),
        ("CORS_ORIGINS", "https://app.example"),
        ("RATE_LIMIT_REGISTER", "1000000/1"),
        ("RATE_LIMIT_LOGIN", "1000000/1"),
        ("RATE_LIMIT_RESEND", "1000000/1"),
        ("RATE_LIMIT_UNKNOWN_KEYS", "1000000/1"),
    ];
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let defaults = HostDefaults {
        environment: Environment::Development,
        base_url: "http://simulation.example".to_owned(),
        most_hash_memory_kib: 65_536,
        own_mail: OwnMail::None,
        most_packing_statements: HostDefaults::PACKING_STATEMENTS,
    };
    let app = App::new(ports, Config::load(&lookup, defaults).expect("a configuration"));
    let router = aibaas_core::router(&app);
    (app, router)
}

/// Sends a request to the router and reads the whole answer.
async fn answer_of(router: axum::Router, request: HttpRequest<Body>) -> Option<Answer> {
    let response = router.oneshot(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    let header = |name: &str| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let (status, content_type) = (head.status.as_u16(), header("content-type"));
    let request_id = header("x-request-id");
    let is_last_known = header("cache-status").contains("detail=stale-if-error");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Some(Answer { status, content_type, request_id, is_last_known, text, json })
}

impl Episode {
    /// Creates an episode in which only an administrator, a benchmark and some models exist.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(seed, None)
    }

    /// Creates an episode as [`Episode::new`] does, with this fault in the application, if any.
    #[must_use]
    pub fn with(seed: u64, mutant: Option<Mutant>) -> Self {
        let world = Arc::new(World::new(seed, mutant));
        let (app, router) = start(&world);
        let mut episode = Self {
            accounts: (0..PEOPLE).map(|_| Checker::new(Account::default())).collect(),
            board: Checker::new(Board::default()),
            people: client::people(),
            world,
            app,
            router,
            tasks: Vec::new(),
            sent: BTreeMap::new(),
            next: 1,
            ledgers: BTreeMap::new(),
            admin: String::new(),
            jumped: 0,
            claimed: BTreeMap::new(),
            made: BTreeMap::new(),
            snapshots: Vec::new(),
            pages: BTreeMap::new(),
            log: Vec::new(),
            due: BTreeMap::new(),
            seen: BTreeSet::new(),
            leaving: Vec::new(),
            outcome: Outcome::default(),
            verbose: false,
        };
        episode.world.state().calm = true;
        let world = Arc::clone(&episode.world);
        episode.alone(async move {
            migrate(world.as_ref()).await.expect("the schema");
            None
        });
        episode.prepare();
        episode.world.state().calm = false;
        episode
    }

    /// Makes the episode print every request and answer on standard output.
    #[must_use]
    pub fn verbose(mut self) -> Self {
        self.verbose = true;
        self
    }

    fn prepare(&mut self) {
        let credentials = json!({ "email": ADMIN, "password": "a long enough pass phrase" });
        self.ask_alone(Method::POST, "/auth/register", None, Some(credentials), 202);
        let token = {
            let state = self.world.state();
            let link = state.mailbox.of(ADMIN).find_map(|mail| mail.link.clone());
            link.expect("a verification mail").0
        };
        self.ask_alone(Method::POST, "/auth/verify-email", None, Some(json!({ "token": token })), 200);
        self.log_admin_in();
        let key = json!({ "name": "operator", "scopes": ["models:write"] });
        let token = self.admin.clone();
        let key = self.ask_alone(Method::POST, "/api-keys", Some(&token), Some(key), 201).json;
        let key = key["key"].as_str().expect("a key").to_owned();
        for model in 0..client::MODELS {
            let body = json!({ "displayName": format!("Model {model}") });
            self.ask_alone(Method::PUT, &format!("/models/sim/m{model}"), Some(&key), Some(body), 201);
        }
        let tasks = (0..board::TASKS).map(|task| json!({ "id": format!("hidden-task-{task}") })).collect::<Value>();
        let body = json!({ "title": "Simulated", "metric": "pass_rate", "privateTasks": true, "tasks": tasks });
        self.ask_alone(Method::PUT, "/benchmarks/sim/versions/1", Some(&key), Some(body), 201);
    }

    pub(crate) fn log_admin_in(&mut self) {
        let credentials = json!({ "email": ADMIN, "password": "a long enough pass phrase" });
        let tokens = self.ask_alone(Method::POST, "/auth/login", None, Some(credentials), 200).json;
        self.admin = tokens["accessToken"].as_str().expect("a token").to_owned();
    }

    /// Sends a request while everything else stands still and nothing fails, and asserts the status of its answer.
    pub(crate) fn ask_alone(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
        status: u16,
    ) -> Answer {
        let calm = std::mem::replace(&mut self.world.state().calm, true);
        let request =
            Request { method, path: format!("/api/v1{path}"), token: token.map(str::to_owned), once: None, body };
        let op = self.new_op(Weather::CALM, 0);
        let spawned = std::mem::take(&mut self.world.state().spawned);
        let answer = self.alone_as(op, self.call(&request, 250, op)).expect("an answer");
        let left = std::mem::replace(&mut self.world.state().spawned, spawned);
        for (op, work) in left {
            self.alone_as(op, async move {
                work.await;
                None
            });
        }
        self.world.state().calm = calm;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        answer
    }

    /// Passes a request to the application as it is, while nothing else is under way and nothing fails.
    pub fn answer_to(&mut self, mut request: HttpRequest<Body>) -> Answer {
        self.world.state().calm = true;
        request.extensions_mut().insert(ClientAddress(PROXY.into()));
        let op = self.new_op(Weather::CALM, 0);
        let answer = self.alone_as(op, answer_of(self.router.clone(), request)).expect("an answer");
        let left = std::mem::take(&mut self.world.state().spawned);
        for (op, work) in left {
            self.alone_as(op, async move {
                work.await;
                None
            });
        }
        answer
    }

    /// Lets time pass, and sets the body of every outbound `GET` from now on.
    pub fn fetches(&mut self, ms: i64, fetched: Vec<u8>) {
        self.pass(ms);
        self.world.state().fetched = fetched;
    }

    /// Returns an administrator's access token, a key with every scope, and an open run of the key's owner.
    ///
    /// # Panics
    /// Panics when the application refuses to create them.
    pub fn credentials(&mut self) -> (String, String, String) {
        let token = self.admin.clone();
        let scopes = ["results:write", "models:write", "keys:verify", "leaderboard:read"];
        let key = json!({ "name": "everything", "scopes": scopes, "rateLimit": 100_000 });
        let key = self.ask_alone(Method::POST, "/api-keys", Some(&token), Some(key), 201).json;
        let key = key["key"].as_str().expect("a key").to_owned();
        let run = json!({
            "model": "sim/m0", "benchmark": "sim", "version": "1", "harness": "model", "harnessVersion": "1",
            "commit": "abc1234", "evaluatorRelationship": "third_party",
        });
        let run = self.ask_alone(Method::POST, "/runs", Some(&key), Some(run), 201).json;
        (token, key, run["id"].as_str().expect("an id").to_owned())
    }

    fn alone(&mut self, work: impl Future<Output = Option<Answer>> + Send) -> Option<Answer> {
        let op = self.new_op(Weather::CALM, 0);
        self.alone_as(op, work)
    }

    pub(crate) fn alone_as(&self, op: Op, work: impl Future<Output = Option<Answer>> + Send) -> Option<Answer> {
        let mut work = Box::pin(work);
        let before = std::mem::replace(&mut self.world.state().current, op);
        let answer = loop {
            let progress = {
                let mut state = self.world.state();
                state.next_wake = i64::MAX;
                state.progress
            };
            if let Poll::Ready(answer) = work.as_mut().poll(&mut Context::from_waker(&noop_waker())) {
                break answer;
            }
            // Nobody else would let time pass.
            let mut state = self.world.state();
            if state.progress == progress {
                assert_ne!(state.next_wake, i64::MAX, "request {op} waits for nothing");
                state.now = state.now.max(state.next_wake);
                state.latest = state.latest.max(state.now);
            }
        };
        self.world.state().current = before;
        answer
    }

    pub(crate) fn new_op(&mut self, weather: Weather, stream: u64) -> Op {
        let op = self.next;
        self.next += 1;
        self.world.expose(op, weather, stream);
        op
    }

    pub(crate) fn call(&self, request: &Request, client: u8, op: Op) -> Work {
        let mut http = HttpRequest::builder().method(request.method.clone()).uri(&request.path);
        http = http
            .header("host", "simulation.example")
            .header("accept", "application/json")
            .header("user-agent", format!("client {client}, request {op}"));
        if let Some(token) = &request.token {
            http = http.header("authorization", format!("Bearer {token}"));
        }
        if let Some(once) = &request.once {
            http = http.header("idempotency-key", once);
        }
        let body = match &request.body {
            Some(body) => {
                http = http.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let mut http = http.body(body).expect("a request");
        http.extensions_mut().insert(ClientAddress(Ipv4Addr::new(198, 51, 100, client).into()));
        Box::pin(answer_of(self.router.clone(), http))
    }
}
