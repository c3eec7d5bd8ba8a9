//! What surrounds every answer: request id, security headers, CORS, and the body of a problem.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};

use super::{
    deadline::answer_in_time,
    leaderboard::caching,
    problem::{ApiError, MALFORMED_REQUEST, Problem},
};
use crate::{
    app::{App, ClientAddress},
    config::Config,
    domain::api_key::looks_like_key,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Authorization, X-API-Key, Idempotency-Key, X-Request-Id, If-None-Match, If-Modified-Since, \
     Cache-Control, traceparent",
);
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, ETag, Link, Idempotent-Replayed");

/// Headers that something deep in a request wants on its answer, whatever the answer (rate limits).
#[derive(Clone, Default)]
pub struct AnswerHeaders(Arc<Mutex<HeaderMap>>);

impl AnswerHeaders {
    /// Adds a header.
    pub fn append(&self, name: HeaderName, value: HeaderValue) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(name, value);
    }
}

/// Puts the answer into its envelope.
pub async fn envelope(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let request_id = request_id(&app, request.headers());
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asked = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
    let preflight = request.method() == Method::OPTIONS && origin.is_some() && asked.is_some();
    let method = asked.filter(|_| preflight).unwrap_or(request.method().as_str().as_bytes());
    let public = matches!(method, b"GET" | b"HEAD") && is_public(request.uri().path());

    if let Some(address) = client_address(app.config(), request.headers(), request.extensions().get().copied()) {
        request.extensions_mut().insert(address);
    }
    let known = (public && request.method() == Method::GET).then(|| caching::known_tags(request.headers()));
    let noted = AnswerHeaders::default();
    request.extensions_mut().insert(noted.clone());
    let mut response = if !names_one_host(&request) {
        ApiError::new(MALFORMED_REQUEST, "a request has exactly one Host header").into_response()
    } else if preflight {
        no_content()
    } else {
        answer_in_time(&app, request, next).await
    };
    if let Some(known) = known {
        response = caching::tagged(response, &known).await;
    }

    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if let Some(cause) = problem.cause() {
            log::error!("request {request_id}: {cause}");
        }
        *response.body_mut() = Body::from(problem.body(&app.config().base_url, &request_id).to_string());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    headers.extend(std::mem::take(&mut *noted.0.lock().unwrap_or_else(PoisonError::into_inner)));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    cross_origin(&app, headers, origin, public, preflight);
    response
}

/// RFC 9112, 3.2. Where the host hands over an absolute URI, it has looked itself.
fn names_one_host(request: &Request) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.uri().authority().is_some()) || request.version() < Version::HTTP_11
}

/// The client that trusted proxies told of. Of `X-Forwarded-For` only what they wrote counts: from the right, up to
/// the first address that is not one of theirs.
fn client_address(config: &Config, headers: &HeaderMap, peer: Option<ClientAddress>) -> Option<ClientAddress> {
    let trusted = |address: IpAddr| config.trusted_proxies.iter().any(|block| block.contains(address));
    let ClientAddress(mut address) = peer.filter(|ClientAddress(peer)| trusted(*peer))?;
    let told = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    for hop in told.flat_map(|value| value.split(',')).collect::<Vec<_>>().into_iter().rev() {
        match hop.trim().parse() {
            Ok(hop) if trusted(address) => address = hop,
            _ => break,
        }
    }
    Some(ClientAddress(address))
}

/// The caller's id where it is a sane token, and no key in the wrong header, else a new one.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && !looks_like_key(id)
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(|| app.new_id(), str::to_owned)
}

/// What anyone may read, from any page, without credentials.
fn is_public(path: &str) -> bool {
    let Some(path) = path.strip_prefix("/api/v1/") else {
        return matches!(path, "/.well-known/jwks.json" | "/openapi.json");
    };
    ["leaderboard", "models", "benchmarks", "runs", "changes", "badges", "export"]
        .iter()
        .any(|public| path.strip_prefix(public).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.'])))
}

fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// CORS: exact origins with credentials; public reads for any origin, without.
fn cross_origin(app: &App, headers: &mut HeaderMap, origin: Option<HeaderValue>, public: bool, preflight: bool) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    if app.config().cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else if public {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        return;
    }
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, HostDefaults};

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let told = |peer: &str, forwarded: &[&str]| {
            let lookup = |name: &str| (name == "TRUSTED_PROXIES").then(|| "10.0.0.0/8, ::1".to_owned());
            let defaults = HostDefaults {
                environment: Environment::Development,
                base_url: "http://a.example".to_owned(),
                most_hash_memory_kib: 65_536,
            };
            let config = Config::load(&lookup, defaults).unwrap();
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
            }
            let address = client_address(&config, &headers, Some(ClientAddress(peer.parse().unwrap())));
            address.map(|ClientAddress(address)| address.to_string())
        };
        let of = |address: &str| Some(address.to_owned());
        assert_eq!(told("192.0.2.1", &["198.51.100.7"]), None, "anyone can send the header");
        assert_eq!(told("10.0.0.1", &["198.51.100.7"]), of("198.51.100.7"));
        assert_eq!(told("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), of("198.51.100.7"), "the client wrote the rest");
        assert_eq!(told("::1", &["203.0.113.9, 198.51.100.7", "10.1.1.1"]), of("198.51.100.7"));
        assert_eq!(told("10.0.0.1", &[]), of("10.0.0.1"));
        assert_eq!(told("10.0.0.1", &["nonsense"]), of("10.0.0.1"));
    }
}
