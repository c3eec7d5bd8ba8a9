//! Handlers that change keys, or the people who own them, invalidate them at the gate first: so no instance goes on with
//! what it knew.

use super::problem::ApiError;
use crate::{app::App, domain::api_key::KeyHash};

/// Invalidates the keys at the gate.
///
/// # Errors
/// An internal error where the gate cannot be told: then nothing may be changed.
pub async fn invalidate(app: &App, keys: &[KeyHash]) -> Result<(), ApiError> {
    Ok(app.ports().key_gate.invalidate(keys).await?)
}

/// Invalidates, after the batch, the keys that were made after `before` were invalidated.
///
/// # Errors
/// As [`invalidate`].
pub async fn invalidate_others(app: &App, mut keys: Vec<KeyHash>, before: &[KeyHash]) -> Result<(), ApiError> {
    keys.retain(|key| !before.contains(key));
    invalidate(app, &keys).await
}
