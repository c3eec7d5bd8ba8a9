//! Request limits, reported in the headers of draft-ietf-httpapi-ratelimit-headers.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::{HeaderName, request::Parts};

use super::{
    client::Client,
    problem::{ApiError, Problem, TOO_MANY_REQUESTS},
};
use crate::{
    app::App,
    config::Config,
    domain::LimitState,
    ports::{Admission, Limit},
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

/// Writes the state of a limit that was asked to the answer's headers.
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
pub(super) fn refuse(client: &Client, limit: &Limit, state: &LimitState) -> ApiError {
    write_headers(client, limit, state);
    let detail = format!("at most {} requests in {} seconds", limit.limit, limit.window_seconds);
    Problem::new(TOO_MANY_REQUESTS, detail).retry_after(reset_seconds(state).max(1)).into()
}

/// Writes a limit's state to the answer's headers.
pub(super) fn write_headers(client: &Client, limit: &Limit, state: &LimitState) {
    let name = &limit.name;
    client.answer_header(POLICY, &format!("\"{name}\";q={};w={}", limit.limit, limit.window_seconds));
    client.answer_header(STATE, &format!("\"{name}\";r={};t={}", state.remaining, reset_seconds(state)));
}

fn reset_seconds(state: &LimitState) -> u64 {
    state.reset_after_ms.div_ceil(1000)
}
