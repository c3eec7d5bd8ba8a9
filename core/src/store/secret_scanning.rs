//! API keys that were found in public.

use data_encoding::HEXLOWER;
use serde_json::json;

use super::{
    audit::NewEvent,
    columns,
    outbox::QueuedMail,
    query::{Query, sql},
};
use crate::{
    domain::{Timestamp, api_key::KeyHash},
    ports::{DatabaseError, Row},
};

/// A key that a leak report names.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// SHA-256 of the whole key.
    pub hash: KeyHash,
    /// Id of the key, a UUIDv7.
    pub id: String,
    /// The owner's name for the key.
    pub name: String,
    /// Start of the key.
    pub key_prefix: String,
    /// Whether the key is neither revoked nor expired.
    pub is_active: bool,
}

impl KnownKey {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            hash: columns::key_hash(row, "key_hash")?,
            id: row.text("id")?,
            name: row.text("name")?,
            key_prefix: row.text("key_prefix")?,
            is_active: row.boolean("is_active")?,
        })
    }
}

/// A key that was found in public, with the event and mail about it.
pub struct Leak {
    /// SHA-256 of the whole key.
    pub hash: KeyHash,
    /// Security event for the owner.
    pub event: NewEvent,
    /// Mail to the owner.
    pub mail: QueuedMail,
}

/// Finds the keys with these hashes, active or not.
pub fn find<'a>(hashes: impl IntoIterator<Item = &'a KeyHash>, now: Timestamp) -> Query<Vec<KnownKey>> {
    let hashes = hashes.into_iter().map(|hash| hash.to_hex()).collect::<serde_json::Value>();
    sql!("secret_scanning/find").bind(hashes.to_string()).bind(now).all(KnownKey::from_row)
}

/// Revokes those of the keys that are active, and records and queues only what is about these: a second call writes
/// nothing.
pub fn revoke(leaks: &[Leak], now: Timestamp) -> [Query<()>; 3] {
    let leak = |leak: &Leak| {
        json!({
            "hash": leak.hash.to_hex(),
            "eventId": leak.event.id,
            "event": leak.event.name,
            "details": leak.event.details,
            "mailId": leak.mail.id,
            "mail": leak.mail.kind,
            "payload": HEXLOWER.encode(&leak.mail.payload),
        })
    };
    let leaks = leaks.iter().map(leak).collect::<serde_json::Value>().to_string();
    [sql!("secret_scanning/add_events"), sql!("secret_scanning/queue_mails"), sql!("secret_scanning/revoke")]
        .map(|sql| sql.essential().bind(leaks.as_str()).bind(now).execute())
}
