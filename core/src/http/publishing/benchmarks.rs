use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{benchmark_input::too_many_values, over_quota};
use crate::{
    app::App,
    domain::{
        BenchmarkId, Timestamp, ValidationErrorCode, VersionName,
        benchmark::{BenchmarkVersion, Evidence, MOST_SLICES, MOST_VALUES, MOST_VERSIONS, Part, Slices, Task},
        conditions::Conditions,
        formats::{DayOrMonth, WebAddress},
        measure::Measure,
        run_aggregates::count_slices,
    },
    http::{
        credentials::{ApiKeyClient, ModelsWrite, write_error},
        moderation::refuse_hidden,
        openapi::{ConflictVersion, ForbiddenPublisher, Hidden, IfNoneMatch, NotFound, PrivateTasks, UploadTooLarge},
        page::{END_OF_TIME, Page, PageQuery, list as list_answer, page_size, read_cursor, take_page, with_next_link},
        parameters::Name,
        problem::{ApiError, FieldError, NOT_OWNER, PRIVATE_TASKS, TOO_MANY_VERSIONS, VERSION_IN_USE},
        request::{LargeJson, Path, Query, Validator, canonical},
    },
    store::{
        Batch, BatchError, Guard, PageBefore,
        benchmarks::{self, BenchmarkSummary, NewVersion, PlacedTask, PublicVersion},
    },
    wire::BenchmarkVersionPut,
};

/// Refuses more slices than a run keeps scores of, unless the version is already declared with the same definition.
async fn check_slices(app: &App, version: &BenchmarkVersion, definition: &str) -> Result<(), ApiError> {
    let mut validator = Validator::default();
    for (member, values) in Slices::of(&version.tasks).dimensions() {
        validator.require(values.len() <= MOST_VALUES, "/tasks", &too_many_values(member));
    }
    let dimensions = version.tasks.iter().map(Task::dimensions).collect::<Vec<_>>();
    let slices = count_slices(dimensions.iter());
    let detail = format!(
        "give at most {MOST_SLICES} combinations of values, of one, two or three dimensions: there are {slices}"
    );
    validator.require(slices <= MOST_SLICES, "/tasks", &detail);
    let Err(refusal) = validator.finish() else { return Ok(()) };
    let known = benchmarks::definition(&version.benchmark, &version.version).run(app.database()).await?;
    if known.as_deref() == Some(definition) { Ok(()) } else { Err(refusal) }
}

