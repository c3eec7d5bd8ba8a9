//! The seals of a board as a page: what runners registered before a run, and whether a run was published with it.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    LeaderboardPageError, QueryParameters, answer, find_or_list,
    text::{address, minute, model_address},
};
use crate::{
    app::App,
    domain::{BenchmarkId, VersionName, system::words as words_of},
    http::{
        leaderboard::board::BoardSelector,
        openapi::IfNoneMatch,
        page::{END_OF_TIME, Summary, read_cursor, take_rows},
        parameters,
    },
    store::{
        leaderboard::Scope,
        seals::{self as store, Seal, SealsOf},
    },
};

/// Number of seals on a page.
const ROWS: u32 = 100;

#[derive(Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// The featured one where it is not given.
    #[serde(deserialize_with = "parameters::benchmark")]
    benchmark: Option<BenchmarkId>,
    /// The current one when absent.
    #[serde(deserialize_with = "parameters::version")]
    version: Option<VersionName>,
    /// Where the page before ended.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Shows the seals of a leaderboard as a page.
///
/// What runners registered before they ran it, newest first: those that were never opened too.
#[utoipa::path(
    get,
    path = "/leaderboard/seals",
    operation_id = "sealsPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (
            status = 404,
            description = "There is no such leaderboard, as a page.",
            content_type = "text/html",
            body = String
        ),
        (
            status = 410,
            description = "An administrator hid it; the page says why.",
            content_type = "text/html",
            body = String
        ),
    ),
)]
pub async fn seals(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, LeaderboardPageError> {
    let choices = QueryParameters::of(&uri, "/leaderboard/seals")?;
    let asked = choices.parse::<Parameters>()?;
    let before = read_cursor::<i64>(asked.cursor.as_deref())?.unwrap_or(END_OF_TIME);
    let wanted = BoardSelector { benchmark: asked.benchmark.as_ref(), version: asked.version.as_ref(), snapshot: None };
    let scope = find_or_list(&app, &headers, choices.path, wanted).await?;
    let (benchmark, version) = (&scope.benchmark, Some(&scope.version));
    let rows = ROWS.saturating_add(1);
    let of = SealsOf { benchmark, version, model: None, state: None, before, rows };
    let (seals, next) = take_rows(store::list(&of).run(app.database()).await?, ROWS, |seal| seal.act);
    let title = format!("Seals of {}", scope.title);
    let description = format!("Runs of {}, version {}, registered before they were made.", scope.title, scope.version);
    let path = address("/leaderboard/seals", &[("benchmark", benchmark.as_str()), ("version", scope.version.as_str())]);
    let summary = Summary { title: &title, description: &description, path: &path };
    Ok(answer(&app, &headers, &summary, &markup(&scope, &seals, next.as_deref())))
}

fn markup(scope: &Scope, seals: &[Seal], next: Option<&str>) -> Markup {
    let board = [("benchmark", scope.benchmark.as_str()), ("version", scope.version.as_str())];
    html! {
        p class="lede" { "What runners registered before they ran it, on version " (scope.version) ". Nobody can take a seal back: one that is not opened may be a run that was never made, or one that came out worse." }
        p { a href=(address("/leaderboard", &board)) { "The leaderboard" } }
        @if seals.is_empty() {
            p class="note" { "Nothing was sealed on this version." }
        } @else {
            div class="wide" role="region" tabindex="0" aria-label="Seals" {
                table class="board" {
                    thead {
                        tr {
                            th scope="col" { "System" }
                            th scope="col" { "Sealed" }
                            th scope="col" { "Of its owner's" }
                            th scope="col" { "Harness, commit" }
                            th scope="col" { "Stops" }
                            th scope="col" { "Opened" }
                        }
                    }
                    tbody { @for seal in seals { (row(seal)) } }
                }
            }
        }
        @if let Some(next) = next {
            p class="pages" { a rel="next" href=(address("/leaderboard/seals", &[&board[..], &[("cursor", next)]].concat())) { "Older seals" } }
        }
    }
}

fn row(seal: &Seal) -> Markup {
    let declared = &seal.declared;
    let system = words_of(declared.agent.as_ref(), declared.configuration.as_deref());
    html! {
        tr {
            th scope="row" {
                a href=(model_address(&declared.model)) { (declared.model) }
                @if !system.is_empty() { small { (system) } }
            }
            td { a href={ "/api/v1/seals/" (seal.id) } { time datetime=(seal.sealed_at) { (minute(seal.sealed_at)) } } }
            td { "seal " (seal.ordinal) }
            td { (declared.harness) " " (declared.harness_version) small { (declared.commit) } }
            td class="text" { (declared.stopping_rule) @if let Some(note) = &declared.note { small { (note) } } }
            td {
                @match &seal.run_id {
                    Some(run) => a href={ "/runs/" (run) } { "by a run" },
                    None => span class="none" { "never opened" },
                }
            }
        }
    }
}
