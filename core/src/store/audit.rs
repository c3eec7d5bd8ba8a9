//! Security events, for the person they concern and for administrators.

use serde_json::Value;

use super::query::{Query, sql};
use crate::ports::{DatabaseError, Row, Statement, Timestamp};

macro_rules! event_columns {
    () => {
        "a.id, a.at, a.event, a.user_id, a.actor_id, a.ip, a.user_agent, a.details"
    };
}

/// An event of a person.
pub const ADD: &str = "INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id, actor_id) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// The same, if the statement before changed a row.
pub const ADD_IF_CHANGED: &str = "INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id, actor_id) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE changes() > 0";
/// An event of whoever has the address, or of nobody: one row in either case.
pub const ADD_FOR_ADDRESS: &str = "INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, (SELECT id FROM users WHERE email = ?7)";
/// An event of who registered an address that is not proved yet.
pub const ADD_FOR_UNPROVED: &str = "INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, id FROM users WHERE email = ?7 AND email_verified = 0";
/// An event of the person of a mailed link.
pub const ADD_FOR_TOKEN: &str = "INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id, actor_id) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, user_id, user_id FROM one_time_tokens WHERE hash = ?7";
/// An event of the person of a session, by nobody known, if the statement before changed a row.
pub const ADD_FOR_SESSION_IF_CHANGED: &str = "INSERT INTO audit_events (id, at, event, ip, user_agent, details, user_id) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, user_id FROM sessions WHERE id = ?7 AND changes() > 0";
/// A page of a person's events, newest first, before the cursor (`?2`, `?3`).
pub const OF_USER: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM audit_events AS a WHERE a.user_id = ?1 AND (a.at, a.id) < (?2, ?3) ORDER BY a.at DESC, a.id DESC LIMIT ?4"
);
/// Some of a person's events, newest first.
pub const SOME_OF_USER: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM audit_events AS a WHERE a.user_id = ?1 ORDER BY a.at DESC, a.id DESC LIMIT ?2 OFFSET ?3"
);
/// A page of everybody's.
pub const ALL: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM audit_events AS a WHERE (a.at, a.id) < (?1, ?2) ORDER BY a.at DESC, a.id DESC LIMIT ?3"
);
/// Wipes the particulars of a person who leaves; what happened, and when, stays, and so does what they did to others.
pub const WIPE: &str = "UPDATE audit_events SET ip = NULL, user_agent = NULL, details = CASE WHEN user_id = ?1 THEN '{}' ELSE details END \
     WHERE user_id = ?1 OR actor_id = ?1";
/// Forgets events after a year.
pub const EXPIRE: &str = "DELETE FROM audit_events WHERE id IN ( \
       SELECT e.id FROM audit_events AS e WHERE e.at < ?1 - 31536000000 ORDER BY e.at LIMIT ?2) \
     RETURNING 1";

/// Wipes the particulars of whoever registered the new address of a mailed link, which nobody had proved.
pub fn wipe_unproved(link_hash: &[u8]) -> Query<()> {
    sql!("audit/wipe_unproved").bind(link_hash).execute()
}

/// Something that happened, not yet said to whom.
pub struct NewEvent {
    /// UUIDv7.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What: `lower_snake_case`, stable.
    pub name: &'static str,
    /// From which address.
    pub ip: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
    /// What else there is to know; no secret, no address of anybody else.
    pub details: Value,
}

impl NewEvent {
    fn statement(self, sql: &'static str) -> Statement {
        Statement::new(sql)
            .bind(self.id)
            .bind(self.at)
            .bind(self.name)
            .bind(self.ip)
            .bind(self.user_agent)
            .bind(self.details.to_string())
    }

    /// Of a person, by a person.
    #[must_use]
    pub fn of(self, user_id: &str, actor_id: Option<&str>) -> Statement {
        self.statement(ADD).bind(user_id).bind(actor_id)
    }

    /// The same, if the statement before changed a row.
    #[must_use]
    pub fn of_if_changed(self, user_id: &str, actor_id: Option<&str>) -> Statement {
        self.statement(ADD_IF_CHANGED).bind(user_id).bind(actor_id)
    }

    /// Of whoever has the address.
    #[must_use]
    pub fn of_address(self, email: &str) -> Statement {
        self.statement(ADD_FOR_ADDRESS).bind(email)
    }

    /// Of who registered the address, where it is not proved yet.
    #[must_use]
    pub fn of_address_if_unproved(self, email: &str) -> Statement {
        self.statement(ADD_FOR_UNPROVED).bind(email)
    }

    /// Of the person of a mailed link, who used it.
    #[must_use]
    pub fn of_token(self, hash: &[u8]) -> Statement {
        self.statement(ADD_FOR_TOKEN).bind(hash)
    }

    /// Of the person of a session, if the statement before changed a row.
    #[must_use]
    pub fn of_session_if_changed(self, session_id: &str) -> Statement {
        self.statement(ADD_FOR_SESSION_IF_CHANGED).bind(session_id)
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
    pub user_id: Option<String>,
    /// By whom; nobody where nobody was logged in.
    pub actor_id: Option<String>,
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

    /// Reads the columns of `event_columns!`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let details = row.text("details")?;
        Ok(Self {
            id: row.text("id")?,
            at: Timestamp(row.integer("at")?),
            name: row.text("event")?,
            user_id: row.optional_text("user_id")?,
            actor_id: row.optional_text("actor_id")?,
            ip: row.optional_text("ip")?,
            user_agent: row.optional_text("user_agent")?,
            details: serde_json::from_str(&details)
                .map_err(|error| DatabaseError::Unavailable(format!("details: {error}")))?,
        })
    }
}
