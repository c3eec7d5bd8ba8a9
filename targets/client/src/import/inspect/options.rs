//! Options of the importer.

use clap::Args;

use crate::import::options::{Inputs, Naming, Provenance};

/// Which logs, and what of them.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    #[command(flatten)]
    pub naming: Naming,
    /// The scorer whose score counts, by default the log's first; NAME.KEY where it gives several values. Beside runs that
    /// another scorer scored, name another version with --benchmark-version.
    #[arg(long, value_name = "NAME")]
    pub scorer: Option<String>,
    /// Id of the benchmark, by default the task's name.
    #[arg(long, value_name = "ID")]
    pub benchmark: Option<String>,
    /// Version of the benchmark, by default the task's.
    #[arg(long, value_name = "VERSION")]
    pub benchmark_version: Option<String>,
    #[command(flatten)]
    pub provenance: Provenance,
}
