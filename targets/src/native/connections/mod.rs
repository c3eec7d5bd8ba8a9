//! Connections: their number, their time limits, and how each ends.

mod accept;
mod activity;
mod connection;
mod limits;
mod registry;
mod socket;

#[cfg(test)]
pub use accept::serve_router;
pub use accept::{Server, accept};
pub use limits::{ConnectionLimits, raise_descriptor_limit};
