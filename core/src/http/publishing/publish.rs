use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;

use utoipa::ToSchema;

use super::{
    runs::{RunBody, own},
    seals::seal_opened,
};
use crate::{
    app::App,
    domain::{
        RunId, TaskAttempt, UserId,
        benchmark::Evidence,
        formats::Uuid,
        leaderboard::LEAST_PRIVATE_TASKS,
        log_record::{DigestedResults, ResultsDigest},
        run_aggregates::{RunAggregates, RunSums, SlicedTask},
        run_status::RunStatus,
    },
    http::{
        credentials::{ApiKeyClient, ResultsWrite},
        idempotency::{Caller, Claim, Fulfilled, Idempotency, Reply},
        moderation::publishes_to_hidden,
        openapi::{ConflictPublish, ForbiddenPublisher, IdempotencyKey, IncompleteCoverage, NotFound},
        problem::{ApiError, INCOMPLETE_RUN, Problem, ProblemMembers, RUN_NOT_OPEN},
        request::Path,
    },
    log,
    store::{
        Answers, Batch, BatchError, Guard,
        benchmarks::{self, TaskPiece},
        publications::{self, Publication, ScoreSource},
        results::{self, AttemptPiece},
        runs::{self, Run},
        webhooks as webhook_store,
    },
    webhooks,
};

/// A position before that of every task.
const BEFORE_ALL: i64 = -1;
/// How often a publication is tried, where results come in while it is computed.
const TRIES: usize = 3;
/// Tasks, and results, that are read at first, in one batch with the run.
const FIRST_PIECE: u32 = 2000;
/// Tasks, or results, that each later read takes: some megabytes, and a Worker on the free plan has 50 queries.
const PIECE: u32 = 4000;

/// A run that is published.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Publication)]
struct PublicationBody {
    run: RunBody,
    /// The leaderboard snapshot in which the run first stands.
    #[schema(value_type = Uuid)]
    snapshot_id: String,
}

/// Publishes a run.
///
/// Scope `results:write`. Checks that every task is answered, computes every aggregate and publishes a new snapshot.
/// Publishing again changes nothing: a lost answer may be asked for once more.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/publish",
    operation_id = "publishRun",
    tag = "Publishing",
    security(("apiKeyHeader" = ["results:write"]), ("apiKeyBearer" = ["results:write"])),
    params(("id" = RunId, Path), IdempotencyKey),
    responses(
        (status = 200, description = "Published, now or before.", body = PublicationBody),
        (status = 403, response = ForbiddenPublisher),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictPublish),
        (status = 422, response = IncompleteCoverage),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Path(id): Path<RunId>,
    request: Idempotency,
) -> Result<Response, ApiError> {
    let owner_id = client.owner_id();
    request.once(&app, Caller::ApiKeyClient(owner_id), |claim| publish(&app, owner_id, &id, claim)).await
}

/// Publishes a run. What takes long is computed before the batch that publishes, which is undone, and tried again,
/// where results have come in since.
async fn publish(app: &App, owner_id: &UserId, id: &RunId, claim: Claim) -> Result<Fulfilled, ApiError> {
    for _ in 0..TRIES {
        let RunToPublish { run, snapshot, tasks, attempts } = RunToPublish::of(app, owner_id, id).await?;
        match run.status {
            RunStatus::Open => {}
            RunStatus::Published => return answer(app, &run, snapshot, claim).await,
            RunStatus::Rejected | RunStatus::Withdrawn => {
                return Err(ApiError::new(RUN_NOT_OPEN, "it was rejected or withdrawn"));
            }
        }
        if let Some(reason) = run.hidden_reason {
            return Err(publishes_to_hidden(reason));
        }
        let (aggregates, results) = match run.evidence {
            Evidence::Results => add_up(app, owner_id, &run, &tasks, attempts).await?,
            Evidence::Counts | Evidence::Score => (None, ResultsDigest::default().finish()),
        };
        let source = match (run.evidence, &aggregates) {
            (Evidence::Results, Some(aggregates)) => ScoreSource::Aggregates(aggregates),
            (Evidence::Counts, _) if run.counts.is_some() => ScoreSource::Counts,
            (Evidence::Score, _) if run.given_score.is_some() => ScoreSource::GivenScore,
            _ => return Err(refusal(app, &run).await?),
        };
        let publication = Publication { run_id: id, owner_id, revision: run.revision, source, results };
        if let Some((run, snapshot)) = write(app, publication).await? {
            return answer(app, &run, Some(snapshot), claim).await;
        }
    }
    Err(ApiError::unavailable("results kept coming in while a run was published"))
}

async fn answer(app: &App, run: &Run, snapshot: Option<String>, claim: Claim) -> Result<Fulfilled, ApiError> {
    let snapshot_id = snapshot.ok_or_else(|| ApiError::internal("a published run is in no snapshot"))?;
    let answer = PublicationBody { run: RunBody::of(run), snapshot_id };
    let reply = Reply::json(StatusCode::OK, &answer)?;
    Ok(claim.remember(app, reply).await)
}

/// A run, the snapshot that it is in, and what its sums are made of: its tasks and the first of its results.
struct RunToPublish {
    run: Run,
    snapshot: Option<String>,
    tasks: Vec<SlicedTask>,
    attempts: AttemptPiece,
}

