use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::runs::{own, run_body};
use crate::{
    app::App,
    domain::run_aggregates::{RunAggregates, RunSums, SlicedTask},
    http::{
        credentials::{Program, ResultsWrite},
        idempotency::{Caller, Claim, Idempotency, Reply},
        moderation::publishes_to_hidden,
        problem::{ApiError, INCOMPLETE_RUN, Problem, RUN_NOT_OPEN},
        request::Path,
    },
    ports::{DatabaseError, Row, Rows, Statement},
    store::{
        benchmarks,
        publications::{self, Publication},
        runs::{self, Run},
    },
};

/// How often a publication begins anew, because results came in while it was computed.
const TRIES: usize = 3;
/// So many results are read in one go: some megabytes, and a Worker on the free plan has 50 queries.
const PIECE: u32 = 4000;

/// Publishes a run: checks that it answers every task, computes every aggregate, and adds a snapshot. What takes long is
/// computed before the batch that publishes, which is undone where results have come in since. Publishing again is no
/// error: a lost reply may be asked for once more.
pub async fn handler(
    State(app): State<App>,
    program: Program<ResultsWrite>,
    Path(id): Path<String>,
    request: Idempotency,
) -> Result<Response, ApiError> {
    let owner_id = program.owner_id();
    request.once(&app, Caller::Program(owner_id), |claim| publish(&app, owner_id, &id, claim)).await
}

async fn publish(app: &App, owner_id: &str, id: &str, claim: Claim) -> Result<Reply, ApiError> {
    for _ in 0..TRIES {
        let Read { run, snapshot, tasks, attempts } = Read::of(app, owner_id, id).await?;
        if run.status == "published" {
            return answer(app, &run, snapshot, &claim).await;
        }
        if run.status != "open" {
            return Err(ApiError::new(RUN_NOT_OPEN, "it was rejected or withdrawn"));
        }
        if let Some(reason) = run.hidden_reason {
            return Err(publishes_to_hidden(reason));
        }
        let aggregates = match run.evidence.as_str() {
            "counts" if run.counts.is_some() => None,
            "counts" => return Err(refusal(app, &run).await?),
            _ => match add_up(app, owner_id, &run, &tasks, attempts).await? {
                Some(aggregates) => Some(aggregates),
                None => return Err(refusal(app, &run).await?),
            },
        };
        let publication = Publication { run_id: id, owner_id, revision: run.revision, aggregates: aggregates.as_ref() };
        if let Some((run, snapshot)) = write(app, publication).await? {
            return answer(app, &run, snapshot, &claim).await;
        }
    }
    Err(ApiError::unavailable("results kept coming in while a run was published"))
}

async fn answer(app: &App, run: &Run, snapshot: Option<Row>, claim: &Claim) -> Result<Reply, ApiError> {
    let snapshot = snapshot.ok_or_else(|| ApiError::internal("a published run is in no snapshot"))?;
    let answer = json!({ "run": run_body(run), "snapshotId": snapshot.text("id")? });
    let reply = Reply::json(StatusCode::OK, &answer)?;
    claim.remember(app, &reply).await;
    Ok(reply)
}

/// A run, the snapshot that it is in, and what is added up of it: its tasks and the first of its results.
struct Read {
    run: Run,
    snapshot: Option<Row>,
    tasks: Vec<SlicedTask>,
    attempts: Rows,
}

impl Read {
    async fn of(app: &App, owner_id: &str, id: &str) -> Result<Self, ApiError> {
        let of_run = |sql| Statement::new(sql).bind(id);
        let batch = vec![
            of_run(runs::BY_ID),
            of_run(publications::SNAPSHOT_OF),
            of_run(benchmarks::SLICED_TASKS).bind(owner_id),
            attempts_after(id, owner_id, &(String::new(), 0)),
        ];
        let mut answers = app.database().batch(batch).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let (run, snapshot, tasks, attempts) = (next(), next(), next(), next());
        let run = Run::from_row(&run.into_first().ok_or_else(|| ApiError::not_found("run"))?)?;
        let tasks = tasks.into_iter().map(|row| benchmarks::sliced_task(&row)).collect::<Result<_, _>>()?;
        Ok(Self { run: own(run, owner_id)?, snapshot: snapshot.into_first(), tasks, attempts })
    }
}

