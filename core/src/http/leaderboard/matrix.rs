//! The matrix of systems and benchmarks.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use http::{HeaderMap, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    board::{Board, RowBody},
    caching::{self, MINUTE},
    standings::{MOST_ENTRIES, PlaceOnBoard, affordable},
};
use crate::{
    app::App,
    domain::{BenchmarkId, ModelId, SystemId, Timestamp, VersionName, measure::Measure, system::Agent},
    http::{
        openapi::{IfNoneMatch, NotFound},
        page::{fitting, json_size, page_size, read_cursor, with_next_link, write_cursor},
        parameters::{self, Slug, Uuid},
        problem::{ApiError, MALFORMED_REQUEST},
        request::is_slug,
    },
    store::standings::{self as store, ListedBoard},
};

/// Most benchmarks of a matrix.
pub const MOST_BENCHMARKS: usize = 8;

/// What of the matrix is asked for, but for its benchmarks.
#[derive(Clone, Debug, Default, Deserialize, Serialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MatrixQuery {
    /// Only this provider's models.
    #[serde(deserialize_with = "parameters::provider")]
    #[param(value_type = Option<Slug>)]
    provider: Option<String>,
    /// Only this model and those that are variants of it.
    #[serde(rename = "baseModel", deserialize_with = "parameters::model")]
    #[param(example = "openai/gpt-5")]
    base_model: Option<ModelId>,
    /// One of the benchmarks, whose ranks order the rows: what does not stand there comes last. Without it they stand by
    /// name.
    #[serde(deserialize_with = "parameters::benchmark")]
    #[param(example = "aider-polyglot")]
    sort: Option<BenchmarkId>,
    /// How many systems.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// The parameters of the matrix.
#[derive(Clone, Debug, Default)]
pub struct MatrixParameters {
    /// Benchmarks to show. Where none is named: the featured one, and those that something was published on last.
    pub benchmarks: Vec<BenchmarkId>,
    query: MatrixQuery,
}

impl MatrixParameters {
    /// Reads the parameters from a query, in which `benchmark` may be repeated. With `of_form`, empty values are
    /// ignored.
    ///
    /// # Errors
    /// `malformed_request` where a parameter is unknown or invalid, or where too many benchmarks are named.
    pub fn read(uri: &Uri, of_form: bool) -> Result<Self, ApiError> {
        let malformed = |error: &str| ApiError::new(MALFORMED_REQUEST, format!("query parameters: {error}"));
        let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(uri.query().unwrap_or_default());
        let mut pairs = pairs.map_err(|error| malformed(&error.to_string()))?;
        pairs.retain(|(_, value)| !(of_form && value.is_empty()));
        let (named, others) = pairs.into_iter().partition::<Vec<_>, _>(|(name, _)| name == "benchmark");
        let mut benchmarks = Vec::<BenchmarkId>::new();
        for (_, benchmark) in named {
            if !is_slug(&benchmark) {
                return Err(malformed("benchmark: give the id of a benchmark"));
            }
            let benchmark = benchmark.to_ascii_lowercase().into();
            if !benchmarks.contains(&benchmark) {
                benchmarks.push(benchmark);
            }
        }
        if benchmarks.len() > MOST_BENCHMARKS {
            return Err(malformed(&format!("benchmark: name at most {MOST_BENCHMARKS}")));
        }
        let others = serde_urlencoded::to_string(others).map_err(|error| malformed(&error.to_string()))?;
        let query =
            serde_urlencoded::from_str::<MatrixQuery>(&others).map_err(|error| malformed(&error.to_string()))?;
        Ok(Self { benchmarks, query })
    }

    pub fn provider(&self) -> Option<&str> {
        self.query.provider.as_deref()
    }

    pub fn base_model(&self) -> Option<&ModelId> {
        self.query.base_model.as_ref()
    }

    pub fn sort(&self) -> Option<&BenchmarkId> {
        self.query.sort.as_ref()
    }

    /// Returns a fingerprint of the benchmarks and parameters, which is the same for each page.
    fn fingerprint(&self, boards: &[Board]) -> String {
        let query = MatrixQuery { limit: None, cursor: None, ..self.query.clone() };
        let shown = boards.iter().map(|board| &board.scope.benchmark).collect::<Vec<_>>();
        caching::etag(serde_json::json!([shown, query]).to_string().as_bytes())
            .trim_matches('"')
            .chars()
            .take(16)
            .collect()
    }
}

/// Where a page of the matrix begins.
#[derive(Deserialize, Serialize)]
struct Position {
    asked: String,
    /// The benchmarks that the first page showed, for requests that name none.
    of: Vec<BenchmarkId>,
    after: SystemId,
}

