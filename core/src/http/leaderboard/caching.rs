//! `Cache-Control` and `ETag` of public answers (RFC 9110, RFC 9111).

use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    response::{IntoResponse as _, Response},
};
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use crate::{http::problem::ApiError, store::leaderboard::Scope};

/// `Cache-Control` of most public reads: a publication is visible everywhere within a minute.
pub const MINUTE: HeaderValue =
    HeaderValue::from_static("public, max-age=60, stale-while-revalidate=300, stale-if-error=86400");
/// `Cache-Control` of answers that may be stored, but are revalidated at each use.
pub const REVALIDATED: HeaderValue = HeaderValue::from_static("public, no-cache");
/// `Cache-Control` of answers that are polled for news: fresh for five seconds.
pub const SECONDS: HeaderValue = HeaderValue::from_static("public, max-age=5");

/// Fingerprint of the sources that render answers. Cache keys, and tags that are known before rendering, include it,
/// because another build may render the same rows differently.
pub const BUILD: &str = env!("AIBAAS_SOURCES");

/// Computes the `ETag` of an answer from its body, or from everything that determines it (see [`tag_of`]).
#[must_use]
pub fn etag(of: &[u8]) -> String {
    let hash = Sha256::digest(of);
    let (half, _) = hash.split_at(16);
    format!("\"{}\"", HEXLOWER.encode(half))
}

/// Returns a 304 where `If-None-Match` says that the client has the answer with this tag already.
#[must_use]
pub fn not_modified(headers: &HeaderMap, tag: &str, holds: HeaderValue) -> Option<Response> {
    let same = is_known(&known_tags(headers), tag);
    same.then(|| cacheable(StatusCode::NOT_MODIFIED.into_response(), tag, holds))
}

/// Returns the values of `If-None-Match`.
fn known_tags(headers: &HeaderMap) -> Vec<HeaderValue> {
    headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect()
}

/// Checks whether `If-None-Match` names this tag (RFC 9110, 13.1.2: weak comparison, a list, or `*`).
fn is_known(known: &[HeaderValue], tag: &str) -> bool {
    let known = known.iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    known.any(|known| known == tag || known == "*")
}

/// Adds an `ETag` of the body to the answer to a `GET` or a `HEAD` that has none, or answers 304 where the client has it.
/// Where the handler set no `Cache-Control`, the answer is revalidated at each use. The answer to a `HEAD` has its body here
/// (RFC 9110, 9.3.2: its headers are those of the `GET`); the router drops it afterwards.
pub async fn tagged<F: Future<Output = Response>>(request: Request, read: impl FnOnce(Request) -> F) -> Response {
    let known = matches!(*request.method(), Method::GET | Method::HEAD).then(|| known_tags(request.headers()));
    let response = read(request).await;
    match known {
        Some(known) => with_tag(response, &known).await,
        None => response,
    }
}

async fn with_tag(response: Response, known: &[HeaderValue]) -> Response {
    let whole = response.status() == StatusCode::OK && response.body().size_hint().exact().is_some();
    if !whole || response.headers().contains_key(header::ETAG) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return ApiError::internal("an answer's body could not be read").into_response();
    };
    let tag = etag(&body);
    let holds = parts.headers.get(header::CACHE_CONTROL).cloned().unwrap_or(REVALIDATED);
    let mut response = Response::from_parts(parts, Body::from(body));
    if is_known(known, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    cacheable(response, &tag, holds)
}

/// Sets the `ETag` and the `Cache-Control` of an answer.
#[must_use]
pub fn cacheable(mut response: Response, tag: &str, holds: HeaderValue) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, holds);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Computes the `ETag` of an answer of this name that a board's snapshot determines, with its amendments and `more`. There
/// is none where nothing is published: until then the version may be declared anew.
#[must_use]
pub fn tag_of_snapshot(name: &str, scope: &Scope, more: &impl serde::Serialize) -> Option<String> {
    let snapshot = &scope.snapshot.as_ref()?.id;
    Some(tag_of(&(name, snapshot, &scope.benchmark, &scope.version, scope.amendments, more)))
}

/// Sets the `Cache-Control` of an answer, and the `ETag` where it is known. Else [`tagged`] makes one of the body.
#[must_use]
pub fn lasting(mut response: Response, tag: Option<&str>, holds: HeaderValue) -> Response {
    match tag {
        Some(tag) => cacheable(response, tag, holds),
        None => {
            response.headers_mut().insert(header::CACHE_CONTROL, holds);
            response
        }
    }
}

/// Computes the `ETag` of an answer that depends only on `what` and on the build that renders it. The first part of
/// `what` names the answer.
#[must_use]
pub fn tag_of(what: &impl serde::Serialize) -> String {
    tag_by(BUILD, what)
}

fn tag_by(build: &str, what: &impl serde::Serialize) -> String {
    etag(serde_json::json!([build, what]).to_string().as_bytes())
}

/// Creates the answer with this body and its `ETag`, or a 304 where the client has it.
#[must_use]
pub fn answer(headers: &HeaderMap, media_type: &'static str, body: String, holds: HeaderValue) -> Response {
    let tag = etag(body.as_bytes());
    not_modified(headers, &tag, holds.clone()).unwrap_or_else(|| {
        let mut response = body.into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        cacheable(response, &tag, holds)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_has_another_tag() {
        let what = ("pareto", "01939f40-02b7-7a11-9c55-6d7e8f901234", [None::<&str>; 3]);
        assert!(BUILD.len() == 16 && BUILD.bytes().all(|digit| digit.is_ascii_hexdigit()), "{BUILD}");
        assert_eq!(tag_of(&what), tag_by(BUILD, &what));
        assert_ne!(tag_by("0000000000000001", &what), tag_by("0000000000000002", &what));
    }
}
