//! The span of a request, from its head to the head of its answer.

use aibaas_core::{RequestRecord, domain::TraceParent};
use axum::http::{HeaderValue, Method, Request, StatusCode};
use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanKind, Status},
};
use opentelemetry_sdk::trace::Span;

use super::{Traces, parent_of};

const TRACEPARENT: &str = "traceparent";

/// Span of a request. It holds the route and never the path, since that may hold ids, or a key in the wrong place.
pub struct ServerSpan(Span);

impl Traces {
    /// Begins the span of a request, as part of the trace that its `traceparent` names, or of a new one. The
    /// application sees the span as the parent of the request.
    pub fn begin_request<B>(&self, request: &mut Request<B>) -> ServerSpan {
        let mut given = request.headers().get_all(TRACEPARENT).iter();
        let parent = match (given.next(), given.next()) {
            (Some(only), None) => only.to_str().ok().and_then(TraceParent::parse),
            _ => None,
        };
        let span = self.begin(known(request.method()), SpanKind::Server, parent);
        if let Ok(value) = HeaderValue::try_from(parent_of(&span, parent).to_string()) {
            request.headers_mut().insert(TRACEPARENT, value);
        }
        ServerSpan(span)
    }
}

impl ServerSpan {
    /// Ends the span with what the application recorded; there is no record where it did not see the request's end.
    pub fn end(self, record: Option<&RequestRecord>, status: StatusCode) {
        let Self(mut span) = self;
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if let Some(record) = record {
            let method = if record.method == "other" { "_OTHER" } else { record.method };
            let route = record.route();
            if route != "none" {
                span.update_name(format!("{method} {route}"));
                span.set_attribute(KeyValue::new("http.route", route.to_owned()));
            }
            span.set_attribute(KeyValue::new("http.request.method", method));
            span.set_attribute(KeyValue::new("aibaas.request_id", record.request_id.clone()));
            span.set_attribute(KeyValue::new("aibaas.caller", record.caller.name()));
            if !record.key_decisions.is_empty() {
                span.set_attribute(KeyValue::new("aibaas.api_key_decisions", record.key_decisions.join(" ")));
            }
        }
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// Returns the name of a span before its route is known; unknown methods, which anybody can make up, share one.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "HTTP",
    }
}
