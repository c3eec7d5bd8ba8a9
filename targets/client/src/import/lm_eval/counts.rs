//! The number of passes of a task whose samples are not given.

use serde_json::{Value, json};

use super::{document::SampleCount, metric::Chosen, task::Task};
use crate::import::plan::{Counts, Evidence};

/// How exactly a count must come to the rate.
const EXACT: f64 = 1e-9;
/// How exactly a rate must come to the standard error.
const ROUNDING: f64 = 1e-6;

impl Task<'_> {
    /// Counts the passes, where the rate can only be that of passes, and makes the part of the benchmark's body that
    /// follows.
    ///
    /// # Errors
    /// Why the rate is not that of passes.
    pub fn counted(&self, chosen: &Chosen, count: Option<SampleCount>) -> Result<(Value, Evidence), String> {
        let length = || self.document.results.get(self.name)?.get("sample_len")?.as_u64();
        let total = count.map(|count| count.effective).or_else(|| u32::try_from(length()?).ok());
        let total = total.filter(|total| *total > 0).ok_or("the number of documents is not told: give the samples")?;
        let (key, whole) = (chosen.key(), f64::from(total));
        let passes = (chosen.mean * whole).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of u32, or found out below"
        )]
        let correct = passes as u32;
        if correct > total || (f64::from(correct) / whole - chosen.mean).abs() > EXACT {
            return Err(format!(
                "{key} is {}, which no number of {total} passes comes to: give the samples",
                chosen.mean
            ));
        }
        let rate = f64::from(correct) / whole;
        let error = (rate * (1.0 - rate) / (whole - 1.0)).sqrt();
        if chosen.error.is_some_and(|told| total > 1 && (told - error).abs() > ROUNDING) {
            return Err(format!("the standard error of {key} is not that of passes: give the samples"));
        }
        let counts = Counts { total, correct_by_attempt: vec![correct], cost_usd: None, mean_latency_ms: None };
        let body = json!({"metric": "pass_rate", "evidence": "counts", "taskCount": total});
        Ok((body, Evidence::Counts(counts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::lm_eval::fixtures::{of, read, results};

    #[test]
    fn without_samples_only_passes_can_be_counted() {
        let plan = read(&results(), &[], &[]);
        let submission = of(&plan, "arith").as_ref().unwrap();
        let counts = Counts { total: 4, correct_by_attempt: vec![2], cost_usd: None, mean_latency_ms: None };
        assert_eq!(submission.evidence, Evidence::Counts(counts));
        assert_eq!(submission.run.version, "3.0-5-shot-counts");
        assert_eq!(plan.benchmarks[0].body["evidence"], "counts");
        assert_eq!(
            of(&plan, "summary").as_ref().unwrap_err(),
            "rouge1,none is 0.5, which no number of 3 passes comes to: give the samples"
        );

        let mut other = results();
        other["results"]["arith"]["exact_match_stderr,strict-match"] = json!(0.1);
        let plan = read(&other, &[], &[]);
        assert!(of(&plan, "arith").as_ref().unwrap_err().ends_with("is not that of passes: give the samples"));
    }
}
