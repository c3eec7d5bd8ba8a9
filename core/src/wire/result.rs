//! A result as it is uploaded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    formats::{Score, TaskId},
    result_status::ResultStatus,
};

/// One attempt at one task, as it is uploaded: with its score or, where the version has parts, with theirs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ResultInput {
    #[schema(value_type = TaskId)]
    pub task: String,
    /// From 1 to the version's `attemptsPerTask`.
    #[schema(minimum = 1, maximum = 10)]
    pub attempt: i64,
    /// How it ended. What timed out or broke has the worst score: 0 unless the version says otherwise. Where nothing bounds
    /// the score to that side, give the one that the benchmark counts it as.
    pub status: ResultStatus,
    /// Within the version's bounds. With the metric `pass_rate` 1 or 0 or, of several samples, `correct / samples`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1.0)]
    pub score: Option<f64>,
    /// In place of a score, where the version has parts: that of at least one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Score>>)]
    pub parts: Option<BTreeMap<String, f64>>,
    /// How many samples it stands for, where there are several; only with `correct`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub samples: Option<i64>,
    /// How many of the samples passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub correct: Option<i64>,
    /// Milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 1834.5)]
    pub latency_ms: Option<f64>,
    /// Tokens that the model read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 812)]
    pub input_tokens: Option<i64>,
    /// Tokens that it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 240)]
    pub output_tokens: Option<i64>,
    /// US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 0.0034)]
    pub cost_usd: Option<f64>,
}

impl ResultInput {
    /// Creates the result of an attempt that came to its end, of which only the score is known.
    #[must_use]
    pub fn finished(task: impl Into<String>, attempt: u32, score: f64) -> Self {
        Self {
            task: task.into(),
            attempt: attempt.into(),
            status: ResultStatus::of(score),
            score: Some(score),
            parts: None,
            samples: None,
            correct: None,
            latency_ms: None,
            input_tokens: None,
            output_tokens: None,
            cost_usd: None,
        }
    }
}
