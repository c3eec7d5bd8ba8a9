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
    ports::{DatabaseError, Row, Rows, Statement},
    store::changes::{self as store, Change, Direction, Place},
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
    let place = Statement::new(store::PLACE_OF).bind(after);
    let batch = vec![Statement::new(store::LATEST).bind(benchmark), place];
    let mut answers = app.database().batch(batch).await?.into_iter().map(Rows::into_first);
    let (latest, place) = (answers.next().flatten(), answers.next().flatten());
    let read_place = |row: &Row| Ok::<_, DatabaseError>(Place(row.integer("seq")?, row.integer("act")?));
    // What moderation hides, and shows again, is in older lines too.
    let (latest, newest, moderation) = match latest {
        Some(row) => (Some(row.text("id")?), read_place(&row)?, row.integer("moderation")?),
        None => (None, Place(0, 0), 0),
    };
    let direction = if after.is_some() { Direction::Forward } else { Direction::Backward };
    let begin = match (direction, place) {
        (Direction::Backward, _) => LAST,
        (Direction::Forward, Some(row)) => read_place(&row)?,
        (Direction::Forward, None) => return Err(ApiError::not_found("change")),
    };
    let begin = cursor.unwrap_or(begin);

    let tag = caching::etag(json!([latest, moderation, benchmark, after, limit, begin]).to_string().as_bytes());
    if let Some(not_modified) = caching::not_modified(&headers, &tag, SECONDS) {
        return Ok(not_modified);
    }
    let nothing_new = direction == Direction::Forward && begin >= newest;
    let rows = if nothing_new {
        Vec::new()
    } else {
        read(&app, store::page(direction, benchmark, begin, limit.saturating_add(1))).await?
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
    read(app, store::page(Direction::Backward, benchmark, LAST, limit)).await
}

async fn read(app: &App, statement: Statement) -> Result<Vec<Change>, ApiError> {
    let rows = app.database().query(statement).await?.into_iter();
    Ok(rows.map(|row| Change::from_row(&row)).collect::<Result<Vec<_>, DatabaseError>>()?)
}
