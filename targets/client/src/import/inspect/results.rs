//! Conversion of a log's samples to results.

use std::collections::{BTreeMap, BTreeSet};

use aibaas_core::{domain::result_status::ResultStatus, wire::ResultInput};

use super::{
    coverage::{Coverage, TaskId},
    document::{Limit, Sample, Usage},
    scorer::ScorerName,
};
use crate::import::{
    listing::some_of,
    plan::{MOST_ATTEMPTS, tokens},
};

/// Creates a result of each attempt at the tasks that are covered, and adds to `unmapped` what has no place in it.
///
/// # Errors
/// A text that says why a sample gives no result, or that none has a score.
pub fn results(
    samples: &[Sample],
    coverage: &Coverage,
    scorer: &ScorerName,
    model: &str,
    unmapped: &mut Vec<String>,
) -> Result<Vec<ResultInput>, String> {
    let mut results = BTreeMap::new();
    let (mut broken, mut unscored) = (0_usize, 0_usize);
    let mut others = BTreeSet::new();
    for sample in samples.iter().filter(|sample| sample.epoch <= MOST_ATTEMPTS) {
        let id = TaskId::of(&sample.id)?;
        if !coverage.tasks.contains(&id) {
            continue;
        }
        let task = id.clone().into_text();
        let score = scorer.score(sample).map_err(|reason| format!("sample {task}: {reason}"))?;
        let timed = |limit: &Limit| ["time", "working"].contains(&limit.kind.as_str());
        let status = match score {
            None if sample.error.is_some() => {
                broken = broken.saturating_add(1);
                ResultStatus::Error
            }
            None => {
                unscored = unscored.saturating_add(1);
                ResultStatus::Error
            }
            Some(0.0) if sample.error.is_some() => ResultStatus::Error,
            Some(0.0) if sample.limit.as_ref().is_some_and(timed) => ResultStatus::Timeout,
            Some(score) => ResultStatus::of(score),
        };
        let usage = sample.model_usage.get(model);
        others.extend(sample.model_usage.keys().filter(|name| *name != model).map(String::as_str));
        // Every answer takes time and tokens: a 0 means that nobody measured it.
        let seconds = sample.working_time.or(sample.total_time).filter(|seconds| *seconds > 0.0);
        let input = |usage: &Usage| {
            let cached = [usage.input_tokens_cache_read, usage.input_tokens_cache_write];
            cached.into_iter().flatten().fold(usage.input_tokens, u64::saturating_add)
        };
        let counted = usage.filter(|usage| input(usage).saturating_add(usage.output_tokens) > 0);
        let result = ResultInput {
            status,
            latency_ms: seconds.map(|seconds| (seconds * 1000.0).round()),
            input_tokens: counted.map(input).map(tokens),
            output_tokens: counted.map(|usage| tokens(usage.output_tokens)),
            cost_usd: usage.and_then(|usage| usage.total_cost).filter(|cost| *cost > 0.0),
            ..ResultInput::finished(task, sample.epoch, score.unwrap_or(0.0))
        };
        results.insert((id, sample.epoch), result);
    }
    let names: BTreeSet<_> =
        samples.iter().filter_map(|sample| sample.scores.as_ref()).flat_map(|scores| scores.keys()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| **name != scorer.name).collect();
    if !names.is_empty() {
        unmapped.push(format!("scores by {}: {} counts", some_of(&names), scorer.shown));
    }
    if broken > 0 {
        unmapped.push(format!("attempts that broke: {broken}; they count as 0, Inspect leaves them out of its mean"));
    }
    if unscored > 0 {
        unmapped.push(format!("attempts without a score, or NaN: {unscored}; they count as 0 with status error, Inspect leaves them out of its mean"));
    }
    if !others.is_empty() {
        let others: Vec<_> = others.into_iter().collect();
        unmapped.push(format!("tokens of {}: a result has those of the evaluated model", some_of(&others)));
    }
    if unscored.saturating_add(broken) == results.len() {
        return Err(format!("no attempt has a score by {}", scorer.shown));
    }
    Ok(results.into_values().collect())
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::measure::Metric;
    use serde_json::json;

    use super::*;
    use crate::import::inspect::fixtures::{finished, read, sound};

    #[test]
    fn what_nobody_measured_is_null() {
        let mut log = finished();
        log["samples"][0]["total_time"] = json!(0);
        log["samples"][0]["model_usage"] =
            json!({"hf/meta-llama/Llama-3.1-8B": {"input_tokens": 0, "output_tokens": 0, "total_cost": 0.0}});
        let plan = read(log.to_string().as_bytes(), &[]);
        let result = sound(&plan).1.iter().find(|result| (result.task.as_str(), result.attempt) == ("10", 1)).unwrap();
        assert_eq!(
            (result.latency_ms, result.input_tokens, result.output_tokens, result.cost_usd),
            (None, None, None, None)
        );
    }

    #[test]
    fn what_inspect_leaves_out_counts_as_nothing_and_is_told() {
        let mut log = finished();
        log["samples"][0]["scores"]["match"]["value"] = json!("NAN");
        log["samples"][1] = json!({"id": 10, "epoch": 2, "error": {"message": "m"}});
        log["samples"][2]["scores"]["match"]["value"] = json!(0);
        log["samples"][2]["limit"] = json!({"type": "time", "limit": 5.0});
        // NaN is written as Python writes it.
        let log = log.to_string().replace("\"NAN\"", "NaN");
        let plan = read(log.as_bytes(), &[]);
        let statuses: Vec<_> = sound(&plan).1.iter().map(|result| (result.status, result.score.unwrap())).collect();
        assert_eq!(
            statuses,
            [
                (ResultStatus::Timeout, 0.0),
                (ResultStatus::Success, 1.0),
                (ResultStatus::Error, 0.0),
                (ResultStatus::Error, 0.0)
            ]
        );
        let said = plan.unmapped.join("\n");
        assert!(
            said.contains("attempts that broke: 1;") && said.contains("attempts without a score, or NaN: 1;"),
            "{said}"
        );
        assert_eq!(plan.benchmarks[0].body.metric, Metric::PassRate);
        assert_eq!(read(log.as_bytes(), &["--graded"]).benchmarks[0].body.metric, Metric::Score);
    }
}
