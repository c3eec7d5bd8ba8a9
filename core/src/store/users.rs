//! People, and the links mailed to them.

use super::{
    query::{Query, sql},
    storage::Storage,
};
use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// The columns of a [`User`].
macro_rules! user_columns {
    () => {
        "u.id, u.email, u.password_hash, u.full_name, u.email_verified, u.role, u.status, u.mfa_enabled, u.created_at, \
         u.storage_bytes, u.storage_quota_bytes"
    };
}
pub(crate) use user_columns;

/// A person by address, and whether they have logged in from the network `?2`.
pub const BY_EMAIL_FROM_NETWORK: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", EXISTS (SELECT 1 FROM known_networks AS k WHERE k.user_id = u.id AND k.network = ?2) AS network_known \
     FROM users AS u WHERE u.email = ?1"
);
/// Registers an address.
pub const REGISTER: &str = include_str!("sql/users/register.sql");
/// A verification link, where the address still wants verifying, with the particulars of its registration.
pub const ADD_VERIFICATION: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at, password_hash, full_name, network) \
     SELECT ?2, id, 'verify_email', ?3, ?4, ?5, ?6, ?7 FROM users WHERE email = ?1 AND email_verified = 0";
/// Another one, with the particulars of the newest registration from the network of whoever asks (`?5`), else with those
/// of the account.
pub const ADD_ANOTHER_VERIFICATION: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at, password_hash, full_name, network) \
     SELECT ?2, u.id, 'verify_email', ?3, ?4, \
       CASE WHEN t.hash IS NULL THEN u.password_hash ELSE t.password_hash END, \
       CASE WHEN t.hash IS NULL THEN u.full_name ELSE t.full_name END, t.network \
     FROM users AS u LEFT JOIN one_time_tokens AS t ON t.hash = (SELECT o.hash FROM one_time_tokens AS o \
       WHERE o.user_id = u.id AND o.purpose = 'verify_email' AND o.network = ?5 ORDER BY o.created_at DESC LIMIT 1) \
     WHERE u.email = ?1 AND u.email_verified = 0";
/// The registration of a link.
pub const REGISTRATION: &str = include_str!("sql/users/registration.sql");
/// Guard: nobody else's registration of the address can be confirmed.
pub const EXPECT_ONLY_REGISTRATION: &str = include_str!("sql/users/expect_only_registration.sql");
/// A link for the address, where it has an account that got fewer than five of the kind within the hour.
pub const ADD_TOKEN: &str = "INSERT INTO one_time_tokens (hash, user_id, purpose, created_at, expires_at) \
     SELECT ?2, u.id, ?3, ?4, ?5 FROM users AS u WHERE u.email = ?1 AND (SELECT count(*) FROM one_time_tokens AS t \
       WHERE t.user_id = u.id AND t.purpose = ?3 AND t.created_at > ?4 - 3600000) < 5";
/// Uses a link of purpose `?3`, once; no suspended person's.
pub const USE_TOKEN: &str = "UPDATE one_time_tokens SET used_at = ?2 \
     WHERE hash = ?1 AND purpose = ?3 AND used_at IS NULL AND expires_at > ?2 \
       AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = one_time_tokens.user_id AND u.status = 'active')";
/// Marks the address of a verification link as proved.
pub const VERIFY: &str = include_str!("sql/users/verify.sql");
/// Sets the password of the link's person. The mail proves the address too; what strangers may have registered it
/// with goes.
pub const RESET_PASSWORD: &str = "UPDATE users SET password_hash = ?3, password_changed_at = ?2, updated_at = ?2, \
       full_name = CASE WHEN users.email_verified = 1 THEN users.full_name END, email_verified = 1 \
     FROM one_time_tokens AS t WHERE t.hash = ?1 AND users.id = t.user_id";
/// Gives the person of the link the address that it proves.
pub const CHANGE_EMAIL: &str = "UPDATE users SET email = t.new_email, email_verified = 1, updated_at = ?2 \
     FROM one_time_tokens AS t WHERE t.hash = ?1 AND users.id = t.user_id";
/// Registrations of the link's address that nobody has proved.
pub const DELETE_UNPROVED: &str =
    "DELETE FROM users WHERE email_verified = 0 AND email = (SELECT new_email FROM one_time_tokens WHERE hash = ?1)";
