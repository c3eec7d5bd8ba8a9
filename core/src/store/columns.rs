//! Columns whose types SQLite does not have.

use std::fmt::Display;

use serde::de::DeserializeOwned;

use crate::{
    domain::api_key::KeyHash,
    ports::{DatabaseError, Row, Timestamp},
};

fn unreadable(column: &str, error: impl Display) -> DatabaseError {
    DatabaseError::Unavailable(format!("{column}: {error}"))
}

/// Reads what is kept as JSON.
pub(super) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, DatabaseError> {
    serde_json::from_str(&row.text(column)?).map_err(|error| unreadable(column, error))
}

/// Reads a number that is never negative.
pub(super) fn number(row: &Row, column: &str) -> Result<u32, DatabaseError> {
    u32::try_from(row.integer(column)?).map_err(|error| unreadable(column, error))
}

/// Reads a time.
pub(super) fn time(row: &Row, column: &str) -> Result<Timestamp, DatabaseError> {
    row.integer(column).map(Timestamp)
}

/// Reads a time that may be null.
pub(super) fn optional_time(row: &Row, column: &str) -> Result<Option<Timestamp>, DatabaseError> {
    row.optional_integer(column).map(|time| time.map(Timestamp))
}

/// Reads the hash of an API key.
pub(super) fn key_hash(row: &Row, column: &str) -> Result<KeyHash, DatabaseError> {
    let hash = row.optional_blob(column)?.as_deref().and_then(KeyHash::from_bytes);
    hash.ok_or_else(|| unreadable(column, "no hash of a key"))
}
