//! Bounded queue of spans that wait for the collector; what finds no room is dropped and counted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::native::metrics::{SpanLoss, SpanMetrics};

/// Time after the client's own limit at which the export gives up: by then the client has given up itself, and logged
/// why.
const GRACE: Duration = Duration::from_secs(1);

/// Processor that queues ended spans.
#[derive(Debug)]
pub struct Queue {
    spans: Sender<SpanData>,
    metrics: SpanMetrics,
}

impl Queue {
    /// Creates a queue with room for `most` spans. Returns it with its receiver.
    pub fn new(most: usize, metrics: SpanMetrics) -> (Self, Receiver<SpanData>) {
        let (spans, waiting) = mpsc::channel(most);
        (Self { spans, metrics }, waiting)
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.spans.try_send(span).is_err() {
            self.metrics.lost(SpanLoss::Queue, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends queued spans to the collector.
pub struct Export {
    pub exporter: SpanExporter,
    /// Number of spans that the collector rejected from the last batch, which it accepted otherwise.
    pub rejected: Arc<AtomicU64>,
    /// How long the first span of a batch waits for others.
    pub delay: Duration,
    /// Most spans of a batch.
    pub most: usize,
    /// Time limit of the collector for a batch.
    pub timeout: Duration,
    pub metrics: SpanMetrics,
}

impl Export {
    /// Exports batches until told to stop, and then what is left.
    pub async fn run(self, mut spans: Receiver<SpanData>, stop: CancellationToken) {
        let (mut batch, mut due, mut stopped) = (Vec::new(), Instant::now(), false);
        loop {
            let (room, was_empty) = (self.most.saturating_sub(batch.len()), batch.is_empty());
            tokio::select! {
                biased;
                () = stop.cancelled(), if !stopped => {
                    stopped = true;
                    spans.close();
                }
                taken = spans.recv_many(&mut batch, room) => {
                    if was_empty {
                        let now = Instant::now();
                        due = now.checked_add(self.delay).unwrap_or(now);
                    }
                    if taken == 0 || batch.len() >= self.most {
                        self.hand_over(&mut batch).await;
                    }
                    if taken == 0 {
                        return;
                    }
                }
                () = sleep_until(due), if !batch.is_empty() => self.hand_over(&mut batch).await,
            }
        }
    }

    async fn hand_over(&self, batch: &mut Vec<SpanData>) {
        if batch.is_empty() {
            return;
        }
        let spans = std::mem::take(batch);
        let count = u64::try_from(spans.len()).unwrap_or(u64::MAX);
        match timeout(self.timeout.saturating_add(GRACE), self.exporter.export(spans)).await {
            Ok(Ok(())) => {
                let rejected = self.rejected.swap(0, Ordering::Relaxed).min(count);
                self.metrics.exported(count.saturating_sub(rejected));
                if rejected > 0 {
                    self.metrics.lost(SpanLoss::Collector, rejected);
                }
            }
            Ok(Err(_)) | Err(_) => self.metrics.lost(SpanLoss::Collector, count),
        }
    }
}
