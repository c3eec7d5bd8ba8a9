//! Which pages of other origins may call (the CORS protocol of the Fetch Standard): those that the configuration allows,
//! with credentials; any other reads what is public, without.

use axum::{extract::Request, middleware::Next, response::Response};
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

/// Whether a browser asks, before it sends the request itself.
pub fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The layer of public reads: pages of any origin may see the answer, whatever it is.
pub async fn any_origin(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::ORIGIN) {
        allow_any_origin(request.extensions());
    }
    next.run(request).await
}

/// Answers methods that the path of a public read does not have. Among them are preflights, and those of a read are
/// allowed to pages of any origin.
pub async fn no_such_method_of_read(request: Request) -> ApiError {
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
    if is_preflight(&request) && matches!(wanted, Some(b"GET" | b"HEAD")) {
        allow_any_origin(request.extensions());
    }
    no_such_method().await
}

/// Answers paths of the API that are none.
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

/// Allows the configured origins, and tells what else a page needs to know where it may see the answer.
pub fn complete(app: &App, headers: &mut HeaderMap, origin: Option<HeaderValue>, is_preflight: bool) {
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
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
