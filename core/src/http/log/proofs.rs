use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FOREVER;
use crate::{
    app::App,
    domain::{
        formats::Sha256Hex,
        log_record,
        merkle::{self, Range},
    },
    http::{
        leaderboard::caching::SECONDS,
        openapi::{IfNoneMatch, NotFound},
        parameters::{self, Uuid},
        problem::{ApiError, MALFORMED_REQUEST},
        request::Query,
    },
    store::{Batch, log as store},
};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InclusionParameters {
    /// Which leaf, from 0; or `change`.
    #[serde(default, deserialize_with = "super::optional_place")]
    #[param(minimum = 0)]
    index: Option<u64>,
    /// The change whose leaf it is.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    change: Option<String>,
    /// In the tree of so many leaves; of all without it.
    #[serde(default, deserialize_with = "super::optional_place")]
    #[param(minimum = 1)]
    size: Option<u64>,
}

/// Shows that a leaf is in the log (RFC 9162, 2.1.3).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    #[schema(minimum = 0)]
    index: u64,
    #[schema(minimum = 1, example = 68)]
    size: u64,
    /// The leaf's hash.
    #[schema(value_type = Sha256Hex)]
    leaf_hash: String,
    /// From the leaf up.
    #[schema(value_type = Vec<Sha256Hex>, max_items = 64)]
    path: Vec<String>,
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConsistencyParameters {
    /// The smaller size.
    #[serde(deserialize_with = "super::place")]
    #[param(minimum = 0, example = 1)]
    from: u64,
    /// The larger size; that of the whole log without it.
    #[serde(default, deserialize_with = "super::optional_place")]
    #[param(minimum = 0)]
    to: Option<u64>,
}

/// Shows that the log of one size begins with that of another (RFC 9162, 2.1.4).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConsistencyProof {
    #[schema(minimum = 0)]
    from: u64,
    #[schema(minimum = 0)]
    to: u64,
    /// Empty where there is nothing to show: of equal sizes, and of an empty tree.
    #[schema(value_type = Vec<Sha256Hex>, max_items = 65)]
    path: Vec<String>,
}

fn malformed(detail: &str) -> ApiError {
    ApiError::new(MALFORMED_REQUEST, detail)
}

/// Shows that a change is in the log.
///
/// The path has one hash for each level of the tree. A proof of a given leaf in a tree of a given size never changes.
#[utoipa::path(
    get,
    path = "/api/v1/log/proof/inclusion",
    operation_id = "getInclusionProof",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(InclusionParameters, IfNoneMatch),
    responses(
        (status = 200, description = "The proof.", body = InclusionProof),
        (status = 404, response = NotFound),
    ),
)]
pub async fn inclusion(
    State(app): State<App>,
    Query(parameters): Query<InclusionParameters>,
) -> Result<Response, ApiError> {
    let mut batch = Batch::new();
    let tip = batch.push(store::tip());
    let of_change = parameters.change.as_deref().map(|change| batch.push(store::index_of(change)));
    let mut answers = batch.run(app.database()).await?;
    let tip = answers.take(tip)?;
    let index = match (parameters.index, of_change) {
        (Some(index), None) => index,
        (None, Some(found)) => answers.take(found)?.ok_or_else(|| ApiError::not_found("leaf"))?,
        _ => return Err(malformed("give either index or change")),
    };
    let size = parameters.size.unwrap_or(tip.size);
    if size > tip.size || index >= tip.size {
        return Err(ApiError::not_found("leaf"));
    }
    let path = merkle::inclusion(index, size).ok_or_else(|| malformed("the leaf came after the tree of this size"))?;
    let leaf = Range { begin: index, end: index.saturating_add(1) };
    let mut hashes = hashes(&app, [vec![leaf], path].concat()).await?.into_iter();
    let leaf_hash = hashes.next().unwrap_or_default();
    let proof = InclusionProof { index, size, leaf_hash, path: hashes.collect() };
    Ok(answer(&proof, parameters.size.is_some()))
}

/// Shows that the log was only added to.
///
/// Compare the roots that you have of both sizes by it. A proof between given sizes never changes.
#[utoipa::path(
    get,
    path = "/api/v1/log/proof/consistency",
    operation_id = "getConsistencyProof",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(ConsistencyParameters, IfNoneMatch),
    responses(
        (status = 200, description = "The proof.", body = ConsistencyProof),
        (status = 404, response = NotFound),
    ),
)]
pub async fn consistency(
    State(app): State<App>,
    Query(parameters): Query<ConsistencyParameters>,
) -> Result<Response, ApiError> {
    let tip = store::tip().run(app.database()).await?;
    let (from, to) = (parameters.from, parameters.to.unwrap_or(tip.size));
    if to > tip.size || from > tip.size {
        return Err(ApiError::not_found("tree of this size"));
    }
    let path = merkle::consistency(from, to).ok_or_else(|| malformed("from is at most to"))?;
    let proof = ConsistencyProof { from, to, path: hashes(&app, path).await? };
    Ok(answer(&proof, parameters.to.is_some()))
}

/// Computes the hashes of ranges of leaves from the stored nodes, in hexadecimal.
async fn hashes(app: &App, ranges: Vec<Range>) -> Result<Vec<String>, ApiError> {
    let nodes = store::nodes(&ranges).run(app.database()).await?;
    let hash = |range: Range| range.hash(|node| nodes.get(node)).map(|hash| log_record::hex(&hash));
    let hashes = ranges.into_iter().map(hash).collect::<Option<_>>();
    hashes.ok_or_else(|| ApiError::internal("nodes of the log are missing"))
}

fn answer(proof: &impl Serialize, is_of_given_size: bool) -> Response {
    let holds: HeaderValue = if is_of_given_size { FOREVER } else { SECONDS };
    ([(header::CACHE_CONTROL, holds)], Json(proof)).into_response()
}
