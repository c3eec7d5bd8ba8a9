//! Seals: a runner registers what a run is going to be, before there are results.

use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{check_system, over_quota, require_declared};
use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, RunId, SealId, SystemId, Timestamp, UserId, ValidationErrorCode, VersionName,
        seal::SealState, system::Agent,
    },
    http::{
        credentials::{ApiKeyClient, ResultsWrite, write_error},
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        moderation::refuse_hidden,
        openapi::{ConflictSeal, ForbiddenPublisher, Hidden, IdempotencyKey, IfNoneMatch, NotFound},
        page::{END_OF_TIME, Page, list as list_answer, page_size, read_cursor, take_page},
        parameters::{self, Name},
        problem::{ApiError, NOT_OWNER, SEAL_OPENED},
        request::{Json, Path, Query, Validator, canonical},
    },
    log,
    store::{
        Batch, BatchError, Guard, benchmarks, models,
        runs::RunDeclaration,
        seals::{self as store, NewSeal, Seal, SealDeclaration, SealPlace, SealsOf},
        storage,
    },
    webhooks,
};

/// How often a seal is tried, where its owner makes another one meanwhile.
const TRIES: usize = 5;

/// What a run is going to be.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = SealCreate)]
pub struct Body {
    #[serde(deserialize_with = "parameters::name")]
    model: ModelId,
    /// What drives the model, such as an agent or a scaffold.
    agent: Option<Agent>,
    /// A short label of what the model runs in, such as its reasoning effort.
    #[schema(min_length = 1, max_length = 100, example = "high")]
    configuration: Option<String>,
    #[serde(deserialize_with = "parameters::name")]
    benchmark: BenchmarkId,
    /// The run will answer every one of its tasks; the version is replaced no more.
    version: VersionName,
    /// What runs it.
    #[schema(min_length = 1, max_length = 100, example = "aider")]
    harness: String,
    /// Which version of that.
    #[schema(min_length = 1, max_length = 100, example = "0.86.0")]
    harness_version: String,
    /// Of the harness or of the benchmark's code.
    #[schema(min_length = 1, max_length = 100, example = "5318380")]
    commit: String,
    /// How often each task is tried: what the version asks for.
    #[schema(minimum = 1, maximum = 10)]
    attempts: u32,
    /// When the runner stops.
    #[schema(min_length = 1, max_length = 1000, example = "One run; tasks that break are tried once more.")]
    stopping_rule: String,
    /// What else there is to say.
    #[schema(max_length = 1000)]
    note: Option<String>,
}

/// A seal: what a run is going to be, and whether one was published with it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Seal)]
pub struct SealBody {
    id: SealId,
    #[serde(flatten)]
    #[schema(inline)]
    declared: SealDeclaration,
    /// How many tasks the version has.
    #[schema(minimum = 1)]
    task_count: i64,
    /// Names the runs and seals of one owner and system on the version: its first run or seal.
    #[schema(value_type = parameters::Uuid)]
    series: String,
    /// Which of the seals in the series it is.
    #[schema(minimum = 1)]
    ordinal: i64,
    sealed_at: Timestamp,
    status: SealState,
    /// The run that was published with it; null while it is sealed.
    run_id: Option<RunId>,
    /// Its leaf in the log; null until it has one, which takes some moments.
    #[schema(minimum = 0)]
    log_index: Option<i64>,
    #[serde(skip)]
    act: i64,
}

impl SealBody {
    /// Creates the body of a seal that is made now.
    fn made(seal: &NewSeal<'_>) -> Self {
        Self {
            id: seal.id.clone(),
            declared: seal.declared.clone(),
            task_count: seal.place.task_count,
            series: seal.place.series.clone().unwrap_or_else(|| seal.id.to_string()),
            ordinal: seal.place.ordinal,
            sealed_at: seal.sealed_at,
            status: SealState::Sealed,
            run_id: None,
            log_index: None,
            act: 0,
        }
    }
}

impl From<Seal> for SealBody {
    fn from(seal: Seal) -> Self {
        Self {
            id: seal.id,
            declared: seal.declared,
            task_count: seal.task_count,
            series: seal.series,
            ordinal: seal.ordinal,
            sealed_at: seal.sealed_at,
            status: if seal.run_id.is_some() { SealState::Opened } else { SealState::Sealed },
            run_id: seal.run_id,
            log_index: seal.log_index,
            act: seal.act,
        }
    }
}

