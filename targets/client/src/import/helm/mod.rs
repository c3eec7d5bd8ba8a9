//! Runs of HELM: a directory with run_spec.json, stats.json and, where it was kept, per_instance_stats.json.

mod document;
mod groups;
mod options;
mod plan;
mod results;
mod stats;

pub use document::{INSTANCES, RunFiles, SPEC, STATS};
pub use options::Options;
pub use plan::plan;
