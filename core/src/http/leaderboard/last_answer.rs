//! Public answers that outlive an outage of the database (`stale-if-error`, RFC 5861): the last good answer to a
//! request is cached, and served, marked as stale, while no new one can be made.

use std::pin::pin;

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{OriginalUri, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::future::join;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::{
    api::KEPT_LIMITS,
    caching::{etag, not_modified, tag_of},
    finished::{self, CacheableRequest, NotKept},
    formats,
};
use crate::{
    amended::{AmendedError, LAST_ANSWER_SECONDS, amended_until, known_to_database},
    app::App,
    domain::Timestamp,
    ports::within,
};

/// Age in milliseconds from which an unchanged answer is cached again, so that it does not expire.
const KEEP_AGAIN_MS: u64 = 6 * 3_600_000;
/// Largest body that is kept, in bytes.
const LARGEST: usize = 1 << 20;
/// `Cache-Control` of a stale answer: short, because the next request may get a new one.
const HOLDS: HeaderValue = HeaderValue::from_static("public, max-age=5");
/// The header `Cache-Status` (RFC 9211).
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// For how long an answer is fresh, in seconds, as `caching::MINUTE` says.
const FRESH_SECONDS: i64 = 60;

/// The requests of a route whose last answer is cached. What they ask for has to exist, is a first page of a usual size
/// and is spelt in one way, so that nobody can fill the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachedRoute {
    /// Requests about a slice of a board.
    Board,
    /// Requests about a benchmark.
    OfBenchmark,
    /// Requests without parameters: an unknown benchmark would get a good, empty answer, which must not be cached.
    Path,
}

impl CachedRoute {
    fn may_have(self, name: &str, value: &str) -> bool {
        match name {
            "benchmark" => self != Self::Path && is_canonical(value),
            "version" => self != Self::Path,
            "scenario" | "language" | "difficulty" => self == Self::Board,
            "limit" => self == Self::Board && KEPT_LIMITS.iter().any(|limit| limit.to_string() == value),
            _ => false,
        }
    }

    /// Returns the key of the request; `None` where its last answer is not cached.
    fn answer_key(self, request: &Request) -> Option<AnswerKey> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let uri = request.extensions().get::<OriginalUri>().map_or(request.uri(), |OriginalUri(uri)| uri);
        if !is_canonical(uri.path()) {
            return None;
        }
        let mut parameters =
            serde_urlencoded::from_str::<Vec<(String, String)>>(uri.query().unwrap_or_default()).ok()?;
        parameters.retain(|(_, value)| !value.is_empty());
        let is_usual = parameters.iter().all(|(name, value)| self.may_have(name, value));
        parameters.sort_unstable();
        is_usual.then(|| AnswerKey {
            path: uri.path().to_owned(),
            parameters,
            chosen: formats::chosen(request.headers()),
        })
    }
}

/// Returns whether a path or an id is spelt in the one way of many that is cached: without escapes, and in lower case.
fn is_canonical(name: &str) -> bool {
    !name.bytes().any(|byte| byte == b'%' || byte.is_ascii_uppercase())
}

