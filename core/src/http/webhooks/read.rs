use axum::{Json as Answer, extract::State, response::Response};

use super::{WebhookBody, no_such_webhook};
use crate::{
    app::App,
    domain::WebhookId,
    http::{
        credentials::ClaimedSession,
        openapi::NotFound,
        page::{NewestFirst, Page, PageQuery},
        problem::ApiError,
        request::Path,
    },
    store::webhooks::{self as store, Webhook},
};

/// Lists the caller's webhooks, newest first.
///
/// Without their secrets, which are told by the calls that make them only.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    operation_id = "listWebhooks",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, WebhookBody>)),
)]
pub async fn list(State(app): State<App>, caller: ClaimedSession, page: NewestFirst) -> Result<Response, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let webhooks = batch.push(store::list(user_id, &page.rows(), app.now()));
    let (_, mut answers) = batch.read(&app).await?;
    let position = |webhook: &Webhook| (webhook.created_at.0, webhook.id.clone().into());
    Ok(page.answer(answers.take(webhooks)?, position, WebhookBody::from))
}

/// Shows one of the caller's webhooks.
///
/// Somebody else's is 404.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{id}",
    operation_id = "getWebhook",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(("id" = WebhookId, Path)),
    responses(
        (status = 200, description = "The webhook, without its secret.", body = WebhookBody),
        (status = 404, response = NotFound),
    ),
)]
pub async fn one(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<WebhookId>,
) -> Result<Answer<WebhookBody>, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let webhook = batch.push(store::find(&id, user_id, app.now()));
    let (_, mut answers) = batch.read(&app).await?;
    Ok(Answer(answers.take(webhook)?.ok_or_else(no_such_webhook)?.into()))
}
