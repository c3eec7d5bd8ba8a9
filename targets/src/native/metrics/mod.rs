//! Metrics of the server, served at `GET /metrics`.

mod scrape;

use std::{sync::Arc, time::Duration};

use aibaas_core::{RequestRecord, domain::key_use::Decision};
use http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

pub use scrape::Scrape;

/// Upper bounds of durations in seconds: from a read out of memory to the longest request.
const DURATIONS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

type Durations = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// Labels of a request. The route is its template, so there are only as many as the application has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Arc<str>,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Arc<str>,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    decision: &'static str,
}

/// All counts that are kept while the server runs.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Durations,
    key_decisions: Family<DecisionLabels, Counter>,
    /// Metrics of password hashes.
    pub hashing: HashMetrics,
    /// Metrics of the thread that writes to the database.
    pub writing: WriteMetrics,
    /// Metrics of traces.
    pub spans: SpanMetrics,
}

/// Counts of spans by what became of them, where traces are exported.
#[derive(Clone, Debug, Default)]
pub struct SpanMetrics {
    exported: Counter,
    dropped: Family<LossLabels, Counter>,
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
struct LossLabels {
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

fn histogram() -> Histogram {
    Histogram::new(DURATIONS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("aibaas");
        let requests = Family::<RequestLabels, Counter>::default();
        let durations = Durations::new_with_constructor(histogram);
        let key_decisions = Family::<DecisionLabels, Counter>::default();
        let (hashing, writing) = (HashMetrics::default(), WriteMetrics::default());
        let spans = SpanMetrics::default();
        for cause in [SpanLoss::Queue, SpanLoss::Collector] {
            spans.lost(cause, 0);
        }
        // Counters start at zero, so that a rate does not begin with the first refusal.
        for decision in Decision::NAMES {
            drop(key_decisions.get_or_create(&DecisionLabels { decision }));
        }
        registry.register("build", "The release that runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "From a request's head to the head of its answer",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register("api_key_decisions", "Uses of API keys, by what was decided", key_decisions.clone());
        registry.register("password_hashes_waiting", "Password hashes that wait", hashing.waiting.clone());
        registry.register("password_hashes_running", "Password hashes that are computed", hashing.running.clone());
        registry.register(
            "password_hashes_refused",
            "Password hashes refused, since too many waited",
            hashing.refused.clone(),
        );
        registry.register_with_unit(
            "password_hash_duration",
            "How long a password hash is computed",
            Unit::Seconds,
            hashing.seconds.clone(),
        );
        registry.register_with_unit(
            "database_write_wait",
            "How long a batch that writes waits for its turn",
            Unit::Seconds,
            writing.wait_seconds.clone(),
        );
        registry.register_with_unit(
            "database_commit_duration",
            "How long a commit takes, which many batches share",
            Unit::Seconds,
            writing.commit_seconds.clone(),
        );
        registry.register(
            "database_disk_full",
            "1 while the disk has no room but for what ends access or frees space",
            writing.disk_full.clone(),
        );
        registry.register("spans_exported", "Spans of traces that the collector took", spans.exported.clone());
        registry.register("spans_dropped", "Spans of traces that were dropped, by why", spans.dropped.clone());
        Self { registry, requests, durations, key_decisions, hashing, writing, spans }
    }
}

impl Metrics {
    /// Counts a request that was answered. It has no record where the application did not see its end.
    pub fn observe(&self, record: Option<&RequestRecord>, status: StatusCode, took: Duration) {
        let (route, method) = record.map_or(("none", "other"), |record| (record.route(), record.method));
        // Anybody can send every method to every route, so methods that a route does not have share one series, without
        // a histogram.
        let is_own = status != StatusCode::METHOD_NOT_ALLOWED && method != "OPTIONS";
        let method = if is_own { method } else { "other" };
        let (route, status) = (Arc::from(route), status.as_u16());
        let labels = RequestLabels { route: Arc::clone(&route), method, status };
        self.requests.get_or_create(&labels).inc();
        if is_own {
            self.durations.get_or_create(&RouteLabels { route, method }).observe(took.as_secs_f64());
        }
        for decision in record.iter().flat_map(|record| &record.key_decisions) {
            self.key_decisions.get_or_create(&DecisionLabels { decision }).inc();
        }
    }
}
