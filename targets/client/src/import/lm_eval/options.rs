//! Options of the importer of lm-evaluation-harness's results.

use std::path::PathBuf;

use clap::Args;

use crate::import::options::{Inputs, Provenance};

/// Which results, and what of them.
#[derive(Args, Debug)]
pub struct Options {
    #[command(flatten)]
    pub inputs: Inputs,
    /// The samples of the tasks, samples_TASK_….jsonl. In a directory they are found.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub samples: Vec<PathBuf>,
    /// The metric that is the score, with its filter as in `exact_match,strict-match`; by default each task's first.
    /// Beside runs that another metric scored, name another version with --benchmark-version.
    #[arg(long, value_name = "METRIC[,FILTER]")]
    pub metric: Option<String>,
    /// The model, where the results name none, or a path.
    #[arg(long, value_name = "PROVIDER/NAME")]
    pub model: Option<String>,
    /// Version of every benchmark, by default each task's, with the number of its examples.
    #[arg(long, value_name = "VERSION")]
    pub benchmark_version: Option<String>,
    /// Version of the harness, where the results tell none.
    #[arg(long, value_name = "VERSION")]
    pub harness_version: Option<String>,
    #[command(flatten)]
    pub provenance: Provenance,
}
