//! Traces of the native server, as a collector of the suite's own gets them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use aibaas_tests::{
    ended, eventually,
    fixtures::{PASSWORD, new_address},
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
    plain_client,
    provider::Provider,
};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::any_value::Value as Attribute,
    trace::v1::{Span, span::SpanKind},
};
use prost::Message as _;
use serde_json::json;

use crate::native_metrics::measured;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const TOKEN: &str = "a token for the collector";

type Taken = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Takes whatever it is sent, as OTLP over HTTP.
struct Collector {
    url: String,
    taken: Taken,
}

impl Collector {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let taken = Taken::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&taken));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { url, taken }
    }

    /// What the server's variables have to say.
    fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.url.clone()),
            ("OTEL_EXPORTER_OTLP_HEADERS", format!("x-token={}", TOKEN.replace(' ', "%20"))),
            ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned()),
        ]
    }

    fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().expect("no panic");
        let requests = taken.iter().map(|(_, body)| ExportTraceServiceRequest::decode(body.clone()).expect("OTLP"));
        let resources = requests.flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The spans of a trace, once so many of them are of requests.
    async fn of_trace(&self, trace: &str, requests: usize) -> Vec<Span> {
        eventually("the spans arrive", async || {
            let mut spans = self.spans();
            spans.retain(|span| hex(&span.trace_id) == trace);
            (spans.iter().filter(|span| span.kind() == SpanKind::Server).count() == requests).then_some(spans)
        })
        .await
    }
}

async fn take(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) -> Vec<u8> {
    taken.lock().expect("no panic").push((headers, body));
    ExportTraceServiceResponse::default().encode_to_vec()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn attributes(span: &Span) -> HashMap<&str, String> {
    let attribute = |value: &Attribute| match value {
        Attribute::StringValue(text) => text.clone(),
        Attribute::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let pairs = span
        .attributes
        .iter()
        .filter_map(|pair| Some((pair.key.as_str(), attribute(pair.value.as_ref()?.value.as_ref()?))));
    pairs.collect()
}

fn server_span(spans: &[Span]) -> &Span {
    spans.iter().find(|span| span.kind() == SpanKind::Server).expect("a span of the request")
}

/// SIGTERM, and the end that it leads to.
async fn stop(mut server: Server) {
    let sent = std::process::Command::new("kill").args(["-TERM", &server.child().id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let status = ended(server.child()).await;
    assert!(status.success(), "{status}");
}

/// A request is a span of the trace that it came with, or of a new one, with what it asked of others below it; nothing in it
/// tells who asked for what.
pub async fn a_request_is_a_span() {
    let (collector, provider) = (Collector::start().await, Provider::start().await.expect("a provider"));
    let data = tempfile::tempdir().expect("a folder");
    let mut variables = native::variables(Setup::SendsMail, Some(provider.url()));
    variables.extend(collector.variables());
    let server = Server::start(data.path(), &variables).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);

    let get = |path: &str, given: Option<String>| {
        let request = plain_client().get(format!("{}{path}", server.url)).bearer_auth("hidden");
        given.into_iter().fold(request, |request, given| request.header("traceparent", given))
    };
    let given = format!("00-{TRACE}-{SPAN}-01");
    let answer = get("/api/v1/models/hidden/hidden?secret=hidden", Some(given)).send().await.expect("an answer");
    assert_eq!(answer.status(), 404);
    let id = answer.headers()["x-request-id"].to_str().expect("text").to_owned();
    let spans = collector.of_trace(TRACE, 1).await;
    let request = server_span(&spans);
    assert_eq!(
        (request.name.as_str(), hex(&request.parent_span_id)),
        ("GET /api/v1/models/{provider}/{name}", SPAN.to_owned())
    );
    let expected = [
        ("http.request.method", "GET"),
        ("http.route", "/api/v1/models/{provider}/{name}"),
        ("http.response.status_code", "404"),
        ("aibaas.caller", "nobody"),
        ("aibaas.request_id", &id),
    ];
    assert_eq!(attributes(request), expected.map(|(name, value)| (name, value.to_owned())).into());
    assert!(request.end_time_unix_nano >= request.start_time_unix_nano && request.start_time_unix_nano > 0);
    let read = spans.iter().find(|span| span.name == "database read").expect("it was looked up");
    assert_eq!((&read.parent_span_id, read.kind()), (&request.span_id, SpanKind::Client));
    assert_eq!(attributes(read)["db.system.name"], "sqlite");

    // What it asks of others is told by the host's name, and they see the span as what caused it.
    let (email, password) = (new_address(), format!("a phrase of its own {}", new_address()));
    let other = TRACE.replace('4', "5");
    let body = json!({ "email": email, "password": password });
    let register = host.client().post("/api/v1/auth/register").json(body);
    register.header("traceparent", &format!("00-{other}-{SPAN}-01")).await.expect(202);
    let call = provider.ranges_of(&password).pop().expect("a call");
    let spans = collector.of_trace(&other, 1).await;
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let outbound = named("outbound request");
    assert_eq!(call.headers["traceparent"], format!("00-{other}-{}-01", hex(&outbound.span_id)));
    let told = attributes(outbound);
    assert_eq!((told["server.address"].as_str(), told["http.response.status_code"].as_str()), ("127.0.0.1", "200"));
    for name in ["outbound request", "password hash", "database write"] {
        assert_eq!(named(name).parent_span_id, server_span(&spans).span_id, "{name}");
    }

    // Who is not sampled is not told of; who has no trace begins one.
    let unsampled = TRACE.replace('4', "6");
    get("/health", Some(format!("00-{unsampled}-{SPAN}-00"))).send().await.expect("an answer");
    get("/ready", None).send().await.expect("an answer");
    let root = eventually("the last span arrives", async || {
        collector
            .spans()
            .into_iter()
            .find(|span| attributes(span).get("http.route").is_some_and(|route| route == "/ready"))
    });
    assert_eq!(root.await.parent_span_id, Vec::<u8>::new());
    assert!(collector.spans().iter().all(|span| hex(&span.trace_id) != unsampled));

    let login = json!({ "email": email, "password": PASSWORD });
    host.client().post("/api/v1/auth/login").json(login).await.expect(401);
    stop(server).await;
    assert!(collector.spans().iter().any(|span| span.name == "POST /api/v1/auth/login"), "the last one, at the end");
    let taken = collector.taken.lock().expect("no panic");
    for (headers, body) in taken.iter() {
        assert_eq!(headers["x-token"], TOKEN);
        let body = String::from_utf8_lossy(body);
        for secret in ["hidden", &*password, &*email, PASSWORD, "Bearer", "SELECT"] {
            assert!(!body.contains(secret), "{secret}: {body}");
        }
        assert!(body.contains("service.name") && body.contains("aibaas"));
    }
}

/// A collector that is dead, or takes nothing in, costs spans alone: requests are answered, and a stop does not wait for it.
pub async fn a_dead_collector_holds_up_nothing() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let [silent_url, gone_url] =
        [&silent, &gone].map(|listener| format!("http://{}", listener.local_addr().expect("an address")));
    drop(gone);
    for (url, cause) in [(silent_url, "queue"), (gone_url, "collector")] {
        let data = tempfile::tempdir().expect("a folder");
        let mut variables = Setup::KeepsMail.variables();
        variables.extend([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "600000".to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "10".to_owned()),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "4".to_owned()),
        ]);
        let server = Server::start(data.path(), &variables).expect("it starts");
        let host = Host::at(Kind::Native, server.url.clone(), None);
        let dropped = eventually("spans are dropped", async || {
            host.client().get("/health").await.expect(200);
            let dropped = measured(&server).await.0.sum("aibaas_spans_dropped_total", &[("cause", cause)]);
            (dropped > 20.0).then_some(dropped)
        });
        assert!(dropped.await > 0.0);
        assert_eq!(measured(&server).await.0.sum("aibaas_spans_exported_total", &[]), 0.0);
        stop(server).await;
    }
}

