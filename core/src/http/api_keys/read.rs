use super::ApiKeyBody;
use crate::{
    app::App,
    http::{
        credentials::Person,
        page::{PageQuery, list as list_answer, newest_first, page_size, take_page},
        problem::ApiError,
        request::{Path, Query},
    },
    ports::{Rows, Statement},
    store::api_keys::{self, ApiKeyRecord},
};
use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};

/// The caller's keys, newest first.
pub async fn list(
    State(app): State<App>,
    person: Person,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let (created_at, id) = newest_first(page.cursor.as_deref())?;
    let statement = Statement::new(api_keys::LIST)
        .bind(person.user_id.as_str())
        .bind(created_at)
        .bind(id)
        .bind(limit.saturating_add(1));
    let (_, answers) = person.read(&app, vec![statement]).await?;
    let rows = answers.into_iter().flatten();
    let keys = rows.map(|row| ApiKeyRecord::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    let (keys, next) = take_page(keys, limit, |key| (key.created_at.0, key.id.clone()));
    let now = app.now();
    let data = keys.into_iter().map(|key| ApiKeyBody::new(key, now)).collect::<Vec<_>>();
    Ok(list_answer(&uri, &data, next))
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
