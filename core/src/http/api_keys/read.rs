use axum::{Json as Answer, extract::State, response::Response};

use super::{ApiKeyBody, no_such_key};
use crate::{
    app::App,
    http::{credentials::Person, key_changes, page::NewestFirst, problem::ApiError, request::Path},
    ports::{Rows, Statement, Timestamp},
    store::{
        api_keys::{self, ApiKeyRecord},
        key_uses,
    },
};

/// The caller's keys, newest first.
pub async fn list(State(app): State<App>, person: Person, page: NewestFirst) -> Result<Response, ApiError> {
    let statement = page.bind(Statement::new(api_keys::LIST).bind(person.user_id.as_str()));
    let (_, answers) = person.read_statements(&app, vec![statement]).await?;
    let keys = answers.into_iter().flatten().map(|row| ApiKeyRecord::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    let now = app.now();
    Ok(page.answer(keys, |key| (key.created_at.0, key.id.clone()), |key| ApiKeyBody::new(key, now)))
}

/// One of the caller's keys.
pub async fn one(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
) -> Result<Answer<ApiKeyBody>, ApiError> {
    let of_caller = |sql| Statement::new(sql).bind(id.as_str()).bind(person.user_id.as_str());
    let (_, answers) =
        person.read_statements(&app, vec![of_caller(key_uses::HASH_OF), of_caller(api_keys::OF_USER)]).await?;
    let mut answers = answers.into_iter();
    let hash = key_changes::hashes(answers.next())?.first().copied().ok_or_else(no_such_key)?;
    let row = answers.next().and_then(Rows::into_first).ok_or_else(no_such_key)?;
    let mut key = ApiKeyRecord::from_row(&row)?;
    let unsaved = app.ports().key_gate.unsaved(hash).await?;
    let last_used = unsaved.into_iter().filter_map(|hour| hour.last_used_ms).map(Timestamp).max();
    key.last_used_at = key.last_used_at.max(last_used);
    Ok(Answer(ApiKeyBody::new(key, app.now())))
}
