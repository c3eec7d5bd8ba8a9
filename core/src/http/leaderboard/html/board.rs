//! The page of a leaderboard.

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::HeaderMap;
use maud::Markup;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::{
    LeaderboardPageError, QueryParameters, ROWS, TaggedPage, answer,
    board_page::BoardPage,
    health,
    lookup::{board_or_list, unless_hidden},
    plot,
    surroundings::{BoardSurroundings, SurroundingsReads},
    text::{Scale, count},
};
use crate::{
    app::App,
    domain::Timestamp,
    http::{
        leaderboard::{
            board::Board,
            finished::NotKept,
            health::BenchmarkHealth,
            query::{BoardQuery, Position},
        },
        openapi::IfNoneMatch,
        page::Summary,
        problem::ApiError,
    },
    store::{Batch, leaderboard::Scope},
};

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
    let is_known_slice = query.is_known_slice(&scope.slices);
    let is_first = query.is_whole_slice() && position.is_none();
    // The page depends on nothing else.
    let is_tagged = scope.snapshot.is_some() && is_first && is_known_slice;
    let tagged = surroundings.as_ref().filter(|_| is_tagged).map(|surroundings| {
        let shown = format!("{scope:?} {}", surroundings.shown(&scope.benchmark));
        TaggedPage::new(&app, &("board page", &choices.given, shown))
    });
    let is_usual = choices.given.iter().all(|(name, value)| is_usual(name, value));
    let tagged = tagged.transpose()?.map(|tagged| tagged.kept_if(is_usual));
    if let Some(answer) = tagged.as_ref().and_then(|tagged| tagged.rendered_before(&app, &headers)) {
        return Ok(answer);
    }

    let (page, plot) = read(&app, choices, &query, position.as_ref(), scope, surroundings).await?;
    let mut response = render(&page, plot, |summary, markup| match tagged {
        Some(tagged) => tagged.answer(&app, summary, markup),
        None => answer(&app, &headers, summary, markup),
    });
    if !is_known_slice {
        response.extensions_mut().insert(NotKept);
    }
    Ok(response)
}

/// Checks whether a parameter is spelt in the one way in which pages are kept, and names something that has to exist.
fn is_usual(name: &str, value: &str) -> bool {
    match name {
        "benchmark" | "snapshot" => !value.bytes().any(|byte| byte.is_ascii_uppercase()),
        "version" | "scenario" | "language" | "difficulty" => true,
        _ => false,
    }
}

/// Reads what the page shows, and draws the chart of score by cost of all rows that the filters leave.
async fn read(
    app: &App,
    choices: QueryParameters,
    query: &BoardQuery,
    position: Option<&Position>,
    scope: Scope,
    surroundings: Option<BoardSurroundings>,
) -> Result<(BoardPage, Option<Markup>), ApiError> {
    let as_of = position.map_or_else(|| app.now(), |position| Timestamp(position.as_of));
    let snapshot = scope.snapshot.as_ref().map(|snapshot| snapshot.id.clone());
    let mut batch = Batch::new();
    let late =
        surroundings.is_none().then(|| SurroundingsReads::push(&mut batch, &scope.benchmark, Some(&scope.version)));
    let is_whole = query.is_whole_slice() && position.is_none() && query.slice() == [None; 3];
    let health = is_whole.then(|| BenchmarkHealth::push_reads(&mut batch, &scope, health::MOST_SCORES));
    let board = Board::push_reads(&mut batch, scope, query.slice(), query.entries());
    let mut answers = batch.run(app.database()).await?;
    let late = late.map(|late| late.take(&mut answers)).transpose()?;
    let BoardSurroundings { known, facts } = surroundings.or(late).unwrap_or_default();
    let board = board.take(&mut answers)?;
    let health = health.map(|health| health.take(&mut answers, &board.scope)).transpose()?;

    let mut chosen = board.rows.clone();
    query.apply(&mut chosen, as_of, board.scope.measure.direction);
    let ranked = board.rows.iter().filter(|row| row.ranked).cloned().collect();
    let plot = plot::cost_plot(&chosen, Scale::of(&board.scope.measure));
    let matching = chosen.len();
    let (rows, next) = query.page(chosen, position, ROWS, snapshot.as_deref(), as_of)?;
    Ok((BoardPage { choices, known, facts, board, ranked, rows, matching, next, health }, plot))
}

/// Renders the page, and returns what `finish` makes of its summary and content.
fn render<T>(page: &BoardPage, plot: Option<Markup>, finish: impl FnOnce(&Summary<'_>, &Markup) -> T) -> T {
    let (title, path) = (&page.board.scope.title, page.whole());
    let described = format!(
        "{} of {title}, version {}, ranked with 95 % intervals.",
        count(page.ranked.len(), "system"),
        page.board.scope.version
    );
    finish(&Summary { title, description: &described, path: &path }, &page.markup(plot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_but_the_spelling_is_not_kept() {
        for (name, value) in [("benchmark", "aider"), ("version", "V2"), ("snapshot", "01a2"), ("language", "C")] {
            assert!(is_usual(name, value), "{name}={value}");
        }
        for (name, value) in
            [("benchmark", "Aider"), ("snapshot", "01A2"), ("limit", "7"), ("sort", "rank"), ("q", "a")]
        {
            assert!(!is_usual(name, value), "{name}={value}");
        }
    }
}
