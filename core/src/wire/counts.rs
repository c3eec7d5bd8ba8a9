//! Counts of a run: as they are given, and as they are told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The counts of an aggregate-only source.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CountsPut {
    /// The version's `taskCount`.
    #[schema(minimum = 1, maximum = 10_000_000, example = 225)]
    pub total: u32,
    /// How many of `total` passed by the first attempt, by the second, …; never falling, never over `total`, one member
    /// for each attempt of the version.
    #[schema(min_items = 1, max_items = 10, maximum = 10_000_000)]
    pub correct_by_attempt: Vec<u32>,
    /// US dollars for the whole run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 29.0829)]
    pub cost_usd: Option<f64>,
    /// Mean milliseconds a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000, example = 194_000)]
    pub mean_latency_ms: Option<f64>,
}

/// What an aggregate-only source tells of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Tasks tried.
    #[schema(minimum = 1, example = 225)]
    pub total: u32,
    /// How many of `total` passed by the first attempt, by the second, …; never falling.
    #[schema(min_items = 1, max_items = 10)]
    pub correct_by_attempt: Vec<u32>,
    /// US dollars for the whole run.
    #[schema(minimum = 0, example = 29.0829)]
    pub cost_usd: Option<f64>,
    /// Mean milliseconds a task.
    #[schema(minimum = 0, example = 194_000)]
    pub mean_latency_ms: Option<f64>,
}

impl CountsPut {
    /// Creates the counts of a run with one attempt at each task.
    #[must_use]
    pub fn of(passed: u32, total: u32) -> Self {
        Self { total, correct_by_attempt: vec![passed], cost_usd: None, mean_latency_ms: None }
    }
}

impl From<CountsPut> for Counts {
    fn from(CountsPut { total, correct_by_attempt, cost_usd, mean_latency_ms }: CountsPut) -> Self {
        Self { total, correct_by_attempt, cost_usd, mean_latency_ms }
    }
}
