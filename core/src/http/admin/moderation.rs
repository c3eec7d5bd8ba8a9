//! Hiding, showing again and renaming models and benchmarks, each with a reason that stays public.

use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    amended,
    app::App,
    domain::{BenchmarkId, SecurityEventName},
    http::{
        credentials::ClaimedAdmin,
        openapi::NotFound,
        parameters::{ModelPath, Name},
        problem::ApiError,
        publishing::Reason,
        request::{Json, Path, Validator},
    },
    log,
    store::{
        moderations::{Act, Moderated, Moderation, Subject},
        webhooks as webhook_store,
    },
    webhooks,
};

/// What a benchmark is called from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BenchmarkRename)]
pub struct NewTitle {
    /// Of all its versions.
    #[schema(min_length = 1, max_length = 255, example = "Aider polyglot")]
    title: String,
    /// Everyone may read it.
    #[schema(min_length = 1, max_length = 1000, example = "The title advertised something.")]
    reason: String,
}

/// What a model is called from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ModelRename)]
pub struct NewDisplayName {
    /// What it is called from now on.
    #[schema(min_length = 1, max_length = 255, example = "GPT-5 (high)")]
    display_name: String,
    /// Everyone may read it.
    #[schema(min_length = 1, max_length = 1000, example = "The name was another model's.")]
    reason: String,
}

/// Hides a model.
///
/// It is told nowhere from the answer on: in no board of any snapshot, list, page, badge, comparison or export; read
/// directly it is 410 `hidden` with the reason, and nothing is published to it (409 `published_to_hidden`). The others
/// are ranked without it. The log of changes says so, with the reason, which stays public. Hiding again changes
/// nothing.
#[utoipa::path(
    post,
    path = "/api/v1/admin/models/{provider}/{name}/hide",
    operation_id = "hideModel",
    tag = "Administration",
    security(("accessToken" = [])),
    params(ModelPath),
    request_body = Reason,
    responses(
        (status = 200, description = "How it stands now.", body = Moderated),
        (status = 404, response = NotFound),
    ),
)]
pub async fn hide_model(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(model): Path<ModelPath>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Model(&model.id()), Act::Hide, &body.reason()?).await
}

/// Shows a model again.
///
/// Everything of it is told again as before. The log of changes says so, with the reason.
#[utoipa::path(
    post,
    path = "/api/v1/admin/models/{provider}/{name}/unhide",
    operation_id = "unhideModel",
    tag = "Administration",
    security(("accessToken" = [])),
    params(ModelPath),
    request_body = Reason,
    responses(
        (status = 200, description = "How it stands now.", body = Moderated),
        (status = 404, response = NotFound),
    ),
)]
pub async fn unhide_model(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(model): Path<ModelPath>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Model(&model.id()), Act::Unhide, &body.reason()?).await
}

/// Renames a model.
///
/// It is called this on every board, of earlier snapshots too, and stays so whatever its owner declares. The log of
/// changes says so, with the reason.
#[utoipa::path(
    post,
    path = "/api/v1/admin/models/{provider}/{name}/rename",
    operation_id = "renameModel",
    tag = "Administration",
    security(("accessToken" = [])),
    params(ModelPath),
    request_body = NewDisplayName,
    responses(
        (status = 200, description = "How it stands now.", body = Moderated),
        (status = 404, response = NotFound),
    ),
)]
pub async fn rename_model(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(model): Path<ModelPath>,
    Json(body): Json<NewDisplayName>,
) -> Result<Answer<Moderated>, ApiError> {
    let mut validator = Validator::default();
    let called = validator.name("/displayName", &body.display_name, 255);
    let reason = validator.text("/reason", &body.reason, 1, 1000);
    validator.finish()?;
    moderate(&app, &admin, Subject::Model(&model.id()), Act::Rename(&called), &reason).await
}

