//! What API keys grant, what was admitted and counted of them; and the gate in SQL, for hosts without a faster place.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use serde_json::json;

use super::rate_limits::{self, StandingOf};
use crate::{
    domain::{
        SlidingLog,
        api_key::KeyHash,
        key_use::{Decision, Denial, HourOfUse, KeyGrant, KeyUse, Verifier},
    },
    ports::{Database, DatabaseError, KeyGate, KeyGateError, LimitState, Row, Rows, Statement, Timestamp},
};

/// What the key with a hash grants, and what was counted of it in the hour that starts at `?2`.
pub const GRANT: &str = "SELECT k.key_hash, f.id AS first_key_id, f.key_hash AS first_key_hash, k.id, k.user_id, k.scopes, k.rate_limit, k.rate_limit_window_seconds, k.allowed_ips, k.expires_at, \
       k.status, u.role AS owner_role, u.status AS owner_status, h.allowed, h.limited, h.denied, h.last_used_at \
     FROM api_keys AS k JOIN users AS u ON u.id = k.user_id JOIN api_keys AS f ON f.id = coalesce(k.first_key_id, k.id) LEFT JOIN api_key_usage AS h ON h.key_id = k.id AND h.hour = ?2 \
     WHERE k.key_hash = ?1";
/// The hashes of a person's keys that still may work at `?2`.
pub const LIVE_HASHES: &str = "SELECT key_hash FROM api_keys WHERE user_id = ?1 AND status = 'active' AND (expires_at IS NULL OR expires_at > ?2)";
/// The hash of a person's key.
pub const HASH_OF: &str = "SELECT key_hash FROM api_keys WHERE id = ?1 AND user_id = ?2";
/// Charges uses of keys in order, up to the first that is not admitted.
pub const CHARGE: &str = include_str!("sql/key_uses/charge.sql");
/// Counts, in an hour, what [`CHARGE`] has just done.
pub const COUNT: &str = include_str!("sql/key_uses/count.sql");
/// Puts what was counted of keys in hours: an array of key id, hour, allowed, limited, denied, last use. Counts only grow,
/// so that saving twice changes nothing.
pub const SAVE: &str = "INSERT INTO api_key_usage (key_id, hour, allowed, limited, denied, last_used_at) \
     SELECT c.value ->> 0, c.value ->> 1, c.value ->> 2, c.value ->> 3, c.value ->> 4, c.value ->> 5 FROM json_each(?1) AS c \
     WHERE EXISTS (SELECT 1 FROM api_keys AS k WHERE k.id = c.value ->> 0) \
     ON CONFLICT (key_id, hour) DO UPDATE SET allowed = max(allowed, excluded.allowed), limited = max(limited, excluded.limited), \
       denied = max(denied, excluded.denied), last_used_at = coalesce(max(last_used_at, excluded.last_used_at), last_used_at, excluded.last_used_at)";
/// What was counted of a key from hour `?2` on and before `?3`, in buckets of `?4` milliseconds, oldest first, empty ones left
/// out. `?5` is what is not saved yet: an array of hour, allowed, limited, denied.
pub const BY_BUCKET: &str = "SELECT h.hour - h.hour % ?4 AS start, sum(h.allowed) AS allowed, sum(h.limited) AS limited, sum(h.denied) AS denied \
     FROM (SELECT c.hour, max(c.allowed) AS allowed, max(c.limited) AS limited, max(c.denied) AS denied FROM ( \
       SELECT hour, allowed, limited, denied FROM api_key_usage WHERE key_id = ?1 AND hour >= ?2 AND hour < ?3 \
       UNION ALL SELECT a.value ->> 0, a.value ->> 1, a.value ->> 2, a.value ->> 3 FROM json_each(?5) AS a \
         WHERE a.value ->> 0 >= ?2 AND a.value ->> 0 < ?3) AS c GROUP BY c.hour) AS h \
     GROUP BY start ORDER BY start";
/// What was counted of a key from hour `?2` on and before `?3`, oldest first.
pub const BY_HOUR: &str = "SELECT hour, allowed, limited, denied, last_used_at FROM api_key_usage \
     WHERE key_id = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour";
