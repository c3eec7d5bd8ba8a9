use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    http::{credentials::ClaimedAdmin, page::NewestFirst, parameters, problem::ApiError, request::Query},
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

/// Lists everybody's security events, or one person's, newest first.
pub async fn handler(
    State(app): State<App>,
    admin: ClaimedAdmin,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let mut batch = admin.batch();
    let events = batch.push(match parameters.user_id {
        Some(user_id) => audit::list_of_user(&user_id.into(), &page.rows()),
        None => audit::list(&page.rows()),
    });
    let (_, mut answers) = batch.read(&app).await?;
    Ok(page.answer(answers.take(events)?, Event::position, |event| {
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
