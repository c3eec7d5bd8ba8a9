use axum::{extract::State, response::Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{SecurityEventName, Timestamp, formats::Uuid},
    http::{
        credentials::ClaimedSession,
        page::{NewestFirst, Page, PageQuery},
        problem::ApiError,
    },
    store::audit::{self, Event},
};

/// A security event as its person sees it: who else acted is told by their office, not by name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityEvent {
    #[schema(value_type = Uuid)]
    id: String,
    at: Timestamp,
    #[schema(value_type = SecurityEventName)]
    event: String,
    /// Null where nobody was logged in: a stranger, the person themselves, or whoever runs the service.
    #[schema(inline)]
    actor: Option<Actor>,
    /// Null where an administrator acted, as is the user agent.
    #[schema(example = "192.0.2.7")]
    ip: Option<String>,
    #[schema(max_length = 512, example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    user_agent: Option<String>,
    /// Of the event: what changed, never a secret.
    #[schema(value_type = Object)]
    details: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Actor {
    #[serde(rename = "self")]
    Themselves,
    Administrator,
}

impl From<Event> for SecurityEvent {
    fn from(event: Event) -> Self {
        let is_own = |actor| if Some(actor) == event.user_id { Actor::Themselves } else { Actor::Administrator };
        let actor = event.actor_id.map(is_own);
        let is_told = actor != Some(Actor::Administrator);
        Self {
            id: event.id,
            at: event.at,
            event: event.name,
            actor,
            ip: event.ip.filter(|_| is_told),
            user_agent: event.user_agent.filter(|_| is_told),
            details: event.details,
        }
    }
}

/// Lists the caller's security events, newest first.
///
/// What happened to the account, and from where. Events are kept for a year.
#[utoipa::path(
    get,
    path = "/api/v1/users/me/audit-log",
    operation_id = "listMySecurityEvents",
    tag = "User",
    security(("accessToken" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, SecurityEvent>)),
)]
pub async fn handler(State(app): State<App>, caller: ClaimedSession, page: NewestFirst) -> Result<Response, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let events = batch.push(audit::list_of_user(user_id, &page.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    Ok(page.answer(answers.take(events)?, Event::position, SecurityEvent::from))
}