impl RunToPublish {
    async fn of(app: &App, owner_id: &UserId, id: &RunId) -> Result<Self, ApiError> {
        let mut batch = Batch::new();
        let run = batch.push(runs::find(id));
        let snapshot = batch.push(publications::snapshot_of(id));
        let tasks = batch.push(benchmarks::sliced_tasks(id, owner_id, BEFORE_ALL, FIRST_PIECE));
        let attempts = batch.push(results::attempts(id, owner_id, &TaskAttempt::default(), FIRST_PIECE));
        let mut answers = batch.run(app.database()).await?;
        let run = own(answers.take(run)?.ok_or_else(|| ApiError::not_found("run"))?, owner_id)?;
        let (snapshot, attempts) = (answers.take(snapshot)?, answers.take(attempts)?);
        let TaskPiece { mut tasks, mut end } = answers.take(tasks)?;
        while let Some(position) = end {
            let piece = benchmarks::sliced_tasks(id, owner_id, position, PIECE).run(app.database()).await?;
            tasks.extend(piece.tasks);
            end = piece.end;
        }
        Ok(Self { run, snapshot, tasks, attempts })
    }
}

/// Adds up the results of the run, read in pieces of which the first is there already; no aggregates where results are
/// missing. The digest for the log leaves results at private tasks out.
async fn add_up(
    app: &App,
    owner_id: &UserId,
    run: &Run,
    tasks: &[SlicedTask],
    first: AttemptPiece,
) -> Result<(Option<RunAggregates>, DigestedResults), ApiError> {
    let mut sums = RunSums::new(tasks, run.measure.is_share());
    let mut digest = ResultsDigest::default();
    let mut piece = first;
    loop {
        piece.attempts.iter().for_each(|attempt| sums.add(attempt));
        let told = piece.rows.into_iter().filter(|_| !run.private_tasks);
        told.into_iter().try_for_each(|row| digest.add(row)).map_err(|error| ApiError::internal(error.to_string()))?;
        let Some(end) = piece.end else { break };
        piece = results::attempts(&run.id, owner_id, &end, PIECE).run(app.database()).await?;
    }
    let attempts = u32::try_from(run.attempts_per_task).unwrap_or(u32::MAX);
    let least_tasks = if run.private_tasks { LEAST_PRIVATE_TASKS } else { 1 };
    Ok((sums.finish(attempts, least_tasks), digest.finish()))
}

/// Writes what is published, and reads the run and the snapshot; `None` where the run has changed, or was hidden, since
/// it was read.
async fn write(app: &App, publication: Publication<'_>) -> Result<Option<(Run, String)>, ApiError> {
    let mut last = Batch::new();
    let (snapshot_id, now) = (app.new_id(), app.now());
    publication.publish(&mut last, &snapshot_id, now)?;
    let run = last.push(runs::find(publication.run_id));
    let leaf = log::NextLeaf::push(&mut last, publication.run_id, &snapshot_id);
    let has_deliveries = last.push(webhook_store::has_work(now));
    let mut answers = match run_in_order(app, publication.preparations()?, last).await {
        Err(BatchError::Guard(Guard::RunUnchanged | Guard::NotHidden)) => return Ok(None),
        Err(BatchError::Guard(Guard::SealUnopened)) => return Err(seal_opened()),
        answers => answers?,
    };
    leaf.sequence_in_background(app, &mut answers);
    if answers.take(has_deliveries)? {
        webhooks::deliver_in_background(app);
    }
    let run = answers.take(run)?.ok_or_else(|| ApiError::internal("a run is gone"))?;
    Ok(Some((run, snapshot_id)))
}

/// Runs batches one after the other, and returns the answers of the last.
async fn run_in_order(app: &App, preparations: Vec<Batch>, last: Batch) -> Result<Answers, BatchError> {
    for batch in preparations {
        batch.run(app.database()).await?;
    }
    last.run(app.database()).await
}

async fn refusal(app: &App, run: &Run) -> Result<ApiError, ApiError> {
    let mut batch = Batch::new();
    let missing = batch.push(results::missing(&run.id));
    let declaration = batch.push(benchmarks::declaration(&run.declared.benchmark));
    let mut answers = batch.run(app.database()).await?;
    let missing = answers.take(missing)?;
    let declared_by = answers.take(declaration)?.and_then(|declaration| declaration.owner_id);
    if run.private_tasks && !missing.is_empty() && declared_by != run.owner_id {
        let detail = "results are missing; which, only whoever declared the benchmark is told: its tasks are private";
        return Ok(Problem::new(INCOMPLETE_RUN, detail).with(missing_results(Vec::new())).into());
    }
    let detail = match (run.evidence, missing.len()) {
        (Evidence::Counts, _) => "upload the counts first".to_owned(),
        (Evidence::Score, _) => "give the score first".to_owned(),
        // A copy of somebody else's data does not have their private tasks.
        (_, 0) => "nobody can answer tasks that are not known here".to_owned(),
        (_, 100..) => "at least 100 results are missing; missing names the first".to_owned(),
        (_, count) => format!("{count} results are missing"),
    };
    Ok(Problem::new(INCOMPLETE_RUN, detail).with(missing_results(missing)).into())
}

fn missing_results(missing: Vec<TaskAttempt>) -> ProblemMembers {
    ProblemMembers { missing: Some(missing), ..ProblemMembers::default() }
}