/// Kills every link of the link's person.
pub const END_TOKENS_OF_TOKEN: &str = "UPDATE one_time_tokens SET used_at = coalesce(used_at, ?2), password_hash = NULL, full_name = NULL \
     WHERE user_id = (SELECT user_id FROM one_time_tokens WHERE hash = ?1)";
/// Kills every link of a person.
pub const END_TOKENS: &str = "UPDATE one_time_tokens SET used_at = coalesce(used_at, ?2), password_hash = NULL, full_name = NULL WHERE user_id = ?1";
/// The person of a link of purpose `?2` that still works at `?3`.
pub const BY_LIVE_TOKEN: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id \
     WHERE t.hash = ?1 AND t.purpose = ?2 AND t.used_at IS NULL AND t.expires_at > ?3 AND u.status = 'active'"
);
/// Sets the password, where it is still the one that was given (`?2`).
pub const CHANGE_PASSWORD: &str = "UPDATE users SET password_hash = ?3, password_changed_at = ?4, updated_at = ?4 WHERE id = ?1 AND password_hash IS ?2";
/// Puts another hash of the same password in place of `?2`.
pub const REHASH: &str = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
/// Guard: fails the batch unless the password of person `?1` is still the one hashed as `?2`.
pub const EXPECT_PASSWORD: &str = "INSERT INTO batch_guard (expectation) SELECT 'same password' \
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash IS ?2)";
/// Makes a person with a proved address an administrator.
pub const PROMOTE: &str =
    "UPDATE users SET role = 'admin', updated_at = ?2 WHERE id = ?1 AND email_verified = 1 AND role <> 'admin'";
/// Makes an administrator a user.
pub const DEMOTE: &str = "UPDATE users SET role = 'user', updated_at = ?2 WHERE id = ?1 AND role = 'admin'";
/// The person whom a link belongs to.
pub const BY_TOKEN: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.hash = ?1"
);
/// A person by id.
pub const BY_ID: &str = concat!("SELECT ", user_columns!(), " FROM users AS u WHERE u.id = ?1");
/// Registrations that nobody has proved for 30 days, and that no link can prove any more.
macro_rules! given_up {
    () => {
        "SELECT u.id FROM users AS u WHERE u.email_verified = 0 AND u.created_at < ?1 - 2592000000 \
           AND EXISTS (SELECT 1 FROM audit_events AS a WHERE a.user_id = u.id AND a.event = 'account_registered') \
           AND NOT EXISTS (SELECT 1 FROM one_time_tokens AS t WHERE t.user_id = u.id AND t.expires_at > ?1) \
         ORDER BY u.created_at, u.id LIMIT ?2"
    };
}
/// Wipes who registered what nobody proved. Accounts of another system, which nobody registered here, stay.
pub const WIPE_GIVEN_UP: &str = concat!(
    "UPDATE audit_events SET ip = NULL, user_agent = NULL WHERE ip IS NOT NULL AND user_id IN (",
    given_up!(),
    ")"
);
/// Forgets what nobody proved; after [`WIPE_GIVEN_UP`].
pub const EXPIRE_GIVEN_UP: &str = concat!("DELETE FROM users WHERE id IN (", given_up!(), ") RETURNING 1");
/// Forgets links a week after their end.
pub const EXPIRE_OLD_TOKENS: &str = "DELETE FROM one_time_tokens WHERE hash IN ( \
       SELECT t.hash FROM one_time_tokens AS t WHERE t.expires_at < ?1 - 604800000 ORDER BY t.expires_at LIMIT ?2) \
     RETURNING 1";

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// UUIDv7, or another UUID where the account comes from another system.
    pub id: String,
    /// Unique, in lower case.
    pub email: String,
    /// PHC string; `None` where they log in another way.
    pub password_hash: Option<crate::domain::Secret>,
    /// What they call themselves.
    pub full_name: Option<String>,
    /// Whether the address is proved.
    pub email_verified: bool,
    /// `user`, `publisher` or `admin`.
    pub role: String,
    /// Whether an administrator has suspended them.
    pub suspended: bool,
    /// Whether a second factor is asked for.
    pub mfa_enabled: bool,
    /// When they registered.
    pub created_at: Timestamp,
    /// Bytes of benchmarks, runs and results.
    pub storage_bytes: i64,
    /// How many there may be, where an administrator said so.
    pub storage_quota_bytes: Option<i64>,
}

