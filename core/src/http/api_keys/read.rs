use axum::{Json as Answer, extract::State, response::Response};

use super::ApiKeyBody;
use crate::{
    app::App,
    http::{credentials::Person, page::NewestFirst, problem::ApiError, request::Path},
    ports::{Rows, Statement},
    store::api_keys::{self, ApiKeyRecord},
};

/// The caller's keys, newest first.
pub async fn list(State(app): State<App>, person: Person, page: NewestFirst) -> Result<Response, ApiError> {
    let statement = page.bind(Statement::new(api_keys::LIST).bind(person.user_id.as_str()));
    let (_, answers) = person.read(&app, vec![statement]).await?;
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
    let statement = Statement::new(api_keys::OF_USER).bind(id).bind(person.user_id.as_str());
    let (_, answers) = person.read(&app, vec![statement]).await?;
    let row = answers.into_iter().next().and_then(Rows::into_first).ok_or_else(|| ApiError::not_found("API key"))?;
    Ok(Answer(ApiKeyBody::new(ApiKeyRecord::from_row(&row)?, app.now())))
}
