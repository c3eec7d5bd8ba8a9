//! Accounts of people.

use super::{
    BatchError, Guard, columns,
    query::{Query, sql},
    storage::Storage,
    undeliverable,
};
use crate::{
    domain::{
        RunId, Secret, Timestamp, UserId,
        account::{AccountStatus, Role},
        undeliverable::Undeliverable,
    },
    ports::{DatabaseError, Row},
};

/// How long a registration waits for its proof, in milliseconds: 30 days.
const GIVEN_UP_MS: i64 = 30 * 86_400_000;

/// A person's account.
#[derive(Clone, Debug)]
pub struct User {
    /// Id of the account: a UUIDv7, or another UUID where it comes from another system.
    pub id: UserId,
    /// Address; unique, in lower case.
    pub email: String,
    /// Password hash, a PHC string; `None` where the person logs in another way.
    pub password_hash: Option<Secret>,
    /// Name that the person gave.
    pub full_name: Option<String>,
    /// Whether the address is proved.
    pub email_verified: bool,
    /// Role of the person.
    pub role: Role,
    /// Whether the person may log in and use their keys.
    pub status: AccountStatus,
    /// Whether a second factor is asked for.
    pub mfa_enabled: bool,
    /// When the person registered.
    pub created_at: Timestamp,
    /// Stored bytes of benchmarks, runs and results.
    pub storage_bytes: i64,
    /// Quota in bytes, where an administrator set one.
    pub storage_quota_bytes: Option<i64>,
    /// Why mail to the address is not sent, where it is not.
    pub undeliverable: Option<Undeliverable>,
    /// Whether the person is told by mail that keys expire.
    pub tell_key_expiry: bool,
    /// Whether the person is told by mail that keys reach their limits.
    pub tell_key_limits: bool,
    /// Whether the person is told by mail of logins from a new network.
    pub tell_new_networks: bool,
}

impl User {
    /// Reads the account from the columns of the fields' names.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?.into(),
            email: row.text("email")?,
            password_hash: row.optional_text("password_hash")?.map(Secret::new),
            full_name: row.optional_text("full_name")?,
            email_verified: row.boolean("email_verified")?,
            role: columns::read_named(row, "role", Role::named)?,
            status: columns::read_named(row, "status", AccountStatus::named)?,
            mfa_enabled: row.boolean("mfa_enabled")?,
            created_at: Timestamp(row.integer("created_at")?),
            storage_bytes: row.integer("storage_bytes")?,
            storage_quota_bytes: row.optional_integer("storage_quota_bytes")?,
            undeliverable: undeliverable::of_row(row)?,
            tell_key_expiry: row.boolean("tell_key_expiry")?,
            tell_key_limits: row.boolean("tell_key_limits")?,
            tell_new_networks: row.boolean("tell_new_networks")?,
        })
    }
}

impl User {
    /// Returns what the person has stored, and their quota: `quota_bytes`, the deployment's, where they have none of
    /// their own.
    #[must_use]
    pub fn storage(&self, quota_bytes: i64) -> Storage {
        Storage { used_bytes: self.storage_bytes, quota_bytes: self.storage_quota_bytes.unwrap_or(quota_bytes) }
    }
}

/// An account, found by the address that somebody logs in with.
pub struct LoginAccount {
    /// The account.
    pub user: User,
    /// Whether the person has logged in from the client's network before.
    pub network_known: bool,
}

impl LoginAccount {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self { user: User::from_row(row)?, network_known: row.boolean("network_known")? })
    }
}

/// Finds a person.
pub fn find(id: &UserId) -> Query<Option<User>> {
    sql!("users/find").bind(id).optional(User::from_row)
}

/// Finds the person who opened a run, where they are still there.
pub fn find_owner(run_id: &RunId) -> Query<Option<User>> {
    sql!("users/find_owner").bind(run_id).optional(User::from_row)
}

/// Finds a person who is asked for their password again. It is answered on a full disk too, since the account may be
/// about to be deleted.
pub fn find_for_step_up(id: &UserId) -> Query<Option<User>> {
    sql!("users/find").essential().bind(id).optional(User::from_row)
}

/// Finds a person by their address.
pub fn find_by_email(email: &str) -> Query<Option<User>> {
    sql!("users/find_by_email").bind(email).optional(User::from_row)
}

/// Finds the person whom somebody tries to log in as from a network.
pub fn find_for_login(email: &str, network: &str) -> Query<Option<LoginAccount>> {
    sql!("users/find_for_login").bind(email).bind(network).optional(LoginAccount::from_row)
}

/// Marks the address of a verification link as proved. Where it was not proved before, also sets the password and name
/// that the link's registration chose.
pub fn verify(link_hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("users/verify").bind(link_hash).bind(now).execute()
}

/// Sets the password of a link's person. The mail proves the address too.
pub fn reset_password(link_hash: &[u8], password_hash: &Secret, now: Timestamp) -> Query<()> {
    sql!("users/reset_password").bind(link_hash).bind(now).bind(password_hash.expose()).execute()
}

