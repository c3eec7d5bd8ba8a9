//! What changes keys, or the people who own them, tells the gate first: so no instance goes on with what it knew.

use super::problem::ApiError;
use crate::{
    app::App,
    domain::api_key::KeyHash,
    ports::{DatabaseError, Rows, Statement},
    store::key_uses,
};

/// Reads the hashes of a person's keys that may still work.
#[must_use]
pub fn live_keys(app: &App, user_id: &str) -> Statement {
    Statement::new(key_uses::LIVE_HASHES).bind(user_id).bind(app.now())
}

/// Tells the gate about the keys of these rows.
///
/// # Errors
/// A fault where it cannot be told: then nothing may be changed.
pub async fn announce(app: &App, rows: Option<Rows>) -> Result<Vec<KeyHash>, ApiError> {
    let hashes = hashes(rows)?;
    app.ports().key_gate.announce(&hashes).await?;
    Ok(hashes)
}

/// Tells the gate, after the batch, about keys that were made between the announcement and the batch.
///
/// # Errors
/// As [`announce`].
pub async fn announce_others(app: &App, rows: Option<Rows>, announced: &[KeyHash]) -> Result<(), ApiError> {
    let mut hashes = hashes(rows)?;
    hashes.retain(|hash| !announced.contains(hash));
    Ok(app.ports().key_gate.announce(&hashes).await?)
}

/// The hashes of these rows.
///
/// # Errors
/// When one cannot be read.
pub fn hashes(rows: Option<Rows>) -> Result<Vec<KeyHash>, DatabaseError> {
    let unreadable = || DatabaseError::Unavailable("a key's hash cannot be read".to_owned());
    let hash = |row: crate::ports::Row| {
        row.optional_blob("key_hash")?.as_deref().and_then(KeyHash::from_bytes).ok_or_else(unreadable)
    };
    rows.into_iter().flatten().map(hash).collect()
}
