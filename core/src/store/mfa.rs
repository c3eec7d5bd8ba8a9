//! Second factors: authenticators, recovery codes, and logins that wait for one of them.

use serde_json::json;

use super::{
    query::{Query, sql},
    users::{User, user_columns},
};
use crate::{
    domain::Secret,
    ports::{DatabaseError, Row, Rows, Statement, Timestamp},
};

/// What a challenge still needs to be worth an answer, at `?2`: fewer than five before it, and the person as they were
/// when their password was right.
macro_rules! challenge_is_live {
    () => {
        "c.attempts < 5 AND c.used_at IS NULL AND c.expires_at > ?2 AND u.status = 'active' \
           AND u.mfa_enabled = 1 AND u.password_hash IS c.password_hash"
    };
}
/// The columns of a [`SecondFactor`].
macro_rules! second_factor_columns {
    ($recovery_hash:literal) => {
        concat!(
            "t.id AS totp_id, t.secret AS totp_secret, t.last_step AS totp_last_step, t.confirmed_at AS totp_confirmed_at, ",
            "EXISTS (SELECT 1 FROM recovery_codes AS r WHERE r.user_id = u.id AND r.hash = ",
            $recovery_hash,
            " AND r.used_at IS NULL) AS recovery_code_matches"
        )
    };
}

/// Asks for the second factor of a person whose password was right, where they are still as they were.
pub const ADD_CHALLENGE: &str = "INSERT INTO mfa_challenges (hash, user_id, password_hash, cookie, created_at, expires_at) \
     SELECT ?1, id, password_hash, ?4, ?5, ?6 FROM users \
     WHERE id = ?2 AND status = 'active' AND mfa_enabled = 1 AND password_hash IS ?3";
/// A challenge at `?2` with its person and their second factor, whether they know the network `?3`, and whether the
/// recovery code `?4` is one of theirs.
pub const CHALLENGE: &str = concat!(
    "SELECT c.cookie, ",
    challenge_is_live!(),
    " AS live, EXISTS (SELECT 1 FROM known_networks AS k WHERE k.user_id = u.id AND k.network = ?3) AS network_known, ",
    user_columns!(),
    ", ",
    second_factor_columns!("?4"),
    " FROM mfa_challenges AS c JOIN users AS u ON u.id = c.user_id \
       LEFT JOIN totp_credentials AS t ON t.user_id = u.id WHERE c.hash = ?1"
);
/// Counts an answer to a challenge, while it is worth one; `?3` is when the answer was right, else null.
pub const CHARGE_CHALLENGE: &str = concat!(
    "UPDATE mfa_challenges AS c SET attempts = attempts + 1, used_at = ?3 FROM users AS u \
     WHERE c.hash = ?1 AND u.id = c.user_id AND ",
    challenge_is_live!()
);
/// The second factor of a person, confirmed or not, and whether the recovery code `?2` is one of theirs.
pub const OF_USER: &str = concat!(
    "SELECT ",
    second_factor_columns!("?2"),
    " FROM users AS u LEFT JOIN totp_credentials AS t ON t.user_id = u.id WHERE u.id = ?1"
);
/// Uses the code of a time step, once, and keeps the secret as it was sealed anew.
pub const USE_STEP: &str = "UPDATE totp_credentials SET last_step = ?2, secret = ?3 \
     WHERE id = ?1 AND last_step < ?2 AND confirmed_at IS NOT NULL";
/// Uses a recovery code, once.
pub const USE_RECOVERY_CODE: &str =
    "UPDATE recovery_codes SET used_at = ?3 WHERE user_id = ?1 AND hash = ?2 AND used_at IS NULL";
/// A secret that waits for its first code, in the place of one that waits; never of one that is confirmed.
pub const PUT_PENDING: &str = "INSERT INTO totp_credentials (id, user_id, secret, created_at) VALUES (?1, ?2, ?3, ?4) \
     ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, secret = excluded.secret, created_at = excluded.created_at \
     WHERE confirmed_at IS NULL";
/// The first code was right.
pub const CONFIRM: &str =
    "UPDATE totp_credentials SET confirmed_at = ?2, last_step = ?3 WHERE id = ?1 AND confirmed_at IS NULL";
/// Removes a person's confirmed authenticator.
pub const REMOVE: &str = "DELETE FROM totp_credentials WHERE user_id = ?1 AND confirmed_at IS NOT NULL";
/// A second factor is asked for where there is one.
pub const SET_ENABLED: &str = "UPDATE users SET updated_at = ?2, mfa_enabled = \
     EXISTS (SELECT 1 FROM totp_credentials AS t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL) WHERE id = ?1";
