//! All counts that are kept while the server runs.

use std::{fmt, sync::Arc, time::Duration};

use aibaas_core::{RequestRecord, domain::key_use::Decision};
use http::StatusCode;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode_registry},
    metrics::{counter::Counter, family::Family, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use super::{HashMetrics, SpanLoss, SpanMetrics, WriteMetrics, durations::histogram};

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
    /// Writes what is counted as OpenMetrics text, without the end.
    ///
    /// # Errors
    /// [`fmt::Error`] where the writer fails.
    pub fn write(&self, text: &mut impl fmt::Write) -> fmt::Result {
        encode_registry(text, &self.registry)
    }

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
