use axum::{extract::State, response::Response};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::board::{Board, RowBody, Wanted};
use crate::{
    app::App,
    http::{page::html_page, problem::ApiError, request::Query},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    benchmark: Option<String>,
    version: Option<String>,
}

/// The leaderboard as a page, without scripts.
pub async fn handler(State(app): State<App>, Query(parameters): Query<Parameters>) -> Result<Response, ApiError> {
    let wanted =
        Wanted { benchmark: parameters.benchmark.as_deref(), version: parameters.version.as_deref(), snapshot: None };
    let Some(scope) = wanted.find(&app).await? else {
        let nothing = html! { p { "Nothing has been published yet." } };
        let status = if parameters.benchmark.is_some() { StatusCode::NOT_FOUND } else { StatusCode::OK };
        return Ok(html_page(status, "Leaderboard", &nothing));
    };
    let board = Board::read(&app, scope, [None; 3]).await?;
    Ok(html_page(StatusCode::OK, &board.scope.title, &content(&board)))
}

fn content(board: &Board) -> Markup {
    let scope = &board.scope;
    html! {
        p class="meta" {
            (scope.benchmark) " " (scope.version) " · " (board.rows.len()) " models"
            @if let Some(snapshot) = &scope.snapshot { " · as of " time datetime=(snapshot.created_at) { (snapshot.created_at) } }
        }
        @if let Some(description) = &scope.description { p { (description) } }
        div class="wide" {
            table {
                caption { "Scores with 95 % intervals. Rank range: the ranks that the intervals allow." }
                thead {
                    tr {
                        th scope="col" { "Rank" }
                        th scope="col" { "Range" }
                        th scope="col" { "Model" }
                        th scope="col" class="number" { "Score" }
                        th scope="col" { "95 % interval" }
                        th scope="col" class="number" { "Passed" }
                        th scope="col" class="number" { "Cost, USD" }
                        th scope="col" { "Evaluated by" }
                    }
                }
                tbody { @for row in &board.rows { (table_row(row)) } }
            }
        }
    }
}

fn table_row(row: &RowBody) -> Markup {
    let percent = |score: f64| format!("{:.1} %", score * 100.0);
    let interval = row.score_low.zip(row.score_high);
    html! {
        tr class=@if row.tie_group.is_multiple_of(2) { "even" } @else { "odd" } {
            td { (row.rank) }
            td { (row.rank_low) "–" (row.rank_high) }
            th scope="row" { (row.display_name) small { (row.model) } }
            td class="number" { (percent(row.score)) }
            td {
                @if let Some((low, high)) = interval {
                    (interval_bar(row.score, low, high))
                    span class="interval" { (percent(low)) " – " (percent(high)) }
                } @else { "too few tasks" }
            }
            td class="number" { (row.correct) " / " (row.total) }
            td class="number" {
                @match row.cost_usd { Some(cost) => (format!("{cost:.2}")), None => "unknown" }
                @if row.pareto_optimal == Some(true) { " " abbr title="No other model scores as high for as little" { "★" } }
            }
            td { (row.evaluator_relationship.replace('_', " ")) }
        }
    }
}

/// The interval and the score on a line from 0 to 1. Attributes only: the CSP allows no inline style.
fn interval_bar(score: f64, low: f64, high: f64) -> Markup {
    let at = |share: f64| format!("{:.1}", share * 120.0);
    html! {
        svg class="bar" viewBox="0 0 120 10" width="120" height="10" aria-hidden="true" {
            line x1="0" y1="5" x2="120" y2="5" class="axis" {}
            line x1=(at(low)) y1="5" x2=(at(high)) y2="5" class="range" {}
            circle cx=(at(score)) cy="5" r="3" class="point" {}
        }
    }
}
