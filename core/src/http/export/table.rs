use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde::Deserialize;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};

use super::newest_seq;
use crate::{
    app::App,
    http::{
        openapi::{IfNoneMatch, NotFound},
        page::{next_link, read_cursor, write_cursor},
        problem::{ApiError, MALFORMED_REQUEST},
        request::{Path, Query},
    },
    store::{
        Batch, changes,
        dataset::{Key, TABLES, Table},
    },
};

const MOST_ROWS: u32 = 1000;
/// Rows of a page, unless `limit` says otherwise: so many cost a Worker a few milliseconds.
const ROWS: u32 = 250;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// `seq` of the manifest.
    #[param(minimum = 0, example = 68)]
    through: i64,
    /// Rows to look at, at most.
    #[param(minimum = 1, maximum = 1000, default = 250)]
    limit: Option<u32>,
    /// As `Link` has it.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// The name of a table.
struct TableName;

impl utoipa::PartialSchema for TableName {
    fn schema() -> RefOr<Schema> {
        let names = TABLES.iter().map(|table| table.name);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl utoipa::ToSchema for TableName {}

/// Lists rows of a table of the whole public data set.
///
/// One object a line, its members named as the columns are; times are milliseconds since the epoch. Runs, results,
/// snapshots, entries and changes are as of the snapshot with the place `through`; models, benchmarks and versions that
/// nothing was published on are as they are now. Private tasks are left out: of their versions only aggregates are told.
/// A page may be short, or empty, and yet have a next one: follow `Link`.
#[utoipa::path(
    get,
    path = "/api/v1/export/{table}",
    operation_id = "getExportTable",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("table" = inline(TableName), Path, example = "models"), Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "A page.", content_type = "application/x-ndjson", body = String),
        (status = 404, response = NotFound),
    ),
)]
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