/// What the limit of a key has admitted and still counts, oldest first.
pub const LOG: &str = include_str!("sql/key_uses/log.sql");
/// Forgets the logs of the limits of keys.
pub const FORGET_LOGS: &str = include_str!("sql/key_uses/forget_logs.sql");
/// Puts the logs of the limits of keys.
pub const PUT_LOGS: &str = include_str!("sql/key_uses/put_logs.sql");
/// Forgets counts after 400 days, but for what tells when a key was last used.
pub const EXPIRE: &str = "DELETE FROM api_key_usage WHERE (key_id, hour) IN ( \
       SELECT h.key_id, h.hour FROM api_key_usage AS h WHERE h.hour < ?1 - 34560000000 AND EXISTS (SELECT 1 FROM api_key_usage AS n \
         WHERE n.key_id = h.key_id AND n.hour > h.hour AND n.last_used_at IS NOT NULL) LIMIT ?2) \
     RETURNING 1";

/// The statement of [`GRANT`].
#[must_use]
pub fn grant(hash: KeyHash, now: Timestamp) -> Statement {
    Statement::new(GRANT).bind(hash).bind(HourOfUse::of(now).start_ms)
}

/// Reads the answer to [`grant`]: what the key grants, and what was saved of its use in this hour.
///
/// # Errors
/// When a column is missing or unreadable.
pub fn read_grant(rows: Rows, hash: KeyHash, now: Timestamp) -> Result<Option<(KeyGrant, HourOfUse)>, DatabaseError> {
    let Some(row) = rows.into_first() else { return Ok(None) };
    if row.optional_blob("key_hash")?.as_deref().and_then(KeyHash::from_bytes) != Some(hash) {
        return Ok(None);
    }
    let first_key_hash = row.optional_blob("first_key_hash")?.as_deref().and_then(KeyHash::from_bytes);
    let unreadable =
        |column: &str, error: &dyn std::fmt::Display| DatabaseError::Unavailable(format!("{column}: {error}"));
    let number = |column: &str| u32::try_from(row.integer(column)?).map_err(|error| unreadable(column, &error));
    let grant = KeyGrant {
        id: row.text("id")?,
        user_id: row.text("user_id")?,
        first_key_id: row.text("first_key_id")?,
        first_key_hash: first_key_hash.ok_or_else(|| unreadable("first_key_hash", &"no hash"))?,
        scopes: serde_json::from_str(&row.text("scopes")?).map_err(|error| unreadable("scopes", &error))?,
        rate_limit: number("rate_limit")?,
        rate_limit_window_seconds: number("rate_limit_window_seconds")?,
        allowed_ips: serde_json::from_str(&row.text("allowed_ips")?)
            .map_err(|error| unreadable("allowed_ips", &error))?,
        expires_at_ms: row.optional_integer("expires_at")?,
        revoked: row.text("status")? != "active",
        owner_suspended: row.text("owner_status")? != "active",
        owner_publishes: ["publisher", "admin"].contains(&row.text("owner_role")?.as_str()),
        owner_serves: row.text("owner_role")? == "service",
    };
    let saved = if row.optional_integer("allowed")?.is_some() {
        read_counts(&row, HourOfUse::of(now).start_ms)?
    } else {
        HourOfUse::of(now)
    };
    Ok(Some((grant, saved)))
}

/// Reads a row of [`BY_HOUR`].
///
/// # Errors
/// As [`read_grant`].
pub fn read_hour(row: &Row) -> Result<HourOfUse, DatabaseError> {
    read_counts(row, row.integer("hour")?)
}

fn read_counts(row: &Row, start_ms: i64) -> Result<HourOfUse, DatabaseError> {
    let count = |column: &str| row.integer(column).map(|count| u64::try_from(count).unwrap_or(0));
    Ok(HourOfUse {
        start_ms,
        allowed: count("allowed")?,
        limited: count("limited")?,
        denied: count("denied")?,
        last_used_ms: row.optional_integer("last_used_at")?,
    })
}

