//! Traces, where a collector is configured: a span for each request, and below it one for each call of the database, of
//! the password hasher and of another server. Nobody waits for the collector.

mod collector;
mod ports;
mod queue;
mod server_span;
mod settings;

use std::sync::Arc;

use aibaas_core::{
    domain::TraceParent,
    ports::{Ports, current_trace},
};
use opentelemetry::{
    Context, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanKind, TraceContextExt as _, TraceState, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider, Span, SpanExporter as _},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::settings::TraceSettings;
use self::{
    collector::Collector,
    ports::Traced,
    queue::{Export, Queue},
};
use super::{error::CliError, metrics::SpanMetrics};

/// Creator of spans. Cheap to clone.
#[derive(Clone)]
pub struct Traces {
    tracer: SdkTracer,
    /// Provider, which has to live as long as spans are created.
    _provider: Arc<SdkTracerProvider>,
}

impl Traces {
    /// Starts the export. The task ends once it is told to stop, and has sent the spans that it still has.
    ///
    /// # Errors
    /// [`CliError`] where the standard's variables are wrong.
    pub fn start(
        settings: &TraceSettings,
        metrics: SpanMetrics,
        stop: CancellationToken,
    ) -> Result<(Self, JoinHandle<()>), CliError> {
        let (collector, rejected) = Collector::new(settings.timeout).map_err(CliError::failed)?;
        // Failed batches are dropped and counted: retries would hold up what comes after them.
        let exporter = SpanExporter::builder().with_http().with_http_client(collector);
        let mut exporter = exporter
            .with_retry_policy(RetryPolicy::disabled())
            .with_endpoint(settings.endpoint.expose())
            .build()
            // The error contains the value, which may hold a password.
            .map_err(|_| {
                CliError::misconfigured("the variables OTEL_EXPORTER_OTLP_… name no possible way to a collector")
            })?;
        let resource = resource(settings);
        exporter.set_resource(&resource);
        let (queue, spans) = Queue::new(settings.queue, metrics.clone());
        let provider = SdkTracerProvider::builder()
            .with_sampler(settings.sampler.clone())
            .with_span_processor(queue)
            .with_resource(resource)
            .build();
        let TraceSettings { delay, batch: most, timeout, .. } = *settings;
        let export = Export { exporter, rejected, delay, most, timeout, metrics };
        let exporting = tokio::spawn(export.run(spans, stop));
        Ok((Self { tracer: provider.tracer("aibaas"), _provider: Arc::new(provider) }, exporting))
    }

    /// Wraps the ports so that each call within a request has a span.
    pub fn wrap(&self, ports: Ports) -> Ports {
        Ports {
            database: Arc::new(Traced { port: ports.database, traces: self.clone() }),
            password_hasher: Arc::new(Traced { port: ports.password_hasher, traces: self.clone() }),
            http_client: Arc::new(Traced { port: ports.http_client, traces: self.clone() }),
            ..ports
        }
    }

    fn begin(&self, name: &'static str, kind: SpanKind, parent: Option<TraceParent>) -> Span {
        let parent =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(context(parent)));
        self.tracer.build_with_context(SpanBuilder::from_name(name).with_kind(kind), &parent)
    }

    /// Begins a span below that of the request that is being worked on; `None` outside of a request.
    fn child(&self, name: &'static str, kind: SpanKind) -> Option<Span> {
        current_trace().map(|parent| self.begin(name, kind, Some(parent)))
    }
}

fn resource(settings: &TraceSettings) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    if settings.names_service { resource.build() } else { resource.with_service_name("aibaas").build() }
}

fn context(parent: TraceParent) -> SpanContext {
    let flags = if parent.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace, span) = (TraceId::from_bytes(parent.trace_id_bytes()), SpanId::from_bytes(parent.parent_id_bytes()));
    SpanContext::new(trace, span, flags, false, TraceState::NONE)
}

/// Returns the context that the span passes on to what it causes.
fn parent_of(span: &Span, parent: Option<TraceParent>) -> TraceParent {
    let context = span.span_context();
    let (id, is_sampled) = (context.span_id().to_bytes(), context.is_sampled());
    match parent {
        Some(parent) => parent.child(id).sampled(is_sampled),
        None => TraceParent::new(context.trace_id().to_bytes(), id, is_sampled),
    }
}
