//! SWE-bench's leaderboards.json: boards with a row for each system, which is an agent with one model or several.
//!
//! A row has the percentage of resolved tasks; the number of a board's tasks is known here, or given by an option.

mod document;
mod options;
mod plan;
mod row;
mod system;

pub use options::Options;
pub use plan::plan;
