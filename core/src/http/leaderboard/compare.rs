//! Comparison of one model with others on the same tasks.

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    board::BoardSelector,
    caching::{self, MINUTE},
    named_system,
};
use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, RunId, SystemId, VersionName,
        benchmark::BenchmarkVersion,
        leaderboard::{CompareError, ComparedRun, Comparison, Score, adjust, compare},
        measure::Measure,
        system::Agent,
    },
    http::{
        openapi::{Hidden, IfNoneMatch, NotFound, PrivateTasks, UnnamedSystem, ValidationFailed},
        parameters::{self, Uuid},
        problem::{ApiError, PRIVATE_TASKS},
        request::{Query, Validator},
    },
    store::{Answers, Batch, Handle, comparisons, leaderboard::Scope},
};

/// How many models one model is compared with at once.
const MOST_OTHERS: usize = 20;
const SAME: &str = "a model is not compared with itself";

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// A system that stands on the leaderboard; its model is enough where no other system of it does.
    #[serde(deserialize_with = "parameters::system")]
    #[param(example = "openai/gpt-5-high")]
    a: SystemId,
    /// The systems or models to compare it with: 1 to 20 others, separated by commas.
    #[serde(deserialize_with = "parameters::systems")]
    #[param(
        value_type = String,
        min_length = 1,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}(~[0-9a-f]{12})?(,[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}(~[0-9a-f]{12})?)*$",
        example = "openai/gpt-5-medium"
    )]
    b: Vec<SystemId>,
    /// The featured one where it is not given; without one 400 `benchmark_required`.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    #[param(example = "aider-polyglot")]
    benchmark: Option<BenchmarkId>,
    /// The current one when absent; without one 400 `version_required`.
    #[serde(default, deserialize_with = "parameters::version")]
    version: Option<VersionName>,
    /// An earlier state, by its `snapshotId`; the newest without it.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    snapshot: Option<String>,
}

/// Compares a model with others on the same tasks.
///
/// The difference is a − b, with a 95 % interval; which sign is better, `direction` says. Where each task passed or failed once, the p-value is the exact
/// McNemar test's; where tasks have scores, several tries or clusters, it is the t test's of the differences task by
/// task. Where only counts are known, the interval is Newcombe's and there is no p-value; where
/// sources publish only scores, it is made of the intervals that they give. An interval, and the t test's
/// p-value, need 20 tasks or clusters. Adjusted p-values are Holm's, over the comparisons of one answer and over the
/// slices of one comparison. Any origin may read it, without credentials.
#[utoipa::path(
    get,
    path = "/api/v1/leaderboard/compare",
    operation_id = "compareModels",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "The comparisons, in the order asked for.", body = ComparisonBody),
        (status = 400, response = UnnamedSystem),
        (status = 403, response = PrivateTasks),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
        (status = 422, response = ValidationFailed),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let wanted = BoardSelector {
        benchmark: parameters.benchmark.as_ref(),
        version: parameters.version.as_ref(),
        snapshot: parameters.snapshot.as_deref(),
    };
    let scope = wanted.find(&app).await?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
    let comparison = ComparisonBody::read(&app, &scope, &parameters.a, &parameters.b).await?;
    let body = serde_json::to_string(&comparison).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(caching::answer(&headers, "application/json", body, MINUTE))
}

/// A model against others, on one snapshot of a leaderboard.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Comparison)]
pub struct ComparisonBody {
    pub benchmark: BenchmarkId,
    pub version: VersionName,
    #[serde(flatten)]
    pub measure: Measure,
    #[schema(value_type = Uuid)]
    pub snapshot_id: String,
    pub a: ComparedModel,
    /// In the order asked for.
    #[schema(min_items = 1, max_items = 20)]
    pub comparisons: Vec<ComparedWith>,
}

/// A system, and the run that is ranked for it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComparedModel {
    pub model: ModelId,
    /// What is compared: model, agent and configuration.
    pub system_id: SystemId,
    /// What drove the model, where something did.
    pub agent: Option<Agent>,
    /// In what it ran.
    #[schema(min_length = 1, max_length = 100)]
    pub configuration: Option<String>,
    /// As it was when the run was published.
    #[schema(example = "gpt-5 (high)")]
    pub display_name: String,
    pub run_id: RunId,
    #[schema(example = 0.88)]
    pub score: f64,
}

