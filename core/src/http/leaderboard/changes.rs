//! The log of changes: what was published, rescored, withdrawn, rejected, sealed or moderated.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caching::{self, SECONDS};
use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, RunId, SealId, SystemId, Timestamp, VersionName,
        leaderboard::{ChangeKind, RankChange},
        system::Agent,
    },
    http::{
        openapi::{IfNoneMatch, NotFound},
        page::{END_OF_TIME, next_link, page_size, read_cursor, take_page},
        parameters::{self, Uuid},
        problem::ApiError,
        request::Query,
    },
    store::{
        Batch,
        changes::{self as store, Change, Direction, Place},
    },
};

/// A place after every line of the log.
pub const LAST: Place = Place(END_OF_TIME, END_OF_TIME);

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The id of a change.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<Uuid>)]
    after: Option<String>,
    /// Of this benchmark only.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    benchmark: Option<BenchmarkId>,
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Something that changed on the leaderboards.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Change)]
pub struct ChangeBody {
    #[serde(skip)]
    place: Place,
    /// Also of the snapshot that it made, or the seal; moderation has one of its own.
    #[schema(value_type = Uuid)]
    id: String,
    kind: ChangeKind,
    at: Timestamp,
    benchmark: Option<BenchmarkId>,
    version: Option<VersionName>,
    model: Option<ModelId>,
    /// Of whose runs one was published or taken out; null where it is moderation.
    system_id: Option<SystemId>,
    /// What drove the model, where something did.
    agent: Option<Agent>,
    /// In what it ran.
    #[schema(min_length = 1, max_length = 100)]
    configuration: Option<String>,
    /// What an administrator renamed it.
    name: Option<String>,
    run_id: Option<RunId>,
    /// What was sealed, or what the run was sealed as.
    seal_id: Option<SealId>,
    /// Why it was withdrawn, rejected or moderated.
    reason: Option<String>,
    /// The run that was ranked for the system before. Where it is `currentRunId` too, the ranking stayed as it was: `runId`
    /// was evaluated earlier than its owner's, or weighs less than another owner's.
    previous_run_id: Option<RunId>,
    /// The run that is ranked for it since.
    current_run_id: Option<RunId>,
    /// Of the system.
    #[schema(minimum = 1)]
    rank_before: Option<i64>,
    /// Of the system.
    #[schema(minimum = 1)]
    rank_after: Option<i64>,
    /// The other systems whose rank changed; where they are more, the hundred that now rank best.
    #[schema(max_items = 100)]
    moved: Vec<RankChange>,
}

impl From<Change> for ChangeBody {
    fn from(change: Change) -> Self {
        Self {
            place: change.place,
            id: change.id,
            kind: change.kind,
            at: change.at,
            benchmark: change.benchmark,
            version: change.version,
            model: change.model,
            system_id: change.system_id,
            agent: change.agent,
            configuration: change.configuration,
            name: change.name,
            run_id: change.run_id,
            seal_id: change.seal_id,
            reason: change.reason,
            previous_run_id: change.previous_run_id,
            current_run_id: change.current_run_id,
            rank_before: change.rank_before,
            rank_after: change.rank_after,
            moved: change.moved,
        }
    }
}

/// A page of changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeList {
    #[schema(max_items = 100)]
    data: Vec<ChangeBody>,
    /// For the next page; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    next_cursor: Option<String>,
    /// The newest change of all: where to go on with `after`.
    #[schema(value_type = Option<Uuid>)]
    latest: Option<String>,
}

/// Lists what changed on the leaderboards.
///
/// Append-only. Newest first; with `after` what came later than that change, oldest first. Poll it with `after` and
/// `If-None-Match`: where nothing is new, it costs one look.
#[utoipa::path(
    get,
    path = "/api/v1/changes",
    operation_id = "listChanges",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "A page.", body = ChangeList),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let limit = page_size(parameters.limit)?;
    let cursor = read_cursor::<Place>(parameters.cursor.as_deref())?;
    let (after, benchmark) = (parameters.after.as_deref(), parameters.benchmark.as_ref());
    let mut batch = Batch::new();
    let latest = batch.push(store::latest(benchmark));
    let place = batch.push(store::place_of(after));
    let mut answers = batch.run(app.database()).await?;
    // Moderation changes how older lines read, too, so the `ETag` depends on it.
    let (latest, newest, moderation) = match answers.take(latest)? {
        Some(latest) => (Some(latest.id), latest.place, latest.moderation),
        None => (None, Place(0, 0), 0),
    };
    let direction = if after.is_some() { Direction::Forward } else { Direction::Backward };
    let begin = match (direction, answers.take(place)?) {
        (Direction::Backward, _) => LAST,
        (Direction::Forward, Some(place)) => place,
        (Direction::Forward, None) => return Err(ApiError::not_found("change")),
    };
    let begin = cursor.unwrap_or(begin);

    let tag = caching::tag_of(&("changes", &latest, moderation, benchmark, after, limit, begin));
    if let Some(not_modified) = caching::not_modified(&headers, &tag, SECONDS) {
        return Ok(not_modified);
    }
    let nothing_new = direction == Direction::Forward && begin >= newest;
    let rows = if nothing_new {
        Vec::new()
    } else {
        store::page(direction, benchmark, begin, limit.saturating_add(1)).run(app.database()).await?
    };
    let rows = rows.into_iter().map(ChangeBody::from).collect::<Vec<_>>();
    let (data, next_cursor) = take_page(rows, limit, |change| change.place);
    let link = next_cursor.as_deref().and_then(|next| next_link(&uri, next));
    let body = axum::Json(ChangeList { data, next_cursor, latest });
    let mut response = caching::cacheable(body.into_response(), &tag, SECONDS);
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// Reads the newest changes of a benchmark, or of all benchmarks.
///
/// # Errors
/// Where the database cannot be read.
pub async fn newest(app: &App, benchmark: Option<&BenchmarkId>, limit: u32) -> Result<Vec<Change>, ApiError> {
    Ok(store::page(Direction::Backward, benchmark, LAST, limit).run(app.database()).await?)
}
