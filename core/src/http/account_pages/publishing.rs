//! Runs and benchmarks of the person who is logged in, and withdrawing a run.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::json;

use super::{
    PageResult,
    form::{Field, Form, Mistakes, body},
    frame,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    domain::{RunId, TaskAttempt, run_status::RunStatus},
    http::{
        leaderboard::{Scale, day, minute, system_name},
        page::{NewestFirst, PageQuery, take_rows},
        problem::ApiError,
        publishing::withdraw,
        request::{Path, Query},
    },
    store::{
        own_runs::{self, OwnBenchmark, OwnRun},
        results,
        runs::{self, Run},
    },
};

const HERE: &str = "/account/publishing";
/// Number of runs on a page.
const ROWS: u32 = 50;

/// Lists benchmarks and runs, newest first.
pub async fn page(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    logged_in: LoggedIn,
    Query(query): Query<PageQuery>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), query.cursor.as_deref())?;
    let mut batch = logged_in.caller.batch();
    let owner_id = batch.user_id();
    let list = batch.push(own_runs::list(owner_id, None, &asked.rows()));
    let benchmarks = batch.push(own_runs::benchmarks(owner_id));
    let (_, mut answers) = batch.read(&app).await?;
    let (list, next) = take_rows(answers.take(list)?, ROWS, |run| (run.created_at.0, run.id.to_string()));
    let benchmarks = answers.take(benchmarks)?;
    let content = html! {
        p { "Runs and benchmarks are published by programs, with an " a href="/account/keys" { "API key" } "." }
        h2 { "Runs" }
        @if list.is_empty() { p class="none" { "You have opened none." } }
        ul class="cards" { @for run in &list { (run_item(run)) } }
        @if let Some(next) = next { p { a rel="next" href={ (HERE) "?cursor=" (next) } { "Older runs" } } }
        @if query.cursor.is_none() { (benchmark_list(&benchmarks)) }
    };
    Ok(frame::page(StatusCode::OK, "Publishing", Some((&logged_in, HERE)), &content))
}

fn run_item(run: &OwnRun) -> Markup {
    let name = system_name(run.system.model.as_str(), run.system.agent.as_ref(), run.system.configuration.as_deref());
    html! {
        li {
            div class="row" {
                a href={ (HERE) "/" (run.id) } { strong dir="auto" { (name) } }
                (status(run.status))
                @if let Some(score) = run.score { span { (Scale::of(&run.measure).score(score)) } }
            }
            small {
                (run.benchmark) " " (run.version) " · "
                @match run.published_at { Some(at) => { "published " (day(at)) } None => { "opened " (day(run.created_at)) } }
            }
            @if let Some(reason) = &run.reason { small dir="auto" { (reason) } }
        }
    }
}

fn status(status: RunStatus) -> Markup {
    html! {
        @if status == RunStatus::Published { span { (status.as_str()) } } @else { span class="flag" { (status.as_str()) } }
    }
}

fn benchmark_list(benchmarks: &[OwnBenchmark]) -> Markup {
    html! {
        h2 { "Benchmarks" }
        @if benchmarks.is_empty() { p class="none" { "You have declared none." } }
        ul class="list" {
            @for benchmark in benchmarks {
                li {
                    a href={ "/leaderboard?benchmark=" (benchmark.id) } { (benchmark.id) }
                    @if let Some(version) = &benchmark.current_version { ", read by version " (version) }
                    @if let Some(reason) = &benchmark.hidden_reason { " " span class="flag" { "hidden" } " " span dir="auto" { (reason) } }
                }
            }
        }
    }
}

