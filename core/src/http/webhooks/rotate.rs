use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::json;

use super::{WebhookWithSecret, no_such_webhook};
use crate::{
    app::App,
    domain::{SecurityEventName, WebhookId, standard_webhooks::WebhookSecret},
    http::{
        credentials::ClaimedSession,
        idempotency::{Caller, Claim, Fulfilled, Idempotency, Reply},
        openapi::{IdempotencyKey, NotFound, RateLimited},
        person_limits,
        problem::ApiError,
        request::Path,
    },
    store::webhooks as store,
    webhooks,
};

/// How long the secret before signs, too, in seconds: a day.
const OVERLAP_SECONDS: i64 = 86_400;

/// Gives a webhook another secret, and shows it this once.
///
/// For 24 hours requests carry a signature by the secret before, too, so that the receiver can be changed meanwhile. Of the
/// secret before that one nothing is left.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{id}/rotate",
    operation_id = "rotateWebhookSecret",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(("id" = WebhookId, Path), IdempotencyKey),
    responses(
        (status = 200, description = "The webhook, with its new secret.", body = WebhookWithSecret),
        (status = 404, response = NotFound),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<WebhookId>,
    request: Idempotency,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Session(&caller), |claim| rotate(&app, &caller, &id, claim)).await
}

async fn rotate(app: &App, caller: &ClaimedSession, id: &WebhookId, claim: Claim) -> Result<Fulfilled, ApiError> {
    let now = app.now();
    let mut reads = caller.batch();
    let user_id = reads.user_id();
    let webhook = reads.push(store::find(id, user_id, now));
    let (session, mut answers) = reads.read(app).await?;
    let mut webhook = answers.take(webhook)?.ok_or_else(no_such_webhook)?;
    person_limits::admit_person(app, session.confirmed()).await?;
    let secret = WebhookSecret::generate(&app.random());
    let sealed = webhooks::seal(app, id, &secret).map_err(ApiError::internal)?;
    let previous_until = now.plus_seconds(OVERLAP_SECONDS);
    webhook.previous_until = Some(previous_until);
    let mut batch = caller.batch();
    let rotated = batch.push(store::rotate(id, user_id, sealed, previous_until));
    batch.push(caller.event_if_changed(app, SecurityEventName::WebhookSecretRotated, json!({ "webhookId": id })));
    let answer = WebhookWithSecret { webhook: webhook.into(), secret: secret.text() };
    let reply = Reply::json(StatusCode::OK, &answer)?;
    let fulfilled = claim.fulfil_if_changed(&mut batch, app, reply)?;
    if batch.run(app).await?.take(rotated)? { Ok(fulfilled) } else { Err(no_such_webhook()) }
}