/// One of the comparisons. Its adjusted p-value is Holm's over all of them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ModelDifference)]
pub struct ComparedWith {
    pub b: ComparedModel,
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl ComparisonBody {
    /// Compares `a` with each of the others; one that is named twice is compared once.
    ///
    /// # Errors
    /// `validation_failed` where there are no others, too many, or `a` is among them; `not_found` where one of them has
    /// no entry on this leaderboard; `ambiguous_system` where a model is named that has several systems on it;
    /// `private_tasks` where a comparison needs tasks that are not known here.
    pub async fn read(app: &App, scope: &Scope, a: &SystemId, others: &[SystemId]) -> Result<Self, ApiError> {
        let mut batch = Batch::new();
        let asked = ComparisonReads::push(&mut batch, scope, a, others)?;
        asked.take(&mut batch.run(app.database()).await?, scope)
    }
}

/// A comparison that a batch reads.
pub struct ComparisonReads {
    a: SystemId,
    others: Vec<SystemId>,
    snapshot: String,
    version: Handle<Option<BenchmarkVersion>>,
    runs: Handle<Vec<ComparedRun>>,
}

impl ComparisonReads {
    /// Adds the queries for a comparison to a batch, so that it is read in one round trip with the batch's other
    /// queries.
    ///
    /// # Errors
    /// Those errors of [`ComparisonBody::read`] that need nothing to be read.
    pub fn push(batch: &mut Batch, scope: &Scope, a: &SystemId, others: &[SystemId]) -> Result<Self, ApiError> {
        let mut distinct = Vec::with_capacity(others.len());
        for other in others {
            if !distinct.contains(&other) && distinct.len() <= MOST_OTHERS {
                distinct.push(other);
            }
        }
        let mut validator = Validator::default();
        validator.require(!a.as_str().is_empty(), "?a", "name a model");
        let named =
            (1..=MOST_OTHERS).contains(&distinct.len()) && distinct.iter().all(|other| !other.as_str().is_empty());
        validator.require(named, "?b", "name 1 to 20 models, separated by commas");
        validator.require(!distinct.contains(&a), "?b", SAME);
        validator.finish()?;

        let Some(snapshot) = &scope.snapshot else { return Err(no_entry(a)) };
        let systems = [&[a], distinct.as_slice()].concat();
        Ok(Self {
            version: batch.push(comparisons::version(scope)),
            runs: batch.push(comparisons::entries(scope, snapshot, &systems)),
            snapshot: snapshot.id.clone(),
            a: a.clone(),
            others: distinct.into_iter().cloned().collect(),
        })
    }

    /// Compares the runs that the batch read.
    ///
    /// # Errors
    /// Those errors of [`ComparisonBody::read`] that depend on what was read.
    pub fn take(self, answers: &mut Answers, scope: &Scope) -> Result<ComparisonBody, ApiError> {
        let version = answers.take(self.version)?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
        let runs = answers.take(self.runs)?;
        let run_of = |system: &SystemId| {
            named_system::find(system, &runs, |run| &run.system.id)?.ok_or_else(|| no_entry(system))
        };

        let first = run_of(&self.a)?;
        let mut others = Vec::<&ComparedRun>::with_capacity(self.others.len());
        for other in &self.others {
            let other = run_of(other)?;
            if !others.iter().any(|known| known.run_id == other.run_id) {
                others.push(other);
            }
        }
        // `a` and `b` may name the same run: one by its model, the other by the model's only system.
        let mut validator = Validator::default();
        validator.require(others.iter().all(|other| other.run_id != first.run_id), "?b", SAME);
        validator.finish()?;
        let with = |other: &ComparedRun| {
            let comparison = compare(&version, first, other)?;
            Ok(ComparedWith { b: ComparedModel::of(&version, other), comparison })
        };
        let mut comparisons = others.into_iter().map(with).collect::<Result<Vec<_>, ApiError>>()?;
        adjust(comparisons.iter_mut().map(|with| &mut with.comparison.found));
        Ok(ComparisonBody {
            benchmark: scope.benchmark.clone(),
            version: scope.version.clone(),
            measure: scope.measure.clone(),
            snapshot_id: self.snapshot,
            a: ComparedModel::of(&version, first),
            comparisons,
        })
    }
}

fn no_entry(system: &SystemId) -> ApiError {
    ApiError::not_found(&format!("entry of the model {system} on this leaderboard"))
}

impl ComparedModel {
    pub fn of(version: &BenchmarkVersion, run: &ComparedRun) -> Self {
        Self {
            model: run.system.model.clone(),
            system_id: run.system.id.clone(),
            agent: run.system.agent.clone(),
            configuration: run.system.configuration.clone(),
            display_name: run.display_name.clone(),
            run_id: run.run_id.clone(),
            score: Score::of(&version.measure, &run.aggregates).score,
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
