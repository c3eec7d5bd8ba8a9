use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;

use super::{ApiKeyBody, may_have, no_such_key, not_active};
use crate::{
    app::App,
    domain::api_key_settings::ApiKeyChange,
    http::{
        credentials::Person,
        key_changes, limits,
        problem::ApiError,
        request::{Json, Path, given},
    },
    ports::{Rows, Statement},
    store::{
        api_keys::{self, ApiKeyRecord},
        key_uses,
    },
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
    person: Person,
    Path(id): Path<String>,
    Json(body): Json<Body>,
) -> Result<Answer<ApiKeyBody>, ApiError> {
    let Body { name, description, scopes, rate_limit, allowed_ips } = body;
    let change = ApiKeyChange { name, description, scopes, rate_limit, allowed_ips };
    let change = change.check().map_err(ApiError::mistakes)?;
    let members = change.members();
    limits::admit_key_change(&app, &person).await?;

    let of_caller = |sql| Statement::new(sql).bind(id.as_str()).bind(person.user_id.as_str());
    let (user, answers) = person.read_statements(&app, vec![of_caller(key_uses::HASH_OF)]).await?;
    let hashes = answers.into_iter().next().filter(|rows| !rows.is_empty()).ok_or_else(no_such_key)?;
    may_have(&app, &user.role, change.scopes.as_deref().unwrap_or_default())?;
    // Names and descriptions decide nothing.
    if change.scopes.is_some() || change.rate_limit.is_some() || change.allowed_ips.is_some() {
        key_changes::announce(&app, Some(hashes)).await?;
    }
    let now = app.now();
    let mut writes = Vec::new();
    if !members.is_empty() {
        writes.push(api_keys::change(&id, &person.user_id, &change, now));
        let details = json!({ "apiKeyId": id.as_str(), "members": members });
        let event = person.client.event(&app, "api_key_changed", details);
        writes.push(event.of_if_changed(&person.user_id, Some(&person.user_id)));
    }
    writes.push(of_caller(api_keys::OF_USER));
    let answers = person.write_statements(&app, writes).await??;
    let row = answers.into_iter().next_back().and_then(Rows::into_first).ok_or_else(no_such_key)?;
    let key = ApiKeyRecord::from_row(&row)?;
    // As the batch found it: of a key that does not live, nothing was changed.
    if key.status(now) == "active" { Ok(Answer(ApiKeyBody::new(key, now))) } else { Err(not_active(&key, now)) }
}
