//! The page that compares a model with others: what the numbers say, in words, then the numbers.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    LeaderboardPageError, QueryParameters, answer, chooser, find_or_list,
    plot::{difference_axis, difference_bar},
    text::{Scale, address, model_address, system_name},
};
use crate::{
    app::App,
    domain::{
        BenchmarkId, SystemId, VersionName,
        leaderboard::{Found, Method},
    },
    http::{
        leaderboard::{
            board::{Board, BoardSelector, RowBody},
            compare::{ComparedModel, ComparedWith, ComparisonBody, ComparisonReads},
            named_system,
        },
        openapi::IfNoneMatch,
        page::{Summary, html_page},
        parameters::{self, Uuid},
        problem::ApiError,
    },
    store::{
        Batch,
        leaderboard::{Entries, Scope},
        pages::{self, VersionChoice},
    },
};

/// Most models that one model is compared with at once.
const MOST_OTHERS: usize = 20;
/// Longest board, in rows, whose systems the form suggests.
const MOST_OPTIONS: usize = 150;
/// Labels of the form's first fields, which are always there.
const PLACES: [&str; 6] = ["First", "Second", "Third", "Fourth", "Fifth", "Sixth"];
/// Significance level: a difference is reported as such where its p-value is smaller.
const LEVEL: f64 = 0.05;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// A model.
    #[param(example = "openai/gpt-5-high")]
    a: Option<String>,
    /// Another, or several, separated by commas; at most 20.
    #[param(example = "openai/gpt-5-medium")]
    b: Option<String>,
    /// The featured one where it is not given; without one the page lists them.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    #[param(example = "aider-polyglot")]
    benchmark: Option<BenchmarkId>,
    /// The current one where it is not given; without one the page lists them.
    #[serde(default, deserialize_with = "parameters::version")]
    version: Option<VersionName>,
    /// An earlier state, by its `snapshotId`; the newest without it.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    snapshot: Option<String>,
}

