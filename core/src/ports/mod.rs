//! The traits that a host implements for the application, and [`Ports`], which holds one of each. Every implementation
//! keeps the contract that its trait states. `tests/` runs one contract suite over all of them, through the HTTP
//! surface.

mod background;
mod clock;
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
pub use clock::Clock;
pub use database::{Database, DatabaseError, Row, Rows, Statement, Value};
pub use deadline::{Deadlines, guarded_database};
pub use entropy::Entropy;
pub use http_client::{Destination, HttpClient, HttpError, OutboundRequest, OutboundResponse};
pub use key_gate::{KeyGate, KeyGateError};
pub use key_value::{KeyValue, KeyValueError};
pub use mail_transport::{Mail, MailError, MailTransport};
pub use movable_clock::{MovableClock, Movement};
pub use password_hasher::{InlineHasher, PasswordHasher};
pub use rate_limiter::{Admission, Limit, RateLimitError, RateLimiter};
pub use timer::{Timer, within};
pub use trace_scope::{current_trace, in_trace};

/// Everything that a host provides to the application. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// The database, which holds the truth: SQL on SQLite, D1 or Spin's SQLite.
    pub database: Arc<dyn Database>,
    /// A cache that may be stale or forget.
    pub key_value: Arc<dyn KeyValue>,
    /// Exact rate limits of requests.
    pub rate_limiter: Arc<dyn RateLimiter>,
    /// The gate that decides about uses of API keys.
    pub key_gate: Arc<dyn KeyGate>,
    /// Runs password hashes.
    pub password_hasher: Arc<dyn PasswordHasher>,
    /// Outbound requests.
    pub http_client: Arc<dyn HttpClient>,
    /// The host's own transport for mail (SMTP, a binding), preferred over the HTTP providers of the configuration.
    /// `None` where the host has none.
    pub mail_transport: Option<Arc<dyn MailTransport>>,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The only way to wait.
    pub timer: Arc<dyn Timer>,
    /// The only source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Runs work that goes on after the answer.
    pub background: Arc<dyn Background>,
}
