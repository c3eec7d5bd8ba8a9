use std::collections::{BTreeMap, HashMap};

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize, ser::SerializeSeq as _};
use serde_json::{Value, json};

use super::{
    over_quota,
    runs::{find_own, own},
};
use crate::{
    app::App,
    domain::statistics::weighted_score,
    http::{
        credentials::{Program, ResultsWrite},
        idempotency::{Caller, Claim, Idempotent, Reply},
        moderation::refuse_hidden,
        page::{PageQuery, list as list_answer, page_size, read_cursor, take_page},
        problem::{
            ApiError, CONFLICTING_RESULTS, EVIDENCE_MISMATCH, MALFORMED_REQUEST, PRIVATE_TASKS, Problem, RUN_NOT_OPEN,
            UNSUPPORTED_MEDIA_TYPE,
        },
        request::{FromBody, Path, Query, UPLOAD_LIMIT, Validator, media_type, parse_json, parse_object},
    },
    ports::{DatabaseError, Row, Rows, Statement},
    store::{
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
    status: Status,
    score: Option<f64>,
    parts: Option<BTreeMap<String, f64>>,
    samples: Option<i64>,
    correct: Option<i64>,
    latency_ms: Option<f64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cost_usd: Option<f64>,
}

/// The same, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultBody {
    task: String,
    attempt: i64,
    status: Status,
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<BTreeMap<String, f64>>,
    samples: Option<i64>,
    correct: Option<i64>,
    latency_ms: Option<f64>,
    input_tokens: Option<i64>,
    output_tokens: Option<i64>,
    cost_usd: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Failed,
    Timeout,
    Error,
}

