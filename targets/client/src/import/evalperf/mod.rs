//! EvalPerf's results task by task: a CSV table, a row a model and task, with so many samples and passes.

mod file_name;
mod model_rows;
mod options;
mod plan;
mod row;

pub use options::Options;
pub use plan::plan;
