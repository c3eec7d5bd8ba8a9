use axum::extract::{Request, State};
use http::StatusCode;

use super::{header, mark, refused, require_timely};
use crate::{
    app::App,
    domain::undeliverable::ResendEvent,
    http::{
        openapi::{ForbiddenWebhook, NotConfigured, UploadTooLarge},
        problem::ApiError,
        request::{UPLOAD_LIMIT, parse_json, read_body, require_json},
    },
};

/// Takes an event of Resend.
///
/// For Resend: configure this address as a webhook, and its secret as `RESEND_WEBHOOK_SECRET`. A bounce for good
/// (`email.bounced` of the type `Permanent`) and a complaint (`email.complained`) mark the address as undeliverable; every
/// other event is taken and does nothing, and so is one that comes again.
#[utoipa::path(
    post,
    path = "/api/v1/mail/webhooks/resend",
    operation_id = "receiveResendEvent",
    tag = "Service",
    params(
        ("Svix-Id" = String, Header, description = "The message.", max_length = 1000, example = "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("Svix-Timestamp" = String, Header, description = "When it was signed, in seconds since the epoch: within 5 minutes of now.", max_length = 1000, example = "1614265330"),
        (
            "Svix-Signature" = String,
            Header,
            description = "HMAC-SHA256 over id, timestamp and body: `v1,` and base64, one or more, separated by spaces.",
            max_length = 1000,
            example = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        ),
    ),
    request_body(content = ResendEvent, description = "At most 1 MiB."),
    responses(
        (status = 204, description = "It is taken."),
        (status = 403, response = ForbiddenWebhook),
        (status = 404, response = NotConfigured),
        (status = 413, response = UploadTooLarge),
    ),
)]
pub async fn handler(State(app): State<App>, request: Request) -> Result<StatusCode, ApiError> {
    let Some(secret) = &app.config().mail_webhooks.resend else { return Err(ApiError::not_found("path")) };
    let (parts, body) = request.into_parts();
    require_json(&parts.headers)?;
    let body = read_body(&parts.headers, body, UPLOAD_LIMIT).await?;
    let read = |name| header(&parts.headers, name).ok_or_else(|| refused("a header of the signature is missing"));
    let (id, timestamp, signatures) = (read("svix-id")?, read("svix-timestamp")?, read("svix-signature")?);
    if !secret.verify(id, timestamp, &body, signatures) {
        return Err(refused("no signature is of this body with the secret that is configured"));
    }
    require_timely(&app, timestamp)?;
    let event = parse_json::<ResendEvent>(&body)?;
    mark(&app, "resend", event.read()).await
}
