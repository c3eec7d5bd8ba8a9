//! Publishing through the API.

mod client;
mod opened_run;
mod payload;

pub use client::{Outcome, Publisher};
