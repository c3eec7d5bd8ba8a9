use std::collections::HashMap;

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    evidence::require_evidence,
    over_quota,
    result_input::Body,
    runs::{find_own, not_owner},
};
use crate::{
    app::App,
    domain::{RunId, TaskAttempt, UserId, ValidationErrorCode, benchmark::Evidence},
    http::{
        credentials::{ApiKeyClient, ResultsWrite, write_error},
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        moderation::refuse_hidden,
        openapi::{
            ConflictResults, ForbiddenPublisher, Hidden, IdempotencyKey, IfNoneMatch, NotFound, PrivateTasks,
            UploadTooLarge,
        },
        page::{Page, PageQuery, list as list_answer, page_size, read_cursor, take_page},
        problem::{ApiError, CONFLICTING_RESULTS, PRIVATE_TASKS, Problem, ProblemMembers, RUN_NOT_OPEN},
        request::{Path, Query, Validator},
    },
    store::{
        Batch, BatchError, Guard,
        results::{self, TaskResult, Upload},
        runs::{self, Run},
        storage,
    },
};

/// Most conflicts that an error lists.
const MOST_CONFLICTS: usize = 100;

/// What became of an upload.
#[derive(Serialize, ToSchema)]
#[schema(as = ResultsAccepted)]
struct Uploaded {
    /// Stored by this call.
    accepted: usize,
    /// Exact repeats of what was stored before.
    repeated: usize,
}

/// Uploads results of a run, all or none.
///
/// Scope `results:write`; for a benchmark version with evidence `results`. Exact repeats are accepted, what was
/// uploaded before may not change, and a task that the version does not have is 422.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/results",
    operation_id = "addRunResults",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(("id" = RunId, Path), IdempotencyKey),
    request_body(
        description = "An array of results or, as NDJSON, one `ResultInput` a line: at most 1000.",
        content((inline(Body) = "application/json"), (String = "application/x-ndjson")),
    ),
    responses(
        (status = 200, description = "All of them are stored.", body = Uploaded),
        (status = 403, response = ForbiddenPublisher),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictResults),
        (status = 413, response = UploadTooLarge),
    ),
)]
pub async fn upload(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Path(id): Path<RunId>,
    Idempotent(request, results): Idempotent<Body>,
) -> Result<Response, ApiError> {
    let owner_id = client.owner_id();
    request.once(&app, Caller::ApiKeyClient(owner_id), |claim| add(&app, owner_id, &id, results, claim)).await
}

async fn add(app: &App, owner_id: &UserId, id: &RunId, results: Body, claim: Claim) -> Result<Fulfilled, ApiError> {
    let run = find_own(app, owner_id, id).await?;
    require_evidence(&run, Evidence::Results)?;
    let results = results.check(&run)?;
    let upload = Upload::new(&without_repeats(&results)?)?;

    let mut batch = Batch::new();
    batch.extend([
        runs::expect_open(id, owner_id, Evidence::Results),
        results::expect_known_tasks(id, &upload),
        results::expect_consistent(id, &upload),
        storage::charge_results(id, &upload, owner_id),
        runs::revise(id),
        storage::expect_quota(owner_id, app.config().storage_quota_bytes),
        results::add(id, &upload),
    ]);
    // Both read the count of what was stored: the first leaves it as it is for the second.
    let accepted = batch.push(results::count_changes());
    let uploaded = claim.fulfil_upload(&mut batch, results.len());
    match batch.run(app.database()).await {
        Ok(mut answers) => {
            let accepted = usize::try_from(answers.take(accepted)?).unwrap_or(usize::MAX);
            let answer = Uploaded { accepted, repeated: results.len().saturating_sub(accepted) };
            Reply::json(StatusCode::OK, &answer).map(|reply| uploaded.reply(reply))
        }
        Err(error) => Err(refusal(app, owner_id, &run, &upload, error).await?),
    }
}

