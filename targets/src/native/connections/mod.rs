//! Connections: their number, their time limits, and how each ends.

mod accept;
mod activity;
mod connection;
mod limits;
mod registry;
mod server;
mod socket;

pub use accept::accept;
#[cfg(test)]
pub use accept::serve_router;
pub use limits::{ConnectionLimits, raise_descriptor_limit};
pub use server::Server;
