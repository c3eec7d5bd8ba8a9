use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use crate::{
    app::App,
    http::{credentials::Person, problem::ApiError, request::Path},
    ports::{Rows, Statement},
    store::api_keys,
};

/// Revokes a key; its next request is refused. A second time is no error.
pub async fn handler(State(app): State<App>, person: Person, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let of_caller = |sql| Statement::new(sql).bind(id.as_str()).bind(person.user_id.as_str());
    let event = person.client.event(&app, "api_key_revoked", json!({ "apiKeyId": id.as_str() }));
    let writes = vec![
        of_caller(api_keys::REVOKE).bind(app.now()),
        event.of_if_changed(&person.user_id, Some(&person.user_id)),
        of_caller(api_keys::OF_USER),
    ];
    let answers = person.write(&app, writes).await??;
    let found = answers.into_iter().next_back().and_then(Rows::into_first);
    found.map(|_| StatusCode::NO_CONTENT).ok_or_else(|| ApiError::not_found("API key"))
}
