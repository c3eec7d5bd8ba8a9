//! The matrix of systems and benchmarks as a page.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::HeaderMap;
use maud::{Markup, html};

use super::{
    QueryParameters, TaggedPage,
    cards::ranks,
    more,
    text::{Scale, address, count, day, model_address},
};
use crate::{
    app::App,
    domain::system::words,
    http::{
        leaderboard::{
            matrix::{MOST_BENCHMARKS, Matrix, MatrixBenchmark, MatrixParameters, MatrixRow},
            standings::PlaceOnBoard,
        },
        openapi::IfNoneMatch,
        page::{Summary, html_page},
        parameters::Slug,
        problem::{ApiError, NOT_FOUND},
    },
};

/// Number of systems on a page.
const ROWS: usize = 50;

/// The parameters of the matrix, but for the size of a page.
struct StandingsPageQuery;

impl utoipa::IntoParams for StandingsPageQuery {
    fn into_params(
        parameter_in: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        let mut parameters =
            <crate::http::leaderboard::matrix::MatrixQuery as utoipa::IntoParams>::into_params(parameter_in);
        parameters.retain(|parameter| parameter.name != "limit");
        parameters
    }
}

/// Shows how systems stand on several benchmarks as a page.
///
/// Takes what `GET /api/v1/standings` takes; fifty systems a page.
#[utoipa::path(
    get,
    path = "/standings",
    operation_id = "standingsPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(
        ("benchmark" = Option<Vec<Slug>>, Query, max_items = 8, description = "Of which benchmarks, once for each."),
        StandingsPageQuery,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (
            status = 404,
            description = "There is no such leaderboard, as a page.",
            content_type = "text/html",
            body = String
        ),
    ),
)]
pub async fn standings(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let choices = QueryParameters::of(&uri, "/standings")?;
    let parameters = MatrixParameters::read(&uri, true)?;
    let listed = match Matrix::listed(&app, &parameters).await {
        Ok(listed) => listed,
        Err(ApiError::Problem(problem)) if problem.is(NOT_FOUND) => {
            let nothing = html! {
                p { "A benchmark that is named is not known here, or nothing is read of it where no version is named." }
                p { a href="/standings" { "Standings" } }
            };
            return Ok(html_page(http::StatusCode::NOT_FOUND, "No such benchmark", &nothing));
        }
        Err(error) => return Err(error),
    };
    let page = TaggedPage::new(&app, &("page of standings", &choices.given, format!("{listed:?}")))?;
    let page = page.kept_if(choices.are_none());
    if let Some(answer) = page.rendered_before(&app, &headers) {
        return Ok(answer);
    }
    let matrix = Matrix::read(&app, &parameters, listed, ROWS).await?;
    let named = parameters.benchmarks.iter().map(|benchmark| ("benchmark", benchmark.as_str())).collect::<Vec<_>>();
    let path = address("/standings", &named);
    let summary = Summary {
        title: "Standings across benchmarks",
        description: "Where AI systems stand on several benchmarks: ranks and scores side by side, and no made-up average.",
        path: &path,
    };
    Ok(page.answer(&app, &summary, &markup(&choices, &parameters, &matrix)))
}

fn markup(choices: &QueryParameters, parameters: &MatrixParameters, matrix: &Matrix) -> Markup {
    html! {
        p class="lede" {
            "Ranks and scores side by side. There is no average: what benchmarks measure cannot be added up."
        }
        (form(parameters, &matrix.benchmarks))
        @if matrix.benchmarks.is_empty() {
            p class="note" { "Nothing has been published yet." }
        } @else if matrix.data.is_empty() {
            p class="note" { "No system matches. " a href=(choices.with(&[("provider", ""), ("baseModel", "")])) { "Show all" } }
        } @else {
            p class="meta" id="about" { (count(matrix.rows, "system")) ". In each cell: the ranks that the 95 % interval allows, the score, and its interval. A dash: not evaluated." }
            div class="wide" role="region" tabindex="0" aria-label="Standings" {
                table class="matrix" aria-describedby="about" {
                    thead { tr {
                        (head(choices, "System", parameters.sort().is_none(), ""))
                        @for benchmark in &matrix.benchmarks {
                            (column(choices, benchmark, parameters.sort() == Some(&benchmark.benchmark)))
                        }
                    } }
                    tbody { @for row in &matrix.data { (line(row, &matrix.benchmarks)) } }
                }
            }
        }
        (more(choices, matrix.next_cursor.as_deref(), "Next systems"))
        nav class="data" aria-label="Data" { a href=(choices.elsewhere("/api/v1/standings", &[])) { "JSON" } }
    }
}

