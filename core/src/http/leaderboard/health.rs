//! Health of a benchmark: whether its tasks still tell systems apart.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    board::BoardSelector,
    caching::{self, MINUTE},
    compare::ComparedModel,
};
use crate::{
    app::App,
    domain::{
        BenchmarkId, VersionName,
        benchmark::BenchmarkVersion,
        leaderboard::{CompareError, LeaderGap, Saturation, StandingRun},
    },
    http::{
        openapi::{Hidden, IfNoneMatch, NotFound, UnnamedBoard},
        parameters::{self, Name, Uuid},
        problem::ApiError,
        request::{Path, Query},
    },
    store::{Answers, Batch, Handle, comparisons, leaderboard::Scope},
};

/// Most task scores that are read for one answer: some megabytes.
const MOST_SCORES: u32 = 500_000;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The current one when absent; without one 400 `version_required`.
    #[serde(default, deserialize_with = "parameters::version")]
    version: Option<VersionName>,
    /// An earlier state, by its `snapshotId`; the newest without it.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    snapshot: Option<String>,
}

/// Shows what a benchmark still tells.
///
/// How many tasks every system passes, or none does, and how many separate the best; how sure the first place is, and
/// how many more tasks, or attempts, it would take to find a difference of that size in four cases of five (a two-sided
/// test at 5 %; Miller 2024). Any origin may read it, without credentials.
#[utoipa::path(
    get,
    path = "/api/v1/benchmarks/{id}/health",
    operation_id = "getBenchmarkHealth",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = BenchmarkId, Path), Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "What it tells.", body = BenchmarkHealth),
        (status = 400, response = UnnamedBoard),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    Path(Name(benchmark)): Path<Name<BenchmarkId>>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let wanted = BoardSelector {
        benchmark: Some(&benchmark),
        version: parameters.version.as_ref(),
        snapshot: parameters.snapshot.as_deref(),
    };
    let scope = wanted.find(&app).await?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
    let tag = caching::tag_of_snapshot("health", &scope, &());
    if let Some(not_modified) = tag.as_ref().and_then(|tag| caching::not_modified(&headers, tag, MINUTE)) {
        return Ok(not_modified);
    }
    let health = BenchmarkHealth::read(&app, &scope, MOST_SCORES).await?;
    Ok(caching::lasting(Json(health).into_response(), tag.as_deref(), MINUTE))
}

/// What a benchmark still tells, of one snapshot of a leaderboard.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkHealth {
    pub benchmark: BenchmarkId,
    pub version: VersionName,
    /// Null when nothing is published.
    #[schema(value_type = Option<Uuid>)]
    pub snapshot_id: Option<String>,
    #[serde(flatten)]
    pub saturation: Saturation,
    /// How sure the first place is; null where fewer than two stand, or where a comparison needs private tasks that are
    /// not known here.
    pub leaders: Option<Leaders>,
}

/// The two best systems, and how sure it is which is better.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Leaders {
    pub first: ComparedModel,
    pub second: ComparedModel,
    #[serde(flatten)]
    pub gap: LeaderGap,
}

impl BenchmarkHealth {
    /// Reads the benchmark's health from its best systems: as many as have `most_scores` task scores together, but at
    /// least two.
    ///
    /// # Errors
    /// `not_found` where there is no such leaderboard.
    pub async fn read(app: &App, scope: &Scope, most_scores: u32) -> Result<Self, ApiError> {
        let mut batch = Batch::new();
        let asked = Self::push_reads(&mut batch, scope, most_scores);
        asked.take(&mut batch.run(app.database()).await?, scope)
    }

    /// Adds the queries for a benchmark's health to a batch, so that they run in one round trip with its other queries.
    pub fn push_reads(batch: &mut Batch, scope: &Scope, most_scores: u32) -> HealthReads {
        HealthReads {
            version: batch.push(comparisons::version(scope)),
            standing: scope.snapshot.as_ref().map(|at| batch.push(comparisons::standing(scope, at, most_scores))),
        }
    }
}

/// Queries in a batch that read a benchmark's health.
pub struct HealthReads {
    version: Handle<Option<BenchmarkVersion>>,
    standing: Option<Handle<Vec<StandingRun>>>,
}

impl HealthReads {
    /// Computes the benchmark's health from what the batch read.
    ///
    /// # Errors
    /// `not_found` where there is no such leaderboard.
    pub fn take(self, answers: &mut Answers, scope: &Scope) -> Result<BenchmarkHealth, ApiError> {
        let version = answers.take(self.version)?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
        let runs = self.standing.map(|standing| answers.take(standing)).transpose()?.unwrap_or_default();
        let leaders = match runs.as_slice() {
            [first, second, ..] => match LeaderGap::of(&version, first, second) {
                Ok(gap) => Some(Leaders {
                    first: ComparedModel::of(&version, &first.run),
                    second: ComparedModel::of(&version, &second.run),
                    gap,
                }),
                Err(CompareError::PrivateTasks) => None,
                Err(error) => return Err(error.into()),
            },
            _ => None,
        };
        Ok(BenchmarkHealth {
            benchmark: scope.benchmark.clone(),
            version: scope.version.clone(),
            snapshot_id: scope.snapshot.as_ref().map(|snapshot| snapshot.id.clone()),
            saturation: Saturation::of(&version, &runs),
            leaders,
        })
    }
}
