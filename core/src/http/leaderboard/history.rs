use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::header;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{caching::MINUTE, query::PeriodOf};
use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, RunId, SystemId, Timestamp, VersionName,
        evaluator::EvaluatorRelationship,
        leaderboard::{Aggregates, IntervalMethod, Score},
        measure::Measure,
        run_links::RunLinks,
        run_status::RunStatus,
        system::Agent,
    },
    http::{
        moderation::refuse_hidden,
        openapi::{Hidden, IfNoneMatch, NotFound},
        page::{END_OF_TIME, NewestFirst, Page},
        parameters::{self, ModelPath},
        problem::ApiError,
        request::{Path, Query},
    },
    store::{
        Answers, Batch, Handle, PageBefore,
        declarations::Declaration,
        models,
        run_history::{self, PastRun, RunDate},
    },
};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Of this benchmark only.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    benchmark: Option<BenchmarkId>,
    /// By which date they are listed.
    #[serde(default)]
    #[param(default = "published")]
    by: PeriodOf,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// A run of a model that was published at some time.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PastRun)]
pub struct PastRunBody {
    pub run_id: RunId,
    pub benchmark: BenchmarkId,
    pub version: VersionName,
    pub model: ModelId,
    /// What it is a run of: model, agent and configuration.
    pub system_id: SystemId,
    /// What drove the model, where something did.
    pub agent: Option<Agent>,
    /// In what it ran.
    #[schema(min_length = 1, max_length = 100)]
    pub configuration: Option<String>,
    /// Never `open`.
    pub status: RunStatus,
    /// Why it was rejected or withdrawn.
    pub reason: Option<String>,
    #[schema(example = 0.88)]
    pub score: Option<f64>,
    /// Where the 95 % interval begins; null where too few clusters carry one.
    #[schema(example = 0.831_038_051_9)]
    pub score_low: Option<f64>,
    /// Where it ends.
    #[schema(example = 0.916_205_051_3)]
    pub score_high: Option<f64>,
    /// How the interval came to be; null where there is none.
    pub interval_method: Option<IntervalMethod>,
    #[schema(example = 198)]
    pub correct: Option<u64>,
    #[schema(example = 225)]
    pub total: Option<u64>,
    /// US dollars; null when unknown.
    #[schema(minimum = 0, example = 29.0829)]
    pub cost_usd: Option<f64>,
    pub evaluator_relationship: EvaluatorRelationship,
    #[schema(example = "aider")]
    pub harness: String,
    #[schema(example = "0.86.0")]
    pub harness_version: String,
    pub started_at: Option<Timestamp>,
    /// When it was completed, else started, else published.
    pub evaluated_at: Timestamp,
    pub published_at: Timestamp,
    pub withdrawn_at: Option<Timestamp>,
    /// Whether it stands on the leaderboard: of its owner's runs of the system it was evaluated last.
    pub current: bool,
    /// Whether it is the run that is ranked for its system.
    pub ranked: bool,
    /// Where to read more of it.
    pub links: Option<RunLinks>,
    #[serde(flatten)]
    pub measure: Measure,
}

impl From<PastRun> for PastRunBody {
    fn from(run: PastRun) -> Self {
        let score = run.aggregates.as_ref().map(|aggregates| Score::of(&run.measure, aggregates));
        let interval = score.and_then(|score| score.interval);
        Self {
            run_id: run.id,
            benchmark: run.benchmark,
            version: run.version,
            model: run.system.model,
            system_id: run.system.id,
            agent: run.system.agent,
            configuration: run.system.configuration,
            status: run.status,
            reason: run.reason,
            score: score.map(|score| score.score),
            score_low: interval.map(|interval| interval.low),
            score_high: interval.map(|interval| interval.high),
            interval_method: score.and_then(|score| score.method),
            correct: run.aggregates.and_then(|aggregates| aggregates.passes(&run.measure)),
            total: run.aggregates.and_then(|aggregates| aggregates.samples()),
            cost_usd: run.aggregates.as_ref().and_then(Aggregates::known_cost),
            evaluator_relationship: run.evaluator_relationship,
            harness: run.harness,
            harness_version: run.harness_version,
            started_at: run.started_at,
            evaluated_at: run.evaluated_at,
            published_at: run.published_at,
            withdrawn_at: run.withdrawn_at,
            current: run.current,
            ranked: run.ranked,
            links: run.links,
            measure: run.measure,
        }
    }
}

/// Lists a model's runs across benchmarks, versions and dates.
///
/// Every run that was ever published, of all its systems, the latest first; withdrawn and rejected ones with the reason.
#[utoipa::path(
    get,
    path = "/api/v1/models/{provider}/{name}/history",
    operation_id = "getModelHistory",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(ModelPath, Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "A page.", body = Page<'_, PastRunBody>),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(model): Path<ModelPath>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let by = match parameters.by {
        PeriodOf::Published => RunDate::Published,
        PeriodOf::Evaluated => RunDate::Evaluated,
    };
    let runs = read(&app, &model.id(), parameters.benchmark.as_ref(), by, &page.rows()).await?;
    let runs = runs.ok_or_else(|| ApiError::not_found("model"))?;
    let dated = |run: &PastRunBody| match by {
        RunDate::Published => run.published_at.0,
        RunDate::Evaluated => run.evaluated_at.0,
    };
    let mut response = page.answer(runs, |run| (dated(run), run.run_id.clone().into()), |run| run);
    response.headers_mut().insert(header::CACHE_CONTROL, MINUTE);
    Ok(response)
}

/// Adds the queries for a model's newest runs to a batch.
pub fn push_newest(batch: &mut Batch, model: &ModelId, limit: u32) -> PastRunReads {
    let page = PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows: limit };
    PastRunReads::push(batch, model, None, RunDate::Published, &page)
}

async fn read(
    app: &App,
    model: &ModelId,
    benchmark: Option<&BenchmarkId>,
    by: RunDate,
    page: &PageBefore,
) -> Result<Option<Vec<PastRunBody>>, ApiError> {
    let mut batch = Batch::new();
    let runs = PastRunReads::push(&mut batch, model, benchmark, by, page);
    runs.take(&mut batch.run(app.database()).await?)
}

/// Queries in a batch that read the runs of a model.
pub struct PastRunReads {
    declaration: Handle<Option<Declaration>>,
    runs: Handle<Vec<PastRun>>,
}

impl PastRunReads {
    fn push(
        batch: &mut Batch,
        model: &ModelId,
        benchmark: Option<&BenchmarkId>,
        by: RunDate,
        page: &PageBefore,
    ) -> Self {
        Self {
            declaration: batch.push(models::declaration(model)),
            runs: batch.push(run_history::list(model, benchmark, by, page)),
        }
    }

    /// Takes the runs from the batch's answers; `None` where there is no such model.
    ///
    /// # Errors
    /// `hidden` where an administrator hid the model.
    pub fn take(self, answers: &mut Answers) -> Result<Option<Vec<PastRunBody>>, ApiError> {
        let Some(declaration) = answers.take(self.declaration)? else { return Ok(None) };
        refuse_hidden("model", declaration.hidden_reason)?;
        Ok(Some(answers.take(self.runs)?.into_iter().map(PastRunBody::from).collect()))
    }
}