/// Declares a benchmark version.
///
/// Scope `models:write`. The same body again is 200; a version that has runs, or that another names as its base, never
/// changes. The first whole version with evidence `results` becomes the current one, which is read where none is named. A
/// benchmark has at most 100 versions, a dimension 50 values, and a version 2,500 slices: combinations of values of one,
/// two or three dimensions that its tasks have.
#[utoipa::path(
    put,
    path = "/api/v1/benchmarks/{id}/versions/{version}",
    operation_id = "putBenchmarkVersion",
    tag = "Publishing",
    security(("apiKeyHeader" = ["models:write"]), ("apiKeyBearer" = ["models:write"])),
    params(("id" = BenchmarkId, Path), ("version" = VersionName, Path, example = "2024-12-20")),
    request_body = BenchmarkVersionPut,
    responses(
        (status = 200, description = "Known before, or changed while no run stands on it.", body = DeclaredVersion),
        (status = 201, description = "New.", body = DeclaredVersion),
        (status = 403, response = ForbiddenPublisher),
        (status = 409, response = ConflictVersion),
        (status = 413, response = UploadTooLarge),
    ),
)]
pub async fn put(
    State(app): State<App>,
    client: ApiKeyClient<ModelsWrite>,
    Path((Name(id), version)): Path<(Name<BenchmarkId>, VersionName)>,
    LargeJson(body): LargeJson<BenchmarkVersionPut>,
) -> Result<(StatusCode, Answer<DeclaredVersion>), ApiError> {
    let version = body.check(id, version)?;
    let definition = canonical(&version)?;
    let tasks = canonical(&version.tasks)?;
    check_slices(&app, &version, &definition).await?;
    let (owner_id, quota_bytes) = (client.owner_id(), app.config().storage_quota_bytes);
    let new = NewVersion { version: &version, owner_id, definition: &definition, tasks: &tasks, quota_bytes };
    let mut batch = Batch::new();
    let declared = new.declare(&mut batch, app.now());
    let mut answers = match batch.run(app.database()).await {
        Err(BatchError::Guard(Guard::BenchmarkOwner)) => {
            return Err(ApiError::new(NOT_OWNER, "somebody else declared this benchmark"));
        }
        Err(BatchError::Guard(Guard::VersionLimit)) => {
            let detail = format!("a benchmark has at most {MOST_VERSIONS} versions");
            return Err(ApiError::new(TOO_MANY_VERSIONS, detail));
        }
        Err(BatchError::Guard(Guard::VersionReplaceable)) => {
            return Err(ApiError::new(VERSION_IN_USE, "declare another version"));
        }
        Err(BatchError::Guard(Guard::BaseWhole)) => {
            let detail = "name another version of this benchmark that is whole; declare it first";
            return Err(refused_base(&version, ValidationErrorCode::UnknownReference, detail));
        }
        Err(BatchError::Guard(Guard::BaseTasks)) => {
            let detail = match version.part_of {
                Some(_) => "a part has some, not all, of the tasks of the version that it names, and no others",
                None => "a second scoring has the tasks of the version that it names, all of them and no others",
            };
            return Err(refused_base(&version, ValidationErrorCode::InvalidValue, detail));
        }
        Err(BatchError::Guard(Guard::StorageQuota)) => return Err(over_quota(&app, owner_id).await?),
        answers => answers.map_err(write_error)?,
    };
    let existed = answers.take(declared.before)?.is_some();
    // An administrator may have given the benchmark another title.
    let title = answers.take(declared.after)?.map(|after| after.title).unwrap_or_default();
    let version = BenchmarkVersion { title, ..version };
    Ok((if existed { StatusCode::OK } else { StatusCode::CREATED }, Answer(DeclaredVersion::from(version))))
}

/// Creates the error for a version that cannot be the base of the declared one.
fn refused_base(version: &BenchmarkVersion, code: ValidationErrorCode, detail: &str) -> ApiError {
    let pointer = if version.part_of.is_some() { "/partOf" } else { "/otherScoringOf" };
    ApiError::invalid(vec![FieldError { pointer: pointer.to_owned(), code, detail: detail.to_owned() }])
}

/// A version of a benchmark, which is immutable once a run stands on it. Its tasks are told a page at a time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BenchmarkVersion)]
struct VersionBody {
    /// The benchmark's id.
    benchmark: BenchmarkId,
    version: VersionName,
    /// What people call the benchmark.
    #[schema(min_length = 1, max_length = 255, example = "Exercises")]
    title: String,
    /// What it measures.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    #[serde(flatten)]
    measure: Measure,
    /// What guessing scores.
    #[schema(example = 0.25)]
    chance_level: Option<f64>,
    evidence: Evidence,
    /// How many tasks there are.
    #[schema(minimum = 1)]
    task_count: u32,
    /// How often each task is tried.
    #[schema(minimum = 1, maximum = 10)]
    attempts_per_task: u32,
    /// Whether tasks and results by task are told to nobody, so that no model is trained on them. Then there is no
    /// slice of fewer than 10 tasks, either, and none that would leave fewer to tell by subtraction.
    private_tasks: bool,
    /// Since when anyone could read the tasks. A model trained later is flagged.
    #[schema(value_type = Option<DayOrMonth>)]
    tasks_published_on: Option<String>,
    /// What a composite score is made of.
    #[schema(min_items = 1, max_items = 20)]
    parts: Option<Vec<Part>>,
    /// The version that has all tasks of this one and more.
    part_of: Option<VersionName>,
    /// How many tasks the whole has that it is a part of, where that is no declared version.
    #[schema(minimum = 2)]
    whole_task_count: Option<u32>,
    /// The version with the same tasks, of which this is a second scorer or metric.
    other_scoring_of: Option<VersionName>,
    /// Where to read more.
    #[schema(value_type = Option<WebAddress>)]
    homepage: Option<String>,
    /// The licence of the tasks: an SPDX expression, or a name.
    #[schema(max_length = 100, example = "Apache-2.0")]
    licence: Option<String>,
    /// How to cite it.
    #[schema(max_length = 2000)]
    citation: Option<String>,
    /// Under which conditions runs are to be made.
    conditions: Option<Conditions>,
    slices: Slices,
}

