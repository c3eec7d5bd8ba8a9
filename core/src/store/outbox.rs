//! The transactional outbox of mails.

use crate::ports::Statement;

/// A mail for the address, if its account stands as the kind wants: `?6` is 1 for mails to a verified address,
/// 0 for those to one that is not, null for either.
pub const ADD_FOR_ACCOUNT: &str = "INSERT INTO outbox (id, recipient, kind, payload, created_at, next_attempt_at) \
     SELECT ?1, email, ?3, ?4, ?5, ?5 FROM users WHERE email = ?2 AND (?6 IS NULL OR email_verified = ?6)";
/// A mail for the address, if the statement before changed a row.
pub const ADD_IF_CHANGED: &str = "INSERT INTO outbox (id, recipient, kind, payload, created_at, next_attempt_at) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?5 WHERE changes() > 0";
/// A mail for the address, whoever has it.
pub const ADD: &str =
    "INSERT INTO outbox (id, recipient, kind, payload, created_at, next_attempt_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
/// A mail to the person of a link.
pub const ADD_FOR_TOKEN: &str = "INSERT INTO outbox (id, recipient, kind, payload, created_at, next_attempt_at) \
     SELECT ?1, u.email, ?3, ?4, ?5, ?5 FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.hash = ?2";
/// A mail to the person of a session, if the statement before changed a row.
pub const ADD_FOR_SESSION_IF_CHANGED: &str = "INSERT INTO outbox (id, recipient, kind, payload, created_at, next_attempt_at) \
     SELECT ?1, u.email, ?3, ?4, ?5, ?5 FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = ?2 AND changes() > 0";
/// Takes what is due, and puts off its next attempt: 30 s doubling up to 4 h, so that a crash between this and
/// the sending loses nothing.
pub const CLAIM: &str = "UPDATE outbox SET attempts = attempts + 1, \
       next_attempt_at = ?1 + min(14400000, 30000 * (1 << min(attempts, 9))) \
     WHERE id IN (SELECT id FROM outbox WHERE next_attempt_at <= ?1 ORDER BY next_attempt_at LIMIT ?2) \
     RETURNING id, recipient, kind, payload, attempts";
/// Accepted: its text is wiped.
pub const SENT: &str = "UPDATE outbox SET sent_at = ?2, next_attempt_at = NULL, payload = NULL WHERE id = ?1";
/// Kept for `/dev/mail` instead of sent.
pub const KEPT: &str = "UPDATE outbox SET sent_at = ?2, next_attempt_at = NULL WHERE id = ?1";
/// Not accepted, to be tried again.
pub const FAILED: &str = "UPDATE outbox SET last_error = ?2 WHERE id = ?1";
/// Refused for good, or tried too often.
pub const GIVEN_UP: &str = "UPDATE outbox SET last_error = ?2, next_attempt_at = NULL, payload = NULL WHERE id = ?1";
/// What `/dev/mail` shows: mails after `?1`.
pub const NEWEST: &str = "SELECT id, recipient, kind, payload, created_at FROM outbox WHERE created_at > ?1 ORDER BY created_at DESC, id DESC LIMIT 200";
/// What `/dev/mail?to=` shows.
pub const NEWEST_TO: &str = "SELECT id, recipient, kind, payload, created_at FROM outbox WHERE recipient = ?1 ORDER BY created_at DESC, id DESC LIMIT 200";
/// The mails to a person's address, without their texts.
pub const OF_PERSON: &str = "SELECT kind, created_at, sent_at FROM outbox \
     WHERE recipient = (SELECT email FROM users WHERE id = ?1) ORDER BY created_at DESC, id DESC";
/// Forgets the mails to an address.
pub const DELETE_TO: &str = "DELETE FROM outbox WHERE recipient = ?1";
/// Forgets a mail.
pub const DELETE: &str = "DELETE FROM outbox WHERE id = ?1";
/// Forgets mails after 30 days.
pub const EXPIRE: &str = "DELETE FROM outbox WHERE created_at < ?1 - 2592000000";

/// After so many attempts a mail is given up: some days.
pub const MOST_ATTEMPTS: i64 = 20;
/// After so many refusals by the provider: some hours.
pub const MOST_REFUSALS: i64 = 9;

/// A mail ready to be queued.
pub struct QueuedMail {
    /// UUIDv7, and the idempotency key at the provider.
    pub id: String,
    /// Which template.
    pub kind: &'static str,
    /// What the template needs, sealed.
    pub payload: Vec<u8>,
    /// Now.
    pub now: crate::ports::Timestamp,
}

impl QueuedMail {
    fn statement(self, sql: &'static str, to: impl Into<crate::ports::Value>) -> Statement {
        Statement::new(sql).bind(self.id).bind(to).bind(self.kind).bind(self.payload).bind(self.now)
    }

    /// To the address, if its account is verified, or not yet, as is said; whichever where nothing is.
    #[must_use]
    pub fn to_account(self, email: &str, verified: Option<bool>) -> Statement {
        self.statement(ADD_FOR_ACCOUNT, email).bind(verified)
    }

    /// To the address, whoever has it.
    #[must_use]
    pub fn to(self, email: &str) -> Statement {
        self.statement(ADD, email)
    }

    /// To the address, if the statement before changed a row.
    #[must_use]
    pub fn to_if_changed(self, email: &str) -> Statement {
        self.statement(ADD_IF_CHANGED, email)
    }

    /// To the person of a link.
    #[must_use]
    pub fn to_person_of_token(self, hash: &[u8]) -> Statement {
        self.statement(ADD_FOR_TOKEN, hash)
    }

    /// To the person of a session, if the statement before changed a row.
    #[must_use]
    pub fn to_person_of_session_if_changed(self, session_id: &str) -> Statement {
        self.statement(ADD_FOR_SESSION_IF_CHANGED, session_id)
    }
}
