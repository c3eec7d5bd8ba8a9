use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    config::Config,
    domain::{Keys, uuid_v7},
    http, mail,
    ports::{Clock, Database, Deadlines, KeyValue, Ports, Timestamp},
    store,
};

/// Rows of a table that a tick forgets in one batch: some milliseconds of the writer's time.
const FORGOTTEN_AT_ONCE: u32 = 1000;
/// Batches of a tick that forget, at most.
const MOST_ROUNDS: u32 = 60;

/// Who the request came from, from the host's trusted source; the host puts it into the request's extensions.
/// Where that is one of `TRUSTED_PROXIES`, the application puts the client it told of in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The application. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    ports: Ports,
    /// The cache without its deadline: where the time itself is kept, late is better than unknown.
    clock_store: Arc<dyn KeyValue>,
    config: Config,
    keys: Keys,
    known_keys: http::KnownKeys,
    read_counts: http::ReadCounts,
    /// Set once a shutdown has begun.
    has_stopped_sending: AtomicBool,
    has_met_unnamed_proxy: AtomicBool,
    fault_log: http::FaultLog,
    last_answers: http::LastAnswers,
}

impl App {
    /// The application over these ports, each of which it waits for only as long as the configuration says.
    #[must_use]
    pub fn new(ports: Ports, config: Config) -> Self {
        let keys = Keys::derive(&config.jwt_secret, config.jwt_secret_previous.as_ref(), config.jwt_algorithm);
        let clock_store = Arc::clone(&ports.key_value);
        let ports = ports.guarded(config.deadlines);
        Self(Arc::new(Inner {
            ports,
            clock_store,
            config,
            keys,
            known_keys: http::KnownKeys::default(),
            read_counts: http::ReadCounts::default(),
            fault_log: http::FaultLog::default(),
            last_answers: http::LastAnswers::default(),
            has_stopped_sending: AtomicBool::new(false),
            has_met_unnamed_proxy: AtomicBool::new(false),
        }))
    }

    pub(crate) fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn deadlines(&self) -> Deadlines {
        self.0.config.deadlines
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn fault_log(&self) -> &http::FaultLog {
        &self.0.fault_log
    }

    pub(crate) fn last_answers(&self) -> &http::LastAnswers {
        &self.0.last_answers
    }

    pub(crate) fn known_keys(&self) -> &http::KnownKeys {
        &self.0.known_keys
    }

    pub(crate) fn read_counts(&self) -> &http::ReadCounts {
        &self.0.read_counts
    }

    pub(crate) fn database(&self) -> &dyn Database {
        self.0.ports.database.as_ref()
    }

    /// The only source of time.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.0.ports.clock.as_ref()
    }

    /// Where a development clock is kept.
    pub(crate) fn clock_store(&self) -> &dyn KeyValue {
        self.0.clock_store.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.ports.entropy.fill(&mut bytes);
        bytes
    }

    /// A UUIDv7 (RFC 9562) of this moment.
    pub(crate) fn new_id(&self) -> String {
        uuid_v7(self.now(), &self.random())
    }

    /// Every route, on every host. Build it once and clone it for each request.
    pub fn router(&self) -> axum::Router {
        http::router(self)
    }

    /// Begins no further mail; what is on its way to the provider comes to its end. What is queued goes out after the
    /// next start.
    pub fn stop_sending(&self) {
        self.0.has_stopped_sending.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_stopped_sending(&self) -> bool {
        self.0.has_stopped_sending.load(Ordering::SeqCst)
    }

    /// Whether nobody asked before.
    pub(crate) fn is_first_unnamed_proxy(&self) -> bool {
        !self.0.has_met_unnamed_proxy.swap(true, Ordering::Relaxed)
    }

    /// The answer to a request that the application does not get to see.
    #[must_use]
    pub fn refuse(&self, refusal: http::HostRefusal) -> axum::response::Response {
        http::refuse(self, refusal)
    }

    /// What a schedule does: sends the mail that is due and forgets what has expired.
    ///
    /// Failures are logged: the next tick tries again.
    pub async fn tick(&self) {
        if let Err(error) = http::catch_up(self).await {
            log::error!("the development clock is not known: {error}");
        }
        mail::deliver_due(self).await;
        if let Err(error) = self.forget_expired().await {
            log::error!("clean-up failed: {error}");
        }
    }

    /// Forgets what has expired in short batches, so that other writers get their turn in between; what is left of a
    /// great backlog waits for the next tick.
    async fn forget_expired(&self) -> Result<(), store::BatchError> {
        let now = self.now();
        let most = usize::try_from(FORGOTTEN_AT_ONCE).unwrap_or(usize::MAX);
        let mut expiries = store::EXPIRIES.to_vec();
        for _ in 0..MOST_ROUNDS {
            if expiries.is_empty() {
                break;
            }
            let mut batch = store::Batch::new();
            let added = expiries.iter().map(|expiry| (*expiry, expiry(&mut batch, now, FORGOTTEN_AT_ONCE)));
            let added = added.collect::<Vec<_>>();
            let mut answers = batch.run(self.database()).await?;
            expiries.clear();
            for (expiry, forgotten) in added {
                if answers.take(forgotten)? >= most {
                    expiries.push(expiry);
                }
            }
        }
        Ok(())
    }
}
