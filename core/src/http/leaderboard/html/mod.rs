//! The leaderboard as HTML pages: rendered on the server, without scripts, with every number that the API gives.

pub mod benchmarks;
mod cards;
pub mod changes;
mod chooser;
pub mod compare;
mod facts;
pub mod front;
mod health;
mod listing;
pub mod model;
pub mod models;
mod plot;
mod progress;
pub mod run;
pub mod seals;
pub mod search;
pub mod site_map;
pub mod standings;
mod table;
mod text;

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use maud::{Markup, html};
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{Parameter, ParameterIn};

pub use self::text::{Scale, day, grouped, minute, system_name};
use self::{
    table::{Table, at_a_glance, most_for_the_money},
    text::{address, count},
};
use super::{
    board::{Board, BoardLookup, BoardSelector, RowBody},
    caching::{self, MINUTE},
    health::BenchmarkHealth,
    last_answer::NotKept,
    query::BoardQuery,
};
use crate::{
    app::App,
    domain::{BenchmarkId, VersionName},
    http::{
        openapi::IfNoneMatch,
        page::{Summary, html_answer, html_page, public_document},
        problem::{ApiError, HIDDEN, MALFORMED_REQUEST},
    },
    memory::BoardPage,
    ports::Timestamp,
    store::{
        Answers, Batch, Handle,
        leaderboard::Scope,
        pages::{self, VersionChoice, VersionFacts},
        standings::ListedBoard,
    },
};

/// Rows on a page: with agents of long names, and with what is around them, they are under 100 KB.
const ROWS: usize = 70;
const PROVIDERS: usize = 60;

/// The query parameters that have a value, in their order: a form sends its empty fields too.
pub struct QueryParameters {
    path: &'static str,
    given: Vec<(String, String)>,
}

impl QueryParameters {
    fn of(uri: &Uri, path: &'static str) -> Result<Self, ApiError> {
        let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(uri.query().unwrap_or_default());
        let pairs = pairs.map_err(|error| malformed(&error.to_string()))?;
        Ok(Self { path, given: pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect() })
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter that may be given several times.
    fn every(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Parses the parameters into the type that the API reads them as.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let given = serde_urlencoded::to_string(&self.given).map_err(|error| malformed(&error.to_string()))?;
        serde_urlencoded::from_str(&given).map_err(|error| malformed(&error.to_string()))
    }

    /// Returns the page's address with these parameters changed, at its first row; those without a value are left out.
    fn with(&self, changed: &[(&str, &str)]) -> String {
        self.elsewhere(self.path, changed)
    }

    /// Returns the address of another path with these parameters changed, at its first row; those without a value are
    /// left out.
    fn elsewhere(&self, path: &str, changed: &[(&str, &str)]) -> String {
        let kept = |name: &str| name != "cursor" && changed.iter().all(|(key, _)| *key != name);
        let given = self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        address(path, &given.filter(|(name, _)| kept(name)).chain(changed.iter().copied()).collect::<Vec<_>>())
    }
}

fn malformed(error: &str) -> ApiError {
    ApiError::new(MALFORMED_REQUEST, format!("query parameters: {error}"))
}

/// Renders the page with the `ETag` of its text, or answers 304 where the client has it.
fn answer(app: &App, headers: &HeaderMap, summary: &Summary<'_>, content: &Markup) -> Response {
    let page = public_document(&app.config().base_url, summary, content).into_string();
    let tag = caching::etag(page.as_bytes());
    caching::not_modified(headers, &tag, MINUTE)
        .unwrap_or_else(|| caching::cacheable(html_answer(StatusCode::OK, page), &tag, MINUTE))
}

/// Computes the `ETag` of a page before it is rendered. The page may depend on nothing but `shown`, the base URL, and
/// these boards at their snapshots.
fn tag_of_boards(app: &App, shown: &impl serde::Serialize, boards: &[ListedBoard]) -> String {
    caching::tag_of(&(&app.config().base_url, shown, format!("{boards:?}")))
}

/// Renders the page with this `ETag`.
fn answer_tagged(app: &App, tag: &str, summary: &Summary<'_>, content: &Markup) -> Response {
    let page = public_document(&app.config().base_url, summary, content).into_string();
    caching::cacheable(html_answer(StatusCode::OK, page), tag, MINUTE)
}

/// The parameters of a leaderboard, but for the size of a page.
struct BoardPageQuery;

impl utoipa::IntoParams for BoardPageQuery {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = <BoardQuery as utoipa::IntoParams>::into_params(parameter_in);
        parameters.retain(|parameter| parameter.name != "limit");
        parameters
    }
}

