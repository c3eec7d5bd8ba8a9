use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use crate::{
    app::App,
    http::{credentials::ClaimedSession, page::NewestFirst, problem::ApiError},
    store::audit::{self, Event},
};

/// Lists the caller's security events, newest first.
pub async fn handler(State(app): State<App>, caller: ClaimedSession, page: NewestFirst) -> Result<Response, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let events = batch.push(audit::list_of_user(user_id, &page.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    Ok(page.answer(answers.take(events)?, Event::position, body))
}

/// An event as its person sees it: who else acted is told by their office, not by name.
pub fn body(event: Event) -> Value {
    let actor = event.actor_id.map(|actor| if Some(actor) == event.user_id { "self" } else { "administrator" });
    json!({
        "id": event.id,
        "at": event.at,
        "event": event.name,
        "actor": actor,
        "ip": event.ip.filter(|_| actor != Some("administrator")),
        "userAgent": event.user_agent.filter(|_| actor != Some("administrator")),
        "details": event.details,
    })
}
