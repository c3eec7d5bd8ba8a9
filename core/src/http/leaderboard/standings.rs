//! Where a model stands, benchmark by benchmark.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    board::{Board, RowBody},
    caching::{self, MINUTE},
};
use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, RunId, SystemId, Timestamp, VersionName, evaluator::EvaluatorRelationship,
        leaderboard::Flag, measure::Measure, system::Agent,
    },
    http::{
        moderation::refuse_hidden,
        openapi::{Hidden, IfNoneMatch, NotFound},
        page::{PageQuery, fitting, json_size, page_size, read_cursor, with_next_link, write_cursor},
        parameters::{ModelPath, Uuid},
        problem::ApiError,
        request::{Path, Query},
    },
    store::{
        Batch,
        leaderboard::Scope,
        models,
        standings::{self as store, ListedBoard},
    },
};

/// Most entries that are ranked for one answer; its first leaderboard is read however large it is.
pub const MOST_ENTRIES: usize = 20_000;

/// Where a system stands on a benchmark.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub benchmark: BenchmarkId,
    /// What people call the benchmark.
    #[schema(min_length = 1, max_length = 255, example = "Aider polyglot")]
    pub title: String,
    /// The one that is read where none is named.
    pub version: VersionName,
    #[serde(flatten)]
    pub measure: Measure,
    /// What stands there: the model, its agent and its configuration.
    pub system_id: SystemId,
    /// What drove the model, where something did.
    pub agent: Option<Agent>,
    /// In what it ran, such as a reasoning effort.
    #[schema(min_length = 1, max_length = 100, example = "high")]
    pub configuration: Option<String>,
    #[serde(flatten)]
    #[schema(inline)]
    pub place: PlaceOnBoard,
    /// How many systems are ranked there.
    #[schema(minimum = 1, example = 69)]
    pub systems: usize,
    #[schema(value_type = Uuid)]
    pub snapshot_id: String,
}

/// The place of a system on a leaderboard, and the run that has it.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceOnBoard {
    /// By score; equal scores share it.
    #[schema(minimum = 1, example = 1)]
    pub rank: usize,
    /// Best rank that the intervals allow.
    #[schema(minimum = 1, example = 1)]
    pub rank_low: usize,
    /// Worst rank that the intervals allow.
    #[schema(minimum = 1, example = 9)]
    pub rank_high: usize,
    #[schema(example = 0.88)]
    pub score: f64,
    /// Where the 95 % interval begins; null where too few clusters carry one.
    #[schema(example = 0.831_038_051_9)]
    pub score_low: Option<f64>,
    /// Where it ends.
    #[schema(example = 0.916_205_051_3)]
    pub score_high: Option<f64>,
    /// When the run was completed, else when it was started, else when it was published.
    pub evaluated_at: Timestamp,
    pub evaluator_relationship: EvaluatorRelationship,
    #[schema(value_type = std::collections::BTreeSet<Flag>)]
    pub flags: Vec<Flag>,
    pub run_id: RunId,
}

impl PlaceOnBoard {
    /// Returns the place of a ranked row; `None` where the row is not ranked.
    pub fn of(row: &RowBody) -> Option<Self> {
        Some(Self {
            rank: row.rank?,
            rank_low: row.rank_low?,
            rank_high: row.rank_high?,
            score: row.score,
            score_low: row.score_low,
            score_high: row.score_high,
            evaluated_at: row.evaluated_at,
            evaluator_relationship: row.evaluator_relationship,
            flags: row.flags.clone(),
            run_id: row.run_id.clone(),
        })
    }
}

/// Where a model stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ModelStandings {
    model: ModelId,
    /// By benchmark, and on each by rank.
    data: Vec<Standing>,
    /// For the next page; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    next_cursor: Option<String>,
}

