//! Limit on API keys of the right form that were never issued. Anybody can make them up, so whoever shows them is
//! limited before each costs a look-up.
//!
//! The exact limit is [`crate::ports::RateLimiter`]'s. Once it has refused, this instance refuses by itself until it
//! admits again, and asks nobody. Keys that it has seen to exist pass: a flood from behind the same address does not
//! keep them out.

use std::net::IpAddr;

use super::{client::Client, limits, problem::ApiError};
use crate::{
    app::App,
    domain::{
        LimitState, UserId,
        api_key::KeyHash,
        key_use::{Decision, KeyUse},
        network::Network,
    },
    ports::{Admission, Limit},
};

/// Most unknown keys that are counted by network for all services of one owner, within the limit's window. Services may
/// make networks up; beyond this number only the limits of the services' own keys hold.
const COUNTED_OF_SERVICES: u32 = 1_000;

/// Whoever presents API keys, and the limit on unknown ones among them.
pub struct KeyPresenter {
    subject: String,
    limit: Limit,
}

impl KeyPresenter {
    /// Returns the client of a request, known by its network.
    pub fn client(app: &App, client: &Client) -> Self {
        let limit = app.config().limit_unknown_keys.clone();
        Self { subject: format!("{}:{}", limit.name, client.network()), limit }
    }

    /// Returns whoever showed a key to a service, known by the network of `shown_from`. `None` where the service does
    /// not tell the address: then only the limit of the service's own key holds.
    pub fn of_service(app: &App, service: KeyHash, shown_from: Option<IpAddr>) -> Option<Self> {
        let limit = app.config().limit_unknown_keys.clone();
        let network = Network::of_client(shown_from?);
        Some(Self { subject: format!("{}:{}:{network}", limit.name, service.to_hex()), limit })
    }

    /// Returns the refusal if the key must not be looked up now, else `None`.
    pub fn refusal(&self, app: &App, key: KeyHash) -> Option<Admission> {
        let now = app.now();
        let until = app.known_keys().refused_until(&self.subject, key, now)?;
        Some(Admission {
            allowed: false,
            states: vec![LimitState { remaining: 0, reset_after_ms: until.ms_since(now) }],
        })
    }

    /// Notes what was decided about a key, and counts an unknown one; the admission is that of an unknown key.
    ///
    /// # Errors
    /// An internal error where the counter is down.
    pub async fn note(&self, app: &App, of: &KeyUse, decision: &Decision) -> Result<Option<Admission>, ApiError> {
        if !matches!(decision, Decision::Unknown) {
            app.known_keys().exists(of.hash);
            return Ok(None);
        }
        let now = app.now();
        let limits = std::slice::from_ref(&self.limit);
        let admission = app.ports().rate_limiter.admit(&self.subject, limits, 1, now).await?;
        let state = admission.states.first().filter(|_| !admission.allowed);
        if let Some(state) = state {
            let wait = i64::try_from(state.reset_after_ms).unwrap_or(i64::MAX);
            app.known_keys().refuse(self.subject.clone(), now.plus_ms(wait));
        }
        Ok(Some(admission))
    }

    /// Notes what was decided about a key that was shown to a service of this owner, as [`KeyPresenter::note`] does, but
    /// counts no more unknown ones than [`COUNTED_OF_SERVICES`].
    ///
    /// # Errors
    /// As [`KeyPresenter::note`].
    pub async fn note_of_service(
        &self,
        app: &App,
        owner: &UserId,
        of: &KeyUse,
        decision: &Decision,
    ) -> Result<Option<Admission>, ApiError> {
        if matches!(decision, Decision::Unknown) {
            let limit = Limit {
                name: "services".to_owned(),
                limit: COUNTED_OF_SERVICES,
                window_seconds: self.limit.window_seconds,
            };
            let subject = format!("{}:services:{owner}", self.limit.name);
            if !app.ports().rate_limiter.admit(&subject, &[limit], 1, app.now()).await?.allowed {
                return Ok(None);
            }
        }
        self.note(app, of, decision).await
    }

    /// Writes the state of the limit to the answer's headers.
    ///
    /// # Errors
    /// `too_many_requests` where the key was not admitted.
    pub fn report(&self, client: &Client, admission: &Admission) -> Result<(), ApiError> {
        limits::report(client, &self.limit, admission)
    }
}

/// Has the gate decide about the use of a client's own key, unless the client has shown too many unknown ones.
///
/// # Errors
/// `too_many_requests`; an internal error where the gate cannot decide.
pub async fn admit(app: &App, client: &Client, of: &KeyUse) -> Result<Option<Decision>, ApiError> {
    let presenter = KeyPresenter::client(app, client);
    if let Some(refusal) = presenter.refusal(app, of.hash) {
        presenter.report(client, &refusal)?;
    }
    let decisions = app.ports().key_gate.admit(std::slice::from_ref(of), app.now()).await?;
    client.note_decisions(&decisions);
    let decision = decisions.into_iter().next();
    if let Some(decision) = &decision
        && let Some(admission) = presenter.note(app, of, decision).await?
    {
        presenter.report(client, &admission)?;
    }
    Ok(decision)
}
