//! The page of a model: what it is, where it stands, and every run of it that was ever published.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};

use super::{
    LeaderboardPageError, QueryParameters, TaggedPage,
    plot::{BarRange, DatedScore, bar, bar_axis, history_chart},
    table::{interval_of, label, links_of},
    text::{Scale, address, count, day, minute, model_address, usd, words},
    unless_hidden,
};
use crate::{
    app::App,
    domain::{ModelId, leaderboard::Flag, run_status::RunStatus, system::words as words_of},
    http::{
        leaderboard::{
            board::{Board, RowBody},
            history::{self, PastRunBody},
            matrix::MOST_BENCHMARKS,
            standings::affordable,
        },
        openapi::IfNoneMatch,
        page::{Summary, html_page},
        parameters::ModelPath,
        request::Path,
    },
    store::{
        Batch,
        leaderboard::Scope,
        models::{self, Model},
        standings as store,
    },
};

/// Most runs that are shown.
const RUNS: u32 = 200;
/// Most leaderboards on which the model's standing is shown.
const STANDINGS: u32 = 12;
/// Most systems of the model that are shown for each leaderboard.
const SYSTEMS: usize = 20;

/// The row of one of the model's systems on a board, where `of` systems are ranked.
struct Standing<'a> {
    scope: &'a Scope,
    row: &'a RowBody,
    of: usize,
}

/// Shows a model as a page.
///
/// What it is, where it stands, and every run of it that was ever published, withdrawn ones with their reason.
#[utoipa::path(
    get,
    path = "/leaderboard/models/{provider}/{name}",
    operation_id = "modelPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(ModelPath, IfNoneMatch),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (
            status = 404,
            description = "There is no such model, as a page.",
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
pub async fn model(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(model): Path<ModelPath>,
) -> Result<Response, LeaderboardPageError> {
    QueryParameters::of(&uri, "")?.parse::<NoParameters>()?;
    let id = model.id();
    let mut batch = Batch::new();
    let model = batch.push(models::find(&id));
    let runs = history::push_newest(&mut batch, &id, RUNS);
    let listed = batch.push(store::of_model(&id, None, STANDINGS));
    let (mut answers, read) = batch.run_with_fingerprint(app.database()).await?;
    let runs = unless_hidden(runs.take(&mut answers))?;
    let (model, mut listed) = (answers.take(model)?, answers.take(listed)?);
    listed.truncate(affordable(&listed));
    let (Some(model), Some(runs)) = (model, runs) else {
        let nothing = html! {
            p { "There is no model " code { (id) } "." }
            p { a href="/leaderboard" { "The leaderboard" } }
        };
        return Ok(html_page(StatusCode::NOT_FOUND, "No such model", &nothing));
    };
    let page = TaggedPage::new(&app, &("page of a model", read))?;
    if let Some(answer) = page.rendered_before(&app, &headers) {
        return Ok(answer);
    }
    let boards = Board::read_several(&app, listed.into_iter().map(|board| board.scope).collect()).await?;
    let standings = boards.iter().flat_map(|board| standing(board, &id)).collect::<Vec<_>>();
    let described =
        format!("Where {} stands, benchmark by benchmark, and every run of it that was published.", model.display_name);
    let path = model_address(&model.id);
    let summary = Summary { title: &model.display_name, description: &described, path: &path };
    Ok(page.answer(&app, &summary, &markup(&model, &runs, &standings, &app.config().base_url)))
}

/// Query parameters of a page that takes none.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoParameters {}

/// Returns the systems of a model on a board, the best [`SYSTEMS`] at most.
fn standing<'a>(board: &'a Board, model: &'a ModelId) -> impl Iterator<Item = Standing<'a>> {
    let rows = board.rows.iter().filter(move |row| row.model == *model).take(SYSTEMS);
    rows.map(|row| Standing { scope: &board.scope, row, of: board.rows.len() })
}

