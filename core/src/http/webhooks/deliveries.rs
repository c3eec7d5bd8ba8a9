use axum::{Json as Answer, extract::State, response::Response};
use http::StatusCode;

use super::{DeliveryBody, disabled, no_such_webhook};
use crate::{
    app::App,
    domain::{WebhookDeliveryId, WebhookId},
    http::{
        credentials::ClaimedSession,
        openapi::{ConflictWebhookDisabled, NotFound, RateLimited},
        page::{NewestFirst, Page, PageQuery},
        person_limits,
        problem::ApiError,
        request::Path,
    },
    store::webhooks::{self as store, Delivery},
    webhooks,
};

/// Lists what a webhook is told, newest first.
///
/// Of the last 30 days.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{id}/deliveries",
    operation_id = "listWebhookDeliveries",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(("id" = WebhookId, Path), PageQuery),
    responses(
        (status = 200, description = "A page.", body = Page<'_, DeliveryBody>),
        (status = 404, response = NotFound),
    ),
)]
pub async fn list(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<WebhookId>,
    page: NewestFirst,
) -> Result<Response, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let webhook = batch.push(store::find(&id, user_id, app.now()));
    let deliveries = batch.push(store::deliveries(&id, user_id, &page.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    answers.take(webhook)?.ok_or_else(no_such_webhook)?;
    let position = |delivery: &Delivery| (delivery.created_at.0, delivery.id.clone().into());
    Ok(page.answer(answers.take(deliveries)?, position, DeliveryBody::from))
}

/// Sends a webhook a `webhook.test`.
///
/// Whatever events it is told of. It is sent like any other: after the answer, and again where it is not taken.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{id}/test",
    operation_id = "testWebhook",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(("id" = WebhookId, Path)),
    responses(
        (status = 202, description = "What is going to be sent.", body = DeliveryBody),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictWebhookDisabled),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn test(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<WebhookId>,
) -> Result<(StatusCode, Answer<DeliveryBody>), ApiError> {
    person_limits::admit_webhook_call(&app, caller.confirm(&app).await?.confirmed()).await?;
    let (delivery_id, now) = (WebhookDeliveryId::from(app.new_id()), app.now());
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let (queue, wake) = store::queue_test(&id, &delivery_id, user_id, now);
    let queued = batch.push(queue);
    batch.push(wake);
    let webhook = batch.push(store::find(&id, user_id, now));
    let delivery = batch.push(store::delivery(&id, &delivery_id, user_id));
    let mut answers = batch.run(&app).await?;
    answers.take(webhook)?.ok_or_else(no_such_webhook)?;
    accepted(&app, answers.take(queued)?, answers.take(delivery)?)
}

/// Sends a delivery again.
///
/// One that was taken, too, or that was given up; one that waits is sent now. Its `webhook-id` stays, so that a receiver that
/// has seen it knows.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{id}/deliveries/{deliveryId}/replay",
    operation_id = "replayWebhookDelivery",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(("id" = WebhookId, Path), ("deliveryId" = WebhookDeliveryId, Path)),
    responses(
        (status = 202, description = "What is going to be sent.", body = DeliveryBody),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictWebhookDisabled),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn replay(
    State(app): State<App>,
    caller: ClaimedSession,
    Path((id, delivery_id)): Path<(WebhookId, WebhookDeliveryId)>,
) -> Result<(StatusCode, Answer<DeliveryBody>), ApiError> {
    person_limits::admit_webhook_call(&app, caller.confirm(&app).await?.confirmed()).await?;
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let (replay, wake) = store::replay(&id, &delivery_id, user_id, app.now());
    let replayed = batch.push(replay);
    batch.push(wake);
    let delivery = batch.push(store::delivery(&id, &delivery_id, user_id));
    let mut answers = batch.run(&app).await?;
    let delivery = answers.take(delivery)?.ok_or_else(|| ApiError::not_found("delivery"))?;
    accepted(&app, answers.take(replayed)?, Some(delivery))
}

fn accepted(
    app: &App,
    is_queued: bool,
    delivery: Option<Delivery>,
) -> Result<(StatusCode, Answer<DeliveryBody>), ApiError> {
    let delivery = delivery.filter(|_| is_queued).ok_or_else(disabled)?;
    webhooks::deliver_in_background(app);
    Ok((StatusCode::ACCEPTED, Answer(delivery.into())))
}
