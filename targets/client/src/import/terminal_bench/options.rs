//! Options of the importer of Terminal-Bench's results.

use clap::Args;

use crate::import::options::{Code, Inputs, Naming};

/// Which runs, and what is not in their files.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    /// The agent, where run_metadata.json is missing.
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Version of the agent.
    #[arg(long, value_name = "VERSION")]
    pub agent_version: Option<String>,
    /// The model, where run_metadata.json is missing, or names none.
    #[arg(long, value_name = "PROVIDER/NAME")]
    pub model: Option<String>,
    /// Id of the benchmark, by default the data set's name.
    #[arg(long, value_name = "ID")]
    pub benchmark: Option<String>,
    /// Version of the benchmark, by default the data set's, with the number of attempts.
    #[arg(long, value_name = "VERSION")]
    pub benchmark_version: Option<String>,
    /// Publish what is there of runs that did not try every task of the data set, as a benchmark version of its own.
    #[arg(long)]
    pub accept_incomplete: bool,
    #[command(flatten)]
    pub naming: Naming,
    #[command(flatten)]
    pub code: Code,
}
