//! Publishing through the API.

mod client;
mod opened_run;
mod payload;
mod wire;

pub use client::{Outcome, Publisher};
