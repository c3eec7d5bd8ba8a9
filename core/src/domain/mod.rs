//! Rules and values: no I/O, no clock.

pub mod password_hash;
mod secret;
mod sliding_log;
pub mod statistics;

pub use secret::Secret;
pub use sliding_log::SlidingLog;
