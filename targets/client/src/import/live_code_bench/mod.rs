//! LiveCodeBench's performances, such as performances_generation.json: the pass@1 of each model at each problem.

mod document;
mod model_rows;
mod options;
mod plan;

pub use options::Options;
pub use plan::plan;
