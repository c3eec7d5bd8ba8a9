//! The log of changes: what was published, rescored, withdrawn, rejected, sealed or moderated.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caching::{self, SECONDS};
use crate::{
    app::App,
    domain::BenchmarkId,
    http::{
        openapi::{IfNoneMatch, NotFound},
        page::{END_OF_TIME, next_link, page_size, read_cursor, take_page},
        parameters::{self, Uuid},
        problem::ApiError,
        request::Query,
    },
    store::{
        Batch,
        changes::{self as store, Direction, Place},
    },
    wire::Change,
};

/// A place after every line of the log.
pub const LAST: Place = Place(END_OF_TIME, END_OF_TIME);

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The id of a change.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    after: Option<String>,
    /// Of this benchmark only.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    benchmark: Option<BenchmarkId>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// A page of changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeList {
    #[schema(max_items = 100)]
    data: Vec<Change>,
    /// For the next page; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    next_cursor: Option<String>,
    /// The newest change of all: where to go on with `after`.
    #[schema(value_type = Option<Uuid>)]
    latest: Option<String>,
}

/// Lists what changed on the leaderboards.
///
/// Append-only. Newest first; with `after` what came later than that change, oldest first. Poll it with `after` and
/// `If-None-Match`: where nothing is new, it costs one look.
#[utoipa::path(
    get,
    path = "/api/v1/changes",
    operation_id = "listChanges",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "A page.", body = ChangeList),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_size(parameters.limit)?;
    let cursor = read_cursor::<Place>(parameters.cursor.as_deref())?;
    let (after, benchmark) = (parameters.after.as_deref(), parameters.benchmark.as_ref());
    let mut batch = Batch::new();
    let latest = batch.push(store::latest(benchmark));
    let place = batch.push(store::place_of(after));
    let mut answers = batch.run(app.database()).await?;
    // Moderation changes how older lines read, too, so the `ETag` depends on it.
    let (latest, newest, moderation) = match answers.take(latest)? {
        Some(latest) => (Some(latest.id), latest.place, latest.moderation),
        None => (None, Place(0, 0), 0),
    };
    let direction = if after.is_some() { Direction::Forward } else { Direction::Backward };
    let begin = match (direction, answers.take(place)?) {
        (Direction::Backward, _) => LAST,
        (Direction::Forward, Some(place)) => place,
        (Direction::Forward, None) => return Err(ApiError::not_found("change")),
    };
    let begin = cursor.unwrap_or(begin);

    let tag = caching::tag_of(&("changes", &latest, moderation, benchmark, after, limit, begin));
    if let Some(not_modified) = caching::not_modified(&headers, &tag, SECONDS) {
        return Ok(not_modified);
    }
    let nothing_new = direction == Direction::Forward && begin >= newest;
    let rows = if nothing_new {
        Vec::new()
    } else {
        store::page(direction, benchmark, begin, limit.saturating_add(1)).run(app.database()).await?
    };
    let (page, next_cursor) = take_page(rows, limit, |line| line.place);
    let data = page.into_iter().map(|line| line.change).collect();
    let link = next_cursor.as_deref().and_then(|next| next_link(&uri, next));
    let body = axum::Json(ChangeList { data, next_cursor, latest });
    let mut response = caching::cacheable(body.into_response(), &tag, SECONDS);
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Reads the newest changes of a benchmark, or of all benchmarks.
///
/// # Errors
/// Where the database cannot be read.
pub async fn newest(app: &App, benchmark: Option<&BenchmarkId>, limit: u32) -> Result<Vec<Change>, ApiError> {
    let lines = store::page(Direction::Backward, benchmark, LAST, limit).run(app.database()).await?;
    Ok(lines.into_iter().map(|line| line.change).collect())
}
