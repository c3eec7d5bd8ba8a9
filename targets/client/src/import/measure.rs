//! What the scores of a metric mean, as far as sources tell it or everybody knows.

use aibaas_core::domain::{
    benchmark::Metric,
    measure::{
        Bounds,
        Direction::{self, HigherIsBetter, LowerIsBetter},
        Measure,
    },
};
use serde_json::{Value, json};

use super::plan::Status;

/// From 0 on.
const AMOUNT: Bounds = Bounds { lower: Some(0.0), upper: None };
const ANY: Bounds = Bounds { lower: None, upper: None };
const SHARE: Bounds = Bounds { lower: Some(0.0), upper: Some(1.0) };

/// Metrics that harnesses know by name: which scores are better, in what unit, and within which bounds.
const KNOWN: [(&str, Direction, Option<&str>, Bounds); 12] = [
    ("word_perplexity", LowerIsBetter, None, AMOUNT),
    ("byte_perplexity", LowerIsBetter, None, AMOUNT),
    ("perplexity", LowerIsBetter, None, AMOUNT),
    ("bits_per_byte", LowerIsBetter, None, AMOUNT),
    ("logprob", HigherIsBetter, None, ANY),
    ("inference_runtime", LowerIsBetter, Some("s"), AMOUNT),
    ("wer", LowerIsBetter, None, AMOUNT),
    ("cer", LowerIsBetter, None, AMOUNT),
    ("ter", LowerIsBetter, None, AMOUNT),
    ("ece_10_bin", LowerIsBetter, None, SHARE),
    ("toxic_frac", LowerIsBetter, None, SHARE),
    ("expected_max_toxicity", LowerIsBetter, None, SHARE),
];

/// Which scores are better, as harnesses tell it.
pub fn direction(is_higher_better: bool) -> Direction {
    if is_higher_better { HigherIsBetter } else { LowerIsBetter }
}

/// Scores from 0 to 1, of which more is better. Whether they are passes, their values tell.
pub fn share() -> Measure {
    Measure::plain(Metric::Score)
}

/// What is known of a metric by its name: without more, a share.
pub fn named(metric: &str) -> Measure {
    let known = KNOWN.iter().find(|(name, ..)| *name == metric);
    known.map_or_else(share, |(_, direction, unit, bounds)| Measure {
        direction: *direction,
        unit: unit.map(str::to_owned),
        bounds: *bounds,
        ..share()
    })
}

/// Checks that a score is within the bounds.
///
/// # Errors
/// Which bounds they are.
pub fn check(measure: &Measure, score: f64) -> Result<(), String> {
    let Bounds { lower, upper } = measure.bounds;
    measure.bounds.check(score).map_err(|_| match (lower, upper) {
        (Some(lower), Some(upper)) => format!("is not between {lower} and {upper}"),
        (Some(lower), None) if score < lower => format!("is less than {lower}"),
        (None, Some(upper)) if score > upper => format!("is more than {upper}"),
        _ => "is not within ±10¹²".to_owned(),
    })
}

/// How an attempt ended that has this score. Of seconds or dollars, 0 is no failure.
pub fn status(measure: &Measure, score: f64) -> Status {
    if measure.is_share() { Status::of(score) } else { Status::Success }
}

/// Adds to the body of a version what is not as usual.
pub fn tell(measure: &Measure, body: &mut Value) {
    let Value::Object(members) = body else { return };
    let usual = share();
    let told = [
        ("direction", (measure.direction != usual.direction).then(|| json!(measure.direction))),
        ("unit", measure.unit.as_ref().map(|unit| json!(unit))),
        ("bounds", (measure.bounds != usual.bounds).then(|| json!(measure.bounds))),
    ];
    members.extend(told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_by_name_is_told() {
        let of = |metric: &str| {
            let mut body = json!({"metric": "score"});
            tell(&named(metric), &mut body);
            body
        };
        assert_eq!(of("exact_match"), json!({"metric": "score"}));
        assert_eq!(of("toxic_frac"), json!({"metric": "score", "direction": "lower_is_better"}));
        assert_eq!(
            of("inference_runtime"),
            json!({"metric": "score", "direction": "lower_is_better", "unit": "s", "bounds": {"lower": 0.0, "upper": null}})
        );
    }

    #[test]
    fn bounds_are_checked_by_name() {
        assert_eq!(check(&share(), 2.0).unwrap_err(), "is not between 0 and 1");
        assert_eq!(check(&named("perplexity"), -1.0).unwrap_err(), "is less than 0");
        assert_eq!(check(&named("perplexity"), 31.5), Ok(()));
        assert_eq!(check(&named("logprob"), -31.5), Ok(()));
        assert!(check(&named("logprob"), f64::NAN).is_err());
    }
}
