use std::collections::BTreeMap;

use axum::{Json as Answer, extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{check_conditions, check_system, over_quota, require_declared, seals::refusal};
use crate::{
    app::App,
    domain::{
        RunId, SystemId, Timestamp, UserId, formats,
        leaderboard::{Aggregates, IntervalMethod, Score},
        measure::Metric,
        run_links::RunLinks,
        run_status::RunStatus,
        statistics::mean_pass_at_k,
        values,
    },
    http::{
        credentials::{ApiKeyClient, ResultsWrite, write_error},
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        moderation::refuse_hidden,
        openapi::{ConflictRun, ForbiddenPublisher, Hidden, IdempotencyKey, IfNoneMatch, NotFound},
        parameters::Slug,
        problem::{ApiError, EXTERNAL_ID_CONFLICT, NOT_OWNER},
        request::{Json, Path, Validator, canonical},
    },
    store::{
        Batch, BatchError, Guard, benchmarks, models,
        runs::{self, NewRun, Run, RunDeclaration},
        seals, storage,
    },
    wire::{Counts, GivenScore, RunCreate},
};

/// How far ahead of the server's clock the times of a run may be, in seconds: clocks differ by less than a day.
const MOST_AHEAD_SECONDS: i64 = 86_400;

/// Opens a run.
///
/// Scope `results:write`. A model, benchmark or version that is not declared is 422.
#[utoipa::path(
    post,
    path = "/api/v1/runs",
    operation_id = "createRun",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(IdempotencyKey),
    request_body = RunCreate,
    responses(
        (status = 200, description = "The run that this `externalId` opened before, with the same body.",
            body = RunBody),
        (status = 201, description = "A new, open run.", body = RunBody),
        (status = 403, response = ForbiddenPublisher),
        (status = 409, response = ConflictRun),
    ),
)]
pub async fn create(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Idempotent(request, Json(body)): Idempotent<Json<RunCreate>>,
) -> Result<Response, ApiError> {
    let owner_id = client.owner_id();
    request.once(&app, Caller::ApiKeyClient(owner_id), |claim| open(&app, owner_id, body, claim)).await
}

