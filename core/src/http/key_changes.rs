//! Handlers that change keys, or the people who own them, invalidate them at the gate first: so no instance goes on with
//! what it knew.

use super::problem::ApiError;
use crate::{
    app::App,
    domain::api_key::KeyHash,
    ports::{DatabaseError, Rows, Statement},
    store::api_keys,
};

/// Invalidates the keys at the gate.
///
/// # Errors
/// A fault where the gate cannot be told: then nothing may be changed.
pub async fn invalidate(app: &App, keys: &[KeyHash]) -> Result<(), ApiError> {
    Ok(app.ports().key_gate.announce(keys).await?)
}

/// Invalidates, after the batch, the keys that were made after `before` were invalidated.
///
/// # Errors
/// As [`invalidate`].
pub async fn invalidate_others(app: &App, mut keys: Vec<KeyHash>, before: &[KeyHash]) -> Result<(), ApiError> {
    keys.retain(|key| !before.contains(key));
    invalidate(app, &keys).await
}

/// Reads the hashes of a person's keys that may still work.
#[must_use]
pub fn live_keys(app: &App, user_id: &str) -> Statement {
    api_keys::live_hashes(user_id, app.now()).into_statement()
}

/// Invalidates the keys of these rows.
///
/// # Errors
/// As [`invalidate`].
pub async fn announce(app: &App, rows: Option<Rows>) -> Result<Vec<KeyHash>, ApiError> {
    let hashes = hashes(rows)?;
    invalidate(app, &hashes).await?;
    Ok(hashes)
}

/// Invalidates, after the batch, the keys of these rows that were made after the announcement.
///
/// # Errors
/// As [`invalidate`].
pub async fn announce_others(app: &App, rows: Option<Rows>, announced: &[KeyHash]) -> Result<(), ApiError> {
    invalidate_others(app, hashes(rows)?, announced).await
}

fn hashes(rows: Option<Rows>) -> Result<Vec<KeyHash>, DatabaseError> {
    let unreadable = || DatabaseError::Unavailable("a key's hash cannot be read".to_owned());
    let hash = |row: crate::ports::Row| {
        row.optional_blob("key_hash")?.as_deref().and_then(KeyHash::from_bytes).ok_or_else(unreadable)
    };
    rows.into_iter().flatten().map(hash).collect()
}
