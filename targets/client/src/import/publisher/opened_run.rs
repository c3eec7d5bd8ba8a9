//! A run as the API returns it, compared with what is to be published.

use std::collections::BTreeMap;

use aibaas_core::wire::{Counts, GivenScore, ResultInput};
use serde::Deserialize;

use crate::import::plan::Evidence;

/// Tolerance between a published mean and the one computed here, which is added up in another order.
const ROUNDING: f64 = 1e-6;

/// Answer of the API about a run, new or opened earlier, as far as it is compared.
#[derive(Deserialize)]
pub struct OpenedRun {
    pub id: String,
    pub status: String,
    counts: Option<Counts>,
    score: Option<GivenScore>,
    aggregates: Option<Aggregates>,
}

#[derive(Deserialize)]
struct Aggregates {
    correct: Option<i64>,
    total: Option<i64>,
    score: Option<f64>,
}

impl OpenedRun {
    /// Checks whether the published numbers match the evidence.
    pub fn has(&self, evidence: &Evidence) -> bool {
        match evidence {
            Evidence::Counts(counts) => self.counts == Some(counts.clone().into()),
            Evidence::Score(score) => self.score == Some(score.clone().into()),
            Evidence::Results(results) => self.aggregates.as_ref().is_some_and(|published| published.agree(results)),
        }
    }
}

impl Aggregates {
    fn agree(&self, results: &[ResultInput]) -> bool {
        let (mut correct, mut total, mut tasks) = (0_i64, 0_i64, BTreeMap::<&str, (f64, f64)>::new());
        for result in results {
            let score = result.score.unwrap_or_default();
            correct = correct.saturating_add(result.correct.unwrap_or(i64::from(score >= 1.0)));
            total = total.saturating_add(result.samples.unwrap_or(1));
            let (sum, attempts) = tasks.entry(&result.task).or_default();
            *sum += score;
            *attempts += 1.0;
        }
        let means = tasks.values().map(|(sum, attempts)| sum / attempts);
        let count = tasks.values().map(|_| 1.0).sum::<f64>();
        let mean = means.sum::<f64>() / count;
        #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
        let rate = correct as f64 / total as f64;
        // The score of passes is their rate, any other the mean over tasks.
        let near = |score: f64| (score - mean).abs() <= ROUNDING || (score - rate).abs() <= ROUNDING;
        self.correct.is_none_or(|published| published == correct)
            && self.total.is_none_or(|published| published == total)
            && self.score.is_none_or(near)
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::result_status::ResultStatus;
    use serde_json::{Value, json};

    use super::*;

    /// Returns results of which two of three are passes.
    fn results(tasks: usize) -> Vec<ResultInput> {
        (0..tasks)
            .map(|task| ResultInput::finished(format!("t{task}"), 1, if task % 3 == 0 { 0.0 } else { 1.0 }))
            .collect()
    }

    #[test]
    fn published_results_are_compared() {
        let run = |aggregates: Value| -> OpenedRun {
            serde_json::from_value(json!({"id": "r", "status": "published", "aggregates": aggregates})).unwrap()
        };
        let evidence = Evidence::Results(results(3));
        assert!(run(json!({"correct": 2, "total": 3, "score": 2.0 / 3.0})).has(&evidence));
        assert!(!run(json!({"correct": 1, "total": 3, "score": 1.0 / 3.0})).has(&evidence));
        assert!(!run(Value::Null).has(&evidence));
        let partial = ResultInput { status: ResultStatus::Success, ..ResultInput::finished("t", 1, 0.25) };
        let partial = Evidence::Results(vec![partial]);
        assert!(run(json!({"correct": null, "total": null, "score": 0.25})).has(&partial));
        assert!(!run(json!({"correct": null, "total": null, "score": 0.5})).has(&partial));
    }
}
