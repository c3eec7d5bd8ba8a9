use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;

use super::{UserBody, account_gone};
use crate::{
    app::App,
    domain::account,
    http::{
        credentials::ClaimedSession,
        limits,
        problem::ApiError,
        request::{Json, given},
    },
    store::users,
};

/// Tells who the caller is.
pub async fn get(State(app): State<App>, caller: ClaimedSession) -> Result<Answer<UserBody>, ApiError> {
    Ok(Answer(caller.confirm(&app).await?.user.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    #[serde(default, deserialize_with = "given")]
    full_name: Option<Option<String>>,
}

/// Changes what is given; `null` removes the name.
pub async fn patch(
    State(app): State<App>,
    caller: ClaimedSession,
    Json(body): Json<Body>,
) -> Result<Answer<UserBody>, ApiError> {
    limits::admit_person(&app, caller.confirm(&app).await?.confirmed()).await?;
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    if let Some(name) = body.full_name {
        let name = name.map(|name| account::full_name(&name)).transpose();
        let name = name.map_err(|refusal| ApiError::invalid_member("/fullName", refusal))?;
        batch.push(users::rename(user_id, name.as_deref(), app.now()));
        batch.push(caller.event_if_changed(&app, "profile_changed", json!({ "members": ["fullName"] })));
    }
    let user = batch.push(users::find(user_id));
    let user = batch.run(&app).await?.take(user)?;
    Ok(Answer(user.ok_or_else(account_gone)?.into()))
}
