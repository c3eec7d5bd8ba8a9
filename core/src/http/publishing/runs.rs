use std::collections::BTreeMap;

use axum::{Json as Answer, extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::over_quota;
use crate::{
    app::App,
    domain::{
        RunId, UserId, ValidationError, benchmark::Metric, evaluator::EvaluatorRelationship, leaderboard::Score,
        run_status::RunStatus, statistics::pass_at_k, strict_json::StrictObject,
    },
    http::{
        credentials::{ApiKeyClient, ResultsWrite, write_error},
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        moderation::{publishes_to_hidden, refuse_hidden},
        parameters,
        problem::{ApiError, EXTERNAL_ID_CONFLICT, NOT_OWNER},
        request::{Json, Path, Validator, canonical},
    },
    ports::Timestamp,
    store::{
        Batch, BatchError, Guard, benchmarks, models,
        runs::{self, NewRun, Run},
        storage,
    },
};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    #[serde(deserialize_with = "parameters::name")]
    model: String,
    #[serde(deserialize_with = "parameters::name")]
    benchmark: String,
    version: String,
    harness: String,
    harness_version: String,
    commit: String,
    #[serde(default)]
    dirty: bool,
    prompt_hash: Option<String>,
    #[serde(default)]
    generation_config: StrictObject,
    attempts_policy: Option<String>,
    command: Option<String>,
    evaluator_relationship: EvaluatorRelationship,
    external_id: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
}

/// Opens a run. With an `externalId` the same request again gets the run that it opened.
pub async fn create(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Idempotent(request, Json(body)): Idempotent<Json<Body>>,
) -> Result<Response, ApiError> {
    let owner_id = client.owner_id();
    request.once(&app, Caller::ApiKeyClient(owner_id), |claim| open(&app, owner_id, body, claim)).await
}

async fn open(app: &App, owner_id: &UserId, body: Body, claim: Claim) -> Result<Fulfilled, ApiError> {
    let mut validator = Validator::default();
    let mut text = |pointer: &str, text: &str, most| validator.text(pointer, text, 1, most);
    let harness = text("/harness", &body.harness, 100);
    let harness_version = text("/harnessVersion", &body.harness_version, 100);
    let commit = text("/commit", &body.commit, 100);
    let prompt_hash = validator.optional_text("/promptHash", body.prompt_hash.as_deref(), 128);
    let attempts_policy = validator.optional_text("/attemptsPolicy", body.attempts_policy.as_deref(), 1000);
    let command = validator.optional_text("/command", body.command.as_deref(), 4000);
    let external_id = validator.optional_text("/externalId", body.external_id.as_deref(), 200);
    let started_at = validator.optional_timestamp("/startedAt", body.started_at.as_deref());
    let completed_at = validator.optional_timestamp("/completedAt", body.completed_at.as_deref());
    let in_order = started_at.zip(completed_at).is_none_or(|(started, completed)| started <= completed);
    validator.require(in_order, "/completedAt", "a run ends after it started");
    validator.finish()?;
    let request = canonical(&body)?;
    let (id, now) = (RunId::from(app.new_id()), app.now());
    let declared = json!({
        "model": body.model,
        "benchmark": body.benchmark,
        "version": body.version,
        "harness": harness,
        "harnessVersion": harness_version,
        "commit": commit,
        "dirty": body.dirty,
        "promptHash": prompt_hash,
        "generationConfig": body.generation_config,
        "attemptsPolicy": attempts_policy,
        "command": command,
        "evaluatorRelationship": body.evaluator_relationship,
        "externalId": external_id,
        "startedAt": started_at,
        "completedAt": completed_at,
    });
    let opened = Reply::json(StatusCode::CREATED, &open_body(&id, declared, now))?;
    let generation_config = Value::Object(body.generation_config.0).to_string();

    let run = NewRun {
        id: &id,
        owner_id,
        model: &body.model,
        benchmark: &body.benchmark,
        version: &body.version,
        harness: &harness,
        harness_version: &harness_version,
        commit: &commit,
        dirty: body.dirty,
        prompt_hash: prompt_hash.as_deref(),
        generation_config: &generation_config,
        attempts_policy: attempts_policy.as_deref(),
        command: command.as_deref(),
        evaluator_relationship: body.evaluator_relationship,
        external_id: external_id.as_deref(),
        request: &request,
        started_at,
        completed_at,
        created_at: now,
    };
    let mut batch = Batch::new();
    batch.push(runs::open(&run));
    // The charge tells as well as the run whether one was opened.
    batch.push(storage::charge_run(owner_id, i64::try_from(request.len()).unwrap_or(i64::MAX)));
    let opened = claim.fulfil_if_changed(&mut batch, app, opened)?;
    batch.push(storage::expect_quota(owner_id, app.config().storage_quota_bytes));
    let created = batch.push(runs::find(&id));
    let earlier = batch.push(runs::find_external(owner_id, run.external_id));
    let model = batch.push(models::declaration(run.model));
    let version = batch.push(benchmarks::find_version(run.benchmark, run.version));
    let mut answers = match batch.run(app.database()).await {
        Err(BatchError::Guard(Guard::StorageQuota)) => return Err(over_quota(app, owner_id).await?),
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
        let reply = Reply::json(StatusCode::OK, &run_body(&earlier))?;
        return Ok(opened.undone().remember(app, reply).await);
    }
    let (model, version) = (answers.take(model)?, answers.take(version)?);
    let of_model = model.as_ref().and_then(|model| model.hidden_reason.clone());
    let of_benchmark = version.as_ref().and_then(|version| version.hidden_reason.clone());
    if let Some(reason) = of_model.or(of_benchmark) {
        return Err(publishes_to_hidden(reason));
    }
    let mut validator = Validator::default();
    let mut declared = |exists: bool, pointer, what| {
        let refusal = ValidationError::new("unknown_reference", format!("declare the {what} first"));
        validator.check(pointer, if exists { Ok(()) } else { Err(refusal) });
    };
    declared(model.is_some(), "/model", "model");
    declared(version.is_some(), "/version", "benchmark version");
    validator.finish()?;
    Err(ApiError::unavailable("a run was not opened although model and version are there"))
}

