//! Conversion of a task whose samples are not given.

use aibaas_core::wire::{BenchmarkVersionPut, CountsPut, GivenScorePut};

use super::{chosen::Chosen, document::SampleCount, task::Task};
use crate::import::{counted::counted, plan::Evidence};

impl Task<'_> {
    /// Computes the number of passes, where the rate can only be that of passes, or takes the score of another metric.
    /// Also returns the benchmark's body that follows.
    ///
    /// # Errors
    /// A text that says why the rate is not that of passes.
    pub fn counted(
        &self,
        chosen: &Chosen,
        count: Option<SampleCount>,
    ) -> Result<(BenchmarkVersionPut, Evidence), String> {
        let length = || self.document.results.get(self.name)?.get("sample_len")?.as_u64();
        let total = count.map(|count| count.effective).or_else(|| u32::try_from(length()?).ok());
        let total = total.filter(|total| *total > 0).ok_or("the number of documents is not told: give the samples")?;
        if !chosen.measure.is_share() {
            chosen.measure.check(chosen.mean).map_err(|wrong| format!("{} {wrong}", chosen.key()))?;
            let given = GivenScorePut::of(chosen.mean, chosen.error);
            return Ok((BenchmarkVersionPut::of_scores(self.name, total), Evidence::Score(given)));
        }
        let correct = counted(&chosen.key(), chosen.mean, chosen.error, total)?;
        Ok((BenchmarkVersionPut::of_counts(self.name, total), Evidence::Counts(CountsPut::of(correct, total))))
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::{benchmark, measure::Direction};
    use serde_json::json;

    use super::*;
    use crate::import::lm_eval::fixtures::{of, read, results};

    #[test]
    fn without_samples_only_passes_can_be_counted() {
        let plan = read(&results(), &[], &[]);
        let submission = of(&plan, "arith").as_ref().unwrap();
        assert_eq!(submission.evidence, Evidence::Counts(CountsPut::of(2, 4)));
        assert_eq!(submission.run.version.as_str(), "3.0-5-shot-counts");
        assert_eq!(plan.benchmarks[0].body.evidence, benchmark::Evidence::Counts);
        assert_eq!(
            of(&plan, "summary").as_ref().unwrap_err(),
            "rouge1,none is 0.5, which no number of 3 passes comes to: give the samples"
        );

        let mut perplexed = results();
        perplexed["results"]["arith"] = json!({"word_perplexity,none": 31.5, "word_perplexity_stderr,none": 0.5});
        let plan = read(&perplexed, &[], &[]);
        let submission = of(&plan, "arith").as_ref().unwrap();
        assert_eq!(submission.evidence, Evidence::Score(GivenScorePut::of(31.5, Some(0.5))));
        assert_eq!(submission.run.version.as_str(), "3.0-5-shot-score");
        let body = &plan.benchmarks.iter().find(|benchmark| benchmark.id.as_str() == "arith").unwrap().body;
        assert_eq!((body.direction, body.bounds.unwrap().lower), (Direction::LowerIsBetter, Some(0.0)));

        let mut other = results();
        other["results"]["arith"]["exact_match_stderr,strict-match"] = json!(0.1);
        let plan = read(&other, &[], &[]);
        assert!(of(&plan, "arith").as_ref().unwrap_err().ends_with("is not that of passes: give the samples"));
    }
}
