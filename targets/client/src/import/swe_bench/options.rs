//! Options of the importer of SWE-bench's leaderboards.

use clap::Args;

use crate::import::options::{Code, Inputs, Naming};

/// Which boards, and what is not in the file.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    /// A board to import, such as Verified; by default all.
    #[arg(long = "board", value_name = "NAME")]
    pub boards: Vec<String>,
    /// How many tasks the board has, where it is none that is known here.
    #[arg(long, value_name = "N", requires = "boards", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub tasks: Option<u32>,
    /// Version of every board's benchmark.
    #[arg(long, value_name = "VERSION", default_value = "1")]
    pub benchmark_version: String,
    #[command(flatten)]
    pub naming: Naming,
    #[command(flatten)]
    pub code: Code,
}
