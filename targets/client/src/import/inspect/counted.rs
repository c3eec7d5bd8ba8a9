//! Conversion of a log that has results and no samples.

use aibaas_core::wire::CountsPut;

use super::{
    Options,
    document::{Document, Results},
    log::{Log, described},
    model::model,
    run::run,
    scorer::ScorerName,
};
use crate::import::{counted::counted, listing::some_of, plan::Evidence};

/// Metrics that are the rate of passes where every score is one.
const MEANS: [&str; 2] = ["accuracy", "mean"];

impl Document {
    /// Converts the log to one with the number of passes that its results come to.
    ///
    /// # Errors
    /// A text that says why there is no such number.
    pub fn into_counted_log(self, results: &Results, options: &Options) -> Result<Log, String> {
        let Self { status, eval, plan, stats, .. } = self;
        let epochs = eval.config.epochs.unwrap_or(1).max(1);
        if epochs > 1 {
            return Err(format!("no sample is there, and the results are of {epochs} epochs: give a log with samples"));
        }
        let score = match options.scorer.as_deref() {
            Some(asked) => results.scores.iter().find(|score| score.name == asked).ok_or_else(|| {
                let names: Vec<_> = results.scores.iter().map(|score| score.name.as_str()).collect();
                format!("the results have no score by {asked}; there are {}", some_of(&names))
            })?,
            None => results.scores.first().ok_or("no sample and no score is there")?,
        };
        let (metric, mean) = MEANS
            .iter()
            .find_map(|metric| Some((*metric, score.metrics.get(*metric)?.value?)))
            .ok_or_else(|| format!("no sample is there, and {} has neither accuracy nor mean", score.name))?;
        let total = results.completed_samples.or(results.total_samples).filter(|total| *total > 0);
        let total = total.ok_or("the results tell no number of samples")?;
        let error = score.metrics.get("stderr").and_then(|error| error.value);
        let passes = counted(&format!("{metric} of {}", score.name), mean, error, total)?;

        let whole = eval.dataset.samples.and_then(|whole| u32::try_from(whole).ok()).unwrap_or(total).max(total);
        let mut lacks = Vec::new();
        if status != "success" {
            lacks.push(format!("status is {status}"));
        }
        if total < whole {
            lacks.push(format!("{total} of {whole} samples were evaluated"));
        }
        let part = (!lacks.is_empty()).then(|| (lacks.join(", "), total, whole));
        let scorer = ScorerName::plain(&score.name);
        let mut described = described(&eval, part, "-counts", options)?;
        described
            .unmapped
            .push(format!("no samples are there: only the number of passes stands, as version {}", described.version));
        let model = model(&eval.model, &options.naming)?;
        let run = run(&eval, &plan, &stats, &scorer, (&described.id, &described.version), &model, &options.provenance)?;
        Ok(described.into_log(eval, &scorer, Vec::new(), model, run, Evidence::Counts(CountsPut::of(passes, total))))
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::{benchmark, measure::Metric};
    use serde_json::{Value, json};

    use crate::import::{
        inspect::fixtures::{finished, read, refusal},
        plan::Evidence,
    };

    fn counted() -> Value {
        let mut log = finished();
        log["samples"] = Value::Null;
        log["eval"]["config"]["epochs"] = json!(1);
        log["eval"]["dataset"]["samples"] = json!(4);
        let metrics =
            json!({"accuracy": {"name": "accuracy", "value": 0.75}, "stderr": {"name": "stderr", "value": 0.25}});
        let other = json!({"name": "f1", "metrics": {"mean": {"name": "mean", "value": 0.3}}});
        let scores = json!([{"name": "match", "scorer": "match", "metrics": metrics}, other]);
        log["results"] = json!({"total_samples": 4, "completed_samples": 4, "scores": scores});
        log
    }

    #[test]
    fn results_without_samples_become_counts() {
        let plan = read(counted().to_string().as_bytes(), &[]);
        let submission = plan.entries[0].submission.as_ref().unwrap();
        let Evidence::Counts(counts) = &submission.evidence else { panic!("results") };
        assert_eq!((counts.total, counts.correct_by_attempt.as_slice()), (4, [3].as_slice()));
        assert_eq!(submission.run.version.as_str(), "1-a-counts");
        let body = &plan.benchmarks[0].body;
        assert_eq!(
            (body.evidence, body.task_count, body.metric),
            (benchmark::Evidence::Counts, Some(4), Metric::PassRate)
        );
        assert_eq!(body.tasks, None);
    }

    #[test]
    fn what_are_no_passes_is_refused() {
        let mut log = counted();
        log["results"]["scores"][0]["metrics"]["stderr"]["value"] = json!(0.1);
        assert_eq!(
            refusal(&log, &[]),
            "the standard error of accuracy of match is not that of passes: give the samples"
        );
        assert!(refusal(&counted(), &["--scorer", "f1"]).starts_with("mean of f1 is 0.3, which no number of 4"));
        assert_eq!(refusal(&counted(), &["--scorer", "x"]), "the results have no score by x; there are match, f1");
        let mut log = counted();
        log["eval"]["config"]["epochs"] = json!(2);
        assert!(refusal(&log, &[]).contains("the results are of 2 epochs"));
        let mut log = counted();
        log["eval"]["dataset"]["samples"] = json!(100);
        assert!(refusal(&log, &[]).starts_with("4 of 100 samples were evaluated; --accept-incomplete"));
        let plan = read(log.to_string().as_bytes(), &["--accept-incomplete"]);
        assert_eq!(plan.entries[0].submission.as_ref().unwrap().run.version.as_str(), "1-a-4-of-100-counts");
    }
}