/// Hides a benchmark.
///
/// It is told nowhere from the answer on: in no board of any snapshot, list, page, badge, comparison or export; read
/// directly it is 410 `hidden` with the reason, and nothing is published to it (409 `published_to_hidden`). The others
/// are ranked without it. The log of changes says so, with the reason, which stays public. Hiding again changes
/// nothing.
#[utoipa::path(
    post,
    path = "/api/v1/admin/benchmarks/{id}/hide",
    operation_id = "hideBenchmark",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = BenchmarkId, Path)),
    request_body = Reason,
    responses(
        (status = 200, description = "How it stands now.", body = Moderated),
        (status = 404, response = NotFound),
    ),
)]
pub async fn hide_benchmark(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(Name(id)): Path<Name<BenchmarkId>>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Benchmark(&id), Act::Hide, &body.reason()?).await
}

/// Shows a benchmark again.
///
/// Everything of it is told again as before. The log of changes says so, with the reason.
#[utoipa::path(
    post,
    path = "/api/v1/admin/benchmarks/{id}/unhide",
    operation_id = "unhideBenchmark",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = BenchmarkId, Path)),
    request_body = Reason,
    responses(
        (status = 200, description = "How it stands now.", body = Moderated),
        (status = 404, response = NotFound),
    ),
)]
pub async fn unhide_benchmark(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(Name(id)): Path<Name<BenchmarkId>>,
    Json(body): Json<Reason>,
) -> Result<Answer<Moderated>, ApiError> {
    moderate(&app, &admin, Subject::Benchmark(&id), Act::Unhide, &body.reason()?).await
}

/// Renames a benchmark.
///
/// Every version of it has this title, and those that its owner declares from now on. The log of changes says so, with
/// the reason.
#[utoipa::path(
    post,
    path = "/api/v1/admin/benchmarks/{id}/rename",
    operation_id = "renameBenchmark",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = BenchmarkId, Path)),
    request_body = NewTitle,
    responses(
        (status = 200, description = "How it stands now.", body = Moderated),
        (status = 404, response = NotFound),
    ),
)]
pub async fn rename_benchmark(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(Name(id)): Path<Name<BenchmarkId>>,
    Json(body): Json<NewTitle>,
) -> Result<Answer<Moderated>, ApiError> {
    let mut validator = Validator::default();
    let title = validator.name("/title", &body.title, 255);
    let reason = validator.text("/reason", &body.reason, 1, 1000);
    validator.finish()?;
    moderate(&app, &admin, Subject::Benchmark(&id), Act::Rename(&title), &reason).await
}

/// Applies the act, with its line in the log of changes and its security event, in one batch. An act that changes
/// nothing is no error, and leaves no line.
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
        (Subject::Model(_), Act::Hide) => SecurityEventName::ModelHidden,
        (Subject::Model(_), Act::Unhide) => SecurityEventName::ModelUnhidden,
        (Subject::Model(_), Act::Rename(_)) => SecurityEventName::ModelRenamed,
        (Subject::Benchmark(_), Act::Hide) => SecurityEventName::BenchmarkHidden,
        (Subject::Benchmark(_), Act::Unhide) => SecurityEventName::BenchmarkUnhidden,
        (Subject::Benchmark(_), Act::Rename(_)) => SecurityEventName::BenchmarkRenamed,
    };
    let details = json!({ named: subject.id(), "reason": reason, "before": before.name });
    let event = admin.event(app, name, details);
    let moderation = Moderation { subject, act, reason, at: app.now() };
    let id = app.new_id();
    amended::forget_answers_from_before(app).await;
    let mut batch = admin.batch();
    batch.push(moderation.apply());
    batch.push(moderation.log(&id));
    // The event is inserted only if the line in the log was.
    batch.push(event.of_if_changed(before.owner_id.as_ref()));
    batch.extend(moderation.rename_copies());
    batch.extend(webhook_store::queue_of_moderation(&id, moderation.at));
    let after = batch.push(subject.find());
    let after = batch.run(app).await?.take(after)?.ok_or_else(no_such)?;
    log::sequence_in_background(app);
    webhooks::deliver_in_background(app);
    Ok(Answer(after))
}
