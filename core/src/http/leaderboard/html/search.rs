//! The search for models and benchmarks.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    QueryParameters, answer,
    text::{address, count, model_address},
};
use crate::{
    app::App,
    http::{openapi::IfNoneMatch, page::Summary, parameters, problem::ApiError},
    store::{
        Batch,
        models::Model,
        pages::{self, FoundBenchmark},
    },
};

/// Most benchmarks, and most models, that are shown.
const MOST: u32 = 50;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// Words that occur in an id or a name, in any order.
    #[serde(deserialize_with = "parameters::label")]
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
}

/// Looks for models and benchmarks, and shows them as a page.
///
/// Every word has to occur in the id or in the name. Letters without accents are found in either case.
#[utoipa::path(
    get,
    path = "/search",
    operation_id = "searchPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn search(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = QueryParameters::of(&uri, "/search")?.parse::<Parameters>()?;
    let words = parameters.q.as_deref().unwrap_or_default().split_whitespace().collect::<Vec<_>>();
    let found = if words.is_empty() {
        None
    } else {
        let mut batch = Batch::new();
        let benchmarks = batch.push(pages::search_benchmarks(&words, MOST));
        let models = batch.push(pages::search_models(&words, MOST));
        let mut answers = batch.run(app.database()).await?;
        Some((answers.take(benchmarks)?, answers.take(models)?))
    };
    let content = html! {
        (form(parameters.q.as_deref()))
        @if let Some((benchmarks, models)) = &found { (results(benchmarks, models)) }
    };
    let summary = Summary { title: "Search", description: "Look for models and benchmarks.", path: "/search" };
    Ok(answer(&app, &headers, &summary, &content))
}

/// Renders the search form, filled in with `q`.
pub fn form(q: Option<&str>) -> Markup {
    html! {
        form class="search" action="/search" role="search" {
            label { span { "Search models and benchmarks" } input type="search" name="q" maxlength="100" value=[q]; }
            button { "Search" }
        }
    }
}

fn results(benchmarks: &[FoundBenchmark], models: &[Model]) -> Markup {
    html! {
        p class="meta" role="status" {
            @if benchmarks.is_empty() && models.is_empty() { "Nothing has all of these words in its name." }
            @else { (count(benchmarks.len(), "benchmark")) ", " (count(models.len(), "model")) }
            @let most = usize::try_from(MOST).unwrap_or(usize::MAX);
            @if benchmarks.len() >= most || models.len() >= most { " (no more than " (MOST) " of each are shown: add a word)" }
        }
        @if !benchmarks.is_empty() {
            h2 { "Benchmarks" }
            ul class="list" { @for found in benchmarks {
                li {
                    a href=(address("/leaderboard", &[("benchmark", found.id.as_str())])) { (found.title) } " " small { (found.id) }
                    @if let Some(description) = &found.description { p class="meta" { (beginning(description)) } }
                }
            } }
        }
        @if !models.is_empty() {
            h2 { "Models" }
            ul class="list" { @for model in models { li { a href=(model_address(&model.id)) { (model.display_name) } " " small { (model.id) } } } }
        }
    }
}

/// Returns the text, cut to its first 200 characters and an ellipsis where it is longer.
pub fn beginning(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut short = text.chars().take(LONGEST).collect::<String>();
    short.truncate(short.trim_end().len());
    short + "…"
}
