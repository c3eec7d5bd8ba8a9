//! Requests to the API, with retries where they may help.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

/// Most retries of one request, while the server is down or overloaded.
const RETRIES: usize = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest wait that a server may ask for; beyond it, the command fails rather than wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Returns a builder of clients that trust the roots of the system and the bundled ones (a bare container has none of
/// its own), and follow no redirect.
pub fn client_builder() -> reqwest::ClientBuilder {
    // This fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots =
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|root| reqwest::Certificate::from_der(root).ok());
    reqwest::Client::builder()
        .tls_certs_merge(roots)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("aibaas-client/", env!("CARGO_PKG_VERSION")))
}

/// Body of a problem (RFC 9457), as far as it is read. It is not the server's type: proxies answer with less, and later
/// servers with codes that this program does not know.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Problem {
    pub code: Option<String>,
    pub detail: Option<String>,
    pub errors: Vec<ProblemError>,
}

/// Invalid member of a request.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ProblemError {
    pub pointer: String,
    pub detail: String,
}

impl Problem {
    /// Reads a body; one that is no problem tells nothing.
    pub fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }
}

/// Failure of a request: an answer that is not a success, or no answer.
#[derive(Debug)]
pub struct ApiError {
    /// Status of the answer, if there was one.
    pub status: Option<StatusCode>,
    /// Code of the problem (RFC 9457); empty where the answer has none.
    pub code: String,
    /// Members of the request that the problem names.
    pub pointers: Vec<String>,
    /// Description of the failure for people.
    pub reason: String,
    /// Shortest wait before a retry; `None` where a retry cannot help.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// Creates the error of a request that could not be sent; a retry cannot help.
    pub fn unsent(reason: String) -> Self {
        Self { status: None, code: String::new(), pointers: Vec::new(), reason, retry_after: None }
    }

    /// Checks whether the problem names one of these members of the request.
    pub fn points_at(&self, members: &[&str]) -> bool {
        self.pointers.iter().any(|pointer| members.contains(&pointer.as_str()))
    }

    /// Creates the error of a request that got no answer, or not all of it; it may be retried at once.
    pub fn unanswered(error: reqwest::Error) -> Self {
        Self { retry_after: Some(Duration::ZERO), ..Self::unsent(describe(error)) }
    }
}

impl From<ApiError> for String {
    fn from(error: ApiError) -> Self {
        error.reason
    }
}

/// Describes the error with the cause that reqwest's own text hides, and without the address.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Returns how long the server asks to wait, in whole seconds.
pub fn retry_after(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    seconds.map_or(Duration::ZERO, Duration::from_secs)
}

/// Sends a request until it succeeds, no further attempt can help, or there were [`RETRIES`] retries; reports why it
/// waits.
///
/// # Errors
/// The [`ApiError`] of the last attempt.
pub async fn with_retries<T, S: Future<Output = Result<T, ApiError>>>(
    report: &dyn Fn(&str),
    send: impl FnMut() -> S,
) -> Result<T, ApiError> {
    let pauses = ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_max_times(RETRIES);
    send.retry(pauses)
        .when(|error| error.retry_after.is_some_and(|asked| asked <= LONGEST_PAUSE))
        .adjust(|error, pause| pause.map(|pause| pause.max(error.retry_after.unwrap_or_default())))
        .notify(|error, pause| report(&format!("waiting {} s: {}", pause.as_secs_f32().ceil(), error.reason)))
        .await
}
