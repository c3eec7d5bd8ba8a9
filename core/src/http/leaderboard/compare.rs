//! One model against others on the same tasks.

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{
    board::BoardSelector,
    caching::{self, MINUTE},
};
use crate::{
    app::App,
    domain::{
        RunId,
        benchmark::BenchmarkVersion,
        leaderboard::{CompareError, ComparedRun, Comparison, Score, adjust, compare},
    },
    http::{
        parameters,
        problem::{ApiError, PRIVATE_TASKS},
        request::{Query, Validator},
    },
    store::{Batch, comparisons, leaderboard::Scope},
};

/// How many models one model is compared with at once.
const MOST_OTHERS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    #[serde(deserialize_with = "parameters::model")]
    a: String,
    /// Separated by commas.
    #[serde(deserialize_with = "parameters::models")]
    b: String,
    #[serde(default, deserialize_with = "parameters::id")]
    benchmark: Option<String>,
    #[serde(default, deserialize_with = "parameters::slug")]
    version: Option<String>,
    #[serde(default, deserialize_with = "parameters::uuid")]
    snapshot: Option<String>,
}

/// Compares a model with others.
pub async fn handler(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let wanted = BoardSelector {
        benchmark: parameters.benchmark.as_deref(),
        version: parameters.version.as_deref(),
        snapshot: parameters.snapshot.as_deref(),
    };
    let scope = wanted.find(&app).await?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
    let others = parameters.b.split(',').collect::<Vec<_>>();
    let comparison = ComparisonBody::read(&app, &scope, &parameters.a, &others).await?;
    let body = serde_json::to_string(&comparison).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(caching::answer(&headers, "application/json", body, MINUTE))
}

/// A model against others, on one snapshot of a leaderboard.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonBody {
    pub benchmark: String,
    pub version: String,
    pub snapshot_id: String,
    pub a: ComparedModel,
    /// In the order asked for.
    pub comparisons: Vec<ComparedWith>,
}

/// A model, and the run that stands for it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparedModel {
    pub model: String,
    pub display_name: String,
    pub run_id: RunId,
    pub score: f64,
}

/// One of the comparisons. Its adjusted p-value is Holm's over all of them.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedWith {
    pub b: ComparedModel,
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl ComparisonBody {
    /// Compares `a` with each of the others, of which one that is named twice counts once.
    ///
    /// # Errors
    /// `validation_failed` where there are no others, too many, or `a` is among them; `not_found` where one of them
    /// has no entry on this leaderboard.
    pub async fn read(app: &App, scope: &Scope, a: &str, others: &[&str]) -> Result<Self, ApiError> {
        let mut distinct = Vec::with_capacity(others.len());
        for other in others {
            if !distinct.contains(other) && distinct.len() <= MOST_OTHERS {
                distinct.push(*other);
            }
        }
        let mut validator = Validator::default();
        validator.require(!a.is_empty(), "?a", "name a model");
        let named = (1..=MOST_OTHERS).contains(&distinct.len()) && distinct.iter().all(|other| !other.is_empty());
        validator.require(named, "?b", "name 1 to 20 models, separated by commas");
        validator.require(!distinct.contains(&a), "?b", "a model is not compared with itself");
        validator.finish()?;

        let no_entry = |model: &str| ApiError::not_found(&format!("entry of the model {model} on this leaderboard"));
        let Some(snapshot) = &scope.snapshot else { return Err(no_entry(a)) };
        let models = [&[a], distinct.as_slice()].concat();
        let mut batch = Batch::new();
        let version = batch.push(comparisons::version(scope));
        let runs = batch.push(comparisons::entries(scope, snapshot, &models));
        let mut answers = batch.run(app.database()).await?;
        let version = answers.take(version)?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
        let runs = answers.take(runs)?;
        let run_of = |model: &str| runs.iter().find(|run| run.model == model).ok_or_else(|| no_entry(model));

        let first = run_of(a)?;
        let others = distinct.iter().map(|other| run_of(other)).collect::<Result<Vec<_>, _>>()?;
        let with = |other: &ComparedRun| {
            let comparison = compare(&version, first, other)?;
            Ok(ComparedWith { b: ComparedModel::of(&version, other), comparison })
        };
        let mut comparisons = others.into_iter().map(with).collect::<Result<Vec<_>, ApiError>>()?;
        adjust(comparisons.iter_mut().map(|with| &mut with.comparison.found));
        Ok(Self {
            benchmark: scope.benchmark.clone(),
            version: scope.version.clone(),
            snapshot_id: snapshot.id.clone(),
            a: ComparedModel::of(&version, first),
            comparisons,
        })
    }
}

impl ComparedModel {
    fn of(version: &BenchmarkVersion, run: &ComparedRun) -> Self {
        Self {
            model: run.model.clone(),
            display_name: run.display_name.clone(),
            run_id: run.run_id.clone(),
            score: Score::of(version.metric, &run.aggregates).score,
        }
    }
}

impl From<CompareError> for ApiError {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::PrivateTasks => {
                Self::new(PRIVATE_TASKS, "a comparison needs the tasks, which are not known here")
            }
            CompareError::Inconsistent(cause) => Self::internal(cause),
        }
    }
}
