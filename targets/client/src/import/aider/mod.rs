//! Aider's polyglot leaderboard: a YAML list of rows, each with the numbers of one run and no task results.

#[cfg(test)]
mod fixtures;
mod plan;
mod row;
mod rows;
mod submission;

pub use plan::plan;
