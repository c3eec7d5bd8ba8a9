//! Columns that hold more than SQLite knows of: names of a few values, and JSON.

use serde::de::DeserializeOwned;

use crate::ports::{DatabaseError, Row};

/// Reads a column that names one of a few values.
pub(super) fn read_named<T>(row: &Row, column: &str, named: impl Fn(&str) -> Option<T>) -> Result<T, DatabaseError> {
    let name = row.text(column)?;
    named(&name).ok_or_else(|| DatabaseError::Unavailable(format!("{column} is {name}")))
}

/// Reads a column of JSON that we wrote.
pub(super) fn read_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, DatabaseError> {
    optional_json(row, column)?.ok_or_else(|| DatabaseError::Unavailable(format!("{column} is null")))
}

/// Reads a column of JSON that we wrote, where it is not null.
pub(super) fn optional_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, DatabaseError> {
    let unreadable = |error| DatabaseError::Unavailable(format!("{column}: {error}"));
    row.optional_text(column)?.map(|text| serde_json::from_str(&text)).transpose().map_err(unreadable)
}