/// One run.
pub async fn one(State(app): State<App>, Path(id): Path<RunId>) -> Result<Answer<Value>, ApiError> {
    let run = find(&app, &id).await?;
    refuse_hidden("run's model or benchmark", run.hidden_reason.clone())?;
    Ok(Answer(run_body(&run)))
}

/// The run.
///
/// # Errors
/// `not_found`.
pub async fn find(app: &App, id: &RunId) -> Result<Run, ApiError> {
    runs::find(id).run(app.database()).await?.ok_or_else(|| ApiError::not_found("run"))
}

/// The run, where it is this person's.
///
/// # Errors
/// `not_found` or `not_owner`.
pub async fn find_own(app: &App, owner_id: &UserId, id: &RunId) -> Result<Run, ApiError> {
    own(find(app, id).await?, owner_id)
}

/// The run, where it is this person's.
///
/// # Errors
/// `not_owner`.
pub fn own(run: Run, owner_id: &UserId) -> Result<Run, ApiError> {
    if run.owner_id.as_ref() == Some(owner_id) { Ok(run) } else { Err(not_owner()) }
}

/// The run is somebody else's.
pub fn not_owner() -> ApiError {
    ApiError::new(NOT_OWNER, "somebody else opened this run")
}

/// A run, on the wire.
pub fn run_body(run: &Run) -> Value {
    let aggregates = run.aggregates.as_ref().map(|aggregates| {
        let score = Score::of(run.metric, aggregates);
        json!({
            "tasks": aggregates.tasks,
            "correct": aggregates.correct,
            "total": aggregates.total,
            "score": score.score,
            "scoreLow": score.interval.map(|interval| interval.low),
            "scoreHigh": score.interval.map(|interval| interval.high),
            "costUsd": aggregates.cost_usd,
            "latencyMsP50": aggregates.p50_ms,
            "latencyMsP95": aggregates.p95_ms,
            "passAtK": pass_rates(run),
            "parts": parts(run),
        })
    });
    let state = json!({
        "status": run.status,
        "reason": run.reason,
        "createdAt": run.created_at,
        "publishedAt": run.published_at,
        "withdrawnAt": run.withdrawn_at,
        "counts": run.counts,
        "aggregates": aggregates,
    });
    joined([json!({ "id": run.id }), Value::Object(run.declared.clone()), state])
}

/// How likely at least one of k attempts at a task passes, over the tasks' mean: for the usual k that every task has
/// samples for.
#[expect(clippy::cast_precision_loss, reason = "counts are within 2⁵³")]
fn pass_rates(run: &Run) -> Option<BTreeMap<u64, f64>> {
    let fewest =
        run.pass_counts.iter().map(|(samples, ..)| *samples).min().filter(|_| run.metric == Metric::PassRate)?;
    let rate = |k: u64| {
        let tasks = run.pass_counts.iter().map(|(.., tasks)| *tasks as f64).sum::<f64>();
        let passes = run.pass_counts.iter().map(|(n, c, tasks)| Some(pass_at_k(*n, *c, k)? * *tasks as f64));
        passes.sum::<Option<f64>>().map(|passes| (k, passes / tasks))
    };
    Some([1, 5, 10, 100].into_iter().filter(|k| *k <= fewest).filter_map(rate).collect())
}

/// What each part of a composite score came to.
fn parts(run: &Run) -> Option<Value> {
    let parts = run.parts.as_ref()?.iter().map(|part| {
        let (results, score) = run.part_scores.get(&part.id).copied().unzip();
        json!({ "id": part.id, "weight": part.weight, "score": score, "results": results.unwrap_or(0) })
    });
    Some(parts.collect())
}

/// The same of a run that is opened now.
fn open_body(id: &RunId, declared: Value, now: Timestamp) -> Value {
    let state = json!({
        "status": RunStatus::Open,
        "reason": null,
        "createdAt": now,
        "publishedAt": null,
        "withdrawnAt": null,
        "counts": null,
        "aggregates": null,
    });
    joined([json!({ "id": id }), declared, state])
}

fn joined(parts: [Value; 3]) -> Value {
    let members = parts.into_iter().filter_map(|part| match part {
        Value::Object(members) => Some(members),
        _ => None,
    });
    Value::Object(members.flatten().collect())
}
