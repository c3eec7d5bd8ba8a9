//! Invalidation of API keys. Handlers that change keys, or their owners, invalidate the keys at the gate first, so that
//! no instance goes on with what it knew.

use super::problem::ApiError;
use crate::{app::App, domain::api_key::KeyHash};

/// Invalidates the keys at the gate.
///
/// # Errors
/// An internal error where the gate cannot be reached: the handler must then change nothing.
pub async fn invalidate(app: &App, keys: &[KeyHash]) -> Result<(), ApiError> {
    Ok(app.ports().key_gate.invalidate(keys).await?)
}

/// Invalidates the keys that are not among those in `before`, which were invalidated before the batch.
///
/// # Errors
/// As [`invalidate`].
pub async fn invalidate_others(app: &App, mut keys: Vec<KeyHash>, before: &[KeyHash]) -> Result<(), ApiError> {
    keys.retain(|key| !before.contains(key));
    invalidate(app, &keys).await
}
