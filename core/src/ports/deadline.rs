//! Deadlines around the ports, so that no handler waits for ever and none has to set a timeout: every call ends in
//! time, and a read that met a passing failure is tried once more.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use http::Method;

use super::{
    Admission, Clock, Database, DatabaseError, Entropy, HttpClient, HttpError, KeyGate, KeyGateError, KeyValue,
    KeyValueError, Limit, Mail, MailError, MailTransport, OutboundRequest, OutboundResponse, PasswordHasher, Ports,
    RateLimitError, RateLimiter, Rows, Statement, Timer,
    trace_scope::{TracedBackground, with_current_trace},
    within,
};
use crate::domain::{
    Timestamp,
    api_key::KeyHash,
    key_use::{Decision, HourOfUse, KeyUse},
    password_hash::{HashError, HashJob, HashOutcome},
};

/// Time limits, in milliseconds, of what the application asks of its ports. All are shares of a request's time, so that
/// there is time left to report the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// A request as a whole, without the time in which its client sends the body.
    pub request: u32,
    /// One attempt of a read, of which there are at most two.
    pub read: u32,
    /// A batch that writes.
    pub write: u32,
    /// A call of the cache.
    pub cache: u32,
    /// Telling the cache which answers must not be shown again, which is worth more of an administrator's time.
    pub amend: u32,
    /// A call of the rate limiter.
    pub limit: u32,
    /// A decision of the gate of API keys, or the invalidation of keys at every instance that holds one.
    pub gate: u32,
    /// A password hash, including the wait for its turn.
    pub hash: u32,
    /// A mail that the host's own transport sends.
    pub mail: u32,
}

impl Deadlines {
    /// Returns the deadlines for requests that may take `seconds`; each is a fixed share of that.
    #[must_use]
    pub const fn of_request(seconds: u32) -> Self {
        // Hundredths of a request, in milliseconds.
        let one = seconds.saturating_mul(10);
        Self {
            request: one.saturating_mul(100),
            read: one.saturating_mul(30),
            write: one.saturating_mul(80),
            cache: one.saturating_mul(4),
            amend: one.saturating_mul(20),
            limit: one.saturating_mul(20),
            gate: one.saturating_mul(60),
            hash: one.saturating_mul(60),
            mail: one.saturating_mul(40),
        }
    }

    /// Returns for how many seconds the claim of an `Idempotency-Key` keeps others out: longer than any request lives.
    #[must_use]
    pub fn claim_seconds(self) -> i64 {
        i64::from(self.request.saturating_mul(3) / 2000).max(LEAST_CLAIM_SECONDS)
    }
}

/// Shortest life of a claim, in seconds: for the longest request that production allows.
const LEAST_CLAIM_SECONDS: i64 = 90;
/// How long the cache is not asked after it did not answer in time, in milliseconds.
const CACHE_REST_MS: i64 = 5_000;
/// Shortest pause before a second attempt, in milliseconds. A random byte extends it to at most twice that, so that
/// callers that failed together do not come back together.
const PAUSE_MS: u32 = 50;

/// A port whose calls are each cut off at their deadline.
#[derive(Clone)]
struct Guarded<P: ?Sized> {
    port: Arc<P>,
    timer: Arc<dyn Timer>,
    entropy: Arc<dyn Entropy>,
    deadlines: Deadlines,
}

impl<P: ?Sized> Guarded<P> {
    async fn within<T>(&self, ms: u32, work: impl Future<Output = T>) -> Result<T, String> {
        within(self.timer.as_ref(), ms, work).await.ok_or_else(|| format!("no answer within {ms} ms"))
    }

    async fn pause(&self) {
        let mut random = [0];
        self.entropy.fill(&mut random);
        let [jitter] = random;
        self.timer.sleep(PAUSE_MS.saturating_add(jitter.into())).await;
    }
}

/// Wraps the database with deadlines. Reads that failed in passing are tried a second time. Writes never are, since the
/// first attempt may have been carried out: the client retries with its `Idempotency-Key`.
#[must_use]
pub fn guarded_database(
    port: Arc<dyn Database>,
    timer: Arc<dyn Timer>,
    entropy: Arc<dyn Entropy>,
    deadlines: Deadlines,
) -> Arc<dyn Database> {
    Arc::new(Guarded { port, timer, entropy, deadlines })
}

impl Guarded<dyn Database> {
    async fn read<T, W: Future<Output = Result<T, DatabaseError>>>(
        &self,
        mut work: impl FnMut() -> W,
    ) -> Result<T, DatabaseError> {
        let late = |late| Err(DatabaseError::Interrupted(late));
        match self.within(self.deadlines.read, work()).await.unwrap_or_else(late) {
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, "a read is tried again");
                self.pause().await;
                self.within(self.deadlines.read, work()).await.unwrap_or_else(late)
            }
            outcome => outcome,
        }
    }

    async fn write<T>(&self, work: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, DatabaseError> {
        self.within(self.deadlines.write, work).await.unwrap_or_else(|late| Err(DatabaseError::Interrupted(late)))
    }
}