/// Shows a comparison of models as a page.
///
/// The numbers of `GET /api/v1/leaderboard/compare`, with what they say in words. Without `a` or `b`, the form to choose
/// them.
#[utoipa::path(
    get,
    path = "/leaderboard/compare",
    operation_id = "comparePage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(
        Parameters,
        (
            "model" = Option<Vec<String>>,
            Query,
            description = "What was ticked on the leaderboard, once for each model: the first is `a`. Answered by a redirect to `a` and `b`."
        ),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (status = 303, description = "To the address with `a` and `b`."),
        (
            status = 404,
            description = "There is no such leaderboard, or it has no such model, as a page.",
            content_type = "text/html",
            body = String
        ),
        (
            status = 410,
            description = "An administrator hid it; the page says why.",
            content_type = "text/html",
            body = String
        ),
        (
            status = 422,
            description = "A model against itself, or against more than 20, as a page.",
            content_type = "text/html",
            body = String
        ),
    ),
)]
pub async fn compare(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, LeaderboardPageError> {
    let choices = QueryParameters::of(&uri, "/leaderboard/compare")?;
    // Rows that are ticked on a leaderboard come as `model`; the address to go to tells which is compared with which.
    let mut ticked = choices.every("model");
    if let Some(a) = ticked.next() {
        let b = ticked.take(MOST_OTHERS).collect::<Vec<_>>().join(",");
        return Ok(Redirect::to(&choices.with(&[("model", ""), ("a", a), ("b", &b)])).into_response());
    }
    drop(ticked);
    let parameters = choices.parse::<Parameters>()?;
    let wanted = BoardSelector {
        benchmark: parameters.benchmark.as_ref(),
        version: parameters.version.as_ref(),
        snapshot: parameters.snapshot.as_deref(),
    };
    let scope = find_or_list(&app, &headers, "/leaderboard/compare", wanted).await?;
    let a = parameters.a.as_deref().map(|a| SystemId::from(a.trim()));
    let others = parameters.b.as_deref().map(models).unwrap_or_default();
    let mut batch = Batch::new();
    let known = batch.push(pages::choices(&scope.benchmark, chooser::BENCHMARKS));
    // Read together with the board, which saves a round trip; whether the systems are on the board is checked below.
    let comparison = a
        .as_ref()
        .filter(|_| (1..=MOST_OTHERS).contains(&others.len()))
        .map(|a| ComparisonReads::push(&mut batch, &scope, a, &others));
    let board = Board::push_reads(&mut batch, scope, [None; 3], Entries::Ranked);
    let mut answers = batch.run(app.database()).await?;
    let (known, board) = (answers.take(known)?, board.take(&mut answers)?);
    let comparison = comparison.map(|asked| asked?.take(&mut answers, &board.scope));
    let page = Page {
        known: &known,
        scope: &board.scope,
        rows: &board.rows,
        a,
        others,
        pinned: parameters.snapshot.as_deref(),
    };
    if let Some(named) = page.missing()? {
        let why = format!("{named} has no run on this leaderboard.");
        return Ok(page.refuse(StatusCode::NOT_FOUND, &why));
    }
    let Some(a) = page.a.as_ref().filter(|_| !page.others.is_empty()) else {
        let hint = html! { p class="note" { "Choose two models, or up to six: they are compared on the same tasks." } };
        let summary = Summary {
            title: "Compare models",
            description: "Models against each other, on the same tasks of a benchmark.",
            path: "/leaderboard/compare",
        };
        return Ok(answer(&app, &headers, &summary, &page.markup(&hint)));
    };
    if page.others.len() > MOST_OTHERS || page.is_among_others(a)? {
        let why = format!("Choose another model than the first, or several: {MOST_OTHERS} at most.");
        return Ok(page.refuse(StatusCode::UNPROCESSABLE_ENTITY, &why));
    }
    let Some(comparison) = comparison.transpose()? else {
        return Err(ApiError::internal("two systems were not compared").into());
    };
    Ok(show(&app, &headers, &page, a, &comparison))
}

/// Answers with the page of a comparison.
fn show(app: &App, headers: &HeaderMap, page: &Page<'_>, a: &SystemId, comparison: &ComparisonBody) -> Response {
    let title = match comparison.comparisons.as_slice() {
        [only] => format!("{} against {}", comparison.a.name(), only.b.name()),
        several => format!("{} against {} models", comparison.a.name(), several.len()),
    };
    let found = View { comparison, scale: Scale::of(&page.scope.measure) }.markup();
    let described = format!("{title}, on the same tasks of {}, version {}.", page.scope.title, page.scope.version);
    let others = page.others.iter().map(SystemId::as_str).collect::<Vec<_>>().join(",");
    let asked = [
        ("benchmark", page.scope.benchmark.as_str()),
        ("version", page.scope.version.as_str()),
        ("a", a.as_str()),
        ("b", &others),
    ];
    let path = address("/leaderboard/compare", &asked);
    answer(app, headers, &Summary { title: &title, description: &described, path: &path }, &page.markup(&found))
}

/// Parses ids that are separated by commas; empty ones are left out.
fn models(text: &str) -> Vec<SystemId> {
    text.split(',').map(str::trim).filter(|model| !model.is_empty()).map(SystemId::from).collect()
}

/// The board that systems are compared on, and the systems that are chosen.
struct Page<'a> {
    known: &'a [VersionChoice],
    scope: &'a Scope,
    rows: &'a [RowBody],
    a: Option<SystemId>,
    others: Vec<SystemId>,
    pinned: Option<&'a str>,
}

