//! Options of the importer of Every Eval Ever's evaluations.

use clap::Args;

use crate::import::options::{Inputs, Naming};

/// Which evaluations, and what is not in them.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    /// The metric to import, by its id or name; by default all, each as a version of its own.
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<String>,
    /// Version of every benchmark, by default the metric with the number of samples.
    #[arg(long, value_name = "VERSION")]
    pub benchmark_version: Option<String>,
    /// Declare the metric `score` where every score is 0 or 1 too, as for a benchmark that also gives partial ones.
    #[arg(long)]
    pub graded: bool,
    /// Commit of the code that was run, where the files tell none.
    #[arg(long)]
    pub commit: Option<String>,
    #[command(flatten)]
    pub naming: Naming,
}