/// Seals what a run is going to be.
///
/// Scope `results:write`. The log numbers the seal. A run names it as `seal`, and the first that is published with it opens
/// it. Nobody takes a seal back: one that is never opened stays to be seen.
#[utoipa::path(
    post,
    path = "/api/v1/seals",
    operation_id = "createSeal",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(IdempotencyKey),
    request_body = Body,
    responses(
        (status = 201, description = "The seal.", body = SealBody),
        (status = 403, response = ForbiddenPublisher),
        (status = 409, response = ConflictSeal),
    ),
)]
pub async fn create(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Idempotent(request, Json(body)): Idempotent<Json<Body>>,
) -> Result<Response, ApiError> {
    let owner_id = client.owner_id();
    request.once(&app, Caller::ApiKeyClient(owner_id), |claim| seal(&app, owner_id, body, claim)).await
}

async fn seal(app: &App, owner_id: &UserId, body: Body, mut claim: Claim) -> Result<Fulfilled, ApiError> {
    let size = i64::try_from(canonical(&body)?.len()).unwrap_or(i64::MAX);
    let declared = check(body)?;
    for _ in 0..TRIES {
        let place = place(app, owner_id, &declared).await?;
        let (id, now) = (SealId::from(app.new_id()), app.now());
        let new = NewSeal { id: &id, owner_id, declared: &declared, place: &place, sealed_at: now };
        let reply = Reply::json(StatusCode::CREATED, &SealBody::made(&new))?;
        let mut batch = Batch::new();
        batch.push(store::add(&new));
        // The charge changes a row only where a seal was made, which is what `fulfil_if_changed` looks at.
        batch.push(storage::charge_run(owner_id, size));
        let made = claim.fulfil_if_changed(&mut batch, app, reply)?;
        batch.push(storage::expect_quota(owner_id, app.config().storage_quota_bytes));
        let found = batch.push(store::find(&id));
        let mut answers = match batch.run(app.database()).await {
            Err(BatchError::Guard(Guard::StorageQuota)) => return Err(over_quota(app, owner_id).await?),
            answers => answers.map_err(write_error)?,
        };
        if answers.take(found)?.is_some() {
            log::sequence_in_background(app);
            webhooks::deliver_in_background(app);
            return Ok(made);
        }
        claim = made.undone();
    }
    Err(ApiError::unavailable("other seals kept coming while one was made"))
}

/// Finds the place of the next seal in its series, and checks that its model and version are declared and its attempts
/// are the version's.
async fn place(app: &App, owner_id: &UserId, declared: &SealDeclaration) -> Result<SealPlace, ApiError> {
    let mut batch = Batch::new();
    let next = batch.push(store::next(owner_id, declared));
    let model = batch.push(models::declaration(&declared.model));
    let version = batch.push(benchmarks::find_version(&declared.benchmark, &declared.version));
    let mut answers = batch.run(app.database()).await?;
    let (next, model, version) = (answers.take(next)?, answers.take(model)?, answers.take(version)?);
    require_declared(model.as_ref(), version.as_ref())?;
    let next = next.ok_or_else(|| ApiError::internal("a version is gone"))?;
    let mut validator = Validator::default();
    let as_prescribed = next.attempts == i64::from(declared.attempts);
    validator.require(as_prescribed, "/attempts", "give the version's attemptsPerTask");
    validator.finish()?;
    Ok(next)
}

fn check(body: Body) -> Result<SealDeclaration, ApiError> {
    let mut validator = Validator::default();
    let mut text = |pointer: &str, text: &str, most| validator.text(pointer, text, 1, most);
    let harness = text("/harness", &body.harness, 100);
    let harness_version = text("/harnessVersion", &body.harness_version, 100);
    let commit = text("/commit", &body.commit, 100);
    let stopping_rule = text("/stoppingRule", &body.stopping_rule, 1000);
    let note = validator.optional_text("/note", body.note.as_deref(), 1000);
    validator.require((1..=10).contains(&body.attempts), "/attempts", "give the version's attemptsPerTask");
    let (agent, configuration) = check_system(&mut validator, body.agent.as_ref(), body.configuration.as_deref());
    validator.finish()?;
    Ok(SealDeclaration {
        system_id: SystemId::of(&body.model, agent.as_ref(), configuration.as_deref()),
        model: body.model,
        agent,
        configuration,
        benchmark: body.benchmark,
        version: body.version,
        harness,
        harness_version,
        commit,
        attempts: body.attempts,
        stopping_rule,
        note,
    })
}

