//! Hiding, showing again and renaming models and benchmarks, each with a reason that stays public.

use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    http::{
        credentials::ClaimedAdmin,
        parameters::Name,
        problem::ApiError,
        publishing::Reason,
        request::{Json, Path, Validator},
    },
    store::moderations::{Act, Moderated, Moderation, Subject},
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
    admin: ClaimedAdmin,
    Path((Name(provider), Name(name))): Ids,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Model(&format!("{provider}/{name}")), Act::Hide, &body.reason()?).await
}

pub async fn unhide_model(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path((Name(provider), Name(name))): Ids,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Model(&format!("{provider}/{name}")), Act::Unhide, &body.reason()?).await
}

pub async fn rename_model(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path((Name(provider), Name(name))): Ids,
    Json(body): Json<NewDisplayName>,
) -> Result<Answer<Moderated>, ApiError> {
    let mut validator = Validator::default();
    let called = validator.text("/displayName", &body.display_name, 1, 255);
    let reason = validator.text("/reason", &body.reason, 1, 1000);
    validator.finish()?;
    moderate(&app, &admin, Subject::Model(&format!("{provider}/{name}")), Act::Rename(&called), &reason).await
}

pub async fn hide_benchmark(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(Name(id)): Path<Name>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Benchmark(&id), Act::Hide, &body.reason()?).await
}

pub async fn unhide_benchmark(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(Name(id)): Path<Name>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Benchmark(&id), Act::Unhide, &body.reason()?).await
}

pub async fn rename_benchmark(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(Name(id)): Path<Name>,
    Json(body): Json<NewTitle>,
) -> Result<Answer<Moderated>, ApiError> {
    let mut validator = Validator::default();
    let title = validator.text("/title", &body.title, 1, 255);
    let reason = validator.text("/reason", &body.reason, 1, 1000);
    validator.finish()?;
    moderate(&app, &admin, Subject::Benchmark(&id), Act::Rename(&title), &reason).await
}

/// Carries it out, with its line in the log of changes and its security event, in one batch. What is so already is no
/// error, and leaves no line.
async fn moderate(
    app: &App,
    admin: &ClaimedAdmin,
    subject: Subject<'_>,
    act: Act<'_>,
    reason: &str,
) -> Result<Answer<Moderated>, ApiError> {
    let (what, named) = match subject {
        Subject::Model(_) => ("model", "modelId"),
        Subject::Benchmark(_) => ("benchmark", "benchmarkId"),
    };
    let no_such = || ApiError::not_found(what);
    let mut batch = admin.batch();
    let before = batch.push(subject.find());
    let (_, mut answers) = batch.read(app).await?;
    let before = answers.take(before)?.ok_or_else(no_such)?;

    let name = match (subject, act) {
        (Subject::Model(_), Act::Hide) => "model_hidden",
        (Subject::Model(_), Act::Unhide) => "model_unhidden",
        (Subject::Model(_), Act::Rename(_)) => "model_renamed",
        (Subject::Benchmark(_), Act::Hide) => "benchmark_hidden",
        (Subject::Benchmark(_), Act::Unhide) => "benchmark_unhidden",
        (Subject::Benchmark(_), Act::Rename(_)) => "benchmark_renamed",
    };
    let details = json!({ named: subject.id(), "reason": reason, "before": before.name });
    let event = admin.event(app, name, details);
    let moderation = Moderation { subject, act, reason, at: app.now() };
    let mut batch = admin.batch();
    batch.push(moderation.apply());
    batch.push(moderation.log(&app.new_id()));
    // The line in the log tells by what it inserts whether the event is due.
    batch.push(event.of_if_changed(before.owner_id.as_ref()));
    batch.extend(moderation.rename_copies());
    let after = batch.push(subject.find());
    let after = batch.run(app).await?.take(after)?.ok_or_else(no_such)?;
    Ok(Answer(after))
}
