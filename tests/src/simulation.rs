//! The application in this process, over SQLite in memory, a clock that a test sets and a database that a test breaks:
//! for what no black box can show, above all the passing of days.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
    path::Path,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use aibaas_core::{
    App, ClientAddress, Config, Environment, HostDefaults, OwnMail, SqlKeyGate, SqlRateLimiter,
    domain::{
        api_key::KeyHash,
        key_use::{Decision, HourOfUse, KeyUse},
    },
    migrate,
    operators::{Checked, Operator, Violation},
    ports::{
        Background, BoxFuture, Clock, Database, DatabaseError, Entropy, HashError, HashJob, HashOutcome, HttpClient,
        HttpError, InlineHasher, KeyGate, KeyGateError, KeyValue, KeyValueError, OutboundRequest, OutboundResponse,
        PasswordHasher, Ports, Rows, Statement, Timer, Timestamp, Value as Cell,
    },
};
use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, request::Builder},
    response::Response,
};
use rusqlite::{
    StatementStatus,
    types::{Value as SqlValue, ValueRef},
};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::faults::Faults;

/// The variable of a simulation alone that says how many statements a batch that packs may have.
pub const PACKING_STATEMENTS: &str = "SIMULATION_PACKING_STATEMENTS";

/// One application in one process.
pub struct Simulation {
    /// The application itself.
    pub app: App,
    /// What its dependencies do wrong.
    pub faults: Arc<Faults>,
    router: axum::Router,
    ports: Arc<SimulatedPorts>,
    address: Mutex<IpAddr>,
}

struct SimulatedPorts {
    now: AtomicI64,
    /// When those who sleep want to wake.
    sleeping: Mutex<BTreeMap<(i64, u64), Waker>>,
    /// How many have slept so far.
    sleeps: AtomicU64,
    database: Mutex<rusqlite::Connection>,
    /// How many more calls the database answers before one fails.
    until_failure: AtomicU32,
    /// How that one fails.
    failure: Mutex<Failure>,
    /// How many it has answered.
    round_trips: AtomicU32,
    /// Whether each answer of it is waited for.
    is_far: AtomicBool,
    /// The steps of its statements.
    steps: AtomicU64,
    /// The cache, where there is one.
    kept: Mutex<Option<HashMap<String, Vec<u8>>>>,
    pending: Mutex<Vec<BoxFuture>>,
    /// Whether a hash takes time.
    hashes_slowly: AtomicBool,
    /// How many hashes are being computed, and the most that were since the last question.
    hashes: Mutex<(u32, u32)>,
    /// What the key gate saves when it is next asked for what it has not.
    saved_meanwhile: Mutex<Option<String>>,
}

/// What a call makes SQLite do, by its own counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Steps of its virtual machine: some for every row that is looked at.
    pub steps: u64,
    /// Rows that are visited, in every loop; told where the feature `scanstatus` is on.
    pub rows: Option<u64>,
}

impl SimulatedPorts {
    fn in_memory() -> Self {
        Self::new(rusqlite::Connection::open_in_memory().expect("a database in memory"))
    }

    /// As the native server keeps it.
    fn in_file(path: &Path) -> Self {
        let database = rusqlite::Connection::open(path).expect("a database file");
        let set = |pragma, value: &str| database.pragma_update(None, pragma, value).expect("a setting");
        set("journal_mode", "WAL");
        set("synchronous", "FULL");
        set("temp_store", "MEMORY");
        Self::new(database)
    }

    fn new(database: rusqlite::Connection) -> Self {
        database.pragma_update(None, "foreign_keys", true).expect("foreign keys");
        database.set_prepared_statement_cache_capacity(256);
        visits::count(&database, false);
        Self {
            now: AtomicI64::new(1_795_395_723_004),
            sleeping: Mutex::default(),
            sleeps: AtomicU64::new(0),
            database: Mutex::new(database),
            until_failure: AtomicU32::new(NEVER),
            failure: Mutex::new(Failure::Refused),
            round_trips: AtomicU32::new(0),
            is_far: AtomicBool::new(false),
            steps: AtomicU64::new(0),
            kept: Mutex::default(),
            pending: Mutex::default(),
            hashes_slowly: AtomicBool::new(false),
            hashes: Mutex::default(),
            saved_meanwhile: Mutex::default(),
        }
    }
}

