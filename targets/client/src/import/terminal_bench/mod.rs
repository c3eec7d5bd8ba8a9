//! Results of Terminal-Bench's harness: results.json with the trials, and run_metadata.json beside it with the agent
//! and the model, where it was kept.
//!
//! Runs of one agent with one model on one dataset that are imported together become one run: each trial of a task is
//! an attempt, so that five runs are five attempts.

mod document;
mod options;
mod plan;
mod system;
mod trial;

pub use document::{METADATA, RESULTS, Recorded, is_of_trial};
pub use options::Options;
pub use plan::plan;
