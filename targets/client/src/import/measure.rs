//! Meaning of a metric's scores, as far as sources tell it or it is generally known.

use aibaas_core::{
    domain::{
        measure::{Bounds, Direction},
        result_status::ResultStatus,
    },
    wire::BenchmarkVersionPut,
};

/// Direction, unit and bounds of scores.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub is_lower_better: bool,
    pub unit: Option<String>,
    /// Bounds; `None` where scores are 0 to 1.
    pub bounds: Option<Bounds>,
}

/// Metrics that harnesses know by name: whether less is better, the unit, and the bounds where they are not 0 and 1.
type Known = (&'static str, bool, Option<&'static str>, Option<Bounds>);
const POSITIVE: Bounds = Bounds { lower: Some(0.0), upper: None };
const UNBOUNDED: Bounds = Bounds { lower: None, upper: None };
const KNOWN: [Known; 12] = [
    ("word_perplexity", true, None, Some(POSITIVE)),
    ("byte_perplexity", true, None, Some(POSITIVE)),
    ("perplexity", true, None, Some(POSITIVE)),
    ("bits_per_byte", true, None, Some(POSITIVE)),
    ("logprob", false, None, Some(UNBOUNDED)),
    ("inference_runtime", true, Some("s"), Some(POSITIVE)),
    ("wer", true, None, Some(POSITIVE)),
    ("cer", true, None, Some(POSITIVE)),
    ("ter", true, None, Some(POSITIVE)),
    ("ece_10_bin", true, None, None),
    ("toxic_frac", true, None, None),
    ("expected_max_toxicity", true, None, None),
];

impl Measure {
    /// Returns the measure of scores from 0 to 1, of which more is better.
    pub fn share() -> Self {
        Self { is_lower_better: false, unit: None, bounds: None }
    }

    /// Returns what is known of a metric by its name; an unknown one is a share.
    pub fn named(metric: &str) -> Self {
        let known = KNOWN.iter().find(|(name, ..)| *name == metric);
        known.map_or_else(Self::share, |(_, is_lower_better, unit, bounds)| Self {
            is_lower_better: *is_lower_better,
            unit: unit.map(str::to_owned),
            bounds: *bounds,
        })
    }

    /// Checks whether scores are from 0 to 1.
    pub fn is_share(&self) -> bool {
        self.bounds.is_none()
    }

    /// Checks that a score is within the bounds.
    ///
    /// # Errors
    /// A text that names the bounds.
    pub fn check(&self, score: f64) -> Result<(), String> {
        let Bounds { lower, upper } = self.bounds.unwrap_or_default();
        let is_within =
            score.is_finite() && lower.is_none_or(|lower| score >= lower) && upper.is_none_or(|upper| score <= upper);
        match (lower, upper) {
            _ if is_within => Ok(()),
            (Some(lower), Some(upper)) => Err(format!("is not between {lower} and {upper}")),
            (Some(lower), None) => Err(format!("is less than {lower}")),
            (None, Some(upper)) => Err(format!("is more than {upper}")),
            (None, None) => Err("is no number".to_owned()),
        }
    }

    /// Returns the status of an attempt with this score. For other metrics than shares, such as seconds or dollars, 0
    /// is no failure.
    pub fn status(&self, score: f64) -> ResultStatus {
        if self.is_share() { ResultStatus::of(score) } else { ResultStatus::Success }
    }

    /// Returns the body of a version whose scores mean this.
    pub fn told(&self, body: BenchmarkVersionPut) -> BenchmarkVersionPut {
        let direction = if self.is_lower_better { Direction::LowerIsBetter } else { Direction::HigherIsBetter };
        BenchmarkVersionPut { direction, unit: self.unit.clone(), bounds: self.bounds, ..body }
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::measure::Metric;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_by_name_is_told() {
        let of = |metric: &str| {
            let body = Measure::named(metric).told(BenchmarkVersionPut::of_results("B", Metric::Score));
            serde_json::to_value(body).unwrap()
        };
        assert_eq!(of("exact_match"), json!({"title": "B", "metric": "score"}));
        assert_eq!(of("toxic_frac"), json!({"title": "B", "metric": "score", "direction": "lower_is_better"}));
        assert_eq!(
            of("inference_runtime"),
            json!({
                "title": "B", "metric": "score", "direction": "lower_is_better", "unit": "s",
                "bounds": {"lower": 0.0, "upper": null},
            })
        );
    }

    #[test]
    fn bounds_are_checked_by_name() {
        assert_eq!(Measure::share().check(2.0).unwrap_err(), "is not between 0 and 1");
        assert_eq!(Measure::named("perplexity").check(-1.0).unwrap_err(), "is less than 0");
        assert_eq!(Measure::named("perplexity").check(31.5), Ok(()));
        assert_eq!(Measure::named("logprob").check(-31.5), Ok(()));
        assert!(Measure::named("logprob").check(f64::NAN).is_err());
    }
}
