//! A log as Inspect writes it, as far as it is needed.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

/// A log of Inspect.
#[derive(Deserialize)]
pub struct Document {
    #[serde(default = "started")]
    pub status: String,
    pub eval: Eval,
    #[serde(default)]
    pub plan: Solvers,
    #[serde(default)]
    pub stats: Stats,
    #[serde(default)]
    pub invalidated: bool,
    #[serde(default)]
    pub samples: Option<Vec<Sample>>,
    pub results: Option<Results>,
}

fn started() -> String {
    "started".to_owned()
}

/// Declaration of the evaluation.
#[derive(Deserialize)]
pub struct Eval {
    #[serde(default)]
    pub eval_id: String,
    #[serde(default)]
    pub run_id: String,
    pub created: String,
    pub task: String,
    #[serde(default)]
    pub task_id: String,
    #[serde(default)]
    pub task_version: Value,
    pub task_display_name: Option<String>,
    #[serde(default)]
    pub dataset: Dataset,
    pub model: String,
    #[serde(default)]
    pub model_generate_config: Map<String, Value>,
    #[serde(default)]
    pub config: Config,
    pub revision: Option<Revision>,
    #[serde(default)]
    pub packages: BTreeMap<String, String>,
    pub scorers: Option<Vec<Scorer>>,
}

/// Dataset that samples were taken from.
#[derive(Default, Deserialize)]
pub struct Dataset {
    pub name: Option<String>,
    pub samples: Option<usize>,
    pub sample_ids: Option<Vec<Value>>,
}

/// Number of epochs, and limits.
#[derive(Default, Deserialize)]
pub struct Config {
    pub epochs: Option<u32>,
    pub epochs_reducer: Option<Vec<String>>,
    pub message_limit: Option<u64>,
    pub token_limit: Option<u64>,
    pub time_limit: Option<u64>,
    pub working_limit: Option<u64>,
}

/// Commit of the code that was run.
#[derive(Deserialize)]
pub struct Revision {
    pub commit: String,
    pub dirty: Option<bool>,
}

/// A scorer that the log declares.
#[derive(Deserialize)]
pub struct Scorer {
    pub name: String,
}

/// Solvers that ran on each sample.
#[derive(Default, Deserialize)]
pub struct Solvers {
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub config: Map<String, Value>,
}

/// One solver.
#[derive(Deserialize)]
pub struct Step {
    pub solver: String,
}

/// Times of the evaluation.
#[derive(Default, Deserialize)]
pub struct Stats {
    pub started_at: Option<String>,
    pub completed_at: Option<String>,
}

/// Aggregated results of the samples.
#[derive(Deserialize)]
pub struct Results {
    pub total_samples: Option<u32>,
    pub completed_samples: Option<u32>,
    #[serde(default)]
    pub scores: Vec<Score>,
}

/// Aggregated results of one scorer.
#[derive(Deserialize)]
pub struct Score {
    pub name: String,
    #[serde(default)]
    pub metrics: BTreeMap<String, Metric>,
}

/// A metric; without a value where it is not a number.
#[derive(Deserialize)]
pub struct Metric {
    pub value: Option<f64>,
}

/// One attempt at one sample.
#[derive(Deserialize)]
pub struct Sample {
    pub id: Value,
    pub epoch: u32,
    #[serde(default)]
    pub scores: Option<Map<String, Value>>,
    #[serde(default)]
    pub model_usage: BTreeMap<String, Usage>,
    pub working_time: Option<f64>,
    pub total_time: Option<f64>,
    pub error: Option<IgnoredAny>,
    pub limit: Option<Limit>,
    pub invalidation: Option<IgnoredAny>,
}

/// Tokens that a model used.
#[derive(Deserialize)]
pub struct Usage {
    #[serde(default)]
    pub input_tokens: u64,
    #[serde(default)]
    pub output_tokens: u64,
    pub input_tokens_cache_write: Option<u64>,
    pub input_tokens_cache_read: Option<u64>,
    pub total_cost: Option<f64>,
}

/// The limit that ended an attempt.
#[derive(Deserialize)]
pub struct Limit {
    #[serde(rename = "type")]
    pub kind: String,
}
