//! API keys, as their owners create, change, rotate and revoke them.

use serde::Serialize;

use super::{
    columns,
    query::{PageBefore, Query, sql},
};
use crate::{
    domain::{
        ApiKeyId, LimitState, Timestamp, UserId,
        api_key::{ApiKey, KeyHash, KeyStatus, Scope},
        api_key_settings::{ApiKeyChange, KeyEnvironment, NewApiKey},
    },
    ports::{DatabaseError, Row},
};

/// Most active keys that one person may have.
pub const MOST_ACTIVE: i64 = 50;
/// Most changes to keys that a person makes within [`CHANGES_SECONDS`]: each leaves rows behind.
pub const MOST_CHANGES: u32 = 1000;
/// Window of [`MOST_CHANGES`], in seconds.
pub const CHANGES_SECONDS: u32 = 3600;

/// A key as its owner sees it.
#[derive(Clone, Debug)]
pub struct ApiKeyRecord {
    /// Id of the key, a UUIDv7.
    pub id: ApiKeyId,
    /// Id of the owner's account.
    pub user_id: UserId,
    /// The owner's name for the key.
    pub name: String,
    /// The owner's description of the key.
    pub description: Option<String>,
    /// Start of the key.
    pub key_prefix: String,
    /// Scopes that the key has.
    pub scopes: Vec<Scope>,
    /// Requests admitted in a window.
    pub rate_limit: u32,
    /// Length of the window, in seconds.
    pub rate_limit_window_seconds: u32,
    /// CIDR blocks that the key may be used from; anywhere when empty.
    pub allowed_ips: Vec<String>,
    /// Environment that the key is for.
    pub environment: KeyEnvironment,
    /// When the key expires.
    pub expires_at: Option<Timestamp>,
    /// When the key was created.
    pub created_at: Timestamp,
    /// When the key was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When the key was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Id of the key that this one was rotated from.
    pub rotated_from: Option<ApiKeyId>,
}

impl ApiKeyRecord {
    /// Reads the key from the columns of the fields' names.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?.into(),
            user_id: row.text("user_id")?.into(),
            name: row.text("name")?,
            description: row.optional_text("description")?,
            key_prefix: row.text("key_prefix")?,
            scopes: columns::read_json(row, "scopes")?,
            rate_limit: columns::number(row, "rate_limit")?,
            rate_limit_window_seconds: columns::number(row, "rate_limit_window_seconds")?,
            allowed_ips: columns::read_json(row, "allowed_ips")?,
            environment: if row.text("environment")? == "test" { KeyEnvironment::Test } else { KeyEnvironment::Live },
            expires_at: columns::optional_time(row, "expires_at")?,
            created_at: columns::time(row, "created_at")?,
            last_used_at: columns::optional_time(row, "last_used_at")?,
            revoked_at: columns::optional_time(row, "revoked_at")?,
            rotated_from: row.optional_text("rotated_from")?.map(Into::into),
        })
    }

    /// Creates the record of the key that replaces this one at `now`, with the same settings and as long a life.
    #[must_use]
    pub fn successor(&self, id: ApiKeyId, key: &ApiKey, now: Timestamp) -> Self {
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

    /// Returns whether the key is active, expired or revoked at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => KeyStatus::Revoked,
            (None, Some(expires)) if expires <= now => KeyStatus::Expired,
            _ => KeyStatus::Active,
        }
    }
}

impl NewApiKey {
    /// Returns the record that [`create`] stores.
    #[must_use]
    pub fn into_record(self, id: ApiKeyId, user_id: UserId, key: &ApiKey, now: Timestamp) -> ApiKeyRecord {
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

/// A key, with its owner's address.
#[derive(Clone, Debug)]
pub struct OwnedApiKey {
    /// The key.
    pub key: ApiKeyRecord,
    /// Address of the key's owner.
    pub owner_email: String,
}

impl OwnedApiKey {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self { key: ApiKeyRecord::from_row(row)?, owner_email: row.text("owner_email")? })
    }
}

/// A key that its owner wants to rotate, with what decides whether that is allowed.
#[derive(Clone, Debug)]
pub struct KeyToRotate {
    /// The key as it stands.
    pub key: ApiKeyRecord,
    /// SHA-256 of the key.
    pub hash: KeyHash,
    /// Whether the key has a successor.
    pub is_rotated: bool,
    /// Number of other active keys of the same owner.
    pub others: i64,
}

impl KeyToRotate {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            key: ApiKeyRecord::from_row(row)?,
            hash: columns::key_hash(row, "key_hash")?,
            is_rotated: row.boolean("is_rotated")?,
            others: row.integer("others")?,
        })
    }
}

/// Lists everybody's keys by id, newest first: at most `rows`, from before the id.
pub fn list_all(before_id: &str, rows: u32) -> Query<Vec<OwnedApiKey>> {
    sql!("api_keys/list_all").bind(before_id).bind(rows).all(OwnedApiKey::from_row)
}

/// Finds a key, whoever owns it.
pub fn find(id: &ApiKeyId) -> Query<Option<OwnedApiKey>> {
    sql!("api_keys/find").bind(id).optional(OwnedApiKey::from_row)
}

