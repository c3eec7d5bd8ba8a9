//! Sessions: one row each, whose generation counts the refresh tokens given.

use super::query::{PageBefore, Query, sql};
use super::users::User;
use crate::{
    domain::{ACCESS_TOKEN_SECONDS, Secret, SessionId, UserId, account::AccountStatus},
    ports::{DatabaseError, Row, Timestamp},
};

/// How long a session lives, whatever its use, in seconds.
const ABSOLUTE_SECONDS: i64 = 30 * 86_400;
/// How long a session lives unused, in milliseconds.
const IDLE_MS: i64 = 7 * 86_400_000;
/// How long the token before the current one still gets the current one, in milliseconds.
const GRACE_MS: i64 = 10_000;
/// How often the use of a browser's session is noted, in milliseconds.
const NOTED_MS: i64 = 3_600_000;
/// An access token is given with a use, or within the grace after it: while it counts, its session cannot be idle.
const _: () = assert!(ACCESS_TOKEN_SECONDS * 1000 + GRACE_MS < IDLE_MS);
/// The most live sessions of one person; the oldest ends.
const MOST_LIVE: i64 = 100;

/// A session, with its user.
#[derive(Clone)]
pub struct Session {
    /// UUIDv7.
    pub id: SessionId,
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
    /// Reads a row of `sessions/find.sql`.
    ///
    /// # Errors
    /// When a column is missing.
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

    /// Whether the session still counts. An access token is given with a use, and ends long before the session would be
    /// idle; a browser's cookie may come back later than that.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at > now && self.last_used_at.plus_ms(IDLE_MS) > now
    }

    /// Whether its use was not noted for an hour: a browser's session has no refresh that notes it.
    #[must_use]
    pub fn is_use_due(&self, now: Timestamp) -> bool {
        self.last_used_at.plus_ms(NOTED_MS) <= now
    }

    /// Whether the refresh token of this generation would be answered with tokens: `rotate` and `end_reused` decide the
    /// same where they write.
    #[must_use]
    pub fn refreshes(&self, generation: i64, now: Timestamp) -> bool {
        let is_current = generation == self.generation && now.0.saturating_sub(self.last_used_at.0) < IDLE_MS;
        let is_previous =
            generation.checked_add(1) == Some(self.generation) && now.0.saturating_sub(self.rotated_at.0) <= GRACE_MS;
        self.is_live(now) && self.user.status == AccountStatus::Active && (is_current || is_previous)
    }
}

/// A session that starts.
pub struct NewSession<'a> {
    /// UUIDv7.
    pub id: &'a SessionId,
    /// Whose it is, as they were read.
    pub user: &'a User,
    /// What the refresh tokens' MAC is bound to.
    pub nonce: [u8; 16],
    /// What the client calls itself.
    pub user_agent: Option<&'a str>,
    /// The client's address.
    pub ip: Option<String>,
    /// Whether its refresh token rides in a cookie.
    pub cookie: bool,
    /// Now.
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

/// Ends a session of which an old refresh token was presented, unless it was the last one a moment ago. Returns whether it
/// did.
pub fn end_reused(id: &SessionId, generation: i64, now: Timestamp) -> Query<bool> {
    sql!("sessions/end_reused").bind(id).bind(generation).bind(now).bind(GRACE_MS).exists()
}

/// Ends a session, and tells whether its refresh token rides in a cookie: not where it had ended before.
pub fn end(id: &SessionId, reason: &'static str, now: Timestamp) -> Query<bool> {
    let end = sql!("sessions/end").essential().bind(id).bind(now).bind(reason);
    end.optional(|row| row.boolean("cookie")).map(|cookie| cookie.unwrap_or(false))
}

/// Ends the session that another one of the same person takes the place of.
pub fn end_replaced(id: &SessionId, user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("sessions/end_of_user").bind(id).bind(user_id).bind(now).bind("replaced").bind(IDLE_MS).execute()
}

/// Ends the oldest live sessions of a person who has more than 100. Those that ended by themselves take nobody's place.
pub fn end_oldest(user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("sessions/end_oldest").bind(user_id).bind(now).bind(MOST_LIVE).bind(IDLE_MS).execute()
}

/// Ends every session of a person but one; without an exception it ends all.
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
    /// UUIDv7.
    pub id: SessionId,
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

/// Guards that the session lives, as [`Session::is_live`] says, and that its person's account is active:
/// [`Guard::SessionLive`](super::Guard) and [`Guard::AccountActive`](super::Guard).
pub fn expect_live(id: &SessionId, user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("sessions/expect_live").bind(id).bind(user_id).bind(now).bind(IDLE_MS).execute()
}

/// Notes that a live session was used.
pub fn note_use(id: &SessionId, now: Timestamp) -> Query<()> {
    sql!("sessions/note_use").bind(id).bind(now).bind(NOTED_MS).execute()
}
