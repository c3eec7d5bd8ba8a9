//! Histograms of durations.

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds of durations in seconds: from a read out of memory to the longest request.
const DURATIONS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

/// Creates an empty histogram of seconds.
pub(super) fn histogram() -> Histogram {
    Histogram::new(DURATIONS)
}
