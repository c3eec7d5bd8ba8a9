//! API keys.

use crate::{
    domain::{
        api_key::ApiKey,
        api_key_settings::{ApiKeyChange, KeyEnvironment, NewApiKey},
    },
    ports::{DatabaseError, Row, Statement, Timestamp},
};

/// The most active keys that one person may have.
pub const MOST_ACTIVE: i64 = 50;

macro_rules! key_columns {
    () => {
        "k.id, k.user_id, k.name, k.description, k.key_prefix, k.scopes, k.rate_limit, k.rate_limit_window_seconds, \
         k.allowed_ips, k.environment, k.expires_at, k.created_at, \
         coalesce((SELECT h.last_used_at FROM api_key_usage AS h WHERE h.key_id = k.id AND h.last_used_at IS NOT NULL \
           ORDER BY h.hour DESC LIMIT 1), k.last_used_at) AS last_used_at, k.status, k.revoked_at, k.rotated_from"
    };
}

/// A page of everybody's keys, newest first, before the id `?1`, with their owners' addresses.
pub const ALL: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", u.email AS owner_email FROM api_keys AS k JOIN users AS u ON u.id = k.user_id WHERE k.id < ?1 ORDER BY k.id DESC LIMIT ?2"
);
/// Anybody's key, with its owner's address.
pub const BY_ID: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", u.email AS owner_email FROM api_keys AS k JOIN users AS u ON u.id = k.user_id WHERE k.id = ?1"
);
/// A new key, unless the person has [`MOST_ACTIVE`] already.
pub const CREATE: &str = "INSERT INTO api_keys (id, user_id, name, description, key_hash, key_prefix, scopes, rate_limit, \
       rate_limit_window_seconds, allowed_ips, environment, expires_at, created_at) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13 \
     WHERE (SELECT count(*) FROM api_keys WHERE user_id = ?2 AND status = 'active' AND (expires_at IS NULL OR expires_at > ?13)) < ?14 \
     RETURNING id";
/// A page of a person's keys, newest first, before the cursor (`?2`, `?3`).
pub const LIST: &str = concat!(
    "SELECT ",
    key_columns!(),
    " FROM api_keys AS k WHERE k.user_id = ?1 AND (k.created_at, k.id) < (?2, ?3) ORDER BY k.created_at DESC, k.id DESC LIMIT ?4"
);
/// One of a person's keys.
pub const OF_USER: &str = concat!("SELECT ", key_columns!(), " FROM api_keys AS k WHERE k.id = ?1 AND k.user_id = ?2");
/// Revokes one of a person's keys; a second time changes nothing.
pub const REVOKE: &str = "UPDATE api_keys SET status = 'revoked', revoked_at = ?3, revoked_reason = ?4 WHERE id = ?1 AND user_id = ?2 AND status = 'active'";
/// Changes what is given of one of a person's keys that lives at `?9`; `?4` says whether the description is.
pub const CHANGE: &str = "UPDATE api_keys SET name = coalesce(?3, name), description = CASE WHEN ?4 THEN ?5 ELSE description END, \
       scopes = coalesce(?6, scopes), rate_limit = coalesce(?7, rate_limit), allowed_ips = coalesce(?8, allowed_ips) \
     WHERE id = ?1 AND user_id = ?2 AND status = 'active' AND (expires_at IS NULL OR expires_at > ?9)";
/// One of a person's keys as it stands before it is rotated at `?3`: besides, its hash, whether it has a successor, and how
/// many other keys the person has.
pub const TO_ROTATE: &str = concat!(
    "SELECT ",
    key_columns!(),
    ", k.key_hash, EXISTS (SELECT 1 FROM api_keys AS s WHERE s.rotated_from = k.id) AS is_rotated, \
       (SELECT count(*) FROM api_keys AS o WHERE o.user_id = ?2 AND o.id <> ?1 AND o.status = 'active' \
         AND (o.expires_at IS NULL OR o.expires_at > ?3)) AS others \
     FROM api_keys AS k WHERE k.id = ?1 AND k.user_id = ?2"
);
/// The successor of one of a person's keys, if that lives at `?7`, is still as it was read, and the person has not
/// [`MOST_ACTIVE`] already; the old one counts where `?13` says so.
pub const SUCCEED: &str = "INSERT INTO api_keys (id, user_id, name, description, key_hash, key_prefix, scopes, rate_limit, \
       rate_limit_window_seconds, allowed_ips, environment, expires_at, created_at, rotated_from, first_key_id) \
     SELECT ?3, k.user_id, k.name, k.description, ?4, ?5, k.scopes, k.rate_limit, k.rate_limit_window_seconds, k.allowed_ips, \
       k.environment, ?6, ?7, k.id, coalesce(k.first_key_id, k.id) \
     FROM api_keys AS k WHERE k.id = ?1 AND k.user_id = ?2 AND k.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > ?7) \
       AND k.name = ?8 AND k.description IS ?9 AND json(k.scopes) = json(?10) AND k.rate_limit = ?11 AND json(k.allowed_ips) = json(?12) \
       AND (SELECT count(*) FROM api_keys AS o WHERE o.user_id = ?2 AND o.status = 'active' AND (o.expires_at IS NULL OR o.expires_at > ?7) \
         AND (?13 OR o.id <> ?1)) < ?14";
/// Lets one of a person's keys end at `?3`, if it does not end sooner.
pub const END_AT: &str = "UPDATE api_keys SET expires_at = min(coalesce(expires_at, ?3), ?3) WHERE id = ?1 AND user_id = ?2 AND status = 'active'";