/// Returns each attempt once, with its place in the upload; an upload that contradicts itself is a conflict, too.
fn without_repeats(results: &[TaskResult]) -> Result<Vec<(usize, &TaskResult)>, ApiError> {
    let mut by_attempt: HashMap<(&str, i64), &TaskResult> = HashMap::with_capacity(results.len());
    let mut distinct = Vec::with_capacity(results.len());
    let mut conflicts = Vec::new();
    for (position, result) in results.iter().enumerate() {
        match by_attempt.insert((&result.task, result.attempt), result) {
            None => distinct.push((position, result)),
            Some(earlier) if earlier == result => {}
            Some(_) if conflicts.len() >= MOST_CONFLICTS => {}
            Some(_) => conflicts.push(TaskAttempt { task: result.task.clone(), attempt: result.attempt }),
        }
    }
    if conflicts.is_empty() { Ok(distinct) } else { Err(conflict(conflicts)) }
}

fn conflict(conflicts: Vec<TaskAttempt>) -> ApiError {
    let problem = Problem::new(CONFLICTING_RESULTS, "a result never changes; nothing of this upload was stored");
    problem.with(ProblemMembers { conflicts: Some(conflicts), ..ProblemMembers::default() }).into()
}

/// Creates the error for an upload whose batch was undone.
async fn refusal(
    app: &App,
    owner_id: &UserId,
    run: &Run,
    upload: &Upload,
    error: BatchError,
) -> Result<ApiError, ApiError> {
    Ok(match error {
        BatchError::Guard(Guard::RunOpen) => ApiError::new(RUN_NOT_OPEN, "it was published or withdrawn"),
        // The owner's account was deleted meanwhile.
        BatchError::Guard(Guard::RunOwner) => not_owner(),
        BatchError::Guard(Guard::TasksKnown) => unknown_tasks(app, run, upload).await?,
        BatchError::Guard(Guard::ResultsConsistent) => {
            conflict(results::conflicts(&run.id, upload).run(app.database()).await?)
        }
        BatchError::Guard(Guard::StorageQuota) => over_quota(app, owner_id).await?,
        error => write_error(error),
    })
}

async fn unknown_tasks(app: &App, run: &Run, upload: &Upload) -> Result<ApiError, ApiError> {
    let mut validator = Validator::default();
    for unknown in results::unknown_tasks(&run.id, upload).run(app.database()).await? {
        let TaskAttempt { task, attempt } = unknown.named;
        let detail = format!("the benchmark version has no task {task:?} with attempt {attempt}");
        validator.refuse(&format!("/{}/task", unknown.position), ValidationErrorCode::UnknownTask, detail);
    }
    // The version of a run never gets another task, so what was unknown stays so.
    Ok(validator.finish().err().unwrap_or_else(|| ApiError::internal("unknown tasks are known")))
}

/// Lists the results of a run, by task and attempt.
///
/// Of a version with private tasks they are told to nobody: 403 `private_tasks`.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/results",
    operation_id = "listRunResults",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = RunId, Path), PageQuery, IfNoneMatch),
    responses(
        (status = 200, description = "A page.", body = Page<'_, TaskResult>),
        (status = 403, response = PrivateTasks),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<RunId>,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let (task, attempt) = read_cursor::<(String, i64)>(page.cursor.as_deref())?.unwrap_or_default();
    let after = TaskAttempt { task, attempt };
    let mut batch = Batch::new();
    let run = batch.push(runs::find(&id));
    let results = batch.push(results::list(&id, &after, limit.saturating_add(1)));
    let mut answers = batch.run(app.database()).await?;
    let run = answers.take(run)?.ok_or_else(|| ApiError::not_found("run"))?;
    refuse_hidden("run's model or benchmark", run.hidden_reason)?;
    if run.private_tasks {
        return Err(ApiError::new(PRIVATE_TASKS, "only aggregates of its runs are public"));
    }
    let results = answers.take(results)?;
    let (results, next) = take_page(results, limit, |result| (result.task.clone(), result.attempt));
    Ok(list_answer(&uri, &results, next))
}