/// What tells a request whose last answer is cached from others: its path, its parameters in order, and what `Accept`
/// decides.
struct AnswerKey {
    path: String,
    parameters: Vec<(String, String)>,
    chosen: [&'static str; 2],
}

impl AnswerKey {
    /// Returns the key under which the last answer, as this build renders it, is cached.
    fn text(&self) -> String {
        format!("last/{}", tag_of(&(&self.path, &self.parameters, self.chosen)).trim_matches('"'))
    }
}

#[derive(Deserialize, Serialize)]
struct CachedAnswer {
    at: i64,
    tag: String,
    headers: Vec<(String, String)>,
}

/// Answers from memory where nothing has changed. Otherwise it calls the handler and keeps a good answer, or returns
/// the last good one where the handler fails with 503 or is too slow.
pub async fn or_last_answer(State((app, route)): State<(App, CachedRoute)>, request: Request, next: Next) -> Response {
    let cache_key = finished::cache_key(&request);
    if let Some(answer) = cache_key.as_ref().and_then(|key| finished::answer(&app, key, request.headers())) {
        return answer;
    }
    let Some(key) = route.answer_key(&request) else { return next.run(request).await };
    // Taken before the handler reads anything: a commit in between must make the answer count as outdated.
    let cacheable = cache_key.and_then(|key| CacheableRequest::of(&app, key));
    let asked_at = app.now();
    let is_head = request.method() == Method::HEAD;
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let last = async || {
        let known = known.iter().map(|tags| (header::IF_NONE_MATCH, tags.clone())).collect::<HeaderMap>();
        last_answer(&app, &key.text(), &known).await
    };
    let mut answer = pin!(next.run(request));
    let answer = match within(app.ports().timer.as_ref(), app.deadlines().read, answer.as_mut()).await {
        Some(answer) => answer,
        None => match last().await {
            Some(last) => return last,
            None => answer.await,
        },
    };
    match answer.status() {
        StatusCode::SERVICE_UNAVAILABLE => last().await.unwrap_or(answer),
        StatusCode::OK if !is_head => {
            let answer = keep(&app, &key, asked_at, answer).await;
            match cacheable {
                Some(cacheable) => cacheable.keep(&app, answer).await,
                None => answer,
            }
        }
        _ => answer,
    }
}

/// Caches the answer in the background, if it may be kept, and returns it. Where it is cached already, that costs
/// nothing, or one read of the cache.
async fn keep(app: &App, key: &AnswerKey, asked_at: Timestamp, answer: Response) -> Response {
    let is_small = answer.body().size_hint().exact().is_some_and(|size| size <= LARGEST as u64);
    if !is_small || answer.extensions().get::<NotKept>().is_some() {
        return answer;
    }
    let key = key.text();
    let (parts, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    // An answer without an `ETag` is identified by its body.
    let tag = parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.map_or_else(|| etag(&body), str::to_owned);
    if !app.last_answers().is_news(&key, &tag, asked_at) {
        return Response::from_parts(parts, Body::from(body));
    }
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
    let headers = parts.headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)));
    let kept = CachedAnswer { at: asked_at.0, tag, headers: headers.collect() };
    if let Ok(mut value) = serde_json::to_vec(&kept) {
        value.push(b'\n');
        value.extend_from_slice(&body);
        let worker = app.clone();
        app.ports().background.spawn(Box::pin(async move {
            if let Err(error) = put(&worker, &key, &kept, &value).await {
                tracing::warn!(%error, "an answer was not kept for worse times");
                worker.last_answers().forget(&key);
            }
        }));
    }
    Response::from_parts(parts, Body::from(body))
}

/// Writes the answer to the cache, unless an equally good one is there, or this one would not be served.
async fn put(app: &App, key: &str, kept: &CachedAnswer, value: &[u8]) -> Result<(), AmendedError> {
    let cache = &app.ports().key_value;
    let (before, amended) = join(cache.get(key), amended_until(app)).await;
    let (before, amended) = (before?, amended?);
    let amended = match amended {
        Some(amended) => amended,
        // Without it the answer would not be shown.
        None => known_to_database(app).await?,
    };
    if kept.at <= amended.0 {
        // The next answer may be newer than the amendment.
        app.last_answers().forget(key);
        return Ok(());
    }
    let before = before.as_deref().and_then(read).map(|(before, _)| before);
    let is_as_good = before.is_some_and(|before| {
        let age = Timestamp(kept.at).ms_since(Timestamp(before.at));
        before.tag == kept.tag && before.at > amended.0 && age < KEEP_AGAIN_MS
    });
    if is_as_good { Ok(()) } else { Ok(cache.put(key, value, LAST_ANSWER_SECONDS).await?) }
}

fn read(value: &[u8]) -> Option<(CachedAnswer, &[u8])> {
    let end = value.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = value.split_at_checked(end)?;
    Some((serde_json::from_slice(head).ok()?, body.get(1..)?))
}

