use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::header;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{formats::Sha256Hex, log_record},
    http::{
        leaderboard::caching::SECONDS,
        openapi::{IfNoneMatch, NotFound},
        problem::ApiError,
    },
    ports::Timestamp,
    store::log::{self as store, SignedHead},
};

/// A signed state of the log. Signed are four lines, each ended by a line feed: `aibaas log head v1`, `size`, `rootHash` and
/// `timestamp`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LogHead {
    /// How many leaves it has.
    #[schema(minimum = 1, example = 68)]
    size: u64,
    /// The root over them (RFC 9162).
    #[schema(value_type = Sha256Hex)]
    root_hash: String,
    /// When it was signed.
    timestamp: Timestamp,
    /// `kid` in `/.well-known/log-keys.json`.
    #[schema(min_length = 1, max_length = 128, example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    key_id: String,
    /// Ed25519, in base64url.
    #[schema(
        pattern = "^[A-Za-z0-9_-]{86}$",
        example = "7uSEDoBvyUQmJbMmPWYO2Rlh3SKVYOMoXQi2nuSHJjLBPTpqUNoLGLGhqWvjPCVZyBLYLL7rOKXGbGnlVE5xBA"
    )]
    signature: String,
}

impl From<SignedHead> for LogHead {
    fn from(signed: SignedHead) -> Self {
        Self {
            size: signed.head.size,
            root_hash: log_record::hex(&signed.head.root),
            timestamp: signed.head.timestamp,
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
