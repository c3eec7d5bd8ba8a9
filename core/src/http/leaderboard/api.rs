use std::cmp::Ordering;

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::board::{Board, RowBody, Wanted};
use crate::{
    app::App,
    http::{
        page::{next_link, page_size, read_cursor, write_cursor},
        problem::ApiError,
        request::Query,
    },
    ports::Timestamp,
};

const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=60, stale-while-revalidate=300");
/// How long the answers of an immutable snapshot are kept.
const KEPT_SECONDS: u32 = 3600;
const DAY_SECONDS: i64 = 86_400;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    benchmark: Option<String>,
    version: Option<String>,
    snapshot: Option<String>,
    scenario: Option<String>,
    language: Option<String>,
    difficulty: Option<String>,
    provider: Option<String>,
    q: Option<String>,
    #[serde(default)]
    period: Period,
    #[serde(default)]
    sort: Sort,
    order: Option<Order>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Period {
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
    #[default]
    #[serde(rename = "all")]
    All,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sort {
    #[default]
    Rank,
    Score,
    Cost,
    Latency,
    Date,
    Model,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

/// A page of the leaderboard. Slices (scenario, language, difficulty) are ranked on their own; provider, text and
/// period only choose rows, which keep their ranks. A cursor stays with the snapshot that it began on.
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_size(parameters.limit)?;
    let (snapshot, start) = match read_cursor::<(String, usize)>(parameters.cursor.as_deref())? {
        Some((snapshot, start)) => (Some(snapshot), start),
        None => (parameters.snapshot.clone(), 0),
    };
    let wanted = Wanted {
        benchmark: parameters.benchmark.as_deref(),
        version: parameters.version.as_deref(),
        snapshot: snapshot.as_deref(),
    };
    let scope = wanted.find(&app).await?.ok_or_else(|| ApiError::not_found("leaderboard"))?;

    // What depends on nothing but the snapshot never changes: it can be kept, and its ETag is known beforehand.
    // Only whole first pages are kept: what anyone can make up more of would fill the cache.
    let immutable = parameters.is_whole() && start == 0;
    let snapshot_id = scope.snapshot.as_ref().map(|snapshot| snapshot.id.clone());
    let kept_as = snapshot_id.as_ref().filter(|_| immutable).map(|id| cache_key(id, limit));
    if let Some(key) = &kept_as {
        if let Some(not_modified) = not_modified(&headers, &etag(key.as_bytes())) {
            return Ok(not_modified);
        }
        match app.ports().key_value.get(key).await {
            Ok(Some(kept)) => {
                if let Ok(kept) = serde_json::from_slice::<Kept>(&kept) {
                    return Ok(answer(&uri, kept.body, kept.next.as_deref(), &etag(key.as_bytes())));
                }
            }
            Ok(None) => {}
            Err(error) => log::warn!("{error}"),
        }
    }

    let slice = [&parameters.scenario, &parameters.language, &parameters.difficulty].map(Option::as_deref);
    let board = Board::read(&app, scope, slice).await?;
    let mut rows = board.rows;
    rows.retain(|row| parameters.chooses(row, app.now()));
    parameters.sort(&mut rows);
    let all = rows.len();
    let page = rows.into_iter().skip(start).take(usize::try_from(limit).unwrap_or(usize::MAX)).collect::<Vec<_>>();
    let end = start.saturating_add(page.len());
    let next = snapshot_id.as_ref().filter(|_| end < all).and_then(|id| write_cursor(&(id, end)));
    let generated_at = board.scope.snapshot.as_ref().map_or_else(|| app.now(), |snapshot| snapshot.created_at);
    let body = json!({
        "benchmark": board.scope.benchmark,
        "version": board.scope.version,
        "snapshotId": snapshot_id,
        "generatedAt": generated_at,
        "data": page,
        "nextCursor": next,
    })
    .to_string();

    let Some(key) = kept_as else {
        let tag = etag(body.as_bytes());
        return Ok(not_modified(&headers, &tag).unwrap_or_else(|| answer(&uri, body, next.as_deref(), &tag)));
    };
    keep(&app, &key, &Kept { body: body.clone(), next: next.clone() });
    Ok(answer(&uri, body, next.as_deref(), &etag(key.as_bytes())))
}

#[derive(Deserialize, Serialize)]
struct Kept {
    body: String,
    next: Option<String>,
}

fn keep(app: &App, key: &str, kept: &Kept) {
    let Ok(value) = serde_json::to_vec(kept) else { return };
    let (worker, key) = (app.clone(), key.to_owned());
    app.ports().background.spawn(Box::pin(async move {
        if let Err(error) = worker.ports().key_value.put(&key, &value, KEPT_SECONDS).await {
            log::warn!("{error}");
        }
    }));
}

/// The first page of a snapshot.
fn cache_key(snapshot_id: &str, limit: u32) -> String {
    format!("leaderboard/1/{snapshot_id}/{limit}")
}

fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn etag(of: &[u8]) -> String {
    format!("\"{}\"", short_hash(of))
}

/// 304 where the client has this answer already (RFC 9110, 13.1.2: weak comparison, a list, or `*`).
fn not_modified(headers: &HeaderMap, tag: &str) -> Option<Response> {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = known.flat_map(|value| value.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    known.any(|known| known == tag || known == "*").then(|| cached(StatusCode::NOT_MODIFIED.into_response(), tag))
}

fn cached(mut response: Response, tag: &str) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn answer(uri: &http::Uri, body: String, next: Option<&str>, tag: &str) -> Response {
    let mut response = cached(body.into_response(), tag);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(link) = next.and_then(|next| next_link(uri, next)) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

impl Parameters {
    /// Whether it is the whole leaderboard in its own order.
    fn is_whole(&self) -> bool {
        let chosen = [&self.scenario, &self.language, &self.difficulty, &self.provider, &self.q];
        chosen.iter().all(|choice| choice.is_none())
            && self.period == Period::All
            && self.sort == Sort::Rank
            && self.order.is_none()
    }

    fn chooses(&self, row: &RowBody, now: Timestamp) -> bool {
        let days = match self.period {
            Period::Week => Some(7),
            Period::Month => Some(30),
            Period::Quarter => Some(90),
            Period::All => None,
        };
        let recent =
            days.is_none_or(|days: i64| row.published_at >= now.plus_seconds(days.saturating_mul(-DAY_SECONDS)));
        let of_provider = self
            .provider
            .as_ref()
            .is_none_or(|provider| row.model.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(provider)));
        let matches = self.q.as_ref().is_none_or(|text| {
            let text = text.to_lowercase();
            row.model.to_lowercase().contains(&text) || row.display_name.to_lowercase().contains(&text)
        });
        recent && of_provider && matches
    }

    /// Best first unless asked otherwise; what is unknown comes last either way.
    fn sort(&self, rows: &mut [RowBody]) {
        let best_is_most = matches!(self.sort, Sort::Score | Sort::Date);
        let descending = self.order.map_or(best_is_most, |order| order == Order::Desc);
        let directed = |ordering: Ordering| if descending { ordering.reverse() } else { ordering };
        let optional = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => directed(a.total_cmp(&b)),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        rows.sort_by(|a, b| match self.sort {
            Sort::Rank => directed(a.rank.cmp(&b.rank)),
            Sort::Score => directed(a.score.total_cmp(&b.score)),
            Sort::Cost => optional(a.cost_usd, b.cost_usd),
            Sort::Latency => optional(a.latency_ms_p50, b.latency_ms_p50),
            Sort::Date => directed(a.published_at.cmp(&b.published_at)),
            Sort::Model => directed(a.model.cmp(&b.model)),
        });
    }
}
