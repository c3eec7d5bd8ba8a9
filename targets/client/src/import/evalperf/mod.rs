//! EvalPerf's results by task: a CSV table with a row per model and task, which has the numbers of samples and passes.

mod file_name;
mod model_rows;
mod options;
mod plan;
mod row;

pub use options::Options;
pub use plan::plan;
