use axum::{Json, extract::State};

use super::newest_seq;
use crate::{
    app::App,
    http::{openapi::IfNoneMatch, problem::ApiError},
    store::{
        changes,
        dataset::{FORMAT, TABLES},
        migrations,
    },
    wire::{DataSet, ExportedTable},
};

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
    responses((status = 200, description = "The tables.", body = DataSet)),
)]
pub async fn handler(State(app): State<App>) -> Result<Json<DataSet>, ApiError> {
    let newest = changes::newest_snapshot().run(app.database()).await?;
    let seq = newest_seq(newest.as_ref());
    let table =
        |name: &str| ExportedTable { name: name.to_owned(), href: format!("/api/v1/export/{name}?through={seq}") };
    Ok(Json(DataSet {
        format: FORMAT,
        schema: migrations::schema().to_owned(),
        snapshot_id: newest.map(|newest| newest.id),
        seq,
        generated_at: app.now().to_string(),
        tables: TABLES.iter().map(|of| table(of.name)).collect(),
    }))
}
