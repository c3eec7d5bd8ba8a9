//! Ports for unit tests that count what a handler costs.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;

use crate::{
    domain::{
        LimitState, Secret, Timestamp,
        password_hash::{HashError, HashJob, HashOutcome},
    },
    ports::{
        Admission, Background, BoxFuture, Clock, Database, DatabaseError, Entropy, HttpClient, HttpError, KeyValue,
        KeyValueError, Limit, OutboundRequest, OutboundResponse, PasswordHasher, Ports, RateLimitError, RateLimiter,
        Rows, Statement, Timer,
    },
    store::key_gate::SqlKeyGate,
};

/// Calls of the ports, counted. The database answers every query with `rows`, other servers answer with `answer`.
#[derive(Default)]
pub struct Counting {
    /// Number of jobs given to the password hasher.
    pub hashes: AtomicUsize,
    /// Round trips to the database, each with its SQL texts.
    pub round_trips: Mutex<Vec<Vec<&'static str>>>,
    /// Rows that the database answers every query with.
    pub rows: Rows,
    /// Requests sent to other servers.
    pub requests: Mutex<Vec<OutboundRequest>>,
    /// Answer of every other server; without it, none can be reached.
    pub answer: Option<OutboundResponse>,
}

impl Counting {
    /// Returns ports that count into this value.
    pub fn ports(self: &Arc<Self>) -> Ports {
        Ports {
            database: Arc::clone(self) as _,
            key_value: Arc::clone(self) as _,
            rate_limiter: Arc::clone(self) as _,
            key_gate: Arc::new(SqlKeyGate::new(Arc::clone(self) as _)),
            password_hasher: Arc::clone(self) as _,
            http_client: Arc::clone(self) as _,
            mail_transport: None,
            clock: Arc::clone(self) as _,
            timer: Arc::clone(self) as _,
            entropy: Arc::clone(self) as _,
            background: Arc::clone(self) as _,
        }
    }
}

#[async_trait]
impl Database for Counting {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        self.round_trips.lock().unwrap().push(vec![statement.sql]);
        Ok(self.rows.clone())
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        self.round_trips.lock().unwrap().push(statements.iter().map(|statement| statement.sql).collect());
        Ok(statements.iter().map(|_| self.rows.clone()).collect())
    }
}

#[async_trait]
impl PasswordHasher for Counting {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        Ok(match job {
            HashJob::Hash { .. } => HashOutcome::Hashed(Secret::new("$hash")),
            HashJob::Verify { .. } => HashOutcome::Verified(false),
        })
    }
}

#[async_trait]
impl RateLimiter for Counting {
    async fn admit(&self, _: &str, limits: &[Limit], _: u32, _: Timestamp) -> Result<Admission, RateLimitError> {
        let states = limits.iter().map(|_| LimitState { remaining: 1, reset_after_ms: 0 }).collect();
        Ok(Admission { allowed: true, states })
    }
}

#[async_trait]
impl KeyValue for Counting {
    async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(None)
    }

    async fn put(&self, _: &str, _: &[u8], _: u32) -> Result<(), KeyValueError> {
        Ok(())
    }
}

#[async_trait]
impl HttpClient for Counting {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        let nobody = HttpError(format!("nobody at {}", request.url));
        self.requests.lock().unwrap().push(request);
        self.answer.clone().ok_or(nobody)
    }
}

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_395_723_004)
    }
}

/// A timer for which no time passes: every wait ends at once.
#[async_trait]
impl Timer for Counting {
    async fn sleep(&self, _: u32) {}
}

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
}

impl Background for Counting {
    fn spawn(&self, work: BoxFuture) {
        drop(work);
    }
}
