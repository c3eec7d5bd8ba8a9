//! API keys that were found in public.

use data_encoding::HEXLOWER;
use serde_json::json;

use super::{audit::NewEvent, outbox::QueuedMail};
use crate::{
    domain::api_key::KeyHash,
    ports::{DatabaseError, Row, Statement, Timestamp},
};

macro_rules! is_active {
    () => {
        "k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?2)"
    };
}
/// Each active key of the leaks (`?1`, a JSON array) at `?2`, with what is to be written about it.
macro_rules! leaks {
    () => {
        concat!(
            "FROM json_each(?1) AS leak CROSS JOIN api_keys AS k ON k.key_hash = unhex(leak.value ->> 'hash') AND ",
            is_active!()
        )
    };
}
/// The keys of these hashes (`?1`, a JSON array of hexadecimal digits), and whether each is active at `?2`.
pub const KNOWN: &str = concat!(
    "SELECT k.key_hash, k.id, k.name, k.key_prefix, ",
    is_active!(),
    " AS is_active FROM api_keys AS k WHERE k.key_hash IN (SELECT unhex(value) FROM json_each(?1))"
);
/// An event for each key that [`REVOKE`] is about to revoke.
pub const ADD_EVENTS: &str = concat!(
    "INSERT INTO audit_events (id, at, event, details, user_id) \
     SELECT leak.value ->> 'eventId', ?2, leak.value ->> 'event', leak.value -> 'details', k.user_id ",
    leaks!()
);
/// A mail for each key that [`REVOKE`] is about to revoke.
pub const QUEUE_MAILS: &str = concat!(
    "INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id) \
     SELECT leak.value ->> 'mailId', leak.value ->> 'mail', unhex(leak.value ->> 'payload'), ?2, ?2, u.email, u.id ",
    leaks!(),
    " JOIN users AS u ON u.id = k.user_id"
);
/// Revokes the keys of the leaks.
pub const REVOKE: &str = concat!(
    "UPDATE api_keys AS k SET status = 'revoked', revoked_at = ?2, revoked_reason = 'leaked' \
     WHERE k.key_hash IN (SELECT unhex(value ->> 'hash') FROM json_each(?1)) AND ",
    is_active!()
);

/// A key as a report of a leak finds it.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// SHA-256 of the whole key.
    pub hash: KeyHash,
    /// UUIDv7.
    pub id: String,
    /// What the owner calls it.
    pub name: String,
    /// The start of the key.
    pub key_prefix: String,
    /// Neither revoked nor expired.
    pub is_active: bool,
}

impl KnownKey {
    /// Reads the columns of [`KNOWN`].
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let hash = row.optional_blob("key_hash")?.as_deref().and_then(KeyHash::from_bytes);
        Ok(Self {
            hash: hash.ok_or_else(|| DatabaseError::Unavailable("a key's hash cannot be read".to_owned()))?,
            id: row.text("id")?,
            name: row.text("name")?,
            key_prefix: row.text("key_prefix")?,
            is_active: row.boolean("is_active")?,
        })
    }
}

/// A key that was found in public, and what is written about it.
pub struct Leak {
    /// SHA-256 of the whole key.
    pub hash: KeyHash,
    /// For its owner's log.
    pub event: NewEvent,
    /// To its owner.
    pub mail: QueuedMail,
}

/// Revokes those of the keys that are active, and writes about these alone: whoever comes second writes nothing.
#[must_use]
pub fn revoke(leaks: &[Leak], now: Timestamp) -> [Statement; 3] {
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
    [ADD_EVENTS, QUEUE_MAILS, REVOKE].map(|sql| Statement::new(sql).essential().bind(leaks.as_str()).bind(now))
}
