//! Ports with a span for each call that a request makes. Spans do not hold the details: no statement's parameters, and
//! no address beyond the name of a host.

use std::sync::Arc;

use aibaas_core::{
    domain::{
        Secret,
        password_hash::{HashError, HashJob, HashOutcome},
    },
    ports::{
        Database, DatabaseError, HttpClient, HttpError, OutboundRequest, OutboundResponse, PasswordHasher, Rows,
        Statement, current_trace,
    },
};
use async_trait::async_trait;
use axum::http::Uri;
use opentelemetry::{
    KeyValue,
    trace::{Span as _, SpanKind, Status},
};
use opentelemetry_sdk::trace::Span;

use super::{Traces, parent_of};

/// A port whose calls are spans.
pub struct Traced<P: ?Sized> {
    pub port: Arc<P>,
    pub traces: Traces,
}

/// Ends the span of a call, with the call's outcome.
fn ended<T, E>(span: Option<Span>, outcome: Result<T, E>) -> Result<T, E> {
    if let Some(mut span) = span {
        if outcome.is_err() {
            span.set_status(Status::error(""));
        }
        span.end();
    }
    outcome
}

#[async_trait]
impl Database for Traced<dyn Database> {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        let span = self.of_batch(std::slice::from_ref(&statement));
        ended(span, self.port.query(statement).await)
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        let span = self.of_batch(&statements);
        ended(span, self.port.batch(statements).await)
    }

    async fn check(&self) -> Result<(), DatabaseError> {
        self.port.check().await
    }

    fn version(&self) -> Option<i64> {
        self.port.version()
    }
}

impl Traced<dyn Database> {
    fn of_batch(&self, statements: &[Statement]) -> Option<Span> {
        let reads = statements.iter().all(Statement::is_read);
        let mut span = self.traces.child(if reads { "database read" } else { "database write" }, SpanKind::Client)?;
        span.set_attribute(KeyValue::new("db.system.name", "sqlite"));
        span.set_attribute(KeyValue::new(
            "db.operation.batch.size",
            i64::try_from(statements.len()).unwrap_or(i64::MAX),
        ));
        Some(span)
    }
}

#[async_trait]
impl PasswordHasher for Traced<dyn PasswordHasher> {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        let span = self.traces.child("password hash", SpanKind::Internal);
        ended(span, self.port.run(job).await)
    }
}

#[async_trait]
impl HttpClient for Traced<dyn HttpClient> {
    async fn send(&self, mut request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        // Requests outside of a trace, such as those of mail, have no such header.
        let header = request.headers.iter_mut().find(|(name, _)| *name == "traceparent");
        let Some((header, mut span)) = header.zip(self.traces.child("outbound request", SpanKind::Client)) else {
            return self.port.send(request).await;
        };
        header.1 = Secret::new(parent_of(&span, current_trace()).to_string());
        span.set_attribute(KeyValue::new("http.request.method", request.method.to_string()));
        if let Some(host) = request.url.parse::<Uri>().ok().as_ref().and_then(Uri::host) {
            span.set_attribute(KeyValue::new("server.address", host.to_owned()));
        }
        let outcome = self.port.send(request).await;
        if let Ok(answer) = &outcome {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(answer.status)));
        }
        ended(Some(span), outcome)
    }
}
