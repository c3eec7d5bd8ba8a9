//! Implementations of the application's ports for a simulation.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use super::{Failure, visits};
use aibaas_core::{
    SqlKeyGate,
    domain::{
        Timestamp,
        api_key::KeyHash,
        key_use::{Decision, HourOfUse, KeyUse},
        password_hash::{HashError, HashJob, HashOutcome},
    },
    ports::{
        Background, BoxFuture, Clock, Database, DatabaseError, Entropy, HttpClient, HttpError, InlineHasher, KeyGate,
        KeyGateError, KeyValue, KeyValueError, Mail, MailError, MailTransport, OutboundRequest, OutboundResponse,
        PasswordHasher, Rows, Statement, Timer,
    },
};

/// The state behind all ports of a simulation.
pub(super) struct SimulatedPorts {
    pub(super) now: AtomicI64,
    /// Wakers of those who sleep, by the time at which they want to wake, in milliseconds, and a sequence number.
    pub(super) sleeping: Mutex<BTreeMap<(i64, u64), Waker>>,
    /// Number of sleeps so far.
    pub(super) sleeps: AtomicU64,
    pub(super) database: Mutex<rusqlite::Connection>,
    /// Number of calls that the database still answers before one fails.
    pub(super) until_failure: AtomicU32,
    /// The way in which that call fails.
    pub(super) failure: Mutex<Failure>,
    /// Number of calls that the database has answered.
    pub(super) round_trips: AtomicU32,
    /// Whether each answer of the database has to be waited for.
    pub(super) is_far: AtomicBool,
    /// SQLite's steps for all statements.
    pub(super) steps: AtomicU64,
    /// The cache's contents; `None` where there is no cache.
    pub(super) kept: Mutex<Option<HashMap<String, Vec<u8>>>>,
    pub(super) pending: Mutex<Vec<BoxFuture>>,
    /// Whether a hash takes time.
    pub(super) hashes_slowly: AtomicBool,
    /// Number of hashes being computed, and the most that were since the last reading.
    pub(super) hashes: Mutex<(u32, u32)>,
    /// SQL by which the key gate saves counts when it is next asked for what is not saved.
    pub(super) saved_meanwhile: Mutex<Option<String>>,
    /// Addresses whose mailboxes are gone.
    pub(super) gone: Mutex<HashSet<String>>,
}

impl SimulatedPorts {
    pub(super) fn in_memory() -> Self {
        Self::new(rusqlite::Connection::open_in_memory().expect("a database in memory"))
    }

    /// Opens a database file with the settings of the native server.
    pub(super) fn in_file(path: &Path) -> Self {
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
            gone: Mutex::default(),
        }
    }
}

/// The value of `until_failure` when nothing fails.
pub(super) const NEVER: u32 = u32::MAX;

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
        let carried_out = aibaas_sqlite::batch(&mut database, statements);
        let (answers, steps) = carried_out.map_err(|error| DatabaseError::from_sqlite_message(&error.to_string()))?;
        self.steps.fetch_add(steps, Ordering::Relaxed);
        Ok(answers)
    }
}

/// Completes when it is polled for the second time.
async fn once_asked_again() {
    let mut asked = false;
    std::future::poll_fn(|_| if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// A gate that can save its counts at any time, as gates do that count in memory.
pub(super) struct SavingGate {
    pub(super) gate: SqlKeyGate,
    pub(super) ports: Arc<SimulatedPorts>,
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

#[async_trait::async_trait]
impl MailTransport for SimulatedPorts {
    async fn send(&self, mail: &Mail, _: &str) -> Result<(), MailError> {
        let is_gone = self.gone.lock().expect("no panic").contains(&mail.to);
        if is_gone { Err(MailError::Bounced("nobody is there".to_owned())) } else { Ok(()) }
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

/// A future that completes when the test's clock has gone on by `ms` milliseconds.
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