impl ResultInput {
    /// The result, its score computed where it is composite.
    fn scored(self, validator: &mut Validator, index: usize, run: &Run) -> ResultBody {
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
        let exact =
            exact.filter(|exact| run.metric == "pass_rate" && score.is_some_and(|score| (exact - score).abs() <= 1e-6));
        let result = ResultBody {
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
        result.check(validator, index, &run.metric);
        result
    }
}

impl ResultBody {
    fn check(&self, validator: &mut Validator, index: usize, metric: &str) {
        let at = |member: &str| format!("/{index}/{member}");
        validator.require((1..=200).contains(&self.task.chars().count()), &at("task"), "give 1 to 200 characters");
        validator.require((1..=10).contains(&self.attempt), &at("attempt"), "give 1 to 10");
        validator.require((0.0..=1.0).contains(&self.score), &at("score"), "give 0 to 1");
        let finished = matches!(self.status, Status::Success | Status::Failed);
        validator.require(finished || self.score == 0.0, &at("score"), "what timed out or broke scores 0");
        for (member, number) in [
            ("samples", self.samples),
            ("correct", self.correct),
            ("inputTokens", self.input_tokens),
            ("outputTokens", self.output_tokens),
        ] {
            let possible = number.is_none_or(|number| (0..=MOST_COUNTED).contains(&number));
            validator.require(possible, &at(member), "give a whole number from 0 to 1000000000");
        }
        for (member, number) in [("latencyMs", self.latency_ms), ("costUsd", self.cost_usd)] {
            let possible = number.is_none_or(|number| (0.0..=MOST_MEASURED).contains(&number));
            validator.require(possible, &at(member), "give 0 to 1000000000");
        }
        match (self.samples, self.correct) {
            (None, None) => {
                let is_pass = self.score == 0.0 || self.score == 1.0;
                validator.require(
                    metric != "pass_rate" || is_pass,
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
                let agrees = metric != "pass_rate" || (rate - self.score).abs() <= 1e-6;
                validator.require(agrees, &at("score"), "the score of samples is correct / samples");
            }
            _ => validator.require(false, &at("samples"), "give both samples and correct, or neither"),
        }
    }

    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let status = match row.text("status")?.as_str() {
            "success" => Status::Success,
            "failed" => Status::Failed,
            "timeout" => Status::Timeout,
            _ => Status::Error,
        };
        Ok(Self {
            task: row.text("task_id")?,
            attempt: row.integer("attempt")?,
            status,
            score: row.real("score")?,
            samples: row.optional_integer("samples")?,
            correct: row.optional_integer("correct")?,
            latency_ms: row.optional_real("latency_ms")?,
            input_tokens: row.optional_integer("input_tokens")?,
            output_tokens: row.optional_integer("output_tokens")?,
            cost_usd: row.optional_real("cost_usd")?,
            parts: row
                .optional_text("parts")?
                .map(|parts| serde_json::from_str(&parts))
                .transpose()
                .map_err(|error| DatabaseError::Unavailable(format!("a result's parts: {error}")))?,
        })
    }
}

/// Takes up to 1000 results, all or none. What was uploaded before may come again, but may not change.
pub async fn upload(
    State(app): State<App>,
    program: Program<ResultsWrite>,
    Path(id): Path<String>,
    Idempotent(request, Upload(results)): Idempotent<Upload>,
) -> Result<Response, ApiError> {
    let owner_id = program.owner_id();
    request.once(&app, Caller::Program(owner_id), |claim| add(&app, owner_id, &id, results, claim)).await
}

async fn add(app: &App, owner_id: &str, id: &str, results: Vec<ResultInput>, claim: Claim) -> Result<Reply, ApiError> {
    let run = find_own(app, owner_id, id).await?;
    if run.evidence != "results" {
        return Err(ApiError::new(EVIDENCE_MISMATCH, "this benchmark version takes counts: PUT …/counts"));
    }
    let mut validator = Validator::default();
    validator.require((1..=MOST_RESULTS).contains(&results.len()), "", "give 1 to 1000 results");
    let results = results.into_iter().enumerate().map(|(index, result)| result.scored(&mut validator, index, &run));
    let results = results.collect::<Vec<_>>();
    validator.finish()?;
    let distinct = without_repeats(&results)?;

    let list = serde_json::to_string(&distinct).map_err(|error| ApiError::internal(error.to_string()))?;
    let of_run = |sql| Statement::new(sql).bind(id);
    let batch = claim.expect().into_iter().chain([
        of_run(runs::EXPECT_OPEN).bind(owner_id).bind("results"),
        of_run(runs::EXPECT_KNOWN_TASKS).bind(list.as_str()),
        of_run(runs::EXPECT_NO_CONFLICT).bind(list.as_str()),
        of_run(storage::CHARGE_RESULTS).bind(list.as_str()).bind(owner_id),
        of_run(runs::REVISE),
        storage::expect_quota(owner_id, app.config().storage_quota_bytes),
        of_run(runs::ADD_RESULTS).bind(list.as_str()),
    ]);
    // Both count what was stored: reading the count leaves it as it is.
    let batch = batch.chain([Statement::new(runs::CHANGES)]).chain(claim.fulfil_upload(results.len()));
    match app.database().batch(batch.collect()).await {
        Err(error) if error.is_guard() => Err(refusal(app, &run, &list).await?),
        Err(error) if storage::is_exceeded(&error) => Err(over_quota(app, owner_id).await?),
        answers => {
            let row = answers?.into_iter().find_map(Rows::into_first);
            let accepted = row.map(|row| row.integer("changes")).transpose()?.unwrap_or(0);
            let accepted = usize::try_from(accepted).unwrap_or(0);
            let answer = json!({ "accepted": accepted, "repeated": results.len().saturating_sub(accepted) });
            Reply::json(StatusCode::OK, &answer)
        }
    }
}

/// Results as a JSON array, or one a line.
pub struct Upload(Vec<ResultInput>);

impl FromBody for Upload {
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

/// A result, and where it stood in the upload. As a list: SQLite reads each of them several times, and what names its
/// members is longer than they are.
struct Placed<'a> {
    position: usize,
    result: &'a ResultBody,
}

impl Serialize for Placed<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ResultBody { task, attempt, status, score, parts, samples, correct, .. } = self.result;
        let ResultBody { latency_ms, input_tokens, output_tokens, cost_usd, .. } = self.result;
        let mut list = serializer.serialize_seq(Some(12))?;
        list.serialize_element(&self.position)?;
        list.serialize_element(task)?;
        list.serialize_element(attempt)?;
        list.serialize_element(status)?;
        list.serialize_element(score)?;
        list.serialize_element(samples)?;
        list.serialize_element(correct)?;
        list.serialize_element(latency_ms)?;
        list.serialize_element(input_tokens)?;
        list.serialize_element(output_tokens)?;
        list.serialize_element(cost_usd)?;
        list.serialize_element(parts)?;
        list.end()
    }
}

