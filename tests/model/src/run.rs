//! Plays an episode: whose future is polled next, and when the process dies, is decided by the steps' random streams.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    future::Future,
    net::Ipv4Addr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use aibaas_core::{
    App, ClientAddress, Config, Environment, HostDefaults, SqlKeyGate, SqlRateLimiter, migrate,
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
    client::{self, Meaning, Person, Request},
    clock::Span,
    faults::{Counts, Fault, Weather},
    invariants::{Broken, Invariant},
    ledger::Ledger,
    linear::Checker,
    plan::{Action, CLIENTS, PEOPLE, Step},
    world::{Mutant, World},
};

const HOUR: i64 = 3_600_000;
/// Longer than whoever delivers mail keeps others from it, less what a delivery takes.
const LONG_MS: i64 = 3000;
/// How long a claim of an `Idempotency-Key` outlives its process.
const CLAIM_MS: i64 = 90_000;
/// Who is believed about the client's address.
const PROXY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);
const ADMIN: &str = "root@example.com";
/// The longest that the clock jumps in an episode, over all: sessions die of age, accounts do not.
const MOST_JUMPED: i64 = 20 * 24 * HOUR;

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: String,
    /// `X-Request-Id`.
    pub request_id: String,
    /// Whether it says that it is the last known one, since the database cannot be asked.
    pub is_last_known: bool,
    /// The body.
    pub text: String,
    /// The body as JSON.
    pub json: Value,
}

type Work = Pin<Box<dyn Future<Output = Option<Answer>> + Send>>;

/// A future that is polled in the request's name: the request itself, or what it left to do.
struct Task {
    op: Op,
    work: Work,
}

/// A request under way.
pub(crate) struct Sent {
    pub step: Step,
    pub request: Request,
    pub meaning: Meaning,
    pub span: Span,
}

/// What came of an episode.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many steps were played.
    pub steps: u64,
    /// How many requests were sent.
    pub requests: u64,
    /// By status, how many answers there were.
    pub answers: BTreeMap<u16, u64>,
    /// What went wrong around the application.
    pub faults: Counts,
    /// How many mails were taken, and how many twice.
    pub mails: (usize, usize),
    /// Stands for everything that was asked and answered.
    pub trace: u64,
    /// Whether a fault that was put into the application ever stood in its way.
    pub mutated: bool,
    /// The invariant that broke.
    pub broken: Option<Broken>,
}

/// The episode.
pub struct Episode {
    pub(crate) world: Arc<World>,
    app: App,
    router: axum::Router,
    tasks: Vec<Task>,
    pub(crate) sent: BTreeMap<Op, Sent>,
    next: Op,
    pub(crate) accounts: Vec<Checker<Account>>,
    pub(crate) board: Checker<Board>,
    pub(crate) people: Vec<Person>,
    pub(crate) ledgers: BTreeMap<Op, Ledger>,
    admin: String,
    jumped: i64,
    /// Until when each `Idempotency-Key` may be claimed by a request that has gone.
    pub(crate) claimed: BTreeMap<String, i64>,
    /// What each request made, as it was answered to the first.
    pub(crate) made: BTreeMap<Op, String>,
    /// Snapshots that were read, in the order of reading, and what they said.
    pub(crate) snapshots: Vec<String>,
    pub(crate) pages: BTreeMap<String, Value>,
    /// The longest log of changes that was read.
    pub(crate) log: Vec<Value>,
    /// By person and subject: mails that certainly come, and that may come.
    pub(crate) due: BTreeMap<(usize, &'static str), (u32, u32)>,
    /// Links whose mails have been seen.
    seen: BTreeSet<Op>,
    /// Requests that nobody waits for, and of which something is still on its way: whose account they are about.
    leaving: Vec<(Op, usize)>,
    pub(crate) outcome: Outcome,
    pub(crate) verbose: bool,
}

/// Makes the application over a world, as a process that starts.
fn start(world: &Arc<World>) -> (App, axum::Router) {
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
        ("RATE_LIMIT_REGISTER", "1000000/1"),
        ("RATE_LIMIT_LOGIN", "1000000/1"),
        ("RATE_LIMIT_RESEND", "1000000/1"),
    ];
    let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let defaults = HostDefaults {
        environment: Environment::Development,
        base_url: "http://simulation.example".to_owned(),
        most_hash_memory_kib: 65_536,
    };
    let app = App::new(ports, Config::load(&lookup, defaults).expect("a configuration"));
    let router = app.router();
    (app, router)
}