/// Shows the leaderboard as a page.
///
/// Takes what `GET /api/v1/leaderboard` takes; a parameter without a value is as good as absent, since forms send their
/// empty fields. Seventy rows a page. Where no benchmark is named and none is featured, or no version is named and none is
/// current, it lists what there is.
#[utoipa::path(
    get,
    path = "/leaderboard",
    operation_id = "leaderboardPage",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(BoardPageQuery, IfNoneMatch),
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
pub async fn board(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, LeaderboardPageError> {
    let choices = QueryParameters::of(&uri, "/leaderboard")?;
    let query = choices.parse::<BoardQuery>()?;
    let position = query.position()?;
    let wanted = query.wanted(position.as_ref());
    let mut batch = Batch::new();
    let surroundings = SurroundingsReads::push_early(&mut batch, wanted);
    let (found, mut answers) = unless_hidden(wanted.look_up_with(&app, batch).await)?;
    let scope = board_or_list(&app, &headers, choices.path, found).await?;
    let surroundings = surroundings.map(|surroundings| surroundings.take(&mut answers)).transpose()?;
    let as_of = position.as_ref().map_or_else(|| app.now(), |position| Timestamp(position.as_of));
    let is_known_slice = query.is_known_slice(&scope.slices);
    let is_first = query.is_whole_slice() && position.is_none();
    // The page depends on nothing else, so its tag is known before it is rendered, and it is rendered once.
    let tag =
        surroundings.as_ref().filter(|_| scope.snapshot.is_some() && is_first && is_known_slice).map(|surroundings| {
            let shown = format!("{scope:?} {}", surroundings.shown(&scope.benchmark));
            caching::tag_of(&("board page", &app.config().base_url, &choices.given, shown))
        });
    if let Some(tag) = &tag {
        if let Some(known) = caching::not_modified(&headers, tag, MINUTE) {
            return Ok(known);
        }
        if let Some(page) = app.board_pages().get(tag) {
            return Ok(caching::cacheable(html_answer(StatusCode::OK, page.body), tag, MINUTE));
        }
    }

    let snapshot = scope.snapshot.as_ref().map(|snapshot| snapshot.id.clone());
    let mut batch = Batch::new();
    let asked =
        surroundings.is_none().then(|| SurroundingsReads::push(&mut batch, &scope.benchmark, Some(&scope.version)));
    let is_whole = is_first && query.slice() == [None; 3];
    let health = is_whole.then(|| BenchmarkHealth::push_reads(&mut batch, &scope, health::MOST_SCORES));
    let board = Board::push_reads(&mut batch, scope, query.slice(), query.entries());
    let mut answers = batch.run(app.database()).await?;
    let asked = asked.map(|asked| asked.take(&mut answers)).transpose()?;
    let BoardSurroundings { known, facts } = surroundings.or(asked).unwrap_or_default();
    let board = board.take(&mut answers)?;
    let health = health.map(|health| health.take(&mut answers, &board.scope)).transpose()?;

    let mut chosen = board.rows.clone();
    query.apply(&mut chosen, as_of, board.scope.measure.direction);
    let ranked = board.rows.iter().filter(|row| row.ranked).cloned().collect();
    let plotted = plot::cost_plot(&chosen, Scale::of(&board.scope.measure));
    let matching = chosen.len();
    let (rows, next) = query.page(chosen, position.as_ref(), ROWS, snapshot.as_deref(), as_of)?;
    let page = Page { choices, known, facts, board, ranked, rows, matching, next, health };
    let (title, path) = (&page.board.scope.title, page.whole());
    let described = format!(
        "{} of {title}, version {}, ranked with 95 % intervals.",
        count(page.ranked.len(), "system"),
        page.board.scope.version
    );
    let summary = Summary { title, description: &described, path: &path };
    let markup = page.markup(plotted);
    let Some(tag) = tag else {
        let mut response = answer(&app, &headers, &summary, &markup);
        if !is_known_slice {
            response.extensions_mut().insert(NotKept);
        }
        return Ok(response);
    };
    let body = Bytes::from(public_document(&app.config().base_url, &summary, &markup).into_string());
    let bytes = tag.len().saturating_add(body.len());
    app.board_pages().put(tag.clone(), BoardPage { at: app.now(), next: None, body: body.clone() }, bytes);
    Ok(caching::cacheable(html_answer(StatusCode::OK, body), &tag, MINUTE))
}

/// What stands around a board on its page, and may change without a new snapshot.
#[derive(Debug, Default)]
struct BoardSurroundings {
    known: Vec<VersionChoice>,
    facts: VersionFacts,
}

/// Queries in a batch that read [`BoardSurroundings`].
struct SurroundingsReads {
    known: Handle<Vec<VersionChoice>>,
    facts: Handle<Option<VersionFacts>>,
}

impl BoardSurroundings {
    /// Returns what the page shows of it: other benchmarks come and go unseen, where there are too many to list.
    fn shown(&self, benchmark: &BenchmarkId) -> String {
        let versions = self.known.iter().filter(|choice| choice.benchmark == *benchmark).collect::<Vec<_>>();
        let others = chooser::form(&self.known, benchmark, "").into_string();
        format!("{:?} {versions:?} {others}", self.facts)
    }
}

impl SurroundingsReads {
    /// Adds the queries to the batch that looks up the board; `None` where the benchmark or version is known only after
    /// that.
    fn push_early(batch: &mut Batch, wanted: BoardSelector<'_>) -> Option<Self> {
        let benchmark = wanted.benchmark?;
        let is_clear = wanted.snapshot.is_none() || wanted.version.is_some();
        is_clear.then(|| Self::push(batch, benchmark, wanted.version))
    }

    fn push(batch: &mut Batch, benchmark: &BenchmarkId, version: Option<&VersionName>) -> Self {
        Self {
            known: batch.push(pages::choices(benchmark, chooser::BENCHMARKS)),
            facts: batch.push(pages::version_facts(benchmark, version)),
        }
    }

    fn take(self, answers: &mut Answers) -> Result<BoardSurroundings, ApiError> {
        Ok(BoardSurroundings { known: answers.take(self.known)?, facts: answers.take(self.facts)?.unwrap_or_default() })
    }
}

/// Why a page does not show what it is about.
pub enum LeaderboardPageError {
    /// Another page stands in its place.
    Replaced(Box<Response>),
    /// Anything else.
    Other(ApiError),
}

impl<E: Into<ApiError>> From<E> for LeaderboardPageError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl IntoResponse for LeaderboardPageError {
    fn into_response(self) -> Response {
        match self {
            Self::Replaced(page) => *page,
            Self::Other(error) => error.into_response(),
        }
    }
}

/// Finds the leaderboard, or returns the page to show instead: that there is none, that it is hidden, or a list to
/// choose from, whose links lead to `path`.
async fn find_or_list(
    app: &App,
    headers: &HeaderMap,
    path: &str,
    wanted: BoardSelector<'_>,
) -> Result<Scope, LeaderboardPageError> {
    board_or_list(app, headers, path, unless_hidden(wanted.look_up(app).await)?).await
}

/// Returns the leaderboard that was found, or the page to show instead.
async fn board_or_list(
    app: &App,
    headers: &HeaderMap,
    path: &str,
    found: BoardLookup<'_>,
) -> Result<Scope, LeaderboardPageError> {
    let page = match found {
        BoardLookup::Board(scope) => return Ok(*scope),
        BoardLookup::NotFound => no_board(),
        BoardLookup::NoBenchmark => listing::benchmarks(app, headers, path).await?,
        BoardLookup::NoVersion(benchmark) => unless_hidden(listing::versions(app, headers, path, benchmark).await)?,
    };
    Err(LeaderboardPageError::Replaced(Box::new(page)))
}

/// Returns what was found, or the page (410) that says why an administrator hid it.
fn unless_hidden<T>(found: Result<T, ApiError>) -> Result<T, LeaderboardPageError> {
    found.map_err(|error| match error {
        ApiError::Problem(problem) if problem.is(HIDDEN) => {
            let nothing = html! {
                p { (problem.detail()) }
                p { a href="/leaderboard" { "The leaderboard" } }
            };
            LeaderboardPageError::Replaced(Box::new(html_page(StatusCode::GONE, "Hidden", &nothing)))
        }
        error => error.into(),
    })
}

fn no_board() -> Response {
    let nothing = html! {
        p { "There is no such leaderboard: no benchmark, version or snapshot of this name is known here." }
        p { a href="/leaderboard" { "The leaderboard" } }
    };
    html_page(StatusCode::NOT_FOUND, "No such leaderboard", &nothing)
}

struct Page {
    choices: QueryParameters,
    known: Vec<VersionChoice>,
    facts: VersionFacts,
    board: Board,
    /// The ranked rows of the board.
    ranked: Vec<RowBody>,
    /// The rows on this page.
    rows: Vec<RowBody>,
    /// Number of rows that the filters leave.
    matching: usize,
    next: Option<String>,
    /// Health of the benchmark, where the whole board is shown.
    health: Option<BenchmarkHealth>,
}

impl Page {
    fn markup(&self, plot: Option<Markup>) -> Markup {
        let scope = &self.board.scope;
        let scale = Scale::of(&scope.measure);
        let snapshot = scope.snapshot.as_ref().map(|snapshot| snapshot.id.as_str());
        let pinned = self.choices.get("snapshot").and(snapshot);
        html! {
            @if let Some(description) = &scope.description { p class="lede" { (description) } }
            (facts::of(&self.facts, scope, self.ranked.len()))
            @if pinned.is_some() {
                p class="note" { "This is an earlier state, kept as it was. " a href=(self.choices.with(&[("snapshot", "")])) { "See the newest" } }
            }
            (self.versions())
            @if self.board.rows.is_empty() {
                p class="note" {
                    @if scope.snapshot.is_some() { "No run answers this choice of tasks. " a href=(self.whole()) { "Show every task" } }
                    @else { "Nothing has been published on this version yet." }
                }
            } @else {
                (at_a_glance(&self.ranked, scale))
                (self.drawings(plot))
                (self.filters())
                @if self.rows.is_empty() {
                    p class="note" { "No model matches. " a href=(self.whole()) { "Show all " (self.ranked.len()) } }
                } @else {
                    (Table::new(&self.choices, scale, &self.ranked, &self.rows).markup(&scope.benchmark, &scope.version, pinned))
                }
            }
            @if let Some(health) = &self.health { (health::section(health, scale, pinned)) }
            (chooser::form(&self.known, &scope.benchmark, "/leaderboard"))
            (self.data())
        }
    }

    /// Renders the charts of score by cost and over time, folded away: the table is what people come for.
    fn drawings(&self, plot: Option<Markup>) -> Markup {
        let scale = Scale::of(&self.board.scope.measure);
        let progress = progress::chart(&self.ranked, scale);
        html! {
            @if plot.is_some() || progress.is_some() {
                details class="fold" {
                    summary {
                        @match (&plot, &progress) {
                            (Some(_), Some(_)) => "Score by cost and over time",
                            (Some(_), None) => "Score by cost",
                            (None, _) => "Score over time",
                        }
                    }
                    @if let Some(plot) = plot {
                        div class="overview" {
                            figure { div class="wide" role="region" tabindex="0" aria-label="Plot" { (plot) } figcaption { "Score against cost. The line is the Pareto front: the best score that the money buys." } }
                            (most_for_the_money(&self.ranked, scale))
                        }
                    }
                    @if let Some(chart) = progress {
                        figure { div class="wide" role="region" tabindex="0" aria-label="Chart" { (chart) } figcaption { "Every system by the day of its evaluation. The line is the best score until then." } }
                    }
                }
            }
        }
    }

    /// Returns the address of the board without filters.
    fn whole(&self) -> String {
        address(
            "/leaderboard",
            &[("benchmark", self.board.scope.benchmark.as_str()), ("version", self.board.scope.version.as_str())],
        )
    }

    /// Renders links to the versions of the benchmark; nothing where there is only one.
    fn versions(&self) -> Markup {
        let scope = &self.board.scope;
        let versions = self.known.iter().filter(|choice| choice.benchmark == scope.benchmark).collect::<Vec<_>>();
        html! {
            @if versions.len() > 1 {
                nav class="versions" aria-label="Versions" {
                    @for choice in versions.iter().take(20) {
                        @let here = choice.version == scope.version;
                        a href=(address("/leaderboard", &[("benchmark", choice.benchmark.as_str()), ("version", choice.version.as_str())])) aria-current=[here.then_some("page")] { (choice.version) @if !choice.whole { small { " part or second scoring" } } }
                    }
                }
            }
        }
    }

    fn filters(&self) -> Markup {
        let (scope, choices) = (&self.board.scope, &self.choices);
        let slices = [
            ("scenario", "Scenario", &scope.slices.scenario),
            ("language", "Language", &scope.slices.language),
            ("difficulty", "Difficulty", &scope.slices.difficulty),
        ];
        let mut providers = self.board.rows.iter().map(|row| row.model.provider()).collect::<Vec<_>>();
        providers.sort_unstable();
        providers.dedup();
        providers.truncate(PROVIDERS);
        let periods = [("", "any time"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days")];
        let names =
            ["scenario", "language", "difficulty", "provider", "baseModel", "period", "conditions", "sealed", "q"];
        let is_given = |name: &&str| choices.get(name).is_some_and(|value| value != "all");
        let filtered = names.iter().any(is_given);
        let folded = ["periodOf", "group", "evidence"];
        let is_open = names.iter().filter(|name| **name != "q").any(is_given)
            || folded.iter().any(|name| choices.get(name).is_some());
        let by_base = choices.get("group") == Some("baseModel");
        let has_bases = self.board.rows.iter().any(|row| row.base_model.is_some());
        let (evaluated, all) = (choices.get("periodOf") == Some("evaluated"), choices.get("evidence") == Some("all"));
        html! {
            form class="filters" action="/leaderboard" role="search" aria-label="Filter" {
                input type="hidden" name="benchmark" value=(scope.benchmark);
                input type="hidden" name="version" value=(scope.version);
                @for name in ["snapshot", "sort", "order", "baseModel"] {
                    @if let Some(value) = choices.get(name) { input type="hidden" name=(name) value=(value); }
                }
                label { span { "Model" } input type="search" name="q" maxlength="100" value=[choices.get("q")]; }
                button { "Filter" }
                @if filtered {
                    a href=(self.whole()) { "Clear" }
                }
                p class="meta" role="status" {
                    @if self.matching == self.rows.len() { (count(self.matching, "row")) }
                    @else { (self.rows.len()) " of " (count(self.matching, "row")) }
                    @for (name, ..) in slices { @if let Some(value) = choices.get(name) { " · ranked on the tasks of " (name) " " strong { (value) } " alone" } }
                    @if let Some(base) = choices.get("baseModel") { " · " strong { (base) } " and its variants" }
                }
                details open[is_open] {
                    summary { "More filters" }
                    div class="chooser" {
                        @for (name, label, values) in slices.into_iter().filter(|(_, _, values)| values.len() > 1) {
                            (select(name, label, choices.get(name), values.iter().map(|value| (value.as_str(), value.as_str()))))
                        }
                        @if providers.len() > 1 {
                            (select("provider", "Provider", choices.get("provider"), providers.iter().map(|value| (*value, *value))))
                        }
                        label {
                            span { "Within" }
                            select name="period" {
                                @for (value, label) in periods { option value=(value) selected[choices.get("period") == Some(value)] { (label) } }
                            }
                        }
                        label {
                            span { "of its" }
                            select name="periodOf" {
                                option value="" { "publication" }
                                option value="evaluated" selected[evaluated] { "evaluation" }
                            }
                        }
                        label {
                            span { "Evidence" }
                            select name="evidence" {
                                option value="" { "what is ranked" }
                                option value="all" selected[all] { "all" }
                            }
                        }
                        @if scope.conditions.if_any().is_some() || choices.get("conditions").is_some() {
                            (select("conditions", "Conditions", choices.get("conditions"), std::iter::once(("prescribed", "as prescribed"))))
                        }
                        @if self.board.rows.iter().any(|row| row.seal.is_some()) || choices.get("sealed").is_some() {
                            (select("sealed", "Sealed", choices.get("sealed"), [("true", "before it was run"), ("false", "not sealed")].into_iter()))
                        }
                        @if has_bases || by_base {
                            label {
                                span { "Together" }
                                select name="group" {
                                    option value="" { "nothing" }
                                    option value="baseModel" selected[by_base] { "variants of a model" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Renders the link to the next rows, and links to the same data for programs.
    fn data(&self) -> Markup {
        let scope = &self.board.scope;
        let benchmark = ("benchmark", scope.benchmark.as_str());
        let version = ("version", scope.version.as_str());
        let api = |path: &str| self.choices.elsewhere(path, &[benchmark, version]);
        html! {
            (more(&self.choices, self.next.as_deref(), &format!("Next {ROWS} rows")))
            nav class="data" aria-label="Data" {
                @if let Some(snapshot) = &scope.snapshot {
                    a href=(self.choices.with(&[benchmark, version, ("snapshot", snapshot.id.as_str())])) { "Permalink of this state" }
                }
                a href=(api("/api/v1/leaderboard.csv")) { "CSV" }
                a href=(api("/api/v1/leaderboard.ndjson")) { "NDJSON" }
                a href=(api("/api/v1/leaderboard")) { "JSON" }
                a href=(address("/leaderboard/seals", &[benchmark, version])) { "Seals" }
                a href=(address("/changes", &[benchmark])) { "Changes" }
                a href=(address("/standings", &[benchmark])) { "Beside other benchmarks" }
                a href=(address("/api/v1/changes.atom", &[benchmark])) type="application/atom+xml" { "Atom feed" }
            }
        }
    }
}

/// Renders the link to the next page of a list; nothing where there is none.
fn more(choices: &QueryParameters, next: Option<&str>, name: &str) -> Markup {
    html! {
        @if let Some(next) = next {
            p class="pages" { a rel="next" href=(choices.with(&[("cursor", next)])) { (name) } }
        }
    }
}

/// Renders a field to choose one of the values, or all.
fn select<'a>(
    name: &str,
    label: &str,
    chosen: Option<&str>,
    values: impl Iterator<Item = (&'a str, &'a str)>,
) -> Markup {
    html! {
        label {
            span { (label) }
            select name=(name) {
                option value="" { "all" }
                @for (value, text) in values { option value=(value) selected[chosen == Some(value)] { (text) } }
            }
        }
    }
}