/// The statement of [`SAVE`].
#[must_use]
pub fn save<'a>(hours: impl IntoIterator<Item = (&'a str, HourOfUse)>) -> Statement {
    let hours = hours
        .into_iter()
        .map(|(id, hour)| json!([id, hour.start_ms, hour.allowed, hour.limited, hour.denied, hour.last_used_ms]));
    Statement::new(SAVE).bind(hours.collect::<serde_json::Value>().to_string())
}

/// The statement of [`BY_BUCKET`]: from `from` on and before `to`.
#[must_use]
pub fn by_bucket(key_id: &str, from: Timestamp, to: Timestamp, bucket_ms: i64, unsaved: &[HourOfUse]) -> Statement {
    let unsaved = unsaved.iter().map(|hour| json!([hour.start_ms, hour.allowed, hour.limited, hour.denied]));
    Statement::new(BY_BUCKET)
        .bind(key_id)
        .bind(from)
        .bind(to)
        .bind(bucket_ms)
        .bind(unsaved.collect::<serde_json::Value>().to_string())
}

/// The statement of [`LOG`], read by [`read_log`].
#[must_use]
pub fn log(grant: &KeyGrant, now: Timestamp) -> Statement {
    let window_ms = i64::try_from(grant.window_ms()).unwrap_or(i64::MAX);
    Statement::new(LOG).bind(grant.first_key_id.as_str()).bind(now).bind(window_ms)
}

/// Reads the answer to [`log`].
///
/// # Errors
/// As [`read_grant`].
pub fn read_log(rows: Rows) -> Result<SlidingLog, DatabaseError> {
    let admission = |row: Row| {
        let cost = u32::try_from(row.integer("cost")?).unwrap_or(u32::MAX);
        Ok((Timestamp(row.integer("at")?), cost))
    };
    Ok(SlidingLog::from_entries(rows.into_iter().map(admission).collect::<Result<Vec<_>, DatabaseError>>()?))
}

/// A batch that puts these logs in the place of those that are there: of each the id of the first key that shares the
/// limit, its window in milliseconds and the log.
#[must_use]
pub fn keep_logs<'a>(logs: impl IntoIterator<Item = (&'a str, u64, &'a SlidingLog)>) -> Vec<Statement> {
    let logs = logs.into_iter().map(|(id, window_ms, log)| {
        json!([id, window_ms, log.entries().map(|(at, cost)| json!([at.0, cost])).collect::<serde_json::Value>()])
    });
    let logs = logs.collect::<serde_json::Value>().to_string();
    vec![Statement::new(FORGET_LOGS).bind(logs.as_str()), Statement::new(PUT_LOGS).bind(logs)]
}

/// A use, what its key grants, and why it is refused whatever its limit says.
type Asked<'a> = (Cow<'a, KeyUse>, Arc<KeyGrant>, Option<Denial>);

/// A [`KeyGate`] in SQL: one round trip reads what the keys grant, one charges and counts.
pub struct SqlKeyGate {
    database: Arc<dyn Database>,
}

