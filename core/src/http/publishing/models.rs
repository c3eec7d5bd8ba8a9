use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};
use http::StatusCode;

use crate::{
    app::App,
    domain::ModelId,
    http::{
        credentials::{ApiKeyClient, ModelsWrite, write_error},
        moderation::refuse_hidden,
        openapi::{ForbiddenPublisher, Hidden, IfNoneMatch, NotFound},
        page::{Page, PageQuery, list as list_answer, page_size, read_cursor, take_page},
        parameters::{ModelPath, is_model_id},
        problem::{ApiError, NOT_OWNER},
        request::{Json, Path, Query, Validator},
    },
    store::{
        Batch,
        models::{self, Model},
    },
    wire::ModelPut,
};

/// Declares a model, or changes one of the caller's own.
///
/// Scope `models:write`. The same again changes nothing.
#[utoipa::path(
    put,
    path = "/api/v1/models/{provider}/{name}",
    operation_id = "putModel",
    tag = "Publishing",
    security(("apiKeyHeader" = ["models:write"]), ("apiKeyBearer" = ["models:write"])),
    params(ModelPath),
    request_body = ModelPut,
    responses(
        (status = 200, description = "Known before; now as given.", body = Model),
        (status = 201, description = "New.", body = Model),
        (status = 403, response = ForbiddenPublisher),
    ),
)]
pub async fn put(
    State(app): State<App>,
    client: ApiKeyClient<ModelsWrite>,
    Path(path): Path<ModelPath>,
    Json(body): Json<ModelPut>,
) -> Result<(StatusCode, Answer<Model>), ApiError> {
    let mut validator = Validator::default();
    path.check(&mut validator);
    let now = app.now();
    let model = Model {
        id: path.id(),
        display_name: validator.name("/displayName", &body.display_name, 255),
        context_window: body.context_window,
        input_usd_per_mtok: body.input_usd_per_mtok,
        output_usd_per_mtok: body.output_usd_per_mtok,
        licence: validator.optional_text("/licence", body.licence.as_deref(), 255),
        released_on: validator.optional_date("/releasedOn", body.released_on.as_deref()),
        training_cutoff: validator.optional_date("/trainingCutoff", body.training_cutoff.as_deref()),
        deprecated: body.deprecated,
        base_model: body.base_model,
        created_at: now,
        updated_at: now,
        hidden_reason: None,
    };
    if let Some(base) = &model.base_model {
        validator.require(is_model_id(base.as_str()), "/baseModel", "give the id of a model, provider/name");
        validator.require(*base != model.id, "/baseModel", "a model is no variant of itself");
    }
    let window = model.context_window.is_none_or(|tokens| (1..=9_007_199_254_740_991).contains(&tokens));
    validator.require(window, "/contextWindow", "give a positive number of tokens");
    for (pointer, price) in
        [("/inputUsdPerMtok", model.input_usd_per_mtok), ("/outputUsdPerMtok", model.output_usd_per_mtok)]
    {
        validator.require(price.is_none_or(|price| price >= 0.0), pointer, "give US dollars, 0 or more");
    }
    validator.finish()?;

    let mut batch = Batch::new();
    let before = batch.push(models::declaration(&model.id));
    batch.push(models::note_base(&model, client.owner_id()));
    batch.push(models::put(&model, client.owner_id()));
    let after = batch.push(models::find(&model.id));
    let mut answers = batch.run(app.database()).await.map_err(write_error)?;
    let before = answers.take(before)?;
    if before.as_ref().is_some_and(|before| before.owner_id.as_ref() != Some(client.owner_id())) {
        return Err(ApiError::new(NOT_OWNER, "somebody else declared this model"));
    }
    let model = answers.take(after)?.ok_or_else(|| ApiError::internal("a declared model is gone"))?;
    Ok((if before.is_some() { StatusCode::OK } else { StatusCode::CREATED }, Answer(model)))
}

/// Lists the models, by id.
///
/// All that are declared and not hidden.
#[utoipa::path(
    get,
    path = "/api/v1/models",
    operation_id = "listModels",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(PageQuery, IfNoneMatch),
    responses((status = 200, description = "A page.", body = Page<'_, Model>)),
)]
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let after = read_cursor::<ModelId>(page.cursor.as_deref())?;
    let models = models::list(after.as_ref(), limit.saturating_add(1)).run(app.database()).await?;
    let (models, next) = take_page(models, limit, |model| model.id.clone());
    Ok(list_answer(&uri, &models, next))
}

/// Shows a model.
///
/// What its publisher declared of it. A name that an administrator gave stands instead.
#[utoipa::path(
    get,
    path = "/api/v1/models/{provider}/{name}",
    operation_id = "getModel",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(ModelPath, IfNoneMatch),
    responses(
        (status = 200, description = "The model.", body = Model),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn one(State(app): State<App>, Path(path): Path<ModelPath>) -> Result<Answer<Model>, ApiError> {
    let model = models::find(&path.id()).run(app.database()).await?;
    let model = model.ok_or_else(|| ApiError::not_found("model"))?;
    refuse_hidden("model", model.hidden_reason.clone())?;
    Ok(Answer(model))
}
