//! The list of benchmarks as a page.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::HeaderMap;
use maud::html;
use serde::Deserialize;

use super::{QueryParameters, TaggedPage, cards::Card, more, search, text::address};
use crate::{
    app::App,
    domain::BenchmarkId,
    http::{
        leaderboard::{board::Board, standings::within},
        openapi::IfNoneMatch,
        page::{Summary, read_cursor, take_rows},
        problem::ApiError,
    },
    store::{Batch, benchmarks as store, standings},
};

const ROWS: u32 = 24;
/// Most entries that are ranked for a page; further cards show no systems.
const MOST_ENTRIES: usize = 3000;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// Where the page begins.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Lists the benchmarks as a page.
///
/// By id, each with its best systems, 24 a page.
#[utoipa::path(
    get,
    path = "/benchmarks",
    operation_id = "benchmarksPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn benchmarks(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let choices = QueryParameters::of(&uri, "/benchmarks")?;
    let parameters = choices.parse::<Parameters>()?;
    let after = read_cursor::<BenchmarkId>(parameters.cursor.as_deref())?;
    let mut batch = Batch::new();
    let known = batch.push(store::list(after.as_ref(), ROWS.saturating_add(1)));
    let listed = batch.push(standings::page(after.as_ref(), ROWS));
    let (mut answers, read) = batch.run_with_fingerprint(app.database()).await?;
    let page = TaggedPage::new(&app, &("page of benchmarks", &choices.given, read))?.kept_if(choices.are_none());
    if let Some(answer) = page.rendered_before(&app, &headers) {
        return Ok(answer);
    }
    let (known, next) = take_rows(answers.take(known)?, ROWS, |benchmark| benchmark.id.clone());
    let listed = answers.take(listed)?;
    let boards = Board::read_several(&app, within(&listed, MOST_ENTRIES)).await?;
    let content = html! {
        (search::form(None))
        @if known.is_empty() { p { "Nothing has been declared yet." } } @else {
            p class="meta" { "Before each system: the ranks that its 95 % interval allows." }
            h2 class="sr" { "By name" }
            ul class="cards" {
                @for benchmark in &known {
                    @match listed.iter().find(|board| board.scope.benchmark == benchmark.id) {
                        Some(listed) => (Card::of(listed, &boards).markup()),
                        None => li class="card" {
                            h3 { a href=(address("/leaderboard", &[("benchmark", benchmark.id.as_str())])) { (benchmark.title) } }
                            p class="meta" { "No version of it is current: choose one" }
                        },
                    }
                }
            }
        }
        (more(&choices, next.as_deref(), "Next benchmarks"))
        nav class="data" aria-label="Data" { a href="/api/v1/benchmarks" { "JSON" } a href="/standings" { "Systems across benchmarks" } }
    };
    let summary =
        Summary { title: "Benchmarks", description: "The benchmarks that models are ranked on.", path: "/benchmarks" };
    Ok(page.answer(&app, &summary, &content))
}