impl SqlKeyGate {
    /// Decides from this database, and counts in it.
    #[must_use]
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self { database }
    }

    async fn decide(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, DatabaseError> {
        let reads = uses.iter().map(|of| grant(of.hash, now)).collect();
        let mut grants = Vec::new();
        for (of, rows) in uses.iter().zip(self.database.batch(reads).await?) {
            let Some((grant, _)) = read_grant(rows, of.hash, now)? else { break };
            let before = grants.last().map(|(_, grant, _): &Asked<'_>| KeyGrant::clone(grant));
            let of = of.after(before.as_ref());
            let denial = grant.denial(&of, now);
            grants.push((of, Arc::new(grant), denial));
            if denial.is_some() {
                break;
            }
        }
        // A lone use that is not counted charges nobody.
        if let [(_, grant, Some(denial))] = grants.as_slice()
            && !denial.is_counted()
        {
            return Ok(vec![Decision::Denied(Arc::clone(grant), *denial)]);
        }
        let mut decisions = if grants.is_empty() { Vec::new() } else { self.charge(&grants, now).await? };
        // No key was found for the use after these.
        if decisions.iter().all(Decision::is_allowed) && decisions.len() < uses.len() {
            decisions.push(Decision::Unknown);
        }
        Ok(decisions)
    }

    async fn charge(&self, grants: &[Asked<'_>], now: Timestamp) -> Result<Vec<Decision>, DatabaseError> {
        let uses = grants.iter().map(|(of, grant, denial)| {
            let verifier = match &of.verifier {
                Some(Verifier::Owner { key_id, .. }) => Some(key_id),
                _ => None,
            };
            json!([grant.id, of.cost, i32::from(denial.is_some()), verifier])
        });
        let uses = uses.collect::<serde_json::Value>().to_string();
        let count = Statement::new(COUNT).bind(uses.as_str()).bind(now).bind(HourOfUse::of(now).start_ms);
        let standing = rate_limits::standing(grants.iter().map(|(_, grant, _)| StandingOf::key(grant)), now);
        let batch = vec![Statement::new(CHARGE).bind(uses).bind(now), count, standing];
        let mut answers = self.database.batch(batch).await?.into_iter();
        let charged = answers.next().map_or(0, |rows| rows.len());
        let mut decisions = Vec::new();
        let standing = answers.nth(1).unwrap_or_default();
        for (place, ((of, grant, denial), standing)) in grants.iter().zip(standing).enumerate() {
            let state = rate_limits::read_state(&standing, StandingOf::key(grant), grant.rate_limit, now)?;
            let grant = Arc::clone(grant);
            if place < charged {
                decisions.push(Decision::Allowed(grant, state));
                continue;
            }
            decisions.push(match denial {
                Some(denial) => Decision::Denied(grant, *denial),
                // There was room: something was taken from the key since it was read.
                None if state.remaining >= of.cost => {
                    let before = place.checked_sub(1).and_then(|before| grants.get(before)).map(|(of, ..)| of.hash);
                    self.reread(of, before, grant, state, now).await?
                }
                None => Decision::Limited(grant, state),
            });
            break;
        }
        Ok(decisions)
    }

    /// Why a use was not charged, by what is there now; `before` is the key of the use before.
    async fn reread(
        &self,
        of: &KeyUse,
        before: Option<KeyHash>,
        was: Arc<KeyGrant>,
        state: LimitState,
        now: Timestamp,
    ) -> Result<Decision, DatabaseError> {
        let hashes = [Some(of.hash), before].into_iter().flatten();
        let mut grants = Vec::new();
        for (hash, rows) in
            hashes.clone().zip(self.database.batch(hashes.map(|hash| grant(hash, now)).collect()).await?)
        {
            grants.push(read_grant(rows, hash, now)?.map(|(grant, _)| grant));
        }
        let mut grants = grants.into_iter();
        let Some(grant) = grants.next().flatten() else { return Ok(Decision::Unknown) };
        let denial = match (&of.verifier, grants.next().flatten()) {
            (Some(_), before) => {
                let of = KeyUse { verifier: Some(Verifier::UseBefore), ..of.clone() };
                grant.denial(&of.after(before.as_ref()), now)
            }
            (None, _) => grant.denial(of, now),
        };
        Ok(denial.map_or(Decision::Limited(was, state), |denial| Decision::Denied(Arc::new(grant), denial)))
    }
}

impl<'a> StandingOf<'a> {
    /// The limit of a key.
    fn key(grant: &'a KeyGrant) -> Self {
        Self {
            subject: &grant.first_key_id,
            name: "key",
            window_ms: i64::try_from(grant.window_ms()).unwrap_or(i64::MAX),
        }
    }
}

#[async_trait]
impl KeyGate for SqlKeyGate {
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        self.decide(uses, now).await.map_err(|error| KeyGateError(error.to_string()))
    }

    /// Every decision reads the database.
    async fn announce(&self, _: &[KeyHash]) -> Result<(), KeyGateError> {
        Ok(())
    }

    /// Counts are saved with the decision.
    async fn unsaved(&self, _: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        Ok(Vec::new())
    }
}
