//! Sessions: one row each, whose generation counts the refresh tokens given.

use super::query::{PageBefore, Query, sql};
use super::users::{User, user_columns};
use crate::ports::{DatabaseError, Row, Rows, Statement, Timestamp};

/// How long a session lives, whatever its use.
pub const ABSOLUTE_SECONDS: i64 = 30 * 86_400;
/// How long a session lives unused.
pub const IDLE_SECONDS: i64 = 7 * 86_400;
/// How long the token before the current one still gets the current one, in milliseconds.
pub const GRACE_MS: i64 = 10_000;

/// The most live sessions of one person; the oldest ends.
pub const MOST_LIVE: i64 = 100;

/// A new session, where the account is still as it was read (same password hash, active, verified, and with a second
/// factor only when that was asked for).
pub const CREATE: &str = "INSERT INTO sessions (id, user_id, nonce, generation, user_agent, ip, created_at, rotated_at, last_used_at, expires_at, cookie) \
     SELECT ?1, u.id, ?3, 0, ?4, ?5, ?6, ?6, ?6, ?7, ?8 FROM users AS u \
     WHERE u.id = ?2 AND u.status = 'active' AND u.email_verified = 1 AND u.password_hash IS ?9 AND u.mfa_enabled = ?10";
/// Takes the next generation, where the presented one is current and the session alive.
pub const ROTATE: &str = "UPDATE sessions SET generation = generation + 1, rotated_at = ?3, last_used_at = ?3 \
     WHERE id = ?1 AND generation = ?2 AND revoked_at IS NULL AND expires_at > ?3 AND last_used_at > ?3 - ?4 \
       AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.status = 'active')";
/// Ends a session of which an old token was presented: somebody else holds one.
pub const END_REUSED: &str = "UPDATE sessions SET revoked_at = ?3, revoked_reason = 'refresh_token_reused' \
     WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?3 \
       AND (generation > ?2 + 1 OR (generation = ?2 + 1 AND rotated_at < ?3 - ?4))";
/// Ends a session, and tells whether its refresh token rides in a cookie.
pub const END: &str =
    "UPDATE sessions SET revoked_at = ?2, revoked_reason = ?3 WHERE id = ?1 AND revoked_at IS NULL RETURNING cookie";
/// Ends all live sessions of a person but the newest `?4`.
pub const END_OLDEST: &str = "UPDATE sessions SET revoked_at = ?2, revoked_reason = ?3 WHERE id IN (\
     SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?4)";
/// Ends every live session of a person but `?4`.
pub const END_OTHERS: &str = "UPDATE sessions SET revoked_at = ?2, revoked_reason = ?3 WHERE user_id = ?1 AND revoked_at IS NULL AND id IS NOT ?4";
/// Ends every session of the person of a link.
pub const END_OF_TOKEN: &str = "UPDATE sessions SET revoked_at = ?2, revoked_reason = ?3 \
     WHERE user_id = (SELECT user_id FROM one_time_tokens WHERE hash = ?1) AND revoked_at IS NULL";
/// Ends a live session of a person.
pub const END_OF_USER: &str = "UPDATE sessions SET revoked_at = ?3, revoked_reason = ?4 \
     WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL AND expires_at > ?3 AND last_used_at > ?3 - 604800000";
/// A session with its person.
pub const BY_ID: &str = concat!(
    "SELECT s.id AS session_id, s.nonce, s.generation, s.rotated_at, s.last_used_at, s.expires_at, s.revoked_at, s.cookie, s.created_at AS started_at, ",
    user_columns!(),
    " FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = ?1"
);
/// Guard: fails the batch unless session `?1` of person `?2` is alive at `?3`.
pub const EXPECT_LIVE: &str = "INSERT INTO batch_guard (expectation) SELECT 'live session' WHERE NOT EXISTS (\
     SELECT 1 FROM sessions AS s JOIN users AS u ON u.id = s.user_id \
     WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL AND s.expires_at > ?3 AND u.status = 'active')";
