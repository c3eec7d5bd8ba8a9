//! Conversion of a task's samples to results.

use std::collections::BTreeMap;

use aibaas_core::wire::{BenchmarkVersionPut, ResultInput};
use serde_json::{Map, Value};

use super::{chosen::Chosen, document::SampleCount, task::Task};
use crate::import::{
    plan::{Evidence, is_partial, metric, tasks_of},
    python_json::python_json,
};

/// Tolerance between a mean and the one computed here, which is added up in another order.
const ROUNDING: f64 = 1e-6;

impl Task<'_> {
    /// Creates a result of each document, and the benchmark's body that follows from them.
    ///
    /// # Errors
    /// A text that says why the samples are not those that the results are of.
    pub fn sampled(
        &self,
        chosen: &Chosen,
        lines: &[u8],
        count: Option<SampleCount>,
        unmapped: &mut Vec<String>,
    ) -> Result<(BenchmarkVersionPut, Evidence), String> {
        let mut scores = BTreeMap::new();
        let mut unscored = 0_usize;
        let worst = if chosen.measure.is_lower_better { 1.0 } else { 0.0 };
        for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let at = |reason: String| format!("line {} of its samples: {reason}", index.saturating_add(1));
            let sample: Map<String, Value> = python_json(line).map_err(at)?;
            if sample.get("filter").and_then(Value::as_str).unwrap_or("none") != chosen.filter {
                continue;
            }
            let id = sample.get("doc_id").and_then(Value::as_u64).ok_or_else(|| at("doc_id is missing".to_owned()))?;
            let score = match sample.get(&chosen.metric) {
                Some(Value::Bool(passed)) => Some(f64::from(u8::from(*passed))),
                Some(Value::Number(number)) => number.as_f64(),
                Some(Value::Null) => None,
                Some(_) => {
                    return Err(at(format!(
                        "{} is no number: it is computed of all documents together",
                        chosen.metric
                    )));
                }
                None => return Err(at(format!("{} is missing", chosen.metric))),
            };
            if let Some((score, Err(wrong))) = score.map(|score| (score, chosen.measure.check(score))) {
                return Err(at(format!("{} is {score}, which {wrong}", chosen.metric)));
            }
            unscored = unscored.saturating_add(usize::from(score.is_none()));
            if scores.insert(id, score.unwrap_or(worst)).is_some() {
                return Err(at(format!("doc_id {id} stands twice")));
            }
        }
        let number = u32::try_from(scores.len()).unwrap_or(u32::MAX);
        if let Some(SampleCount { effective, .. }) = count.filter(|count| count.effective != number) {
            return Err(format!("the results are of {effective} documents, the samples of {number}"));
        }
        if unscored > 0 {
            unmapped.push(format!("documents whose {} is NaN: {unscored}; they count as {worst}", chosen.metric));
        }
        let mean = scores.values().sum::<f64>() / f64::from(number);
        let of_metric = self.config().and_then(|config| {
            let declared = config.metric_list.iter().find(|other| other.metric.as_str() == Some(&chosen.metric))?;
            declared.aggregation.as_ref()
        });
        let is_mean = of_metric.is_none_or(|aggregation| aggregation.as_str() == Some("mean"));
        let agrees = (mean - chosen.mean).abs() <= ROUNDING;
        if !agrees && is_mean && unscored == 0 {
            return Err(format!("the samples come to {} {mean}, the results say {}", chosen.key(), chosen.mean));
        } else if !agrees {
            unmapped.push(format!(
                "{} of the results is {}; the mean of its documents is {mean}",
                chosen.key(),
                chosen.mean
            ));
        }
        let results = scores.into_iter().map(|(id, score)| ResultInput::finished(id.to_string(), 1, score));
        let results = results.collect::<Vec<_>>();
        let is_graded = self.options.provenance.graded || results.iter().any(is_partial);
        let body = BenchmarkVersionPut {
            tasks: Some(tasks_of(&results)),
            ..BenchmarkVersionPut::of_results(self.name, metric(is_graded))
        };
        Ok((body, Evidence::Results(results)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::import::lm_eval::fixtures::{of, read, results, samples};

    #[test]
    fn samples_without_a_number_count_as_nothing() {
        let (name, lines) =
            samples("arith", "exact_match", &[("strict-match", &[json!(1), json!(1), json!("NAN"), json!(0)])]);
        // NaN is written as Python writes it.
        let lines = String::from_utf8(lines).unwrap().replace("\"NAN\"", "NaN").into_bytes();
        let plan = read(&results(), &[(name, lines)], &[]);
        assert!(of(&plan, "arith").is_ok());
        assert!(
            plan.unmapped.iter().any(|line| line.contains("documents whose exact_match is NaN: 1;")),
            "{:?}",
            plan.unmapped
        );
    }
}
