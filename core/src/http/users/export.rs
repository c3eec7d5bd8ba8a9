use axum::{
    Json,
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{UserBody, account_gone, audit_log};
use crate::{
    app::App,
    http::{
        api_keys::ApiKeyBody,
        auth::sessions as session_list,
        credentials::ClaimedSession,
        limits,
        page::{read_cursor, with_next_link, write_cursor},
        problem::ApiError,
        request::Query,
    },
    ports::DatabaseError,
    store::{
        Answers, Handle,
        personal_data::{PersonalData, RememberedSession},
        users,
    },
};

/// So many of each kind are told in one answer, at most 1.5 MB in all.
const PAGE: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    cursor: Option<String>,
}

/// Tells everything that is held about the caller (GDPR, articles 15 and 20), as one JSON document; where there is much, as
/// several, each with more of every list. Of secrets it tells that there are some, and no more.
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    caller: ClaimedSession,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    limits::admit_person(&app, caller.confirm(&app).await?.confirmed()).await?;
    let begin = read_cursor::<u32>(parameters.cursor.as_deref())?.unwrap_or(0);
    let now = app.now();
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let of_person = PersonalData { user_id, rows: PAGE.saturating_add(1), skipped: begin };
    let user = batch.push(users::find(user_id));
    let sessions = batch.push(of_person.sessions());
    let api_keys = batch.push(of_person.api_keys());
    let api_key_use = batch.push(of_person.api_key_use());
    let known_networks = batch.push(of_person.known_networks());
    let security_events = batch.push(of_person.security_events());
    let mails = batch.push(of_person.mails());
    let pending_links = batch.push(of_person.pending_links(now));
    let former_addresses = batch.push(of_person.former_addresses(now));
    let models = batch.push(of_person.models());
    let benchmarks = batch.push(of_person.benchmarks());
    let runs = batch.push(of_person.runs());
    if begin == 0 {
        batch.push(caller.event(&app, "data_exported", json!({})));
    }
    let mut answers = batch.run(&app).await?;
    let user = answers.take(user)?.ok_or_else(account_gone)?;

    let mut lists = Lists { answers, has_more: false };
    let mut document = json!({
        "exportedAt": now,
        "sessions": lists.take(sessions)?.into_iter().map(session_body).collect::<Vec<_>>(),
        "apiKeys": lists.take(api_keys)?.into_iter().map(|key| ApiKeyBody::new(key, now)).collect::<Vec<_>>(),
        "apiKeyUse": lists.take(api_key_use)?,
        "knownNetworks": lists.take(known_networks)?,
        "securityEvents": lists.take(security_events)?.into_iter().map(audit_log::body).collect::<Vec<_>>(),
        "mails": lists.take(mails)?,
        "pendingLinks": lists.take(pending_links)?,
        "formerAddresses": lists.take(former_addresses)?,
        "models": lists.take(models)?,
        "benchmarks": lists.take(benchmarks)?,
        "runs": lists.take(runs)?,
        "hasPassword": user.password_hash.is_some(),
        "user": UserBody::from(user),
    });
    let next_cursor = if lists.has_more { write_cursor(&begin.saturating_add(PAGE)) } else { None };
    add(&mut document, "nextCursor", json!(next_cursor));
    let mut response = with_next_link(Json(document).into_response(), &uri, next_cursor.as_deref());
    let attachment = HeaderValue::from_static("attachment; filename=\"aibaas-export.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

/// The lists of the document, each of which was read with one row more than is told of it.
struct Lists {
    answers: Answers,
    /// Whether one of those taken goes on.
    has_more: bool,
}

impl Lists {
    fn take<T>(&mut self, list: Handle<Vec<T>>) -> Result<Vec<T>, DatabaseError> {
        let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let mut rows = self.answers.take(list)?;
        self.has_more |= rows.len() > most;
        rows.truncate(most);
        Ok(rows)
    }
}

fn session_body(remembered: RememberedSession) -> Value {
    let mut body = session_list::body(&remembered.session);
    add(&mut body, "revokedAt", json!(remembered.revoked_at));
    add(&mut body, "revokedReason", json!(remembered.revoked_reason));
    body
}

fn add(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