/// Guard: fails the batch unless person `?1` has a second factor, or has none, as `?2` says.
pub const EXPECT_ENABLED: &str = "INSERT INTO batch_guard (expectation) SELECT 'a second factor' \
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND mfa_enabled = ?2)";
/// A person's recovery codes, used ones too, are gone.
pub const FORGET_RECOVERY_CODES: &str = "DELETE FROM recovery_codes WHERE user_id = ?1";
/// New ones: `?2` is a JSON array of their hashes in hexadecimal.
pub const ADD_RECOVERY_CODES: &str = "INSERT INTO recovery_codes (user_id, hash, created_at) \
     SELECT ?1, unhex(value), ?3 FROM json_each(?2)";
/// A person's logins that wait for a second factor are gone.
pub const FORGET_CHALLENGES: &str = "DELETE FROM mfa_challenges WHERE user_id = ?1";
/// Forgets the logins that nobody finished.
pub const EXPIRE_CHALLENGES: &str = "DELETE FROM mfa_challenges WHERE hash IN ( \
       SELECT c.hash FROM mfa_challenges AS c WHERE c.expires_at < ?1 ORDER BY c.expires_at LIMIT ?2) \
     RETURNING 1";

/// A person's second factor.
#[derive(Clone, Debug)]
pub struct SecondFactor {
    /// Their authenticator.
    pub totp: Option<Totp>,
    /// Whether the recovery code asked about is one of theirs, and unused.
    pub recovery_code_matches: bool,
}

/// A person's authenticator.
#[derive(Clone, Debug)]
pub struct Totp {
    /// What its secret is sealed for.
    pub id: String,
    /// Sealed.
    pub secret: Vec<u8>,
    /// The newest time step of which a code was used.
    pub last_step: i64,
    /// Whether a first code was right.
    pub confirmed: bool,
}

/// A login that waits for its second factor.
pub struct Challenge {
    /// Whose it is.
    pub user: User,
    /// What would be right.
    pub second_factor: SecondFactor,
    /// Whether the refresh token shall ride in a cookie.
    pub cookie: bool,
    /// Whether it may still be answered.
    pub live: bool,
    /// Whether the person has logged in from the network asked about.
    pub network_known: bool,
}

impl SecondFactor {
    /// Reads the row of [`OF_USER`]. Without one there is none.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_rows(rows: Rows) -> Result<Self, DatabaseError> {
        match rows.into_first() {
            Some(row) => Self::from_row(&row),
            None => Ok(Self { totp: None, recovery_code_matches: false }),
        }
    }

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
    /// Reads the row of [`CHALLENGE`], if any.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_rows(rows: Rows) -> Result<Option<Self>, DatabaseError> {
        let read = |row: Row| {
            Ok(Self {
                user: User::from_row(&row)?,
                second_factor: SecondFactor::from_row(&row)?,
                cookie: row.boolean("cookie")?,
                live: row.boolean("live")?,
                network_known: row.boolean("network_known")?,
            })
        };
        rows.into_first().map(read).transpose()
    }
}

/// The statement of [`ADD_CHALLENGE`]; `password_hash` is what the password was checked against.
#[must_use]
pub fn challenge(
    hash: Vec<u8>,
    user_id: &str,
    password_hash: Option<&Secret>,
    cookie: bool,
    now: Timestamp,
    expires: Timestamp,
) -> Statement {
    Statement::new(ADD_CHALLENGE)
        .bind(hash)
        .bind(user_id)
        .bind(password_hash.map(Secret::expose))
        .bind(cookie)
        .bind(now)
        .bind(expires)
}

/// Puts new recovery codes, of these hashes, in the place of all that a person has.
#[must_use]
pub fn replace_recovery_codes(user_id: &str, hashes: impl Iterator<Item = Vec<u8>>, now: Timestamp) -> [Statement; 2] {
    let hashes = hashes.map(|hash| data_encoding::HEXLOWER.encode(&hash)).collect::<Vec<_>>();
    [
        Statement::new(FORGET_RECOVERY_CODES).bind(user_id),
        Statement::new(ADD_RECOVERY_CODES).bind(user_id).bind(json!(hashes).to_string()).bind(now),
    ]
}

/// Removes a person's confirmed authenticator.
pub fn remove(user_id: &str) -> Query<()> {
    sql!("mfa/remove").bind(user_id).execute()
}

/// Asks a person for a second factor from now on where they have one, and else not.
pub fn set_enabled(user_id: &str, now: Timestamp) -> Query<()> {
    sql!("mfa/set_enabled").bind(user_id).bind(now).execute()
}

/// Forgets a person's recovery codes, used ones too.
pub fn forget_recovery_codes(user_id: &str) -> Query<()> {
    sql!("mfa/forget_recovery_codes").bind(user_id).execute()
}

/// Forgets a person's logins that wait for a second factor.
pub fn forget_challenges(user_id: &str) -> Query<()> {
    sql!("mfa/forget_challenges").bind(user_id).execute()
}