impl VersionBody {
    fn new(version: BenchmarkVersion, slices: Slices) -> Self {
        Self {
            benchmark: version.benchmark,
            version: version.version,
            title: version.title,
            description: version.description,
            measure: version.measure,
            chance_level: version.chance_level,
            evidence: version.evidence,
            task_count: version.task_count,
            attempts_per_task: version.attempts_per_task,
            private_tasks: version.private_tasks,
            tasks_published_on: version.tasks_published_on,
            parts: version.parts,
            part_of: version.part_of,
            whole_task_count: version.whole_task_count,
            other_scoring_of: version.other_scoring_of,
            homepage: version.homepage,
            licence: version.licence,
            citation: version.citation,
            conditions: version.conditions,
            slices,
        }
    }
}

/// A version with its tasks, as whoever declares it is answered.
#[derive(Serialize, ToSchema)]
pub struct DeclaredVersion {
    #[serde(flatten)]
    version: VersionBody,
    /// Empty with evidence `counts` or `score`.
    tasks: Vec<Task>,
}

impl From<BenchmarkVersion> for DeclaredVersion {
    fn from(mut version: BenchmarkVersion) -> Self {
        let tasks = std::mem::take(&mut version.tasks);
        Self { version: VersionBody::new(version, Slices::of(&tasks)), tasks }
    }
}

/// A benchmark as its current version describes it, or without one as its newest does.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BenchmarkSummary)]
struct Summary {
    id: BenchmarkId,
    /// What people call it.
    #[schema(min_length = 1, max_length = 255, example = "Exercises")]
    title: String,
    /// What it measures.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// What is read where no version is named. Null where one must be: none is marked, and not just one is whole.
    current_version: Option<VersionName>,
    /// Its newest versions, newest first.
    #[schema(min_items = 1)]
    versions: Vec<VersionName>,
}

impl From<BenchmarkSummary> for Summary {
    fn from(of: BenchmarkSummary) -> Self {
        let BenchmarkSummary { id, title, description, current_version, versions } = of;
        Self { id, title, description, current_version, versions }
    }
}

/// Lists the benchmarks, by id.
///
/// All that are declared and not hidden, each with the names of its versions.
#[utoipa::path(
    get,
    path = "/api/v1/benchmarks",
    operation_id = "listBenchmarks",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(PageQuery, IfNoneMatch),
    responses((status = 200, description = "A page.", body = Page<'_, Summary>)),
)]
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let after = read_cursor::<BenchmarkId>(page.cursor.as_deref())?;
    let summaries = benchmarks::list(after.as_ref(), limit.saturating_add(1)).run(app.database()).await?;
    let summaries = summaries.into_iter().map(Summary::from).collect::<Vec<_>>();
    let (summaries, next) = take_page(summaries, limit, |summary| summary.id.clone());
    Ok(list_answer(&uri, &summaries, next))
}

/// The parameters of a benchmark's versions.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionsQuery {
    /// How many versions.
    #[serde(default = "all_versions")]
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: u32,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

fn all_versions() -> u32 {
    MOST_VERSIONS
}

/// A benchmark, described by its current version or without one by its newest, with its versions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Benchmark)]
struct BenchmarkBody {
    id: BenchmarkId,
    /// What people call it.
    #[schema(min_length = 1, max_length = 255, example = "Exercises")]
    title: String,
    /// What it measures.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// What is read where no version is named. Null where one must be: none is marked, and not just one is whole.
    current_version: Option<VersionName>,
    /// Newest first, without their tasks. All of them unless `limit` asks for fewer or they are too long for one
    /// answer.
    #[schema(value_type = Vec<VersionBody>, min_items = 1, max_items = 100)]
    versions: Vec<VersionItem>,
    /// For the next page of versions; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    next_cursor: Option<String>,
}

