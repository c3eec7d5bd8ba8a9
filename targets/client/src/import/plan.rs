//! What an importer makes of documents, in the terms of the API.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Attempts at one task that the API takes.
pub const MOST_ATTEMPTS: u32 = 10;

/// Who ran an evaluation, seen from the model's vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Relationship {
    FirstParty,
    #[default]
    ThirdParty,
    SelfReported,
}

/// What to publish of documents.
#[derive(Debug, Default)]
pub struct Plan {
    pub benchmarks: Vec<Benchmark>,
    pub entries: Vec<Entry>,
    /// What stands in the documents and has no place in the API, or comes over changed, and why.
    pub unmapped: Vec<String>,
}

/// A benchmark version, and the body that declares it.
#[derive(Debug)]
pub struct Benchmark {
    pub id: String,
    pub version: String,
    pub body: Value,
}

/// What becomes one run: a row of a table, a log.
#[derive(Debug)]
pub struct Entry {
    /// What the document calls it, and where it stands.
    pub name: String,
    /// What to publish, or why that would be wrong.
    pub submission: Result<Submission, String>,
}

/// One model's run.
#[derive(Debug)]
pub struct Submission {
    pub model: Model,
    pub run: Run,
    pub evidence: Evidence,
}

/// A model as the API names it: `provider/name`, and what people call it.
#[derive(Debug)]
pub struct Model {
    pub provider: String,
    pub name: String,
    pub display_name: String,
}

/// The body that opens a run.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub model: String,
    pub benchmark: String,
    pub version: String,
    pub harness: String,
    pub harness_version: String,
    pub commit: String,
    pub dirty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    pub generation_config: Map<String, Value>,
    pub evaluator_relationship: Relationship,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// The run's name at its source.
    pub external_id: String,
}

/// What a run's score rests on.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    Counts(Counts),
    Results(Vec<TaskResult>),
}

/// How many tasks a run passed, where the results of single ones are not known.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub total: u32,
    pub correct_by_attempt: Vec<u32>,
    pub cost_usd: Option<f64>,
    pub mean_latency_ms: Option<f64>,
}

/// One attempt at one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    pub task: String,
    pub attempt: u32,
    pub status: Status,
    pub score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Success,
    Failed,
    Timeout,
    Error,
}

impl Status {
    /// Returns the status of an attempt that came to its end.
    pub fn of(score: f64) -> Self {
        if score > 0.0 { Self::Success } else { Self::Failed }
    }
}

impl TaskResult {
    /// Makes the result of an attempt that came to its end, of which only the score is known.
    pub fn scored(task: String, attempt: u32, score: f64) -> Self {
        Self {
            task,
            attempt,
            status: Status::of(score),
            score,
            samples: None,
            correct: None,
            latency_ms: None,
            input_tokens: None,
            output_tokens: None,
            cost_usd: None,
        }
    }
}
