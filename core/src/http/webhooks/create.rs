use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{WebhookWithSecret, check_events, check_url, too_many};
use crate::{
    app::App,
    domain::{
        SecurityEventName, WebhookId,
        standard_webhooks::WebhookSecret,
        webhook::{WebhookEvent, WebhookStatus},
    },
    http::{
        credentials::ClaimedSession,
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        openapi::{ConflictWebhook, IdempotencyKey, RateLimited},
        person_limits,
        problem::ApiError,
        request::{Json, Validator},
    },
    store::webhooks::{self as store, NewWebhook, Webhook},
    webhooks,
};

/// Where to be told, and of what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = WebhookCreate)]
pub struct Body {
    /// An `https` address on the internet, without credentials or fragment.
    #[schema(format = "uri", pattern = "^https?://", max_length = 2048, example = "https://example.org/hooks/aibaas")]
    url: String,
    /// What it is for.
    #[schema(max_length = 1000)]
    description: Option<String>,
    #[schema(value_type = BTreeSet<WebhookEvent>, min_items = 1, example = json!(["run.published", "run.rejected"]))]
    events: Vec<WebhookEvent>,
}

/// Makes a webhook, and shows its secret this once.
///
/// What is told, and how to verify it, is in the guide. A person has at most 10 webhooks.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks",
    operation_id = "createWebhook",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(IdempotencyKey),
    request_body = Body,
    responses(
        (status = 201, description = "The webhook, with its secret.", body = WebhookWithSecret),
        (status = 409, response = ConflictWebhook),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Idempotent(request, Json(body)): Idempotent<Json<Body>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Session(&caller), |claim| create(&app, &caller, body, claim)).await
}

async fn create(app: &App, caller: &ClaimedSession, body: Body, claim: Claim) -> Result<Fulfilled, ApiError> {
    let mut validator = Validator::default();
    let url = check_url(app, &mut validator, &body.url);
    let description = validator.optional_text("/description", body.description.as_deref(), 1000);
    let events = check_events(&mut validator, body.events);
    validator.finish()?;
    let url = url.ok_or_else(|| ApiError::internal("an address that was refused"))?;
    let confirmed = match claim.confirmed(caller) {
        Some(confirmed) => confirmed,
        None => caller.confirm(app).await?.confirmed(),
    };
    person_limits::admit_person(app, confirmed).await?;

    let (id, now) = (WebhookId::from(app.new_id()), app.now());
    let secret = WebhookSecret::generate(&app.random());
    let sealed = webhooks::seal(app, &id, &secret).map_err(ApiError::internal)?;
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let description = description.as_deref();
    let new = NewWebhook { id: &id, user_id, url: &url, description, events: &events, secret: sealed, now };
    let made = batch.push(store::create(new));
    let details = json!({ "webhookId": id });
    batch.push(caller.event_if_changed(app, SecurityEventName::WebhookCreated, details));
    let webhook = Webhook {
        id,
        user_id: user_id.clone(),
        url,
        description: description.map(str::to_owned),
        events,
        status: WebhookStatus::Enabled,
        disabled_reason: None,
        disabled_at: None,
        created_at: now,
        failing_since: None,
        previous_until: None,
    };
    let answer = WebhookWithSecret { webhook: webhook.into(), secret: secret.text() };
    let reply = Reply::json(StatusCode::CREATED, &answer)?;
    // The event is inserted only if the webhook was, so it tells as well whether there is one.
    let created = claim.fulfil_if_changed(&mut batch, app, reply)?;
    if batch.run(app).await?.take(made)? { Ok(created) } else { Err(too_many()) }
}
