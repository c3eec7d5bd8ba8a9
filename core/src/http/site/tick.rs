use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq as _;

use crate::{
    app::App,
    http::{
        client::Client,
        openapi::{NotFound, UnauthorizedTick},
        problem::{ApiError, INVALID_TOKEN, MISSING_CREDENTIALS},
        request_notes::CallerKind,
    },
    schedule::tick_for_request,
};
use axum::response::IntoResponse as _;

/// Sends due mail, gives changes their leaves in the log, cleans up, packs results where that is configured, and calls webhooks.
///
/// For a schedule outside, where the host has none. 404 when no `TICK_SECRET` is configured.
#[utoipa::path(
    post,
    path = "/internal/tick",
    operation_id = "tick",
    tag = "Service",
    security(("tickSecret" = [])),
    responses(
        (status = 204, description = "Done."),
        (status = 401, response = UnauthorizedTick),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(State(app): State<App>, client: Client, headers: HeaderMap) -> Result<Response, ApiError> {
    let secret = app.config().tick_secret.as_ref().ok_or_else(|| ApiError::not_found("path"))?;
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let given = given.ok_or_else(|| ApiError::new(MISSING_CREDENTIALS, "send Authorization: Bearer TICK_SECRET"))?;
    if !bool::from(given.as_bytes().ct_eq(secret.expose().as_bytes())) {
        return Err(ApiError::new(INVALID_TOKEN, "this is not TICK_SECRET"));
    }
    client.note(CallerKind::Operator);
    tick_for_request(&app).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}