fn attempts_after(run_id: &str, owner_id: &str, (task, attempt): &(String, i64)) -> Statement {
    Statement::new(runs::ATTEMPTS).bind(run_id).bind(owner_id).bind(task.as_str()).bind(*attempt).bind(PIECE)
}

/// What the run's results come to, read in pieces, of which the first is there; `None` where they are not complete.
async fn add_up(
    app: &App,
    owner_id: &str,
    run: &Run,
    tasks: &[SlicedTask],
    first: Rows,
) -> Result<Option<RunAggregates>, ApiError> {
    let mut sums = RunSums::new(tasks);
    let (mut rows, mut after) = (first, (String::new(), 0));
    loop {
        let is_last = u32::try_from(rows.len()).is_ok_and(|rows| rows < PIECE);
        for row in rows {
            sums.add(&runs::attempt_from_row(&row)?);
            after = (row.text("task_id")?, row.integer("attempt")?);
        }
        if is_last {
            break;
        }
        rows = app.database().query(attempts_after(&run.id, owner_id, &after)).await?;
    }
    let attempts = u32::try_from(run.attempts_per_task).unwrap_or(u32::MAX);
    let least_tasks = if run.private_tasks { publications::LEAST_PRIVATE_TASKS } else { 1 };
    Ok(sums.finish(attempts, least_tasks))
}

/// Writes what is published, and reads it; `None` where the run has changed since it was read.
async fn write(app: &App, publication: Publication<'_>) -> Result<Option<(Run, Option<Row>)>, ApiError> {
    let of_run = |sql| Statement::new(sql).bind(publication.run_id);
    let mut last = publication.publish(&app.new_id(), app.now())?;
    last.extend([of_run(runs::BY_ID), of_run(publications::SNAPSHOT_OF)]);
    let mut answers = Vec::new();
    for batch in publication.beforehand()?.into_iter().chain([last]) {
        answers = match app.database().batch(batch).await {
            Err(error) if error.is_guard() => return Ok(None),
            answers => answers?,
        };
    }
    let snapshot = answers.pop().and_then(Rows::into_first);
    let run = answers.pop().and_then(Rows::into_first).ok_or_else(|| ApiError::internal("a run is gone"))?;
    Ok(Some((Run::from_row(&run)?, snapshot)))
}

async fn refusal(app: &App, run: &Run) -> Result<ApiError, ApiError> {
    let benchmark = run.declared.get("benchmark").and_then(Value::as_str);
    let batch =
        vec![Statement::new(runs::MISSING).bind(run.id.as_str()), Statement::new(benchmarks::OWNER).bind(benchmark)];
    let mut answers = app.database().batch(batch).await?.into_iter();
    let missing = answers.next().map(Rows::into_iter).into_iter().flatten();
    let missing = missing.map(|row| Ok(json!({ "task": row.text("task")?, "attempt": row.integer("attempt")? })));
    let missing = missing.collect::<Result<Vec<_>, DatabaseError>>()?;
    let owner = answers.next().and_then(Rows::into_first).map(|row| row.optional_text("owner_id")).transpose()?;
    if run.private_tasks && !missing.is_empty() && owner.flatten() != run.owner_id {
        let detail = "results are missing; which, only whoever declared the benchmark is told: its tasks are private";
        return Ok(Problem::new(INCOMPLETE_RUN, detail).member("missing", json!([])).into());
    }
    let detail = match (run.evidence.as_str(), missing.len()) {
        ("counts", _) => "upload the counts first".to_owned(),
        // A copy of somebody else's data does not have their private tasks.
        (_, 0) => "nobody can answer tasks that are not known here".to_owned(),
        (_, 100..) => "at least 100 results are missing; missing names the first".to_owned(),
        (_, count) => format!("{count} results are missing"),
    };
    Ok(Problem::new(INCOMPLETE_RUN, detail).member("missing", Value::Array(missing)).into())
}
