use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::no_such_key;
use crate::{
    app::App,
    domain::{ApiKeyId, SecurityEventName},
    http::{credentials::ClaimedSession, key_changes, openapi::NotFound, problem::ApiError, request::Path},
    store::{
        api_keys,
        webhooks::{self as store, EndingKey},
    },
    webhooks,
};

/// Revokes a key.
///
/// From the answer on, every use of the key is refused, wherever it is made. A second time is no error. It stays in the
/// list.
#[utoipa::path(
    delete,
    path = "/api/v1/api-keys/{id}",
    operation_id = "revokeApiKey",
    tag = "API keys",
    security(("accessToken" = [])),
    params(("id" = ApiKeyId, Path)),
    responses((status = 204, description = "Revoked, now or before."), (status = 404, response = NotFound)),
)]
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
    let ending = EndingKey { id: app.new_id().into(), key_id: id.as_str(), reason: "owner" };
    writes.extend(store::queue_of_keys(&[ending], app.now()));
    writes.push(api_keys::revoke(&id, owner_id, "owner", app.now()));
    writes.push(caller.event_if_changed(&app, SecurityEventName::ApiKeyRevoked, json!({ "apiKeyId": id })));
    writes.run(&app).await?;
    webhooks::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}