/// Gives a link's person the address that the link proves. The batch fails with [`is_email_taken`] where somebody else
/// has it.
pub fn change_email(link_hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("users/change_email").bind(link_hash).bind(now).execute()
}

/// Checks whether a batch was undone because somebody else has, or may take back, the address that it moves an account
/// to.
#[must_use]
pub fn is_email_taken(error: &BatchError) -> bool {
    match error {
        BatchError::Guard(guard) => *guard == Guard::AddressFree,
        BatchError::Database(DatabaseError::Constraint(name)) => name == "users.email",
        BatchError::Database(_) => false,
    }
}

/// Deletes the registration of a link's new address, where nobody has proved it.
pub fn delete_unproved(link_hash: &[u8]) -> Query<()> {
    sql!("users/delete_unproved").bind(link_hash).execute()
}

/// Sets another password, where the present one has the hash `from`.
pub fn change_password(id: &UserId, from: Option<&Secret>, to: &Secret, now: Timestamp) -> Query<()> {
    sql!("users/change_password").bind(id).bind(from.map(Secret::expose)).bind(to.expose()).bind(now).execute()
}

/// Replaces the hash of a password by another hash of the same password.
pub fn rehash(id: &UserId, from: &Secret, to: &Secret) -> Query<()> {
    sql!("users/rehash").bind(id).bind(from.expose()).bind(to.expose()).execute()
}

/// Guards that a password still has the hash: [`Guard::PasswordUnchanged`].
pub fn expect_password(id: &UserId, password_hash: Option<&Secret>) -> Query<()> {
    sql!("users/expect_password").bind(id).bind(password_hash.map(Secret::expose)).execute()
}

/// Makes a person an administrator, where their address is proved and they are not one yet.
pub fn promote(id: &UserId, now: Timestamp) -> Query<()> {
    sql!("users/promote").bind(id).bind(now).execute()
}

/// Makes an administrator an ordinary user.
pub fn demote(id: &UserId, now: Timestamp) -> Query<()> {
    sql!("users/demote").bind(id).bind(now).execute()
}

/// Sets or removes a person's name. Nothing changes where they have it already.
pub fn rename(id: &UserId, name: Option<&str>, now: Timestamp) -> Query<()> {
    sql!("users/rename").bind(id).bind(name).bind(now).execute()
}

/// Choice of the notices that a person gets by mail. `None` leaves a setting as it is.
#[derive(Clone, Copy, Debug)]
pub struct NoticeChoice {
    /// Whether to be told that keys expire.
    pub key_expiry: Option<bool>,
    /// Whether to be told that keys reach their limits.
    pub key_limits: Option<bool>,
    /// Whether to be told that somebody logged in from a new network.
    pub new_networks: Option<bool>,
}

/// Sets which notices a person gets by mail.
pub fn choose_notices(id: &UserId, choice: NoticeChoice, now: Timestamp) -> Query<()> {
    let NoticeChoice { key_expiry, key_limits, new_networks } = choice;
    sql!("users/choose_notices").bind(id).bind(key_expiry).bind(key_limits).bind(new_networks).bind(now).execute()
}

/// Deletes a person, and everything that refers to them. What they published stays, without an owner.
pub fn delete(id: &UserId) -> Query<()> {
    sql!("users/delete").essential().bind(id).execute()
}

/// Ends the links that would move a person's account to another address.
pub fn end_new_addresses(id: &UserId, now: Timestamp) -> Query<()> {
    sql!("users/end_new_addresses").bind(id).bind(now).execute()
}

/// A link that is to move an account to another address.
pub struct NewAddress<'a> {
    /// Id of the account.
    pub user_id: &'a UserId,
    /// New address.
    pub email: &'a str,
    /// SHA-256 of the link's token.
    pub token_hash: Vec<u8>,
    /// When the link is added.
    pub now: Timestamp,
    /// When the link expires.
    pub expires: Timestamp,
}

/// Adds the link, where nobody has proved the address to be theirs and it is not reserved for anybody else.
pub fn add_new_address(new: NewAddress<'_>) -> Query<()> {
    sql!("users/add_new_address")
        .bind(new.user_id)
        .bind(new.token_hash)
        .bind(new.now)
        .bind(new.expires)
        .bind(new.email)
        .execute()
}

/// Wipes the networks that unproved accounts were registered from, before the accounts expire. Accounts of another
/// system, which nobody registered here, stay.
pub(super) fn wipe_given_up(now: Timestamp, rows: u32) -> Query<()> {
    sql!("users/wipe_given_up").essential().bind(now).bind(rows).bind(GIVEN_UP_MS).execute()
}

/// Deletes the accounts that [`wipe_given_up`] has prepared in the same batch, and counts them.
pub(super) fn expire_given_up(now: Timestamp, rows: u32) -> Query<usize> {
    sql!("users/expire_given_up").essential().bind(now).bind(rows).bind(GIVEN_UP_MS).count()
}
