//! Sessions: one row each, whose generation counts the refresh tokens given.

use super::query::{PageBefore, Query, sql};
use super::users::User;
use crate::{
    domain::{ACCESS_TOKEN_SECONDS, Secret, SessionId, Timestamp, UserId, account::AccountStatus},
    ports::{DatabaseError, Row},
};

/// How long a session lives at most, in seconds.
const ABSOLUTE_SECONDS: i64 = 30 * 86_400;
/// How long a session lives unused, in milliseconds.
const IDLE_MS: i64 = 7 * 86_400_000;
/// How long the previous refresh token is still answered with the current one, in milliseconds.
const GRACE_MS: i64 = 10_000;
/// How often the use of a browser's session is noted, in milliseconds.
const NOTED_MS: i64 = 3_600_000;
/// Access tokens are issued with a use, or within the grace after it, so a session cannot become idle while its token
/// is valid.
const _: () = assert!(ACCESS_TOKEN_SECONDS * 1000 + GRACE_MS < IDLE_MS);
/// Most live sessions of one person; the oldest ends.
const MOST_LIVE: i64 = 100;

/// A session, with its user.
#[derive(Clone)]
pub struct Session {
    /// Id of the session, a UUIDv7.
    pub id: SessionId,
    /// Nonce that the refresh token's MAC is bound to.
    pub nonce: Vec<u8>,
    /// Number of the current refresh token.
    pub generation: i64,
    /// When the current refresh token was first given.
    pub rotated_at: Timestamp,
    /// When the person logged in.
    pub started_at: Timestamp,
    /// When the session was last used.
    pub last_used_at: Timestamp,
    /// When the session ends, whatever its use.
    pub expires_at: Timestamp,
    /// Whether the session was ended.
    pub revoked: bool,
    /// Whether the refresh token is in a cookie.
    pub cookie: bool,
    /// The person whose session it is.
    pub user: User,
}

impl Session {
    /// Reads a session with its person from a row of `sessions/find.sql`.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("session_id")?.into(),
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

    /// Checks whether the session is live: neither ended, expired nor idle. Access tokens end long before the session
    /// would become idle, but a browser's cookie may come back later than that.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at > now && self.last_used_at.plus_ms(IDLE_MS) > now
    }

    /// Checks whether the session's use was last noted an hour ago or more. A browser's session has no refresh that
    /// notes it.
    #[must_use]
    pub fn is_use_due(&self, now: Timestamp) -> bool {
        self.last_used_at.plus_ms(NOTED_MS) <= now
    }

    /// Checks whether the refresh token of this generation would be answered with tokens. `rotate` and `end_reused`
    /// decide the same where they write.
    #[must_use]
    pub fn refreshes(&self, generation: i64, now: Timestamp) -> bool {
        let is_current = generation == self.generation && now.0.saturating_sub(self.last_used_at.0) < IDLE_MS;
        let is_previous =
            generation.checked_add(1) == Some(self.generation) && now.0.saturating_sub(self.rotated_at.0) <= GRACE_MS;
        self.is_live(now) && self.user.status == AccountStatus::Active && (is_current || is_previous)
    }
}

/// A session that is to be started.
pub struct NewSession<'a> {
    /// Id of the session, a UUIDv7.
    pub id: &'a SessionId,
    /// The person whose session it is, as they were read.
    pub user: &'a User,
    /// Nonce that the refresh tokens' MAC is bound to.
    pub nonce: [u8; 16],
    /// User agent of the client.
    pub user_agent: Option<&'a str>,
    /// IP address of the client.
    pub ip: Option<String>,
    /// Whether the refresh token is set in a cookie.
    pub cookie: bool,
    /// When the session starts.
    pub now: Timestamp,
}

/// Starts a session, where the account is active, verified, and has the password and the second factor that it was read
/// with.
pub fn create(new: NewSession<'_>) -> Query<()> {
    sql!("sessions/create")
        .bind(new.id)
        .bind(&new.user.id)
        .bind(new.nonce.to_vec())
        .bind(new.user_agent)
        .bind(new.ip)
        .bind(new.now)
        .bind(new.now.plus_seconds(ABSOLUTE_SECONDS))
        .bind(new.cookie)
        .bind(new.user.password_hash.as_ref().map(Secret::expose))
        .bind(new.user.mfa_enabled)
        .execute()
}

