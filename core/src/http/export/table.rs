use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde::Deserialize;

use super::newest_seq;
use crate::{
    app::App,
    http::{
        page::{next_link, read_cursor, write_cursor},
        problem::{ApiError, MALFORMED_REQUEST},
        request::{Path, Query},
    },
    store::{
        Batch, changes,
        dump::{Key, Table},
    },
};

const MOST_ROWS: u32 = 1000;
/// So many cost a Worker a few milliseconds.
const ROWS: u32 = 250;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    through: i64,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A page of a table as of a snapshot, one row a line. A page may be short, or empty, and yet have a next one.
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let table = Table::named(&name).ok_or_else(|| ApiError::not_found("table"))?;
    let malformed = |detail: &str| ApiError::new(MALFORMED_REQUEST, detail);
    let limit = parameters.limit.unwrap_or(ROWS);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(malformed("limit is 1 to 1000"));
    }
    let after = read_cursor::<Vec<Key>>(parameters.cursor.as_deref())?;
    let page = table.page(parameters.through, limit, after);
    let page = page.ok_or_else(|| malformed("the cursor belongs to another table"))?;

    let mut batch = Batch::new();
    let newest = batch.push(changes::newest_snapshot());
    let page = batch.push(page);
    let mut answers = batch.run(app.database()).await?;
    if !(0..=newest_seq(answers.take(newest)?.as_ref())).contains(&parameters.through) {
        return Err(malformed("through is the seq of a manifest"));
    }
    let page = answers.take(page)?;
    let mut response = page.lines.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    if let Some(link) = page.next.and_then(|next| next_link(&uri, &write_cursor(&next)?)) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}