/// Nothing fails.
const NEVER: u32 = u32::MAX;

/// What becomes of a call to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is not carried out.
    Refused,
    /// It is carried out, and nobody hears of it.
    Unheard,
    /// It waits, and is carried out when whoever waits for it asks again.
    Slow,
    /// It is carried out, and tells so only when whoever waits for it asks again.
    SlowToTell,
}

/// An answer, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayable {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it says that it is a replay.
    pub replayed: bool,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl Replayable {
    /// The body as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

impl Simulation {
    /// A fresh one, at an arbitrary moment, with these variables besides the development defaults.
    pub async fn new(variables: &[(&str, &str)]) -> Self {
        Self::over(SimulatedPorts::in_memory(), variables).await
    }

    /// The same over this database file, with the settings of the native server.
    pub async fn in_file(path: &Path, variables: &[(&str, &str)]) -> Self {
        Self::over(SimulatedPorts::in_file(path), variables).await
    }

    async fn over(ports: SimulatedPorts, variables: &[(&str, &str)]) -> Self {
        let ports = Arc::new(ports);
        // The limits have a database of their own, as they have objects of their own on Workers.
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
            mail_transport: None,
            clock: Arc::clone(&ports) as _,
            timer: Arc::clone(&ports) as _,
            entropy: Arc::clone(&ports) as _,
            background: Arc::clone(&ports) as _,
        };
        let faults = Arc::new(Faults::new(Arc::clone(&ports) as _));
        let shared = faults.around_ports(shared);
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
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

    /// Lets time pass.
    pub fn pass_seconds(&self, seconds: i64) {
        let now = self.ports.now.fetch_add(seconds * 1000, Ordering::Relaxed) + seconds * 1000;
        let sleeping = self.ports.sleeping.lock().expect("no panic");
        sleeping.range(..=(now, u64::MAX)).for_each(|(_, waker)| waker.wake_by_ref());
    }

    /// Does the work; whenever it waits, time passes until the next who sleeps wakes. Nothing here takes any other time,
    /// so the milliseconds that it took are those that a deadline or a pause has let pass.
    ///
    /// # Panics
    /// When the work waits for what never comes.
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

    /// The time now, in milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.ports.now.load(Ordering::Relaxed)
    }

    /// From where the next calls come.
    pub fn call_from(&self, address: [u8; 4]) {
        *self.address.lock().expect("no panic") = IpAddr::from(address);
    }

    /// Lets the database answer so many more calls and then fail once.
    pub fn fail_after(&self, calls: u32) {
        self.break_after(calls, Failure::Refused);
    }

    /// The same, failing in this way.
    pub fn break_after(&self, calls: u32, failure: Failure) {
        *self.ports.failure.lock().expect("no panic") = failure;
        self.ports.until_failure.store(calls, Ordering::Relaxed);
    }

    /// Whether the failure that was asked for is still to come; none comes any more.
    pub fn heal(&self) -> bool {
        self.ports.until_failure.swap(NEVER, Ordering::Relaxed) != NEVER
    }

    /// Lets a password hash take a tenth of a second, in which other requests go on, as they do on every host.
    pub fn hash_slowly(&self) {
        self.ports.hashes_slowly.store(true, Ordering::Relaxed);
    }

    /// The most hashes that were under way at once since the last question.
    pub fn most_hashes_at_once(&self) -> u32 {
        std::mem::take(&mut self.ports.hashes.lock().expect("no panic").1)
    }

    /// Has the key gate save this at the very moment when it is next asked for what is not saved.
    pub fn save_when_asked(&self, sql: String) {
        *self.ports.saved_meanwhile.lock().expect("no panic") = Some(sql);
    }

    /// One number of the database, for what the API does not tell.
    pub fn count(&self, sql: &str) -> i64 {
        let database = self.ports.database.lock().expect("no panic");
        database.query_row(sql, [], |row| row.get(0)).expect("a number")
    }

    /// Changes what is stored behind the application's back.
    ///
    /// # Panics
    /// When the schema does not allow it.
    pub fn spoil(&self, sql: &str) {
        self.try_spoil(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }

    /// The same, where the schema may not allow it.
    pub fn try_spoil(&self, sql: &str) -> Result<(), String> {
        let database = self.ports.database.lock().expect("no panic");
        database.execute_batch(sql).map_err(|error| error.to_string())
    }

    /// What an operator's check finds.
    pub async fn violations(&self) -> Vec<Violation> {
        let ports = self.ports.as_ref();
        let operator = Operator { database: ports, clock: ports, entropy: ports };
        let mut checked = Checked::default();
        operator.check_invariants(&mut checked).await.expect("a check");
        checked.violations
    }

    /// How many round trips to the database there were since the last question, those after the answer left out.
    pub fn round_trips(&self) -> u32 {
        self.ports.round_trips.swap(0, Ordering::Relaxed)
    }

    /// How often this waits for the database: calls that are made at once are waited for together.
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

    /// What this costs the database.
    pub async fn cost<T>(&self, work: impl Future<Output = T>) -> (T, Cost) {
        visits::count(&self.ports.database.lock().expect("no panic"), true);
        self.ports.steps.store(0, Ordering::Relaxed);
        let value = work.await;
        let database = self.ports.database.lock().expect("no panic");
        let cost = Cost { steps: self.ports.steps.load(Ordering::Relaxed), rows: visits::counted(&database) };
        visits::count(&database, false);
        (value, cost)
    }

    /// Whether the cache keeps anything; at first it does not. It is empty afterwards.
    pub fn cache(&self, keeps: bool) {
        *self.ports.kept.lock().expect("no panic") = keeps.then(HashMap::new);
    }

    /// `GET`s, as nobody in particular: the status and the body. What is left to do after the answer waits for
    /// [`Simulation::settle`].
    pub async fn read(&self, path: &str) -> (u16, Vec<u8>) {
        let response = self.answer(Request::get(path), None, None).await;
        let status = response.status().as_u16();
        (status, to_bytes(response.into_body(), usize::MAX).await.expect("a body").to_vec())
    }

    /// Calls the application, and lets its work after the answer end.
    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> (u16, Value) {
        let (status, _, value) = self.call_whole(method, path, token, body).await;
        (status, value)
    }

    /// `POST`s with an `Idempotency-Key`. What is left to do after the answer waits for [`Simulation::settle`], or is
    /// lost with [`Simulation::die`].
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

    /// Sends a request. What is left to do after the answer waits for [`Simulation::settle`].
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

    /// Sends a request as it is. What is left to do after the answer waits for [`Simulation::settle`].
    pub async fn send(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(ClientAddress(*self.address.lock().expect("no panic")));
        self.router.clone().oneshot(request).await.expect("an answer")
    }

    /// The status of a call from an address, beside others: what is left to do after it waits for [`Simulation::settle`].
    pub async fn call_at_once(&self, from: [u8; 4], method: Method, path: &str, body: Value) -> u16 {
        let request = Request::builder().method(method).uri(path).header("host", "simulation.example");
        let request = request.header("content-type", "application/json");
        let mut request = request.body(Body::from(body.to_string())).expect("a request");
        request.extensions_mut().insert(ClientAddress(IpAddr::from(from)));
        self.router.clone().oneshot(request).await.expect("an answer").status().as_u16()
    }

    /// Does what is left to do after answers.
    pub async fn settle(&self) {
        let pending = std::mem::take(&mut *self.ports.pending.lock().expect("no panic"));
        for work in pending {
            work.await;
        }
    }

    /// The process dies: what is left to do is not done.
    pub fn die(&self) {
        self.ports.pending.lock().expect("no panic").clear();
    }

    /// The same with the answer's `Retry-After`, in seconds.
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

    /// The newest token that was mailed to an address with this subject.
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
    /// An empty one, of the newest schema.
    pub async fn new() -> Self {
        let ports = Arc::new(SimulatedPorts::in_memory());
        migrate(ports.as_ref()).await.expect("the schema");
        Self(ports)
    }

    /// As the application has it.
    pub fn port(&self) -> Arc<dyn Database> {
        Arc::clone(&self.0) as _
    }

    /// Runs one statement, and hands back its rows.
    pub async fn run(&self, statement: Statement) -> Rows {
        self.0.query(statement).await.expect("an answer")
    }

    /// The steps of SQLite since the last question.
    pub fn steps(&self) -> u64 {
        self.0.steps.swap(0, Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl Database for SimulatedPorts {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        Ok(self.batch(vec![statement]).await?.pop().unwrap_or_default())
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        if self.is_far.load(Ordering::Relaxed) {
            once_asked_again().await;
        }
        if self.until_failure.load(Ordering::Relaxed) != NEVER
            && self.until_failure.fetch_sub(1, Ordering::Relaxed) == 0
        {
            self.until_failure.store(NEVER, Ordering::Relaxed);
            let failure = *self.failure.lock().expect("no panic");
            return match failure {
                Failure::Refused => Err(DatabaseError::Unavailable("as the test asked".to_owned())),
                Failure::Unheard => {
                    self.carry_out(&statements).ok();
                    Err(DatabaseError::Unavailable("as the test asked".to_owned()))
                }
                Failure::Slow => {
                    once_asked_again().await;
                    self.carry_out(&statements)
                }
                Failure::SlowToTell => {
                    let answers = self.carry_out(&statements);
                    once_asked_again().await;
                    answers
                }
            };
        }
        self.carry_out(&statements)
    }
}

impl SimulatedPorts {
    fn carry_out(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        self.round_trips.fetch_add(1, Ordering::Relaxed);
        let mut database = self.database.lock().expect("no panic");
        let whole = whole(&mut database, statements, &self.steps);
        whole.map_err(|error| DatabaseError::from_sqlite_message(&error.to_string()))
    }
}

/// Ready when it is polled for the second time.
async fn once_asked_again() {
    let mut asked = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

fn whole(
    database: &mut rusqlite::Connection,
    statements: &[Statement],
    steps: &AtomicU64,
) -> rusqlite::Result<Vec<Rows>> {
    let transaction = database.transaction()?;
    let answers = statements.iter().map(|statement| run(&transaction, statement, steps));
    let answers = answers.collect::<rusqlite::Result<_>>()?;
    transaction.commit()?;
    Ok(answers)
}

fn run(transaction: &rusqlite::Transaction<'_>, statement: &Statement, steps: &AtomicU64) -> rusqlite::Result<Rows> {
    let mut prepared = transaction.prepare_cached(statement.sql)?;
    let columns = prepared.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let parameters = statement.params.iter().map(|value| match value {
        Cell::Null => SqlValue::Null,
        Cell::Integer(integer) => SqlValue::Integer(*integer),
        Cell::Real(real) => SqlValue::Real(*real),
        Cell::Text(text) => SqlValue::Text(text.clone()),
        Cell::Blob(bytes) => SqlValue::Blob(bytes.clone()),
    });
    let width = columns.len();
    let mut found = prepared.query(rusqlite::params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let cell = |index| {
            row.get_ref(index).map(|value| match value {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(integer) => Cell::Integer(integer),
                ValueRef::Real(real) => Cell::Real(real),
                ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
            })
        };
        rows.push((0..width).map(cell).collect::<rusqlite::Result<Vec<_>>>()?);
    }
    drop(found);
    let made = u64::try_from(prepared.reset_status(StatementStatus::VmStep)).unwrap_or(0);
    steps.fetch_add(made, Ordering::Relaxed);
    Ok(Rows::new(columns, rows))
}

/// A gate that saves what it counted whenever it likes, as those do that count in memory.
struct SavingGate {
    gate: SqlKeyGate,
    ports: Arc<SimulatedPorts>,
}

#[async_trait::async_trait]
impl KeyGate for SavingGate {
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        self.gate.admit(uses, now).await
    }

    async fn invalidate(&self, keys: &[KeyHash]) -> Result<(), KeyGateError> {
        self.gate.invalidate(keys).await
    }

    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        if let Some(sql) = self.ports.saved_meanwhile.lock().expect("no panic").take() {
            self.ports.database.lock().expect("no panic").execute_batch(&sql).expect("it is saved");
        }
        self.gate.unsaved(key).await
    }
}

#[async_trait::async_trait]
impl KeyValue for SimulatedPorts {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(self.kept.lock().expect("no panic").as_ref().and_then(|kept| kept.get(key).cloned()))
    }

    async fn put(&self, key: &str, value: &[u8], _: u32) -> Result<(), KeyValueError> {
        if let Some(kept) = self.kept.lock().expect("no panic").as_mut() {
            kept.insert(key.to_owned(), value.to_vec());
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl HttpClient for SimulatedPorts {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        Err(HttpError(format!("nobody at {}", request.url)))
    }
}

impl Clock for SimulatedPorts {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }
}

#[async_trait::async_trait]
impl PasswordHasher for SimulatedPorts {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        let count = |change: i32| {
            let mut hashes = self.hashes.lock().expect("no panic");
            hashes.0 = hashes.0.saturating_add_signed(change);
            hashes.1 = hashes.1.max(hashes.0);
        };
        count(1);
        if self.hashes_slowly.load(Ordering::Relaxed) {
            self.sleep(100).await;
        }
        let outcome = InlineHasher::default().run(job).await;
        count(-1);
        outcome
    }
}

/// Over when the test's clock has gone so far.
struct Sleep<'a> {
    ports: &'a SimulatedPorts,
    ms: u32,
    key: Option<(i64, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let now = self.ports.now.load(Ordering::Relaxed);
        let key = match self.key {
            Some(key) => key,
            None => (now + i64::from(self.ms), self.ports.sleeps.fetch_add(1, Ordering::Relaxed)),
        };
        self.key = Some(key);
        let mut sleeping = self.ports.sleeping.lock().expect("no panic");
        if key.0 <= now {
            sleeping.remove(&key);
            return Poll::Ready(());
        }
        sleeping.insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let (Some(key), Ok(mut sleeping)) = (self.key, self.ports.sleeping.lock()) {
            sleeping.remove(&key);
        }
    }
}

