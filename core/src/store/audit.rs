//! Security events, for the person they concern and for administrators.

use serde_json::Value;

use super::query::{PageBefore, Query, Sql, sql};
use crate::{
    domain::{SecurityEventName, SessionId, UserId},
    ports::{DatabaseError, Row, Timestamp},
};

/// Whose events to list.
#[derive(Clone, Copy, Debug)]
pub enum Person<'a> {
    /// Whoever has this id, or had it.
    Id(&'a UserId),
    /// Whoever has this address now.
    Address(&'a str),
}

/// Which events to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter<'a> {
    /// Only what happened to this person.
    pub person: Option<Person<'a>>,
    /// Only what has this name.
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

/// Wipes the particulars of a person who leaves. What happened and when stays, and so does what they did to others.
pub fn wipe(user_id: &UserId) -> Query<()> {
    sql!("audit/wipe").bind(user_id).execute()
}

/// Wipes the particulars of whoever registered the new address of a mailed link, where nobody has proved it.
pub fn wipe_unproved(link_hash: &[u8]) -> Query<()> {
    sql!("audit/wipe_unproved").bind(link_hash).execute()
}

/// Something that happens, and that a statement has yet to record of somebody.
pub struct NewEvent {
    /// UUIDv7.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub name: SecurityEventName,
    /// From which address.
    pub ip: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
    /// What else there is to know; no secret, no address of anybody else.
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

    /// Records it of a person, by a person.
    pub fn of(self, user_id: &UserId, actor_id: Option<&UserId>) -> Query<()> {
        self.bind(sql!("audit/add")).bind(user_id).bind(actor_id).execute()
    }

    /// Records it of a person, by a person, where the statement before changed a row.
    pub fn of_if_changed(self, user_id: &UserId, actor_id: Option<&UserId>) -> Query<()> {
        self.bind(sql!("audit/add_if_changed")).bind(user_id).bind(actor_id).execute()
    }

    /// Records it of whoever has the address, or else of nobody.
    pub fn of_address(self, email: &str) -> Query<()> {
        self.bind(sql!("audit/add_for_address")).bind(email).execute()
    }

    /// Records it of whoever registered the address, where nobody has proved it.
    pub fn of_address_if_unproved(self, email: &str) -> Query<()> {
        self.bind(sql!("audit/add_for_unproved_address")).bind(email).execute()
    }

    /// Records it of the person of a mailed link, who used it.
    pub fn of_token(self, hash: &[u8]) -> Query<()> {
        self.bind(sql!("audit/add_for_link")).bind(hash).execute()
    }

    /// Records it of the person of a session, where the statement before changed a row.
    pub fn of_session_if_changed(self, session_id: &SessionId) -> Query<()> {
        self.bind(sql!("audit/add_for_session_if_changed")).bind(session_id).execute()
    }
}

/// Something that happened, with the addresses that people have now.
#[derive(Clone, Debug)]
pub struct NamedEvent {
    /// The event.
    pub event: Event,
    /// The address of whom it happened to.
    pub user_email: Option<String>,
    /// The address of who did it.
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

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// UUIDv7.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub name: String,
    /// To whom; nobody where an address without an account was tried.
    pub user_id: Option<UserId>,
    /// By whom; nobody where nobody was logged in.
    pub actor_id: Option<UserId>,
    /// From which address.
    pub ip: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
    /// What else there is to know.
    pub details: Value,
}

impl Event {
    /// Its place in a list by time.
    #[must_use]
    pub fn position(&self) -> (i64, String) {
        (self.at.0, self.id.clone())
    }

    /// Reads the columns of that name; `event` is the name.
    pub(super) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let details = row.text("details")?;
        Ok(Self {
            id: row.text("id")?,
            at: Timestamp(row.integer("at")?),
            name: row.text("event")?,
            user_id: row.optional_text("user_id")?.map(Into::into),
            actor_id: row.optional_text("actor_id")?.map(Into::into),
            ip: row.optional_text("ip")?,
            user_agent: row.optional_text("user_agent")?,
            details: serde_json::from_str(&details)
                .map_err(|error| DatabaseError::Unavailable(format!("details: {error}")))?,
        })
    }
}