#[async_trait]
impl Database for Guarded<dyn Database> {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        if statement.is_read() {
            self.read(|| self.port.query(statement.clone())).await
        } else {
            self.write(self.port.query(statement)).await
        }
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        if statements.iter().all(Statement::is_read) {
            self.read(|| self.port.batch(statements.clone())).await
        } else {
            self.write(self.port.batch(statements)).await
        }
    }

    async fn check(&self) -> Result<(), DatabaseError> {
        self.within(self.deadlines.read, self.port.check()).await.map_err(DatabaseError::Unavailable)?
    }

    fn version(&self) -> Option<i64> {
        self.port.version()
    }
}

/// The cache with a deadline. A request never waits long for it, and after a late answer none waits at all for
/// [`CACHE_REST_MS`].
struct GuardedCache {
    guarded: Guarded<dyn KeyValue>,
    clock: Arc<dyn Clock>,
    rests_until: AtomicI64,
}

impl GuardedCache {
    async fn within<T>(
        &self,
        ms: u32,
        work: impl Future<Output = Result<T, KeyValueError>>,
    ) -> Result<T, KeyValueError> {
        if self.clock.now() < Timestamp(self.rests_until.load(Ordering::Relaxed)) {
            return Err(KeyValueError("it did not answer in time a moment ago".to_owned()));
        }
        self.guarded.within(ms, work).await.unwrap_or_else(|late| {
            self.rests_until.store(self.clock.now().plus_ms(CACHE_REST_MS).0, Ordering::Relaxed);
            Err(KeyValueError(late))
        })
    }
}

#[async_trait]
impl KeyValue for GuardedCache {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.within(self.guarded.deadlines.cache, self.guarded.port.get(key)).await
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError> {
        self.within(self.guarded.deadlines.cache, self.guarded.port.put(key, value, ttl_seconds)).await
    }
}

#[async_trait]
impl RateLimiter for Guarded<dyn RateLimiter> {
    async fn admit(
        &self,
        subject: &str,
        limits: &[Limit],
        cost: u32,
        now: Timestamp,
    ) -> Result<Admission, RateLimitError> {
        let admission = self.port.admit(subject, limits, cost, now);
        self.within(self.deadlines.limit, admission).await.unwrap_or_else(|late| Err(RateLimitError(late)))
    }
}

#[async_trait]
impl KeyGate for Guarded<dyn KeyGate> {
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        let decisions = self.port.admit(uses, now);
        self.within(self.deadlines.gate, decisions).await.unwrap_or_else(|late| Err(KeyGateError(late)))
    }

    async fn invalidate(&self, keys: &[KeyHash]) -> Result<(), KeyGateError> {
        let done = self.port.invalidate(keys);
        self.within(self.deadlines.gate, done).await.unwrap_or_else(|late| Err(KeyGateError(late)))
    }

    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        let unsaved = self.port.unsaved(key);
        self.within(self.deadlines.gate, unsaved).await.unwrap_or_else(|late| Err(KeyGateError(late)))
    }
}

#[async_trait]
impl PasswordHasher for Guarded<dyn PasswordHasher> {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        self.within(self.deadlines.hash, self.port.run(job)).await.unwrap_or(Err(HashError::Busy))
    }
}

#[async_trait]
impl HttpClient for Guarded<dyn HttpClient> {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        let timeout_ms = request.timeout_ms;
        let answer = async {
            if request.method != Method::GET {
                return self.port.send(with_current_trace(request, &*self.entropy)).await;
            }
            match self.port.send(with_current_trace(request.clone(), &*self.entropy)).await {
                Err(_) => {
                    self.pause().await;
                    self.port.send(with_current_trace(request, &*self.entropy)).await
                }
                answer => answer,
            }
        };
        self.within(timeout_ms, answer).await.unwrap_or_else(|late| Err(HttpError(late)))
    }
}

#[async_trait]
impl MailTransport for Guarded<dyn MailTransport> {
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError> {
        let sent = self.port.send(mail, idempotency_key);
        self.within(self.deadlines.mail, sent).await.unwrap_or_else(|late| Err(MailError::Retry(late)))
    }
}

impl Ports {
    /// Wraps each port with its deadline. Outbound requests and background work also carry the trace of the request
    /// that they belong to.
    #[must_use]
    pub fn guarded(self, deadlines: Deadlines) -> Self {
        macro_rules! guard {
            ($port:expr) => {
                Guarded { port: $port, timer: Arc::clone(&self.timer), entropy: Arc::clone(&self.entropy), deadlines }
            };
        }
        Self {
            database: Arc::new(guard!(self.database)),
            key_value: Arc::new(GuardedCache {
                guarded: guard!(self.key_value),
                clock: Arc::clone(&self.clock),
                rests_until: AtomicI64::new(0),
            }),
            rate_limiter: Arc::new(guard!(self.rate_limiter)),
            key_gate: Arc::new(guard!(self.key_gate)),
            password_hasher: Arc::new(guard!(self.password_hasher)),
            http_client: Arc::new(guard!(self.http_client)),
            mail_transport: self.mail_transport.map(|port| Arc::new(guard!(port)) as _),
            clock: self.clock,
            timer: self.timer,
            entropy: self.entropy,
            background: Arc::new(TracedBackground(self.background)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_outlives_its_request() {
        let claims = [1, 25, 60, 170, 600].map(|seconds| Deadlines::of_request(seconds).claim_seconds());
        assert_eq!(claims, [90, 90, 90, 255, 900]);
    }
}
