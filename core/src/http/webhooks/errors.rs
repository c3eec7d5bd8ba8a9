//! Errors of the endpoints for webhooks.

use crate::{
    http::problem::{ApiError, TOO_MANY_WEBHOOKS, WEBHOOK_DISABLED},
    store::webhooks::MOST,
};

/// Creates the error for a webhook more than a person may have.
pub(super) fn too_many() -> ApiError {
    ApiError::new(TOO_MANY_WEBHOOKS, format!("delete one of your {MOST} webhooks first"))
}

/// Creates the error for a webhook that the caller does not have.
pub(super) fn no_such_webhook() -> ApiError {
    ApiError::not_found("webhook")
}

/// Creates the error for a webhook that is disabled, or has too many deliveries waiting.
pub(super) fn disabled() -> ApiError {
    ApiError::new(WEBHOOK_DISABLED, "enable it first; or wait until fewer than a thousand deliveries wait")
}
