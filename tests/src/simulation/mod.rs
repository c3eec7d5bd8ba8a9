//! The application in this process, over SQLite in memory, with a clock that a test sets and a database that a test
//! breaks: for what no black-box test can show, above all the passing of days.

mod ports;
#[cfg(feature = "scanstatus")]
mod visits;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    pin::pin,
    sync::{Arc, Mutex, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use aibaas_core::{
    App, ClientAddress, Config, Environment, HostDefaults, OwnMail, SqlKeyGate, SqlRateLimiter, migrate,
    operators::{Checked, Operator, Violation},
    ports::{Database, Ports, Rows, Statement},
};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, request::Builder},
    response::Response,
};
use serde_json::Value;
use tower::ServiceExt as _;

use self::ports::{NEVER, SavingGate, SimulatedPorts};
use crate::faults::Faults;

/// Variable, known to simulations only, for the most statements that a batch which packs results may have.
pub const PACKING_STATEMENTS: &str = "SIMULATION_PACKING_STATEMENTS";

/// One application in one process.
pub struct Simulation {
    /// The application itself.
    pub app: App,
    /// The faults of its dependencies.
    pub faults: Arc<Faults>,
    router: axum::Router,
    ports: Arc<SimulatedPorts>,
    address: Mutex<IpAddr>,
}

/// The cost of a call in SQLite, by its own counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Steps of SQLite's virtual machine: some for every row that is looked at.
    pub steps: u64,
    /// Rows that are visited, in every loop; known where the feature `scanstatus` is on.
    pub rows: Option<u64>,
}

/// The way in which a call to the database fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The call is not carried out.
    Refused,
    /// The call is carried out, and its answer is lost.
    Unheard,
    /// The call waits, and is carried out when it is polled again.
    Slow,
    /// The call is carried out, and its answer comes only when it is polled again.
    SlowToTell,
}