/// Shows where a model stands, benchmark by benchmark.
///
/// One line for each of its systems on the leaderboard of each benchmark, of the version that is read where none is
/// named: rank, range of ranks and score with its interval, as the leaderboard itself tells them. There is no average: scores of
/// different benchmarks measure different things. `limit` counts benchmarks. Any origin may read it, without credentials.
#[utoipa::path(
    get,
    path = "/api/v1/models/{provider}/{name}/standings",
    operation_id = "getModelStandings",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(ModelPath, PageQuery, IfNoneMatch),
    responses(
        (status = 200, description = "Where it stands.", body = ModelStandings),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(model): Path<ModelPath>,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let (model, limit) = (model.id(), page_size(page.limit)?);
    let after = read_cursor::<BenchmarkId>(page.cursor.as_deref())?;
    let mut batch = Batch::new();
    let declaration = batch.push(models::declaration(&model));
    let listed = batch.push(store::of_model(&model, after.as_ref(), limit.saturating_add(1)));
    let mut answers = batch.run(app.database()).await?;
    let declaration = answers.take(declaration)?.ok_or_else(|| ApiError::not_found("model"))?;
    refuse_hidden("model", declaration.hidden_reason)?;
    let mut listed = answers.take(listed)?;
    let known = listed.len();
    listed.truncate(usize::try_from(limit).unwrap_or(usize::MAX).min(affordable(&listed)));

    let newest = listed.iter().map(|board| (snapshot_of(board), board.scope.amendments)).collect::<Vec<_>>();
    let tag = caching::tag_of(&("standings", &model, newest, known > listed.len()));
    if let Some(not_modified) = caching::not_modified(&headers, &tag, MINUTE) {
        return Ok(not_modified);
    }
    let boards = Board::read_several(&app, listed.into_iter().map(|board| board.scope).collect()).await?;
    let mut by_board = boards.iter().map(|board| standings(board, &model)).collect::<Vec<_>>();
    by_board.truncate(fitting(&by_board, json_size));
    let last = by_board.len().checked_sub(1).and_then(|last| boards.get(last));
    let next = last.filter(|_| known > by_board.len()).and_then(|board| write_cursor(&board.scope.benchmark));
    let body = ModelStandings { model, data: by_board.into_iter().flatten().collect(), next_cursor: next.clone() };
    let body = serde_json::to_string(&body).map_err(|error| ApiError::internal(error.to_string()))?;
    let mut response = caching::cacheable(body.into_response(), &tag, MINUTE);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(with_next_link(response, &uri, next.as_deref()))
}

/// Returns how many of the leaderboards, in order, are read for one answer: at least one, and no more than have
/// [`MOST_ENTRIES`] entries together.
pub fn affordable(boards: &[ListedBoard]) -> usize {
    let sums = boards.iter().scan(0_usize, |sum, board| {
        *sum = sum.saturating_add(board.systems);
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= MOST_ENTRIES).count().max(1)
}

/// Returns the leaderboards that have at most `most` entries together, earlier ones first, without those that are too
/// large.
pub fn within(boards: &[ListedBoard], most: usize) -> Vec<Scope> {
    let fit = fitting_within(boards.iter().map(|board| board.systems), most);
    boards.iter().zip(fit).filter(|(_, fits)| *fits).map(|(board, _)| board.scope.clone()).collect()
}

/// Checks which sizes, in order, fit into `most` together. A size that does not fit takes nothing from the others.
fn fitting_within(sizes: impl Iterator<Item = usize>, most: usize) -> Vec<bool> {
    let mut left = most;
    let fits = |size: usize| {
        let rest = left.checked_sub(size);
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    sizes.map(fits).collect()
}

fn snapshot_of(board: &ListedBoard) -> &str {
    board.scope.snapshot.as_ref().map(|snapshot| snapshot.id.as_str()).unwrap_or_default()
}

/// Returns where the systems of a model stand on a leaderboard.
fn standings(board: &Board, model: &ModelId) -> Vec<Standing> {
    let scope = &board.scope;
    let Some(snapshot) = &scope.snapshot else { return Vec::new() };
    let of_model = board.rows.iter().filter(|row| row.model == *model);
    let standing = |row: &RowBody| {
        Some(Standing {
            benchmark: scope.benchmark.clone(),
            title: scope.title.clone(),
            version: scope.version.clone(),
            measure: scope.measure.clone(),
            system_id: row.system_id.clone(),
            agent: row.agent.clone(),
            configuration: row.configuration.clone(),
            place: PlaceOnBoard::of(row)?,
            systems: board.rows.len(),
            snapshot_id: snapshot.id.clone(),
        })
    };
    of_model.filter_map(standing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_board_takes_nothing_from_others() {
        assert_eq!(fitting_within([5000, 10, 2000, 1000, 990].into_iter(), 3000), [false, true, true, false, true]);
        assert_eq!(fitting_within([3000, 0, 1].into_iter(), 3000), [true, true, false]);
    }
}
