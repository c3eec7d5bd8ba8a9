use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::no_such_key;
use crate::{
    app::App,
    http::{credentials::Person, key_changes, problem::ApiError, request::Path},
    store::{Batch, api_keys},
};

/// Revokes a key; its next request is refused. A second time is no error.
pub async fn handler(State(app): State<App>, person: Person, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let mut reads = Batch::new();
    let hash = reads.push(api_keys::hash(&id, &person.user_id));
    let (_, mut answers) = person.read(&app, reads).await?;
    let hash = answers.take(hash)?.ok_or_else(no_such_key)?;
    key_changes::invalidate(&app, &[hash]).await?;
    let event = person.client.event(&app, "api_key_revoked", json!({ "apiKeyId": id.as_str() }));
    let mut writes = Batch::new();
    writes.push(api_keys::revoke(&id, &person.user_id, "owner", app.now()));
    writes.push(event.of_if_changed(&person.user_id, Some(&person.user_id)));
    person.write(&app, writes).await?;
    Ok(StatusCode::NO_CONTENT)
}
