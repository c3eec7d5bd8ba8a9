use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{BenchmarkId, VersionName},
    http::{
        credentials::{ApiKeyClient, ModelsWrite, write_error},
        openapi::{ConflictCurrentVersion, ForbiddenPublisher, NotFound},
        parameters::Name,
        problem::{ApiError, NOT_OWNER, VERSION_NOT_WHOLE, VERSION_OF_COUNTS},
        request::{Json, Path},
    },
    store::{Batch, BatchError, Guard, benchmarks},
};

/// Which version a benchmark is read by.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrentVersion {
    version: VersionName,
}

/// Marks the current version of a benchmark.
///
/// Scope `models:write`, with a key of whoever declared the benchmark. What is read where no version is named: boards,
/// comparisons, badges and pages. Never a part or a second scoring of another version, and never counts or given scores
/// where a whole version brings results. Marking the current one again changes nothing.
#[utoipa::path(
    put,
    path = "/api/v1/benchmarks/{id}/current-version",
    operation_id = "putCurrentVersion",
    tag = "Publishing",
    security(("apiKeyHeader" = ["models:write"]), ("apiKeyBearer" = ["models:write"])),
    params(("id" = BenchmarkId, Path)),
    request_body = CurrentVersion,
    responses(
        (status = 200, description = "It is the current version.", body = CurrentVersion),
        (status = 403, response = ForbiddenPublisher),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictCurrentVersion),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: ApiKeyClient<ModelsWrite>,
    Path(Name(id)): Path<Name<BenchmarkId>>,
    Json(body): Json<CurrentVersion>,
) -> Result<Answer<CurrentVersion>, ApiError> {
    let mut batch = Batch::new();
    batch.extend(benchmarks::mark_current(&id, &body.version, client.owner_id()));
    match batch.run(app.database()).await {
        Ok(_) => Ok(Answer(body)),
        Err(BatchError::Guard(guard)) => Err(match guard {
            Guard::BenchmarkExists => ApiError::not_found("benchmark"),
            Guard::BenchmarkOwner => ApiError::new(NOT_OWNER, "somebody else declared this benchmark"),
            Guard::VersionExists => ApiError::not_found("benchmark version"),
            Guard::VersionWhole => {
                ApiError::new(VERSION_NOT_WHOLE, "mark the version that it is a part or a second scoring of")
            }
            Guard::VersionCounts => ApiError::new(VERSION_OF_COUNTS, "mark a whole version with evidence results"),
            guard => write_error(BatchError::Guard(guard)),
        }),
        Err(error) => Err(write_error(error)),
    }
}