/// Lists a person's keys, newest first.
pub fn list(user_id: &UserId, page: &PageBefore) -> Query<Vec<ApiKeyRecord>> {
    sql!("api_keys/list").bind(user_id).bind_page(page).all(ApiKeyRecord::from_row)
}

/// Finds one of a person's keys.
pub fn of_user(id: &ApiKeyId, user_id: &UserId) -> Query<Option<ApiKeyRecord>> {
    sql!("api_keys/of_user").bind(id).bind(user_id).optional(ApiKeyRecord::from_row)
}

/// Finds the hash of one of a person's keys.
pub fn hash(id: &ApiKeyId, user_id: &UserId) -> Query<Option<KeyHash>> {
    sql!("api_keys/hash").bind(id).bind(user_id).optional(|row| columns::key_hash(row, "key_hash"))
}

/// Lists the hashes of a person's keys that may still be valid.
pub fn live_hashes(user_id: &UserId, now: Timestamp) -> Query<Vec<KeyHash>> {
    sql!("api_keys/live_hashes").bind(user_id).bind(now).all(|row| columns::key_hash(row, "key_hash"))
}

/// Creates the key, unless its owner has [`MOST_ACTIVE`] active ones: then it changes no row.
pub fn create(new: &ApiKeyRecord, key: &ApiKey) -> Query<()> {
    sql!("api_keys/create")
        .bind(new.id.as_str())
        .bind(new.user_id.as_str())
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
        .bind(new.created_at)
        .bind(MOST_ACTIVE)
        .execute()
}

/// Changes one of a person's keys where it is active; what is not given stays as it is.
pub fn change(id: &ApiKeyId, user_id: &UserId, change: &ApiKeyChange, now: Timestamp) -> Query<()> {
    sql!("api_keys/change")
        .bind(id)
        .bind(user_id)
        .bind(change.name.as_deref())
        .bind(change.description.is_some())
        .bind(change.description.as_ref().and_then(Option::as_deref))
        .bind(change.scopes.as_deref().map(json))
        .bind(change.rate_limit)
        .bind(change.allowed_ips.as_deref().map(json))
        .bind(now)
        .execute()
}

/// Revokes one of a person's keys. Changes no row where it is revoked already.
pub fn revoke(id: &ApiKeyId, user_id: &UserId, reason: &'static str, now: Timestamp) -> Query<()> {
    sql!("api_keys/revoke").essential().bind(id).bind(user_id).bind(now).bind(reason).execute()
}

/// Finds one of a person's keys, with what decides whether it may be rotated.
pub fn to_rotate(id: &ApiKeyId, user_id: &UserId, now: Timestamp) -> Query<Option<KeyToRotate>> {
    sql!("api_keys/to_rotate").bind(id).bind(user_id).bind(now).optional(KeyToRotate::from_row)
}

/// Creates the successor `new`, whose key is `key`. It changes no row unless `old` is still as it was read, active and
/// without a successor, and its owner has fewer than [`MOST_ACTIVE`] active keys; where the two overlap, `old` is
/// counted too.
pub fn succeed(old: &ApiKeyRecord, new: &ApiKeyRecord, key: &ApiKey, overlaps: bool) -> Query<()> {
    sql!("api_keys/succeed")
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
        .execute()
}

/// Ends a key that has a successor: at once, or after the overlap, unless it ends sooner.
pub fn end_rotated(old: &ApiKeyRecord, overlap_seconds: u32, now: Timestamp) -> Query<()> {
    let (id, user_id) = (&old.id, &old.user_id);
    if overlap_seconds == 0 {
        return sql!("api_keys/revoke").bind(id).bind(user_id).bind(now).bind("rotated").execute();
    }
    sql!("api_keys/end_at").bind(id).bind(user_id).bind(now.plus_seconds(overlap_seconds.into())).execute()
}

/// Guards that a person may make another change to keys: [`Guard::ApiKeyChanges`](super::Guard). The security events of
/// the changes count them.
pub fn expect_few_changes(user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("api_keys/expect_few_changes").bind(user_id).bind(window_start(now)).bind(MOST_CHANGES).execute()
}

/// Reads the state of the limit of a person's changes to keys.
pub fn recent_changes(user_id: &UserId, now: Timestamp) -> Query<LimitState> {
    sql!("api_keys/recent_changes").bind(user_id).bind(window_start(now)).one(move |row| {
        let changes = u32::try_from(row.integer("changes")?).unwrap_or(u32::MAX);
        let first = row.optional_integer("first_at")?.map(Timestamp);
        Ok(LimitState {
            remaining: MOST_CHANGES.saturating_sub(changes),
            reset_after_ms: first.map_or(0, |first| first.plus_seconds(CHANGES_SECONDS.into()).ms_since(now)),
        })
    })
}

fn window_start(now: Timestamp) -> Timestamp {
    now.plus_seconds(i64::from(CHANGES_SECONDS).saturating_neg())
}

fn json<T: Serialize>(list: &[T]) -> String {
    serde_json::json!(list).to_string()
}
