//! Choice of the metric that is a task's score.

use serde_json::Value;

use super::{chosen::Chosen, task::Task};
use crate::import::{listing::some_of, measure::Measure};

impl Task<'_> {
    /// Finds the metric that is asked for, or the first that the task declares.
    ///
    /// # Errors
    /// A text where there is none, or why it is not a score.
    pub fn chosen(&self) -> Result<Chosen, String> {
        let means =
            self.document.results.get(self.name).and_then(Value::as_object).ok_or("its results are no object")?;
        let metrics: Vec<(&str, &str, Option<f64>)> = means
            .iter()
            .filter_map(|(key, value)| key.split_once(',').map(|(metric, filter)| (metric, filter, value.as_f64())))
            .filter(|(metric, ..)| !metric.ends_with("_stderr"))
            .collect();
        let keys: Vec<String> = metrics.iter().map(|(metric, filter, _)| format!("{metric},{filter}")).collect();
        let declared = self.config().and_then(|config| config.metric_list.first()?.metric.as_str());
        let asked = self.options.metric.as_deref();
        let found = match asked.map(|asked| asked.split_once(',').map_or((asked, None), |(m, f)| (m, Some(f)))) {
            Some((metric, filter)) => metrics
                .iter()
                .find(|(name, of, _)| *name == metric && filter.is_none_or(|filter| filter == *of))
                .ok_or_else(|| format!("has no metric {}; there are {}", asked.unwrap_or_default(), some_of(&keys)))?,
            None => {
                let first = metrics.iter().find(|(name, ..)| Some(*name) == declared).or(metrics.first());
                first.ok_or_else(|| without_filters(means))?
            }
        };
        let (metric, filter, mean) = *found;
        let better =
            self.document.higher_is_better.get(self.name).and_then(|better| better.get(metric).copied().flatten());
        let known = Measure::named(metric);
        let measure = Measure { is_lower_better: better.map_or(known.is_lower_better, |better| !better), ..known };
        let chosen = format!("{metric},{filter}");
        Ok(Chosen {
            metric: metric.to_owned(),
            filter: filter.to_owned(),
            mean: mean.ok_or_else(|| format!("{chosen} is no number"))?,
            measure,
            error: means.get(&format!("{metric}_stderr,{filter}")).and_then(Value::as_f64),
            left: keys.into_iter().filter(|key| *key != chosen).collect(),
        })
    }
}

/// Describes why there is no metric with a filter.
fn without_filters(means: &serde_json::Map<String, Value>) -> String {
    if means.values().any(Value::is_number) {
        "its metrics name no filter, as before lm-eval 0.4, which did not tell the number of documents".to_owned()
    } else {
        "has no metric".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use crate::import::{
        lm_eval::fixtures::{arith, of, read, results},
        plan::Evidence,
    };

    #[test]
    fn results_of_older_harnesses_are_told() {
        let mut older = results();
        older["results"]["arith"] = serde_json::json!({"acc": 0.5, "acc_stderr": 0.1});
        let reason = of(&read(&older, &[], &[]), "arith").as_ref().unwrap_err().clone();
        assert!(reason.starts_with("its metrics name no filter, as before lm-eval 0.4"), "{reason}");
    }

    #[test]
    fn another_metric_or_filter_can_be_named() {
        let plan = read(&results(), &[arith()], &["--metric", "exact_match,flexible-extract"]);
        let Evidence::Results(results) = &of(&plan, "arith").as_ref().unwrap().evidence else { panic!("counts") };
        assert_eq!(results.iter().filter_map(|result| result.score).sum::<f64>(), 3.0);
        assert_eq!(
            of(&plan, "summary").as_ref().unwrap_err(),
            "has no metric exact_match,flexible-extract; there are rouge1,none"
        );
    }
}
