use std::collections::HashSet;

use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    app::App,
    http::{
        credentials::{ModelsWrite, Program},
        moderation::refuse_hidden,
        page::{PageQuery, list as list_answer, page_size, read_cursor, take_page},
        parameters::Name,
        problem::{ApiError, NOT_OWNER, VERSION_IN_USE},
        request::{LargeJson, Path, Query, Validator, canonical},
    },
    ports::{DatabaseError, Row, Rows, Statement},
    store::benchmarks::{self, BenchmarkVersion, Evidence, Metric, Part, Slices, Task},
};

const MOST_TASKS: usize = 10_000;
const MOST_ATTEMPTS: u32 = 10;
const MOST_PARTS: usize = 20;
const MOST_WEIGHT: f64 = 1e6;
/// More values of a dimension tell tasks apart rather than grouping them.
const MOST_SLICES: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    title: String,
    description: Option<String>,
    metric: Metric,
    chance_level: Option<f64>,
    #[serde(default = "default_evidence")]
    evidence: Evidence,
    #[serde(default)]
    private_tasks: bool,
    tasks_published_on: Option<String>,
    parts: Option<PartsInput>,
    tasks: Option<Vec<TaskInput>>,
    task_count: Option<u32>,
    #[serde(default = "default_attempts")]
    attempts_per_task: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskInput {
    id: String,
    scenario: Option<String>,
    language: Option<String>,
    difficulty: Option<String>,
    cluster: Option<String>,
}

/// The parts of a composite score: one's own, or the product's.
#[derive(Deserialize)]
#[serde(untagged)]
enum PartsInput {
    Own(Vec<Part>),
    Named(DefaultParts),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum DefaultParts {
    Default,
}

/// Who judges, and how much it counts, unless a version says otherwise.
const DEFAULT_PARTS: [(&str, f64); 5] =
    [("automated", 40.0), ("staff", 25.0), ("community", 20.0), ("self-review", 7.5), ("panel", 7.5)];

impl PartsInput {
    fn check(self, validator: &mut Validator, metric: Metric) -> Vec<Part> {
        let parts = match self {
            Self::Own(parts) => parts,
            Self::Named(DefaultParts::Default) => {
                DEFAULT_PARTS.iter().map(|(id, weight)| Part { id: (*id).to_owned(), weight: *weight }).collect()
            }
        };
        validator.require(metric == Metric::Score, "/parts", "only a score has parts: give metric score");
        validator.require((1..=MOST_PARTS).contains(&parts.len()), "/parts", "give 1 to 20 parts");
        let mut seen = HashSet::new();
        for (index, part) in parts.iter().enumerate() {
            let at = |member: &str| format!("/parts/{index}/{member}");
            validator.slug(&at("id"), &part.id);
            validator.require(part.id.len() <= 50, &at("id"), "give at most 50 characters");
            validator.require(seen.insert(part.id.clone()), &at("id"), "another part has this id");
            let weighs = part.weight > 0.0 && part.weight <= MOST_WEIGHT;
            validator.require(weighs, &at("weight"), "give more than 0, and at most 1000000");
        }
        parts
    }
}

fn default_evidence() -> Evidence {
    Evidence::Results
}

fn default_attempts() -> u32 {
    1
}

impl Body {
    fn check(self, benchmark: String, version: String) -> Result<BenchmarkVersion, ApiError> {
        let mut validator = Validator::default();
        validator.slug("?id", &benchmark);
        validator.slug("?version", &version);
        let title = validator.text("/title", &self.title, 1, 255);
        let description = validator.optional_text("/description", self.description.as_deref(), 10_000);
        let chance = self.chance_level.is_none_or(|level| (0.0..=1.0).contains(&level));
        validator.require(chance, "/chanceLevel", "give 0 to 1");
        let attempts = (1..=MOST_ATTEMPTS).contains(&self.attempts_per_task);
        validator.require(attempts, "/attemptsPerTask", "give 1 to 10");
        let published = validator.optional_date("/tasksPublishedOn", self.tasks_published_on.as_deref());
        let has_parts = self.parts.is_some();
        let parts = self.parts.map(|parts| parts.check(&mut validator, self.metric));
        let (tasks, task_count) = match self.evidence {
            Evidence::Results => {
                let absent = self.task_count.is_none();
                validator.require(absent, "/taskCount", "the tasks are counted; give it with evidence counts only");
                let tasks = check_tasks(&mut validator, self.tasks.unwrap_or_default());
                let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
                (tasks, count)
            }
            Evidence::Counts => {
                validator.require(self.tasks.is_none(), "/tasks", "a version whose evidence is counts has no tasks");
                let is_rate = self.metric == Metric::PassRate;
                validator.require(is_rate, "/metric", "counts are of passes: give pass_rate");
                validator.require(!has_parts, "/parts", "counts have no parts");
                let count = self.task_count.filter(|count| (1..=10_000_000).contains(count));
                validator.require(count.is_some(), "/taskCount", "give 1 to 10000000");
                (Vec::new(), count.unwrap_or(1))
            }
        };
        validator.finish()?;
        Ok(BenchmarkVersion {
            benchmark,
            version,
            title,
            description,
            metric: self.metric,
            chance_level: self.chance_level,
            evidence: self.evidence,
            task_count,
            attempts_per_task: self.attempts_per_task,
            private_tasks: self.private_tasks,
            tasks_published_on: published,
            parts,
            tasks,
        })
    }
}

fn check_tasks(validator: &mut Validator, inputs: Vec<TaskInput>) -> Vec<Task> {
    validator.require((1..=MOST_TASKS).contains(&inputs.len()), "/tasks", "give 1 to 10000 tasks");
    let mut seen = HashSet::new();
    let mut tasks = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.into_iter().enumerate() {
        let at = |member: &str| format!("/tasks/{index}/{member}");
        let task = Task {
            id: validator.text(&at("id"), &input.id, 1, 200),
            scenario: validator.optional_text(&at("scenario"), input.scenario.as_deref(), 100),
            language: validator.optional_text(&at("language"), input.language.as_deref(), 100),
            difficulty: validator.optional_text(&at("difficulty"), input.difficulty.as_deref(), 100),
            cluster: validator.optional_text(&at("cluster"), input.cluster.as_deref(), 100),
        };
        validator.require(seen.insert(task.id.clone()), &at("id"), "another task has this id");
        tasks.push(task);
    }
    let slices = Slices::of(&tasks);
    for (member, values) in
        [("scenario", slices.scenario), ("language", slices.language), ("difficulty", slices.difficulty)]
    {
        let few = values.len() <= MOST_SLICES;
        validator.require(few, "/tasks", &format!("give at most {MOST_SLICES} different values of {member}"));
    }
    tasks
}

/// Declares a version. The same again is fine at any time; anything else only while no run stands on it.
pub async fn put(
    State(app): State<App>,
    program: Program<ModelsWrite>,
    Path((Name(id), version)): Path<(Name, String)>,
    LargeJson(body): LargeJson<Body>,
) -> Result<(StatusCode, Answer<VersionBody>), ApiError> {
    let version = body.check(id, version)?;
    let definition = canonical(&version)?;
    let tasks = canonical(&version.tasks)?;
    let batch = benchmarks::put(&version, program.owner_id(), &definition, &tasks, app.now());
    let mut answers = match app.database().batch(batch).await {
        Err(error) if error.is_guard() => return Err(refusal(&app, &program, &version.benchmark).await?),
        answers => answers?.into_iter(),
    };
    let existed = answers.next().is_some_and(|rows| !rows.is_empty());
    // An administrator may have given it another title.
    let title = answers.next_back().and_then(Rows::into_first).map(|row| row.text("title")).transpose()?;
    let version = BenchmarkVersion { title: title.unwrap_or_default(), ..version };
    Ok((if existed { StatusCode::OK } else { StatusCode::CREATED }, Answer(version.into())))
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
    tasks: Vec<Task>,
}

impl From<BenchmarkVersion> for VersionBody {
    fn from(version: BenchmarkVersion) -> Self {
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
            slices: Slices::of(&version.tasks),
            tasks: version.tasks,
        }
    }
}

