//! Rules and values: no I/O, no clock.

pub mod password_hash;
mod secret;
pub mod statistics;

pub use secret::Secret;
