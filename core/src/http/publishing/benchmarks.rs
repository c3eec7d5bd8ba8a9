use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use super::{
    benchmark_input::{Body, too_many_values},
    over_quota,
};
use crate::{
    app::App,
    domain::{
        benchmark::{BenchmarkVersion, Evidence, MOST_SLICES, MOST_VALUES, MOST_VERSIONS, Metric, Part, Slices, Task},
        run_aggregates::count_slices,
    },
    http::{
        credentials::{ApiKeyClient, ModelsWrite, write_error},
        moderation::refuse_hidden,
        page::{END_OF_TIME, PageQuery, list as list_answer, page_size, read_cursor, take_page, with_next_link},
        parameters::Name,
        problem::{ApiError, NOT_OWNER, PRIVATE_TASKS, TOO_MANY_VERSIONS, VERSION_IN_USE},
        request::{LargeJson, Path, Query, Validator, canonical},
    },
    ports::Timestamp,
    store::{
        Batch, BatchError, Guard, PageBefore,
        benchmarks::{self, BenchmarkSummary, NewVersion, PlacedTask, PublicVersion},
    },
};

/// Refuses more slices than a run keeps scores of, unless the version is there and says the same.
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

/// Declares a version. The same again is fine at any time; anything else only while no run stands on it.
pub async fn put(
    State(app): State<App>,
    client: ApiKeyClient<ModelsWrite>,
    Path((Name(id), version)): Path<(Name, String)>,
    LargeJson(body): LargeJson<Body>,
) -> Result<(StatusCode, Answer<VersionBody>), ApiError> {
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
        Err(BatchError::Guard(Guard::StorageQuota)) => return Err(over_quota(&app, owner_id).await?),
        answers => answers.map_err(write_error)?,
    };
    let existed = answers.take(declared.before)?.is_some();
    // An administrator may have given it another title.
    let title = answers.take(declared.after)?.map(|after| after.title).unwrap_or_default();
    let version = BenchmarkVersion { title, ..version };
    Ok((if existed { StatusCode::OK } else { StatusCode::CREATED }, Answer(VersionBody::declared(version))))
}

/// A version, on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionBody {
    benchmark: String,
    version: String,
    title: String,
    description: Option<String>,
    metric: Metric,
    chance_level: Option<f64>,
    evidence: Evidence,
    task_count: u32,
    attempts_per_task: u32,
    private_tasks: bool,
    tasks_published_on: Option<String>,
    parts: Option<Vec<Part>>,
    slices: Slices,
    /// Told to whoever declares them; anyone reads them a page at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<Vec<Task>>,
}

impl VersionBody {
    fn new(version: BenchmarkVersion, slices: Slices, tasks: Option<Vec<Task>>) -> Self {
        Self {
            benchmark: version.benchmark,
            version: version.version,
            title: version.title,
            description: version.description,
            metric: version.metric,
            chance_level: version.chance_level,
            evidence: version.evidence,
            task_count: version.task_count,
            attempts_per_task: version.attempts_per_task,
            private_tasks: version.private_tasks,
            tasks_published_on: version.tasks_published_on,
            parts: version.parts,
            slices,
            tasks,
        }
    }

    /// As whoever declared it sees it.
    fn declared(mut version: BenchmarkVersion) -> Self {
        let tasks = std::mem::take(&mut version.tasks);
        Self::new(version, Slices::of(&tasks), Some(tasks))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    id: String,
    title: String,
    description: Option<String>,
    latest_version: String,
    versions: Vec<String>,
}

impl From<BenchmarkSummary> for Summary {
    fn from(of: BenchmarkSummary) -> Self {
        let BenchmarkSummary { id, title, description, latest_version, versions } = of;
        Self { id, title, description, latest_version, versions }
    }
}

/// Every benchmark, by id, described by its newest version.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let after = read_cursor::<String>(page.cursor.as_deref())?.unwrap_or_default();
    let summaries = benchmarks::list(&after, limit.saturating_add(1)).run(app.database()).await?;
    let summaries = summaries.into_iter().map(Summary::from).collect::<Vec<_>>();
    let (summaries, next) = take_page(summaries, limit, |summary| summary.id.clone());
    Ok(list_answer(&uri, &summaries, next))
}

/// One benchmark, with its versions, newest first: all of them, unless fewer are asked for or they are too long. Their
/// tasks are told apart.
pub async fn one(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(Name(id)): Path<Name>,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit.or(Some(MOST_VERSIONS)))?;
    let (time, version) = read_cursor::<(i64, String)>(page.cursor.as_deref())?.unwrap_or((END_OF_TIME, String::new()));
    let page = PageBefore { at: Timestamp(time), id: version, rows: limit.saturating_add(1) };
    let mut batch = Batch::new();
    let declaration = batch.push(benchmarks::declaration(&id));
    let newest = batch.push(benchmarks::newest(&id));
    let versions = batch.push(benchmarks::versions(&id, &page));
    let mut answers = batch.run(app.database()).await?;
    refuse_hidden("benchmark", answers.take(declaration)?.and_then(|declaration| declaration.hidden_reason))?;
    let newest = answers.take(newest)?.ok_or_else(|| ApiError::not_found("benchmark"))?;
    let versions = answers.take(versions)?.into_iter().map(Placed::from).collect::<Vec<_>>();
    let (versions, next) = take_page(versions, limit, |placed| (placed.at.0, placed.version.version.clone()));
    let body = json!({
        "id": id,
        "title": newest.title,
        "description": newest.description,
        "latestVersion": newest.version,
        "versions": versions,
        "nextCursor": next,
    });
    Ok(with_next_link(Answer(body).into_response(), &uri, next.as_deref()))
}

/// A version, and when it was declared.
#[derive(Serialize)]
struct Placed {
    #[serde(skip)]
    at: Timestamp,
    #[serde(flatten)]
    version: VersionBody,
}

impl From<PublicVersion> for Placed {
    fn from(of: PublicVersion) -> Self {
        Self { at: of.created_at, version: VersionBody::new(of.version, of.slices, None) }
    }
}

/// A task, where it stands.
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

/// A version's tasks, in their order.
pub async fn tasks(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path((Name(id), version)): Path<(Name, String)>,
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