/// Forgets sessions a week after their end.
pub const EXPIRE: &str = "DELETE FROM sessions WHERE id IN ( \
       SELECT s.id FROM sessions AS s WHERE s.expires_at < ?1 - 604800000 ORDER BY s.expires_at LIMIT ?2) \
     RETURNING 1";

/// A session, with its person.
#[derive(Clone)]
pub struct Session {
    /// UUIDv7.
    pub id: String,
    /// What the refresh token's MAC is bound to.
    pub nonce: Vec<u8>,
    /// Which refresh token is the current one.
    pub generation: i64,
    /// When the current refresh token was first given.
    pub rotated_at: Timestamp,
    /// When the person logged in.
    pub started_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// When it ends, whatever its use.
    pub expires_at: Timestamp,
    /// Whether it was ended.
    pub revoked: bool,
    /// Whether its refresh token rides in a cookie.
    pub cookie: bool,
    /// Whose it is.
    pub user: User,
}

impl Session {
    /// Reads a row of [`BY_ID`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("session_id")?,
            nonce: row.optional_blob("nonce")?.unwrap_or_default(),
            generation: row.integer("generation")?,
            rotated_at: Timestamp(row.integer("rotated_at")?),
            started_at: Timestamp(row.integer("started_at")?),
            last_used_at: Timestamp(row.integer("last_used_at")?),
            expires_at: Timestamp(row.integer("expires_at")?),
            revoked: row.optional_integer("revoked_at")?.is_some(),
            cookie: row.boolean("cookie")?,
            user: User::from_row(row)?,
        })
    }

    /// Reads the first row, if any.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_rows(rows: Rows) -> Result<Option<Self>, DatabaseError> {
        rows.into_first().map(|row| Self::from_row(&row)).transpose()
    }

    /// Whether an access token of this session still counts.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at > now
    }
}

/// The statement of [`END_OTHERS`]; without an exception it ends all.
#[must_use]
pub fn end_others(user_id: &str, except: Option<&str>, reason: &'static str, now: Timestamp) -> Statement {
    Statement::new(END_OTHERS).essential().bind(user_id).bind(now).bind(reason).bind(except)
}

/// A session as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// UUIDv7.
    pub id: String,
    /// What the client called itself at the login.
    pub user_agent: Option<String>,
    /// From where the person logged in.
    pub ip: Option<String>,
    /// Whether its refresh token rides in a cookie.
    pub cookie: bool,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// When it ends, whatever its use.
    pub expires_at: Timestamp,
}

impl SessionSummary {
    /// Reads the columns of that name.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?,
            user_agent: row.optional_text("user_agent")?,
            ip: row.optional_text("ip")?,
            cookie: row.boolean("cookie")?,
            created_at: Timestamp(row.integer("created_at")?),
            last_used_at: Timestamp(row.integer("last_used_at")?),
            expires_at: Timestamp(row.integer("expires_at")?),
        })
    }
}

/// Lists a person's live sessions, newest first.
pub fn list(user_id: &str, page: &PageBefore, now: Timestamp) -> Query<Vec<SessionSummary>> {
    sql!("sessions/list").bind(user_id).bind_page(page).bind(now).all(SessionSummary::from_row)
}

/// Ends a live session of a person.
pub fn end_of_user(id: &str, user_id: &str, reason: &'static str, now: Timestamp) -> Query<()> {
    sql!("sessions/end_of_user").essential().bind(id).bind(user_id).bind(now).bind(reason).execute()
}

/// Finds a session, with its person.
pub fn find(id: &str) -> Query<Option<Session>> {
    sql!("sessions/find").bind(id).optional(Session::from_row)
}

/// Guards that the session lives and that its person's account is active: [`Guard::SessionLive`](super::Guard) and
/// [`Guard::AccountActive`](super::Guard).
pub fn expect_live(id: &str, user_id: &str, now: Timestamp) -> Query<()> {
    sql!("sessions/expect_live").bind(id).bind(user_id).bind(now).execute()
}

/// The statement of [`BY_ID`].
#[must_use]
pub fn by_id(id: &str) -> Statement {
    Statement::new(BY_ID).bind(id)
}
