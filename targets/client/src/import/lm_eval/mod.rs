//! Results of lm-evaluation-harness: one JSON document with the means of all tasks, and a file per task with its
//! samples, one per line.
//!
//! Each task becomes a run on a benchmark version of its own, its documents the version's tasks. A task whose samples
//! are not given can be published as counts where its mean is that of so many passes.

mod chosen;
mod counts;
mod document;
mod file_name;
#[cfg(test)]
mod fixtures;
mod metric;
mod model;
mod options;
mod plan;
mod run;
mod samples;
mod task;

pub use file_name::{date, is_results, is_samples};
pub use options::Options;
pub use plan::plan;