/// Shows a run: what it lacks, or how to withdraw it.
pub async fn run_page(State(app): State<App>, Path(id): Path<RunId>, logged_in: LoggedIn) -> PageResult {
    let mut batch = logged_in.caller.batch();
    let run = batch.push(runs::find(&id));
    let missing = batch.push(results::missing(&id));
    let (session, mut answers) = batch.read(&app).await?;
    let (run, missing) = (answers.take(run)?, answers.take(missing)?);
    let run = run.filter(|run| run.owner_id.as_ref() == Some(&session.user.id));
    let run = run.ok_or_else(|| ApiError::not_found("run of yours"))?;
    let content = html! {
        dl class="facts" {
            div { dt { "Benchmark" } dd { (run.declared.benchmark) " " (run.declared.version) } }
            div { dt { "Status" } dd { (status(run.status)) } }
            div { dt { "Opened" } dd { (minute(run.created_at)) } }
            @if let Some(at) = run.published_at { div { dt { "Published" } dd { (minute(at)) } } }
            @if let Some(at) = run.withdrawn_at { div { dt { "Ended" } dd { (minute(at)) } } }
            div { dt { "Tasks" } dd { (run.task_count) " × " (run.attempts_per_task) } }
            div { dt { "Id" } dd { code { (run.id) } } }
        }
        @if let Some(reason) = &run.reason { p class="note" dir="auto" { (reason) } }
        @match run.status {
            RunStatus::Open => (missing_results(&run, &missing)),
            RunStatus::Published => p { a href={ "/leaderboard/models/" (run.declared.model) } { "See it on the leaderboard" } " or " a href={ (HERE) "/" (run.id) "/withdraw" } { "withdraw it" } "." },
            RunStatus::Rejected | RunStatus::Withdrawn => {}
        }
    };
    Ok(frame::page(StatusCode::OK, run.declared.model.as_str(), Some((&logged_in, HERE)), &content))
}

fn missing_results(run: &Run, missing: &[TaskAttempt]) -> Markup {
    html! {
        h2 { "What is missing" }
        @if run.private_tasks {
            p { "The tasks of this benchmark are private: which are missing is told by the call that publishes, to whoever declared it." }
        } @else if missing.is_empty() {
            p { "Nothing by task: upload counts where the version takes them, and publish it with " code { "POST /api/v1/runs/" (run.id) "/publish" } "." }
        } @else {
            p { @if missing.len() >= 100 { "At least 100 results, the first of which are" } @else { (missing.len()) " results" } ":" }
            ul class="list" { @for attempt in missing.iter().take(100) { li { code { (attempt.task) } " attempt " (attempt.attempt) } } }
        }
    }
}

/// Asks for the reason of a withdrawal.
pub async fn withdraw_page(State(app): State<App>, Path(id): Path<RunId>, logged_in: LoggedIn) -> PageResult {
    logged_in.caller.confirm(&app).await?;
    Ok(reason_page(&logged_in, &id, &Form::default(), &Mistakes::none()))
}

fn reason_page(logged_in: &LoggedIn, id: &RunId, form: &Form, mistakes: &Mistakes) -> Response {
    let content = html! {
        (mistakes.summary())
        p { "The run leaves the ranking, and your run of the same system before it stands again. It stays readable, with your reason, which everybody may read. This cannot be undone." }
        form class="stack" method="post" action={ (HERE) "/" (id) "/withdraw" } {
            (logged_in.token())
            (Field::new("reason", "textarea", "off").hint("1 to 1,000 characters.").shown(form, mistakes))
            button class="danger" type="submit" { "Withdraw the run" }
        }
        p { a href={ (HERE) "/" (id) } { "Back to the run" } }
    };
    mistakes.page("Withdraw the run", Some((logged_in, HERE)), &content)
}

/// Withdraws the run.
pub async fn withdraw(State(app): State<App>, Path(id): Path<RunId>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let members = json!({ "reason": form.get("reason") });
    let withdrawn = async { withdraw::in_session(&app, &logged_in.caller, &id, &body(&members)?).await };
    match withdrawn.await {
        Ok(_) => Ok(Redirect::to(&format!("{HERE}/{id}")).into_response()),
        Err(error) => Ok(reason_page(&logged_in, &id, &form, &Mistakes::of(error.into(), "password")?)),
    }
}