/// Returns the last good answer, marked as stale with `Cache-Status` (RFC 9211) and `Age`; `None` where none may be
/// served.
async fn last_answer(app: &App, key: &str, headers: &HeaderMap) -> Option<Response> {
    let looked_up = join(app.ports().key_value.get(key), amended_until(app)).await;
    let (value, amended) = match looked_up {
        (Ok(value), Ok(amended)) => (value?, amended?),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "the last answer was not looked up");
            return None;
        }
    };
    let (kept, body) = read(&value)?;
    if kept.at <= amended.0 {
        return None;
    }
    let age = app.now().ms_since(Timestamp(kept.at)) / 1000;
    let has_tag = kept.headers.iter().any(|(name, _)| name == header::ETAG.as_str());
    let known = has_tag.then(|| not_modified(headers, &kept.tag, HOLDS)).flatten();
    let mut answer = known.unwrap_or_else(|| {
        let mut answer = Body::from(body.to_vec()).into_response();
        for (name, value) in &kept.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                answer.headers_mut().append(name, value);
            }
        }
        answer
    });
    let left = FRESH_SECONDS.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX));
    let status = format!("aibaas; hit; ttl={left}; detail=stale-if-error");
    answer.headers_mut().insert(header::CACHE_CONTROL, HOLDS);
    answer.headers_mut().insert(header::AGE, HeaderValue::from(age));
    if let Ok(status) = HeaderValue::try_from(status) {
        answer.headers_mut().insert(CACHE_STATUS, status);
    }
    tracing::warn!(age_seconds = age, "an old answer is shown, because there is no new one");
    Some(answer)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        config::{Config, HostDefaults},
        counting_ports::Counting,
    };

    #[test]
    fn answers_without_a_tag_are_told_apart() {
        let config = Config::load(&|_| None, HostDefaults::development("http://a.example")).unwrap();
        let app = App::new(Arc::new(Counting::default()).ports(), config);
        let request = Request::get("/").body(Body::empty()).unwrap();
        let key = CachedRoute::Path.answer_key(&request).unwrap();
        for body in ["one", "two"] {
            let kept = keep(&app, &key, app.now(), Response::new(body.into())).now_or_never().unwrap();
            assert_eq!(kept.status(), 200);
            assert!(!app.last_answers().is_news(&key.text(), &etag(body.as_bytes()), app.now()), "{body}");
        }
    }

    fn key(route: CachedRoute, uri: &str, accept: Option<&str>) -> Option<String> {
        let mut request = Request::get(uri);
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        route.answer_key(&request.body(Body::empty()).unwrap()).map(|key| key.text())
    }

    #[test]
    fn one_request_has_one_key() {
        let key = |uri, accept| key(CachedRoute::Board, uri, accept);
        let plain = key("/api/v1/leaderboard?benchmark=a&version=1", None);
        assert!(plain.is_some());
        assert_eq!(plain, key("/api/v1/leaderboard?version=1&benchmark=a&scenario=", Some("application/json")));
        assert_ne!(plain, key("/api/v1/leaderboard?benchmark=a&version=1", Some("text/csv")));
        assert_ne!(plain, key("/api/v1/leaderboard?benchmark=a&version=1", Some("text/html,*/*;q=0.8")));
        assert_ne!(plain, key("/leaderboard?benchmark=a&version=1", None));
        assert_ne!(plain, key("/api/v1/leaderboard?benchmark=a", None));
    }

    #[test]
    fn what_anybody_can_make_up_has_no_key() {
        for query in ["q=a", "limit=21", "cursor=a", "snapshot=a", "period=7d", "after=a", "a=b", "sort=cost"] {
            for route in [CachedRoute::Board, CachedRoute::OfBenchmark, CachedRoute::Path] {
                assert_eq!(key(route, &format!("/?{query}"), None), None, "{query}");
            }
        }
        for (query, askable) in [
            ("benchmark=a&version=1", &[CachedRoute::Board, CachedRoute::OfBenchmark][..]),
            ("scenario=a&language=b&difficulty=c&limit=100", &[CachedRoute::Board]),
            ("", &[CachedRoute::Board, CachedRoute::OfBenchmark, CachedRoute::Path]),
        ] {
            for route in [CachedRoute::Board, CachedRoute::OfBenchmark, CachedRoute::Path] {
                let key = key(route, &format!("/?{query}"), None);
                assert_eq!(key.is_some(), askable.contains(&route), "{route:?}: {query}");
            }
        }
        // Each is answered like the one that is kept.
        for uri in ["/models/a/%62", "/models/a/B", "/%6Dodels/a/b", "/leaderboard?benchmark=A"] {
            assert_eq!(key(CachedRoute::Board, uri, None), None, "{uri}");
        }
        let post = Request::post("/api/v1/leaderboard").body(Body::empty()).unwrap();
        assert!(CachedRoute::Board.answer_key(&post).is_none());
    }
}
