use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    app::App,
    domain::log_record,
    http::{
        openapi::IfNoneMatch,
        page::{fitting, json_size, page_size},
        problem::ApiError,
        request::Query,
    },
    store::log::{self as store, Leaf},
    wire::{LogLeaf, LogLeafList},
};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The index of the first leaf.
    #[serde(default, deserialize_with = "super::optional_place")]
    #[param(minimum = 0, default = 0)]
    from: Option<u64>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

impl From<Leaf> for LogLeaf {
    fn from(leaf: Leaf) -> Self {
        Self { index: leaf.index, change: leaf.change_id, hash: log_record::hex(&leaf.hash), leaf: leaf.text }
    }
}

/// Lists leaves of the log.
///
/// A leaf is a JSON object: `change` as `GET /changes` tells it; `snapshotId` and `seq` of the snapshot that it made;
/// `run`, with `digest` over the record and the `results` of the run that was published; `board`, with `digest` over the
/// `entries` that stand since. How the digests are made, `docs/verify.md` says.
#[utoipa::path(
    get,
    path = "/api/v1/log/leaves",
    operation_id = "listLogLeaves",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses((status = 200, description = "A page.", body = LogLeafList)),
)]
pub async fn handler(
    State(app): State<App>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<LogLeafList>, ApiError> {
    let limit = page_size(parameters.limit)?;
    let found = store::leaves(parameters.from.unwrap_or(0), limit.saturating_add(1)).run(app.database()).await?;
    let mut data = found.into_iter().map(LogLeaf::from).collect::<Vec<_>>();
    let most = usize::try_from(limit).unwrap_or(usize::MAX).min(fitting(&data, json_size));
    let next_from = data.get(most).map(|leaf| leaf.index);
    data.truncate(most);
    Ok(Json(LogLeafList { data, next_from }))
}
