use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    board::{Board, RowBody},
    caching::{self, MINUTE},
    finished::NotKept,
    formats::{self, Format},
    query::BoardQuery,
};
use crate::{
    app::App,
    domain::{BenchmarkId, Timestamp, VersionName, measure::Measure},
    http::{
        openapi::{Hidden, IfNoneMatch, NotFound, UnnamedBoard},
        page::{next_link, page_size},
        parameters::Uuid,
        problem::ApiError,
        request::Query,
    },
    memory::BoardPage,
    store::leaderboard::Scope,
};

/// How long the cache keeps a rendered page of a snapshot, in seconds.
const KEPT_SECONDS: u32 = 3600;
/// Page sizes that are cached. Only these, because arbitrary sizes would let anyone fill the cache.
pub const KEPT_LIMITS: [u32; 2] = [20, 100];

/// A page of the leaderboard of a benchmark version.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Leaderboard {
    benchmark: BenchmarkId,
    version: VersionName,
    #[serde(flatten)]
    measure: Measure,
    /// Null when nothing is published.
    #[schema(value_type = Option<Uuid>)]
    snapshot_id: Option<String>,
    /// When the snapshot was made. Null when nothing is published.
    generated_at: Option<Timestamp>,
    #[schema(max_items = 100)]
    data: Vec<RowBody>,
    /// For the next page; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    next_cursor: Option<String>,
}