impl User {
    /// Reads the columns of `user_columns!`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?,
            email: row.text("email")?,
            password_hash: row.optional_text("password_hash")?.map(crate::domain::Secret::new),
            full_name: row.optional_text("full_name")?,
            email_verified: row.boolean("email_verified")?,
            role: row.text("role")?,
            suspended: row.text("status")? == "suspended",
            mfa_enabled: row.boolean("mfa_enabled")?,
            created_at: Timestamp(row.integer("created_at")?),
            storage_bytes: row.integer("storage_bytes")?,
            storage_quota_bytes: row.optional_integer("storage_quota_bytes")?,
        })
    }
}

impl User {
    /// What they have stored, and how much they may; without a quota of their own, the deployment's holds.
    #[must_use]
    pub fn storage(&self, quota_bytes: i64) -> Storage {
        Storage { used_bytes: self.storage_bytes, quota_bytes: self.storage_quota_bytes.unwrap_or(quota_bytes) }
    }
}

/// A registration, hashed.
pub struct Registration<'a> {
    /// The id of the account, if it is new.
    pub id: &'a str,
    /// The address.
    pub email: &'a str,
    /// PHC string of the password.
    pub password_hash: &'a str,
    /// What they call themselves.
    pub full_name: Option<&'a str>,
    /// From where.
    pub network: &'a str,
    /// SHA-256 of the link's token.
    pub token_hash: Vec<u8>,
    /// Now.
    pub now: Timestamp,
    /// When the link dies.
    pub expires: Timestamp,
}

impl Registration<'_> {
    /// What it writes, in order; mails are the caller's to add.
    #[must_use]
    pub fn statements(self) -> Vec<Statement> {
        vec![
            Statement::new(REGISTER)
                .bind(self.id)
                .bind(self.email)
                .bind(self.password_hash)
                .bind(self.full_name)
                .bind(self.now),
            Statement::new(ADD_VERIFICATION)
                .bind(self.email)
                .bind(self.token_hash)
                .bind(self.now)
                .bind(self.expires)
                .bind(self.password_hash)
                .bind(self.full_name)
                .bind(self.network),
        ]
    }
}

/// Finds a person.
pub fn find(id: &str) -> Query<Option<User>> {
    sql!("users/find").bind(id).optional(User::from_row)
}

/// Gives a person another name, or none. Nothing changes where they have it already.
pub fn rename(id: &str, name: Option<&str>, now: Timestamp) -> Query<()> {
    sql!("users/rename").bind(id).bind(name).bind(now).execute()
}

/// Deletes a person, and with them everything that refers to them. What they published stays, without an owner.
pub fn delete(id: &str) -> Query<()> {
    sql!("users/delete").essential().bind(id).execute()
}

/// Ends every mailed link of a person.
pub fn end_links(id: &str, now: Timestamp) -> Query<()> {
    sql!("links/end_of_user").bind(id).bind(now).execute()
}

/// Ends the links that would move a person's account to another address.
pub fn end_new_addresses(id: &str, now: Timestamp) -> Query<()> {
    sql!("users/end_new_addresses").bind(id).bind(now).execute()
}

/// A link that moves an account to another address.
pub struct NewAddress<'a> {
    /// Whose account.
    pub user_id: &'a str,
    /// To which address.
    pub email: &'a str,
    /// SHA-256 of the link's token.
    pub token_hash: Vec<u8>,
    /// Now.
    pub now: Timestamp,
    /// When the link ends.
    pub expires: Timestamp,
}

/// Adds the link, where nobody has proved the address to be theirs and it is kept for nobody else.
pub fn add_new_address(new: NewAddress<'_>) -> Query<()> {
    sql!("users/add_new_address")
        .bind(new.user_id)
        .bind(new.token_hash)
        .bind(new.now)
        .bind(new.expires)
        .bind(new.email)
        .execute()
}
