use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use crate::{
    app::App,
    http::{credentials::Person, page::NewestFirst, problem::ApiError},
    ports::Statement,
    store::audit::{self, Event},
};

/// The person's security events, newest first.
pub async fn handler(State(app): State<App>, person: Person, page: NewestFirst) -> Result<Response, ApiError> {
    let statement = page.bind(Statement::new(audit::OF_USER).bind(person.user_id.as_str()));
    let (_, answers) = person.read_statements(&app, vec![statement]).await?;
    let events = answers.into_iter().flatten().map(|row| Event::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    Ok(page.answer(events, Event::position, body))
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
