use axum::{extract::State, response::Response};
use http::HeaderMap;
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use serde::Deserialize;

use super::{
    caching::{self, MINUTE},
    changes,
    html::system_name,
};
use crate::{
    app::App,
    domain::{BenchmarkId, ModelId, Timestamp, VersionName, leaderboard::ChangeKind},
    http::{openapi::IfNoneMatch, parameters, problem::ApiError, request::Query},
    wire::Change,
};

const ENTRIES: u32 = 50;
const MEDIA_TYPE: &str = "application/atom+xml; charset=utf-8";

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Of this benchmark only.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    benchmark: Option<BenchmarkId>,
}

/// Lists the newest changes as an Atom feed.
///
/// RFC 4287, the 50 newest.
#[utoipa::path(
    get,
    path = "/api/v1/changes.atom",
    operation_id = "getChangesFeed",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(Parameters, IfNoneMatch),
    responses(
        (status = 200, description = "The feed.", content_type = "application/atom+xml", body = String),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let benchmark = parameters.benchmark.as_ref();
    let changes = changes::newest(&app, benchmark, ENTRIES).await?;
    let feed = feed(&app.config().base_url, benchmark, &changes);
    let feed = feed.map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(caching::answer(&headers, MEDIA_TYPE, feed, MINUTE))
}

fn feed(base_url: &str, benchmark: Option<&BenchmarkId>, changes: &[Change]) -> Result<String, std::io::Error> {
    let query = benchmark.map(|benchmark| {
        let mut query = serde_urlencoded::to_string([("benchmark", benchmark)]).unwrap_or_default();
        query.insert(0, '?');
        query
    });
    let query = query.unwrap_or_default();
    let own = format!("{base_url}/api/v1/changes.atom{query}");
    let title = benchmark.map_or("AIBaaS: changes".to_owned(), |benchmark| format!("AIBaaS: changes of {benchmark}"));
    // Atom requires `updated`, and an empty feed has no other time.
    let updated = changes.first().map_or(Timestamp(0), |newest| newest.at);

    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)))?;
    writer.create_element("feed").with_attribute(("xmlns", "http://www.w3.org/2005/Atom")).write_inner_content(
        |feed| {
            text(feed, "id", &own)?;
            text(feed, "title", &title)?;
            text(feed, "updated", &updated.to_string())?;
            link(feed, "self", &own)?;
            link(feed, "alternate", &format!("{base_url}/leaderboard{query}"))?;
            feed.create_element("author").write_inner_content(|author| text(author, "name", "AIBaaS"))?;
            changes.iter().try_for_each(|change| entry(feed, base_url, change))
        },
    )?;
    String::from_utf8(writer.into_inner()).map_err(std::io::Error::other)
}

fn entry(feed: &mut Writer<Vec<u8>>, base_url: &str, change: &Change) -> Result<(), std::io::Error> {
    feed.create_element("entry").write_inner_content(|entry| {
        text(entry, "id", &format!("urn:uuid:{}", change.id))?;
        text(entry, "title", &title(change))?;
        text(entry, "updated", &change.at.to_string())?;
        text(entry, "published", &change.at.to_string())?;
        link(entry, "alternate", &page(base_url, change))?;
        if let Some(run_id) = &change.run_id {
            link(entry, "related", &format!("{base_url}/api/v1/runs/{run_id}"))?;
        }
        entry.create_element("category").with_attribute(("term", change.kind.as_str())).write_empty()?;
        text(entry, "content", &summary(change))
    })?;
    Ok(())
}

fn text(parent: &mut Writer<Vec<u8>>, name: &str, content: &str) -> Result<(), std::io::Error> {
    // Free texts may hold characters that XML cannot represent.
    let unspeakable =
        |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}');
    let content = content.replace(unspeakable, " ");
    parent.create_element(name).write_text_content(BytesText::new(&content))?;
    Ok(())
}

fn link(parent: &mut Writer<Vec<u8>>, relation: &str, target: &str) -> Result<(), std::io::Error> {
    parent.create_element("link").with_attributes([("rel", relation), ("href", target)]).write_empty()?;
    Ok(())
}

/// Returns the address that an entry links to: the board after the change, the seal, the model's page or the
/// benchmark's board.
fn page(base_url: &str, change: &Change) -> String {
    match (&change.run_id, &change.model, &change.benchmark) {
        (Some(_), ..) => format!("{base_url}/leaderboard?snapshot={}", change.id),
        _ if change.kind == ChangeKind::Sealed => format!("{base_url}/api/v1/seals/{}", change.id),
        (None, Some(model), _) => format!("{base_url}/leaderboard/models/{model}"),
        (None, None, benchmark) => {
            format!("{base_url}/leaderboard?benchmark={}", benchmark.as_ref().map_or("", BenchmarkId::as_str))
        }
    }
}

fn title(change: &Change) -> String {
    let model = change.model.as_ref().map_or("", ModelId::as_str);
    let benchmark = change.benchmark.as_ref().map_or("", BenchmarkId::as_str);
    let version = change.version.as_ref().map_or("", VersionName::as_str);
    if change.kind == ChangeKind::Sealed {
        let system = system_name(model, change.agent.as_ref(), change.configuration.as_deref());
        return format!("A run of {system} on {benchmark} {version} was sealed");
    }
    if change.run_id.is_none() {
        let what =
            if change.model.is_some() { format!("The model {model}") } else { format!("The benchmark {benchmark}") };
        return match &change.name {
            Some(name) => format!("{what} was renamed {name}"),
            None => format!("{what} was {}", change.kind.as_str()),
        };
    }
    let model = system_name(model, change.agent.as_ref(), change.configuration.as_deref());
    let rank = |rank: Option<i64>| rank.map_or("no rank".to_owned(), |rank| format!("rank {rank}"));
    match change.kind {
        // The owner has a run that was evaluated later, or another owner's run with stronger evidence is ranked.
        ChangeKind::Published | ChangeKind::Rescored if change.current_run_id != change.run_id => {
            format!("{model} has another run on {benchmark} {version}: still {}", rank(change.rank_after))
        }
        ChangeKind::Published => format!("{model} enters {benchmark} {version} at {}", rank(change.rank_after)),
        ChangeKind::Rescored => format!(
            "{model} has a new run on {benchmark} {version}: {}, before {}",
            rank(change.rank_after),
            rank(change.rank_before)
        ),
        kind => {
            format!("A run of {model} on {benchmark} {version} was {}: {} now", kind.as_str(), rank(change.rank_after))
        }
    }
}

/// Returns the text of an entry: the reason for the change, and which other systems' ranks changed.
fn summary(change: &Change) -> String {
    let moved = change.moved.iter().map(|moved| {
        let moved_name = system_name(moved.model.as_str(), moved.agent.as_ref(), moved.configuration.as_deref());
        format!("{moved_name}: {} to {}", moved.from, moved.to)
    });
    let moved = moved.collect::<Vec<_>>();
    let reason = change.reason.iter().map(|reason| format!("Reason: {reason}"));
    let ranks = (!moved.is_empty()).then(|| format!("Other ranks: {}.", moved.join(", ")));
    let lines = reason.chain(ranks).collect::<Vec<_>>();
    if lines.is_empty() { "No other rank changed.".to_owned() } else { lines.join("\n") }
}