/// A key as its owner sees it.
#[derive(Clone, Debug)]
pub struct ApiKeyRecord {
    /// UUIDv7.
    pub id: String,
    /// Its owner.
    pub user_id: String,
    /// What the owner calls it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The start of the key.
    pub key_prefix: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Requests admitted in a window.
    pub rate_limit: u32,
    /// Length of the window.
    pub rate_limit_window_seconds: u32,
    /// CIDR blocks it may be used from; anywhere when empty.
    pub allowed_ips: Vec<String>,
    /// Which of the two it is for.
    pub environment: KeyEnvironment,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that it took over from.
    pub rotated_from: Option<String>,
}

impl ApiKeyRecord {
    /// Reads the columns of `key_columns!`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let list = |column: &str| {
            serde_json::from_str(&row.text(column)?)
                .map_err(|error| DatabaseError::Unavailable(format!("{column}: {error}")))
        };
        let number = |column: &str| {
            u32::try_from(row.integer(column)?)
                .map_err(|error| DatabaseError::Unavailable(format!("{column}: {error}")))
        };
        let time = |column: &str| row.optional_integer(column).map(|time| time.map(Timestamp));
        Ok(Self {
            id: row.text("id")?,
            user_id: row.text("user_id")?,
            name: row.text("name")?,
            description: row.optional_text("description")?,
            key_prefix: row.text("key_prefix")?,
            scopes: list("scopes")?,
            rate_limit: number("rate_limit")?,
            rate_limit_window_seconds: number("rate_limit_window_seconds")?,
            allowed_ips: list("allowed_ips")?,
            environment: if row.text("environment")? == "test" { KeyEnvironment::Test } else { KeyEnvironment::Live },
            expires_at: time("expires_at")?,
            created_at: Timestamp(row.integer("created_at")?),
            last_used_at: time("last_used_at")?,
            revoked_at: time("revoked_at")?,
            rotated_from: row.optional_text("rotated_from")?,
        })
    }

    /// The key that takes over from it at `now`: the same settings, and as long a life.
    #[must_use]
    pub fn successor(&self, id: String, key: &ApiKey, now: Timestamp) -> Self {
        let lives_on = |end: Timestamp| now.plus_ms(end.0.saturating_sub(self.created_at.0));
        Self {
            id,
            key_prefix: key.shown_prefix().to_owned(),
            expires_at: self.expires_at.map(lives_on),
            created_at: now,
            last_used_at: None,
            revoked_at: None,
            rotated_from: Some(self.id.clone()),
            ..self.clone()
        }
    }

    /// `active`, `revoked` or `expired`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> &'static str {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(expires)) if expires <= now => "expired",
            _ => "active",
        }
    }
}

impl NewApiKey {
    /// What [`create`] makes of it.
    #[must_use]
    pub fn into_record(self, id: String, user_id: String, key: &ApiKey, now: Timestamp) -> ApiKeyRecord {
        ApiKeyRecord {
            id,
            user_id,
            name: self.name,
            description: self.description,
            key_prefix: key.shown_prefix().to_owned(),
            scopes: self.scopes,
            rate_limit: self.rate_limit,
            rate_limit_window_seconds: self.rate_limit_window_seconds,
            allowed_ips: self.allowed_ips,
            environment: self.environment,
            expires_at: self.expires_at,
            created_at: now,
            last_used_at: None,
            revoked_at: None,
            rotated_from: None,
        }
    }
}

/// The statement of [`CREATE`].
#[must_use]
pub fn create(id: &str, user_id: &str, new: &NewApiKey, key: &ApiKey, now: Timestamp) -> Statement {
    Statement::new(CREATE)
        .bind(id)
        .bind(user_id)
        .bind(new.name.as_str())
        .bind(new.description.as_deref())
        .bind(key.hash())
        .bind(key.shown_prefix())
        .bind(json(&new.scopes))
        .bind(new.rate_limit)
        .bind(new.rate_limit_window_seconds)
        .bind(json(&new.allowed_ips))
        .bind(new.environment.as_str())
        .bind(new.expires_at)
        .bind(now)
        .bind(MOST_ACTIVE)
}

/// The statement of [`CHANGE`].
#[must_use]
pub fn change(id: &str, user_id: &str, change: &ApiKeyChange, now: Timestamp) -> Statement {
    Statement::new(CHANGE)
        .bind(id)
        .bind(user_id)
        .bind(change.name.as_deref())
        .bind(change.description.is_some())
        .bind(change.description.as_ref().and_then(Option::as_deref))
        .bind(change.scopes.as_deref().map(json))
        .bind(change.rate_limit)
        .bind(change.allowed_ips.as_deref().map(json))
        .bind(now)
}

/// The statement of [`SUCCEED`]: `new`, made of `old`, whose key is `key`. The old one counts as long as `overlaps`.
#[must_use]
pub fn succeed(old: &ApiKeyRecord, new: &ApiKeyRecord, key: &ApiKey, overlaps: bool) -> Statement {
    Statement::new(SUCCEED)
        .bind(old.id.as_str())
        .bind(old.user_id.as_str())
        .bind(new.id.as_str())
        .bind(key.hash())
        .bind(key.shown_prefix())
        .bind(new.expires_at)
        .bind(new.created_at)
        .bind(old.name.as_str())
        .bind(old.description.as_deref())
        .bind(json(&old.scopes))
        .bind(old.rate_limit)
        .bind(json(&old.allowed_ips))
        .bind(overlaps)
        .bind(MOST_ACTIVE)
}

fn json(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}
