//! Finished answers to public reads, in the memory of this instance: while the database reports that nothing was
//! committed since an answer was made, the same request gets the same bytes, and nothing is read or written for it.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{OriginalUri, Request},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::{caching, formats};
use crate::{app::App, memory::FinishedAnswer};

/// Largest body that is kept, in bytes.
const LARGEST: usize = 1 << 20;
/// How long an answer is reused, in milliseconds. It is made anew after that, so that its copy in the cache for outages
/// (`last_answer`) does not expire.
const KEPT_MS: u64 = 3_600_000;
/// Headers of the kept answer that a 304 repeats (RFC 9110, 15.4.5).
const OF_NOT_MODIFIED: [HeaderName; 3] = [header::CACHE_CONTROL, header::ETAG, header::VARY];

/// Marks an answer that is not kept, because anybody could make up any number of such requests.
#[derive(Clone, Copy)]
pub struct NotKept;

/// Returns everything of a reading request that an answer may depend on, and nothing that tells who asks; `None` unless
/// the method is `GET` or `HEAD`. The target stays as it was sent, because links to other pages repeat it.
pub fn cache_key(request: &Request) -> Option<String> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let uri = request.extensions().get::<OriginalUri>().map_or(request.uri(), |OriginalUri(uri)| uri);
    let [rows, page] = formats::chosen(request.headers());
    Some([rows, " ", page, " ", uri.path_and_query()?.as_str()].concat())
}

/// Returns the kept answer, or a 304 where the client has it; `None` where it is too old or the database has changed.
pub fn answer(app: &App, cache_key: &str, headers: &HeaderMap) -> Option<Response> {
    let finished = app.finished_answers().get(cache_key)?;
    let is_current = app.now().ms_since(finished.at) < KEPT_MS && app.database().version() == Some(finished.version);
    is_current.then(|| sent(&finished, headers))
}

/// A request whose answer may be kept, once it is made.
pub struct CacheableRequest {
    cache_key: String,
    version: i64,
}

impl CacheableRequest {
    /// Prepares to keep the answer that is made from now on; `None` where the host cannot tell whether the database
    /// changes.
    pub fn of(app: &App, cache_key: String) -> Option<Self> {
        let version = app.database().version()?;
        Some(Self { cache_key, version })
    }

    /// Keeps a 200 answer that has an `ETag`, is not too large and is not marked [`NotKept`]; returns the answer either
    /// way.
    pub async fn keep(self, app: &App, answer: Response) -> Response {
        let is_small = answer.body().size_hint().exact().is_some_and(|size| size <= LARGEST as u64);
        let may_be_kept = answer.status() == StatusCode::OK && answer.extensions().get::<NotKept>().is_none();
        if !is_small || !may_be_kept || !answer.headers().contains_key(header::ETAG) {
            return answer;
        }
        let (parts, body) = answer.into_parts();
        let Ok(body) = to_bytes(body, LARGEST).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let headers = parts.headers.iter().map(|(name, value)| name.as_str().len().saturating_add(value.len()));
        let bytes = [self.cache_key.len(), body.len()].into_iter().chain(headers).fold(0, usize::saturating_add);
        let finished =
            FinishedAnswer { version: self.version, at: app.now(), headers: parts.headers.clone(), body: body.clone() };
        app.finished_answers().put(self.cache_key, Arc::new(finished), bytes);
        Response::from_parts(parts, Body::from(body))
    }
}

fn sent(finished: &FinishedAnswer, headers: &HeaderMap) -> Response {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let tag = finished.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
        if let Some(mut not_modified) = caching::not_modified(headers, tag, caching::REVALIDATED) {
            let told = finished.headers.iter().filter(|(name, _)| OF_NOT_MODIFIED.contains(name));
            *not_modified.headers_mut() = told.map(|(name, value)| (name.clone(), value.clone())).collect();
            return not_modified;
        }
    }
    let mut answer = Response::new(Body::from(finished.body.clone()));
    *answer.headers_mut() = finished.headers.clone();
    answer
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;
    use crate::domain::Timestamp;

    fn key_of(method: Method, uri: &str, accept: &str) -> Option<String> {
        let request = Request::builder().method(method).uri(uri).header("accept", accept);
        cache_key(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn what_an_answer_depends_on_is_told_apart_and_nothing_else() {
        let get = |uri, accept| key_of(Method::GET, uri, accept).unwrap();
        let plain = get("/api/v1/leaderboard?benchmark=a&version=1", "*/*");
        assert_eq!(plain, get("/api/v1/leaderboard?benchmark=a&version=1", "application/json"));
        assert_eq!(Some(plain.clone()), key_of(Method::HEAD, "/api/v1/leaderboard?benchmark=a&version=1", "*/*"));
        for (uri, accept) in [
            ("/api/v1/leaderboard?benchmark=a&version=1", "text/csv"),
            ("/api/v1/leaderboard?benchmark=a&version=1", "text/html,*/*;q=0.8"),
            // The link to its next page repeats the query as it was sent.
            ("/api/v1/leaderboard?version=1&benchmark=a", "*/*"),
            ("/api/v1/leaderboard?benchmark=a", "*/*"),
            ("/leaderboard?benchmark=a&version=1", "*/*"),
        ] {
            assert_ne!(plain, get(uri, accept), "{uri} {accept}");
        }
        assert_eq!(key_of(Method::POST, "/api/v1/leaderboard", "*/*"), None);
    }

    fn finished() -> FinishedAnswer {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::ETAG, "\"a\""),
            (header::CACHE_CONTROL, "public, max-age=60"),
            (header::VARY, "Accept"),
            (header::CONTENT_TYPE, "application/json"),
            (header::LINK, "<?cursor=a>; rel=\"next\""),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        FinishedAnswer { version: 1, at: Timestamp(0), headers, body: Bytes::from_static(b"{}") }
    }

    #[test]
    fn who_has_the_answer_hears_so() {
        let answer = |known: Option<&'static str>| {
            let known = known.map(|tag| (header::IF_NONE_MATCH, HeaderValue::from_static(tag)));
            sent(&finished(), &known.into_iter().collect())
        };
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            let not_modified = answer(Some(known));
            assert_eq!(not_modified.status(), 304, "{known}");
            let names = not_modified.headers().keys().map(HeaderName::as_str).collect::<Vec<_>>();
            assert_eq!(names, ["etag", "cache-control", "vary"]);
            assert_eq!(not_modified.body().size_hint().exact(), Some(0));
        }
        for known in [None, Some("\"b\"")] {
            let whole = answer(known);
            assert_eq!((whole.status(), whole.headers()), (StatusCode::OK, &finished().headers));
            assert_eq!(whole.body().size_hint().exact(), Some(2));
        }
    }
}
