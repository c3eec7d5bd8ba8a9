//! Options of the importer of EvalPerf's results.

use clap::Args;

use crate::import::options::{Inputs, Naming};

/// What is not in the table.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub naming: Naming,
    /// Id of the benchmark.
    #[arg(long, value_name = "ID", default_value = "evalperf")]
    pub benchmark: String,
    /// Version of the benchmark; a table with other tasks needs another one.
    #[arg(long, value_name = "VERSION", default_value = "1")]
    pub benchmark_version: String,
    /// Version of the harness, which the table does not tell; by default the published data set stands for it.
    #[arg(long, value_name = "VERSION", default_value = "evalplus.github.io@8741845")]
    pub harness_version: String,
    /// Commit that was run, which the table does not tell; by default that of the published data set.
    #[arg(long, default_value = "8741845")]
    pub commit: String,
}
