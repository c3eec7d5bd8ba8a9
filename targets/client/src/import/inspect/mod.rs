//! Logs of Inspect AI: one JSON document, or a zip archive (`.eval`) with the same in pieces.
//!
//! A log is one run; its samples are the tasks, its epochs the attempts.

mod archive;
mod counted;
mod coverage;
mod document;
#[cfg(test)]
mod fixtures;
mod log;
mod model;
mod options;
mod plan;
mod results;
mod run;
mod scorer;

pub use log::Log;
pub use options::Options;
pub use plan::plan;
