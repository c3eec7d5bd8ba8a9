use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    app::App,
    http::{
        credentials::{ApiKeyClient, ModelsWrite, write_error},
        moderation::refuse_hidden,
        page::{PageQuery, list as list_answer, page_size, read_cursor, take_page},
        parameters::Name,
        problem::{ApiError, NOT_OWNER},
        request::{Json, Path, Query, Validator},
    },
    store::{
        Batch,
        models::{self, Model},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    display_name: String,
    context_window: Option<i64>,
    input_usd_per_mtok: Option<f64>,
    output_usd_per_mtok: Option<f64>,
    licence: Option<String>,
    released_on: Option<String>,
    training_cutoff: Option<String>,
    #[serde(default)]
    deprecated: bool,
}

/// Declares a model, or changes one of one's own; the same again changes nothing.
pub async fn put(
    State(app): State<App>,
    client: ApiKeyClient<ModelsWrite>,
    Path((Name(provider), Name(name))): Path<(Name, Name)>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, Answer<Model>), ApiError> {
    let mut validator = Validator::default();
    validator.slug("?provider", &provider);
    validator.slug("?name", &name);
    let now = app.now();
    let model = Model {
        id: format!("{provider}/{name}"),
        display_name: validator.name("/displayName", &body.display_name, 255),
        context_window: body.context_window,
        input_usd_per_mtok: body.input_usd_per_mtok,
        output_usd_per_mtok: body.output_usd_per_mtok,
        licence: validator.optional_text("/licence", body.licence.as_deref(), 255),
        released_on: validator.optional_date("/releasedOn", body.released_on.as_deref()),
        training_cutoff: validator.optional_date("/trainingCutoff", body.training_cutoff.as_deref()),
        deprecated: body.deprecated,
        created_at: now,
        updated_at: now,
        hidden_reason: None,
    };
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

/// Every model, by id.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let after = read_cursor::<String>(page.cursor.as_deref())?.unwrap_or_default();
    let models = models::list(&after, limit.saturating_add(1)).run(app.database()).await?;
    let (models, next) = take_page(models, limit, |model| model.id.clone());
    Ok(list_answer(&uri, &models, next))
}

/// One model.
pub async fn one(
    State(app): State<App>,
    Path((Name(provider), Name(name))): Path<(Name, Name)>,
) -> Result<Answer<Model>, ApiError> {
    let model = models::find(&format!("{provider}/{name}")).run(app.database()).await?;
    let model = model.ok_or_else(|| ApiError::not_found("model"))?;
    refuse_hidden("model", model.hidden_reason.clone())?;
    Ok(Answer(model))
}
