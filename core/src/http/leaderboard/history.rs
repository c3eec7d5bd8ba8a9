use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::header;
use serde::{Deserialize, Serialize};

use super::caching::MINUTE;
use crate::{
    app::App,
    domain::{
        RunId,
        benchmark::Metric,
        evaluator::EvaluatorRelationship,
        leaderboard::{Aggregates, Score},
        run_status::RunStatus,
    },
    http::{
        moderation::refuse_hidden,
        page::{END_OF_TIME, NewestFirst},
        parameters::{self, Name},
        problem::ApiError,
        request::{Path, Query},
    },
    ports::Timestamp,
    store::{
        Batch, PageBefore, models,
        run_history::{self, PastRun},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    #[serde(default, deserialize_with = "parameters::id")]
    benchmark: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A run of a model that was published at some time, on the wire.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PastRunBody {
    pub run_id: RunId,
    pub benchmark: String,
    pub version: String,
    pub status: RunStatus,
    pub reason: Option<String>,
    pub score: Option<f64>,
    pub score_low: Option<f64>,
    pub score_high: Option<f64>,
    pub correct: Option<u64>,
    pub total: Option<u64>,
    pub cost_usd: Option<f64>,
    pub evaluator_relationship: EvaluatorRelationship,
    pub harness: String,
    pub harness_version: String,
    pub started_at: Option<Timestamp>,
    pub published_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
    /// Whether it is the model's row on the leaderboard.
    pub current: bool,
    #[serde(skip)]
    pub metric: Metric,
}

impl From<PastRun> for PastRunBody {
    fn from(run: PastRun) -> Self {
        let score = run.aggregates.as_ref().map(|aggregates| Score::of(run.metric, aggregates));
        let interval = score.and_then(|score| score.interval);
        Self {
            run_id: run.id,
            benchmark: run.benchmark,
            version: run.version,
            status: run.status,
            reason: run.reason,
            score: score.map(|score| score.score),
            score_low: interval.map(|interval| interval.low),
            score_high: interval.map(|interval| interval.high),
            correct: run.aggregates.map(|aggregates| aggregates.correct),
            total: run.aggregates.map(|aggregates| aggregates.total),
            cost_usd: run.aggregates.as_ref().and_then(Aggregates::known_cost),
            evaluator_relationship: run.evaluator_relationship,
            harness: run.harness,
            harness_version: run.harness_version,
            started_at: run.started_at,
            published_at: run.published_at,
            withdrawn_at: run.withdrawn_at,
            current: run.current,
            metric: run.metric,
        }
    }
}

/// Every run of a model that was ever published, across benchmarks, versions and dates, newest first; withdrawn ones
/// with the reason.
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path((Name(provider), Name(name))): Path<(Name, Name)>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let model = format!("{provider}/{name}");
    let runs = read(&app, &model, parameters.benchmark.as_deref(), &page.rows()).await?;
    let runs = runs.ok_or_else(|| ApiError::not_found("model"))?;
    let mut response = page.answer(runs, |run| (run.published_at.0, run.run_id.clone().into()), |run| run);
    response.headers_mut().insert(header::CACHE_CONTROL, MINUTE);
    Ok(response)
}

/// The newest runs of a model; `None` where there is no such model.
///
/// # Errors
/// `hidden`, or what the database answers.
pub async fn newest(app: &App, model: &str, limit: u32) -> Result<Option<Vec<PastRunBody>>, ApiError> {
    read(app, model, None, &PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows: limit }).await
}

async fn read(
    app: &App,
    model: &str,
    benchmark: Option<&str>,
    page: &PageBefore,
) -> Result<Option<Vec<PastRunBody>>, ApiError> {
    let mut batch = Batch::new();
    let declaration = batch.push(models::declaration(model));
    let runs = batch.push(run_history::list(model, benchmark, page));
    let mut answers = batch.run(app.database()).await?;
    let Some(declaration) = answers.take(declaration)? else { return Ok(None) };
    refuse_hidden("model", declaration.hidden_reason)?;
    Ok(Some(answers.take(runs)?.into_iter().map(PastRunBody::from).collect()))
}