async fn open(app: &App, owner_id: &UserId, body: RunCreate, claim: Claim) -> Result<Fulfilled, ApiError> {
    let mut validator = Validator::default();
    let mut text = |pointer: &str, text: &str, most| validator.text(pointer, text, 1, most);
    let harness = text("/harness", &body.harness, 100);
    let harness_version = text("/harnessVersion", &body.harness_version, 100);
    let commit = body.commit.as_deref().map(|commit| validator.text("/commit", commit, 1, 100));
    let prompt_hash = validator.optional_text("/promptHash", body.prompt_hash.as_deref(), 128);
    let attempts_policy = validator.optional_text("/attemptsPolicy", body.attempts_policy.as_deref(), 1000);
    let command = validator.optional_text("/command", body.command.as_deref(), 4000);
    let external_id = validator.optional_text("/externalId", body.external_id.as_deref(), 200);
    let conditions = check_conditions(&mut validator, body.conditions);
    let started_at = validator.optional_timestamp("/startedAt", body.started_at.as_deref());
    let completed_at = validator.optional_timestamp("/completedAt", body.completed_at.as_deref());
    let in_order = started_at.zip(completed_at).is_none_or(|(started, completed)| started <= completed);
    validator.require(in_order, "/completedAt", "a run ends after it started");
    let now = app.now();
    // A run that is dated far ahead would be the one evaluated last, whatever comes after it.
    for (pointer, time) in [("/startedAt", started_at), ("/completedAt", completed_at)] {
        let has_come = time.is_none_or(|time| time <= now.plus_seconds(MOST_AHEAD_SECONDS));
        validator.require(has_come, pointer, "give a time that has come");
    }
    let (agent, configuration) = check_system(&mut validator, body.agent.as_ref(), body.configuration.as_deref());
    for (name, link) in body.links.iter().flat_map(RunLinks::each) {
        link.and_then(|link| validator.check(&format!("/links/{name}"), values::https_url(link)));
    }
    validator.finish()?;
    let request = canonical(&body)?;
    let id = RunId::from(app.new_id());
    let declared = RunDeclaration {
        system_id: SystemId::of(&body.model, agent.as_ref(), configuration.as_deref()),
        model: body.model,
        agent,
        configuration,
        benchmark: body.benchmark,
        version: body.version,
        harness,
        harness_version,
        commit,
        dirty: body.dirty,
        prompt_hash,
        generation_config: Value::Object(body.generation_config.0),
        attempts_policy,
        command,
        evaluator_relationship: body.evaluator_relationship,
        external_id,
        conditions,
        started_at,
        completed_at,
        links: body.links.filter(|links| !links.is_empty()),
        seal: body.seal,
    };
    let opened = Reply::json(StatusCode::CREATED, &RunBody::opened(id.clone(), declared.clone(), now))?;

    let run = NewRun { id: &id, owner_id, declared: &declared, request: &request, created_at: now };
    let mut batch = Batch::new();
    batch.push(runs::open(&run)?);
    // The charge changes a row only where a run was opened, which is what `fulfil_if_changed` looks at.
    batch.push(storage::charge_run(owner_id, i64::try_from(request.len()).unwrap_or(i64::MAX)));
    let opened = claim.fulfil_if_changed(&mut batch, app, opened)?;
    batch.push(storage::expect_quota(owner_id, app.config().storage_quota_bytes));
    batch.push(seals::expect_bound(&id));
    let created = batch.push(runs::find(&id));
    let earlier = batch.push(runs::find_external(owner_id, declared.external_id.as_deref()));
    let model = batch.push(models::declaration(&declared.model));
    let version = batch.push(benchmarks::find_version(&declared.benchmark, &declared.version));
    let mut answers = match batch.run(app.database()).await {
        Err(BatchError::Guard(Guard::StorageQuota)) => return Err(over_quota(app, owner_id).await?),
        Err(BatchError::Guard(
            guard @ (Guard::SealOwner | Guard::SealMatches | Guard::SealOrder | Guard::SealUnopened),
        )) => return Err(refusal(app, &declared, guard).await?),
        answers => answers.map_err(write_error)?,
    };
    if answers.take(created)?.is_some() {
        return Ok(opened);
    }
    if let Some(earlier) = answers.take(earlier)? {
        if earlier.request != request {
            return Err(ApiError::new(
                EXTERNAL_ID_CONFLICT,
                "your run of this external id was opened with another request",
            ));
        }
        let reply = Reply::json(StatusCode::OK, &RunBody::of(&earlier))?;
        return Ok(opened.undone().remember(app, reply).await);
    }
    let (model, version) = (answers.take(model)?, answers.take(version)?);
    require_declared(model.as_ref(), version.as_ref())?;
    Err(ApiError::unavailable("a run was not opened although model and version are there"))
}

/// Shows a run.
///
/// Open ones too; withdrawn and rejected ones with the reason.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}",
    operation_id = "getRun",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = RunId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The run.", body = RunBody),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn one(State(app): State<App>, Path(id): Path<RunId>) -> Result<Answer<RunBody>, ApiError> {
    let run = find(&app, &id).await?;
    refuse_hidden("run's model or benchmark", run.hidden_reason.clone())?;
    Ok(Answer(RunBody::of(&run)))
}

/// Reads a run.
///
/// # Errors
/// `not_found` where there is none.
pub async fn find(app: &App, id: &RunId) -> Result<Run, ApiError> {
    runs::find(id).run(app.database()).await?.ok_or_else(|| ApiError::not_found("run"))
}

/// Reads a run that this owner opened.
///
/// # Errors
/// `not_found` where there is none, `not_owner` where somebody else opened it.
pub async fn find_own(app: &App, owner_id: &UserId, id: &RunId) -> Result<Run, ApiError> {
    own(find(app, id).await?, owner_id)
}

/// Returns the run where this owner opened it.
///
/// # Errors
/// `not_owner` where somebody else did.
pub fn own(run: Run, owner_id: &UserId) -> Result<Run, ApiError> {
    if run.owner_id.as_ref() == Some(owner_id) { Ok(run) } else { Err(not_owner()) }
}

/// Creates the error for a run that somebody else opened.
pub fn not_owner() -> ApiError {
    ApiError::new(NOT_OWNER, "somebody else opened this run")
}

