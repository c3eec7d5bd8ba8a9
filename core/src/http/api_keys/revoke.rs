use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::no_such_key;
use crate::{
    app::App,
    domain::ApiKeyId,
    http::{credentials::ClaimedSession, key_changes, problem::ApiError, request::Path},
    store::api_keys,
};

/// Revokes a key; its next request is refused. A second time is no error.
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<ApiKeyId>,
) -> Result<StatusCode, ApiError> {
    let mut reads = caller.batch();
    let owner_id = reads.user_id();
    let hash = reads.push(api_keys::hash(&id, owner_id));
    let (_, mut answers) = reads.read(&app).await?;
    let hash = answers.take(hash)?.ok_or_else(no_such_key)?;
    key_changes::invalidate(&app, &[hash]).await?;
    let mut writes = caller.batch();
    writes.push(api_keys::revoke(&id, owner_id, "owner", app.now()));
    writes.push(caller.event_if_changed(&app, "api_key_revoked", json!({ "apiKeyId": id })));
    writes.run(&app).await?;
    Ok(StatusCode::NO_CONTENT)
}
