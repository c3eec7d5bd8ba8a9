//! Options that several importers have in common.

use clap::Args;

use super::plan::Relationship;

/// Where results are published.
#[derive(Args, Debug)]
pub struct Target {
    /// Base URL of the API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    pub url: String,
    /// API key with the scopes models:write and results:write.
    #[arg(long, env = "AIBAAS_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: String,
}

/// What evaluation logs do not say.
#[derive(Args, Debug)]
pub struct Provenance {
    /// Commit of the code that was run, instead of the one that the file tells.
    #[arg(long)]
    pub commit: Option<String>,
    /// Who ran the evaluation, seen from the model's vendor.
    #[arg(long, value_enum, default_value = "third-party")]
    pub evaluator: Relationship,
    /// Declare the metric `score` where every score is 0 or 1 too, as for a benchmark that also gives partial ones.
    #[arg(long)]
    pub graded: bool,
    /// Publish what is there of an evaluation that did not cover its data set, as a benchmark version of its own.
    #[arg(long)]
    pub accept_incomplete: bool,
}