fn head(choices: &QueryParameters, name: &str, active: bool, sort: &str) -> Markup {
    html! {
        th scope="col" aria-sort=[active.then_some("ascending")] { a href=(choices.with(&[("sort", sort)])) { (name) } }
    }
}

fn column(choices: &QueryParameters, benchmark: &MatrixBenchmark, active: bool) -> Markup {
    let board = address("/leaderboard", &[("benchmark", benchmark.benchmark.as_str())]);
    html! {
        th scope="col" aria-sort=[active.then_some("ascending")] {
            a href=(choices.with(&[("sort", benchmark.benchmark.as_str())])) { (benchmark.title) }
            small { a href=(board) { (count(benchmark.systems, "system")) } }
            @if Scale::of(&benchmark.measure).is_lower_better() { small { "lower is better" } }
            @if let Some(at) = benchmark.last_evaluated_at { small { "evaluated " time datetime=(at) { (day(at)) } } }
        }
    }
}

fn line(row: &MatrixRow, benchmarks: &[MatrixBenchmark]) -> Markup {
    let system = words(row.agent.as_ref(), row.configuration.as_deref());
    html! {
        tr {
            th scope="row" {
                a href=(model_address(&row.model)) { (row.display_name) }
                @if row.display_name != row.model.as_str() { small { (row.model) } }
                @if !system.is_empty() { small { (system) } }
            }
            @for (place, benchmark) in row.places.iter().zip(benchmarks) { (cell(place.as_ref(), Scale::of(&benchmark.measure))) }
        }
    }
}

fn cell(place: Option<&PlaceOnBoard>, scale: Scale<'_>) -> Markup {
    let Some(place) = place else {
        return html! { td class="none" { span aria-hidden="true" { "–" } span class="sr" { "not evaluated" } } };
    };
    html! {
        td {
            strong { (ranks(Some(place.rank_low), Some(place.rank_high))) }
            " " a href={ "/runs/" (place.run_id) } { (scale.score(place.score)) }
            small { @match place.score_low.zip(place.score_high) { Some((low, high)) => (scale.interval(low, high)), None => "no interval" } }
        }
    }
}

/// Renders the form that chooses benchmarks, a provider and a base model.
fn form(parameters: &MatrixParameters, shown: &[MatrixBenchmark]) -> Markup {
    let base = parameters.base_model().map(ToString::to_string);
    html! {
        form class="filters" action="/standings" role="search" aria-label="Choose" {
            @if !shown.is_empty() {
                fieldset {
                    legend { "Benchmarks" }
                    @for benchmark in shown {
                        label class="tick" { input type="checkbox" name="benchmark" value=(benchmark.benchmark) checked; (benchmark.title) }
                    }
                }
            }
            @if shown.len() < MOST_BENCHMARKS {
                label { span { "Another benchmark, by its id" } input name="benchmark" maxlength="100"; }
            }
            label { span { "Provider" } input name="provider" maxlength="100" value=[parameters.provider()]; }
            label { span { "Model and its variants" } input name="baseModel" maxlength="201" value=[base.as_deref()] placeholder="provider/name"; }
            button { "Show" }
            a href="/standings" { "Clear" }
        }
    }
}
