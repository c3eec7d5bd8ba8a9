use axum::{
    extract::{OriginalUri, State},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{SecurityEventName, Timestamp, UserId, formats::Uuid},
    http::{
        credentials::ClaimedAdmin,
        page::{NewestFirst, Page, PageQuery},
        parameters,
        problem::ApiError,
        request::Query,
    },
    store::audit::{self, Event, EventFilter, Person},
};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only what happened to this account.
    #[serde(default, deserialize_with = "parameters::uuid")]
    #[param(value_type = Option<UserId>)]
    user_id: Option<String>,
    /// Only events of this name.
    #[serde(default, deserialize_with = "parameters::event")]
    #[param(value_type = Option<SecurityEventName>)]
    event: Option<SecurityEventName>,
    #[param(ignore)]
    limit: Option<u32>,
    #[param(ignore)]
    cursor: Option<String>,
}

/// An event as administrators see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditEvent {
    #[schema(value_type = Uuid)]
    id: String,
    at: Timestamp,
    #[schema(value_type = SecurityEventName)]
    event: String,
    /// Whom it happened to. Of a deleted account, an id that stands for nobody.
    user_id: Option<UserId>,
    /// Who did it; null: the service, or a stranger.
    actor_id: Option<UserId>,
    ip: Option<String>,
    #[schema(max_length = 512)]
    user_agent: Option<String>,
    /// Of the event: what changed, never a secret.
    #[schema(value_type = Object)]
    details: Value,
}

impl From<Event> for AuditEvent {
    fn from(event: Event) -> Self {
        Self {
            id: event.id,
            at: event.at,
            event: event.name,
            user_id: event.user_id,
            actor_id: event.actor_id,
            ip: event.ip,
            user_agent: event.user_agent,
            details: event.details,
        }
    }
}

/// Lists everybody's security events, or one person's, newest first.
///
/// Everybody's, or with `userId` one person's, and with `event` those of that name alone. Events are kept for a year.
#[utoipa::path(
    get,
    path = "/api/v1/admin/audit-log",
    operation_id = "listSecurityEvents",
    tag = "Administration",
    security(("accessToken" = [])),
    params(Parameters, PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, AuditEvent>)),
)]
pub async fn handler(
    State(app): State<App>,
    admin: ClaimedAdmin,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let user_id = parameters.user_id.map(UserId::from);
    let filter = EventFilter { person: user_id.as_ref().map(Person::Id), name: parameters.event };
    let events = admin.read(&app, audit::list(filter, &page.rows())).await?;
    Ok(page.answer(events, |told| told.event.position(), |told| AuditEvent::from(told.event)))
}
