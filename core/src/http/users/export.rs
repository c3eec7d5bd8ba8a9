use axum::{
    Json,
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{UserBody, audit_log};
use crate::{
    app::App,
    http::{
        api_keys::{ApiKeyBody, Counts},
        auth::sessions as session_list,
        credentials::Person,
        limits,
        page::{read_cursor, with_next_link, write_cursor},
        problem::ApiError,
        request::Query,
    },
    ports::{DatabaseError, Row, Rows, Statement, Timestamp},
    store::{
        api_keys::{self, ApiKeyRecord},
        audit::{self, Event},
        email_undos, guesses, key_uses, outbox,
        sessions::{self, SessionSummary},
        users::{self, User},
    },
};

/// So many of each kind are told in one answer, at most 1.5 MB in all.
const PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    cursor: Option<String>,
}

/// Everything that is held about the person (GDPR, articles 15 and 20), as one JSON document; where there is much, as
/// several, each with more of every list. Of secrets it tells that there are some, and no more.
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    person: Person,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    limits::admit_person(&app, &person).await?;
    let begin = read_cursor::<u32>(parameters.cursor.as_deref())?.unwrap_or(0);
    let of_person = |sql| Statement::new(sql).bind(person.user_id.as_str());
    let page = |sql| of_person(sql).bind(PAGE.saturating_add(1)).bind(begin);
    let mut batch = vec![
        of_person(users::BY_ID),
        page(sessions::OF_USER),
        page(api_keys::SOME_OF_USER),
        page(key_uses::BY_DAY_OF_USER),
        page(guesses::KNOWN_NETWORKS),
        page(audit::SOME_OF_USER),
        page(outbox::OF_PERSON),
        page(users::LIVE_LINKS).bind(app.now()),
        page(email_undos::OF_USER).bind(app.now()),
        page(users::OWN_MODELS),
        page(users::OWN_BENCHMARKS),
        page(users::OWN_RUNS),
    ];
    if begin == 0 {
        batch.push(person.event(&app, "data_exported", json!({})));
    }
    let answers = person.write_statements(&app, batch).await??;
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let is_more = answers.iter().any(|rows| rows.len() > most);
    let next_cursor = if is_more { write_cursor(&begin.saturating_add(PAGE)) } else { None };
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let row = next().into_first().ok_or_else(|| ApiError::internal("the person of a live session is gone"))?;
    let user = User::from_row(&row)?;

    let now = app.now();
    let document = json!({
        "exportedAt": now,
        "sessions": list(next(), |row| {
            let mut session = session_list::body(&SessionSummary::from_row(row)?);
            add(&mut session, "revokedAt", json!(row.optional_integer("revoked_at")?.map(Timestamp)));
            add(&mut session, "revokedReason", json!(row.optional_text("revoked_reason")?));
            Ok(session)
        })?,
        "apiKeys": list(next(), |row| Ok(json!(ApiKeyBody::new(ApiKeyRecord::from_row(row)?, now))))?,
        "apiKeyUse": list(next(), |row| {
            let mut day = json!(Counts::from_row(row)?);
            add(&mut day, "apiKeyId", json!(row.text("key_id")?));
            add(&mut day, "day", json!(Timestamp(row.integer("day")?)));
            Ok(day)
        })?,
        "knownNetworks": list(next(), |row| columns(row, &["network"], &["first_seen_at", "last_seen_at"]))?,
        "securityEvents": list(next(), |row| Ok(audit_log::body(Event::from_row(row)?)))?,
        "mails": list(next(), |row| columns(row, &["kind"], &["created_at", "sent_at"]))?,
        "pendingLinks": list(next(), |row| columns(row, &["purpose", "new_email"], &["created_at", "expires_at"]))?,
        "formerAddresses": list(next(), |row| columns(row, &["old_email"], &["created_at", "expires_at"]))?,
        "models": list(next(), |row| columns(row, &["id"], &["created_at"]))?,
        "benchmarks": list(next(), |row| columns(row, &["id"], &["created_at"]))?,
        "runs": list(next(), |row| {
            columns(row, &["id", "model_id", "benchmark_id", "version", "status"], &["created_at"])
        })?,
        "hasPassword": user.password_hash.is_some(),
        "user": UserBody::from(user),
        "nextCursor": next_cursor,
    });
    let mut response = with_next_link(Json(document).into_response(), &uri, next_cursor.as_deref());
    let attachment = HeaderValue::from_static("attachment; filename=\"aibaas-export.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

fn list(rows: Rows, item: impl Fn(&Row) -> Result<Value, ApiError>) -> Result<Value, ApiError> {
    let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
    rows.into_iter().take(most).map(|row| item(&row)).collect()
}

fn add(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Columns as members: texts and times.
fn columns(row: &Row, texts: &[&str], times: &[&str]) -> Result<Value, ApiError> {
    let texts = texts.iter().map(|column| Ok((camel(column), json!(row.optional_text(column)?))));
    let times = times.iter().map(|column| Ok((camel(column), json!(row.optional_integer(column)?.map(Timestamp)))));
    let members = texts.chain(times).collect::<Result<Map<_, _>, DatabaseError>>()?;
    Ok(Value::Object(members))
}

/// `created_at` is `createdAt` on the wire; the id of a thing is named after it alone.
fn camel(column: &str) -> String {
    let mut parts = column.strip_suffix("_id").unwrap_or(column).split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let mut letters = part.chars();
        let initial = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &initial.into_iter().chain(letters).collect::<String>()
    })
}
