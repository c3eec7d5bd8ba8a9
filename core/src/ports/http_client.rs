use async_trait::async_trait;

use crate::domain::Secret;

/// Outbound requests, to the hosts that the deployment allows.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends the request and reads the whole answer (at most 1 MiB of it), whatever its status. Does not follow
    /// redirects.
    ///
    /// # Errors
    /// [`HttpError`] when there is no answer within `timeout_ms`.
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError>;
}

/// Origin of the address that a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A service that the deployment configures.
    Configured,
    /// An address that a stranger named. A host that resolves names itself connects to public addresses only
    /// ([`is_public`](crate::domain::network::is_public)), whatever a name resolves to at that moment, through no
    /// proxy, and reads nothing of the answer but its head.
    Stranger,
}

/// A request to another server.
#[derive(Clone, Debug)]
pub struct OutboundRequest {
    /// Whether the deployment or a stranger named the address.
    pub destination: Destination,
    /// Method, such as `GET` or `POST`.
    pub method: http::Method,
    /// Absolute `https` URL (or `http`, to this machine, in development).
    pub url: String,
    /// Headers, names in lower case; the values may hold credentials.
    pub headers: Vec<(&'static str, Secret)>,
    /// Whole body.
    pub body: Vec<u8>,
    /// Time limit for the whole answer, in milliseconds.
    pub timeout_ms: u32,
}

/// Answer of another server.
#[derive(Clone, Debug)]
pub struct OutboundResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body, at most 1 MiB.
    pub body: Vec<u8>,
}

/// Failure to get any answer, with the reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("outbound request: {0}")]
pub struct HttpError(pub String);
