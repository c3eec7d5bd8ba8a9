use axum::extract::{Request, State};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;

use super::{header, mark, refused, require_timely};
use crate::{
    app::App,
    domain::{strict_json::AnyJson, undeliverable::SendGridEvent},
    http::{
        openapi::{ForbiddenWebhook, NotConfigured, UploadTooLarge},
        problem::ApiError,
        request::{UPLOAD_LIMIT, parse_json, read_body, require_json},
    },
};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// Takes events of SendGrid.
///
/// For SendGrid: configure this address as a signed event webhook, and its verification key as `SENDGRID_WEBHOOK_KEY`. A
/// bounce for good (`bounce` of the type `bounce`), a complaint (`spamreport`), and what SendGrid dropped because of one of
/// these mark the address as undeliverable; every other event is taken and does nothing, and so is one that comes again.
#[utoipa::path(
    post,
    path = "/api/v1/mail/webhooks/sendgrid",
    operation_id = "receiveSendGridEvents",
    tag = "Service",
    params(
        (
            "X-Twilio-Email-Event-Webhook-Signature" = String,
            Header,
            description = "ECDSA (P-256, SHA-256) over timestamp and body: DER, in base64.",
            max_length = 1000,
            example = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
        ),
        (
            "X-Twilio-Email-Event-Webhook-Timestamp" = String,
            Header,
            description = "When it was signed, in seconds since the epoch: within 5 minutes of now.",
            max_length = 1000,
            example = "1600112502"
        ),
    ),
    request_body(content = Vec<SendGridEvent>, description = "At most 1 MiB."),
    responses(
        (status = 204, description = "They are taken."),
        (status = 403, response = ForbiddenWebhook),
        (status = 404, response = NotConfigured),
        (status = 413, response = UploadTooLarge),
    ),
)]
pub async fn handler(State(app): State<App>, request: Request) -> Result<StatusCode, ApiError> {
    let Some(key) = &app.config().mail_webhooks.sendgrid else { return Err(ApiError::not_found("path")) };
    let (parts, body) = request.into_parts();
    require_json(&parts.headers)?;
    let body = read_body(&parts.headers, body, UPLOAD_LIMIT).await?;
    let read = |name| header(&parts.headers, name).ok_or_else(|| refused("a header of the signature is missing"));
    let (signature, timestamp) = (STANDARD.decode(read(SIGNATURE)?).unwrap_or_default(), read(TIMESTAMP)?);
    if !key.verify(&[timestamp.as_bytes(), &body].concat(), &signature) {
        return Err(refused("the signature is not of this body by the key that is configured"));
    }
    require_timely(&app, timestamp)?;
    // An event of another form than those described must not take the others with it.
    let events = parse_json::<Vec<AnyJson>>(&body)?.into_iter();
    let events = events.filter_map(|event| serde_json::from_value::<SendGridEvent>(event.0).ok()?.read());
    mark(&app, "sendgrid", events.collect()).await
}