/// A run: what it claims to be, and what has become of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Run)]
pub struct RunBody {
    id: RunId,
    #[serde(flatten)]
    #[schema(inline)]
    declared: RunDeclaration,
    status: RunStatus,
    /// Why it was rejected or withdrawn.
    reason: Option<String>,
    created_at: Timestamp,
    published_at: Option<Timestamp>,
    /// `completedAt`, else `startedAt`, else `publishedAt`: of its owner's runs of a system, the one evaluated last stands.
    evaluated_at: Option<Timestamp>,
    /// When it was withdrawn or rejected.
    withdrawn_at: Option<Timestamp>,
    /// Null until given, and always null with other evidence than `counts`.
    counts: Option<Counts>,
    /// What its source publishes. Null until given, and always null with other evidence than `score`.
    score: Option<GivenScore>,
    /// Null until published.
    aggregates: Option<AggregatesBody>,
}

/// What the server computes of a run when it is published.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Aggregates)]
struct AggregatesBody {
    tasks: u64,
    /// Of `total`, those that passed; null where scores are no shares, or the source publishes only the score.
    correct: Option<u64>,
    /// Attempts or samples; null where the source does not tell.
    total: Option<u64>,
    #[schema(example = 0.88)]
    score: f64,
    /// 95 % interval; null where too few clusters carry one, or the source gives none.
    #[schema(example = 0.83)]
    score_low: Option<f64>,
    #[schema(example = 0.92)]
    score_high: Option<f64>,
    /// How the interval came to be; null where there is none.
    interval_method: Option<IntervalMethod>,
    /// US dollars.
    #[schema(minimum = 0, example = 29.0829)]
    cost_usd: Option<f64>,
    #[schema(minimum = 0)]
    latency_ms_p50: Option<f64>,
    #[schema(minimum = 0)]
    latency_ms_p95: Option<f64>,
    /// How likely at least one of k samples passes (Chen 2021), over the tasks' mean; for k of 1, 5, 10 and 100, as far
    /// as every task has samples. Null unless the metric is `pass_rate` and the evidence `results`.
    #[schema(value_type = Option<BTreeMap<String, formats::Score>>)]
    pass_at_k: Option<BTreeMap<u64, f64>>,
    /// Of a composite score.
    parts: Option<Vec<PartScore>>,
}

/// What a part of a composite score came to.
#[derive(Serialize, ToSchema)]
struct PartScore {
    #[schema(value_type = Slug)]
    id: String,
    #[schema(exclusive_minimum = 0)]
    weight: f64,
    #[schema(value_type = Option<formats::Score>)]
    score: Option<f64>,
    /// How many results have it.
    results: u64,
}

impl RunBody {
    /// Creates the body that shows a run.
    pub fn of(run: &Run) -> Self {
        Self {
            id: run.id.clone(),
            declared: run.declared.clone(),
            status: run.status,
            reason: run.reason.clone(),
            created_at: run.created_at,
            published_at: run.published_at,
            evaluated_at: run.evaluated_at,
            withdrawn_at: run.withdrawn_at,
            counts: run.counts.clone(),
            score: run.given_score.clone(),
            aggregates: run.aggregates.as_ref().map(|aggregates| AggregatesBody::of(run, aggregates)),
        }
    }

    /// Creates the body of a run that is opened now.
    fn opened(id: RunId, declared: RunDeclaration, now: Timestamp) -> Self {
        Self {
            id,
            evaluated_at: declared.completed_at.or(declared.started_at),
            declared,
            status: RunStatus::Open,
            reason: None,
            created_at: now,
            published_at: None,
            withdrawn_at: None,
            counts: None,
            score: None,
            aggregates: None,
        }
    }
}

impl AggregatesBody {
    fn of(run: &Run, aggregates: &Aggregates) -> Self {
        let score = Score::of(&run.measure, aggregates);
        Self {
            tasks: aggregates.tasks,
            correct: aggregates.passes(&run.measure),
            total: aggregates.samples(),
            score: score.score,
            score_low: score.interval.map(|interval| interval.low),
            score_high: score.interval.map(|interval| interval.high),
            interval_method: score.method,
            cost_usd: aggregates.cost_usd,
            latency_ms_p50: aggregates.p50_ms,
            latency_ms_p95: aggregates.p95_ms,
            pass_at_k: mean_pass_at_k(&run.pass_counts).filter(|_| run.measure.metric == Metric::PassRate),
            parts: parts(run),
        }
    }
}

/// Returns the score of each part of a composite score; `None` where the score has no parts.
fn parts(run: &Run) -> Option<Vec<PartScore>> {
    let parts = run.parts.as_ref()?.iter().map(|part| {
        let (results, score) = run.part_scores.get(&part.id).copied().unzip();
        PartScore { id: part.id.clone(), weight: part.weight, score, results: results.unwrap_or(0) }
    });
    Some(parts.collect())
}
