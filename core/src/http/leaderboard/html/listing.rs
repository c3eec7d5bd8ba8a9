//! Lists to choose from, for requests that name no benchmark or no version.

use axum::response::Response;
use http::HeaderMap;
use maud::html;

use super::{answer, no_board, text::address};
use crate::{
    app::App,
    domain::BenchmarkId,
    http::{moderation::refuse_hidden, page::Summary, problem::ApiError},
    store::{Batch, benchmarks as store, pages},
};

/// Most benchmarks that are listed; any other is found by its id.
const BENCHMARKS: u32 = 100;

/// Renders the list of benchmarks, for when none is named and none is featured.
pub async fn benchmarks(app: &App, headers: &HeaderMap, path: &str) -> Result<Response, ApiError> {
    let mut benchmarks = store::list(None, BENCHMARKS.saturating_add(1)).run(app.database()).await?;
    let are_more = benchmarks.len() > usize::try_from(BENCHMARKS).unwrap_or(usize::MAX);
    benchmarks.truncate(usize::try_from(BENCHMARKS).unwrap_or(usize::MAX));
    let list = html! {
        @if benchmarks.is_empty() {
            p { "Nothing has been published yet." }
            p { "A run is published through the " a href="/docs" { "API" } ": declare a model and a benchmark, upload results, publish. It stands here with the next read." }
        } @else {
            p { "Models are ranked benchmark by benchmark. Choose one." }
            ul class="list" {
                @for benchmark in &benchmarks {
                    li {
                        a href=(address(path, &[("benchmark", benchmark.id.as_str())])) { (benchmark.title) }
                        " " small { (benchmark.id) @if let Some(version) = &benchmark.current_version { " · version " (version) } }
                    }
                }
            }
            @if are_more {
                form action=(path) {
                    label { span { "Another benchmark" } input name="benchmark" required maxlength="100"; }
                    button { "Show" }
                }
            }
        }
    };
    let summary =
        Summary { title: "Benchmarks", description: "The benchmarks that models are ranked on.", path: "/benchmarks" };
    Ok(answer(app, headers, &summary, &list))
}

/// Renders the versions of a benchmark that has no current one; a 404 page where there is no such benchmark.
///
/// # Errors
/// `hidden` where an administrator hid the benchmark.
pub async fn versions(
    app: &App,
    headers: &HeaderMap,
    path: &str,
    benchmark: &BenchmarkId,
) -> Result<Response, ApiError> {
    let mut batch = Batch::new();
    let declaration = batch.push(store::declaration(benchmark));
    let versions = batch.push(pages::choices(benchmark, 0));
    let mut answers = batch.run(app.database()).await?;
    let Some(declaration) = answers.take(declaration)? else { return Ok(no_board()) };
    refuse_hidden("benchmark", declaration.hidden_reason)?;
    let versions = answers.take(versions)?;
    let title = versions.first().map_or_else(|| benchmark.to_string(), |choice| choice.title.clone());
    let list = html! {
        p { "This benchmark has no current version. Choose one." }
        ul class="list" {
            @for choice in &versions {
                li {
                    a href=(address(path, &[("benchmark", benchmark.as_str()), ("version", choice.version.as_str())])) { (choice.version) }
                    @if !choice.whole { " " small { "part or second scoring" } }
                    @if !choice.published { " " small { "nothing published yet" } }
                }
            }
        }
    };
    let canonical = address(path, &[("benchmark", benchmark.as_str())]);
    let summary = Summary { title: &title, description: "The versions of a benchmark.", path: &canonical };
    Ok(answer(app, headers, &summary, &list))
}
