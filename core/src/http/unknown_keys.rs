//! Keys of the right form that nobody was given: anybody can make them up, so they are limited by who shows them, before
//! each costs a look-up.
//!
//! The exact limit is [`crate::ports::RateLimiter`]'s. Once it has refused, this instance refuses by itself until it admits
//! again, and asks nobody. Keys that it has seen to exist pass: a flood from behind the same address does not keep them out.

use std::net::IpAddr;

use super::{client::Client, limits, problem::ApiError};
use crate::{
    app::App,
    domain::{
        UserId,
        api_key::KeyHash,
        key_use::{Decision, KeyUse},
        network::Network,
    },
    ports::{Admission, Limit, LimitState},
};

/// How many unknown keys the services of one person have counted by the networks of whoever showed them, which they may
/// make up: those beyond cost the services' own limits alone.
const COUNTED_OF_SERVICES: u32 = 1_000;

/// Who shows keys, and how many unknown ones they may.
pub struct Shower {
    subject: String,
    limit: Limit,
}

impl Shower {
    /// The client of a request, by its network.
    pub fn client(app: &App, client: &Client) -> Self {
        let limit = app.config().limit_unknown_keys.clone();
        Self { subject: format!("{}:{}", limit.name, client.network()), limit }
    }

    /// Whoever showed a key to a service, as far as the service tells: by the network of `shown_from`. Where it does not
    /// tell, nobody is held up for others but by the limit of the service's own key.
    pub fn of_service(app: &App, service: KeyHash, shown_from: Option<IpAddr>) -> Option<Self> {
        let limit = app.config().limit_unknown_keys.clone();
        let network = Network::of_client(shown_from?);
        Some(Self { subject: format!("{}:{}:{network}", limit.name, service.to_hex()), limit })
    }

    /// Whether the key is not looked up, and why not.
    pub fn refusal(&self, app: &App, key: KeyHash) -> Option<Admission> {
        let now = app.now();
        let until = app.known_keys().refused_until(&self.subject, key, now)?;
        Some(Admission {
            allowed: false,
            states: vec![LimitState { remaining: 0, reset_after_ms: until.ms_since(now) }],
        })
    }

    /// Notes what was decided about a key; an unknown one is counted.
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

    /// [`Shower::note`] of whoever showed a key to a service of this owner.
    ///
    /// # Errors
    /// As [`Shower::note`].
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

    /// Tells the client where it stands.
    ///
    /// # Errors
    /// `too_many_requests` where it was not admitted.
    pub fn report(&self, client: &Client, admission: &Admission) -> Result<(), ApiError> {
        limits::report(client, &self.limit, admission)
    }
}

/// Has the gate decide about the use of a client's own key, unless the client has shown too many that there are not.
///
/// # Errors
/// `too_many_requests`; an internal error where it cannot be decided.
pub async fn admit(app: &App, client: &Client, of: &KeyUse) -> Result<Option<Decision>, ApiError> {
    let shower = Shower::client(app, client);
    if let Some(refusal) = shower.refusal(app, of.hash) {
        shower.report(client, &refusal)?;
    }
    let decisions = app.ports().key_gate.admit(std::slice::from_ref(of), app.now()).await?;
    client.note_decisions(&decisions);
    let decision = decisions.into_iter().next();
    if let Some(decision) = &decision
        && let Some(admission) = shower.note(app, of, decision).await?
    {
        shower.report(client, &admission)?;
    }
    Ok(decision)
}