impl VersionBody {
    /// As anyone may read it.
    fn public(row: &Row) -> Result<Self, DatabaseError> {
        let mut body = Self::from(BenchmarkVersion::from_row(row)?);
        if body.private_tasks {
            body.tasks = Vec::new();
            // A copy of somebody else's data has no private tasks to tell the slices from.
            body.slices = Slices::from_row(row)?;
        }
        Ok(body)
    }
}

/// Which of the two guards it was.
async fn refusal(app: &App, program: &Program<ModelsWrite>, benchmark: &str) -> Result<ApiError, ApiError> {
    let owner = app.database().query(Statement::new(benchmarks::OWNER).bind(benchmark)).await?.into_first();
    let owner = owner.map(|row| row.optional_text("owner_id")).transpose()?.flatten();
    Ok(if owner.as_deref() == Some(program.owner_id()) {
        ApiError::new(VERSION_IN_USE, "declare another version")
    } else {
        ApiError::new(NOT_OWNER, "somebody else declared this benchmark")
    })
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

/// Every benchmark, by id, described by its newest version.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let after = read_cursor::<String>(page.cursor.as_deref())?.unwrap_or_default();
    let statement = Statement::new(benchmarks::LIST).bind(after).bind(limit.saturating_add(1));
    let mut summaries: Vec<Summary> = Vec::new();
    for row in app.database().query(statement).await? {
        let (id, version) = (row.text("benchmark_id")?, row.text("version")?);
        match summaries.last_mut().filter(|last| last.id == id) {
            Some(last) => last.versions.push(version),
            None => summaries.push(Summary {
                id,
                title: row.text("title")?,
                description: row.optional_text("description")?,
                latest_version: version.clone(),
                versions: vec![version],
            }),
        }
    }
    let (summaries, next) = take_page(summaries, limit, |summary| summary.id.clone());
    Ok(list_answer(&uri, &summaries, next))
}

/// One benchmark, with all its versions and their tasks, newest first.
pub async fn one(State(app): State<App>, Path(Name(id)): Path<Name>) -> Result<Answer<serde_json::Value>, ApiError> {
    let of_benchmark = |sql| Statement::new(sql).bind(id.as_str());
    let batch = vec![of_benchmark(benchmarks::OWNER), of_benchmark(benchmarks::VERSIONS)];
    let mut answers = app.database().batch(batch).await?.into_iter();
    if let Some(owner) = answers.next().and_then(Rows::into_first) {
        refuse_hidden("benchmark", &owner)?;
    }
    let versions = answers.next().map(Rows::into_iter).into_iter().flatten().map(|row| VersionBody::public(&row));
    let versions = versions.collect::<Result<Vec<_>, _>>()?;
    let latest = versions.first().ok_or_else(|| ApiError::not_found("benchmark"))?;
    Ok(Answer(json!({
        "id": id,
        "title": latest.title,
        "description": latest.description,
        "latestVersion": latest.version,
        "versions": versions,
    })))
}
