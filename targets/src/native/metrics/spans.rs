//! Metrics of traces.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};

/// Counts of spans by what became of them, where traces are exported.
#[derive(Clone, Debug, Default)]
pub struct SpanMetrics {
    pub(super) exported: Counter,
    pub(super) dropped: Family<LossLabels, Counter>,
}

/// Reason why a span was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanLoss {
    /// Too many spans waited.
    Queue,
    /// The collector did not accept it.
    Collector,
}

impl SpanLoss {
    fn name(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Collector => "collector",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct LossLabels {
    cause: &'static str,
}

impl SpanMetrics {
    /// Counts spans that the collector accepted.
    pub fn exported(&self, spans: u64) {
        self.exported.inc_by(spans);
    }

    /// Counts spans that were dropped.
    pub fn lost(&self, cause: SpanLoss, spans: u64) {
        self.dropped.get_or_create(&LossLabels { cause: cause.name() }).inc_by(spans);
    }
}
