//! Request limits, told in the headers of draft-ietf-httpapi-ratelimit-headers.

use http::{Extensions, HeaderName, HeaderValue};

use super::{
    envelope::AnswerHeaders,
    problem::{ApiError, Problem, TOO_MANY_REQUESTS},
};
use crate::{
    app::{App, ClientAddress},
    domain::network::Network,
    ports::Limit,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Counts one request against a limit that the client's network has on its own.
///
/// # Errors
/// `too_many_requests`; a fault where the counter is down.
pub async fn admit_client(app: &App, extensions: &Extensions, limit: &Limit) -> Result<(), ApiError> {
    let network = extensions.get::<ClientAddress>().map(|ClientAddress(address)| Network::of_client(*address).to_string());
    let subject = format!("{}:{}", limit.name, network.as_deref().unwrap_or("unknown"));
    admit(app, extensions, &subject, limit.clone()).await
}

/// Counts one request against a limit of the subject, and tells in the answer's headers where it stands.
///
/// # Errors
/// As [`admit_client`].
pub async fn admit(app: &App, extensions: &Extensions, subject: &str, limit: Limit) -> Result<(), ApiError> {
    let admission = app.ports().rate_limiter.admit(subject, std::slice::from_ref(&limit), 1, app.now()).await?;
    let state = admission.states.first().ok_or_else(|| ApiError::internal("the limiter told no state"))?;
    let reset_seconds = state.reset_after_ms.div_ceil(1000);
    let name = &limit.name;
    if let Some(headers) = extensions.get::<AnswerHeaders>() {
        let policy = format!("\"{name}\";q={};w={}", limit.limit, limit.window_seconds);
        let now = format!("\"{name}\";r={};t={reset_seconds}", state.remaining);
        for (header, value) in [(POLICY, policy), (STATE, now)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(header, value);
            }
        }
    }
    if admission.allowed {
        return Ok(());
    }
    let detail = format!("at most {} requests in {} seconds", limit.limit, limit.window_seconds);
    Err(Problem::new(TOO_MANY_REQUESTS, detail).retry_after(reset_seconds.max(1)).into())
}
