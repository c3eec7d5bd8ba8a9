use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::header;
use serde::{Deserialize, Serialize};

use super::{
    board::{Score, known_cost},
    caching::MINUTE,
};
use crate::{
    app::App,
    http::{
        moderation::refuse_hidden,
        page::{END_OF_TIME, NewestFirst},
        parameters::{self, Name},
        problem::ApiError,
        request::{Path, Query},
    },
    ports::{DatabaseError, Row, Rows, Statement, Timestamp},
    store::{
        models,
        runs::{self, Aggregates},
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

/// A run of a model that was published at some time.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PastRun {
    pub run_id: String,
    pub benchmark: String,
    pub version: String,
    pub status: String,
    pub reason: Option<String>,
    pub score: Option<f64>,
    pub score_low: Option<f64>,
    pub score_high: Option<f64>,
    pub correct: Option<u64>,
    pub total: Option<u64>,
    pub cost_usd: Option<f64>,
    pub evaluator_relationship: String,
    pub harness: String,
    pub harness_version: String,
    pub started_at: Option<Timestamp>,
    pub published_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
    /// Whether it is the model's row on the leaderboard.
    pub current: bool,
    #[serde(skip)]
    pub metric: String,
}

impl PastRun {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let time = |column: &str| row.optional_integer(column).map(|time| time.map(Timestamp));
        let aggregates = Aggregates::from_row(row)?;
        let metric = row.text("metric")?;
        let score = aggregates.as_ref().map(|aggregates| Score::of(&metric, aggregates));
        let interval = score.and_then(|score| score.interval);
        Ok(Self {
            run_id: row.text("id")?,
            benchmark: row.text("benchmark_id")?,
            version: row.text("version")?,
            status: row.text("status")?,
            reason: row.optional_text("reason")?,
            score: score.map(|score| score.score),
            score_low: interval.map(|interval| interval.low),
            score_high: interval.map(|interval| interval.high),
            correct: aggregates.map(|aggregates| aggregates.correct),
            total: aggregates.map(|aggregates| aggregates.total),
            cost_usd: aggregates.as_ref().and_then(known_cost),
            evaluator_relationship: row.text("evaluator_relationship")?,
            harness: row.text("harness")?,
            harness_version: row.text("harness_version")?,
            started_at: time("started_at")?,
            published_at: Timestamp(row.integer("published_at")?),
            withdrawn_at: time("withdrawn_at")?,
            current: row.boolean("current")?,
            metric,
        })
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
    let runs = page.bind(Statement::new(runs::HISTORY).bind(model.as_str()).bind(parameters.benchmark.as_deref()));
    let (known, runs) = read(&app, &model, runs).await?;
    if !known {
        return Err(ApiError::not_found("model"));
    }
    let mut response = page.answer(runs, |run| (run.published_at.0, run.run_id.clone()), |run| run);
    response.headers_mut().insert(header::CACHE_CONTROL, MINUTE);
    Ok(response)
}

/// The newest runs of a model; `None` where there is no such model.
///
/// # Errors
/// What the database answers.
pub async fn newest(app: &App, model: &str, limit: u32) -> Result<Option<Vec<PastRun>>, ApiError> {
    let runs = Statement::new(runs::HISTORY).bind(model).bind(None::<&str>).bind(END_OF_TIME).bind("").bind(limit);
    let (known, runs) = read(app, model, runs).await?;
    Ok(known.then_some(runs))
}

async fn read(app: &App, model: &str, runs: Statement) -> Result<(bool, Vec<PastRun>), ApiError> {
    let mut answers = app.database().batch(vec![Statement::new(models::OWNER).bind(model), runs]).await?.into_iter();
    let model = answers.next().and_then(Rows::into_first);
    if let Some(model) = &model {
        refuse_hidden("model", model)?;
    }
    let runs = answers.next().map(Rows::into_iter).into_iter().flatten();
    Ok((model.is_some(), runs.map(|row| PastRun::from_row(&row)).collect::<Result<_, DatabaseError>>()?))
}
