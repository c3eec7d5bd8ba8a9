use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{
    config::Config,
    domain::{Keys, Timestamp, uuid_v7},
    memory,
    ports::{Clock, Database, Deadlines, KeyValue, Ports},
};

/// Address of the client that sent the request, from a source that the host trusts; the host puts it into the request's
/// extensions. Where it is one of `TRUSTED_PROXIES`, the application replaces it by the client that the proxy names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// The application: the state that all handlers share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    ports: Ports,
    /// The cache without a deadline: `DEV_CLOCK` keeps the time there, and for that a late answer is better than none.
    unguarded_cache: Arc<dyn KeyValue>,
    config: Config,
    keys: Keys,
    known_keys: memory::KnownKeys,
    read_counts: memory::ReadCounts,
    /// Whether a shutdown has begun.
    has_stopped_sending: AtomicBool,
    has_met_unnamed_proxy: AtomicBool,
    internal_error_log: memory::InternalErrorLog,
    last_answers: memory::LastAnswers,
    finished_answers: memory::FinishedAnswers,
    board_pages: memory::BoardPages,
    rendered_pages: memory::RenderedPages,
}

impl App {
    /// Creates the application over these ports, each of which it waits for only as long as the configuration says.
    #[must_use]
    pub fn new(ports: Ports, config: Config) -> Self {
        let keys = Keys::derive(&config.jwt_secret, config.jwt_secret_previous.as_ref(), config.jwt_algorithm);
        let unguarded_cache = Arc::clone(&ports.key_value);
        let ports = ports.guarded(config.deadlines);
        Self(Arc::new(Inner {
            ports,
            unguarded_cache,
            config,
            keys,
            known_keys: memory::KnownKeys::default(),
            read_counts: memory::ReadCounts::default(),
            internal_error_log: memory::InternalErrorLog::default(),
            last_answers: memory::LastAnswers::default(),
            finished_answers: memory::finished_answers(),
            board_pages: memory::board_pages(),
            rendered_pages: memory::rendered_pages(),
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

    pub(crate) fn internal_error_log(&self) -> &memory::InternalErrorLog {
        &self.0.internal_error_log
    }

    pub(crate) fn last_answers(&self) -> &memory::LastAnswers {
        &self.0.last_answers
    }

    pub(crate) fn finished_answers(&self) -> &memory::FinishedAnswers {
        &self.0.finished_answers
    }

    pub(crate) fn board_pages(&self) -> &memory::BoardPages {
        &self.0.board_pages
    }

    pub(crate) fn rendered_pages(&self) -> &memory::RenderedPages {
        &self.0.rendered_pages
    }

    pub(crate) fn known_keys(&self) -> &memory::KnownKeys {
        &self.0.known_keys
    }

    pub(crate) fn read_counts(&self) -> &memory::ReadCounts {
        &self.0.read_counts
    }

    /// Returns the database, each of whose answers is waited for only as long as the configuration says.
    #[must_use]
    pub fn database(&self) -> &dyn Database {
        self.0.ports.database.as_ref()
    }

    /// Returns the only source of time.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.0.ports.clock.as_ref()
    }

    /// Returns the store in which a development clock is kept.
    pub(crate) fn unguarded_cache(&self) -> &dyn KeyValue {
        self.0.unguarded_cache.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock().now()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.ports.entropy.fill(&mut bytes);
        bytes
    }

    /// Creates a UUIDv7 (RFC 9562) for the current time.
    pub(crate) fn new_id(&self) -> String {
        uuid_v7(self.now(), &self.random())
    }

    /// Stops starting further mail. Mails that are being sent are finished, and what is queued goes out after the next
    /// start.
    pub fn stop_sending(&self) {
        self.0.has_stopped_sending.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_stopped_sending(&self) -> bool {
        self.0.has_stopped_sending.load(Ordering::SeqCst)
    }

    /// Returns true for the first call only, so that an unnamed proxy is reported once.
    pub(crate) fn is_first_unnamed_proxy(&self) -> bool {
        !self.0.has_met_unnamed_proxy.swap(true, Ordering::Relaxed)
    }
}
