use std::collections::{BTreeMap, HashMap};

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{
    over_quota,
    runs::{find_own, not_owner},
};
use crate::{
    app::App,
    domain::{
        benchmark::{Evidence, Metric},
        statistics::weighted_score,
    },
    http::{
        credentials::{Program, ResultsWrite, program_batch_failed},
        idempotency::{Caller, Claim, Idempotent, Reply},
        moderation::refuse_hidden,
        page::{PageQuery, list as list_answer, page_size, read_cursor, take_page},
        problem::{
            ApiError, CONFLICTING_RESULTS, EVIDENCE_MISMATCH, MALFORMED_REQUEST, PRIVATE_TASKS, Problem, RUN_NOT_OPEN,
            UNSUPPORTED_MEDIA_TYPE,
        },
        request::{FromBody, Path, Query, UPLOAD_LIMIT, Validator, media_type, parse_json, parse_object},
    },
    store::{
        Batch, BatchError, Guard,
        results::{self, ResultStatus, TaskAttempt, TaskResult, Upload},
        runs::{self, Run},
        storage,
    },
};

const MOST_RESULTS: usize = 1000;
/// So many conflicts are told.
const MOST_CONFLICTS: usize = 100;
/// Whatever is uploaded, the sums over a run stay exact.
const MOST_COUNTED: i64 = 1_000_000_000;
/// In milliseconds or US dollars.
pub(super) const MOST_MEASURED: f64 = 1e9;

/// One attempt at one task, as it is uploaded: with its score or, where the version has parts, with theirs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ResultInput {
    task: String,
    attempt: i64,
    status: ResultStatus,
    score: Option<f64>,
    parts: Option<BTreeMap<String, f64>>,
    samples: Option<i64>,
    correct: Option<i64>,
    latency_ms: Option<f64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cost_usd: Option<f64>,
}

impl ResultInput {
    /// The result, its score computed where it is composite.
    fn scored(self, validator: &mut Validator, index: usize, run: &Run) -> TaskResult {
        let at = |member: &str| format!("/{index}/{member}");
        let score = match (&run.parts, &self.parts) {
            (None, None) => {
                validator.require(self.score.is_some(), &at("score"), "give 0 to 1");
                self.score
            }
            (None, Some(_)) => {
                validator.require(false, &at("parts"), "the benchmark version has no parts");
                None
            }
            (Some(parts), given) => {
                validator.require(self.score.is_none(), &at("score"), "it is computed from the parts");
                let given = given.clone().unwrap_or_default();
                validator.require(!given.is_empty(), &at("parts"), "give at least one part's score");
                for (id, score) in &given {
                    let pointer = at(&format!("parts/{}", id.replace('~', "~0").replace('/', "~1")));
                    let known = parts.iter().any(|part| part.id == *id);
                    validator.require(known, &pointer, "the benchmark version has no such part");
                    validator.require((0.0..=1.0).contains(score), &pointer, "give 0 to 1");
                }
                let weighted = parts.iter().filter_map(|part| Some((part.weight, *given.get(&part.id)?)));
                weighted_score(&weighted.collect::<Vec<_>>())
            }
        };
        // Of samples the exact rate is kept, so that equal ones rank alike; a score that says otherwise is refused below.
        #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
        let rate = |samples: i64, correct: i64| correct as f64 / samples.max(1) as f64;
        let exact = self.samples.zip(self.correct).map(|(samples, correct)| rate(samples, correct));
        let exact = exact
            .filter(|exact| run.metric == Metric::PassRate && score.is_some_and(|score| (exact - score).abs() <= 1e-6));
        let result = TaskResult {
            task: self.task,
            attempt: self.attempt,
            status: self.status,
            score: exact.or(score).unwrap_or(0.0),
            parts: self.parts,
            samples: self.samples,
            correct: self.correct,
            latency_ms: self.latency_ms,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cost_usd: self.cost_usd,
        };
        check(&result, validator, index, run.metric);
        result
    }
}

