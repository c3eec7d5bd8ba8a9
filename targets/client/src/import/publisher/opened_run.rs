//! A run as the API returns it, compared with what is to be published.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::import::plan::{Counts, Evidence, GivenScore, TaskResult};

/// Tolerance between a published mean and the one computed here, which is added up in another order.
const ROUNDING: f64 = 1e-6;

/// Answer of the API about a run, new or opened earlier.
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
    correct: Option<u64>,
    total: Option<u64>,
    score: Option<f64>,
}

impl OpenedRun {
    /// Checks whether the published numbers match the evidence.
    pub fn has(&self, evidence: &Evidence) -> bool {
        match evidence {
            Evidence::Counts(counts) => self.counts.as_ref() == Some(counts),
            Evidence::Score(score) => self.score.as_ref() == Some(score),
            Evidence::Results(results) => self.aggregates.as_ref().is_some_and(|published| published.agree(results)),
        }
    }
}

impl Aggregates {
    fn agree(&self, results: &[TaskResult]) -> bool {
        let (mut correct, mut total, mut tasks) = (0_u64, 0_u64, BTreeMap::<&str, (f64, f64)>::new());
        for result in results {
            correct = correct.saturating_add(result.correct.unwrap_or(u32::from(result.score >= 1.0)).into());
            total = total.saturating_add(result.samples.unwrap_or(1).into());
            let (sum, attempts) = tasks.entry(&result.task).or_default();
            *sum += result.score;
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
    use serde_json::{Value, json};

    use super::*;
    use crate::import::plan::Status;

    /// Returns results of which two of three are passes.
    fn results(tasks: usize) -> Vec<TaskResult> {
        (0..tasks)
            .map(|task| TaskResult::scored(format!("t{task}"), 1, if task % 3 == 0 { 0.0 } else { 1.0 }))
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
        let partial = TaskResult { status: Status::Success, ..TaskResult::scored("t".to_owned(), 1, 0.25) };
        let partial = Evidence::Results(vec![partial]);
        assert!(run(json!({"correct": null, "total": null, "score": 0.25})).has(&partial));
        assert!(!run(json!({"correct": null, "total": null, "score": 0.5})).has(&partial));
    }
}
