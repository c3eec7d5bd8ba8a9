//! Requests to the API, which are sent again where that may help.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use http::{HeaderMap, StatusCode, header};

/// How often one request is sent again, while the server is not there or has no time.
const RETRIES: usize = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest that a server may ask the client to wait; beyond it, better come back later.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// Returns a builder of clients that trust the roots of the system and the bundled ones (a bare container has none of
/// its own), and follow no redirect.
pub fn client_builder() -> reqwest::ClientBuilder {
    // It fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots =
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|root| reqwest::Certificate::from_der(root).ok());
    reqwest::Client::builder()
        .tls_certs_merge(roots)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("aibaas-client/", env!("CARGO_PKG_VERSION")))
}

/// An answer that is no success, or a request that got none.
#[derive(Debug)]
pub struct ApiError {
    /// The status of the answer.
    pub status: Option<StatusCode>,
    /// The code of the problem (RFC 9457); empty where the answer has none.
    pub code: String,
    /// The members of the request that the problem names.
    pub pointers: Vec<String>,
    /// What went wrong, for people.
    pub reason: String,
    /// How long to wait at least before the request is sent again; none where that cannot help.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// A request that could not be made.
    pub fn unsent(reason: String) -> Self {
        Self { status: None, code: String::new(), pointers: Vec::new(), reason, retry_after: None }
    }

    /// Returns whether the problem names one of these members of the request.
    pub fn points_at(&self, members: &[&str]) -> bool {
        self.pointers.iter().any(|pointer| members.contains(&pointer.as_str()))
    }

    /// A request that got no answer, or not all of it.
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

/// Sends a request until it succeeds, no further try can help, or there were [`RETRIES`]; reports why it waits.
///
/// # Errors
/// The [`ApiError`] of the last try.
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