/// Refuses what no attempt can be.
fn check(result: &TaskResult, validator: &mut Validator, index: usize, metric: Metric) {
    let at = |member: &str| format!("/{index}/{member}");
    validator.require((1..=200).contains(&result.task.chars().count()), &at("task"), "give 1 to 200 characters");
    validator.require((1..=10).contains(&result.attempt), &at("attempt"), "give 1 to 10");
    validator.require((0.0..=1.0).contains(&result.score), &at("score"), "give 0 to 1");
    let finished = matches!(result.status, ResultStatus::Success | ResultStatus::Failed);
    validator.require(finished || result.score == 0.0, &at("score"), "what timed out or broke scores 0");
    for (member, number) in [
        ("samples", result.samples),
        ("correct", result.correct),
        ("inputTokens", result.input_tokens),
        ("outputTokens", result.output_tokens),
    ] {
        let possible = number.is_none_or(|number| (0..=MOST_COUNTED).contains(&number));
        validator.require(possible, &at(member), "give a whole number from 0 to 1000000000");
    }
    for (member, number) in [("latencyMs", result.latency_ms), ("costUsd", result.cost_usd)] {
        let possible = number.is_none_or(|number| (0.0..=MOST_MEASURED).contains(&number));
        validator.require(possible, &at(member), "give 0 to 1000000000");
    }
    match (result.samples, result.correct) {
        (None, None) => {
            let is_pass = result.score == 0.0 || result.score == 1.0;
            validator.require(
                metric != Metric::PassRate || is_pass,
                &at("score"),
                "a task passes (1) or not (0); with several samples give samples and correct",
            );
        }
        (Some(samples), Some(correct)) => {
            validator.require(
                samples >= 1 && correct <= samples,
                &at("correct"),
                "at most all of at least one sample pass",
            );
            #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
            let rate = correct as f64 / samples.max(1) as f64;
            let agrees = metric != Metric::PassRate || (rate - result.score).abs() <= 1e-6;
            validator.require(agrees, &at("score"), "the score of samples is correct / samples");
        }
        _ => validator.require(false, &at("samples"), "give both samples and correct, or neither"),
    }
}

/// Takes up to 1000 results, all or none. What was uploaded before may come again, but may not change.
pub async fn upload(
    State(app): State<App>,
    program: Program<ResultsWrite>,
    Path(id): Path<String>,
    Idempotent(request, Body(results)): Idempotent<Body>,
) -> Result<Response, ApiError> {
    let owner_id = program.owner_id();
    request.once(&app, Caller::Program(owner_id), |claim| add(&app, owner_id, &id, results, claim)).await
}

async fn add(app: &App, owner_id: &str, id: &str, results: Vec<ResultInput>, claim: Claim) -> Result<Reply, ApiError> {
    let run = find_own(app, owner_id, id).await?;
    if run.evidence != Evidence::Results {
        return Err(ApiError::new(EVIDENCE_MISMATCH, "this benchmark version takes counts: PUT …/counts"));
    }
    let mut validator = Validator::default();
    validator.require((1..=MOST_RESULTS).contains(&results.len()), "", "give 1 to 1000 results");
    let results = results.into_iter().enumerate().map(|(index, result)| result.scored(&mut validator, index, &run));
    let results = results.collect::<Vec<_>>();
    validator.finish()?;
    let upload = Upload::new(&without_repeats(&results)?)?;

    let mut batch = Batch::new();
    if let Some(expect) = claim.expect() {
        batch.push_statement(expect);
    }
    batch.extend([
        runs::expect_open(id, owner_id, Evidence::Results),
        results::expect_known_tasks(id, &upload),
        results::expect_consistent(id, &upload),
        storage::charge_results(id, &upload, owner_id),
        runs::revise(id),
        storage::expect_quota(owner_id, app.config().storage_quota_bytes),
        results::add(id, &upload),
    ]);
    // Both count what was stored: reading the count leaves it as it is.
    let accepted = batch.push(results::count_changes());
    if let Some(fulfil) = claim.fulfil_upload(results.len()) {
        batch.push_statement(fulfil);
    }
    match batch.run(app.database()).await {
        Ok(mut answers) => {
            let accepted = usize::try_from(answers.take(accepted)?).unwrap_or(usize::MAX);
            let answer = json!({ "accepted": accepted, "repeated": results.len().saturating_sub(accepted) });
            Reply::json(StatusCode::OK, &answer)
        }
        Err(error) => Err(refusal(app, &run, &upload, error).await?),
    }
}

