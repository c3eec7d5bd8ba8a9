use async_trait::async_trait;

use crate::domain::Secret;

/// Outbound requests, to the hosts that the deployment allows.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends the request and reads the whole answer (at most 1 MiB of it), whatever its status; does not
    /// follow redirects.
    ///
    /// # Errors
    /// [`HttpError`] when there is no answer within `timeout_ms`.
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError>;
}

/// A request to another server.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    /// `GET`, `POST`, …
    pub method: http::Method,
    /// An absolute `https` URL (or `http`, to this machine, in development).
    pub url: String,
    /// Header names in lower case; the values may hold credentials.
    pub headers: Vec<(&'static str, Secret)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// How long to wait for the whole answer, in milliseconds.
    pub timeout_ms: u32,
}

/// What the other server said.
#[derive(Clone, Debug)]
pub struct OutboundResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// No answer came.
#[derive(Clone, Debug, thiserror::Error)]
#[error("outbound request: {0}")]
pub struct HttpError(pub String);
