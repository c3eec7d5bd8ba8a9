//! Metrics of the threads that compute password hashes, and of the one that writes to the database.

use prometheus_client::metrics::{counter::Counter, gauge::Gauge, histogram::Histogram};

use super::durations::histogram;

/// Metrics of password hashes.
#[derive(Clone, Debug)]
pub struct HashMetrics {
    /// Number of hashes that wait for a thread.
    pub waiting: Gauge,
    /// Number of hashes that are being computed.
    pub running: Gauge,
    /// Number of hashes that were refused because too many waited.
    pub refused: Counter,
    /// Seconds that each computation took.
    pub seconds: Histogram,
}

/// Metrics of writes.
#[derive(Clone, Debug)]
pub struct WriteMetrics {
    /// Seconds that each batch waited for its turn.
    pub wait_seconds: Histogram,
    /// Seconds that each commit took, which several batches may share.
    pub commit_seconds: Histogram,
    /// 1 while the disk has no room but for what is essential.
    pub disk_full: Gauge,
}

impl Default for HashMetrics {
    fn default() -> Self {
        Self { waiting: Gauge::default(), running: Gauge::default(), refused: Counter::default(), seconds: histogram() }
    }
}

impl Default for WriteMetrics {
    fn default() -> Self {
        Self { wait_seconds: histogram(), commit_seconds: histogram(), disk_full: Gauge::default() }
    }
}
