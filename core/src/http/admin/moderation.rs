//! Hiding, showing again and renaming models and benchmarks, each with a reason that stays public.

use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    http::{
        credentials::Person,
        parameters::Name,
        problem::ApiError,
        publishing::Reason,
        request::{Json, Path, Validator},
    },
    ports::Rows,
    store::moderations::{Act, Moderated, Subject},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTitle {
    title: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewDisplayName {
    display_name: String,
    reason: String,
}

type Ids = Path<(Name, Name)>;

pub async fn hide_model(
    State(app): State<App>,
    person: Person,
    Path((Name(provider), Name(name))): Ids,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &person, Subject::Model(&format!("{provider}/{name}")), Act::Hide, &body.reason()?).await
}

pub async fn unhide_model(
    State(app): State<App>,
    person: Person,
    Path((Name(provider), Name(name))): Ids,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &person, Subject::Model(&format!("{provider}/{name}")), Act::Unhide, &body.reason()?).await
}

pub async fn rename_model(
    State(app): State<App>,
    person: Person,
    Path((Name(provider), Name(name))): Ids,
    Json(body): Json<NewDisplayName>,
) -> Result<Answer<Moderated>, ApiError> {
    let mut validator = Validator::default();
    let called = validator.text("/displayName", &body.display_name, 1, 255);
    let reason = validator.text("/reason", &body.reason, 1, 1000);
    validator.finish()?;
    moderate(&app, &person, Subject::Model(&format!("{provider}/{name}")), Act::Rename(&called), &reason).await
}

pub async fn hide_benchmark(
    State(app): State<App>,
    person: Person,
    Path(Name(id)): Path<Name>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &person, Subject::Benchmark(&id), Act::Hide, &body.reason()?).await
}

pub async fn unhide_benchmark(
    State(app): State<App>,
    person: Person,
    Path(Name(id)): Path<Name>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &person, Subject::Benchmark(&id), Act::Unhide, &body.reason()?).await
}

pub async fn rename_benchmark(
    State(app): State<App>,
    person: Person,
    Path(Name(id)): Path<Name>,
    Json(body): Json<NewTitle>,
) -> Result<Answer<Moderated>, ApiError> {
    let mut validator = Validator::default();
    let title = validator.text("/title", &body.title, 1, 255);
    let reason = validator.text("/reason", &body.reason, 1, 1000);
    validator.finish()?;
    moderate(&app, &person, Subject::Benchmark(&id), Act::Rename(&title), &reason).await
}

/// Does it, with its line in the log of changes and its security event, in one batch. What is so already is no error, and
/// leaves no line.
async fn moderate(
    app: &App,
    person: &Person,
    subject: Subject<'_>,
    act: Act<'_>,
    reason: &str,
) -> Result<Answer<Moderated>, ApiError> {
    let (what, named) = match subject {
        Subject::Model(_) => ("model", "modelId"),
        Subject::Benchmark(_) => ("benchmark", "benchmarkId"),
    };
    let no_such = || ApiError::not_found(what);
    let answers = person.read_statements_as_admin(app, vec![subject.read()]).await?;
    let before = answers.into_iter().next().and_then(Rows::into_first).ok_or_else(no_such)?;
    let before = Moderated::from_row(&before)?;
    let name = match (what, act) {
        ("model", Act::Hide) => "model_hidden",
        ("model", Act::Unhide) => "model_unhidden",
        ("model", Act::Rename(_)) => "model_renamed",
        (_, Act::Hide) => "benchmark_hidden",
        (_, Act::Unhide) => "benchmark_unhidden",
        (_, Act::Rename(_)) => "benchmark_renamed",
    };
    let details = json!({ named: subject.id(), "reason": reason, "before": before.name });
    let event = person.client.event(app, name, details);
    let event = event.of_if_changed(before.owner_id.as_deref().unwrap_or(&person.user_id), Some(&person.user_id));
    let mut batch = subject.moderate(act, reason, &app.new_id(), app.now(), event);
    batch.push(subject.read());
    let answers = person.write_statements_as_admin(app, batch).await??;
    let after = answers.into_iter().next_back().and_then(Rows::into_first).ok_or_else(no_such)?;
    Ok(Answer(Moderated::from_row(&after)?))
}
