use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{BenchmarkId, SecurityEventName},
    http::{credentials::ClaimedAdmin, openapi::NotFound, parameters, problem::ApiError, request::Json},
    store::{BatchError, Guard, benchmarks, leaderboard},
};

/// Which benchmark is read where none is named.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeaturedBenchmark {
    /// Null for none.
    #[serde(deserialize_with = "parameters::optional_name")]
    #[schema(required)]
    benchmark: Option<BenchmarkId>,
}

/// Tells which benchmark is featured.
///
/// Null where none is. One that is hidden stays the featured one, and is shown to nobody.
#[utoipa::path(
    get,
    path = "/api/v1/admin/featured-benchmark",
    operation_id = "getFeaturedBenchmark",
    tag = "Administration",
    security(("accessToken" = [])),
    responses((status = 200, description = "The featured one, or null.", body = FeaturedBenchmark)),
)]
pub async fn read(State(app): State<App>, admin: ClaimedAdmin) -> Result<Answer<FeaturedBenchmark>, ApiError> {
    let benchmark = admin.read(&app, leaderboard::featured()).await?;
    Ok(Answer(FeaturedBenchmark { benchmark }))
}

/// Features a benchmark.
///
/// It is what boards, comparisons, badges and the front page show where no benchmark is named. With null, or while it is
/// hidden, one has to be named, and the front page lists them.
#[utoipa::path(
    put,
    path = "/api/v1/admin/featured-benchmark",
    operation_id = "putFeaturedBenchmark",
    tag = "Administration",
    security(("accessToken" = [])),
    request_body = FeaturedBenchmark,
    responses(
        (status = 200, description = "It is the featured one.", body = FeaturedBenchmark),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Json(body): Json<FeaturedBenchmark>,
) -> Result<Answer<FeaturedBenchmark>, ApiError> {
    let details = json!({ "benchmarkId": body.benchmark });
    let event = admin.event(&app, SecurityEventName::BenchmarkFeatured, details);
    let mut batch = admin.batch();
    batch.extend(body.benchmark.as_ref().map(benchmarks::expect_exists));
    batch.push(leaderboard::feature(body.benchmark.as_ref()));
    batch.push(event.of_if_changed(None));
    match batch.run(&app).await {
        Ok(_) => Ok(Answer(body)),
        Err(BatchError::Guard(Guard::BenchmarkExists)) => Err(ApiError::not_found("benchmark")),
        Err(error) => Err(error.into()),
    }
}