/// Systems in rows, benchmarks in columns.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    #[schema(max_items = 8)]
    pub benchmarks: Vec<MatrixBenchmark>,
    #[schema(max_items = 100)]
    pub data: Vec<MatrixRow>,
    /// For the next page; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    pub next_cursor: Option<String>,
    /// All rows that are asked for.
    #[serde(skip)]
    pub rows: usize,
}

/// A benchmark of the matrix, as of its newest snapshot.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatrixBenchmark {
    pub benchmark: BenchmarkId,
    /// What people call it.
    #[schema(min_length = 1, max_length = 255, example = "Aider polyglot")]
    pub title: String,
    /// The one that is read where none is named.
    pub version: VersionName,
    #[serde(flatten)]
    pub measure: Measure,
    /// How many systems are ranked there.
    #[schema(minimum = 0, example = 69)]
    pub systems: usize,
    /// When the run was evaluated that was evaluated last.
    pub last_evaluated_at: Option<Timestamp>,
    /// Null when nothing is published.
    #[schema(value_type = Option<Uuid>)]
    pub snapshot_id: Option<String>,
}

/// A system of the matrix.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatrixRow {
    pub model: ModelId,
    pub system_id: SystemId,
    /// What drove the model, where something did.
    pub agent: Option<Agent>,
    /// In what it ran, such as a reasoning effort.
    #[schema(min_length = 1, max_length = 100, example = "high")]
    pub configuration: Option<String>,
    /// The model that `model` is a variant of.
    pub base_model: Option<ModelId>,
    #[schema(example = "gpt-5 (high)")]
    pub display_name: String,
    /// One for each of `benchmarks`, in their order: null where the system was not evaluated.
    #[schema(max_items = 8)]
    pub places: Vec<Option<PlaceOnBoard>>,
}

/// Shows how systems stand on several benchmarks.
///
/// Systems in rows, benchmarks in columns, each place with its range of ranks and its score. What was not evaluated is null;
/// there is no average, and no order by one. Rows stand by name, or by the ranks of one of the benchmarks. Of each
/// benchmark the version is read that is read where none is named. Any origin may read it, without credentials.
#[utoipa::path(
    get,
    path = "/api/v1/standings",
    operation_id = "getStandings",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(
        (
            "benchmark" = Option<Vec<Slug>>,
            Query,
            max_items = 8,
            description = "Of which benchmarks, once for each, at most eight. Without it, of the featured one and those that something was published on last."
        ),
        MatrixQuery,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "A page of systems.", body = Matrix),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let parameters = MatrixParameters::read(&uri, false)?;
    let limit = page_size(parameters.query.limit)?;
    let listed = Matrix::listed(&app, &parameters).await?;
    let matrix = Matrix::read(&app, &parameters, listed, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
    let body = serde_json::to_string(&matrix).map_err(|error| ApiError::internal(error.to_string()))?;
    let response = caching::answer(&headers, "application/json", body, MINUTE);
    Ok(with_next_link(response, &uri, matrix.next_cursor.as_deref()))
}

impl Matrix {
    /// Finds the leaderboards that the matrix shows.
    ///
    /// # Errors
    /// `not_found` where a benchmark that is named has no leaderboard; `malformed_request` where the cursor cannot be
    /// read, or where too many systems are ranked.
    pub async fn listed(app: &App, parameters: &MatrixParameters) -> Result<Vec<ListedBoard>, ApiError> {
        let position = read_cursor::<Position>(parameters.query.cursor.as_deref())?;
        let wanted = match &position {
            Some(position) if parameters.benchmarks.is_empty() => &position.of,
            _ => &parameters.benchmarks,
        };
        let wanted = wanted.get(..MOST_BENCHMARKS.min(wanted.len())).unwrap_or_default();
        let mut listed = if wanted.is_empty() {
            store::newest(u32::try_from(MOST_BENCHMARKS).unwrap_or(u32::MAX)).run(app.database()).await?
        } else {
            store::named(wanted).run(app.database()).await?
        };
        if let Some(unknown) = wanted.iter().find(|id| listed.iter().all(|board| board.scope.benchmark != **id)) {
            return Err(ApiError::not_found(&format!("leaderboard of the benchmark {unknown}")));
        }
        let affordable = affordable(&listed);
        if !wanted.is_empty() && affordable < listed.len() {
            let detail = format!("more than {MOST_ENTRIES} systems are ranked on these benchmarks: name fewer");
            return Err(ApiError::new(MALFORMED_REQUEST, detail));
        }
        listed.truncate(affordable);
        Ok(listed)
    }

