use axum::{Json as Answer, extract::State};
use serde::Deserialize;

use super::UserBody;
use crate::{
    app::App,
    domain::account,
    http::{
        credentials::Person,
        limits,
        problem::ApiError,
        request::{Json, given},
    },
    ports::{Rows, Statement},
    store::users::{self, User},
};

/// The caller.
pub async fn get(State(app): State<App>, person: Person) -> Result<Answer<UserBody>, ApiError> {
    let (user, _) = person.read_statements(&app, Vec::new()).await?;
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
    limits::admit_person(&app, &person).await?;
    let mut writes = Vec::new();
    if let Some(name) = body.full_name {
        let name = name.map(|name| account::full_name(&name)).transpose();
        let name = name.map_err(|refusal| ApiError::invalid_member("/fullName", refusal))?;
        writes.push(Statement::new(users::RENAME).bind(person.user_id.as_str()).bind(name).bind(app.now()));
        let event = person.client.event(&app, "profile_changed", serde_json::json!({ "members": ["fullName"] }));
        writes.push(event.of_if_changed(&person.user_id, Some(&person.user_id)));
    }
    writes.push(Statement::new(users::BY_ID).bind(person.user_id.as_str()));
    let answers = person.write_statements(&app, writes).await??;
    let row = answers.into_iter().next_back().and_then(Rows::into_first);
    let user = User::from_row(&row.ok_or_else(|| ApiError::internal("the person of a live session is gone"))?)?;
    Ok(Answer(user.into()))
}
