//! The log of changes, for those who follow along: what was published, rescored, withdrawn, rejected or moderated.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};
use serde::Deserialize;
use serde_json::json;

use super::caching::{self, SECONDS};
use crate::{
    app::App,
    http::{
        page::{END_OF_TIME, next_link, page_size, read_cursor, take_page},
        parameters,
        problem::ApiError,
        request::Query,
    },
    store::{
        Batch,
        changes::{self as store, Change, Direction, Place},
    },
};

/// After every line.
const LAST: Place = Place(END_OF_TIME, END_OF_TIME);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    #[serde(default, deserialize_with = "parameters::uuid")]
    after: Option<String>,
    #[serde(default, deserialize_with = "parameters::id")]
    benchmark: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Newest first; with `after` what came later than that change, oldest first. Where nothing is new, it costs one look
/// at the newest change.
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_size(parameters.limit)?;
    let cursor = read_cursor::<Place>(parameters.cursor.as_deref())?;
    let (after, benchmark) = (parameters.after.as_deref(), parameters.benchmark.as_deref());
    let mut batch = Batch::new();
    let latest = batch.push(store::latest(benchmark));
    let place = batch.push(store::place_of(after));
    let mut answers = batch.run(app.database()).await?;
    // What moderation hides, and shows again, is in older lines too.
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
    let (page, next) = take_page(rows, limit, |change| change.place);
    let body = json!({ "data": page, "nextCursor": next, "latest": latest });
    let mut response = caching::cacheable(axum::Json(body).into_response(), &tag, SECONDS);
    if let Some(link) = next.and_then(|next| next_link(&uri, &next)) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// The newest changes of a benchmark, or of all.
///
/// # Errors
/// What the database answers.
pub async fn newest(app: &App, benchmark: Option<&str>, limit: u32) -> Result<Vec<Change>, ApiError> {
    Ok(store::page(Direction::Backward, benchmark, LAST, limit).run(app.database()).await?)
}
