//! The results as the harness writes them, as far as they are needed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Results of all tasks.
#[derive(Deserialize)]
pub struct Document {
    pub results: Map<String, Value>,
    #[serde(default)]
    pub group_subtasks: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub configs: BTreeMap<String, TaskConfig>,
    #[serde(default)]
    pub versions: BTreeMap<String, Value>,
    #[serde(default, rename = "n-shot")]
    pub shots: BTreeMap<String, Value>,
    #[serde(default, rename = "n-samples")]
    pub counts: BTreeMap<String, SampleCount>,
    #[serde(default)]
    pub higher_is_better: BTreeMap<String, BTreeMap<String, Option<bool>>>,
    #[serde(default)]
    pub config: ModelConfig,
    pub git_hash: Option<String>,
    pub date: Option<f64>,
    pub lm_eval_version: Option<String>,
    pub model_source: Option<String>,
    pub model_name: Option<String>,
    pub system_instruction_sha: Option<String>,
    pub fewshot_as_multiturn: Option<bool>,
    pub chat_template_sha: Option<String>,
    #[serde(default)]
    pub task_hashes: BTreeMap<String, String>,
    pub total_evaluation_time_seconds: Option<String>,
}

/// Configuration of a task.
#[derive(Default, Deserialize)]
pub struct TaskConfig {
    pub dataset_path: Option<String>,
    pub dataset_name: Option<String>,
    pub num_fewshot: Option<u32>,
    pub generation_kwargs: Option<Value>,
    #[serde(default)]
    pub metric_list: Vec<Metric>,
}

/// A metric of a task, and how it is aggregated over documents.
#[derive(Deserialize)]
pub struct Metric {
    pub metric: Value,
    pub aggregation: Option<Value>,
}

/// Numbers of documents that a task has, and that were evaluated.
#[derive(Clone, Copy, Deserialize)]
pub struct SampleCount {
    pub original: u32,
    pub effective: u32,
}

/// Configuration of the model.
#[derive(Default, Deserialize)]
pub struct ModelConfig {
    pub model: Option<String>,
    pub model_args: Option<Value>,
    pub model_dtype: Option<String>,
    pub model_revision: Option<String>,
    pub model_sha: Option<String>,
    pub gen_kwargs: Option<Value>,
    pub random_seed: Option<Value>,
    pub numpy_seed: Option<Value>,
    pub torch_seed: Option<Value>,
    pub fewshot_seed: Option<Value>,
}
