use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde_json::{Value, json};

use crate::{
    app::App,
    http::{
        credentials::Person,
        page::{PageQuery, list as list_answer, newest_first, page_size, take_page},
        problem::ApiError,
        request::Query,
    },
    ports::Statement,
    store::audit::{self, Event},
};

/// The person's security events, newest first.
pub async fn handler(
    State(app): State<App>,
    person: Person,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let limit = page_size(page.limit)?;
    let (at, id) = newest_first(page.cursor.as_deref())?;
    let statement =
        Statement::new(audit::OF_USER).bind(person.user_id.as_str()).bind(at).bind(id).bind(limit.saturating_add(1));
    let (_, answers) = person.read(&app, vec![statement]).await?;
    let events = answers.into_iter().flatten().map(|row| Event::from_row(&row)).collect::<Result<Vec<_>, _>>()?;
    let (events, next) = take_page(events, limit, |event| (event.at.0, event.id.clone()));
    Ok(list_answer(&uri, &events.into_iter().map(body).collect::<Vec<_>>(), next))
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
