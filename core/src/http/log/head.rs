use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::header;

use crate::{
    app::App,
    domain::log_record,
    http::{
        leaderboard::caching::SECONDS,
        openapi::{IfNoneMatch, NotFound},
        problem::ApiError,
    },
    store::log::{self as store, SignedHead},
    wire::LogHead,
};

impl From<SignedHead> for LogHead {
    fn from(signed: SignedHead) -> Self {
        Self {
            size: signed.head.size,
            root_hash: log_record::hex(&signed.head.root),
            timestamp: signed.head.timestamp.to_string(),
            key_id: signed.key_id,
            signature: signed.signature,
        }
    }
}

/// Returns the newest signed head of the log.
///
/// The log has a leaf for every change, some moments after it. A head is signed once and told again: of one size there is
/// one, or one for each key where the keys changed. Before the first change there is none. Keep it: what it commits to can
/// never be taken back unnoticed.
#[utoipa::path(
    get,
    path = "/api/v1/log/head",
    operation_id = "getLogHead",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(IfNoneMatch),
    responses(
        (status = 200, description = "The head.", body = LogHead),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(State(app): State<App>) -> Result<Response, ApiError> {
    let signed = store::head(app.keys().log_key_id()).run(app.database()).await?;
    let signed = signed.ok_or_else(|| ApiError::not_found("head: nothing is in the log yet"))?;
    Ok(([(header::CACHE_CONTROL, SECONDS)], Json(LogHead::from(signed))).into_response())
}
