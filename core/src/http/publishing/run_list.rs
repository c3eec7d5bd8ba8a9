//! Lists of runs: a publisher's own, and those that an administrator looks through.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, RunId, Timestamp, VersionName,
        run_status::{PublishedStatus, RunStatus},
        system::Agent,
    },
    http::{
        credentials::{ApiKeyClient, ClaimedAdmin, ResultsWrite},
        openapi::ForbiddenPublisher,
        page::{NewestFirst, Page, PageQuery},
        problem::ApiError,
        request::Query,
    },
    store::{
        admin as store,
        own_runs::{self, OwnRun},
    },
};

/// A run in a list, without what was declared of how it was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RunSummary {
    id: RunId,
    model: ModelId,
    /// What drove the model.
    agent: Option<Agent>,
    configuration: Option<String>,
    benchmark: BenchmarkId,
    version: VersionName,
    status: RunStatus,
    /// Why it was rejected or withdrawn.
    reason: Option<String>,
    created_at: Timestamp,
    published_at: Option<Timestamp>,
    /// Null until published.
    #[schema(example = 0.88)]
    score: Option<f64>,
}

impl From<OwnRun> for RunSummary {
    fn from(run: OwnRun) -> Self {
        Self {
            id: run.id,
            model: run.system.model,
            agent: run.system.agent,
            configuration: run.system.configuration,
            benchmark: run.benchmark,
            version: run.version,
            status: run.status,
            reason: run.reason,
            created_at: run.created_at,
            published_at: run.published_at,
            score: run.score,
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OwnParameters {
    /// Only those of this status.
    status: Option<RunStatus>,
    #[param(ignore)]
    limit: Option<u32>,
    #[param(ignore)]
    cursor: Option<String>,
}

/// Lists your runs, newest first.
///
/// Scope `results:write`: the runs of the key's owner, whichever key opened them. Those that are `open` take results until
/// they are published.
#[utoipa::path(
    get,
    path = "/api/v1/runs",
    operation_id = "listRuns",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(OwnParameters, PageQuery),
    responses(
        (status = 200, description = "A page.", body = Page<'_, RunSummary>),
        (status = 403, response = ForbiddenPublisher),
    ),
)]
pub async fn own(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<OwnParameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let runs = own_runs::list(client.owner_id(), parameters.status, &page.rows()).run(app.database()).await?;
    Ok(page.answer(runs, |run| (run.created_at.0, run.id.to_string()), RunSummary::from))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PublishedParameters {
    /// Only those of this status; `published` where it is left out.
    #[serde(default)]
    #[param(inline)]
    status: PublishedStatus,
    #[param(ignore)]
    limit: Option<u32>,
    #[param(ignore)]
    cursor: Option<String>,
}

/// Lists everybody's runs that were published.
///
/// Those that were published last come first. `status` says what has become of them; without it, those that still stand.
#[utoipa::path(
    get,
    path = "/api/v1/admin/runs",
    operation_id = "listPublishedRuns",
    tag = "Administration",
    security(("accessToken" = [])),
    params(PublishedParameters, PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, RunSummary>)),
)]
pub async fn published(
    State(app): State<App>,
    admin: ClaimedAdmin,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<PublishedParameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let runs = admin.read(&app, store::list_runs(parameters.status.into(), &page.rows())).await?;
    let place = |run: &OwnRun| (run.published_at.unwrap_or(run.created_at).0, run.id.to_string());
    Ok(page.answer(runs, place, RunSummary::from))
}