/// The answer, read whole.
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
    /// Begins an episode: an administrator, a benchmark and some models are there, and nobody else.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(seed, None)
    }

    /// The same with a fault in the application.
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

    /// Tells every request and answer on standard output.
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

    fn log_admin_in(&mut self) {
        let credentials = json!({ "email": ADMIN, "password": "a long enough pass phrase" });
        let tokens = self.ask_alone(Method::POST, "/auth/login", None, Some(credentials), 200).json;
        self.admin = tokens["accessToken"].as_str().expect("a token").to_owned();
    }

    /// Calls while everything else stands still and nothing fails.
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

    /// Hands the request on as it is, while nothing else is under way and nothing fails.
    pub fn answer_to(&mut self, mut request: HttpRequest<Body>) -> Answer {
        self.world.state().calm = true;
        request.extensions_mut().insert(ClientAddress(PROXY.into()));
        let op = self.new_op(Weather::CALM, 0);
        let answer = self.alone_as(op, answer_of(self.router.clone(), request)).expect("an answer");
        for (op, work) in std::mem::take(&mut self.world.state().spawned) {
            self.alone_as(op, async move {
                work.await;
                None
            });
        }
        answer
    }

    /// An administrator's access token, a key with every scope, and an open run of its owner's.
    ///
    /// # Panics
    /// When the application does not give them.
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

    fn alone_as(&self, op: Op, work: impl Future<Output = Option<Answer>> + Send) -> Option<Answer> {
        let mut work = Box::pin(work);
        let before = std::mem::replace(&mut self.world.state().current, op);
        let answer = loop {
            if let Poll::Ready(answer) = work.as_mut().poll(&mut Context::from_waker(&noop_waker())) {
                break answer;
            }
        };
        self.world.state().current = before;
        answer
    }

    fn new_op(&mut self, weather: Weather, stream: u64) -> Op {
        let op = self.next;
        self.next += 1;
        self.world.expose(op, weather, stream);
        op
    }

    fn call(&self, request: &Request, client: u8, op: Op) -> Work {
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

    /// Plays the steps, and then lets everything come to rest and looks at what is left.
    pub fn play(mut self, steps: &[Step]) -> Outcome {
        let played = steps.iter().try_for_each(|step| self.step(step)).and_then(|()| self.rest());
        let after = usize::try_from(self.outcome.steps).unwrap_or(usize::MAX);
        self.outcome.broken = played.err().map(|broken| Broken { after, ..broken });
        self.tasks.clear();
        self.outcome.mutated = self.world.is_mutated();
        let state = self.world.state();
        self.outcome.mails = (state.mailbox.len(), state.mailbox.doubled());
        self.outcome.faults = state.counts.clone();
        drop(state);
        self.outcome
    }

    fn step(&mut self, step: &Step) -> Result<(), Broken> {
        self.outcome.steps += 1;
        let mut random = fastrand::Rng::with_seed(step.stream);
        self.pass(random.i64(0..40));
        match step.action {
            Action::Wait => self.pass([100, 1000, 4000, 11_000, 70_000][random.usize(..5)]),
            Action::Jump => {
                let hours = [1, 2, 25, 70, 170][random.usize(..5)];
                if self.jumped + hours * HOUR <= MOST_JUMPED {
                    self.jumped += hours * HOUR;
                    self.count(Fault::ClockJumps);
                    self.pass(hours * HOUR);
                }
            }
            Action::SetBack => {
                self.count(Fault::ClockSetBack);
                self.pass(-random.i64(1..500));
            }
            Action::Die => self.die(),
            Action::Leave => self.leave(&mut random),
            Action::Tick => {
                let op = self.new_op(step.weather, random.u64(..));
                let app = self.app.clone();
                let work = Box::pin(async move {
                    app.tick().await;
                    None
                });
                self.tasks.push(Task { op, work });
            }
            _ => self.send(step, &mut random)?,
        }
        for _ in 0..random.usize(..24) {
            self.poll_one(&mut random)?;
        }
        if step.number.is_multiple_of(8) { self.revise() } else { Ok(()) }
    }

    fn send(&mut self, step: &Step, random: &mut fastrand::Rng) -> Result<(), Broken> {
        while self.sent.values().any(|sent| (sent.step.person, sent.step.client) == (step.person, step.client)) {
            self.poll_one(random)?;
        }
        if matches!(step.action, Action::Suspend | Action::Activate) {
            self.log_admin_in();
        }
        let world = Arc::clone(&self.world);
        let model = &self.accounts[step.person];
        let asked = self.people[step.person].ask(step, random, &world.state(), model, &self.snapshots, &self.admin);
        let Some((request, meaning)) = asked else { return Ok(()) };
        let op = self.new_op(step.weather, random.u64(..));
        let now = self.world.state().now;
        if let Some(ask) = &meaning.account {
            self.accounts[step.person].sent(op, ask.clone(), now);
        }
        if let Some(ask) = &meaning.board {
            self.board.sent(op, ask.clone(), now);
        }
        if self.verbose {
            println!("#{} t={now} op {op}: {:?} by {}.{}", step.number, step.action, step.person, step.client);
        }
        let work = self.call(&request, (step.person * CLIENTS + step.client + 1) as u8, op);
        self.outcome.requests += 1;
        self.sent.insert(op, Sent { step: *step, request, meaning, span: Span::at(now) });
        self.tasks.push(Task { op, work });
        Ok(())
    }

    /// Polls one of those who are under way; where all wait for time to pass, it does.
    fn poll_one(&mut self, random: &mut fastrand::Rng) -> Result<(), Broken> {
        if self.tasks.is_empty() {
            return Ok(());
        }
        self.world.state().next_wake = i64::MAX;
        let first = random.usize(..self.tasks.len());
        for offset in 0..self.tasks.len() {
            let index = (first + offset) % self.tasks.len();
            if self.poll(index)? {
                return Ok(());
            }
        }
        let wake = self.world.state().next_wake;
        let now = self.world.state().now;
        if wake == i64::MAX {
            return Err(Broken::new(Invariant::ItEnds, format!("{} futures wait for nothing", self.tasks.len())));
        }
        self.pass((wake - now).max(0));
        Ok(())
    }

    /// Polls it; whether it went on.
    fn poll(&mut self, index: usize) -> Result<bool, Broken> {
        let before = {
            let mut state = self.world.state();
            state.current = self.tasks[index].op;
            state.progress
        };
        let polled = self.tasks[index].work.as_mut().poll(&mut Context::from_waker(&noop_waker()));
        let spawned = {
            let mut state = self.world.state();
            state.current = 0;
            std::mem::take(&mut state.spawned)
        };
        let started = !spawned.is_empty();
        self.take_over(spawned);
        if let Poll::Ready(answer) = polled {
            let task = self.tasks.swap_remove(index);
            if let (Some(answer), Some(sent)) = (answer, self.sent.remove(&task.op)) {
                let action = sent.step.action;
                let answered = self.answered(task.op, sent, &answer);
                answered.map_err(|broken| Broken { action: Some(action), ..broken })?;
            }
            return Ok(true);
        }
        Ok(started || self.world.state().progress != before)
    }

    fn take_over(&mut self, spawned: Vec<(Op, aibaas_core::ports::BoxFuture)>) {
        for (op, work) in spawned {
            let work = Box::pin(async move {
                work.await;
                None
            });
            self.tasks.push(Task { op, work });
        }
    }

    pub(crate) fn pass(&mut self, ms: i64) {
        let now = {
            let mut state = self.world.state();
            state.now += ms;
            state.latest = state.latest.max(state.now);
            if ms >= LONG_MS && !self.tasks.is_empty() {
                let now = state.now;
                state.mailbox.stood_still(now - ms, now);
            }
            state.now
        };
        self.world.carry_out_late();
        self.accounts.iter_mut().for_each(|checker| checker.time(now));
        self.board.time(now);
        self.sent.values_mut().for_each(|sent| sent.span.include(now));
        for (op, person) in std::mem::take(&mut self.leaving) {
            self.gone(op, person);
        }
    }

    /// Nobody waits for the request any more. What is on its way to the database still arrives.
    pub(crate) fn gone(&mut self, op: Op, person: usize) {
        if self.world.is_late(op) {
            self.leaving.push((op, person));
            return;
        }
        self.accounts[person].lost(op);
        self.board.lost(op);
    }

    fn count(&self, fault: Fault) {
        *self.world.state().counts.entry(fault).or_default() += 1;
    }

    fn die(&mut self) {
        self.count(Fault::ProcessDies);
        if self.verbose {
            println!("the process dies");
        }
        self.tasks.clear();
        {
            let mut state = self.world.state();
            state.deaths += 1;
            // What its last breath would have left to do.
            state.spawned.clear();
        }
        for (op, sent) in std::mem::take(&mut self.sent) {
            self.lost(op, &sent);
        }
        (self.app, self.router) = start(&self.world);
    }

    fn leave(&mut self, random: &mut fastrand::Rng) {
        let ops = self.sent.keys().copied().collect::<Vec<_>>();
        if ops.is_empty() {
            return;
        }
        self.count(Fault::ClientGone);
        let op = ops[random.usize(..ops.len())];
        // Of its tasks only the request itself: what it left to do goes on.
        let Some(index) = self.tasks.iter().position(|task| task.op == op) else { return };
        self.world.state().current = op;
        drop(self.tasks.remove(index));
        let spawned = std::mem::take(&mut self.world.state().spawned);
        self.take_over(spawned);
        if let Some(sent) = self.sent.remove(&op) {
            self.lost(op, &sent);
        }
    }

    /// Everything works again: what is under way ends, and what is due is done.
    fn rest(&mut self) -> Result<(), Broken> {
        self.world.state().calm = true;
        let mut random = fastrand::Rng::with_seed(0);
        for round in 0..8 {
            while !self.tasks.is_empty() {
                self.poll_one(&mut random)?;
            }
            if round > 1
                && self.leaving.is_empty()
                && self.world.count("SELECT count(*) FROM outbox WHERE next_attempt_at IS NOT NULL") == 0
            {
                break;
            }
            self.pass(if round == 0 { CLAIM_MS } else { 4 * HOUR });
            let app = self.app.clone();
            let op = self.new_op(Weather::CALM, 0);
            let work = Box::pin(async move {
                app.tick().await;
                None
            });
            self.tasks.push(Task { op, work });
        }
        let reads = [Action::Login, Action::Sessions, Action::Keys, Action::Board, Action::Changes, Action::UseKey];
        for (number, action) in reads.iter().enumerate() {
            for person in 0..PEOPLE {
                let stream = (number * PEOPLE + person) as u64;
                let step =
                    Step { number: u32::MAX, action: *action, person, client: 0, stream, weather: Weather::CALM };
                self.send(&step, &mut random)?;
                while !self.tasks.is_empty() {
                    self.poll_one(&mut random)?;
                }
            }
        }
        self.look_around()
    }

    /// Remembers what was asked and answered, as one number.
    pub(crate) fn trace(&mut self, op: Op, status: u16, text: &str) {
        let mut line = String::new();
        write!(line, "{op} {status} {text}").expect("a string takes all");
        for byte in line.bytes() {
            self.outcome.trace = (self.outcome.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Until when a request with this key may hold its claim, once it is gone.
    pub(crate) fn may_hold_claim(&mut self, sent: &Sent) {
        if let Some(once) = &sent.request.once {
            let until = self.world.state().latest + CLAIM_MS;
            let known = self.claimed.entry(once.clone()).or_insert(until);
            *known = until.max(*known);
        }
    }

    /// Takes out of the models what is known otherwise, or cannot be asked for any more.
    fn revise(&mut self) -> Result<(), Broken> {
        let (now, links) = {
            let state = self.world.state();
            let of = |person| {
                let to = client::address(person);
                state.mailbox.of(&to).filter_map(|mail| Some(mail.link.as_ref()?.1)).collect::<Vec<_>>()
            };
            (state.now, (0..PEOPLE).map(of).collect::<Vec<_>>())
        };
        for ((checker, links), person) in self.accounts.iter_mut().zip(links).zip(&self.people) {
            for op in links {
                // Of a request under way the models do not know yet that it was done.
                if checker.waits(op) || !self.seen.insert(op) {
                    continue;
                }
                // Where none waits for it, it is so old that the link is dead.
                if checker.models().any(|model| model.waits_for_mail(op)) {
                    let kept = checker.revise(|model| {
                        let waits = model.waits_for_mail(op);
                        model.saw_mail(op);
                        waits
                    });
                    kept.map_err(|how| Broken::new(Invariant::MailArrives, how))?;
                }
            }
            let once = person.onces.saturating_sub(1);
            checker
                .revise(|model| {
                    model.forget(now, once);
                    true
                })
                .map_err(|how| Broken::new(Invariant::AccountsAreExplained, how))?;
        }
        let known = self.people.iter().flat_map(|person| &person.runs).map(|run| run.op).collect::<BTreeSet<_>>();
        let sent = self.sent.values().filter_map(|sent| match sent.meaning.board {
            Some(board::Ask::Upload(_, run, _) | board::Ask::Publish(_, run) | board::Ask::Withdraw(_, run)) => {
                Some(run)
            }
            _ => None,
        });
        let known = known.into_iter().chain(sent).collect::<BTreeSet<_>>();
        // What is on its way may still be told of.
        let waits = self.sent.keys().chain(self.leaving.iter().map(|(op, _)| op)).min().copied().unwrap_or(self.next);
        let is_known = |op: Op| op >= waits || known.contains(&op);
        let once = self.people.iter().map(|person| person.onces).collect::<Vec<_>>();
        let is_usable = |key: u32| once.iter().any(|newest| key + 1 >= *newest && key <= *newest);
        // Of whose account is gone in every state, no key asks any more; whose account is there in every state, is there.
        let owners = self.board.models().flat_map(Board::gone).collect::<BTreeSet<_>>();
        let (mut there, mut gone) = (BTreeSet::new(), BTreeSet::new());
        for owner in owners {
            let has = |checker: &Checker<Account>| {
                let has = checker.models().map(|model| model.owner() == Some(owner));
                has.fold((true, false), |(all, any), has| (all && has, any || has))
            };
            let known = self.accounts.iter().map(has).collect::<Vec<_>>();
            if known.iter().any(|(all, _)| *all) {
                there.insert(owner);
            } else if known.iter().all(|(_, any)| !any) {
                gone.insert(owner);
            }
        }
        let is_settled = self.leaving.is_empty() && self.sent.is_empty();
        let revised = self.board.revise(|model| {
            gone.iter().filter(|_| is_settled).for_each(|owner| model.knows(*owner));
            model.forget(is_known, is_usable);
            !is_settled || !there.iter().any(|owner| model.is_gone(*owner))
        });
        revised.map_err(|how| Broken::new(Invariant::BoardsAreExplained, how))
    }

    /// All active registrations: for what stands in answers.
    pub(crate) fn makers(&self, list: &Value) -> Option<BTreeSet<Op>> {
        let state = self.world.state();
        list.as_array()?.iter().map(|item| state.maker(item["id"].as_str()?)).collect()
    }
}
