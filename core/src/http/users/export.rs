use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde_json::{Map, Value, json};

use super::{UserBody, audit_log};
use crate::{
    app::App,
    http::{
        api_keys::{ApiKeyBody, Counts},
        auth::sessions as session_list,
        credentials::Person,
        limits,
        page::END_OF_TIME,
        problem::ApiError,
    },
    ports::{DatabaseError, Row, Rows, Statement, Timestamp},
    store::{
        api_keys::{self, ApiKeyRecord},
        audit::{self, Event},
        guesses, key_uses, outbox, sessions,
        users::{self, User},
    },
};

/// The most keys, days of their use and events; the lists of the API have the rest. Other lists are as bounded, in their SQL.
const MOST: u32 = 10_000;

/// Everything that is held about the person (GDPR, articles 15 and 20), as one JSON document. Of secrets it tells
/// that there are some, and no more.
pub async fn handler(State(app): State<App>, person: Person) -> Result<Response, ApiError> {
    limits::admit_person(&app, &person).await?;
    let of_person = |sql| Statement::new(sql).bind(person.user_id.as_str());
    let page = |sql| of_person(sql).bind(END_OF_TIME).bind("").bind(MOST);
    let batch = vec![
        of_person(users::BY_ID),
        of_person(sessions::OF_USER),
        page(api_keys::LIST),
        of_person(key_uses::BY_DAY_OF_USER).bind(MOST),
        of_person(guesses::KNOWN_NETWORKS),
        page(audit::OF_USER),
        of_person(outbox::OF_PERSON),
        of_person(users::LIVE_LINKS).bind(app.now()),
        of_person(users::OWN_MODELS),
        of_person(users::OWN_BENCHMARKS),
        of_person(users::OWN_RUNS),
        person.event(&app, "data_exported", json!({})),
    ];
    let mut answers = person.write(&app, batch).await??.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let row = next().into_first().ok_or_else(|| ApiError::internal("the person of a live session is gone"))?;
    let user = User::from_row(&row)?;

    let now = app.now();
    let document = json!({
        "exportedAt": now,
        "sessions": list(next(), |row| {
            let mut session = session_list::body(row)?;
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
        "models": list(next(), |row| columns(row, &["id"], &["created_at"]))?,
        "benchmarks": list(next(), |row| columns(row, &["id"], &["created_at"]))?,
        "runs": list(next(), |row| {
            columns(row, &["id", "model_id", "benchmark_id", "version", "status"], &["created_at"])
        })?,
        "hasPassword": user.password_hash.is_some(),
        "user": UserBody::from(user),
    });
    let mut response = Json(document).into_response();
    let attachment = HeaderValue::from_static("attachment; filename=\"aibaas-export.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

fn list(rows: Rows, item: impl Fn(&Row) -> Result<Value, ApiError>) -> Result<Value, ApiError> {
    rows.into_iter().map(|row| item(&row)).collect()
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