/// An answer to a request with an `Idempotency-Key`, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayable {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the answer is marked as a replay.
    pub replayed: bool,
    /// The header `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Replayable {
    /// Returns the body as JSON; null where it is not JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Simulation {
    /// Creates an application over a fresh database in memory, with these variables besides the development defaults.
    pub async fn new(variables: &[(&str, &str)]) -> Self {
        Self::over(SimulatedPorts::in_memory(), variables).await
    }

    /// Creates an application over this database file, with the SQLite settings of the native server.
    pub async fn in_file(path: &Path, variables: &[(&str, &str)]) -> Self {
        Self::over(SimulatedPorts::in_file(path), variables).await
    }

    async fn over(ports: SimulatedPorts, variables: &[(&str, &str)]) -> Self {
        let ports = Arc::new(ports);
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let has_provider = lookup("RESEND_API_KEY").is_some();
        // The limits have a database of their own, as they have Durable Objects of their own on Workers.
        let limits = Arc::new(SimulatedPorts::in_memory());
        migrate(limits.as_ref()).await.expect("the schema");
        let shared = Ports {
            database: Arc::clone(&ports) as _,
            key_value: Arc::clone(&ports) as _,
            rate_limiter: Arc::new(SqlRateLimiter::new(limits)),
            key_gate: Arc::new(SavingGate {
                gate: SqlKeyGate::new(Arc::clone(&ports) as _),
                ports: Arc::clone(&ports),
            }),
            password_hasher: Arc::clone(&ports) as _,
            http_client: Arc::clone(&ports) as _,
            mail_transport: (!has_provider).then(|| Arc::clone(&ports) as _),
            clock: Arc::clone(&ports) as _,
            timer: Arc::clone(&ports) as _,
            entropy: Arc::clone(&ports) as _,
            background: Arc::clone(&ports) as _,
        };
        let faults = Arc::new(Faults::new(Arc::clone(&ports) as _));
        let shared = faults.around_ports(shared);
        let defaults = HostDefaults {
            environment: Environment::Development,
            base_url: "http://simulation.example".to_owned(),
            most_hash_memory_kib: 65_536,
            own_mail: OwnMail::None,
            most_packing_statements: lookup(PACKING_STATEMENTS)
                .map_or(HostDefaults::PACKING_STATEMENTS, |most| most.parse().expect("a number")),
        };
        let config = Config::load(&lookup, defaults).expect("a configuration");
        migrate(ports.as_ref()).await.expect("the schema");
        let app = App::new(shared, config);
        Self {
            router: aibaas_core::router(&app),
            app,
            faults,
            ports,
            address: Mutex::new(Ipv4Addr::new(192, 0, 2, 1).into()),
        }
    }

    /// Moves the clock forward, and wakes whoever sleeps until then.
    pub fn pass_seconds(&self, seconds: i64) {
        let now = self.ports.now.fetch_add(seconds * 1000, Ordering::Relaxed) + seconds * 1000;
        let sleeping = self.ports.sleeping.lock().expect("no panic");
        sleeping.range(..=(now, u64::MAX)).for_each(|(_, waker)| waker.wake_by_ref());
    }

    /// Runs the work; whenever it waits, moves the clock to the time of the next sleeper. Nothing here takes any other
    /// time, so the milliseconds that are returned are those that deadlines and pauses let pass.
    ///
    /// # Panics
    /// Panics when the work waits and nobody sleeps.
    pub fn timed<T>(&self, work: impl Future<Output = T>) -> (T, i64) {
        let (began, mut work) = (self.now_ms(), pin!(work));
        loop {
            if let Poll::Ready(outcome) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return (outcome, self.now_ms() - began);
            }
            let next = self.ports.sleeping.lock().expect("no panic").keys().next().map(|(at, _)| *at);
            let next = next.expect("something waits, and no deadline ends that");
            self.ports.now.fetch_max(next, Ordering::Relaxed);
            self.pass_seconds(0);
        }
    }

    /// Returns the current time, in milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.ports.now.load(Ordering::Relaxed)
    }

    /// Sets the client address of the next calls.
    pub fn call_from(&self, address: [u8; 4]) {
        *self.address.lock().expect("no panic") = IpAddr::from(address);
    }

    /// Makes the database fail once, after `calls` more calls.
    pub fn fail_after(&self, calls: u32) {
        self.break_after(calls, Failure::Refused);
    }

    /// Makes the database fail once in this way, after `calls` more calls.
    pub fn break_after(&self, calls: u32, failure: Failure) {
        *self.ports.failure.lock().expect("no panic") = failure;
        self.ports.until_failure.store(calls, Ordering::Relaxed);
    }

    /// Cancels the failure that was asked for; returns whether it was still to come.
    pub fn heal(&self) -> bool {
        self.ports.until_failure.swap(NEVER, Ordering::Relaxed) != NEVER
    }

    /// Makes a password hash take a tenth of a second, in which other requests go on, as they do on every host.
    pub fn hash_slowly(&self) {
        self.ports.hashes_slowly.store(true, Ordering::Relaxed);
    }

    /// Returns the most hashes that were computed at once since the last call of this method.
    pub fn most_hashes_at_once(&self) -> u32 {
        std::mem::take(&mut self.ports.hashes.lock().expect("no panic").1)
    }

    /// Lets mail to this address bounce from now on.
    pub fn leave_mailbox(&self, address: &str) {
        self.ports.gone.lock().expect("no panic").insert(address.to_owned());
    }

    /// Makes the key gate save this, by SQL, at the moment when it is next asked for what is not saved.
    pub fn save_when_asked(&self, sql: String) {
        *self.ports.saved_meanwhile.lock().expect("no panic") = Some(sql);
    }

    /// Returns one number of the database, for what the API does not show.
    pub fn count(&self, sql: &str) -> i64 {
        let database = self.ports.database.lock().expect("no panic");
        database.query_row(sql, [], |row| row.get(0)).expect("a number")
    }

    /// Changes what is stored behind the application's back.
    ///
    /// # Panics
    /// Panics when the schema does not allow the change.
    pub fn spoil(&self, sql: &str) {
        self.try_spoil(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// Changes what is stored behind the application's back; returns the error where the schema does not allow the
    /// change.
    pub fn try_spoil(&self, sql: &str) -> Result<(), String> {
        let database = self.ports.database.lock().expect("no panic");
        database.execute_batch(sql).map_err(|error| error.to_string())
    }

    /// Returns the violations that an operator's check of the invariants finds.
    pub async fn violations(&self) -> Vec<Violation> {
        let ports = self.ports.as_ref();
        let operator = Operator { database: ports, clock: ports, entropy: ports };
        let mut checked = Checked::default();
        operator.check_invariants(&mut checked).await.expect("a check");
        checked.violations
    }

    /// Returns the number of round trips to the database since the last call of this method, without those after an
    /// answer.
    pub fn round_trips(&self) -> u32 {
        self.ports.round_trips.swap(0, Ordering::Relaxed)
    }

    /// Counts how often the work waits for the database: calls that are made at once are waited for together.
    pub fn waits<T>(&self, work: impl Future<Output = T>) -> (T, u32) {
        self.ports.is_far.store(true, Ordering::Relaxed);
        let (mut waits, mut work) = (0, pin!(work));
        loop {
            match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => {
                    self.ports.is_far.store(false, Ordering::Relaxed);
                    return (outcome, waits);
                }
                Poll::Pending => waits += 1,
            }
            assert!(waits < 100, "it waits for what never comes");
        }
    }

    /// Measures what the work costs the database.
    pub async fn cost<T>(&self, work: impl Future<Output = T>) -> (T, Cost) {
        visits::count(&self.ports.database.lock().expect("no panic"), true);
        self.ports.steps.store(0, Ordering::Relaxed);
        let value = work.await;
        let database = self.ports.database.lock().expect("no panic");
        let cost = Cost { steps: self.ports.steps.load(Ordering::Relaxed), rows: visits::counted(&database) };
        visits::count(&database, false);
        (value, cost)
    }

    /// Sets whether the cache keeps anything; at first it does not. The cache is empty afterwards.
    pub fn cache(&self, keeps: bool) {
        *self.ports.kept.lock().expect("no panic") = keeps.then(HashMap::new);
    }

    /// Has the cache forget what it keeps under the key, as it may at any time.
    ///
    /// # Panics
    /// When it keeps nothing there.
    pub fn forget_kept(&self, key: &str) {
        let mut kept = self.ports.kept.lock().expect("no panic");
        kept.as_mut().and_then(|kept| kept.remove(key)).expect("a value in the cache");
    }

    /// Sends a GET request without a credential; returns the status and the body. Work after the answer waits for
    /// [`Simulation::complete_background`].
    pub async fn read(&self, path: &str) -> (u16, Vec<u8>) {
        let response = self.answer(Request::get(path), None, None).await;
        let status = response.status().as_u16();
        (status, to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec())
    }

    /// Calls the application, and completes its work after the answer.
    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let (status, _, value) = self.call_whole(method, path, token, body).await;
        (status, value)
    }

    /// Sends a POST request with an `Idempotency-Key`. Work after the answer waits for
    /// [`Simulation::complete_background`], or is lost with [`Simulation::die`].
    pub async fn post_once(&self, path: &str, key: &str, token: Option<&str>, body: Option<&Value>) -> Replayable {
        let request = Request::post(path).header("idempotency-key", key);
        let response = self.answer(request, token, body).await;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (replayed, retry_after) = (header("idempotent-replayed"), header("retry-after"));
        Replayable {
            status: response.status().as_u16(),
            replayed: replayed.as_deref() == Some("true"),
            retry_after: retry_after.and_then(|seconds| seconds.parse().ok()),
            body: to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec(),
        }
    }

    /// Sends a request with this token and JSON body. Work after the answer waits for
    /// [`Simulation::complete_background`].
    pub async fn answer(&self, request: Builder, token: Option<&str>, body: Option<&Value>) -> Response {
        let mut request = request;
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.header("host", "simulation.example").body(body).expect("a request")).await
    }

    /// Sends a request as it is. Work after the answer waits for [`Simulation::complete_background`].
    pub async fn send(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(ClientAddress(*self.address.lock().expect("no panic")));
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// Sends a request from this address, beside others, and returns the status. Work after the answer waits for
    /// [`Simulation::complete_background`].
    pub async fn call_at_once(&self, from: [u8; 4], method: Method, path: &str, body: Value) -> u16 {
        let request = Request::builder().method(method).uri(path).header("host", "simulation.example");
        let request = request.header("content-type", "application/json");
        let mut request = request.body(Body::from(body.to_string())).expect("a request");
        request.extensions_mut().insert(ClientAddress(IpAddr::from(from)));
        self.router.clone().oneshot(request).await.expect("an answer").status().as_u16()
    }

    /// Completes the work that is left after answers.
    pub async fn complete_background(&self) {
        let pending = std::mem::take(&mut *self.ports.pending.lock().expect("no panic"));
        for work in pending {
            work.await;
        }
    }

    /// Discards the work that is left after answers, as when the process dies.
    pub fn die(&self) {
        self.ports.pending.lock().expect("no panic").clear();
    }

    /// Calls as [`Simulation::call`] does, and also returns the answer's `Retry-After`, in seconds.
    pub async fn call_whole(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Option<u64>, Value) {
        let request = Request::builder().method(method).uri(path).header("accept", "application/json");
        let response = self.answer(request, token, body.as_ref()).await;
        let round_trips = self.ports.round_trips.load(Ordering::Relaxed);
        let pending = std::mem::take(&mut *self.ports.pending.lock().expect("no panic"));
        for work in pending {
            work.await;
        }
        self.ports.round_trips.store(round_trips, Ordering::Relaxed);
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
        (status, retry_after, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Returns the token of the newest mail to an address with this subject.
    pub async fn mailed_token(&self, address: &str, subject: &str) -> String {
        let (_, mails) = self.call(Method::GET, &format!("/dev/mail?to={address}"), None, None).await;
        let mails = mails["data"].as_array().expect("mails");
        let mail =
            mails.iter().find(|mail| mail["subject"] == subject).unwrap_or_else(|| panic!("{subject}: {mails:?}"));
        crate::fixtures::token_in(mail["text"].as_str().expect("a text"))
    }
}

/// The database of a simulation, without the application.
pub struct SimulatedDatabase(Arc<SimulatedPorts>);

impl SimulatedDatabase {
    /// Creates an empty database with the newest schema.
    pub async fn new() -> Self {
        let ports = Arc::new(SimulatedPorts::in_memory());
        migrate(ports.as_ref()).await.expect("the schema");
        Self(ports)
    }

    /// Returns the database as the application's port.
    pub fn port(&self) -> Arc<dyn Database> {
        Arc::clone(&self.0) as _
    }

    /// Runs one statement and returns its rows.
    pub async fn run(&self, statement: Statement) -> Rows {
        self.0.query(statement).await.expect("an answer")
    }

    /// Returns SQLite's steps since the last call of this method.
    pub fn steps(&self) -> u64 {
        self.0.steps.swap(0, Ordering::Relaxed)
    }
}

#[cfg(not(feature = "scanstatus"))]
mod visits {
    use rusqlite::Connection;

    pub fn count(_: &Connection, _: bool) {}

    pub fn counted(_: &Connection) -> Option<u64> {
        None
    }
}
