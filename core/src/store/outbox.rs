//! The transactional outbox of mails.

use crate::ports::Statement;

/// The most mails of a kind that an address gets in an hour, whoever asks for them.
pub const MOST_AN_HOUR: i64 = 10;

/// The columns of a new mail, whose parameters are the same in every statement: `?1` id, `?2` whom it is for, `?3` kind,
/// `?4` payload, `?5` now.
macro_rules! insert {
    ($rest:literal) => {
        concat!("INSERT INTO outbox (id, kind, payload, created_at, next_attempt_at, recipient, user_id) ", $rest)
    };
}
/// Whether the address (`?2`) may get another mail of the kind; `?7` is [`MOST_AN_HOUR`].
macro_rules! is_not_pestered {
    () => {
        "(SELECT count(*) FROM outbox AS o WHERE o.recipient = ?2 AND o.created_at > ?5 - 3600000 AND o.kind = ?3) < ?7"
    };
}

/// A mail for the address, if its account stands as the kind wants: `?6` is 1 for mails to a verified address,
/// 0 for those to one that is not, null for either.
pub const ADD_FOR_ACCOUNT: &str = concat!(
    insert!(
        "SELECT ?1, ?3, ?4, ?5, ?5, email, id FROM users WHERE email = ?2 AND (?6 IS NULL OR email_verified = ?6) AND "
    ),
    is_not_pestered!()
);
/// A mail for the address, if the statement before changed a row; of person `?6`, or of whose address it is.
pub const ADD_IF_CHANGED: &str = concat!(
    insert!(
        "SELECT ?1, ?3, ?4, ?5, ?5, ?2, coalesce(?6, (SELECT id FROM users WHERE email = ?2)) WHERE changes() > 0 AND "
    ),
    is_not_pestered!()
);
/// A mail for the address, if it is kept for the account that left it, unless that is person `?6`'s.
pub const ADD_FOR_RESERVED: &str = concat!(
    insert!(
        "SELECT ?1, ?3, ?4, ?5, ?5, ?2, e.user_id FROM email_undos AS e \
         WHERE e.old_email = ?2 AND e.used_at IS NULL AND e.expires_at > ?5 AND e.user_id IS NOT ?6 AND "
    ),
    is_not_pestered!(),
    " LIMIT 1"
);
/// A mail for the address, whoever has it; of person `?6`.
pub const ADD: &str = insert!("VALUES (?1, ?3, ?4, ?5, ?5, ?2, ?6)");
/// A mail to person `?2`, if the statement before changed a row.
pub const ADD_FOR_USER_IF_CHANGED: &str =
    insert!("SELECT ?1, ?3, ?4, ?5, ?5, email, id FROM users WHERE id = ?2 AND changes() > 0");
/// A mail to the person of a link.
pub const ADD_FOR_TOKEN: &str = insert!(
    "SELECT ?1, ?3, ?4, ?5, ?5, u.email, u.id FROM one_time_tokens AS t JOIN users AS u ON u.id = t.user_id WHERE t.hash = ?2"
);
/// A mail to the person of a session, if the statement before changed a row.
pub const ADD_FOR_SESSION_IF_CHANGED: &str = insert!(
    "SELECT ?1, ?3, ?4, ?5, ?5, u.email, u.id FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = ?2 AND changes() > 0"
);
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
/// A person's mails, without their texts.
pub const OF_PERSON: &str = "SELECT kind, created_at, sent_at FROM outbox WHERE user_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2 OFFSET ?3";
/// Forgets a person's mails.
pub const DELETE_OF_PERSON: &str = "DELETE FROM outbox WHERE user_id = ?1";
/// Forgets a mail.
pub const DELETE: &str = "DELETE FROM outbox WHERE id = ?1";
/// Forgets mails after 30 days.
pub const EXPIRE: &str = "DELETE FROM outbox WHERE id IN ( \
       SELECT o.id FROM outbox AS o WHERE o.created_at < ?1 - 2592000000 ORDER BY o.created_at LIMIT ?2) \
     RETURNING 1";

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
        self.statement(ADD_FOR_ACCOUNT, email).bind(verified).bind(MOST_AN_HOUR)
    }

    /// To the address, if it is kept for the account that left it, and that is not this person's.
    #[must_use]
    pub fn to_reserved(self, email: &str, except: Option<&str>) -> Statement {
        self.statement(ADD_FOR_RESERVED, email).bind(except).bind(MOST_AN_HOUR)
    }

    /// To the address, whoever has it; it goes with this person.
    #[must_use]
    pub fn to(self, email: &str, user_id: Option<&str>) -> Statement {
        self.statement(ADD, email).bind(user_id)
    }

    /// To the address, if the statement before changed a row; it goes with this person, or with whose address it is.
    #[must_use]
    pub fn to_if_changed(self, email: &str, user_id: Option<&str>) -> Statement {
        self.statement(ADD_IF_CHANGED, email).bind(user_id).bind(MOST_AN_HOUR)
    }

    /// To a person, if the statement before changed a row.
    #[must_use]
    pub fn to_person_if_changed(self, user_id: &str) -> Statement {
        self.statement(ADD_FOR_USER_IF_CHANGED, user_id)
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
