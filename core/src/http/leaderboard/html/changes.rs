//! The log of changes as a page.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    QueryParameters, TaggedPage, more,
    text::{address, minute, model_address},
};
use crate::{
    app::App,
    domain::{BenchmarkId, leaderboard::ChangeKind, system::words},
    http::{
        leaderboard::changes::LAST,
        openapi::IfNoneMatch,
        page::{Summary, read_cursor, take_rows},
        parameters,
        problem::ApiError,
    },
    store::{
        Batch,
        changes::{self as store, Line, Place},
    },
    wire::Change,
};

const ROWS: u32 = 50;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// Of this benchmark only.
    #[serde(deserialize_with = "parameters::benchmark")]
    benchmark: Option<BenchmarkId>,
    /// Where the page begins.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Shows what changed on the leaderboards as a page.
///
/// Newest first, fifty lines a page.
#[utoipa::path(
    get,
    path = "/changes",
    operation_id = "changesPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn changes(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let choices = QueryParameters::of(&uri, "/changes")?;
    let parameters = choices.parse::<Parameters>()?;
    let begin = read_cursor::<Place>(parameters.cursor.as_deref())?.unwrap_or(LAST);
    let benchmark = parameters.benchmark.as_ref();
    let mut batch = Batch::new();
    // The newest line, of the benchmark or of all, tells whether any has changed.
    batch.extend([store::latest(benchmark).map(drop)]);
    let (_, read) = batch.run_with_fingerprint(app.database()).await?;
    let page = TaggedPage::new(&app, &("page of changes", &choices.given, read))?.kept_if(choices.are_none());
    if let Some(answer) = page.rendered_before(&app, &headers) {
        return Ok(answer);
    }
    let rows = store::lines(benchmark, begin, ROWS.saturating_add(1));
    let (rows, next) = take_rows(rows.run(app.database()).await?, ROWS, |line| line.place);
    let asked = [("benchmark", benchmark.map_or("", BenchmarkId::as_str))];
    let content = html! {
        p class="lede" { "Every publication, withdrawal, rejection and act of moderation, in the order in which they took effect. Nothing is ever taken out of this list." }
        @if let Some(benchmark) = benchmark { p class="note" { "Only of " (benchmark) ". " a href="/changes" { "Show all" } } }
        @if rows.is_empty() { p { "Nothing has changed yet." } } @else { (list(&rows)) }
        (more(&choices, next.as_deref(), "Older changes"))
        nav class="data" aria-label="Data" {
            a href=(address("/api/v1/changes", &asked)) { "JSON" }
            a href=(address("/api/v1/changes.atom", &asked)) type="application/atom+xml" { "Atom feed" }
            a href="/api/v1/log/head" { "Signed head of the log" }
        }
    };
    let path = address("/changes", &asked);
    let summary =
        Summary { title: "Changes", description: "What changed on the leaderboards, newest first.", path: &path };
    Ok(page.answer(&app, &summary, &content))
}

/// Renders lines of the log.
pub fn list(lines: &[Line]) -> Markup {
    html! { ol class="changes" { @for line in lines { (item(&line.change)) } } }
}

fn item(change: &Change) -> Markup {
    let system = words(change.agent.as_ref(), change.configuration.as_deref());
    let version = change.version.as_ref();
    html! {
        li {
            time datetime=(change.at) { (minute(change.at)) }
            div {
                @if let Some(model) = &change.model {
                    a href=(model_address(model)) { (model) }
                    @if !system.is_empty() { " (" (system) ")" }
                    " "
                }
                @if change.model.is_none() { @if let Some(benchmark) = &change.benchmark { (board(benchmark, None)) " " } }
                (description(change.kind))
                @if let Some(name) = &change.name { " " strong { (name) } }
                @if change.model.is_some() { @if let Some(benchmark) = &change.benchmark { " on " (board(benchmark, version.map(|version| version.as_str()))) } }
                @if let Some(moved) = moved(change) { ": " (moved) }
                @if let Some(run) = &change.run_id { " · " a href={ "/runs/" (run) } { "run" } }
                @if let Some(reason) = &change.reason { small { (reason) } }
            }
        }
    }
}

fn board(benchmark: &BenchmarkId, version: Option<&str>) -> Markup {
    let asked = [("benchmark", benchmark.as_str()), ("version", version.unwrap_or_default())];
    html! { a href=(address("/leaderboard", &asked)) { (benchmark) } }
}

fn description(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Published => "was published",
        ChangeKind::Rescored => "was evaluated anew",
        ChangeKind::Withdrawn => "was withdrawn by its publisher",
        ChangeKind::Rejected => "was rejected by an administrator",
        ChangeKind::Sealed => "was sealed before it was run",
        ChangeKind::Hidden => "was hidden by an administrator",
        ChangeKind::Unhidden => "was shown again by an administrator",
        ChangeKind::Renamed => "was renamed by an administrator to",
    }
}

/// Describes how the rank changed; `None` where there was none before or after.
fn moved(change: &Change) -> Option<String> {
    match (change.rank_before, change.rank_after) {
        (Some(before), Some(after)) if before == after => Some(format!("rank {after}, as before")),
        (Some(before), Some(after)) => Some(format!("rank {before} → {after}")),
        (None, Some(after)) => Some(format!("rank {after}")),
        (Some(before), None) => Some(format!("was rank {before}")),
        (None, None) => None,
    }
}
