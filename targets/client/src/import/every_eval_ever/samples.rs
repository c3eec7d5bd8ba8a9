//! Conversion of samples to results of a benchmark.

use std::collections::BTreeMap;

use aibaas_core::{domain::result_status::ResultStatus, wire::ResultInput};
use serde::Deserialize;

use super::document::{Document, EvaluationResult};
use crate::import::{
    listing::some_of,
    measure::Measure,
    plan::{Evidence, MOST_ATTEMPTS, tokens},
    python_json::python_json,
};

/// A sample, as far as it is needed.
#[derive(Deserialize)]
pub struct Sample {
    evaluation_id: String,
    evaluation_name: String,
    evaluation_result_id: Option<String>,
    sample_id: String,
    evaluation: Judgement,
    token_usage: Option<TokenUsage>,
    performance: Option<Performance>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Judgement {
    score: f64,
}

#[derive(Deserialize)]
struct TokenUsage {
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Deserialize)]
struct Performance {
    latency_ms: Option<f64>,
}

/// Reads the samples.
///
/// # Errors
/// A text that says what of a line was not understood, or that it is of another evaluation.
pub fn read(document: &Document, lines: &[u8]) -> Result<Vec<Sample>, String> {
    document.check_samples(lines)?;
    let mut samples = Vec::new();
    for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let at = |reason: String| format!("line {} of its samples: {reason}", index.saturating_add(1));
        let sample: Sample = python_json(line).map_err(at)?;
        if sample.evaluation_id != document.evaluation_id {
            return Err(at("is of another evaluation".to_owned()));
        }
        samples.push(sample);
    }
    Ok(samples)
}

/// Creates a result of each sample of the evaluation; a sample that occurs several times has as many attempts. Returns
/// `None` where no sample is of the evaluation.
///
/// # Errors
/// A text that says why the samples are not those of the result.
pub fn results(
    samples: &[Sample],
    result: &EvaluationResult,
    is_alone: bool,
    measure: &Measure,
) -> Result<Option<(u32, Evidence)>, String> {
    let mut tasks = BTreeMap::<&str, Vec<ResultInput>>::new();
    for sample in samples {
        let is_own = match (&sample.evaluation_result_id, &result.evaluation_result_id) {
            (Some(own), Some(id)) => own == id,
            _ => sample.evaluation_name == result.evaluation_name && is_alone,
        };
        if !is_own {
            continue;
        }
        let task = sample.sample_id.trim();
        let score = sample.evaluation.score;
        measure.check(score).map_err(|wrong| format!("sample {task}: the score {score} {wrong}"))?;
        if !(1..=200).contains(&task.chars().count()) {
            return Err(format!("sample_id {task:?} makes no task id"));
        }
        let attempts = tasks.entry(task).or_default();
        let attempt = u32::try_from(attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
        // A sample that broke has the worst score, which is known to be 0 only for shares of which more is better.
        let is_usual = measure.is_share() && !measure.is_lower_better;
        let failed = is_usual && sample.error.as_deref().is_some_and(|error| !error.is_empty()) && score == 0.0;
        // A 0 means that nobody measured it.
        let usage = sample.token_usage.as_ref();
        let usage = usage.filter(|usage| usage.input_tokens > 0 || usage.output_tokens > 0);
        let latency = sample.performance.as_ref().and_then(|performance| performance.latency_ms);
        attempts.push(ResultInput {
            status: if failed { ResultStatus::Error } else { measure.status(score) },
            latency_ms: latency.filter(|millis| *millis > 0.0),
            input_tokens: usage.map(|usage| tokens(usage.input_tokens)),
            output_tokens: usage.map(|usage| tokens(usage.output_tokens)),
            ..ResultInput::finished(task, attempt, score)
        });
    }
    let Some(most) = tasks.values().map(Vec::len).max() else { return Ok(None) };
    let uneven: Vec<_> = tasks.iter().filter(|(_, attempts)| attempts.len() < most).map(|(task, _)| task).collect();
    if !uneven.is_empty() {
        return Err(format!("samples {} come less often than the {most} times of others", some_of(&uneven)));
    }
    let attempts = u32::try_from(most).unwrap_or(u32::MAX);
    if attempts > MOST_ATTEMPTS {
        return Err(format!("each sample comes {most} times; the API takes {MOST_ATTEMPTS} attempts at a task"));
    }
    Ok(Some((attempts, Evidence::Results(tasks.into_values().flatten().collect()))))
}