/// Results as a JSON array, or one a line.
pub struct Body(Vec<ResultInput>);

impl FromBody for Body {
    const LIMIT: usize = UPLOAD_LIMIT;

    fn accept(headers: &HeaderMap) -> Result<(), ApiError> {
        match media_type(headers).as_deref() {
            Some("application/json" | "application/x-ndjson") => Ok(()),
            _ => Err(ApiError::new(UNSUPPORTED_MEDIA_TYPE, "send application/json or application/x-ndjson")),
        }
    }

    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let is_array = media_type(headers).as_deref() == Some("application/json");
        if is_array { parse_json(body) } else { read_lines(body) }.map(Self)
    }
}

fn read_lines(body: &[u8]) -> Result<Vec<ResultInput>, ApiError> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let parsed = lines.enumerate().map(|(index, line)| {
        parse_object::<ResultInput>(line).map_err(|error| match error {
            ApiError::Problem(problem) => Problem::in_line(*problem, index.saturating_add(1)).into(),
            fault => fault,
        })
    });
    let results = parsed.collect::<Result<Vec<_>, _>>()?;
    if results.is_empty() { Err(ApiError::new(MALFORMED_REQUEST, "the body holds no line")) } else { Ok(results) }
}

/// Each attempt once, with its place; one upload that contradicts itself is a conflict too.
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
    if conflicts.is_empty() { Ok(distinct) } else { Err(conflict(&conflicts)) }
}

fn conflict(conflicts: &[TaskAttempt]) -> ApiError {
    let problem = Problem::new(CONFLICTING_RESULTS, "a result never changes; nothing of this upload was stored");
    problem.member("conflicts", json!(conflicts)).into()
}

/// What an upload is refused with that was undone.
async fn refusal(app: &App, run: &Run, upload: &Upload, error: BatchError) -> Result<ApiError, ApiError> {
    Ok(match error {
        BatchError::Guard(Guard::RunOpen) => ApiError::new(RUN_NOT_OPEN, "it was published or withdrawn"),
        // The owner's account has gone meanwhile.
        BatchError::Guard(Guard::RunOwner) => not_owner(),
        BatchError::Guard(Guard::TasksKnown) => unknown_tasks(app, run, upload).await?,
        BatchError::Guard(Guard::ResultsConsistent) => {
            conflict(&results::conflicts(&run.id, upload).run(app.database()).await?)
        }
        BatchError::Guard(Guard::StorageQuota) => over_quota(app, run.owner_id.as_deref().unwrap_or_default()).await?,
        error => program_batch_failed(error),
    })
}

async fn unknown_tasks(app: &App, run: &Run, upload: &Upload) -> Result<ApiError, ApiError> {
    let mut validator = Validator::default();
    for unknown in results::unknown_tasks(&run.id, upload).run(app.database()).await? {
        let TaskAttempt { task, attempt } = unknown.named;
        let detail = format!("the benchmark version has no task {task:?} with attempt {attempt}");
        validator.refuse(&format!("/{}/task", unknown.position), "unknown_task", detail);
    }
    // A run's version never gets another task.
    Ok(validator.finish().err().unwrap_or_else(|| ApiError::internal("unknown tasks are known")))
}

/// A run's results, by task and attempt.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
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
