//! Limits of people, over all their sessions.

use super::{
    client::Client,
    credentials::{ClaimedSession, ConfirmedSession, SessionBatch},
    limits,
    problem::ApiError,
};
use crate::{
    app::App,
    domain::LimitState,
    ports::Limit,
    store::{Answers, Handle, api_keys},
};

/// Counts one call that leaves something behind against its person's limit, 300 an hour over all sessions. A session
/// that has ended uses up nothing.
///
/// # Errors
/// As [`limits::admit`].
pub async fn admit_person(app: &App, of: ConfirmedSession<'_>) -> Result<(), ApiError> {
    let limit = Limit { name: "account".to_owned(), limit: 300, window_seconds: 3600 };
    limits::admit(app, of.client(), &format!("person:{}", of.user_id()), limit).await
}

/// Counts one call that has a webhook called at once, against its person's limit of 60 an hour.
///
/// # Errors
/// As [`limits::admit`].
pub async fn admit_webhook_call(app: &App, of: ConfirmedSession<'_>) -> Result<(), ApiError> {
    let limit = Limit { name: "webhooks".to_owned(), limit: 60, window_seconds: 3600 };
    limits::admit(app, of.client(), &format!("webhooks:{}", of.user_id()), limit).await
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
        if state.remaining > 0 { Ok(()) } else { Err(limits::refuse(client, &Self::limit(), &state)) }
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
        limits::refuse(caller.client(), &Self::limit(), &LimitState { remaining: 0, reset_after_ms })
    }

    /// Writes the limit's state to the answer's headers.
    ///
    /// # Errors
    /// An internal error, when the batch did not answer what was expected.
    pub fn report(self, client: &Client, answers: &mut Answers) -> Result<(), ApiError> {
        limits::write_headers(client, &Self::limit(), &answers.take(self.0)?);
        Ok(())
    }

    fn limit() -> Limit {
        Limit { name: "keys".to_owned(), limit: api_keys::MOST_CHANGES, window_seconds: api_keys::CHANGES_SECONDS }
    }
}
