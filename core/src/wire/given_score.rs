//! The score that a source publishes of a run: as it is given, and as it is told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The score that a source publishes of a run. Of its uncertainty, at most one of `standardError` and `interval`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GivenScorePut {
    /// Within the version's bounds.
    #[schema(example = 0.617)]
    pub score: f64,
    /// The standard error of the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1e12, example = 0.012)]
    pub standard_error: Option<f64>,
    /// Holds the score, and lies within the version's bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<GivenInterval>,
    /// How many tasks it is over, where not all of the version's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000_000, example = 225)]
    pub tasks: Option<u32>,
    /// How many samples it is over, such as attempts or votes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000_000, example = 450)]
    pub samples: Option<u32>,
    /// US dollars for the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 29.0829)]
    pub cost_usd: Option<f64>,
    /// Mean milliseconds a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 194_000)]
    pub mean_latency_ms: Option<f64>,
}

/// The score that a source publishes of a run, and what it tells of it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GivenScore {
    /// Within the version's bounds.
    #[schema(example = 0.617)]
    pub score: f64,
    /// The standard error of the score, where the source gives it.
    #[schema(minimum = 0, example = 0.012)]
    pub standard_error: Option<f64>,
    /// The interval, where the source gives one.
    pub interval: Option<GivenInterval>,
    /// How many tasks it is over, where the source tells.
    #[schema(minimum = 1, example = 225)]
    pub tasks: Option<u32>,
    /// How many samples it is over, such as attempts or votes, where the source tells.
    #[schema(minimum = 1, example = 450)]
    pub samples: Option<u32>,
    /// US dollars for the whole run.
    #[schema(minimum = 0, example = 29.0829)]
    pub cost_usd: Option<f64>,
    /// Mean milliseconds a task.
    #[schema(minimum = 0, example = 194_000)]
    pub mean_latency_ms: Option<f64>,
}

/// A confidence interval as a source gives it. It holds the score, and lies within the version's bounds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivenInterval {
    /// Where it begins.
    #[schema(example = 0.59)]
    pub low: f64,
    /// Where it ends.
    #[schema(example = 0.64)]
    pub high: f64,
    /// The confidence level: 0.95, as of every interval here.
    #[serde(default = "GivenInterval::level")]
    #[schema(minimum = 0.95, maximum = 0.95, default = 0.95)]
    pub level: f64,
}

impl GivenInterval {
    /// Returns the confidence level of every interval.
    #[must_use]
    pub fn level() -> f64 {
        0.95
    }
}

impl GivenScorePut {
    /// Creates the score of a run with this standard error, unless that is a number that no standard error is.
    #[must_use]
    pub fn of(score: f64, standard_error: Option<f64>) -> Self {
        Self {
            score,
            standard_error: standard_error.filter(|error| error.is_finite() && *error >= 0.0),
            interval: None,
            tasks: None,
            samples: None,
            cost_usd: None,
            mean_latency_ms: None,
        }
    }
}

impl From<GivenScorePut> for GivenScore {
    fn from(given: GivenScorePut) -> Self {
        let GivenScorePut { score, standard_error, interval, tasks, samples, cost_usd, mean_latency_ms } = given;
        Self { score, standard_error, interval, tasks, samples, cost_usd, mean_latency_ms }
    }
}
