//! The list of models as a page.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    QueryParameters, TaggedPage, more, search, select,
    text::{address, grouped, model_address, usd},
};
use crate::{
    app::App,
    domain::ModelId,
    http::{
        openapi::IfNoneMatch,
        page::{Summary, read_cursor, take_rows},
        parameters::{self, Slug},
        problem::ApiError,
    },
    store::{Batch, models::Model, pages},
};

const ROWS: u32 = 50;
/// Most providers to choose from, apart from the chosen one; the models of any other are found by its name.
const PROVIDERS: u32 = 200;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// Only this provider's.
    #[serde(deserialize_with = "parameters::provider")]
    #[param(value_type = Option<Slug>)]
    provider: Option<String>,
    /// Where the page begins.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Lists the models as a page.
///
/// By id, fifty a page.
#[utoipa::path(
    get,
    path = "/models",
    operation_id = "modelsPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn models(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let choices = QueryParameters::of(&uri, "/models")?;
    let parameters = choices.parse::<Parameters>()?;
    let after = read_cursor::<ModelId>(parameters.cursor.as_deref())?;
    let provider = parameters.provider.as_deref();
    let mut batch = Batch::new();
    let models = batch.push(pages::models(after.as_ref(), provider, ROWS.saturating_add(1)));
    let providers = batch.push(pages::providers(PROVIDERS));
    let (mut answers, read) = batch.run_with_fingerprint(app.database()).await?;
    let page = TaggedPage::new(&app, &("page of models", &choices.given, read))?.kept_if(choices.are_none());
    if let Some(answer) = page.rendered_before(&app, &headers) {
        return Ok(answer);
    }
    let (models, next) = take_rows(answers.take(models)?, ROWS, |model| model.id.clone());
    let mut providers = answers.take(providers)?;
    // The chosen provider may not be among the first ones.
    providers.extend(provider.filter(|name| providers.iter().all(|known| known != name)).map(str::to_owned));
    let content = html! {
        (search::form(None))
        @if providers.len() > 1 || provider.is_some() {
            form class="filters" action="/models" aria-label="Filter" {
                (select("provider", "Provider", provider, providers.iter().map(|name| (name.as_str(), name.as_str()))))
                button { "Filter" }
                @if provider.is_some() { a href="/models" { "Clear" } }
            }
        }
        @if models.is_empty() { p { "There is no such model yet." } } @else { (table(&models)) }
        (more(&choices, next.as_deref(), "Next models"))
        nav class="data" aria-label="Data" { a href="/api/v1/models" { "JSON" } }
    };
    let path = address("/models", &[("provider", provider.unwrap_or_default())]);
    let summary = Summary { title: "Models", description: "The models that are benchmarked here.", path: &path };
    Ok(page.answer(&app, &summary, &content))
}

fn table(models: &[Model]) -> Markup {
    let price = |price: Option<f64>| html! { @match price { Some(price) => (usd(price)), None => (unknown()) } };
    html! {
        div class="wide" role="region" tabindex="0" aria-label="Models" {
            table {
                thead { tr {
                    th scope="col" { "Model" }
                    th scope="col" { "Provider" }
                    th scope="col" { "Released" }
                    th scope="col" class="n" { "Context, tokens" }
                    th scope="col" class="n" { "Input, $ per million" }
                    th scope="col" class="n" { "Output, $ per million" }
                } }
                tbody { @for model in models {
                    tr {
                        th scope="row" {
                            a href=(model_address(&model.id)) { (model.display_name) }
                            @if model.display_name != model.id.as_str() { small { (model.id) } }
                            @if let Some(base) = &model.base_model { small { "variant of " (base) } }
                            @if model.deprecated { " " span class="flag" { "retired by its provider" } }
                        }
                        td { a href=(address("/models", &[("provider", model.id.provider())])) { (model.id.provider()) } }
                        td { @match &model.released_on { Some(day) => (day), None => (unknown()) } }
                        td class="n" { @match model.context_window.and_then(|tokens| u64::try_from(tokens).ok()) { Some(tokens) => (grouped(tokens)), None => (unknown()) } }
                        td class="n" { (price(model.input_usd_per_mtok)) }
                        td class="n" { (price(model.output_usd_per_mtok)) }
                    }
                } }
            }
        }
    }
}

fn unknown() -> Markup {
    html! { span class="none" { span aria-hidden="true" { "–" } span class="sr" { "unknown" } } }
}
