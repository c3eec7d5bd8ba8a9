use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    http::{credentials::Person, page::NewestFirst, parameters, problem::ApiError, request::Query},
    ports::Statement,
    store::audit::{self, Event},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Parameters {
    #[serde(default, deserialize_with = "parameters::uuid")]
    user_id: Option<String>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Everybody's security events, or one person's, newest first.
pub async fn handler(
    State(app): State<App>,
    person: Person,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let statement = match parameters.user_id {
        Some(user_id) => Statement::new(audit::OF_USER).bind(user_id),
        None => Statement::new(audit::ALL),
    };
    let answers = person.read_statements_as_admin(&app, vec![page.bind(statement)]).await?;
    let events = answers.into_iter().flatten().map(|row| Event::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    Ok(page.answer(events, Event::position, |event| {
        json!({
            "id": event.id,
            "at": event.at,
            "event": event.name,
            "userId": event.user_id,
            "actorId": event.actor_id,
            "ip": event.ip,
            "userAgent": event.user_agent,
            "details": event.details,
        })
    }))
}