/// Moves a session on to its next refresh token, where the generation of the one presented is current.
pub fn rotate(id: &SessionId, generation: i64, now: Timestamp) -> Query<()> {
    sql!("sessions/rotate").bind(id).bind(generation).bind(now).bind(IDLE_MS).execute()
}

/// Ends a session of which an old refresh token was presented, except the previous one within its grace. Returns
/// whether it did.
pub fn end_reused(id: &SessionId, generation: i64, now: Timestamp) -> Query<bool> {
    sql!("sessions/end_reused").bind(id).bind(generation).bind(now).bind(GRACE_MS).exists()
}

/// Ends a session. Returns whether its refresh token is in a cookie, and false where it had ended before.
pub fn end(id: &SessionId, reason: &'static str, now: Timestamp) -> Query<bool> {
    let end = sql!("sessions/end").essential().bind(id).bind(now).bind(reason);
    end.optional(|row| row.boolean("cookie")).map(|cookie| cookie.unwrap_or(false))
}

/// Ends the session that another one of the same person replaces.
pub fn end_replaced(id: &SessionId, user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("sessions/end_of_user").bind(id).bind(user_id).bind(now).bind("replaced").bind(IDLE_MS).execute()
}

/// Ends the oldest live sessions of a person who has more than 100. Sessions that ended by themselves are not counted.
pub fn end_oldest(user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("sessions/end_oldest").bind(user_id).bind(now).bind(MOST_LIVE).bind(IDLE_MS).execute()
}

/// Ends every session of a person except one; without an exception, all.
pub fn end_others(user_id: &UserId, except: Option<&SessionId>, reason: &'static str, now: Timestamp) -> Query<()> {
    sql!("sessions/end_others").essential().bind(user_id).bind(now).bind(reason).bind(except).execute()
}

/// Ends every session of a mailed link's person.
pub fn end_of_link(link_hash: &[u8], reason: &'static str, now: Timestamp) -> Query<()> {
    sql!("sessions/end_of_link").essential().bind(link_hash).bind(now).bind(reason).execute()
}

/// A session as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// Id of the session, a UUIDv7.
    pub id: SessionId,
    /// User agent of the client at the login.
    pub user_agent: Option<String>,
    /// IP address from which the person logged in.
    pub ip: Option<String>,
    /// Whether the refresh token is in a cookie.
    pub cookie: bool,
    /// When the person logged in.
    pub created_at: Timestamp,
    /// When the session was last used.
    pub last_used_at: Timestamp,
    /// When the session ends, whatever its use.
    pub expires_at: Timestamp,
}

impl SessionSummary {
    /// Reads the session from the columns of the fields' names.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?.into(),
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
pub fn list(user_id: &UserId, page: &PageBefore, now: Timestamp) -> Query<Vec<SessionSummary>> {
    sql!("sessions/list").bind(user_id).bind_page(page).bind(now).bind(IDLE_MS).all(SessionSummary::from_row)
}

/// Ends a live session of a person.
pub fn end_of_user(id: &SessionId, user_id: &UserId, reason: &'static str, now: Timestamp) -> Query<()> {
    sql!("sessions/end_of_user").essential().bind(id).bind(user_id).bind(now).bind(reason).bind(IDLE_MS).execute()
}

/// Finds a session, with its person.
pub fn find(id: &SessionId) -> Query<Option<Session>> {
    sql!("sessions/find").bind(id).optional(Session::from_row)
}

/// Guards that the session is live, as [`Session::is_live`] decides, and that its person's account is active:
/// [`Guard::SessionLive`](super::Guard) and [`Guard::AccountActive`](super::Guard).
pub fn expect_live(id: &SessionId, user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("sessions/expect_live").bind(id).bind(user_id).bind(now).bind(IDLE_MS).execute()
}

/// Notes that a live session was used.
pub fn note_use(id: &SessionId, now: Timestamp) -> Query<()> {
    sql!("sessions/note_use").bind(id).bind(now).bind(NOTED_MS).execute()
}
