//! Grants of API keys, and the uses that were admitted and counted.

use serde::Serialize;
use serde_json::json;

use super::{
    columns,
    query::{Query, sql},
};
use crate::{
    domain::{
        ApiKeyId, SlidingLog, Timestamp,
        account::Role,
        api_key::KeyHash,
        key_use::{HourOfUse, KeyGrant},
    },
    ports::{DatabaseError, Row},
};

/// How many requests with a key were let in, stopped by its limit, and refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = ApiKeyUsageCounts)]
pub struct UseCounts {
    /// Let in.
    #[schema(minimum = 0)]
    pub allowed: i64,
    /// Refused by the key's limit.
    #[schema(minimum = 0)]
    pub limited: i64,
    /// Refused whatever the limit said: revoked, expired, not for this, or not from there.
    #[schema(minimum = 0)]
    pub denied: i64,
}

impl UseCounts {
    /// Reads the counts from the columns of the fields' names.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self { allowed: row.integer("allowed")?, limited: row.integer("limited")?, denied: row.integer("denied")? })
    }

    /// Adds the counts of another key or time.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            allowed: self.allowed.saturating_add(other.allowed),
            limited: self.limited.saturating_add(other.limited),
            denied: self.denied.saturating_add(other.denied),
        }
    }
}

/// The key, period and bucket length of a summary of uses.
#[derive(Clone, Copy, Debug)]
pub struct UseOfKey<'a> {
    /// Id of the key.
    pub key_id: &'a ApiKeyId,
    /// First hour of the period.
    pub from: Timestamp,
    /// Hour after the last one of the period.
    pub to: Timestamp,
    /// Length of a bucket, in milliseconds.
    pub bucket_ms: i64,
    /// Counts that are not saved yet.
    pub unsaved: &'a [HourOfUse],
}

/// A use of a key that is to be charged.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'a> {
    /// Id of the key.
    pub key_id: &'a ApiKeyId,
    /// Cost to the key's limit.
    pub cost: u32,
    /// Whether the use is refused whatever the limit allows.
    pub is_denied: bool,
    /// Id of the key of the service that asks about this key; `None` where its holder uses it.
    pub verifier: Option<&'a ApiKeyId>,
}

/// Reads the grant of a key, and what was saved of its use in this hour.
pub fn grant(hash: KeyHash, now: Timestamp) -> Query<Option<(KeyGrant, HourOfUse)>> {
    let hour = HourOfUse::of(now);
    sql!("key_uses/grant").bind(hash).bind(hour.start_ms).read(move |rows| {
        let Some(row) = rows.into_first() else { return Ok(None) };
        if columns::key_hash(&row, "key_hash").ok() != Some(hash) {
            return Ok(None);
        }
        let is_saved = row.optional_integer("allowed")?.is_some();
        let saved = if is_saved { read_hour(&row, hour.start_ms)? } else { hour };
        Ok(Some((read_grant(&row)?, saved)))
    })
}

fn read_grant(row: &Row) -> Result<KeyGrant, DatabaseError> {
    let owner_role = columns::read_named(row, "owner_role", Role::named)?;
    Ok(KeyGrant {
        id: row.text("id")?.into(),
        user_id: row.text("user_id")?.into(),
        first_key_id: row.text("first_key_id")?.into(),
        first_key_hash: columns::key_hash(row, "first_key_hash")?,
        scopes: columns::read_json(row, "scopes")?,
        rate_limit: columns::number(row, "rate_limit")?,
        rate_limit_window_seconds: columns::number(row, "rate_limit_window_seconds")?,
        allowed_ips: columns::read_json(row, "allowed_ips")?,
        expires_at_ms: row.optional_integer("expires_at")?,
        revoked: row.text("status")? != "active",
        owner_suspended: row.text("owner_status")? != "active",
        owner_publishes: owner_role.publishes(),
        owner_serves: owner_role.serves(),
    })
}

