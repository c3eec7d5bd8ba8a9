//! Pages of published runs, and rejecting one.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    PageResult,
    addresses::{PEOPLE, RUNS},
    frame::{self, choice, mistakes_of, notice, older, rows},
    visit::{Visitor, VisitorForm},
};
use crate::{
    app::App,
    domain::{
        RunId,
        run_status::{PublishedStatus, RunStatus},
    },
    http::{
        account_pages::form::{Field, Form, Mistakes, body},
        admin::runs as api,
        leaderboard::{Scale, minute, system_name},
        page::{NewestFirst, take_rows},
        problem::ApiError,
        request::{Json, Path, Query},
    },
    store::{admin, own_runs::OwnRun, runs, users},
};

/// Number of runs on a page.
const ROWS: u32 = 50;

/// Query parameters of the list.
#[derive(Deserialize)]
pub struct ListParameters {
    #[serde(default)]
    status: String,
    cursor: Option<String>,
}

/// Lists published runs, latest publication first.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    visitor: Visitor,
    Query(chosen): Query<ListParameters>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), chosen.cursor.as_deref())?;
    let all = PublishedStatus::ALL.map(RunStatus::from);
    let status = all.into_iter().find(|status| status.as_str() == chosen.status).unwrap_or(RunStatus::Published);
    let list = visitor.admin.read(&app, admin::list_runs(status, &asked.rows())).await?;
    let place = |run: &OwnRun| (run.published_at.unwrap_or(run.created_at).0, run.id.to_string());
    let (list, next) = take_rows(list, ROWS, place);
    let named = status.as_str();
    let statuses = all.map(|status| (status.as_str(), status.as_str()));
    let content = html! {
        form class="filters" action=(RUNS) {
            (choice("status", "Status", named, &statuses))
            button type="submit" { "Show" }
        }
        (rows(list.iter().map(item), "There is none."))
        (older("Older runs", RUNS, &[("status", named)], next.as_deref()))
    };
    Ok(frame::page(&visitor, RUNS, "Runs", &content))
}

fn item(run: &OwnRun) -> Markup {
    let name = system_name(run.system.model.as_str(), run.system.agent.as_ref(), run.system.configuration.as_deref());
    html! {
        li {
            div class="row" {
                a href={ (RUNS) "/" (run.id) } { strong dir="auto" { (name) } }
                @if run.status != RunStatus::Published { span class="flag" { (run.status.as_str()) } }
                @if let Some(score) = run.score { span { (Scale::of(&run.measure).score(score)) } }
            }
            small { (run.benchmark) " " (run.version) @if let Some(at) = run.published_at { " · published " (minute(at)) } }
            @if let Some(reason) = &run.reason { small dir="auto" { (reason) } }
        }
    }
}

/// Query parameters of a run's page.
#[derive(Deserialize)]
pub struct Parameters {
    #[serde(default)]
    done: String,
}

/// Shows a run, published or not.
pub async fn run(
    State(app): State<App>,
    Path(id): Path<RunId>,
    visitor: Visitor,
    Query(parameters): Query<Parameters>,
) -> PageResult {
    let mut batch = visitor.admin.batch();
    let run = batch.push(runs::find(&id));
    let owner = batch.push(users::find_owner(&id));
    let (_, mut answers) = batch.read(&app).await?;
    let run = answers.take(run)?.ok_or_else(|| ApiError::not_found("run"))?;
    let owner = answers.take(owner)?;
    let content = html! {
        (notice((parameters.done == "reject").then_some("The run is rejected, and the others are ranked without it.")))
        dl class="facts" {
            div { dt { "Benchmark" } dd { (run.declared.benchmark) " " (run.declared.version) } }
            div { dt { "Status" } dd { (run.status.as_str()) } }
            div { dt { "Owner" } dd { @match &owner { Some(owner) => { a href={ (PEOPLE) "/" (owner.id) } { (owner.email) } } None => { "none" } } } }
            div { dt { "Opened" } dd { (minute(run.created_at)) } }
            @if let Some(at) = run.published_at { div { dt { "Published" } dd { (minute(at)) } } }
            @if let Some(at) = run.withdrawn_at { div { dt { "Ended" } dd { (minute(at)) } } }
            div { dt { "Tasks" } dd { (run.task_count) " × " (run.attempts_per_task) } }
            div { dt { "Id" } dd { code { (run.id) } } }
        }
        @if let Some(reason) = &run.reason { p class="note" dir="auto" { (reason) } }
        ul class="list" {
            @if run.published_at.is_some() { li { a href={ "/runs/" (run.id) } { "What everybody reads of it" } } }
            @if matches!(run.status, RunStatus::Open | RunStatus::Published) { li { a href={ (RUNS) "/" (run.id) "/reject" } { "Reject the run…" } } }
        }
    };
    Ok(frame::page(&visitor, RUNS, run.declared.model.as_str(), &content))
}

/// Asks for the reason of a rejection.
pub async fn reject_page(State(app): State<App>, Path(id): Path<RunId>, visitor: Visitor) -> PageResult {
    visitor.admin.read(&app, runs::find(&id)).await?.ok_or_else(|| ApiError::not_found("run"))?;
    Ok(reason_page(&visitor, &id, &Form::default(), &Mistakes::none()))
}

fn reason_page(visitor: &Visitor, id: &RunId, form: &Form, mistakes: &Mistakes) -> Response {
    let content = html! {
        (mistakes.summary())
        p { "The run leaves the ranking, and its owner cannot publish it again. It stays readable, with your reason, which everybody may read. This cannot be undone." }
        form class="stack" method="post" action={ (RUNS) "/" (id) "/reject" } {
            (visitor.logged_in.token())
            (Field::new("reason", "textarea", "off").hint("1 to 1,000 characters.").shown(form, mistakes))
            button class="danger" type="submit" { "Reject the run" }
        }
        p { a href={ (RUNS) "/" (id) } { "Back to the run" } }
    };
    frame::form_page(visitor, RUNS, "Reject the run", mistakes, &content)
}

/// Rejects the run.
pub async fn reject(
    State(app): State<App>,
    Path(id): Path<RunId>,
    VisitorForm { visitor, form }: VisitorForm,
) -> PageResult {
    let reason = body(&json!({ "reason": form.get("reason") })).map(Json);
    let rejected = async { api::reject(State(app.clone()), visitor.again(), Path(id.clone()), reason?).await };
    match rejected.await {
        Ok(_) => Ok(Redirect::to(&format!("{RUNS}/{id}?done=reject")).into_response()),
        Err(error) => {
            let mistakes = mistakes_of(error)?;
            // A caller who is no administrator must not learn what is wrong with the form.
            visitor.admin.confirm(&app).await?;
            Ok(reason_page(&visitor, &id, &form, &mistakes))
        }
    }
}
