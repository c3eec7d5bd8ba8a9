use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::runs::{find_own, run_body};
use crate::{
    app::App,
    http::{
        credentials::{Program, ResultsWrite},
        idempotency::{Caller, Claim, Idempotency, Reply},
        moderation::publishes_to_hidden,
        problem::{ApiError, INCOMPLETE_RUN, Problem, RUN_NOT_OPEN},
        request::Path,
    },
    ports::{DatabaseError, Rows, Statement},
    store::{
        benchmarks, publications,
        runs::{self, Run},
    },
};

/// Publishes a run: checks that it answers every task, computes every aggregate, and adds a snapshot, all in one
/// batch. Publishing again is no error: a lost reply may be asked for once more.
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
    match app.database().batch(publications::publish(id, owner_id, &app.new_id(), app.now())).await {
        Err(error) if error.is_guard() => {
            let run = find_own(app, owner_id, id).await?;
            if run.status != "published" {
                return Err(refusal(app, &run).await?);
            }
        }
        answers => drop(answers?),
    }
    let of_run = |sql| Statement::new(sql).bind(id);
    let mut answers =
        app.database().batch(vec![of_run(runs::BY_ID), of_run(publications::SNAPSHOT_OF)]).await?.into_iter();
    let mut row =
        || answers.next().and_then(Rows::into_first).ok_or_else(|| ApiError::internal("a published run is gone"));
    let (run, snapshot) = (Run::from_row(&row()?)?, row()?);
    let answer = json!({ "run": run_body(&run), "snapshotId": snapshot.text("id")? });
    let reply = Reply::json(StatusCode::OK, &answer)?;
    claim.remember(app, &reply).await;
    Ok(reply)
}

async fn refusal(app: &App, run: &Run) -> Result<ApiError, ApiError> {
    if let Some(reason) = &run.hidden_reason {
        return Ok(publishes_to_hidden(reason.clone()));
    }
    if run.status != "open" {
        return Ok(ApiError::new(RUN_NOT_OPEN, "it was rejected or withdrawn"));
    }
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
