use axum::{Json, extract::State};
use serde::Serialize;

use super::newest_seq;
use crate::{
    app::App,
    http::problem::ApiError,
    ports::Timestamp,
    store::{
        changes,
        dump::{FORMAT, TABLES},
        migrations,
    },
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    format: u32,
    schema: &'static str,
    snapshot_id: Option<String>,
    seq: i64,
    generated_at: Timestamp,
    tables: Vec<TableBody>,
}

#[derive(Serialize)]
struct TableBody {
    name: &'static str,
    href: String,
}

/// The tables as of the newest snapshot, in the order in which they refer to each other.
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
