//! Notices to owners of API keys: that a key expires, or reached its limit.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{
    outbox::QueuedMail,
    query::{Query, sql},
};
use crate::domain::{ApiKeyId, Timestamp, UserId, key_use::HourOfUse};

/// Shortest time between two notices to a person that a limit was reached, in milliseconds: a day.
pub(super) const BETWEEN_LIMITS_MS: i64 = 86_400_000;
/// How far back a notice is sent of a reached limit, in milliseconds: use is saved some time later.
const LIMITED_MS: i64 = 3_600_000;

/// A key whose owner is to be told that it expires.
#[derive(Clone, Debug)]
pub struct ExpiringKey {
    /// Id of the key.
    pub id: ApiKeyId,
    /// Id of the owner's account.
    pub user_id: UserId,
    /// The owner's name for the key.
    pub name: String,
    /// Start of the key.
    pub key_prefix: String,
    /// When the key expires.
    pub expires_at: Timestamp,
    /// Days before the end that the reminder is for: 30, 7 or 1.
    pub days: i64,
}

/// A key that reached its limit.
#[derive(Clone, Debug)]
pub struct LimitedKey {
    /// Id of the key.
    pub id: ApiKeyId,
    /// Id of the owner's account.
    pub user_id: UserId,
    /// The owner's name for the key.
    pub name: String,
    /// Start of the key.
    pub key_prefix: String,
}

/// Finds at most `most` keys whose owners are to be told now that they expire.
pub fn find_expiring(now: Timestamp, most: u32) -> Query<Vec<ExpiringKey>> {
    sql!("key_notices/find_expiring").bind(now).bind(most).all(|row| {
        Ok(ExpiringKey {
            id: row.text("id")?.into(),
            user_id: row.text("user_id")?.into(),
            name: row.text("name")?,
            key_prefix: row.text("key_prefix")?,
            expires_at: Timestamp(row.integer("expires_at")?),
            days: row.integer("days")?,
        })
    })
}

/// Queues the mails about keys that expire, and notes that their owners were told: both, or nothing. Of two concurrent
/// calls, the second queues nothing.
pub fn queue_expiry_notices(keys: &[(ExpiringKey, QueuedMail)], now: Timestamp) -> [Query<()>; 2] {
    let of = |(key, mail): &(ExpiringKey, QueuedMail)| {
        json!({
            "id": key.id,
            "expiresAt": key.expires_at.0,
            "days": key.days,
            "mailId": mail.id,
            "mail": mail.kind,
            "payload": HEXLOWER.encode(&mail.payload),
        })
    };
    let keys = keys.iter().map(of).collect::<Value>().to_string();
    [sql!("key_notices/queue_expiring"), sql!("key_notices/note_expiring")]
        .map(|sql| sql.bind(keys.as_str()).bind(now).execute())
}

/// Finds at most `most` keys that reached their limits lately and whose owners may be told.
pub fn find_limited(now: Timestamp, most: u32) -> Query<Vec<LimitedKey>> {
    let since = HourOfUse::of(now.plus_ms(-LIMITED_MS)).start_ms;
    sql!("key_notices/find_limited").bind(since).bind(now).bind(BETWEEN_LIMITS_MS).bind(most).all(|row| {
        Ok(LimitedKey {
            id: row.text("id")?.into(),
            user_id: row.text("user_id")?.into(),
            name: row.text("name")?,
            key_prefix: row.text("key_prefix")?,
        })
    })
}

/// Queues the mails about limits, one per person, and notes that they were told: both, or nothing. Of two concurrent
/// calls, the second queues nothing.
pub fn queue_limit_notices(people: &[(UserId, QueuedMail)], now: Timestamp) -> [Query<()>; 2] {
    let of = |(user_id, mail): &(UserId, QueuedMail)| {
        json!({
            "userId": user_id,
            "mailId": mail.id,
            "mail": mail.kind,
            "payload": HEXLOWER.encode(&mail.payload),
        })
    };
    let people = people.iter().map(of).collect::<Value>().to_string();
    [sql!("key_notices/queue_limited"), sql!("key_notices/note_limited")]
        .map(|sql| sql.bind(people.as_str()).bind(now).bind(BETWEEN_LIMITS_MS).execute())
}
