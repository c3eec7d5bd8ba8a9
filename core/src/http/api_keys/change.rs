use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;

use super::{ApiKeyBody, no_such_key, not_active};
use crate::{
    app::App,
    domain::{ApiKeyId, api_key::KeyStatus, api_key_settings::AskedApiKeyChange},
    http::{
        credentials::{ClaimedSession, may_have},
        key_changes, limits,
        problem::ApiError,
        request::{Json, Path, given},
    },
    store::api_keys,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    rate_limit: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    allowed_ips: Option<Vec<String>>,
}

/// Changes what is given of a key; its next use is decided by that. A `null` description is removed.
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<ApiKeyId>,
    Json(body): Json<Body>,
) -> Result<Answer<ApiKeyBody>, ApiError> {
    let Body { name, description, scopes, rate_limit, allowed_ips } = body;
    let change = AskedApiKeyChange { name, description, scopes, rate_limit, allowed_ips };
    let change = change.check().map_err(ApiError::mistakes)?;
    let members = change.members();

    let mut reads = caller.batch();
    let owner_id = reads.user_id();
    let hash = reads.push(api_keys::hash(&id, owner_id));
    let (session, mut answers) = reads.read(&app).await?;
    let hash = answers.take(hash)?.ok_or_else(no_such_key)?;
    may_have(&app, session.user.role, change.scopes.as_deref().unwrap_or_default())?;
    limits::admit_key_change(&app, session.confirmed()).await?;
    // Names and descriptions decide nothing.
    if change.scopes.is_some() || change.rate_limit.is_some() || change.allowed_ips.is_some() {
        key_changes::invalidate(&app, &[hash]).await?;
    }
    let now = app.now();
    let mut writes = caller.batch();
    if !members.is_empty() {
        writes.push(api_keys::change(&id, owner_id, &change, now));
        let details = json!({ "apiKeyId": id, "members": members });
        writes.push(caller.event_if_changed(&app, "api_key_changed", details));
    }
    let key = writes.push(api_keys::of_user(&id, owner_id));
    let key = writes.run(&app).await?.take(key)?.ok_or_else(no_such_key)?;
    // As the batch found it: of a key that does not live, nothing was changed.
    if key.status(now) == KeyStatus::Active {
        Ok(Answer(ApiKeyBody::new(key, now)))
    } else {
        Err(not_active(&key, now))
    }
}
