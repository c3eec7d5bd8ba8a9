//! SWE-bench's leaderboards.json: boards with a row for each system, which is an agent with one model or several.
//!
//! A row tells the percentage of tasks that were resolved; how many tasks a board has is known here, or told.

mod document;
mod options;
mod plan;
mod row;
mod system;

pub use options::Options;
pub use plan::plan;