/// Shows the ranked leaderboard of a benchmark version.
///
/// A row is a system: a model, its agent and its configuration, as they ran. Of each owner stands the run that was
/// evaluated last; of a system's runs the one of the strongest evidence is ranked, and `evidence=all` lists the others
/// under it. Slices (scenario, language, difficulty) are ranked on
/// their own; `provider`, `q` and `period` only choose rows, which keep their ranks. A cursor stays with the snapshot,
/// the moment and the question of the first page. Any origin may read it, without credentials.
#[utoipa::path(
    get,
    path = "/api/v1/leaderboard",
    operation_id = "getLeaderboard",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(BoardQuery, IfNoneMatch),
    responses(
        (status = 200, description = "A page of rows.", body = Leaderboard),
        (status = 400, response = UnnamedBoard),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    uri: OriginalUri,
    headers: HeaderMap,
    query: Query<BoardQuery>,
) -> Result<Response, ApiError> {
    let format = formats::accepted(&headers);
    let mut response = read(&app, uri, &headers, query, format).await?;
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// Shows the leaderboard as CSV.
///
/// RFC 4180, with a header; the flags are separated by spaces. The same parameters as `/leaderboard`. All rows, unless
/// `limit` is given.
#[utoipa::path(
    get,
    path = "/api/v1/leaderboard.csv",
    operation_id = "getLeaderboardCsv",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(BoardQuery, IfNoneMatch),
    responses(
        (status = 200, description = "The rows.", content_type = "text/csv", body = String),
        (status = 400, response = UnnamedBoard),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn csv(
    State(app): State<App>,
    uri: OriginalUri,
    headers: HeaderMap,
    query: Query<BoardQuery>,
) -> Result<Response, ApiError> {
    read(&app, uri, &headers, query, Format::Csv).await
}

/// Shows the leaderboard as one JSON object a line.
///
/// A `LeaderboardRow` a line, and the `direction` and `unit` of its score. The same parameters as `/leaderboard`. All rows, unless `limit` is given.
#[utoipa::path(
    get,
    path = "/api/v1/leaderboard.ndjson",
    operation_id = "getLeaderboardNdjson",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(BoardQuery, IfNoneMatch),
    responses(
        (status = 200, description = "The rows.", content_type = "application/x-ndjson", body = String),
        (status = 400, response = UnnamedBoard),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn ndjson(
    State(app): State<App>,
    uri: OriginalUri,
    headers: HeaderMap,
    query: Query<BoardQuery>,
) -> Result<Response, ApiError> {
    read(&app, uri, &headers, query, Format::Ndjson).await
}

async fn read(
    app: &App,
    OriginalUri(uri): OriginalUri,
    headers: &HeaderMap,
    Query(query): Query<BoardQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let limit = page_size(query.limit)?;
    let position = query.position()?;
    let scope = query.wanted(position.as_ref()).find(app).await?;
    let scope = scope.ok_or_else(|| ApiError::not_found("leaderboard"))?;
    let as_of = position.as_ref().map_or_else(|| app.now(), |position| Timestamp(position.as_of));
    let snapshot = scope.snapshot.as_ref().map(|snapshot| snapshot.id.clone());
    let is_known_slice = query.is_known_slice(&scope.slices);

    // A page that depends only on the snapshot and its amendments stays the same as long as this build renders it, so
    // it can be cached, and its `ETag` is known before it is rendered.
    let kept_as = snapshot.as_ref().filter(|_| format == Format::Json && position.is_none());
    let kept_as = kept_as.and_then(|snapshot| cache_key(&query, &scope, snapshot, limit));
    if let Some(key) = &kept_as {
        let tag = caching::etag(key.as_bytes());
        if let Some(not_modified) = caching::not_modified(headers, &tag, MINUTE) {
            return Ok(not_modified);
        }
        if let Some(page) = kept_page(app, key).await {
            return Ok(answer(&uri, format, page.body, page.next.as_deref(), &tag));
        }
    }

    let board = Board::read_entries(app, scope, query.slice(), query.entries()).await?;
    let mut rows = board.rows;
    query.apply(&mut rows, as_of, board.scope.measure.direction);
    // A download holds all rows, unless it asks for pages; one too long for a single answer links to its next page.
    let limit = if format == Format::Json || query.limit.is_some() || query.cursor.is_some() {
        usize::try_from(limit).unwrap_or(usize::MAX)
    } else {
        usize::MAX
    };
    let (page, next) = query.page(rows, position.as_ref(), limit, snapshot.as_deref(), as_of)?;
    let body = write(format, board.scope, page, next.as_deref())?;
    let Some(key) = kept_as else {
        let tag = caching::etag(body.as_bytes());
        let known = caching::not_modified(headers, &tag, MINUTE);
        let mut response = known.unwrap_or_else(|| answer(&uri, format, body, next.as_deref(), &tag));
        if !is_known_slice {
            response.extensions_mut().insert(NotKept);
        }
        return Ok(response);
    };
    let page = BoardPage { at: app.now(), next, body: body.into() };
    keep(app, &key, &page);
    Ok(answer(&uri, format, page.body, page.next.as_deref(), &caching::etag(key.as_bytes())))
}

/// Writes rows of a board in the format.
fn write(format: Format, scope: Scope, rows: Vec<RowBody>, next: Option<&str>) -> Result<String, ApiError> {
    match format {
        Format::Csv => formats::csv(&rows, &scope.measure),
        Format::Ndjson => Ok(formats::ndjson(&rows, &scope.measure)),
        Format::Json => {
            let (snapshot_id, generated_at) = scope.snapshot.map(|snapshot| (snapshot.id, snapshot.created_at)).unzip();
            let leaderboard = Leaderboard {
                benchmark: scope.benchmark,
                version: scope.version,
                measure: scope.measure,
                snapshot_id,
                generated_at,
                data: rows,
                next_cursor: next.map(str::to_owned),
            };
            serde_json::to_string(&leaderboard).map_err(|error| ApiError::internal(error.to_string()))
        }
    }
}

/// Header of a cached page, stored as a line of JSON before the body, so that the body can be sent as it is.
#[derive(Deserialize, Serialize)]
struct CachedPageHeader {
    at: i64,
    next: Option<String>,
}

/// Returns a cached page from this instance's memory or the shared cache; `None` where neither has one younger than
/// [`KEPT_SECONDS`].
async fn kept_page(app: &App, key: &str) -> Option<BoardPage> {
    if let Some(page) = app.board_pages().get(key)
        && app.now().ms_since(page.at) < u64::from(KEPT_SECONDS).saturating_mul(1000)
    {
        return Some(page);
    }
    let kept = match app.ports().key_value.get(key).await {
        Ok(kept) => Bytes::from(kept?),
        Err(error) => {
            tracing::warn!(%error, "a kept page was not looked up");
            return None;
        }
    };
    let end = kept.iter().position(|byte| *byte == b'\n')?;
    let head = serde_json::from_slice::<CachedPageHeader>(kept.get(..end)?).ok()?;
    let page = BoardPage { at: Timestamp(head.at), next: head.next, body: kept.slice(end.saturating_add(1)..) };
    remember(app, key, &page);
    Some(page)
}

fn remember(app: &App, key: &str, page: &BoardPage) {
    let next = page.next.as_ref().map_or(0, String::len);
    let bytes = [key.len(), next, page.body.len()].into_iter().fold(0, usize::saturating_add);
    app.board_pages().put(key.to_owned(), page.clone(), bytes);
}

fn keep(app: &App, key: &str, page: &BoardPage) {
    remember(app, key, page);
    let Ok(mut value) = serde_json::to_vec(&CachedPageHeader { at: page.at.0, next: page.next.clone() }) else {
        return;
    };
    value.push(b'\n');
    value.extend_from_slice(&page.body);
    let (worker, key) = (app.clone(), key.to_owned());
    app.ports().background.spawn(Box::pin(async move {
        if let Err(error) = worker.ports().key_value.put(&key, &value, KEPT_SECONDS).await {
            tracing::warn!(%error, "a page was not kept");
        }
    }));
}

/// Returns the cache key of the first page of a slice, as this build renders it; `None` unless the version has the
/// slice, its rows are neither filtered nor sorted otherwise, and `limit` is one of [`KEPT_LIMITS`].
fn cache_key(query: &BoardQuery, scope: &Scope, snapshot: &str, limit: u32) -> Option<String> {
    let kept = query.is_known_slice(&scope.slices) && query.is_whole_slice() && KEPT_LIMITS.contains(&limit);
    let slice = caching::etag(json!(query.slice()).to_string().as_bytes());
    let slice = slice.trim_matches('"');
    kept.then(|| format!("leaderboard/{}/{snapshot}/{}/{limit}/{slice}", caching::BUILD, scope.amendments))
}

fn answer(uri: &http::Uri, format: Format, body: impl IntoResponse, next: Option<&str>, tag: &str) -> Response {
    let mut response = caching::cacheable(body.into_response(), tag, MINUTE);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    if let Some(link) = next.and_then(|next| next_link(uri, next)) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}
