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
        credentials::{ModelsWrite, Program, program_failed},
        moderation::refuse_hidden,
        page::{PageQuery, list as list_answer, page_size, read_cursor, take_page},
        parameters::Name,
        problem::{ApiError, NOT_OWNER},
        request::{Json, Path, Query, Validator},
    },
    ports::{Rows, Statement},
    store::models::{self, Model},
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
    program: Program<ModelsWrite>,
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
    };
    let window = model.context_window.is_none_or(|tokens| (1..=9_007_199_254_740_991).contains(&tokens));
    validator.require(window, "/contextWindow", "give a positive number of tokens");
    for (pointer, price) in
        [("/inputUsdPerMtok", model.input_usd_per_mtok), ("/outputUsdPerMtok", model.output_usd_per_mtok)]
    {
        validator.require(price.is_none_or(|price| price >= 0.0), pointer, "give US dollars, 0 or more");
    }
    validator.finish()?;

    let of_model = |sql| Statement::new(sql).bind(model.id.as_str());
    let batch = vec![of_model(models::OWNER), models::put(&model, program.owner_id()), of_model(models::BY_ID)];
    let mut answers = app.database().batch(batch).await.map_err(program_failed)?.into_iter();
    let before = answers.next().and_then(Rows::into_first);
    if let Some(before) = &before
        && before.optional_text("owner_id")?.as_deref() != Some(program.owner_id())
    {
        return Err(ApiError::new(NOT_OWNER, "somebody else declared this model"));
    }
    let after = answers.next_back().and_then(Rows::into_first);
    let model = Model::from_row(&after.ok_or_else(|| ApiError::internal("a declared model is gone"))?)?;
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
    let statement = Statement::new(models::LIST).bind(after).bind(limit.saturating_add(1));
    let rows = app.database().query(statement).await?.into_iter();
    let models = rows.map(|row| Model::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    let (models, next) = take_page(models, limit, |model| model.id.clone());
    Ok(list_answer(&uri, &models, next))
}

/// One model.
pub async fn one(
    State(app): State<App>,
    Path((Name(provider), Name(name))): Path<(Name, Name)>,
) -> Result<Answer<Model>, ApiError> {
    let statement = Statement::new(models::BY_ID).bind(format!("{provider}/{name}"));
    let row = app.database().query(statement).await?.into_first().ok_or_else(|| ApiError::not_found("model"))?;
    refuse_hidden("model", &row)?;
    Ok(Answer(Model::from_row(&row)?))
}
