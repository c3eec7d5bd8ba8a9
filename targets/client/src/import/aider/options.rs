//! Options of the importer.

use clap::Args;

use crate::import::options::{Inputs, Naming};

/// Which tables, and what is not in them.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    /// How many exercises the benchmark has, where the rows do not tell it (total_tests).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub tasks: Option<u32>,
    /// Id of the benchmark, by default aider-edit or aider-refactor for files whose names begin so, else aider-polyglot.
    #[arg(long, value_name = "ID")]
    pub benchmark: Option<String>,
    /// Version of the benchmark.
    #[arg(long, value_name = "VERSION", default_value = "1")]
    pub benchmark_version: String,
    /// Commit that Aider stood at, where a row tells none.
    #[arg(long)]
    pub commit: Option<String>,
    #[command(flatten)]
    pub naming: Naming,
}
