//! The transactional outbox of mails.

use super::query::{PageBefore, Query, Sql, sql};
use crate::{
    domain::{SessionId, Timestamp, UserId, mail_state::MailState, undeliverable::UndeliverableCause},
    ports::{DatabaseError, Row, Value},
};

/// Most mails of a kind that an address gets in an hour, whoever asks for them.
const MOST_AN_HOUR: i64 = 10;
/// Most mails about new networks that an address gets in a day.
const MOST_OF_NETWORKS_A_DAY: i64 = 5;
/// Attempts after which a mail is given up: some days.
pub const MOST_ATTEMPTS: i64 = 20;
/// Refusals by the provider after which a mail is given up: some hours.
pub const MOST_REFUSALS: i64 = 9;

/// A mail that is due.
#[derive(Clone)]
pub struct DueMail {
    /// Id of the mail, and its idempotency key at the provider.
    pub id: String,
    /// Address of the recipient.
    pub recipient: String,
    /// Kind of the template.
    pub kind: String,
    /// Data of the template, sealed; empty where it was wiped.
    pub payload: Vec<u8>,
    /// Number of attempts, this one included.
    pub attempts: i64,
    /// Why the recipient's address is undeliverable, where it is.
    pub undeliverable: Option<UndeliverableCause>,
}

/// Claims at most `most` mails that are due, and puts off their next attempt: a crash before they are sent loses none.
pub fn claim(now: Timestamp, most: i64) -> Query<Vec<DueMail>> {
    sql!("outbox/claim").bind(now).bind(most).all(|row| {
        Ok(DueMail {
            id: row.text("id")?,
            recipient: row.text("recipient")?,
            kind: row.text("kind")?,
            payload: row.optional_blob("payload")?.unwrap_or_default(),
            attempts: row.integer("attempts")?,
            undeliverable: row.optional_text("undeliverable")?.as_deref().and_then(UndeliverableCause::named),
        })
    })
}

/// Notes that the provider accepted a mail, and wipes its text.
pub fn mark_sent(id: &str, now: Timestamp) -> Query<()> {
    sql!("outbox/mark_sent").bind(id).bind(now).execute()
}

/// Notes that a mail was kept for the development mailbox instead of sent.
pub fn mark_kept(id: &str, now: Timestamp) -> Query<()> {
    sql!("outbox/mark_kept").bind(id).bind(now).execute()
}

/// Notes why a mail was not accepted; it is tried again.
pub fn note_failure(id: &str, error: &str) -> Query<()> {
    sql!("outbox/note_failure").bind(id).bind(error).execute()
}

/// Gives up a mail, and notes why. Its text stays until it expires, so that it can be sent again.
pub fn give_up(id: &str, error: &str) -> Query<()> {
    sql!("outbox/give_up").bind(id).bind(error).execute()
}

/// Time after a claim within which a mail may be in the process of being sent, in milliseconds: longer than any
/// provider is waited for.
const BEING_SENT_MS: i64 = 30_000;
/// Most mails of a kind that are counted.
pub const MOST_COUNTED: i64 = 10_000;

/// A mail as administrators see it, without its text.
#[derive(Clone, Debug)]
pub struct OutboxMail {
    /// Id of the mail.
    pub id: String,
    /// Address of the recipient.
    pub recipient: String,
    /// Kind of the template.
    pub kind: String,
    /// Id of the account with which the mail is deleted.
    pub user_id: Option<UserId>,
    /// When the mail was queued.
    pub created_at: Timestamp,
    /// Number of attempts.
    pub attempts: i64,
    /// When the mail is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// When the mail was sent.
    pub sent_at: Option<Timestamp>,
    /// Error of the last failed attempt.
    pub last_error: Option<String>,
    /// Whether the text of the mail is still stored.
    pub has_text: bool,
}

impl OutboxMail {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?,
            recipient: row.text("recipient")?,
            kind: row.text("kind")?,
            user_id: row.optional_text("user_id")?.map(Into::into),
            created_at: Timestamp(row.integer("created_at")?),
            attempts: row.integer("attempts")?,
            next_attempt_at: row.optional_integer("next_attempt_at")?.map(Timestamp),
            sent_at: row.optional_integer("sent_at")?.map(Timestamp),
            last_error: row.optional_text("last_error")?,
            has_text: row.boolean("has_text")?,
        })
    }

    /// Returns whether the mail was sent, waits, or failed.
    #[must_use]
    pub fn state(&self) -> MailState {
        match (self.sent_at, self.next_attempt_at) {
            (Some(_), _) => MailState::Sent,
            (None, Some(_)) => MailState::Waiting,
            (None, None) => MailState::Failed,
        }
    }
}

/// Numbers of mails that are not sent yet.
#[derive(Clone, Copy, Debug)]
pub struct OutboxState {
    /// Number of waiting mails; as many as are counted at most, where there are more.
    pub waiting: i64,
    /// When the oldest waiting mail was queued.
    pub oldest: Option<Timestamp>,
    /// Number of mails that were given up; as many as are counted at most, where there are more.
    pub given_up: i64,
}

/// Finds a mail.
pub fn find(id: &str) -> Query<Option<OutboxMail>> {
    sql!("outbox/find").bind(id).optional(OutboxMail::from_row)
}

/// Lists the mails of a state, latest queued first.
pub fn list_of_state(state: MailState, page: &PageBefore) -> Query<Vec<OutboxMail>> {
    let sql = match state {
        MailState::Waiting => sql!("outbox/list_waiting"),
        MailState::Failed => sql!("outbox/list_given_up"),
        MailState::Sent => sql!("outbox/list_sent"),
    };
    sql.bind_page(page).all(OutboxMail::from_row)
}

