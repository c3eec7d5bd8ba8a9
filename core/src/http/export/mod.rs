//! The whole public data set, table by table, as of one snapshot: for those who keep a copy, or compute their own.

mod manifest;
mod table;

use axum::{Router, routing::get};

use crate::{
    app::App,
    http::problem::ApiError,
    ports::{DatabaseError, Row, Rows, Statement},
    store::changes,
};

pub fn routes() -> Router<App> {
    Router::new().route("/export", get(manifest::handler)).route("/export/{table}", get(table::handler))
}

/// A snapshot's place in the order of all, and its id.
struct Newest {
    seq: i64,
    id: Option<String>,
}

impl Newest {
    /// What [`Newest::read`] reads.
    fn statement() -> Statement {
        Statement::new(changes::NEWEST_SNAPSHOT)
    }

    /// The newest snapshot; before the first one, the place 0.
    fn read(rows: Option<Rows>) -> Result<Self, ApiError> {
        let read = |row: Row| -> Result<Self, DatabaseError> {
            Ok(Self { seq: row.integer("seq")?, id: Some(row.text("id")?) })
        };
        Ok(rows.and_then(Rows::into_first).map(read).transpose()?.unwrap_or(Self { seq: 0, id: None }))
    }
}
