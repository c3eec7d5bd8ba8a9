//! `/api/v1/webhooks`: addresses of a person's that are called about events.

mod body;
pub mod change;
mod checks;
pub mod create;
pub mod delete;
pub mod deliveries;
mod errors;
pub mod read;
pub mod rotate;

use axum::{
    Router,
    routing::{get, post},
};
use utoipa::OpenApi;

pub use self::body::{DeliveryBody, WebhookBody, WebhookWithSecret};
use self::{
    checks::{check_events, check_url},
    errors::{disabled, no_such_webhook, too_many},
};
use crate::app::App;

/// OpenAPI descriptions of these endpoints.
#[derive(OpenApi)]
#[openapi(paths(
    read::list,
    create::handler,
    read::one,
    change::handler,
    delete::handler,
    rotate::handler,
    deliveries::test,
    deliveries::list,
    deliveries::replay
))]
pub struct Described;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(read::list).post(create::handler))
        .route("/{id}", get(read::one).patch(change::handler).delete(delete::handler))
        .route("/{id}/rotate", post(rotate::handler))
        .route("/{id}/test", post(deliveries::test))
        .route("/{id}/deliveries", get(deliveries::list))
        .route("/{id}/deliveries/{deliveryId}/replay", post(deliveries::replay))
}