/// A collector that takes some spans of a batch, and rejects others, says so in a success.
pub async fn what_a_collector_rejects_is_dropped() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "one is too old".to_owned() };
    let answer = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let router = Router::new().route("/v1/traces", post(async move || answer.clone()));
    tokio::spawn(async { axum::serve(listener, router).await });
    let data = tempfile::tempdir().expect("a folder");
    let mut variables = Setup::KeepsMail.variables();
    // Blanks around it are no part of it.
    variables
        .extend([("OTEL_EXPORTER_OTLP_ENDPOINT", format!(" {url}/ ")), ("OTEL_BSP_SCHEDULE_DELAY", "50".to_owned())]);
    let server = Server::start(data.path(), &variables).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    eventually("spans are taken and rejected", async || {
        host.client().get("/ready").await.expect(200);
        let measured = measured(&server).await.0;
        let rejected = measured.sum("aibaas_spans_dropped_total", &[("cause", "collector")]);
        (rejected > 0.0 && measured.sum("aibaas_spans_exported_total", &[]) > 0.0).then_some(())
    })
    .await;
    stop(server).await;
}

/// What is not possible is told at the start, by its name.
pub fn a_wrong_setting_of_traces_is_told() {
    let data = tempfile::tempdir().expect("a folder");
    let mut command = native::command().expect("the binary");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317").env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let said = String::from_utf8_lossy(&command.output().expect("it runs").stderr).into_owned();
    assert!(said.contains("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf"), "{said}");
}
