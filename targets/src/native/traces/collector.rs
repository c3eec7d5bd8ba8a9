//! HTTP client of the span exporter, which uses our own client: its roots, its timeouts, and no second TLS.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;

use crate::native::http_client;

/// Most bytes that are read of the collector's answer.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Client that sends spans. It logs when the collector begins to fail, and when it accepts spans again.
#[derive(Debug)]
pub struct Collector {
    client: reqwest::Client,
    fails: AtomicBool,
    rejected: Arc<AtomicU64>,
}

impl Collector {
    /// Creates a client with this time limit for each batch. The counter holds how many spans of a batch the collector
    /// rejected while it accepted the others.
    ///
    /// # Errors
    /// A text when TLS cannot be set up.
    pub fn new(timeout: Duration) -> Result<(Self, Arc<AtomicU64>), String> {
        let client = http_client::builder().timeout(timeout).build().map_err(|error| error.to_string())?;
        let rejected = Arc::<AtomicU64>::default();
        Ok((Self { client, fails: AtomicBool::new(false), rejected: Arc::clone(&rejected) }, rejected))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let request = reqwest::Request::try_from(request).map_err(http_client::describe)?;
        let mut answer = self.client.execute(request).await.map_err(http_client::describe)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(http_client::describe)? {
            let room = LARGEST_ANSWER.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if chunk.len() > room {
                break;
            }
        }
        let mut response = Response::new(body.into());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }

    fn note(&self, failure: Option<&str>) {
        let failed = self.fails.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(cause) if !failed => tracing::warn!(cause, "the collector does not take spans, which are dropped"),
            None if failed => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request).await;
        match &answer {
            Ok(answer) if answer.status().is_success() => {
                let rejected = rejected(answer.body());
                self.rejected.store(rejected, Ordering::Relaxed);
                self.note((rejected > 0).then_some("it rejected some of a batch"));
            }
            Ok(answer) => self.note(Some(&format!("it answered {}", answer.status()))),
            Err(error) => self.note(Some(error)),
        }
        answer.map_err(Into::into)
    }
}

/// Returns how many spans of a batch the collector rejected. An answer that cannot be read rejects none.
fn rejected(answer: &Bytes) -> u64 {
    let answer = ExportTraceServiceResponse::decode(answer.clone()).unwrap_or_default();
    answer.partial_success.and_then(|partial| u64::try_from(partial.rejected_spans).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_were_rejected_are_counted() {
        // Field 1 is `partial_success`: its field 1 is how many were rejected, its field 2 why.
        for (answer, count) in [
            (&[][..], 0),
            (&[0x0a, 0x00], 0),
            (&[0x0a, 0x03, 0x08, 0xac, 0x02], 300),
            (&[0x0a, 0x06, 0x08, 0x07, 0x12, 0x02, b'n', b'o'], 7),
            (&[0x0a, 0x04, 0x12, 0x02, b'n', b'o'], 0),
            (&[0xff, 0xff, 0xff], 0),
            (b"{}", 0),
        ] {
            assert_eq!(rejected(&Bytes::from_static(answer)), count, "{answer:?}");
        }
    }
}
