//! What a host lends the application: the traits of [`Ports`], each with the contract that every
//! implementation keeps. `tests/` runs one contract suite over all of them, through the HTTP surface.

mod background;
mod clock;
#[cfg(test)]
pub mod counting;
mod database;
mod deadline;
mod entropy;
mod http_client;
mod key_gate;
mod key_value;
mod mail_transport;
mod movable_clock;
mod password_hasher;
mod rate_limiter;
mod timer;
mod trace_scope;

use std::sync::Arc;

pub use background::{Background, BoxFuture};
pub use clock::{Clock, Timestamp};
pub use database::{Database, DatabaseError, Row, Rows, Statement, Value};
pub use deadline::{Deadlines, guarded_database};
pub use entropy::Entropy;
pub use http_client::{Destination, HttpClient, HttpError, OutboundRequest, OutboundResponse};
pub use key_gate::{KeyGate, KeyGateError};
pub use key_value::{KeyValue, KeyValueError};
pub use mail_transport::{Mail, MailError, MailTransport};
pub use movable_clock::MovableClock;
pub use password_hasher::{HashError, HashJob, HashOutcome, InlineHasher, PasswordHasher};
pub use rate_limiter::{Admission, Limit, LimitState, RateLimitError, RateLimiter};
pub use timer::{Timer, within};
pub use trace_scope::{current_trace, in_trace};

/// Everything a host lends the application. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// The truth: SQL on SQLite, D1 or Spin's SQLite.
    pub database: Arc<dyn Database>,
    /// A cache that may be stale or forget.
    pub key_value: Arc<dyn KeyValue>,
    /// Exact request limits.
    pub rate_limiter: Arc<dyn RateLimiter>,
    /// Who gets in with an API key.
    pub key_gate: Arc<dyn KeyGate>,
    /// Where password hashing runs.
    pub password_hasher: Arc<dyn PasswordHasher>,
    /// Outbound requests.
    pub http_client: Arc<dyn HttpClient>,
    /// A transport the host itself offers for mail (SMTP, a binding), preferred over the HTTP
    /// providers of the configuration. `None` where the host has none.
    pub mail_transport: Option<Arc<dyn MailTransport>>,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The only way to wait.
    pub timer: Arc<dyn Timer>,
    /// The only source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Work that goes on after the answer.
    pub background: Arc<dyn Background>,
}
