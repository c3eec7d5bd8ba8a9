//! The transactional outbox of mails.

use crate::ports::Statement;

/// A mail for the address, if its account stands as the kind wants: `?6` is 1 for mails to a verified address,
/// 0 for those to one that is not, null for either.
pub const ADD_FOR_ACCOUNT: &str = "INSERT INTO outbox (id, recipient, kind, payload, created_at, next_attempt_at) \
     SELECT ?1, email, ?3, ?4, ?5, ?5 FROM users WHERE email = ?2 AND (?6 IS NULL OR email_verified = ?6)";
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
/// Forgets mails after 30 days.
pub const EXPIRE: &str = "DELETE FROM outbox WHERE created_at < ?1 - 2592000000";

/// After so many attempts a mail is given up: some days.
pub const MOST_ATTEMPTS: i64 = 20;
/// After so many refusals by the provider: some hours.
pub const MOST_REFUSALS: i64 = 9;

/// The statement of [`ADD_FOR_ACCOUNT`].
#[must_use]
pub fn add_for_account(mail: QueuedMail, email: &str, verified: Option<bool>) -> Statement {
    Statement::new(ADD_FOR_ACCOUNT)
        .bind(mail.id)
        .bind(email)
        .bind(mail.kind)
        .bind(mail.payload)
        .bind(mail.now)
        .bind(verified)
}

/// The statement of [`ADD_FOR_SESSION_IF_CHANGED`].
#[must_use]
pub fn add_for_session_if_changed(mail: QueuedMail, session_id: &str) -> Statement {
    Statement::new(ADD_FOR_SESSION_IF_CHANGED)
        .bind(mail.id)
        .bind(session_id)
        .bind(mail.kind)
        .bind(mail.payload)
        .bind(mail.now)
}

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
