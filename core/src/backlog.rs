//! What waits to be sent, as metrics tell of it.

use std::time::Duration;

use crate::{
    domain::Timestamp,
    ports::{Clock, Database},
    store::{
        Batch, BatchError,
        outbox::{self, MOST_COUNTED, OutboxState},
        webhooks::{self, WebhooksState},
    },
};

/// Mails and webhooks that wait at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Backlog {
    /// Mails that are not sent.
    pub mails: OutboxState,
    /// Webhooks that wait to be called.
    pub webhooks: WebhooksState,
    /// When they were counted.
    now: Timestamp,
}

impl Backlog {
    /// Most of each that are counted where the database is the server's own.
    pub const MOST: i64 = MOST_COUNTED;

    /// Counts what waits, at most so many of each, in one batch.
    ///
    /// # Errors
    /// As [`Batch::run`].
    pub async fn read(database: &dyn Database, clock: &dyn Clock, most: i64) -> Result<Self, BatchError> {
        let mut batch = Batch::new();
        let (mails, webhooks) = (batch.push(outbox::state(most)), batch.push(webhooks::state(most)));
        let mut answers = batch.run(database).await?;
        Ok(Self { mails: answers.take(mails)?, webhooks: answers.take(webhooks)?, now: clock.now() })
    }

    /// Returns the age of the oldest mail that waits; zero where none does.
    #[must_use]
    pub fn oldest_mail_age(&self) -> Duration {
        self.since(self.mails.oldest)
    }

    /// Returns for how long the webhook that is due longest has been due; zero where none is.
    #[must_use]
    pub fn webhooks_overdue(&self) -> Duration {
        self.since(self.webhooks.due)
    }

    fn since(&self, then: Option<Timestamp>) -> Duration {
        Duration::from_millis(then.map_or(0, |then| self.now.ms_since(then)))
    }
}
