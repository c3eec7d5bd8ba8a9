use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::newest_seq;
use crate::{
    app::App,
    http::{openapi::IfNoneMatch, parameters::Uuid, problem::ApiError},
    ports::Timestamp,
    store::{
        changes,
        dataset::{FORMAT, TABLES},
        migrations,
    },
};

/// The tables of the public data set, as of the newest snapshot.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DataSet)]
pub struct Manifest {
    /// The form of the rows.
    #[schema(extensions(("x-const" = json!(1))))]
    format: u32,
    /// The newest migration of the instance.
    #[schema(example = "0004_leaderboard.sql")]
    schema: &'static str,
    #[schema(value_type = Option<Uuid>)]
    snapshot_id: Option<String>,
    /// The snapshot's place in the order of all; 0 before the first one.
    #[schema(minimum = 0, example = 68)]
    seq: i64,
    generated_at: Timestamp,
    /// Each after those that it refers to.
    tables: Vec<TableBody>,
}

/// A table, and where its rows are.
#[derive(Serialize, ToSchema)]
#[schema(as = ExportedTable)]
struct TableBody {
    #[schema(example = "models")]
    name: &'static str,
    #[schema(example = "/api/v1/export/models?through=68")]
    href: String,
}

/// Lists the tables of the whole public data set.
///
/// As of the newest snapshot, and so it stays however much is published while it is downloaded: download the tables in
/// this order, each page by page. `aibaas-client export` does, and `aibaas import dataset` loads what it wrote.
#[utoipa::path(
    get,
    path = "/api/v1/export",
    operation_id = "getExport",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(IfNoneMatch),
    responses((status = 200, description = "The tables.", body = Manifest)),
)]
pub async fn handler(State(app): State<App>) -> Result<Json<Manifest>, ApiError> {
    let newest = changes::newest_snapshot().run(app.database()).await?;
    let seq = newest_seq(newest.as_ref());
    let table = |name| TableBody { name, href: format!("/api/v1/export/{name}?through={seq}") };
    Ok(Json(Manifest {
        format: FORMAT,
        schema: migrations::schema(),
        snapshot_id: newest.map(|newest| newest.id),
        seq,
        generated_at: app.now(),
        tables: TABLES.iter().map(|of| table(of.name)).collect(),
    }))
}