impl Page<'_> {
    fn row(&self, asked: &SystemId) -> Result<Option<&RowBody>, ApiError> {
        named_system::find(asked, self.rows, |row| &row.system_id)
    }

    /// Returns the first of the chosen systems that is not on the board.
    fn missing(&self) -> Result<Option<&SystemId>, ApiError> {
        for named in self.a.iter().chain(&self.others) {
            if self.row(named)?.is_none() {
                return Ok(Some(named));
            }
        }
        Ok(None)
    }

    /// Checks whether a system is compared with itself, perhaps under another name.
    fn is_among_others(&self, a: &SystemId) -> Result<bool, ApiError> {
        let run_of = |named: &SystemId| self.row(named).map(|row| row.map(|row| &row.run_id));
        let first = run_of(a)?;
        for other in &self.others {
            if run_of(other)? == first {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Answers that these systems are not compared, and why, with the form to choose others.
    fn refuse(&self, status: StatusCode, why: &str) -> Response {
        html_page(status, "Compare models", &self.markup(&html! { p role="alert" { (why) } }))
    }

    fn markup(&self, found: &Markup) -> Markup {
        let scope = self.scope;
        let own = [
            ("benchmark", scope.benchmark.as_str()),
            ("version", scope.version.as_str()),
            ("snapshot", self.pinned.unwrap_or_default()),
        ];
        let b = self.others.iter().map(SystemId::as_str).collect::<Vec<_>>().join(",");
        let chosen = [("a", self.a.as_ref().map_or("", SystemId::as_str)), ("b", b.as_str())];
        let given = self.a.iter().chain(&self.others).map(Some);
        let fields = given.chain(std::iter::repeat(None)).take(PLACES.len().max(self.others.len().saturating_add(1)));
        html! {
            p class="meta" { "On " a href=(address("/leaderboard", &own)) { (scope.title) } ", version " (scope.version) }
            (found)
            h2 { "Choose systems" }
            form class="pair" action="/leaderboard/compare" {
                @for (name, value) in own { @if !value.is_empty() { input type="hidden" name=(name) value=(value); } }
                @for (n, system) in fields.enumerate() {
                    label {
                        span { (PLACES.get(n).unwrap_or(&"Another")) @if n > 1 { ", if any" } }
                        input name="model" list="systems" value=[system] placeholder="provider/name" required[n < 2] autocomplete="off";
                    }
                }
                @if self.rows.len() <= MOST_OPTIONS {
                    datalist id="systems" {
                        @for row in self.rows {
                            option value=(row.system_id) {
                                @if let Some(rank) = row.rank { (rank) ". " }
                                (system_name(&row.display_name, row.agent.as_ref(), row.configuration.as_deref()))
                            }
                        }
                    }
                }
                button { "Compare" }
                p class="meta" { "The first is compared with each other." }
            }
            (chooser::form(self.known, &scope.benchmark, "/leaderboard/compare"))
            @if self.a.is_some() && !b.is_empty() {
                nav class="data" aria-label="Data" {
                    a href=(address("/api/v1/leaderboard/compare", &[chosen.as_slice(), own.as_slice()].concat())) { "JSON" }
                }
            }
        }
    }
}

impl ComparedModel {
    /// Returns the display name of the system.
    pub fn name(&self) -> String {
        system_name(&self.display_name, self.agent.as_ref(), self.configuration.as_deref())
    }
}

struct View<'a> {
    comparison: &'a ComparisonBody,
    scale: Scale<'a>,
}

impl View<'_> {
    fn markup(&self) -> Markup {
        let a = &self.comparison.a;
        match self.comparison.comparisons.as_slice() {
            [only] => html! {
                (self.verdict(only))
                (self.facts(only))
                (self.slices(only))
                (self.legend(only))
            },
            several => html! {
                p class="lede" {
                    strong { "A" } ", " a href=(model_address(&a.model)) { (a.name()) } ", scores " strong { (self.scale.score(a.score)) } "."
                    @if several.iter().any(|against| against.comparison.found.p_value.is_some()) {
                        " The p-values are adjusted for reading " (several.len()) " comparisons together (Holm)."
                    }
                }
                (self.table(several.iter().map(|against| (name(against, self.scale), &against.comparison.found)), "B", "All comparisons", Self::reach(several)))
                @for against in several {
                    h2 { "Against " (against.b.name()) }
                    (self.verdict(against))
                    @if !against.comparison.slices.is_empty() { (self.slices(against)) }
                }
                @if let Some(first) = several.first() { (self.legend(first)) }
            },
        }
    }

    fn verdict(&self, against: &ComparedWith) -> Markup {
        let (a, b) = (self.comparison.a.name(), against.b.name());
        html! { p class="verdict" { (verdict(&a, &b, &against.comparison.found, self.scale)) } }
    }

    /// Renders the numbers of the only comparison, whose p-value needs no adjustment.
    fn facts(&self, against: &ComparedWith) -> Markup {
        let (a, b, found) = (&self.comparison.a, &against.b, &against.comparison.found);
        html! {
            dl class="facts" {
                div { dt { "A" } dd { a href=(model_address(&a.model)) { (a.name()) } " " (self.scale.score(a.score)) } }
                div { dt { "B" } dd { a href=(model_address(&b.model)) { (b.name()) } " " (self.scale.score(b.score)) } }
                div { dt { "A − B" } dd { (self.scale.difference(found.difference)) @if self.scale.is_percent() { " points" } } }
                @if let Some(interval) = self.interval(found) { div { dt { "95 % interval" } dd { (interval) } } }
                @if let Some(p) = found.p_value { div { dt { "p-value" } dd { (p_value(p)) } } }
                div { dt { "Tasks" } dd { (found.tasks) } }
                @if let Some(discordant) = found.discordant {
                    div { dt { "Only A passed" } dd { (discordant.a_only) } }
                    div { dt { "Only B passed" } dd { (discordant.b_only) } }
                }
            }
        }
    }

    /// Renders the difference on all tasks and on each slice of them.
    fn slices(&self, against: &ComparedWith) -> Markup {
        let parts = against
            .comparison
            .slices
            .iter()
            .map(|slice| (html! { (slice.value) small { (slice.dimension.as_str()) } }, &slice.found));
        let whole = std::iter::once((html! { "All tasks" }, &against.comparison.found));
        let label = format!("{} against {}, by slice", self.comparison.a.name(), against.b.name());
        self.table(whole.chain(parts), "Slice", &label, Self::reach(std::slice::from_ref(against)))
    }

    /// Renders differences below each other, on one axis from −`reach` to `reach`.
    fn table<'a>(&self, rows: impl Iterator<Item = (Markup, &'a Found)>, of: &str, label: &str, reach: f64) -> Markup {
        let rows = rows.collect::<Vec<_>>();
        let discordant = rows.iter().any(|(_, found)| found.discordant.is_some());
        let tested = rows.iter().any(|(_, found)| found.p_value.is_some());
        html! {
            div class="wide" role="region" tabindex="0" aria-label=(label) {
                table class="board" {
                    thead { tr {
                        th scope="col" { (of) }
                        th scope="col" class="n" { "A − B" }
                        th scope="col" class="bar" { (difference_axis(self.scale, reach)) }
                        th scope="col" class="n" { "Tasks" }
                        @if discordant { th scope="col" class="n" { "Only A" } th scope="col" class="n" { "Only B" } }
                        @if tested { th scope="col" class="n" { "p-value" } }
                    } }
                    tbody { @for (name, found) in rows {
                        tr {
                            th scope="row" { (name) }
                            td class="n" {
                                (self.scale.difference(found.difference))
                                small { (self.interval(found).unwrap_or_else(|| "too few tasks".to_owned())) }
                            }
                            td class="bar" { (difference_bar(found.difference, found.low.zip(found.high), reach)) }
                            td class="n" { (found.tasks) }
                            @if discordant {
                                td class="n" { @if let Some(only) = found.discordant { (only.a_only) } }
                                td class="n" { @if let Some(only) = found.discordant { (only.b_only) } }
                            }
                            @if tested {
                                td class="n" {
                                    @match found.p_value_adjusted.or(found.p_value) { Some(p) => (p_value(p)), None => span class="none" { "–" } }
                                }
                            }
                        }
                    } }
                }
            }
        }
    }

    fn interval(&self, found: &Found) -> Option<String> {
        let (low, high) = found.low.zip(found.high)?;
        Some(format!("[{}, {}]", self.scale.difference(low), self.scale.difference(high)))
    }

    /// Returns a round number that none of these differences and interval ends exceeds in size; at least 0.1.
    fn reach(comparisons: &[ComparedWith]) -> f64 {
        let found = comparisons.iter().flat_map(|against| {
            std::iter::once(&against.comparison.found).chain(against.comparison.slices.iter().map(|slice| &slice.found))
        });
        let ends = found.flat_map(|found| [Some(found.difference), found.low, found.high]).flatten();
        let most = ends.fold(0.0_f64, |most, end| most.max(end.abs()));
        let power = 10_f64.powf((most / 10.0).log10().ceil().max(-1.0));
        ((most / power).ceil() * power).max(0.1)
    }

    fn legend(&self, against: &ComparedWith) -> Markup {
        let method = match against.comparison.method {
            Method::Mcnemar => {
                "The exact McNemar test. Only tasks that one model passed and the other did not tell the two apart."
            }
            Method::PairedT => "A t test of the differences, task by task; tasks of one cluster count together.",
            Method::Newcombe => {
                "Newcombe's interval of two pass rates. The source tells only how many tasks passed, so they cannot be paired, and there is no test."
            }
            Method::Mover => {
                "The intervals that the sources give of the two scores, put together (Zou and Donner). Nothing is known task by task, so there is no test."
            }
        };
        html! {
            section aria-labelledby="legend" {
                h2 id="legend" { "How to read this" }
                dl class="legend" {
                    dt { "A − B" }
                    dd { "The difference of the scores" @if self.scale.is_percent() { ", in percentage points" } @if self.scale.is_lower_better() { "; lower scores are better" } ". Where its 95 % interval holds zero, either model may be the better one." }
                    dt { "Method" }
                    dd { (method) }
                    @if !against.comparison.slices.is_empty() {
                        dt { "Slices" }
                        dd { "Their p-values are adjusted for reading " (against.comparison.slices.len()) " of them together (Holm): of many looks, one would find something by chance." }
                    }
                }
            }
        }
    }
}

