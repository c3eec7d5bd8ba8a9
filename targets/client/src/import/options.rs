//! Options that several importers have in common.

use std::path::PathBuf;

use aibaas_core::domain::{SealId, evaluator::EvaluatorRelationship};
use clap::{Args, ValueEnum};

use super::names;

/// Which files are imported.
#[derive(Args, Debug)]
pub struct Inputs {
    /// Files; a directory stands for those in it that have the format's names, a pattern (`logs/*.json`) for what it matches.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Where results are published, and how that is told.
#[derive(Args, Debug)]
pub struct Target {
    /// Base URL of the API.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8787")]
    pub url: String,
    /// API key with the scopes models:write and results:write.
    #[arg(
        long,
        env = "AIBAAS_API_KEY",
        value_name = "KEY",
        hide_env_values = true,
        required_unless_present = "dry_run"
    )]
    pub api_key: Option<String>,
    /// Tell what would be published and what refused, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Tell what became of each run as one JSON document.
    #[arg(long)]
    pub json: bool,
    /// What the run was sealed as before it was made: then there is just one.
    #[arg(long, value_name = "ID")]
    pub seal: Option<SealId>,
    /// End with exit code 3 where anything is refused, not only where everything is.
    #[arg(long)]
    pub strict: bool,
}

/// What names of models do not say.
#[derive(Args, Debug, Default)]
pub struct Naming {
    /// Who made the models of which nothing tells it.
    #[arg(long, value_name = "PROVIDER")]
    pub provider: Option<String>,
}

impl Naming {
    /// Returns the vendor that the source tells, or the one that the option names.
    ///
    /// # Errors
    /// A text where neither names the vendor.
    pub fn provider(&self, told: Option<String>, model: &str) -> Result<String, String> {
        let given = || self.provider.as_deref().and_then(names::vendor);
        told.or_else(given).ok_or_else(|| names::without_vendor(model))
    }
}

/// What files of results do not say of the code that was run.
#[derive(Args, Debug)]
pub struct Code {
    /// Version of the harness, where the files tell none.
    #[arg(long, value_name = "VERSION", default_value = "unknown")]
    pub harness_version: String,
    /// Commit of the code that was run, where the files tell none.
    #[arg(long)]
    pub commit: Option<String>,
}

/// Who ran an evaluation, seen from the model's vendor, as the command line spells it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Evaluator {
    FirstParty,
    ThirdParty,
    SelfReported,
}

impl From<Evaluator> for EvaluatorRelationship {
    fn from(evaluator: Evaluator) -> Self {
        match evaluator {
            Evaluator::FirstParty => Self::FirstParty,
            Evaluator::ThirdParty => Self::ThirdParty,
            Evaluator::SelfReported => Self::SelfReported,
        }
    }
}

/// What evaluation logs do not say.
#[derive(Args, Debug)]
pub struct Provenance {
    /// Commit of the code that was run, instead of the one that the file tells.
    #[arg(long)]
    pub commit: Option<String>,
    /// Who ran the evaluation, seen from the model's vendor.
    #[arg(long, value_enum, default_value = "third-party")]
    pub evaluator: Evaluator,
    /// Declare the metric `score` where every score is 0 or 1 too, as for a benchmark that also gives partial ones.
    #[arg(long)]
    pub graded: bool,
    /// Publish what is there of an evaluation that did not cover its data set, as a benchmark version of its own.
    #[arg(long)]
    pub accept_incomplete: bool,
}
