//! Conversion of a run's instances to results.

use std::collections::BTreeMap;

use aibaas_core::wire::ResultInput;

use super::{
    document::Instance,
    stats::{Chosen, find},
};
use crate::import::plan::Evidence;

/// Tolerance between a mean and the one computed here, which is added up in another order.
const ROUNDING: f64 = 1e-6;

/// Creates a result of each instance; trials are attempts.
///
/// # Errors
/// A text that says why the instances are not those that the run's statistics are of.
pub fn results(instances: &[Instance], chosen: &Chosen) -> Result<(u32, Evidence), String> {
    let Chosen { metric, split, mean, measure, .. } = chosen;
    let mut results = BTreeMap::<(&str, u32), ResultInput>::new();
    for instance in instances.iter().filter(|instance| instance.perturbation.is_none()) {
        let value = |name: &str| find(&instance.stats, name, split).and_then(|stat| stat.mean);
        let Some(score) = value(metric) else { continue };
        let id = instance.instance_id.as_str();
        measure.check(score).map_err(|wrong| format!("instance {id}: {metric} is {score}, which {wrong}"))?;
        // Every answer takes time and tokens: a 0 means that nobody measured it.
        let measured = |name: &str| value(name).filter(|value| *value > 0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a number of tokens")]
        let tokens = |name: &str| measured(name).map(|tokens| tokens.round() as i64);
        let attempt = instance.train_trial_index.saturating_add(1);
        let result = ResultInput {
            status: measure.status(score),
            latency_ms: measured("inference_runtime").map(|seconds| (seconds * 1000.0).round()),
            input_tokens: tokens("num_prompt_tokens"),
            output_tokens: tokens("num_output_tokens").or_else(|| tokens("num_completion_tokens")),
            ..ResultInput::finished(id, attempt, score)
        };
        if results.insert((id, attempt), result).is_some() {
            return Err(format!("instance {id} stands twice in trial {attempt}"));
        }
    }
    let attempts = results.keys().map(|(_, attempt)| *attempt).max().unwrap_or(0);
    if attempts == 0 {
        return Err(format!("no instance has {metric} of {split}"));
    }
    let tasks = results.keys().filter(|(_, attempt)| *attempt == 1).count();
    if results.len() != tasks.saturating_mul(usize::try_from(attempts).unwrap_or(usize::MAX)) {
        return Err(format!("some instances lack one of the {attempts} trials"));
    }
    let count = results.values().map(|_| 1.0).sum::<f64>();
    let found = results.values().filter_map(|result| result.score).sum::<f64>() / count;
    if (found - mean).abs() > ROUNDING {
        return Err(format!("the instances come to {metric} {found}, stats.json says {mean}"));
    }
    Ok((attempts, Evidence::Results(results.into_values().collect())))
}
