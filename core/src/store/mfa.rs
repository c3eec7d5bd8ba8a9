//! Second factors: authenticators, recovery codes, and logins that wait for one of them.

use serde_json::json;

use super::{
    query::{Query, sql},
    users::User,
};
use crate::{
    domain::{Secret, Timestamp, UserId},
    ports::{DatabaseError, Row},
};

/// A person's second factor.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    /// Authenticator, where the person has one.
    pub totp: Option<Totp>,
    /// Whether the recovery code asked about is one of theirs, and unused.
    pub recovery_code_matches: bool,
}

/// A person's authenticator.
#[derive(Clone, Debug)]
pub struct Totp {
    /// Id that the secret is sealed for.
    pub id: String,
    /// Secret, sealed.
    pub secret: Vec<u8>,
    /// Newest time step whose code was used.
    pub last_step: i64,
    /// Whether the authenticator was confirmed by a first code.
    pub confirmed: bool,
}

/// A login that waits for its second factor.
pub struct Challenge {
    /// The person who logs in.
    pub user: User,
    /// The person's second factor.
    pub second_factor: SecondFactor,
    /// Whether the refresh token is to be set in a cookie.
    pub cookie: bool,
    /// Whether the challenge may still be answered.
    pub live: bool,
    /// Whether the person has logged in from the network asked about.
    pub network_known: bool,
}

impl SecondFactor {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let totp = |id| {
            Ok::<_, DatabaseError>(Totp {
                id,
                secret: row.optional_blob("totp_secret")?.unwrap_or_default(),
                last_step: row.integer("totp_last_step")?,
                confirmed: row.optional_integer("totp_confirmed_at")?.is_some(),
            })
        };
        Ok(Self {
            totp: row.optional_text("totp_id")?.map(totp).transpose()?,
            recovery_code_matches: row.boolean("recovery_code_matches")?,
        })
    }
}

impl Challenge {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            user: User::from_row(row)?,
            second_factor: SecondFactor::from_row(row)?,
            cookie: row.boolean("cookie")?,
            live: row.boolean("live")?,
            network_known: row.boolean("network_known")?,
        })
    }
}

/// A challenge that is to be added.
pub struct NewChallenge<'a> {
    /// SHA-256 of the challenge's token.
    pub hash: Vec<u8>,
    /// The person whose second factor is asked for, with the hash that their password was checked against.
    pub user: &'a User,
    /// Whether the refresh token is to be set in a cookie.
    pub cookie: bool,
    /// When the challenge is added.
    pub now: Timestamp,
    /// When the challenge expires.
    pub expires_at: Timestamp,
}

/// Adds a challenge, unless the account changed since the password check.
pub fn add_challenge(new: NewChallenge<'_>) -> Query<()> {
    sql!("mfa/add_challenge")
        .bind(new.hash)
        .bind(new.user.id.as_str())
        .bind(new.user.password_hash.as_ref().map(Secret::expose))
        .bind(new.cookie)
        .bind(new.now)
        .bind(new.expires_at)
        .execute()
}

/// Finds a challenge. Also reads whether its person knows the network, and whether they have the recovery code with the
/// hash.
pub fn find_challenge(
    hash: &[u8],
    network: &str,
    recovery_hash: Option<Vec<u8>>,
    now: Timestamp,
) -> Query<Option<Challenge>> {
    sql!("mfa/find_challenge").bind(hash).bind(now).bind(network).bind(recovery_hash).optional(Challenge::from_row)
}

/// Counts an answer to a challenge, where it may still be answered; a right answer uses it up.
pub fn charge_challenge(hash: &[u8], is_right: bool, now: Timestamp) -> Query<()> {
    sql!("mfa/charge_challenge").bind(hash).bind(now).bind(is_right.then_some(now)).execute()
}

/// Finds a person's second factor, confirmed or not. Also reads whether the recovery code with the hash is one of
/// theirs.
pub fn find(user_id: &UserId, recovery_hash: Option<Vec<u8>>) -> Query<SecondFactor> {
    let find = sql!("mfa/find").bind(user_id).bind(recovery_hash).optional(SecondFactor::from_row);
    find.map(|found| found.unwrap_or(SecondFactor { totp: None, recovery_code_matches: false }))
}

/// Uses the code of a time step, once, and stores the secret as it was sealed anew.
pub fn use_step(totp_id: &str, step: i64, sealed: Vec<u8>) -> Query<()> {
    sql!("mfa/use_step").bind(totp_id).bind(step).bind(sealed).execute()
}

/// Uses a recovery code, once.
pub fn use_recovery_code(user_id: &UserId, hash: Vec<u8>, now: Timestamp) -> Query<()> {
    sql!("mfa/use_recovery_code").bind(user_id).bind(hash).bind(now).execute()
}

/// Adds an authenticator that waits for its first code, in place of one that waits; a confirmed one is never replaced.
pub fn put_pending(id: &str, user_id: &UserId, sealed: Vec<u8>, now: Timestamp) -> Query<()> {
    sql!("mfa/put_pending").bind(id).bind(user_id).bind(sealed).bind(now).execute()
}

/// Confirms the authenticator that waits, with a first code of the time step.
pub fn confirm(totp_id: &str, step: i64, now: Timestamp) -> Query<()> {
    sql!("mfa/confirm").bind(totp_id).bind(now).bind(step).execute()
}

/// Removes a person's confirmed authenticator.
pub fn remove(user_id: &UserId) -> Query<()> {
    sql!("mfa/remove").bind(user_id).execute()
}

/// Turns the question for a second factor on where the person has one, and otherwise off.
pub fn set_enabled(user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("mfa/set_enabled").bind(user_id).bind(now).execute()
}

/// Guards that a person has a second factor ([`Guard::MfaEnabled`](super::Guard)), or has none
/// ([`Guard::MfaDisabled`](super::Guard)).
pub fn expect_enabled(user_id: &UserId, enabled: bool) -> Query<()> {
    sql!("mfa/expect_enabled").bind(user_id).bind(enabled).execute()
}

/// Deletes a person's recovery codes, used ones too.
pub fn forget_recovery_codes(user_id: &UserId) -> Query<()> {
    sql!("mfa/forget_recovery_codes").bind(user_id).execute()
}

/// Adds recovery codes with these hashes.
pub fn add_recovery_codes(user_id: &UserId, hashes: impl Iterator<Item = Vec<u8>>, now: Timestamp) -> Query<()> {
    let hashes = hashes.map(|hash| data_encoding::HEXLOWER.encode(&hash)).collect::<Vec<_>>();
    sql!("mfa/add_recovery_codes").bind(user_id).bind(json!(hashes).to_string()).bind(now).execute()
}

/// Deletes a person's logins that wait for a second factor.
pub fn forget_challenges(user_id: &UserId) -> Query<()> {
    sql!("mfa/forget_challenges").bind(user_id).execute()
}
