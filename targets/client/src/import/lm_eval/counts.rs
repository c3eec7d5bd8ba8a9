//! Conversion of a task whose samples are not given.

use serde_json::{Value, json};

use super::{document::SampleCount, metric::Chosen, task::Task};
use crate::import::{
    counted::counted,
    plan::{Counts, Evidence, GivenScore},
};

impl Task<'_> {
    /// Computes the number of passes, where the rate can only be that of passes, or takes the score of another metric.
    /// Also returns the part of the benchmark's body that follows.
    ///
    /// # Errors
    /// A text that says why the rate is not that of passes.
    pub fn counted(&self, chosen: &Chosen, count: Option<SampleCount>) -> Result<(Value, Evidence), String> {
        let length = || self.document.results.get(self.name)?.get("sample_len")?.as_u64();
        let total = count.map(|count| count.effective).or_else(|| u32::try_from(length()?).ok());
        let total = total.filter(|total| *total > 0).ok_or("the number of documents is not told: give the samples")?;
        if !chosen.measure.is_share() {
            chosen.measure.check(chosen.mean).map_err(|wrong| format!("{} {wrong}", chosen.key()))?;
            let mut body = GivenScore::body(total);
            chosen.measure.tell(&mut body);
            return Ok((body, Evidence::Score(GivenScore::of(chosen.mean, chosen.error))));
        }
        let correct = counted(&chosen.key(), chosen.mean, chosen.error, total)?;
        let counts = Counts { total, correct_by_attempt: vec![correct], cost_usd: None, mean_latency_ms: None };
        let mut body = json!({"metric": "pass_rate", "evidence": "counts", "taskCount": total});
        chosen.measure.tell(&mut body);
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

        let mut perplexed = results();
        perplexed["results"]["arith"] = json!({"word_perplexity,none": 31.5, "word_perplexity_stderr,none": 0.5});
        let plan = read(&perplexed, &[], &[]);
        let submission = of(&plan, "arith").as_ref().unwrap();
        assert_eq!(submission.evidence, Evidence::Score(GivenScore::of(31.5, Some(0.5))));
        assert_eq!(submission.run.version, "3.0-5-shot-score");
        let body = &plan.benchmarks.iter().find(|benchmark| benchmark.id == "arith").unwrap().body;
        assert_eq!((&body["direction"], &body["bounds"]["lower"]), (&json!("lower_is_better"), &json!(0.0)));

        let mut other = results();
        other["results"]["arith"]["exact_match_stderr,strict-match"] = json!(0.1);
        let plan = read(&other, &[], &[]);
        assert!(of(&plan, "arith").as_ref().unwrap_err().ends_with("is not that of passes: give the samples"));
    }
}
