//! Options of the importer of LiveCodeBench's performances.

use clap::Args;

use crate::import::options::{Code, Inputs, Naming};

/// Which files, and what is not in them.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    /// How many samples of each problem a pass@1 is of: then samples and passes are published, not only the rate.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub samples: Option<u32>,
    /// Id of the benchmark, by default livecodebench with what the file's name says of the scenario.
    #[arg(long, value_name = "ID")]
    pub benchmark: Option<String>,
    /// Version of the benchmark, by default the months of its problems and their number.
    #[arg(long, value_name = "VERSION")]
    pub benchmark_version: Option<String>,
    #[command(flatten)]
    pub naming: Naming,
    #[command(flatten)]
    pub code: Code,
}