/// Renders the other model of a comparison, with its score.
fn name(against: &ComparedWith, scale: Scale<'_>) -> Markup {
    let b = &against.b;
    html! { a href=(model_address(&b.model)) { (b.name()) } small { (scale.score(b.score)) } }
}

/// Describes in words what a comparison shows, and what it does not.
fn verdict(a: &str, b: &str, found: &Found, scale: Scale<'_>) -> String {
    let is_b = if scale.is_lower_better() { found.difference > 0.0 } else { found.difference < 0.0 };
    let (better, worse) = if is_b { (b, a) } else { (a, b) };
    let (size, than) = (scale.gap(found.difference), scale.better());
    let is_better = if scale.is_lower_better() { ", which is better" } else { "" };
    let excludes_zero = found.low.zip(found.high).map(|(low, high)| low > 0.0 || high < 0.0);
    match (found.p_value_adjusted.or(found.p_value), excludes_zero) {
        (Some(p), _) if p < LEVEL => format!(
            "{better} scores {size} {than} than {worse}{is_better}. Were the two equally good, a difference this large would come up by chance in {} of such comparisons.",
            share(p)
        ),
        (Some(p), _) => format!(
            "No difference can be told. Were the two equally good, one this large or larger would come up by chance in {} of such comparisons. That does not show that they are equal.",
            share(p)
        ),
        (None, Some(true)) => {
            format!("{better} scores {size} {than} than {worse}{is_better}: the 95 % interval of the difference leaves zero out.")
        }
        (None, Some(false)) => "No difference can be told: the 95 % interval of the difference holds zero. That does not show that the two are equal.".to_owned(),
        (None, None) => "Too little is known to tell a difference: too few tasks, or no interval.".to_owned(),
    }
}

