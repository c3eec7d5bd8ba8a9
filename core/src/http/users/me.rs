use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;

use super::{UserBody, account_gone};
use crate::{
    app::App,
    domain::account,
    http::{
        credentials::Person,
        limits,
        problem::ApiError,
        request::{Json, given},
    },
    store::{Batch, users},
};

/// Tells who the caller is.
pub async fn get(State(app): State<App>, person: Person) -> Result<Answer<UserBody>, ApiError> {
    let (user, _) = person.read(&app, Batch::new()).await?;
    Ok(Answer(user.into()))
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
    person: Person,
    Json(body): Json<Body>,
) -> Result<Answer<UserBody>, ApiError> {
    person.read(&app, Batch::new()).await?;
    limits::admit_person(&app, &person).await?;
    let mut batch = Batch::new();
    if let Some(name) = body.full_name {
        let name = name.map(|name| account::full_name(&name)).transpose();
        let name = name.map_err(|refusal| ApiError::invalid_member("/fullName", refusal))?;
        let event = person.client.event(&app, "profile_changed", json!({ "members": ["fullName"] }));
        batch.push(users::rename(&person.user_id, name.as_deref(), app.now()));
        batch.push(event.of_if_changed(&person.user_id, Some(&person.user_id)));
    }
    let user = batch.push(users::find(&person.user_id));
    let user = person.write(&app, batch).await?.take(user)?;
    Ok(Answer(user.ok_or_else(account_gone)?.into()))
}
