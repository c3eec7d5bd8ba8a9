//! The way to the collector, over our own client: its roots, its timeouts, and no second TLS.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};

use crate::native::http_client;

/// What is read of its answer at most.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Sends spans. It tells the log when the collector begins to fail, and when it takes spans again.
#[derive(Debug)]
pub struct Collector {
    client: reqwest::Client,
    fails: AtomicBool,
}

impl Collector {
    /// With so much time for each batch.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(timeout: Duration) -> Result<Self, String> {
        let client = http_client::builder().timeout(timeout).build().map_err(|error| error.to_string())?;
        Ok(Self { client, fails: AtomicBool::new(false) })
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
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(&format!("it answered {}", answer.status()))),
            Err(error) => self.note(Some(error)),
        }
        answer.map_err(Into::into)
    }
}
