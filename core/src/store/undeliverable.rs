//! Addresses that mail cannot be delivered to.

use serde::{Deserialize, Serialize};

use super::query::{Query, Sql, sql};
use crate::{
    domain::{
        Timestamp, UserId,
        undeliverable::{DeliveryEvent, Undeliverable, UndeliverableCause},
    },
    ports::{DatabaseError, Row},
};

/// Shortest time between attempts of mails that anybody may ask for to an address that bounced, and between requests of
/// its person for one, in milliseconds: a day.
pub const BETWEEN_TRIES_MS: i64 = 86_400_000;
/// How long it is remembered that an address was verified anew, in milliseconds: longer than providers repeat their
/// events.
const REMEMBERED_MS: i64 = 7 * 86_400_000;
/// How long the mark of an address without an account is kept, in milliseconds: as long as the mail to it.
const OF_NOBODY_MS: i64 = 30 * 86_400_000;

/// Reads the column of the view `undeliverable`.
pub(super) fn of_row(row: &Row) -> Result<Option<Undeliverable>, DatabaseError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct UndeliverableColumn {
        cause: String,
        since: i64,
        asked_at: Option<i64>,
    }

    let told = super::columns::optional_json::<UndeliverableColumn>(row, "undeliverable")?;
    Ok(told.and_then(|told| {
        let cause = UndeliverableCause::named(&told.cause)?;
        Some(Undeliverable { cause, since: Timestamp(told.since), asked_at: told.asked_at.map(Timestamp) })
    }))
}

/// An event of a provider, with the id of the security event about it.
#[derive(Serialize)]
struct EncodedEvent<'a> {
    email: &'a str,
    cause: UndeliverableCause,
    at: i64,
    id: &'a str,
    provider: &'static str,
}

/// Providers' events about addresses, encoded for the statements.
pub struct UndeliverableEvents(String);

impl UndeliverableEvents {
    /// Encodes events, each with a new UUIDv7, in the order in which they happened.
    ///
    /// # Errors
    /// The error of the JSON encoder, which does not occur in practice.
    pub fn new(
        provider: &'static str,
        events: &[(String, DeliveryEvent)],
        now: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let marked = events.iter().map(|(id, event)| EncodedEvent {
            email: event.email.as_str(),
            cause: event.cause,
            at: event.at.unwrap_or(now).0,
            id,
            provider,
        });
        let mut marked = marked.collect::<Vec<_>>();
        marked.sort_by_key(|one| one.at);
        serde_json::to_string(&marked).map(Self)
    }

    /// Marks the addresses of accounts, and of mails that were tried for one. A repeated event changes nothing.
    pub fn mark(&self, now: Timestamp) -> Query<()> {
        self.bind(sql!("undeliverable/mark"), now).bind(OF_NOBODY_MS).execute()
    }

    /// Records the security events of the accounts whose addresses [`UndeliverableEvents::mark`] has marked; has to
    /// follow it in the batch.
    pub fn add_events(&self, now: Timestamp) -> Query<()> {
        self.bind(sql!("undeliverable/add_events"), now).bind(DeliveryEvent::NAME.as_str()).execute()
    }

    fn bind(&self, sql: Sql, now: Timestamp) -> Sql {
        sql.bind(self.0.as_str()).bind(now)
    }
}

/// Decides whether a mail that anybody may ask for is tried although mail to the address bounced: one mail a day, and
/// that one until it is accepted.
pub fn try_again(email: &str, mail_id: &str, now: Timestamp) -> Query<bool> {
    sql!("undeliverable/try_again").bind(email).bind(mail_id).bind(now).bind(BETWEEN_TRIES_MS).exists()
}

/// Notes that a person asks for a mail that verifies their undeliverable address; possible once a day.
pub fn ask(user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("undeliverable/ask").bind(user_id).bind(now).bind(BETWEEN_TRIES_MS).execute()
}

/// Removes the mark from the address of a mailed link's person, who used the link.
pub fn verified(link_hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("undeliverable/verified").bind(link_hash).bind(now).bind(REMEMBERED_MS).execute()
}

/// Removes the mark from a person's address.
pub fn lift(user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("undeliverable/lift").bind(user_id).bind(now).bind(REMEMBERED_MS).execute()
}

/// Sets the marks of addresses that a mailed link's person has left to expire after some time.
pub fn left(link_hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("undeliverable/left").bind(link_hash).bind(now).bind(OF_NOBODY_MS).execute()
}
