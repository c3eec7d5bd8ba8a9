//! Faults around the ports of a simulation: dependencies that hang, answer too late, break off or fail.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use aibaas_core::{
    domain::{
        Timestamp,
        api_key::KeyHash,
        key_use::{Decision, HourOfUse, KeyUse},
        password_hash::{HashError, HashJob, HashOutcome},
    },
    ports::{
        Admission, BoxFuture, Database, DatabaseError, HttpClient, HttpError, KeyGate, KeyGateError, KeyValue,
        KeyValueError, Limit, OutboundRequest, OutboundResponse, PasswordHasher, Ports, RateLimitError, RateLimiter,
        Rows, Statement, Timer,
    },
};
use async_trait::async_trait;

/// A dependency of the application that can be made faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// The database: D1, or SQLite.
    Database,
    /// The cache: Workers KV and its like.
    Cache,
    /// The rate limiter for addresses and users.
    Limits,
    /// The gate of API keys.
    Gate,
    /// The password hasher.
    Hasher,
    /// Outbound HTTP: the mail provider, GitHub, the list of breached passwords.
    Outbound,
}

/// Every dependency.
pub const DEPENDENCIES: [Dependency; 6] = [
    Dependency::Database,
    Dependency::Cache,
    Dependency::Limits,
    Dependency::Gate,
    Dependency::Hasher,
    Dependency::Outbound,
];