fn share(p: f64) -> String {
    match p {
        _ if p < 0.001 => "fewer than 1 in 1,000".to_owned(),
        _ if p < 0.1 => format!("{:.1} %", p * 100.0),
        _ => format!("{:.0} %", p * 100.0),
    }
}

/// Formats a p-value as papers write it, such as `.041`: three places, and no zero before the point.
fn p_value(p: f64) -> String {
    match p {
        _ if p < 0.001 => "< .001".to_owned(),
        _ if p > 0.999 => "> .999".to_owned(),
        _ => format!("{p:.3}").trim_start_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measure::{Bounds, Direction, Measure, Metric};

    fn found(difference: f64, interval: Option<(f64, f64)>, p: Option<f64>) -> Found {
        Found {
            tasks: 100,
            difference,
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
            p_value: p,
            p_value_adjusted: None,
            discordant: None,
        }
    }

    #[test]
    fn what_a_p_value_says_in_words() {
        let rate = Measure::plain(Metric::PassRate);
        let says = |found: Found| verdict("A", "B", &found, Scale::of(&rate));
        let clear = says(found(-0.12, Some((-0.2, -0.04)), Some(0.00195)));
        assert!(
            clear.starts_with("B scores 12.0 percentage points higher than A.") && clear.contains(" 0.2 % of"),
            "{clear}"
        );
        let open = says(found(0.019, Some((-0.03, 0.06)), Some(0.401)));
        assert!(open.starts_with("No difference can be told.") && open.contains("in 40 % of"), "{open}");
        assert!(says(found(0.3, Some((0.2, 0.4)), Some(1e-9))).contains("fewer than 1 in 1,000"));
        assert!(says(found(0.2, Some((0.05, 0.33)), None)).contains("leaves zero out"));
        assert!(says(found(0.0, Some((-0.05, 0.05)), None)).starts_with("No difference can be told:"));
        assert!(says(found(0.2, None, None)).starts_with("Too little is known"));
    }

    #[test]
    fn the_lower_of_two_is_better_where_that_is_so() {
        let seconds = Measure {
            direction: Direction::LowerIsBetter,
            unit: Some("s".to_owned()),
            bounds: Bounds { lower: Some(0.0), upper: None },
            ..Measure::plain(Metric::Score)
        };
        let text = verdict("A", "B", &found(-12.5, Some((-20.0, -4.0)), Some(0.001)), Scale::of(&seconds));
        assert!(text.starts_with("A scores 12.50 s lower than B, which is better."), "{text}");
        let text = verdict("A", "B", &found(12.5, Some((4.0, 20.0)), None), Scale::of(&seconds));
        assert!(text.starts_with("B scores 12.50 s lower than A, which is better: "), "{text}");
    }

    #[test]
    fn p_values_are_written_short() {
        assert_eq!([1.0, 0.9007, 0.001_953, 1e-9].map(p_value), ["> .999", ".901", ".002", "< .001"]);
    }
}
