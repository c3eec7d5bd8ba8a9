//! What the numbers of a benchmark version mean: which way is better, in what unit, and within which bounds.

use serde::{Deserialize, Serialize, ser::SerializeMap as _};
use utoipa::ToSchema;

use super::statistics::Interval;

/// Largest absolute value of a score, whatever the bounds are, so that sums over a run stay exact enough.
pub const MOST_SCORE: f64 = 1e12;

/// What a score means: `pass_rate` is the share of tasks passed, `score` the mean of scores within the version's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The share of tasks passed.
    PassRate,
    /// The mean of the tasks' scores.
    Score,
}

impl Metric {
    /// Returns the name of the metric in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PassRate => "pass_rate",
            Self::Score => "score",
        }
    }

    /// Returns the metric with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::PassRate, Self::Score].into_iter().find(|metric| metric.as_str() == name)
    }
}

/// Which scores are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Such as of pass rates.
    #[default]
    HigherIsBetter,
    /// Such as of seconds, dollars or refusals.
    LowerIsBetter,
}

impl Direction {
    /// Returns the name of the direction in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HigherIsBetter => "higher_is_better",
            Self::LowerIsBetter => "lower_is_better",
        }
    }

    /// Returns the direction with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::HigherIsBetter, Self::LowerIsBetter].into_iter().find(|direction| direction.as_str() == name)
    }

    /// Returns the merit of a score: a number of which more is better, whichever way the score goes.
    #[must_use]
    pub fn merit(self, score: f64) -> f64 {
        match self {
            Self::HigherIsBetter => score,
            Self::LowerIsBetter => -score,
        }
    }

    /// Returns the interval of merits that corresponds to an interval of scores.
    #[must_use]
    pub fn merits(self, interval: Interval) -> Interval {
        match self {
            Self::HigherIsBetter => interval,
            Self::LowerIsBetter => Interval { low: -interval.high, high: -interval.low },
        }
    }
}

/// Between which numbers scores lie; null where nothing bounds them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// No score is less.
    #[serde(default)]
    #[schema(minimum = -1e12, maximum = 1e12, example = 0.0)]
    pub lower: Option<f64>,
    /// No score is more.
    #[serde(default)]
    #[schema(minimum = -1e12, maximum = 1e12, example = 1.0)]
    pub upper: Option<f64>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lower: Some(0.0), upper: Some(1.0) }
    }
}

impl Bounds {
    /// Returns the least and the most that a score may be; infinite where nothing bounds it.
    #[must_use]
    pub fn range(self) -> Interval {
        Interval { low: self.lower.unwrap_or(f64::NEG_INFINITY), high: self.upper.unwrap_or(f64::INFINITY) }
    }

    /// Returns how far apart two scores can be.
    #[must_use]
    pub fn width(self) -> f64 {
        let Interval { low, high } = self.range();
        high - low
    }

    /// Checks a score.
    ///
    /// # Errors
    /// The reason why the score is out of bounds, for people.
    pub fn check(self, score: f64) -> Result<(), String> {
        if let Some(upper) = self.upper.filter(|upper| score > *upper) {
            let hint = if upper == 1.0 && score <= 100.0 { ": is it a percentage?" } else { "" };
            return Err(format!("{score:?} of at most {upper}{hint}"));
        }
        if let Some(lower) = self.lower.filter(|lower| score < *lower) {
            return Err(format!("{score:?} of at least {lower}"));
        }
        if score.abs() <= MOST_SCORE { Ok(()) } else { Err("give a number within ±10¹²".to_owned()) }
    }
}

/// What a score of a version means.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Measure {
    /// The share of tasks passed, or a mean.
    pub metric: Metric,
    /// Which scores are better.
    pub direction: Direction,
    /// In what the scores are; null where they are mere numbers.
    #[schema(min_length = 1, max_length = 30, example = "s")]
    pub unit: Option<String>,
    /// Between which numbers they lie.
    pub bounds: Bounds,
}

impl Measure {
    /// Creates the usual measure of a metric: from 0 to 1, in no unit, more being better.
    #[must_use]
    pub fn plain(metric: Metric) -> Self {
        Self { metric, direction: Direction::HigherIsBetter, unit: None, bounds: Bounds::default() }
    }

    /// Checks whether scores are shares: from 0 to 1, in no unit. For other scores nobody can say what a pass is.
    #[must_use]
    pub fn is_share(&self) -> bool {
        self.unit.is_none() && self.bounds == Bounds::default()
    }

    /// Returns the worst possible score, where there is a bound to that side.
    #[must_use]
    pub fn worst(&self) -> Option<f64> {
        match self.direction {
            Direction::HigherIsBetter => self.bounds.lower,
            Direction::LowerIsBetter => self.bounds.upper,
        }
    }

    /// Returns the best possible score, where there is a bound to that side.
    #[must_use]
    pub fn best(&self) -> Option<f64> {
        match self.direction {
            Direction::HigherIsBetter => self.bounds.upper,
            Direction::LowerIsBetter => self.bounds.lower,
        }
    }

    /// Returns the merit of a score: a number of which more is better, whichever way the score goes.
    #[must_use]
    pub fn merit(&self, score: f64) -> f64 {
        self.direction.merit(score)
    }

    /// Serialises the measure as a version's definition has it. Members with usual values are left out, so that older
    /// definitions are still the same.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn define<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("metric", &self.metric)?;
        if self.direction != Direction::default() {
            members.serialize_entry("direction", &self.direction)?;
        }
        if self.unit.is_some() {
            members.serialize_entry("unit", &self.unit)?;
        }
        if self.bounds != Bounds::default() {
            members.serialize_entry("bounds", &self.bounds)?;
        }
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_out_of_bounds_is_named() {
        let of = |lower, upper, score: f64| Bounds { lower, upper }.check(score).err();
        assert_eq!(of(Some(0.0), Some(1.0), 80.0).unwrap(), "80.0 of at most 1: is it a percentage?");
        assert_eq!(of(Some(0.0), Some(1.0), 180.0).unwrap(), "180.0 of at most 1");
        assert_eq!(of(Some(0.0), None, -3.0).unwrap(), "-3.0 of at least 0");
        assert_eq!(of(Some(0.0), Some(10.0), 10.5).unwrap(), "10.5 of at most 10");
        assert_eq!(of(Some(0.0), Some(1.0), 1.0), None);
        assert_eq!(of(None, None, -1e12), None);
        assert!(of(None, None, 2e12).is_some() && of(None, None, f64::NAN).is_some());
    }

    #[test]
    fn a_definition_says_only_what_is_not_usual() {
        #[derive(Serialize)]
        struct Version {
            #[serde(flatten, serialize_with = "Measure::define")]
            measure: Measure,
        }
        let of = |measure| serde_json::to_value(Version { measure }).unwrap();
        assert_eq!(of(Measure::plain(Metric::Score)), serde_json::json!({ "metric": "score" }));
        let seconds = Measure {
            metric: Metric::Score,
            direction: Direction::LowerIsBetter,
            unit: Some("s".to_owned()),
            bounds: Bounds { lower: Some(0.0), upper: None },
        };
        assert_eq!((seconds.worst(), seconds.best(), seconds.is_share()), (None, Some(0.0), false));
        let told = of(seconds);
        assert_eq!(
            told,
            serde_json::json!({ "metric": "score", "direction": "lower_is_better", "unit": "s",
                "bounds": { "lower": 0.0, "upper": null } })
        );
    }
}