fn read_hour(row: &Row, start_ms: i64) -> Result<HourOfUse, DatabaseError> {
    let count = |column: &str| row.integer(column).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(HourOfUse {
        start_ms,
        allowed: count("allowed")?,
        limited: count("limited")?,
        denied: count("denied")?,
        last_used_ms: row.optional_integer("last_used_at")?,
    })
}

/// Charges uses of different keys in order, up to the first that is not admitted, and returns how many it charged.
pub fn charge(uses: &[Charge<'_>], now: Timestamp) -> Query<usize> {
    sql!("key_uses/charge").bind(charges(uses)).bind(now).count()
}

/// Counts what [`charge`] has just done; it has to follow it in the batch.
pub fn count(uses: &[Charge<'_>], now: Timestamp) -> Query<()> {
    sql!("key_uses/count").bind(charges(uses)).bind(now).bind(HourOfUse::of(now).start_ms).execute()
}

fn charges(uses: &[Charge<'_>]) -> String {
    let charge = |of: &Charge<'_>| json!([of.key_id, of.cost, i32::from(of.is_denied), of.verifier]);
    uses.iter().map(charge).collect::<serde_json::Value>().to_string()
}

/// Saves the counts of keys, each by its id. Saving twice changes nothing.
pub fn save<'a>(hours: impl IntoIterator<Item = (&'a ApiKeyId, HourOfUse)>) -> Query<()> {
    let hours = hours
        .into_iter()
        .map(|(id, hour)| json!([id, hour.start_ms, hour.allowed, hour.limited, hour.denied, hour.last_used_ms]));
    sql!("key_uses/save").bind(hours.collect::<serde_json::Value>().to_string()).execute()
}

/// Sums the counts of a key by the start of the bucket, oldest first; empty buckets are left out.
pub fn by_bucket(of: UseOfKey<'_>) -> Query<Vec<(Timestamp, UseCounts)>> {
    let unsaved = of.unsaved.iter().map(|hour| json!([hour.start_ms, hour.allowed, hour.limited, hour.denied]));
    sql!("key_uses/by_bucket")
        .bind(of.key_id)
        .bind(of.from)
        .bind(of.to)
        .bind(of.bucket_ms)
        .bind(unsaved.collect::<serde_json::Value>().to_string())
        .all(|row| Ok((columns::time(row, "start")?, UseCounts::from_row(row)?)))
}

/// Lists the saved uses of a key from one hour on and before another, each by its start, oldest first.
pub fn by_hour(key_id: &ApiKeyId, from: Timestamp, to: Timestamp) -> Query<Vec<HourOfUse>> {
    sql!("key_uses/by_hour").bind(key_id).bind(from).bind(to).all(|row| read_hour(row, row.integer("hour")?))
}

/// Reads the sliding log of a limit by the id of the first key that shares it: what it has admitted and still counts.
pub fn log(first_key_id: &ApiKeyId, window_ms: u64, now: Timestamp) -> Query<SlidingLog> {
    let window_ms = i64::try_from(window_ms).unwrap_or(i64::MAX);
    let entry = |row: &Row| {
        let cost = u32::try_from(row.integer("cost")?).unwrap_or(u32::MAX);
        Ok((columns::time(row, "at")?, cost))
    };
    sql!("key_uses/log").bind(first_key_id).bind(now).bind(window_ms).all(entry).map(SlidingLog::from_entries)
}

/// Replaces the stored sliding logs by these, in one batch. Each comes with the id of the first key that shares the
/// limit, and with the limit's window in milliseconds.
pub fn keep_logs<'a>(logs: impl IntoIterator<Item = (&'a ApiKeyId, u64, &'a SlidingLog)>) -> [Query<()>; 2] {
    let logs = logs.into_iter().map(|(id, window_ms, log)| {
        json!([id, window_ms, log.entries().map(|(at, cost)| json!([at.0, cost])).collect::<serde_json::Value>()])
    });
    let logs = logs.collect::<serde_json::Value>().to_string();
    let forget = sql!("key_uses/forget_logs").bind(logs.as_str()).execute();
    [forget, sql!("key_uses/put_logs").bind(logs).execute()]
}
