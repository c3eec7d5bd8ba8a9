use axum::{Json as Answer, extract::State, response::Response};

use super::{ApiKeyBody, no_such_key};
use crate::{
    app::App,
    domain::{ApiKeyId, Timestamp, key_use::HourOfUse},
    http::{
        credentials::ClaimedSession,
        openapi::NotFound,
        page::{NewestFirst, Page, PageQuery},
        problem::ApiError,
        request::Path,
    },
    store::api_keys::{self, ApiKeyRecord},
};

/// Lists the caller's keys, newest first.
///
/// Revoked and expired ones too. The keys themselves are told by the call that creates them only.
#[utoipa::path(
    get,
    path = "/api/v1/api-keys",
    operation_id = "listApiKeys",
    tag = "API keys",
    security(("accessToken" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, ApiKeyBody>)),
)]
pub async fn list(State(app): State<App>, caller: ClaimedSession, page: NewestFirst) -> Result<Response, ApiError> {
    let mut batch = caller.batch();
    let owner_id = batch.user_id();
    let keys = batch.push(api_keys::list(owner_id, &page.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    let now = app.now();
    let position = |key: &ApiKeyRecord| (key.created_at.0, key.id.clone().into());
    Ok(page.answer(answers.take(keys)?, position, |key| ApiKeyBody::new(key, now)))
}

/// Shows one of the caller's keys.
///
/// One of the caller's own, also after it was revoked or expired.
#[utoipa::path(
    get,
    path = "/api/v1/api-keys/{id}",
    operation_id = "getApiKey",
    tag = "API keys",
    security(("accessToken" = [])),
    params(("id" = ApiKeyId, Path)),
    responses(
        (status = 200, description = "The key's data, never the key.", body = ApiKeyBody),
        (status = 404, response = NotFound),
    ),
)]
pub async fn one(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<ApiKeyId>,
) -> Result<Answer<ApiKeyBody>, ApiError> {
    let unsaved = unsaved(&app, &caller, &id).await?;
    let mut batch = caller.batch();
    let owner_id = batch.user_id();
    let key = batch.push(api_keys::of_user(&id, owner_id));
    let (_, mut answers) = batch.read(&app).await?;
    let mut key = answers.take(key)?.ok_or_else(no_such_key)?;
    key.last_used_at = key.last_used_at.max(last_used(&unsaved));
    Ok(Answer(ApiKeyBody::new(key, app.now())))
}

/// Returns the use of one of the caller's keys that is not saved yet. Call it before reading what is saved: whatever is
/// saved in between is then seen twice, and not left out.
///
/// # Errors
/// `not_found`, or the error of the caller's session.
pub async fn unsaved(app: &App, caller: &ClaimedSession, id: &ApiKeyId) -> Result<Vec<HourOfUse>, ApiError> {
    let mut batch = caller.batch();
    let owner_id = batch.user_id();
    let hash = batch.push(api_keys::hash(id, owner_id));
    let (_, mut answers) = batch.read(app).await?;
    let hash = answers.take(hash)?.ok_or_else(no_such_key)?;
    Ok(app.ports().key_gate.unsaved(hash).await?)
}

/// Returns when a key was last used, according to its unsaved use.
pub fn last_used(unsaved: &[HourOfUse]) -> Option<Timestamp> {
    unsaved.iter().filter_map(|hour| hour.last_used_ms).map(Timestamp).max()
}
