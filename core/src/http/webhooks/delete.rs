use axum::extract::State;
use http::StatusCode;
use serde_json::json;

use super::no_such_webhook;
use crate::{
    app::App,
    domain::{SecurityEventName, WebhookId},
    http::{credentials::ClaimedSession, openapi::NotFound, problem::ApiError, request::Path},
    store::webhooks as store,
};

/// Deletes a webhook.
///
/// With what waits for it. A request that is under way comes to its end.
#[utoipa::path(
    delete,
    path = "/api/v1/webhooks/{id}",
    operation_id = "deleteWebhook",
    tag = "Webhooks",
    security(("accessToken" = [])),
    params(("id" = WebhookId, Path)),
    responses((status = 204, description = "Deleted."), (status = 404, response = NotFound)),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<WebhookId>,
) -> Result<StatusCode, ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let deleted = batch.push(store::delete(&id, user_id));
    batch.push(caller.event_if_changed(&app, SecurityEventName::WebhookDeleted, json!({ "webhookId": id })));
    if batch.run(&app).await?.take(deleted)? { Ok(StatusCode::NO_CONTENT) } else { Err(no_such_webhook()) }
}