fn markup(model: &Model, runs: &[PastRunBody], standings: &[Standing<'_>], base_url: &str) -> Markup {
    html! {
        p class="meta" { (model.id) @if model.deprecated { " " span class="flag" { "retired by its provider" } } }
        (facts(model))
        @if runs.is_empty() {
            p class="note" { "No run of this model has been published yet." }
        } @else {
            @if !standings.is_empty() {
                (standing_table(standings))
                p { a href=(beside_others(model, standings)) { "Beside others on these benchmarks" } }
            }
            (histories(runs, standings))
            (runs_table(model, runs))
            @if let Some(standing) = standings.first() { (badge(model, standing, base_url)) }
        }
        nav class="data" aria-label="Data" {
            a href={ "/api/v1/models/" (model.id) } { "JSON" }
            a href={ "/api/v1/models/" (model.id) "/history" } { "History as JSON" }
        }
    }
}

fn facts(model: &Model) -> Markup {
    let price = |price: Option<f64>| price.map(|price| format!("${}", usd(price)));
    let told = [
        ("Provider", Some(model.id.provider().to_owned())),
        ("Released", model.released_on.clone()),
        ("Trained until", model.training_cutoff.clone()),
        ("Context window", model.context_window.map(|tokens| format!("{} tokens", thousands(tokens)))),
        ("Input, per million tokens", price(model.input_usd_per_mtok)),
        ("Output, per million tokens", price(model.output_usd_per_mtok)),
        ("Licence", model.licence.clone()),
        ("Variant of", model.base_model.as_ref().map(ToString::to_string)),
    ];
    html! {
        dl class="facts" {
            @for (name, value) in told {
                @if let Some(value) = value { div { dt { (name) } dd { (value) } } }
            }
        }
    }
}

/// Formats a number with grouped thousands: `200,000`.
fn thousands(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && digits.len().saturating_sub(n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn standing_table(standings: &[Standing<'_>]) -> Markup {
    // Only shares have an axis in common; other scores get no bar.
    let share = standings.iter().map(|standing| Scale::of(&standing.scope.measure)).find(|scale| scale.is_share());
    html! {
        h2 id="standing" { "Where it stands" }
        div class="wide" role="region" tabindex="0" aria-labelledby="standing" {
            table class="board" {
                thead { tr {
                    th scope="col" { "Rank" }
                    th scope="col" { "Benchmark" }
                    th scope="col" class="n" { "Score" }
                    th scope="col" class="bar" { @if let Some(scale) = share { (bar_axis(BarRange::of(scale, &[]), scale)) } }
                    th scope="col" class="n" { "Cost, $" }
                    th scope="col" { "Evaluated" }
                    th scope="col" { "Against others" }
                } }
                tbody { @for Standing { scope, row, of } in standings {
                    @let own = [("benchmark", scope.benchmark.as_str()), ("version", scope.version.as_str())];
                    @let scale = Scale::of(&scope.measure);
                    tr {
                        td class="k" {
                            @if let Some(rank) = row.rank { (rank) }
                            small { @if let Some((low, high)) = row.rank_low.zip(row.rank_high).filter(|(low, high)| low != high) { (low) "–" (high) " " } "of " (of) }
                        }
                        th scope="row" {
                            a href=(address("/leaderboard", &own)) { (scope.title) }
                            small { (scope.benchmark) " " (scope.version) }
                            @let system = words_of(row.agent.as_ref(), row.configuration.as_deref());
                            @if !system.is_empty() { small { (system) } }
                            @for flag in row.flags.iter().filter(|flag| **flag != Flag::MissingCost) { " " span class="flag" { (label(*flag)) } }
                        }
                        td class="n" {
                            (scale.score(row.score))
                            (interval_of(row, scale))
                            @if scale.is_lower_better() { small { "lower is better" } }
                        }
                        td class="bar" { @if scale.is_share() { (bar(BarRange::of(scale, &[]), row.score, row.score_low.zip(row.score_high))) } }
                        td class="n" { @match row.cost_usd { Some(cost) => (usd(cost)), None => span class="none" { "unknown" } } }
                        td { (day(row.evaluated_at)) }
                        td { a href=(address("/leaderboard/compare", &[("a", row.system_id.as_str()), own[0], own[1]])) aria-label={ "Compare on " (scope.title) } { "Compare" } }
                    }
                } }
            }
        }
    }
}

/// Returns the address of the matrix of the benchmarks that the model stands on, with its provider's models.
fn beside_others(model: &Model, standings: &[Standing<'_>]) -> String {
    let mut benchmarks = standings.iter().map(|standing| standing.scope.benchmark.as_str()).collect::<Vec<_>>();
    benchmarks.dedup();
    let asked = benchmarks.into_iter().take(MOST_BENCHMARKS).map(|benchmark| ("benchmark", benchmark));
    address("/standings", &asked.chain([("provider", model.id.provider())]).collect::<Vec<_>>())
}

/// Renders a chart for each benchmark that has several published runs, oldest first.
fn histories(runs: &[PastRunBody], standings: &[Standing<'_>]) -> Markup {
    let mut benchmarks = runs.iter().map(|run| &run.benchmark).collect::<Vec<_>>();
    benchmarks.sort_unstable();
    benchmarks.dedup();
    let charts = benchmarks.into_iter().enumerate().filter_map(|(id, benchmark)| {
        let mut of_it = runs
            .iter()
            .filter(|run| run.benchmark == *benchmark && run.status == RunStatus::Published)
            .collect::<Vec<_>>();
        of_it.sort_by(|a, b| (a.evaluated_at, &a.run_id).cmp(&(b.evaluated_at, &b.run_id)));
        let scale = Scale::of(&of_it.last()?.measure);
        // Runs on versions that measure in another way have no axis in common with the last, and are left out.
        of_it.retain(|run| Scale::of(&run.measure) == scale);
        let scores = of_it.iter().filter_map(|run| dated(run, scale)).collect::<Vec<_>>();
        let titled = standings.iter().find(|standing| standing.scope.benchmark == *benchmark);
        let title = titled.map_or(benchmark.as_str(), |standing| standing.scope.title.as_str());
        let about = format!("{title}: scores of {}, with 95 % intervals", count(scores.len(), "published run"));
        let chart = history_chart(&scores, scale, id, &about).filter(|_| scores.len() > 1)?;
        Some(html! {
            figure {
                div class="wide" role="region" tabindex="0" aria-label={ "Chart of " (title) } { (chart) }
                figcaption { (about) ". Scores of different versions are not joined: they cannot be compared." }
            }
        })
    });
    let charts = charts.collect::<Vec<_>>();
    html! { @if !charts.is_empty() { h2 { "Over time" } @for chart in charts { (chart) } } }
}

fn dated(run: &PastRunBody, scale: Scale<'_>) -> Option<DatedScore> {
    let score = run.score?;
    let system = words_of(run.agent.as_ref(), run.configuration.as_deref());
    let system = if system.is_empty() { system } else { format!(", {system}") };
    let text = format!("{}, version {}{system}: {}", minute(run.evaluated_at), run.version, scale.score(score));
    let interval = run.score_low.zip(run.score_high);
    Some(DatedScore { at: run.evaluated_at, version: run.version.clone(), score, interval, text })
}

fn runs_table(model: &Model, runs: &[PastRunBody]) -> Markup {
    html! {
        h2 id="runs" { "Every published run" }
        p class="meta" id="about-runs" {
            "Of each owner's runs of a system the one evaluated last stands on the leaderboard, never the best of several. Where several owners' stand, the one of the strongest evidence is ranked. Withdrawn and rejected runs stay here with the reason."
        }
        div class="wide" role="region" tabindex="0" aria-labelledby="runs" {
            table class="runs" aria-describedby="about-runs" {
                thead { tr {
                    th scope="col" { "Published" }
                    th scope="col" { "Evaluated" }
                    th scope="col" { "Benchmark" }
                    th scope="col" { "System" }
                    th scope="col" { "Status" }
                    th scope="col" class="n" { "Score" }
                    th scope="col" class="n" { "Cost, $" }
                    th scope="col" { "Evaluated by" }
                    th scope="col" { "Harness" }
                } }
                tbody { @for run in runs { (run_row(run)) } }
            }
        }
        @if runs.len() >= usize::try_from(RUNS).unwrap_or(usize::MAX) {
            p { "These are the newest " (RUNS) ". " a href={ "/api/v1/models/" (model.id) "/history" } { "All of them, as JSON" } }
        }
    }
}

fn run_row(run: &PastRunBody) -> Markup {
    let scale = Scale::of(&run.measure);
    let status = match run.status {
        RunStatus::Published if run.ranked => "current",
        RunStatus::Published if run.current => "stands beside",
        RunStatus::Published => "superseded",
        other => other.as_str(),
    };
    html! {
        tr {
            td { a href={ "/runs/" (run.run_id) } { time datetime=(run.published_at) { (minute(run.published_at)) } } }
            td { (day(run.evaluated_at)) }
            td { (run.benchmark) small { (run.version) } }
            td { (words_of(run.agent.as_ref(), run.configuration.as_deref())) @if let Some(links) = &run.links { small { (links_of(links)) } } }
            td class="status" {
                span class=[(run.status != RunStatus::Published).then_some("flag")] { (status) }
                @if let Some(at) = run.withdrawn_at { " " (day(at)) }
                @if let Some(reason) = &run.reason { small { (reason) } }
            }
            td class="n" {
                @match run.score { Some(score) => (scale.score(score)), None => span class="none" { "–" } }
                @if let Some((low, high)) = run.score_low.zip(run.score_high) { small { (scale.interval(low, high)) } }
            }
            td class="n" { @match run.cost_usd { Some(cost) => (usd(cost)), None => span class="none" { "unknown" } } }
            td { (words(run.evaluator_relationship.as_str())) }
            td { (run.harness) small { (run.harness_version) } }
        }
    }
}

/// Renders the badge of a standing, and how to show it elsewhere.
fn badge(model: &Model, Standing { scope, row, .. }: &Standing<'_>, base_url: &str) -> Markup {
    // A system without agent and configuration is named by its model alone.
    let system = if row.system_id.is_model() { "" } else { row.system_id.as_str() };
    let asked = [("benchmark", scope.benchmark.as_str()), ("system", system)];
    let image = address(&format!("/api/v1/badges/{}.svg", model.id), &asked);
    let page = model_address(&model.id);
    html! {
        h2 id="badge" { "Badge" }
        p { img src=(image) height="20" alt={ (model.display_name) " on " (scope.title) }; }
        p class="meta" { "In Markdown; it shows the latest score:" }
        div class="wide" role="region" tabindex="0" aria-labelledby="badge" {
            pre class="whole" { code { "[![" (scope.benchmark) "](" (base_url) (image) ")](" (base_url) (page) ")" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([7, 128_000, 1_048_576].map(thousands), ["7", "128,000", "1,048,576"]);
    }
}
