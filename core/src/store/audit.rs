//! Security events, listed for the person they concern and for administrators.

use serde_json::Value;

use super::{
    columns::read_json,
    query::{PageBefore, Query, Sql, sql},
};
use crate::{
    domain::{SecurityEventName, SessionId, Timestamp, UserId, strict_json::AnyJson},
    ports::{DatabaseError, Row},
};

/// The person whose events are listed.
#[derive(Clone, Copy, Debug)]
pub enum Person<'a> {
    /// The person who has, or had, this id.
    Id(&'a UserId),
    /// The person who has this address now.
    Address(&'a str),
}

/// Filter of a list of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter<'a> {
    /// Person that the event happened to.
    pub person: Option<Person<'a>>,
    /// Name of the event.
    pub name: Option<SecurityEventName>,
}

/// Lists events, newest first.
pub fn list(filter: EventFilter<'_>, page: &PageBefore) -> Query<Vec<NamedEvent>> {
    let name = filter.name.map(SecurityEventName::as_str);
    let sql = match (filter.person, name) {
        (Some(person), name) => {
            let (id, address) = match person {
                Person::Id(id) => (Some(id), None),
                Person::Address(address) => (None, Some(address)),
            };
            sql!("audit/list_of_person").bind_page(page).bind(id).bind(address).bind(name)
        }
        (None, Some(name)) => sql!("audit/list_of_kind").bind_page(page).bind(name),
        (None, None) => sql!("audit/list").bind_page(page),
    };
    sql.all(NamedEvent::from_row)
}

/// Lists a person's events, newest first.
pub fn list_of_user(user_id: &UserId, page: &PageBefore) -> Query<Vec<Event>> {
    sql!("audit/list_of_user").bind(user_id).bind_page(page).all(Event::from_row)
}

/// Wipes the details of events of a person who deletes their account. What happened and when stays, and so do events of
/// what they did to others.
pub fn wipe(user_id: &UserId) -> Query<()> {
    sql!("audit/wipe").bind(user_id).execute()
}

/// Wipes the details of events of whoever registered the new address of a mailed link, where nobody has proved it.
pub fn wipe_unproved(link_hash: &[u8]) -> Query<()> {
    sql!("audit/wipe_unproved").bind(link_hash).execute()
}

/// A security event that is to be recorded of somebody.
pub struct NewEvent {
    /// Id of the event, a UUIDv7.
    pub id: String,
    /// When the event happened.
    pub at: Timestamp,
    /// Name of the event.
    pub name: SecurityEventName,
    /// IP address of the client that caused the event.
    pub ip: Option<String>,
    /// User agent of the client.
    pub user_agent: Option<String>,
    /// Further details; no secret, and no address of anybody else.
    pub details: Value,
}

impl NewEvent {
    fn bind(self, sql: Sql) -> Sql {
        sql.bind(self.id)
            .bind(self.at)
            .bind(self.name.as_str())
            .bind(self.ip)
            .bind(self.user_agent)
            .bind(self.details.to_string())
    }

    /// Records the event of a person, caused by a person.
    pub fn of(self, user_id: &UserId, actor_id: Option<&UserId>) -> Query<()> {
        self.bind(sql!("audit/add")).bind(user_id).bind(actor_id).execute()
    }

    /// Records the event of a person, caused by a person, where the statement before changed a row.
    pub fn of_if_changed(self, user_id: &UserId, actor_id: Option<&UserId>) -> Query<()> {
        self.bind(sql!("audit/add_if_changed")).bind(user_id).bind(actor_id).execute()
    }

    /// Records the event of whoever has the address, or else of nobody.
    pub fn of_address(self, email: &str) -> Query<()> {
        self.bind(sql!("audit/add_for_address")).bind(email).execute()
    }

    /// Records the event of whoever registered the address, where nobody has proved it.
    pub fn of_address_if_unproved(self, email: &str) -> Query<()> {
        self.bind(sql!("audit/add_for_unproved_address")).bind(email).execute()
    }

    /// Records the event of the person of a mailed link, who used it.
    pub fn of_token(self, hash: &[u8]) -> Query<()> {
        self.bind(sql!("audit/add_for_link")).bind(hash).execute()
    }

    /// Records the event of the person of a session, where the statement before changed a row.
    pub fn of_session_if_changed(self, session_id: &SessionId) -> Query<()> {
        self.bind(sql!("audit/add_for_session_if_changed")).bind(session_id).execute()
    }
}

/// An event, with the present addresses of the people it names.
#[derive(Clone, Debug)]
pub struct NamedEvent {
    /// The event.
    pub event: Event,
    /// Mail address of the person that the event happened to.
    pub user_email: Option<String>,
    /// Mail address of the person who caused the event.
    pub actor_email: Option<String>,
}

impl NamedEvent {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            event: Event::from_row(row)?,
            user_email: row.optional_text("user_email")?,
            actor_email: row.optional_text("actor_email")?,
        })
    }
}

/// A security event that was recorded.
#[derive(Clone, Debug)]
pub struct Event {
    /// Id of the event, a UUIDv7.
    pub id: String,
    /// When the event happened.
    pub at: Timestamp,
    /// Name of the event.
    pub name: String,
    /// Id of the person that the event happened to; `None` where an address without an account was tried.
    pub user_id: Option<UserId>,
    /// Id of the person who caused the event; `None` where nobody was logged in.
    pub actor_id: Option<UserId>,
    /// IP address of the client that caused the event.
    pub ip: Option<String>,
    /// User agent of the client.
    pub user_agent: Option<String>,
    /// Further details.
    pub details: Value,
}

impl Event {
    /// Returns the event's place in a list by time: milliseconds since the epoch, and id.
    #[must_use]
    pub fn position(&self) -> (i64, String) {
        (self.at.0, self.id.clone())
    }

    /// Reads the event from the columns of the fields' names; the column `event` is the name.
    pub(super) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?,
            at: Timestamp(row.integer("at")?),
            name: row.text("event")?,
            user_id: row.optional_text("user_id")?.map(Into::into),
            actor_id: row.optional_text("actor_id")?.map(Into::into),
            ip: row.optional_text("ip")?,
            user_agent: row.optional_text("user_agent")?,
            details: read_json::<AnyJson>(row, "details")?.0,
        })
    }
}
