//! Notes that code deep in a request leaves for the outermost layer.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU8, Ordering},
};

use axum::extract::MatchedPath;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::domain::{TraceParent, key_use::Decision};

/// Caller of a request, by its kind of credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// Unknown: without a credential, or with one that is not good.
    #[default]
    Nobody,
    /// A user, by a genuine access token or cookie.
    Session,
    /// A program, by an API key that the gate knows.
    ApiKey,
    /// The operator of the deployment, by one of its secrets.
    Operator,
}

impl CallerKind {
    const ALL: [Self; 4] = [Self::Nobody, Self::Session, Self::ApiKey, Self::Operator];

    /// Returns the name of the kind in the log and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Session => "session",
            Self::ApiKey => "api_key",
            Self::Operator => "operator",
        }
    }
}

/// What may be measured of a request; every answer of the application has it among its extensions.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// Id of the request, as in `X-Request-Id`.
    pub request_id: String,
    pub(super) route: Option<MatchedPath>,
    /// Method of the request: one of RFC 9110 or RFC 5789, or `other`.
    pub method: &'static str,
    /// Time from the request to the head of the answer, in milliseconds.
    pub duration_ms: u64,
    /// Caller of the request.
    pub caller: CallerKind,
    /// Names of what was decided about API keys, in order: of the caller's own, and of one that a service was shown.
    pub key_decisions: Vec<&'static str>,
    /// Trace that the request is part of, with the span that caused it.
    pub trace: Option<TraceParent>,
}

impl RequestRecord {
    /// Returns the template of the request's path, never the path itself; `none` where there is no route.
    #[must_use]
    pub fn route(&self) -> &str {
        self.route.as_ref().map_or("none", MatchedPath::as_str)
    }
}

/// Notes of one request: headers for its answer, whatever the answer (rate limits), its caller, and decisions about
/// keys.
#[derive(Clone, Default)]
pub struct RequestNotes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    headers: Mutex<HeaderMap>,
    caller: AtomicU8,
    key_decisions: Mutex<Vec<&'static str>>,
}

impl RequestNotes {
    /// Adds a header to the answer.
    pub fn append(&self, name: HeaderName, value: HeaderValue) {
        self.0.headers.lock().unwrap_or_else(PoisonError::into_inner).append(name, value);
    }

    /// Takes the headers out; the next call returns none.
    pub fn take_headers(&self) -> HeaderMap {
        std::mem::take(&mut *self.0.headers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes the caller.
    pub fn note_caller(&self, caller: CallerKind) {
        self.0.caller.store(caller as u8, Ordering::Relaxed);
    }

    /// Notes the name of a decision about a key.
    pub fn note_decision(&self, decision: &Decision) {
        self.0.key_decisions.lock().unwrap_or_else(PoisonError::into_inner).push(decision.name());
    }

    /// Takes the names of the decisions about keys out; the next call returns none.
    pub fn take_decisions(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.key_decisions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the caller that was noted, else [`Caller::Nobody`].
    pub fn caller(&self) -> CallerKind {
        let noted = self.0.caller.load(Ordering::Relaxed);
        CallerKind::ALL.into_iter().find(|caller| *caller as u8 == noted).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_noted() {
        let notes = RequestNotes::default();
        assert_eq!(notes.caller(), CallerKind::Nobody);
        for caller in CallerKind::ALL {
            notes.note_caller(caller);
            assert_eq!(notes.caller(), caller);
        }
    }
}