/// The way in which a dependency's calls go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call begins only after 70 s.
    Hangs,
    /// The call is carried out, and its answer comes 70 s late.
    HangsToTell,
    /// The call is not carried out, and fails with this message.
    Fails(&'static str),
    /// The call is carried out, and fails with this message nevertheless.
    BreaksOff(&'static str),
    /// Only for the database: the call hangs, and is carried out when nobody waits for it any more
    /// ([`Faults::carry_out_late`]).
    CarriesOutLate,
}

/// Duration of a hang, in milliseconds: that of the worst outage that was seen.
const HANG_MS: u32 = 70_000;

/// Faults that a test sets and removes.
pub struct Faults {
    timer: Arc<dyn Timer>,
    set: Mutex<Option<Set>>,
    late: Mutex<Vec<BoxFuture>>,
    database_calls: AtomicU32,
}

struct Set {
    of: Dependency,
    fault: Fault,
    /// Number of calls that are still answered before the fault shows.
    after: u32,
    /// Number of calls that then meet the fault; `u32::MAX` for all.
    times: u32,
}

impl Faults {
    /// Creates a set of faults in which nothing fails yet.
    #[must_use]
    pub fn new(timer: Arc<dyn Timer>) -> Self {
        Self { timer, set: Mutex::default(), late: Mutex::default(), database_calls: AtomicU32::new(0) }
    }

    /// Returns how often the application has called its database since the last call of this method. Reads by the gate
    /// of keys itself do not count.
    pub fn database_calls(&self) -> u32 {
        self.database_calls.swap(0, Ordering::Relaxed)
    }

    /// Makes every call of this dependency meet the fault from now on.
    pub fn set(&self, of: Dependency, fault: Fault) {
        self.set_after(0, u32::MAX, of, fault);
    }

    /// Lets `after` calls of the dependency pass, then makes `times` calls meet the fault.
    pub fn set_after(&self, after: u32, times: u32, of: Dependency, fault: Fault) {
        *self.set.lock().expect("no panic") = Some(Set { of, fault, after, times });
    }

    /// Removes the fault that was set.
    pub fn heal(&self) {
        *self.set.lock().expect("no panic") = None;
    }

    /// Carries out the database calls that were given up under [`Fault::CarriesOutLate`].
    pub async fn carry_out_late(&self) {
        let late = std::mem::take(&mut *self.late.lock().expect("no panic"));
        for work in late {
            work.await;
        }
    }

    /// Returns the fault that the next call of this dependency meets, and counts that call.
    fn next(&self, of: Dependency) -> Option<Fault> {
        let mut set = self.set.lock().expect("no panic");
        let set = set.as_mut().filter(|set| set.of == of)?;
        if set.after > 0 {
            set.after -= 1;
            return None;
        }
        if set.times == 0 {
            return None;
        }
        if set.times != u32::MAX {
            set.times -= 1;
        }
        Some(set.fault)
    }

    async fn around<T, E>(
        &self,
        of: Dependency,
        work: impl Future<Output = Result<T, E>>,
        error: impl Fn(&str) -> E,
    ) -> Result<T, E> {
        match self.next(of) {
            None => work.await,
            Some(Fault::Fails(why)) => Err(error(why)),
            Some(Fault::BreaksOff(why)) => {
                drop(work.await);
                Err(error(why))
            }
            Some(Fault::Hangs | Fault::CarriesOutLate) => {
                self.timer.sleep(HANG_MS).await;
                work.await
            }
            Some(Fault::HangsToTell) => {
                let outcome = work.await;
                self.timer.sleep(HANG_MS).await;
                outcome
            }
        }
    }

    /// Wraps the ports, so that their calls meet the faults that are set.
    #[must_use]
    pub fn around_ports(self: &Arc<Self>, ports: Ports) -> Ports {
        Ports {
            database: Arc::new(Faulty { port: ports.database, faults: Arc::clone(self) }),
            key_value: Arc::new(Faulty { port: ports.key_value, faults: Arc::clone(self) }),
            rate_limiter: Arc::new(Faulty { port: ports.rate_limiter, faults: Arc::clone(self) }),
            key_gate: Arc::new(Faulty { port: ports.key_gate, faults: Arc::clone(self) }),
            password_hasher: Arc::new(Faulty { port: ports.password_hasher, faults: Arc::clone(self) }),
            http_client: Arc::new(Faulty { port: ports.http_client, faults: Arc::clone(self) }),
            ..ports
        }
    }
}

struct Faulty<P: ?Sized> {
    port: Arc<P>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Database for Faulty<dyn Database> {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        Ok(self.batch(vec![statement]).await?.pop().unwrap_or_default())
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        self.faults.database_calls.fetch_add(1, Ordering::Relaxed);
        let is_late = self.faults.set.lock().expect("no panic").as_ref().is_some_and(|set| {
            set.of == Dependency::Database && set.fault == Fault::CarriesOutLate && set.after == 0 && set.times > 0
        });
        if is_late {
            let (port, late) = (Arc::clone(&self.port), statements.clone());
            self.faults.late.lock().expect("no panic").push(Box::pin(async move { drop(port.batch(late).await) }));
        }
        let work = self.port.batch(statements);
        self.faults.around(Dependency::Database, work, DatabaseError::from_sqlite_message).await
    }
}

#[async_trait]
impl KeyValue for Faulty<dyn KeyValue> {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.faults.around(Dependency::Cache, self.port.get(key), |why| KeyValueError(why.to_owned())).await
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError> {
        let put = self.port.put(key, value, ttl_seconds);
        self.faults.around(Dependency::Cache, put, |why| KeyValueError(why.to_owned())).await
    }
}

#[async_trait]
impl RateLimiter for Faulty<dyn RateLimiter> {
    async fn admit(
        &self,
        subject: &str,
        limits: &[Limit],
        cost: u32,
        now: Timestamp,
    ) -> Result<Admission, RateLimitError> {
        let admission = self.port.admit(subject, limits, cost, now);
        self.faults.around(Dependency::Limits, admission, |why| RateLimitError(why.to_owned())).await
    }
}

#[async_trait]
impl KeyGate for Faulty<dyn KeyGate> {
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        let decisions = self.port.admit(uses, now);
        self.faults.around(Dependency::Gate, decisions, |why| KeyGateError(why.to_owned())).await
    }

    async fn invalidate(&self, keys: &[KeyHash]) -> Result<(), KeyGateError> {
        self.faults.around(Dependency::Gate, self.port.invalidate(keys), |why| KeyGateError(why.to_owned())).await
    }

    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        self.faults.around(Dependency::Gate, self.port.unsaved(key), |why| KeyGateError(why.to_owned())).await
    }
}

#[async_trait]
impl PasswordHasher for Faulty<dyn PasswordHasher> {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        self.faults.around(Dependency::Hasher, self.port.run(job), |_| HashError::Busy).await
    }
}

#[async_trait]
impl HttpClient for Faulty<dyn HttpClient> {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        self.faults.around(Dependency::Outbound, self.port.send(request), |why| HttpError(why.to_owned())).await
    }
}
