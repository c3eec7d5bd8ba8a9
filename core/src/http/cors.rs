//! CORS (Fetch Standard): the origins that the configuration allows may call with credentials; any other origin may
//! read what is public, without credentials.

use axum::extract::Request;
use http::{Extensions, HeaderMap, HeaderValue, Method, header};

use super::{
    problem::{ApiError, METHOD_NOT_ALLOWED},
    request_notes::RequestNotes,
};
use crate::app::App;

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Type, Authorization, X-API-Key, Idempotency-Key, X-Request-Id, If-None-Match, If-Modified-Since, \
     Cache-Control, traceparent",
);
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, ETag, Link, Age, Cache-Status, Idempotent-Replayed",
);

/// Checks whether the request is a CORS preflight.
pub fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets pages of any origin see the answer to a public read, whatever it is.
pub fn open_to_any_origin(request: &Request) {
    if request.headers().contains_key(header::ORIGIN) {
        allow_any_origin(request.extensions());
    }
}

/// Answers methods that the path of a public read does not have. Among them are preflights: those of a read are allowed
/// to pages of any origin.
pub async fn no_such_method_of_read(request: Request) -> ApiError {
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
    if is_preflight(&request) && matches!(wanted, Some(b"GET" | b"HEAD")) {
        allow_any_origin(request.extensions());
    }
    no_such_method().await
}

/// Answers paths of the API that do not exist.
pub async fn no_such_path() -> ApiError {
    ApiError::not_found("path")
}

/// Answers methods that a path does not have.
pub async fn no_such_method() -> ApiError {
    ApiError::new(METHOD_NOT_ALLOWED, "see the Allow header")
}

fn allow_any_origin(of_request: &Extensions) {
    if let Some(notes) = of_request.get::<RequestNotes>() {
        notes.append(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
}

/// Adds `Origin` to `Vary` and joins all values in one header: hosts that write headers by name are slower where a name
/// comes twice.
fn vary_by_origin(headers: &mut HeaderMap) {
    const ORIGIN: &str = "Origin";
    let values = headers.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok()).chain([ORIGIN]);
    let values = values.collect::<Vec<_>>();
    let value = match &values[..] {
        [_] => HeaderValue::from_static(ORIGIN),
        ["Accept", _] => HeaderValue::from_static("Accept, Origin"),
        _ => HeaderValue::from_str(&values.join(", ")).unwrap_or(HeaderValue::from_static("*")),
    };
    headers.insert(header::VARY, value);
}

/// Allows the configured origins, and adds the other CORS headers where the page may see the answer.
pub fn complete(app: &App, headers: &mut HeaderMap, origin: Option<HeaderValue>, is_preflight: bool) {
    vary_by_origin(headers);
    let Some(origin) = origin else { return };
    if app.config().allows_origin(origin.as_bytes()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    } else if !headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    if is_preflight {
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

    #[test]
    fn what_an_answer_depends_on_is_one_line() {
        let vary = |before: &[&'static str]| {
            let before = before.iter().map(|value| (header::VARY, HeaderValue::from_static(value)));
            let mut headers = HeaderMap::new();
            before.for_each(|(name, value)| _ = headers.append(name, value));
            vary_by_origin(&mut headers);
            let after = headers.get_all(header::VARY).iter().map(|value| value.to_str().unwrap());
            after.collect::<Vec<_>>().join(" and ")
        };
        assert_eq!(vary(&[]), "Origin");
        assert_eq!(vary(&["Accept"]), "Accept, Origin");
        assert_eq!(vary(&["Accept", "Authorization, X-API-Key"]), "Accept, Authorization, X-API-Key, Origin");
    }
}
