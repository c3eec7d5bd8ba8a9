use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::no_such_key;
use crate::{
    app::App,
    http::{credentials::Person, key_changes, problem::ApiError, request::Path},
    ports::Statement,
    store::{api_keys, key_uses},
};

/// Revokes a key; its next request is refused. A second time is no error.
pub async fn handler(State(app): State<App>, person: Person, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let of_caller = |sql| Statement::new(sql).bind(id.as_str()).bind(person.user_id.as_str());
    let (_, answers) = person.read_statements(&app, vec![of_caller(key_uses::HASH_OF)]).await?;
    if key_changes::announce(&app, answers.into_iter().next()).await?.is_empty() {
        return Err(no_such_key());
    }
    let event = person.client.event(&app, "api_key_revoked", json!({ "apiKeyId": id.as_str() }));
    let writes = vec![
        of_caller(api_keys::REVOKE).essential().bind(app.now()).bind("owner"),
        event.of_if_changed(&person.user_id, Some(&person.user_id)),
    ];
    person.write_statements(&app, writes).await??;
    Ok(StatusCode::NO_CONTENT)
}
