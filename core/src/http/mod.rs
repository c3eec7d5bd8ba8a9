//! The wire: one file per endpoint, each from top to bottom: parse, decide, answer.

mod admin;
mod api_keys;
mod auth;
mod client;
mod cors;
mod credentials;
mod deadline;
mod export;
mod host_refusal;
mod idempotency;
mod key_changes;
mod leaderboard;
mod limits;
mod login_throttle;
mod middleware;
mod moderation;
mod page;
mod parameters;
mod passwords;
mod problem;
mod public_reads;
mod publishing;
mod request;
mod request_body;
mod router;
mod secret_scanning;
mod site;
mod step_up;
mod unknown_keys;
mod users;

pub use host_refusal::HostRefusal;
pub use middleware::refuse;
pub use request_body::{BodyStalled, Sleep, UnreadBody, watch_body};
pub use router::router;
pub use site::catch_up;