/// Shows a seal.
///
/// Whether a run was published with it, and its leaf in the log.
#[utoipa::path(
    get,
    path = "/api/v1/seals/{id}",
    operation_id = "getSeal",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = SealId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The seal.", body = SealBody),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn one(State(app): State<App>, Path(id): Path<SealId>) -> Result<Answer<SealBody>, ApiError> {
    let seal = store::find(&id).run(app.database()).await?.ok_or_else(|| ApiError::not_found("seal"))?;
    refuse_hidden("seal's model or benchmark", seal.hidden_reason.clone())?;
    Ok(Answer(SealBody::from(seal)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Of this version only.
    #[serde(default, deserialize_with = "parameters::version")]
    version: Option<VersionName>,
    /// Of this model only.
    #[serde(default, deserialize_with = "parameters::model")]
    model: Option<ModelId>,
    /// `sealed`: only those that no run was published with; `opened`: only the others.
    status: Option<SealState>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Lists the seals of a benchmark, newest first.
///
/// Those that were never opened too.
#[utoipa::path(
    get,
    path = "/api/v1/benchmarks/{id}/seals",
    operation_id = "listSeals",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = BenchmarkId, Path), Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "A page.", body = Page<'_, SealBody>),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(Name(id)): Path<Name<BenchmarkId>>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_size(parameters.limit)?;
    let before = read_cursor::<i64>(parameters.cursor.as_deref())?.unwrap_or(END_OF_TIME);
    let of = SealsOf {
        benchmark: &id,
        version: parameters.version.as_ref(),
        model: parameters.model.as_ref(),
        state: parameters.status,
        before,
        rows: limit.saturating_add(1),
    };
    let mut batch = Batch::new();
    let declaration = batch.push(benchmarks::declaration(&id));
    let seals = batch.push(store::list(&of));
    let mut answers = batch.run(app.database()).await?;
    let declaration = answers.take(declaration)?.ok_or_else(|| ApiError::not_found("benchmark"))?;
    refuse_hidden("benchmark", declaration.hidden_reason)?;
    let seals = answers.take(seals)?.into_iter().map(SealBody::from).collect::<Vec<_>>();
    let (seals, next) = take_page(seals, limit, |seal| seal.act);
    Ok(list_answer(&uri, &seals, next))
}

/// Creates the error for a seal that another run was published with.
pub fn seal_opened() -> ApiError {
    ApiError::new(
        SEAL_OPENED,
        "a seal is opened once: publish this run without it, or under another that it was sealed as",
    )
}

/// Creates the error for a run that was not opened with its seal, by the guard that undid the batch.
pub async fn refusal(app: &App, run: &RunDeclaration, guard: Guard) -> Result<ApiError, ApiError> {
    let seal = match &run.seal {
        Some(id) => store::find(id).run(app.database()).await?,
        None => None,
    };
    let mut validator = Validator::default();
    match (guard, seal) {
        (Guard::SealUnopened, _) => return Ok(seal_opened()),
        (_, None) => validator.refuse("/seal", ValidationErrorCode::UnknownReference, "there is no such seal"),
        (Guard::SealOwner, Some(_)) => return Ok(ApiError::new(NOT_OWNER, "somebody else made this seal")),
        (Guard::SealOrder, Some(seal)) => {
            let pointer = if run.started_at.is_some() { "/startedAt" } else { "/completedAt" };
            let detail = format!("it was sealed at {}, after that", seal.sealed_at);
            validator.refuse(pointer, ValidationErrorCode::OutOfRange, detail);
        }
        (_, Some(seal)) => {
            let sealed = seal.declared;
            let said = [
                ("/model", sealed.model == run.model),
                ("/agent", sealed.agent == run.agent),
                ("/configuration", sealed.configuration == run.configuration),
                ("/benchmark", sealed.benchmark == run.benchmark),
                ("/version", sealed.version == run.version),
                ("/harness", sealed.harness == run.harness),
                ("/harnessVersion", sealed.harness_version == run.harness_version),
                ("/commit", Some(&sealed.commit) == run.commit.as_ref()),
            ];
            for (pointer, same) in said {
                validator.require(same, pointer, "the seal says otherwise");
            }
        }
    }
    Ok(validator.finish().err().unwrap_or_else(|| ApiError::unavailable("a seal did not fit its run, and does now")))
}
