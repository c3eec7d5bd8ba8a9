//! Foundation of the suite: the hosts that it starts, the client that it calls them with, and the contract that every
//! answer is checked against. The cases are in `suite/`.

pub mod case;
pub mod client;
pub mod contract;
pub mod faults;
pub mod fixtures;
pub mod hooks;
pub mod host;
pub mod keys;
pub mod open_metrics;
pub mod oracle;
pub mod provider;
pub mod reads;
pub mod simulation;
pub mod tools;
pub mod visitor;
mod waiting;
pub mod wire;

pub use case::Case;
pub use client::{Answer, Client, Request, plain_client};
pub use fixtures::{Authenticator, Publisher, User};
pub use host::Host;
pub use keys::{Key, Service};
pub use visitor::{Page, Visitor};
pub use waiting::{TIMEOUT, ended, eventually, eventually_blocking};