/// Counts the mails that are not sent, at most so many that wait and that were given up.
pub fn state(most: i64) -> Query<OutboxState> {
    sql!("outbox/state").bind(most).one(|row| {
        Ok(OutboxState {
            waiting: row.integer("waiting")?,
            oldest: row.optional_integer("oldest")?.map(Timestamp),
            given_up: row.integer("given_up")?,
        })
    })
}

/// Makes a mail due, unless it was sent, is due already, or may be in the process of being sent.
pub fn send_again(id: &str, now: Timestamp) -> Query<()> {
    sql!("outbox/send_again").bind(id).bind(now).bind(BEING_SENT_MS).execute()
}

/// Deletes a mail.
pub fn delete(id: &str) -> Query<()> {
    sql!("outbox/delete").bind(id).execute()
}

/// Deletes a person's mails.
pub fn delete_of_user(user_id: &UserId) -> Query<()> {
    sql!("outbox/delete_of_user").bind(user_id).execute()
}

/// A mail as the outbox has it, sent or not.
#[derive(Clone)]
pub struct StoredMail {
    /// Id of the mail.
    pub id: String,
    /// Address of the recipient.
    pub recipient: String,
    /// Data of the template, sealed; empty where it was wiped.
    pub payload: Vec<u8>,
    /// When the mail was queued.
    pub created_at: Timestamp,
}

impl StoredMail {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?,
            recipient: row.text("recipient")?,
            payload: row.optional_blob("payload")?.unwrap_or_default(),
            created_at: Timestamp(row.integer("created_at")?),
        })
    }
}

/// Lists the mails that were queued after a moment, newest first; 200 at most.
pub fn list(after: Timestamp) -> Query<Vec<StoredMail>> {
    sql!("outbox/list").bind(after).all(StoredMail::from_row)
}

/// Lists the mails to an address, newest first; 200 at most.
pub fn list_to(recipient: &str) -> Query<Vec<StoredMail>> {
    sql!("outbox/list_to").bind(recipient).all(StoredMail::from_row)
}

/// A mail ready to be queued.
pub struct QueuedMail {
    /// Id of the mail, a UUIDv7, and its idempotency key at the provider.
    pub id: String,
    /// Kind of the template.
    pub kind: &'static str,
    /// Data of the template, sealed.
    pub payload: Vec<u8>,
    /// When the mail is queued.
    pub now: Timestamp,
}

impl QueuedMail {
    fn bind(self, sql: Sql, to: impl Into<Value>) -> Sql {
        sql.bind(self.id).bind(to).bind(self.kind).bind(self.payload).bind(self.now)
    }

    /// Queues the mail for the address where it has an account: a verified one, an unverified one, or with `None`
    /// either.
    pub fn to_account(self, email: &str, verified: Option<bool>) -> Query<()> {
        let sql = self.bind(sql!("outbox/add_for_account"), email);
        sql.bind(verified).bind(MOST_AN_HOUR).execute()
    }

    /// Queues the mail for the address where that is reserved for an account that left it, unless it is this person's.
    pub fn to_reserved(self, email: &str, except: Option<&UserId>) -> Query<()> {
        let sql = self.bind(sql!("outbox/add_for_reserved"), email);
        sql.bind(except).bind(MOST_AN_HOUR).execute()
    }

    /// Queues the mail for the address, whoever has it. It is deleted with this person's account.
    pub fn to(self, email: &str, user_id: Option<&UserId>) -> Query<()> {
        self.bind(sql!("outbox/add"), email).bind(user_id).execute()
    }

    /// Queues the mail for an address that is no account's any more, unless it is undeliverable.
    pub fn to_if_deliverable(self, email: &str) -> Query<()> {
        self.bind(sql!("outbox/add_if_deliverable"), email).execute()
    }

    /// Queues the mail for the address, where the statement before changed a row. It is deleted with this person's
    /// account, or else with that of whoever has the address.
    pub fn to_if_changed(self, email: &str, user_id: Option<&UserId>) -> Query<()> {
        let sql = self.bind(sql!("outbox/add_if_changed"), email);
        sql.bind(user_id).bind(MOST_AN_HOUR).execute()
    }

    /// Queues the mail for a person, where the statement before changed a row.
    pub fn to_person_if_changed(self, user_id: &UserId) -> Query<()> {
        self.bind(sql!("outbox/add_for_user_if_changed"), user_id).execute()
    }

    /// Queues the mail for a person who is logging in from a network that they were not seen in before, where they were
    /// seen in another one and want to be told. Returns whether it is queued.
    pub fn to_person_in_new_network(self, user_id: &UserId, network: &str) -> Query<bool> {
        let sql = self.bind(sql!("outbox/add_for_new_network"), user_id);
        sql.bind(network).bind(MOST_OF_NETWORKS_A_DAY).exists()
    }

    /// Queues the mail for the person of a mailed link.
    pub fn to_person_of_token(self, hash: &[u8]) -> Query<()> {
        self.bind(sql!("outbox/add_for_link"), hash).execute()
    }

    /// Queues the mail for the person of a session, where the statement before changed a row.
    pub fn to_person_of_session_if_changed(self, session_id: &SessionId) -> Query<()> {
        self.bind(sql!("outbox/add_for_session_if_changed"), session_id).execute()
    }
}
