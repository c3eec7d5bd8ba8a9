//! Request limits, reported in the headers of draft-ietf-httpapi-ratelimit-headers.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::{HeaderName, request::Parts};

use super::{
    client::Client,
    credentials::{ClaimedSession, ConfirmedSession, SessionBatch},
    problem::{ApiError, Problem, TOO_MANY_REQUESTS},
};
use crate::{
    app::App,
    config::Config,
    ports::{Admission, Limit, LimitState},
    store::{Answers, Handle, api_keys},
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// Counts one request against a limit of the client's network.
///
/// # Errors
/// `too_many_requests`; an internal error where the counter is down.
async fn admit_client(app: &App, client: &Client, limit: &Limit) -> Result<(), ApiError> {
    admit(app, client, &format!("{}:{}", limit.name, client.network()), limit.clone()).await
}

/// Counts one call that leaves something behind against its person's limit, 300 an hour over all sessions. A session
/// that has ended uses up nothing.
///
/// # Errors
/// As [`admit_client`].
pub async fn admit_person(app: &App, of: ConfirmedSession<'_>) -> Result<(), ApiError> {
    let limit = Limit { name: "account".to_owned(), limit: 300, window_seconds: 3600 };
    admit(app, of.client(), &format!("person:{}", of.user_id()), limit).await
}

/// Counts one call that has a webhook called at once, against its person's limit of 60 an hour.
///
/// # Errors
/// As [`admit_client`].
pub async fn admit_webhook_call(app: &App, of: ConfirmedSession<'_>) -> Result<(), ApiError> {
    let limit = Limit { name: "webhooks".to_owned(), limit: 60, window_seconds: 3600 };
    admit(app, of.client(), &format!("webhooks:{}", of.user_id()), limit).await
}

/// State of a person's limit on changes to API keys. A change that leaves rows behind is counted by its event, in the
/// batch that makes it, so that what comes to nothing uses up nothing. Revoking is never counted.
#[must_use = "the answer tells where the limit stands"]
pub struct KeyChanges(Handle<LimitState>);

impl KeyChanges {
    /// Guards that the limit has room for the change that a batch makes: [`Guard::ApiKeyChanges`](crate::store::Guard).
    pub fn expect_room(app: &App, batch: &mut SessionBatch<'_>) {
        let guard = api_keys::expect_few_changes(batch.user_id(), app.now());
        batch.guarded_by(guard);
    }

    /// Reads the limit's state as the batch leaves it.
    pub fn read(app: &App, batch: &mut SessionBatch<'_>) -> Self {
        let changes = api_keys::recent_changes(batch.user_id(), app.now());
        Self(batch.push(changes))
    }

    /// Refuses a change if the limit has no room for it.
    ///
    /// # Errors
    /// `too_many_requests`; an internal error, when the batch did not answer what was expected.
    pub fn refuse_if_full(self, client: &Client, answers: &mut Answers) -> Result<(), ApiError> {
        let state = answers.take(self.0)?;
        if state.remaining > 0 { Ok(()) } else { Err(refuse(client, &Self::limit(), &state)) }
    }

    /// Returns the answer to a batch that [`Guard::ApiKeyChanges`](crate::store::Guard) undid, which confirmed the
    /// session as well: `too_many_requests`, whatever has left the window since. What is read tells only when to try
    /// again.
    pub async fn refusal(app: &App, caller: &ClaimedSession) -> ApiError {
        let changes = api_keys::recent_changes(caller.batch().user_id(), app.now());
        let reset_after_ms = match changes.run(app.database()).await {
            Ok(state) if state.remaining > 0 => 0,
            Ok(state) => state.reset_after_ms,
            Err(error) => {
                tracing::warn!(%error, "when keys may be changed again was not read");
                u64::from(api_keys::CHANGES_SECONDS).saturating_mul(1000)
            }
        };
        refuse(caller.client(), &Self::limit(), &LimitState { remaining: 0, reset_after_ms })
    }

    /// Writes the limit's state to the answer's headers.
    ///
    /// # Errors
    /// An internal error, when the batch did not answer what was expected.
    pub fn report(self, client: &Client, answers: &mut Answers) -> Result<(), ApiError> {
        write_headers(client, &Self::limit(), &answers.take(self.0)?);
        Ok(())
    }

    fn limit() -> Limit {
        Limit { name: "keys".to_owned(), limit: api_keys::MOST_CHANGES, window_seconds: api_keys::CHANGES_SECONDS }
    }
}

/// Extractor that counts a request against its route's limit for each client, before the body is read: a malformed
/// request counts too.
pub struct Limited<R> {
    /// Client that the request was counted for.
    pub client: Client,
    route: PhantomData<R>,
}

/// A route that has a limit for each client.
pub trait LimitedRoute {
    /// Returns the limit of the route.
    fn limit(config: &Config) -> &Limit;
}

macro_rules! limited_routes {
    ($($(#[$doc:meta])+ $route:ident => $limit:ident;)+) => {$(
        $(#[$doc])+
        pub struct $route;

        impl LimitedRoute for $route {
            fn limit(config: &Config) -> &Limit {
                &config.$limit
            }
        }
    )+};
}
limited_routes! {
    /// Marker of `POST /register`.
    Register => limit_register;
    /// Marker of `POST /login` and of its second step.
    Login => limit_login;
    /// Marker of the routes that send a link by mail.
    Resend => limit_resend;
}

impl<R: LimitedRoute> FromRequestParts<App> for Limited<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let client = Client::of(parts);
        admit_client(app, &client, R::limit(app.config())).await?;
        Ok(Self { client, route: PhantomData })
    }
}

/// Counts one request against a limit of the subject, and writes the limit's state to the answer's headers.
///
/// # Errors
/// As [`admit_client`].
pub async fn admit(app: &App, client: &Client, subject: &str, limit: Limit) -> Result<(), ApiError> {
    let admission = app.ports().rate_limiter.admit(subject, std::slice::from_ref(&limit), 1, app.now()).await?;
    report(client, &limit, &admission)
}

/// Writes a limit's state to the answer's headers.
///
/// # Errors
/// `too_many_requests` where the limiter did not admit the request.
pub fn report(client: &Client, limit: &Limit, admission: &Admission) -> Result<(), ApiError> {
    let state = admission.states.first().ok_or_else(|| ApiError::internal("the limiter told no state"))?;
    if !admission.allowed {
        return Err(refuse(client, limit, state));
    }
    write_headers(client, limit, state);
    Ok(())
}

/// Tells in the answer's headers where the limit stands that does not admit the request, and returns the answer.
fn refuse(client: &Client, limit: &Limit, state: &LimitState) -> ApiError {
    write_headers(client, limit, state);
    let detail = format!("at most {} requests in {} seconds", limit.limit, limit.window_seconds);
    Problem::new(TOO_MANY_REQUESTS, detail).retry_after(reset_seconds(state).max(1)).into()
}

fn write_headers(client: &Client, limit: &Limit, state: &LimitState) {
    let name = &limit.name;
    client.answer_header(POLICY, &format!("\"{name}\";q={};w={}", limit.limit, limit.window_seconds));
    client.answer_header(STATE, &format!("\"{name}\";r={};t={}", state.remaining, reset_seconds(state)));
}

fn reset_seconds(state: &LimitState) -> u64 {
    state.reset_after_ms.div_ceil(1000)
}