#[async_trait::async_trait]
impl Timer for SimulatedPorts {
    async fn sleep(&self, ms: u32) {
        Sleep { ports: self, ms, key: None }.await;
    }
}

impl Entropy for SimulatedPorts {
    fn fill(&self, buffer: &mut [u8]) {
        fastrand::Rng::new().fill(buffer);
    }
}

impl Background for SimulatedPorts {
    fn spawn(&self, work: BoxFuture) {
        self.pending.lock().expect("no panic").push(work);
    }
}

/// The rows that a connection's statements visit (`sqlite3_stmt_scanstatus`). Counting them costs time.
#[cfg(feature = "scanstatus")]
mod visits {
    use std::ptr::{from_mut, null_mut};

    use rusqlite::{Connection, ffi};

    const STMT_SCANSTATUS: i32 = 1018;

    /// Whether what is prepared from now on counts.
    pub fn count(database: &Connection, on: bool) {
        database.flush_prepared_statement_cache();
        // SAFETY: the handle is open, and this option takes an integer and a pointer that may be null.
        unsafe { ffi::sqlite3_db_config(database.handle(), STMT_SCANSTATUS, i32::from(on), null_mut::<i32>()) };
    }

    /// How many there were since then.
    pub fn counted(database: &Connection) -> Option<u64> {
        let mut rows = 0;
        // SAFETY: the handle is open, and so are the statements that SQLite lists of it; nobody else has them meanwhile.
        // What is asked for is a 64-bit integer.
        unsafe {
            let handle = database.handle();
            let mut statement = ffi::sqlite3_next_stmt(handle, null_mut());
            while !statement.is_null() {
                for index in 0.. {
                    let mut visits = 0_i64;
                    let told = from_mut(&mut visits).cast();
                    if ffi::sqlite3_stmt_scanstatus(statement, index, ffi::SQLITE_SCANSTAT_NVISIT, told) != 0 {
                        break;
                    }
                    rows += u64::try_from(visits).unwrap_or(0);
                }
                statement = ffi::sqlite3_next_stmt(handle, statement);
            }
        }
        Some(rows)
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
