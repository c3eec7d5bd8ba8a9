//! Choice of the statistic that is the score.

use super::{
    Options,
    document::{RunFiles, Stat},
    groups::metric_of,
};
use crate::import::{listing::some_of, measure::Measure};

/// Metrics that are the score of groups that are not listed, the most specific first, and of the kinds of matches the
/// strict one. All are rates, or means of scores from 0 to 1; any other can be chosen by an option.
const SCORES: &[&str] = &[
    "final_number_exact_match",
    "math_equiv_chain_of_thought",
    "math_equiv",
    "bbq_accuracy",
    "chain_of_thought_correctness",
    "ifeval_strict_accuracy",
    "exact_match",
    "quasi_exact_match",
    "quasi_prefix_exact_match",
    "f1_score",
    "bleu_4",
    "rouge_l",
];

/// The metric and the split that are the score.
pub struct Chosen {
    pub metric: String,
    pub split: String,
    pub mean: f64,
    /// Meaning of the scores.
    pub measure: Measure,
    /// Other metrics that could be the score.
    pub left: Vec<String>,
}

/// Finds the metric that the options name, or the one that HELM ranks the run's group by, or the first that it ranks
/// other groups by.
///
/// # Errors
/// A text where there is none.
pub fn chosen(files: &RunFiles, options: &Options) -> Result<Chosen, String> {
    let splits: Vec<&str> = files.stats.iter().filter_map(|stat| stat.name.split.as_deref()).collect();
    let default = ["test", "valid"].into_iter().find(|split| splits.contains(split));
    let split = options.split.as_deref().or(default).ok_or("stats.json has neither a test nor a valid split")?;
    let mean = |name: &str| find(&files.stats, name, split).and_then(|stat| stat.mean);
    let there: Vec<&str> = SCORES.iter().copied().filter(|name| mean(name).is_some()).collect();
    let metric = match options.metric.as_deref() {
        Some(asked) => asked,
        None => {
            let own = metric_of(&files.spec.groups).filter(|metric| mean(metric).is_some());
            own.or(there.first().copied()).ok_or("has no metric that HELM ranks by: give --metric")?
        }
    };
    let score = mean(metric).ok_or_else(|| format!("has no {metric} of {split}; there are {}", some_of(&there)))?;
    Ok(Chosen {
        metric: metric.to_owned(),
        measure: Measure::named(metric),
        split: split.to_owned(),
        mean: score,
        left: there.into_iter().filter(|name| *name != metric).map(str::to_owned).collect(),
    })
}

/// Finds a statistic of the split without perturbations.
pub fn find<'a>(stats: &'a [Stat], name: &str, split: &str) -> Option<&'a Stat> {
    stats.iter().find(|stat| {
        stat.name.name == name
            && stat.name.split.as_deref() == Some(split)
            && stat.name.sub_split.is_none()
            && stat.name.perturbation.is_none()
    })
}
