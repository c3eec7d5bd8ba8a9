//! The front page: what the site is, its benchmarks, and what is new.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, header};
use maud::{Markup, html};
use serde::Serialize;
use utoipa::ToSchema;

use super::{TaggedPage, cards::Card, changes, search};
use crate::{
    app::App,
    http::{
        leaderboard::{board::Board, changes::LAST, finished::NotKept, standings::within},
        openapi::IfNoneMatch,
        page::Summary,
        problem::ApiError,
        problem_page::wants_html,
    },
    store::{
        Batch,
        changes::{self as log, Line},
        standings::{self, ListedBoard},
    },
};

/// Most benchmarks that are shown as cards.
const CARDS: u32 = 24;
/// Most entries that are ranked for the cards; further cards show no systems.
const MOST_ENTRIES: usize = 3000;
/// Number of changes that are shown.
const CHANGES: u32 = 8;

/// What this is.
#[derive(Serialize, ToSchema)]
struct Index {
    #[schema(extensions(("x-const" = json!("AIBaaS API"))))]
    message: &'static str,
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Where people read of it.
    #[schema(extensions(("x-const" = json!("/docs"))))]
    documentation: &'static str,
}

/// Says what this is.
///
/// Names the API, its version and its documentation. For a browser that asks for HTML it is the front page: every
/// benchmark with its best systems, and what is new.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "index",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(IfNoneMatch),
    responses((status = 200, description = "What this is.", body = Index)),
)]
pub async fn index(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let mut response = if wants_html(&headers) {
        page(&app, &headers).await?
    } else {
        let index = Index { message: "AIBaaS API", version: env!("CARGO_PKG_VERSION"), documentation: "/docs" };
        let mut response = Json(index).into_response();
        response.extensions_mut().insert(NotKept);
        response
    };
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

async fn page(app: &App, headers: &HeaderMap) -> Result<Response, ApiError> {
    let mut batch = Batch::new();
    let listed = batch.push(standings::newest(CARDS));
    // The newest line of the log tells whether any has changed.
    batch.extend([log::latest(None).map(drop)]);
    let (mut answers, read) = batch.run_with_fingerprint(app.database()).await?;
    let page = TaggedPage::new(app, &("front page", read))?;
    if let Some(answer) = page.rendered_before(app, headers) {
        return Ok(answer);
    }
    let listed = answers.take(listed)?;
    let mut batch = Batch::new();
    let boards = Board::push_several(&mut batch, within(&listed, MOST_ENTRIES));
    let changes = batch.push(log::lines(None, LAST, CHANGES));
    let mut answers = batch.run(app.database()).await?;
    let (boards, changes) = (boards.take(&mut answers)?, answers.take(changes)?);
    let summary = Summary {
        title: "AI benchmarks, with their uncertainty",
        description: "An open leaderboard of AI models: every score with its interval, every rank with its range, and \
                      every result to check.",
        path: "/",
    };
    Ok(page.answer(app, &summary, &markup(&listed, &boards, &changes)))
}

fn markup(listed: &[ListedBoard], boards: &[Board], changes: &[Line]) -> Markup {
    html! {
        p class="lede" {
            "An open leaderboard of AI models: every score with its interval, every rank with the range that the evidence allows, and every result to check."
        }
        (search::form(None))
        section aria-labelledby="benchmarks" {
            h2 id="benchmarks" { "Benchmarks" }
            @if listed.is_empty() {
                p { "Nothing has been published yet." }
                p { "A run is published through the " a href="/docs" { "API" } ": declare a model and a benchmark, upload results, publish. It stands here with the next read." }
            } @else {
                p class="meta" { "Before each system: the ranks that its 95 % interval allows." }
                ul class="cards" {
                    @for listed in listed { (Card::of(listed, boards).markup()) }
                }
                p { a href="/benchmarks" { "All benchmarks" } " · " a href="/standings" { "Systems across benchmarks" } }
            }
        }
        @if !changes.is_empty() {
            section aria-labelledby="changes" {
                h2 id="changes" { "Latest changes" }
                (changes::list(changes))
                p { a href="/changes" { "All changes" } " · " a href="/api/v1/changes.atom" type="application/atom+xml" { "Atom feed" } }
            }
        }
    }
}
