//! The client at the other end of the connection.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::{HeaderName, HeaderValue, header, request::Parts};

use super::request_notes::{CallerKind, RequestNotes};
use crate::{
    app::{App, ClientAddress},
    domain::{SecurityEventName, key_use::Decision, network::Network},
    store::audit::NewEvent,
};

/// Client of a request: its address, its user agent, and the request's notes.
#[derive(Clone)]
pub struct Client {
    /// Address of the client, as the host's trusted source gives it.
    pub address: Option<IpAddr>,
    /// `User-Agent` header, cut to 512 characters.
    pub user_agent: Option<String>,
    notes: Option<RequestNotes>,
}

impl Client {
    /// Reads the client from the request's head and extensions.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            address: parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| address.to_canonical()),
            user_agent: user_agent.map(|text| text.chars().take(512).collect()),
            notes: parts.extensions.get::<RequestNotes>().cloned(),
        }
    }

    /// Returns a client without address, user agent or notes, which leaves no trace.
    #[must_use]
    pub fn nobody() -> Self {
        Self { address: None, user_agent: None, notes: None }
    }

    /// Returns the network that the client's limits are counted by, `unknown` where it has no address.
    #[must_use]
    pub fn network(&self) -> String {
        self.address.map_or_else(|| "unknown".to_owned(), |address| Network::of_client(address).to_string())
    }

    /// Creates a security event of this moment that this client caused.
    #[must_use]
    pub fn event(&self, app: &App, name: SecurityEventName, details: serde_json::Value) -> NewEvent {
        NewEvent {
            id: app.new_id(),
            at: app.now(),
            name,
            ip: self.address.map(|address| address.to_string()),
            user_agent: self.user_agent.clone(),
            details,
        }
    }

    /// Adds a header to the answer, whatever the answer will be.
    pub fn answer_header(&self, name: HeaderName, value: &str) {
        if let (Some(notes), Ok(value)) = (&self.notes, HeaderValue::from_str(value)) {
            notes.append(name, value);
        }
    }

    /// Notes what was decided about the keys that the client showed, for metrics.
    pub fn note_decisions(&self, decisions: &[Decision]) {
        if let Some(notes) = &self.notes {
            decisions.iter().for_each(|decision| notes.note_decision(decision));
        }
    }

    /// Notes the caller, for the log.
    pub fn note(&self, caller: CallerKind) {
        if let Some(notes) = &self.notes {
            notes.note_caller(caller);
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
