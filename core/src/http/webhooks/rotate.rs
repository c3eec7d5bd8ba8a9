use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::json;

use super::{WebhookWithSecret, no_such_webhook};
use crate::{
    app::App,
    domain::{SecurityEventName, WebhookId, standard_webhooks::WebhookSecret},
    http::{
        credentials::{ClaimedSession, UserSession},
        idempotency::{Caller, Claim, Fulfilled, Idempotency, Reply},
        openapi::{IdempotencyKey, NotFound, RateLimited},
        person_limits,
        problem::ApiError,
        request::Path,
    },
    store::webhooks::{self as store, Webhook, WebhookToRotate},
    webhooks,
};

/// How long the secret before signs, too, in seconds: a day.
const OVERLAP_SECONDS: i64 = 86_400;
/// How often a rotation is tried, if the webhook changes between reading and writing.
const ATTEMPTS: usize = 5;

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

/// Replaces the secret of the webhook as it was read. A batch that finds the webhook changed writes nothing; the next
/// attempt tells it as it is then.
async fn rotate(app: &App, caller: &ClaimedSession, id: &WebhookId, mut claim: Claim) -> Result<Fulfilled, ApiError> {
    let (session, mut read) = to_rotate(app, caller, id).await?;
    person_limits::admit_person(app, session.confirmed()).await?;
    for _ in 0..ATTEMPTS {
        let secret = WebhookSecret::generate(&app.random());
        let sealed = webhooks::seal(app, id, &secret).map_err(ApiError::internal)?;
        let previous_until = app.now().plus_seconds(OVERLAP_SECONDS);
        let mut batch = caller.batch();
        let rotated = batch.push(store::rotate(&read, sealed, previous_until));
        batch.push(caller.event_if_changed(app, SecurityEventName::WebhookSecretRotated, json!({ "webhookId": id })));
        let webhook = Webhook { previous_until: Some(previous_until), ..read.webhook };
        let answer = WebhookWithSecret { webhook: webhook.into(), secret: secret.text() };
        let reply = Reply::json(StatusCode::OK, &answer)?;
        let fulfilled = claim.fulfil_if_changed(&mut batch, app, reply)?;
        if batch.run(app).await?.take(rotated)? {
            return Ok(fulfilled);
        }
        claim = fulfilled.undone();
        (_, read) = to_rotate(app, caller, id).await?;
    }
    Err(ApiError::unavailable("a webhook is changed faster than its secret can be replaced"))
}

async fn to_rotate<'a>(
    app: &App,
    caller: &'a ClaimedSession,
    id: &WebhookId,
) -> Result<(UserSession<'a>, WebhookToRotate), ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let webhook = batch.push(store::to_rotate(id, user_id, app.now()));
    let (session, mut answers) = batch.read(app).await?;
    Ok((session, answers.take(webhook)?.ok_or_else(no_such_webhook)?))
}
