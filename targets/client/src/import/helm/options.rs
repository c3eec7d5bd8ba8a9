//! Options of the importer of HELM's runs.

use clap::Args;

use crate::import::options::{Evaluator, Inputs, Naming};

/// Which runs, and what of them.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    /// The metric that is the score, such as exact_match; by default the one that HELM ranks the run's group by. Beside
    /// runs that another metric scored, name another version with --benchmark-version.
    #[arg(long, value_name = "NAME")]
    pub metric: Option<String>,
    /// The split that is evaluated, by default test, else valid.
    #[arg(long, value_name = "SPLIT")]
    pub split: Option<String>,
    /// Version of the benchmark, by default the scenario's arguments with the number of instances.
    #[arg(long, value_name = "VERSION")]
    pub benchmark_version: Option<String>,
    /// Version of HELM, which the files do not tell.
    #[arg(long, value_name = "VERSION", default_value = "unknown")]
    pub harness_version: String,
    #[command(flatten)]
    pub naming: Naming,
    /// Commit of HELM, which the files do not tell.
    #[arg(long)]
    pub commit: Option<String>,
    /// Who ran the evaluation, seen from the model's vendor.
    #[arg(long, value_enum, default_value = "third-party")]
    pub evaluator: Evaluator,
    /// Declare the metric `score` where every score is 0 or 1 too.
    #[arg(long)]
    pub graded: bool,
}
