//! Conversions between values of the domain and columns, whose types SQLite does not have: ids, times, names of a few
//! values, JSON and hashes.

use std::fmt::Display;

use serde::de::DeserializeOwned;

use crate::{
    domain::{
        ApiKeyId, BenchmarkId, ModelId, RunId, SealId, SessionId, SystemId, Timestamp, UserId, VersionName,
        WebhookDeliveryId, WebhookId,
        api_key::KeyHash,
        measure::{Direction, Measure, Metric},
        system::{Agent, System},
    },
    ports::{DatabaseError, Row, Value},
};

macro_rules! ids_as_text {
    ($($id:ty),+ $(,)?) => {$(
        impl From<&$id> for Value {
            fn from(id: &$id) -> Self {
                id.as_str().into()
            }
        }
    )+};
}
ids_as_text!(
    ApiKeyId,
    BenchmarkId,
    ModelId,
    RunId,
    SealId,
    SessionId,
    SystemId,
    UserId,
    VersionName,
    WebhookDeliveryId,
    WebhookId,
);

impl From<KeyHash> for Value {
    fn from(hash: KeyHash) -> Self {
        hash.as_bytes().as_slice().into()
    }
}

impl From<Timestamp> for Value {
    fn from(timestamp: Timestamp) -> Self {
        Self::Integer(timestamp.0)
    }
}

fn unreadable(column: &str, error: impl Display) -> DatabaseError {
    DatabaseError::Unexpected(format!("{column}: {error}"))
}

/// Reads a column of JSON.
pub(super) fn read_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, DatabaseError> {
    serde_json::from_str(&row.text(column)?).map_err(|error| unreadable(column, error))
}

/// Reads an integer that is never negative.
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

/// Reads the agent of a run.
pub(super) fn agent(row: &Row) -> Result<Option<Agent>, DatabaseError> {
    let Some(name) = row.optional_text("agent_name")? else { return Ok(None) };
    Ok(Some(Agent { name, version: row.optional_text("agent_version")? }))
}

/// Reads the system of an entry or a run.
pub(super) fn system(row: &Row) -> Result<System, DatabaseError> {
    Ok(System {
        model: row.text("model_id")?.into(),
        id: row.text("system_id")?.into(),
        agent: agent(row)?,
        configuration: row.optional_text("configuration")?,
    })
}

/// Reads what the scores of a version mean: metric, direction, unit and bounds.
pub(super) fn measure(row: &Row) -> Result<Measure, DatabaseError> {
    Ok(Measure {
        metric: read_named(row, "metric", Metric::named)?,
        direction: read_named(row, "direction", Direction::named)?,
        unit: row.optional_text("unit")?,
        bounds: optional_json(row, "bounds")?.unwrap_or_default(),
    })
}

/// Reads the hash of an API key.
pub(super) fn key_hash(row: &Row, column: &str) -> Result<KeyHash, DatabaseError> {
    let hash = row.optional_blob(column)?.as_deref().and_then(KeyHash::from_bytes);
    hash.ok_or_else(|| unreadable(column, "no hash of a key"))
}

/// Reads a column that names one of a few values.
pub(super) fn read_named<T>(row: &Row, column: &str, named: impl Fn(&str) -> Option<T>) -> Result<T, DatabaseError> {
    let name = row.text(column)?;
    named(&name).ok_or_else(|| DatabaseError::Unexpected(format!("{column} is {name}")))
}

/// Reads a column of JSON that this application wrote, or `None` where it is null.
pub(super) fn optional_json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>, DatabaseError> {
    let read = |text: String| serde_json::from_str(&text);
    row.optional_text(column)?.map(read).transpose().map_err(|error| unreadable(column, error))
}
