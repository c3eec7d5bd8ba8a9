//! Aider's leaderboards: a YAML list of rows, each with the numbers of one run and no task results.

#[cfg(test)]
mod fixtures;
mod options;
mod plan;
mod row;
mod rows;
mod submission;
mod table;

pub use options::Options;
pub use plan::plan;
