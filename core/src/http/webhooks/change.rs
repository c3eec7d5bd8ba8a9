use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{WebhookBody, check_events, check_url, no_such_webhook};
use crate::{
    app::App,
    domain::{
        SecurityEventName, WebhookId,
        webhook::{WebhookEvent, WebhookStatus},
    },
    http::{
        credentials::ClaimedSession,
        openapi::{NotFound, RateLimited},
        person_limits,
        problem::ApiError,
        request::{Json, Path, Validator, given},
    },
    store::webhooks::{self as store, WebhookChange},
    webhooks,
};

/// Members left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = WebhookPatch)]
pub struct Body {
    /// An `https` address on the internet, without credentials or fragment. What waits goes there, too.
    #[serde(default, deserialize_with = "given")]
    #[schema(
        nullable = false,
        format = "uri",
        pattern = "^https?://",
        max_length = 2048,
        example = "https://example.org/hooks/aibaas"
    )]
    url: Option<String>,
    /// Null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false, value_type = Option<BTreeSet<WebhookEvent>>, min_items = 1)]
    events: Option<Vec<WebhookEvent>>,
    /// `disabled`: it is not called. `enabled`: it is, as if nothing had failed.
    #[serde(default, deserialize_with = "given")]
    #[schema(nullable = false)]
    status: Option<WebhookStatus>,
}

/// Changes a webhook.
///
/// Disables it, or enables it again: what waited then is sent, and the public log goes on where it stopped. A body without
/// members changes nothing.
#[utoipa::path(
    patch,
    path = "/api/v1/webhooks/{id}",
    operation_id = "changeWebhook",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(("id" = WebhookId, Path)),
    request_body = Body,
    responses(
        (status = 200, description = "The webhook as it is now.", body = WebhookBody),
        (status = 404, response = NotFound),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<WebhookId>,
    Json(body): Json<Body>,
) -> Result<Answer<WebhookBody>, ApiError> {
    let mut validator = Validator::default();
    let url = body.url.as_deref().and_then(|url| check_url(&app, &mut validator, url));
    let description =
        body.description.as_ref().map(|text| validator.optional_text("/description", text.as_deref(), 1000));
    let events = body.events.map(|events| check_events(&mut validator, events));
    validator.finish()?;
    person_limits::admit_person(&app, caller.confirm(&app).await?.confirmed()).await?;
    let members = [
        ("url", url.is_some()),
        ("description", description.is_some()),
        ("events", events.is_some()),
        ("status", body.status.is_some()),
    ];
    let members = members.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect::<Vec<_>>();
    let change = WebhookChange { url, description, events };
    let now = app.now();
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    batch.push(store::make_due(&id, user_id, &change, body.status, now));
    let found = batch.push(store::change(&id, user_id, &change, now));
    if !members.is_empty() {
        let details = json!({ "webhookId": id, "members": members });
        batch.push(caller.event_if_changed(&app, SecurityEventName::WebhookChanged, details));
    }
    if let Some(status) = body.status {
        batch.push(store::set_status(&id, user_id, status, now));
    }
    let webhook = batch.push(store::find(&id, user_id, now));
    let mut answers = batch.run(&app).await?;
    if !answers.take(found)? {
        return Err(no_such_webhook());
    }
    if change.url.is_some() || body.status == Some(WebhookStatus::Enabled) {
        webhooks::deliver_in_background(&app);
    }
    Ok(Answer(answers.take(webhook)?.ok_or_else(no_such_webhook)?.into()))
}