/// Shows a benchmark with its versions, newest first.
///
/// A version is told without its tasks, which have a list of their own.
#[utoipa::path(
    get,
    path = "/api/v1/benchmarks/{id}",
    operation_id = "getBenchmark",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = BenchmarkId, Path), VersionsQuery, IfNoneMatch),
    responses(
        (status = 200, description = "The benchmark.", body = BenchmarkBody),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn one(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(Name(id)): Path<Name<BenchmarkId>>,
    Query(page): Query<VersionsQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(Some(page.limit))?;
    let (time, version) = read_cursor::<(i64, String)>(page.cursor.as_deref())?.unwrap_or((END_OF_TIME, String::new()));
    let page = PageBefore { at: Timestamp(time), id: version, rows: limit.saturating_add(1) };
    let mut batch = Batch::new();
    let declaration = batch.push(benchmarks::declaration(&id));
    let described = batch.push(benchmarks::describe(&id));
    let versions = batch.push(benchmarks::versions(&id, &page));
    let mut answers = batch.run(app.database()).await?;
    refuse_hidden("benchmark", answers.take(declaration)?.and_then(|declaration| declaration.hidden_reason))?;
    let described = answers.take(described)?.ok_or_else(|| ApiError::not_found("benchmark"))?;
    let versions = answers.take(versions)?.into_iter().map(VersionItem::from).collect::<Vec<_>>();
    let (versions, next) = take_page(versions, limit, |placed| (placed.at.0, placed.version.version.clone()));
    let response = Answer(BenchmarkBody {
        id,
        title: described.title,
        description: described.description,
        current_version: described.current_version,
        versions,
        next_cursor: next.clone(),
    });
    Ok(with_next_link(response.into_response(), &uri, next.as_deref()))
}

/// A version, and when it was declared.
#[derive(Serialize)]
struct VersionItem {
    #[serde(skip)]
    at: Timestamp,
    #[serde(flatten)]
    version: VersionBody,
}

impl From<PublicVersion> for VersionItem {
    fn from(of: PublicVersion) -> Self {
        Self { at: of.created_at, version: VersionBody::new(of.version, of.slices) }
    }
}

/// A task, and its position in its version.
#[derive(Serialize)]
struct TaskBody {
    #[serde(skip)]
    position: i64,
    #[serde(flatten)]
    task: Task,
}

impl From<PlacedTask> for TaskBody {
    fn from(PlacedTask { position, task }: PlacedTask) -> Self {
        Self { position, task }
    }
}

/// Lists the tasks of a benchmark version, in their order.
///
/// Of a version with private tasks they are told to nobody: 403 `private_tasks`.
#[utoipa::path(
    get,
    path = "/api/v1/benchmarks/{id}/versions/{version}/tasks",
    operation_id = "listTasks",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = BenchmarkId, Path), ("version" = VersionName, Path, example = "2024-12-20"), PageQuery, IfNoneMatch),
    responses(
        (status = 200, description = "A page; of a version whose evidence is `counts` or `score`, an empty one.",
            body = Page<'_, Task>),
        (status = 403, response = PrivateTasks),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn tasks(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path((Name(id), version)): Path<(Name<BenchmarkId>, VersionName)>,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let after = read_cursor::<i64>(page.cursor.as_deref())?.unwrap_or(-1);
    let mut batch = Batch::new();
    let visibility = batch.push(benchmarks::task_visibility(&id, &version));
    let tasks = batch.push(benchmarks::tasks(&id, &version, after, limit.saturating_add(1)));
    let mut answers = batch.run(app.database()).await?;
    let visibility = answers.take(visibility)?.ok_or_else(|| ApiError::not_found("benchmark version"))?;
    refuse_hidden("benchmark", visibility.hidden_reason)?;
    if visibility.private {
        return Err(ApiError::new(PRIVATE_TASKS, "nobody is told the tasks of this version"));
    }
    let tasks = answers.take(tasks)?.into_iter().map(TaskBody::from).collect::<Vec<_>>();
    let (tasks, next) = take_page(tasks, limit, |task| task.position);
    Ok(list_answer(&uri, &tasks, next))
}