/// Each attempt once; one upload that contradicts itself is a conflict too.
fn without_repeats(results: &[ResultBody]) -> Result<Vec<Placed<'_>>, ApiError> {
    let mut by_attempt: HashMap<(&str, i64), &ResultBody> = HashMap::with_capacity(results.len());
    let mut distinct = Vec::with_capacity(results.len());
    let mut conflicts = Vec::new();
    for (position, result) in results.iter().enumerate() {
        match by_attempt.insert((&result.task, result.attempt), result) {
            None => distinct.push(Placed { position, result }),
            Some(earlier) if earlier == result => {}
            Some(_) if conflicts.len() >= MOST_CONFLICTS => {}
            Some(_) => conflicts.push(json!({ "task": result.task, "attempt": result.attempt })),
        }
    }
    if conflicts.is_empty() { Ok(distinct) } else { Err(conflict(conflicts)) }
}

fn conflict(conflicts: Vec<Value>) -> ApiError {
    let problem = Problem::new(CONFLICTING_RESULTS, "a result never changes; nothing of this upload was stored");
    problem.member("conflicts", Value::Array(conflicts)).into()
}

/// Which of the guards it was.
async fn refusal(app: &App, run: &Run, list: &str) -> Result<ApiError, ApiError> {
    let of_upload = |sql| Statement::new(sql).bind(run.id.as_str()).bind(list);
    let batch = vec![
        Statement::new(runs::BY_ID).bind(run.id.as_str()),
        of_upload(runs::UNKNOWN_TASKS),
        of_upload(runs::CONFLICTS),
    ];
    let mut answers = app.database().batch(batch).await?.into_iter();
    let now = answers.next().and_then(Rows::into_first).map(|row| Run::from_row(&row)).transpose()?;
    let Some(now) = now.filter(|now| now.status == "open") else {
        return Ok(ApiError::new(RUN_NOT_OPEN, "it was published or withdrawn"));
    };
    // The owner's account may have gone meanwhile.
    own(now, run.owner_id.as_deref().unwrap_or_default())?;
    let mut validator = Validator::default();
    for row in answers.next().into_iter().flatten() {
        let pointer = format!("/{}/task", row.integer("position")?);
        let detail = format!(
            "the benchmark version has no task {:?} with attempt {}",
            row.text("task")?,
            row.integer("attempt")?
        );
        validator.refuse(&pointer, "unknown_task", detail);
    }
    validator.finish()?;
    let conflicts =
        answers.flatten().map(|row| Ok(json!({ "task": row.text("task")?, "attempt": row.integer("attempt")? })));
    Ok(conflict(conflicts.collect::<Result<_, DatabaseError>>()?))
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
    let results =
        Statement::new(runs::RESULTS).bind(id.as_str()).bind(task).bind(attempt).bind(limit.saturating_add(1));
    let batch = vec![Statement::new(runs::BY_ID).bind(id.as_str()), results];
    let mut answers = app.database().batch(batch).await?.into_iter();
    let run = answers.next().and_then(Rows::into_first).ok_or_else(|| ApiError::not_found("run"))?;
    refuse_hidden("run's model or benchmark", &run)?;
    if run.boolean("private_tasks")? {
        return Err(ApiError::new(PRIVATE_TASKS, "only aggregates of its runs are public"));
    }
    let rows = answers.next().map(Rows::into_iter).into_iter().flatten();
    let results = rows.map(|row| ResultBody::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    let (results, next) = take_page(results, limit, |result| (result.task.clone(), result.attempt));
    Ok(list_answer(&uri, &results, next))
}