    /// Reads a page of the matrix of these leaderboards.
    ///
    /// # Errors
    /// `malformed_request` where the cursor belongs to other parameters or to a list that has changed, or where the
    /// rows are sorted by a benchmark that is not shown.
    pub async fn read(
        app: &App,
        parameters: &MatrixParameters,
        listed: Vec<ListedBoard>,
        limit: usize,
    ) -> Result<Self, ApiError> {
        let position = read_cursor::<Position>(parameters.query.cursor.as_deref())?;
        let boards = Board::read_several(app, listed.into_iter().map(|board| board.scope).collect()).await?;
        Self::of(&boards, parameters, position, limit)
    }

    fn of(
        boards: &[Board],
        parameters: &MatrixParameters,
        position: Option<Position>,
        limit: usize,
    ) -> Result<Self, ApiError> {
        let asked = parameters.fingerprint(boards);
        if position.as_ref().is_some_and(|position| position.asked != asked) {
            return Err(ApiError::new(MALFORMED_REQUEST, "the cursor belongs to other parameters"));
        }
        let by = parameters.sort().map(|sort| {
            let place = boards.iter().position(|board| board.scope.benchmark == *sort);
            place.ok_or_else(|| ApiError::new(MALFORMED_REQUEST, "sort: name one of the benchmarks that are shown"))
        });
        let by = by.transpose()?;
        let mut rows = rows(boards, parameters);
        if let Some(by) = by {
            rows.sort_by(|a, b| by_rank(a, b, by));
        }
        let start = match &position {
            None => 0,
            Some(position) => match rows.iter().position(|row| row.system_id == position.after) {
                Some(at) => at.saturating_add(1),
                None => {
                    return Err(ApiError::new(MALFORMED_REQUEST, "the list has changed: begin with its first page"));
                }
            },
        };
        let count = rows.len();
        let mut rows = rows.split_off(start.min(count));
        let limit = limit.min(fitting(&rows, json_size));
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let of = boards.iter().map(|board| board.scope.benchmark.clone()).collect();
        let next = rows.last().filter(|_| is_more);
        let next = next.and_then(|last| write_cursor(&Position { asked, of, after: last.system_id.clone() }));
        Ok(Self {
            benchmarks: boards.iter().map(MatrixBenchmark::of).collect(),
            data: rows,
            next_cursor: next,
            rows: count,
        })
    }
}

impl MatrixBenchmark {
    pub fn of(board: &Board) -> Self {
        Self {
            benchmark: board.scope.benchmark.clone(),
            title: board.scope.title.clone(),
            version: board.scope.version.clone(),
            measure: board.scope.measure.clone(),
            systems: board.rows.len(),
            last_evaluated_at: board.last_evaluated(),
            snapshot_id: board.scope.snapshot.as_ref().map(|snapshot| snapshot.id.clone()),
        }
    }
}

/// Returns the systems that the parameters choose, by model and system id.
fn rows(boards: &[Board], parameters: &MatrixParameters) -> Vec<MatrixRow> {
    let is_asked_for = |row: &&RowBody| {
        let of_provider =
            parameters.provider().is_none_or(|provider| row.model.provider().eq_ignore_ascii_case(provider));
        of_provider && parameters.base_model().is_none_or(|base| row.is_variant_of(base))
    };
    let mut rows = BTreeMap::<(ModelId, SystemId), MatrixRow>::new();
    for (place, board) in boards.iter().enumerate() {
        for row in board.rows.iter().filter(is_asked_for) {
            let system = rows.entry((row.model.clone(), row.system_id.clone())).or_insert_with(|| MatrixRow {
                model: row.model.clone(),
                system_id: row.system_id.clone(),
                agent: row.agent.clone(),
                configuration: row.configuration.clone(),
                base_model: row.base_model.clone(),
                display_name: row.display_name.clone(),
                places: boards.iter().map(|_| None).collect(),
            });
            if let Some(of_board) = system.places.get_mut(place) {
                *of_board = PlaceOnBoard::of(row);
            }
        }
    }
    rows.into_values().collect()
}

/// Compares two systems by their rank on one benchmark; those that are not ranked on it come last.
fn by_rank(a: &MatrixRow, b: &MatrixRow, by: usize) -> Ordering {
    let rank = |row: &MatrixRow| row.places.get(by).and_then(Option::as_ref).map_or(usize::MAX, |place| place.rank);
    rank(a).cmp(&rank(b))
}
