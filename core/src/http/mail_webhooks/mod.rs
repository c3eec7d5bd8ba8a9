//! `/api/v1/mail/webhooks`: where mail providers report bounces and complaints. Each route exists where its provider's
//! key is configured.

mod resend;
mod sendgrid;

use axum::{Router, routing::post};
use http::{HeaderMap, StatusCode};

use super::problem::{ApiError, INVALID_SIGNATURE};
use crate::{
    app::App,
    domain::{standard_webhooks::is_timely, undeliverable::DeliveryEvent},
    store::{Batch, undeliverable::UndeliverableEvents},
};

/// Longest header that is read, in bytes.
const LONGEST_HEADER: usize = 1000;

/// OpenAPI descriptions of these endpoints.
#[derive(utoipa::OpenApi)]
#[openapi(paths(resend::handler, sendgrid::handler))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new().route("/resend", post(resend::handler)).route("/sendgrid", post(sendgrid::handler))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|value| (1..=LONGEST_HEADER).contains(&value.len()))
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(INVALID_SIGNATURE, detail)
}

/// Checks that a signed timestamp is within 5 minutes of now, so that nobody replays later what they overheard.
fn require_timely(app: &App, timestamp: &str) -> Result<(), ApiError> {
    let is_timely = is_timely(timestamp, app.now().seconds());
    if is_timely { Ok(()) } else { Err(refused("the timestamp is more than 5 minutes from now")) }
}

/// Marks addresses as undeliverable. An event that comes again changes nothing, and addresses that nothing was sent to
/// are not kept.
async fn mark(app: &App, provider: &'static str, events: Vec<DeliveryEvent>) -> Result<StatusCode, ApiError> {
    if !events.is_empty() {
        let events = events.into_iter().map(|event| (app.new_id(), event)).collect::<Vec<_>>();
        let undeliverable = UndeliverableEvents::new(provider, &events, app.now())
            .map_err(|error| ApiError::internal(error.to_string()))?;
        let batch = Batch::from_iter([undeliverable.mark(app.now()), undeliverable.add_events(app.now())]);
        batch.run(app.database()).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
