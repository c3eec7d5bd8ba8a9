//! Metrics, for hosts that measure.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing,
};
use futures_util::{StreamExt as _, future::BoxFuture, stream};
use http::{HeaderMap, HeaderValue, header, uri::Authority};
use subtle::ConstantTimeEq as _;

use crate::{
    app::{App, ClientAddress},
    config::{Config, Environment},
    domain::network::names_this_machine,
    http::{
        client::Client,
        problem::{ApiError, INVALID_TOKEN, MISSING_CREDENTIALS},
        request_notes::CallerKind,
    },
};

/// Function that writes what was measured so far, as OpenMetrics text.
pub type WriteMetrics = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// Beginnings of the names of headers that show that a request came through a proxy.
const OF_PROXIES: [&str; 6] = ["cf-", "forwarded", "true-client-ip", "via", "x-forwarded-", "x-real-ip"];

/// Returns `GET /metrics`, for the holder of `METRICS_TOKEN`; where there is none, in development, for this machine
/// alone.
pub fn routes(write: WriteMetrics) -> Router<App> {
    let handler = move |State(app): State<App>, request: Request| answer(Arc::clone(&write), app, request);
    Router::new().route("/metrics", routing::get(handler))
}

async fn answer(write: WriteMetrics, app: App, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let client = Client::of(&parts);
    let peer = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
    client.note(admit(app.config(), &parts.headers, peer)?);
    // A stream of one piece is exempt from the bound on answers: the text has the length that it has, and one reader.
    let text = stream::once(write()).map(Ok::<_, Infallible>);
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], Body::from_stream(text)).into_response())
}

/// Checks that the caller may read the metrics. Behind a proxy of this machine everybody comes from this machine, and
/// so does a page whose name was rebound to it: without a token, a request that shows either is refused.
fn admit(config: &Config, headers: &HeaderMap, client: Option<IpAddr>) -> Result<CallerKind, ApiError> {
    if let Some(token) = &config.metrics_token {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let missing = || ApiError::new(MISSING_CREDENTIALS, "send Authorization: Bearer METRICS_TOKEN");
        let is_it = bool::from(given.ok_or_else(missing)?.as_bytes().ct_eq(token.expose().as_bytes()));
        let wrong = || ApiError::new(INVALID_TOKEN, "this is not METRICS_TOKEN");
        return is_it.then_some(CallerKind::Operator).ok_or_else(wrong);
    }
    // Without such a header, the client that the application knows is the peer of the connection.
    let is_forwarded = headers.keys().any(|name| OF_PROXIES.iter().any(|begins| name.as_str().starts_with(begins)));
    let host = headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let is_by_name = host.is_some_and(|host| names_this_machine(host.host()));
    let is_local = |address: IpAddr| {
        let address = address.to_canonical();
        address.is_loopback() && !config.trusted_proxies.iter().any(|block| block.contains(address))
    };
    let is_production = config.environment == Environment::Production;
    if is_production || is_forwarded || !is_by_name || !client.is_some_and(is_local) {
        return Err(ApiError::not_found("path"));
    }
    Ok(CallerKind::Nobody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HostDefaults;

    #[test]
    fn without_a_token_only_this_machine_is_told() {
        let admitted = |variables: &[(&str, &str)], header: Option<(&str, &str)>, peer: &str| {
            let lookup = |name: &str| {
                variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
            };
            let config = Config::load(&lookup, HostDefaults::development("http://a.example")).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost:8787"));
            if let Some((name, value)) = header {
                headers.insert(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
            }
            admit(&config, &headers, peer.parse().ok()).map_err(|error| match error {
                ApiError::Problem(problem) => problem.code().name(),
                ApiError::Internal(_) => "internal",
            })
        };
        const TOKEN: &str = "a token of sixteen characters";
        let (token, bearer) = ([("METRICS_TOKEN", TOKEN)], format!("Bearer {TOKEN}"));
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.8.8"] {
            assert_eq!(admitted(&[], None, peer), Ok(CallerKind::Nobody), "{peer}");
            assert_eq!(admitted(&[("TRUSTED_PROXIES", "127.0.0.0/8,::1")], None, peer), Err("not_found"), "{peer}");
            for name in ["X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "CF-Connecting-IP", "Forwarded", "Via"] {
                assert_eq!(admitted(&[], Some((name, "127.0.0.1")), peer), Err("not_found"), "{name} {peer}");
            }
            for host in ["evil.example", "evil.example:8787", "192.0.2.1", "localhost.evil.example"] {
                assert_eq!(admitted(&[], Some(("Host", host)), peer), Err("not_found"), "{host} {peer}");
            }
            for host in ["127.0.0.1:8787", "[::1]:8787", "localhost"] {
                assert_eq!(admitted(&[], Some(("Host", host)), peer), Ok(CallerKind::Nobody), "{host} {peer}");
            }
            assert_eq!(admitted(&token, None, peer), Err("missing_credentials"), "{peer}");
        }
        for peer in ["192.0.2.1", "2001:db8::1", "10.0.0.1", "nobody knows"] {
            assert_eq!(admitted(&[], None, peer), Err("not_found"), "{peer}");
            assert_eq!(admitted(&token, Some(("Authorization", &bearer)), peer), Ok(CallerKind::Operator), "{peer}");
            assert_eq!(admitted(&token, Some(("Authorization", "Bearer other")), peer), Err("invalid_token"));
            assert_eq!(admitted(&[], Some(("Authorization", &bearer)), peer), Err("not_found"), "{peer}");
        }
    }
}
