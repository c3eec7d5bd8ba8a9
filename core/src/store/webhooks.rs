//! Webhooks: their deliveries, queued by requests, and the leases that decide who is called next. Each webhook is
//! called by one instance at a time, so that a slow one holds up nobody, and nobody is called more often for having
//! more to be told.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{
    changes::Place,
    columns::read_named,
    key_notices::BETWEEN_LIMITS_MS,
    outbox::QueuedMail,
    query::{Batch, Handle, PageBefore, Query, Sql, sql},
};
use crate::{
    domain::{
        RunId, Timestamp, UserId, WebhookDeliveryId, WebhookId,
        webhook::{
            WebhookDeliveryStatus, WebhookDisabledReason, WebhookEvent, WebhookFailure, WebhookStatus, WebhookUrl,
        },
    },
    ports::{DatabaseError, Row},
};

/// Most webhooks that a person has.
pub const MOST: i64 = 10;
/// Most deliveries that wait for a webhook or were queued within an hour: what comes beyond is dropped.
const MOST_DELIVERIES: i64 = 1000;
/// Most mails about disabled webhooks that an address gets in a day.
const MOST_MAILS_A_DAY: i64 = 5;
/// Time without an accepted delivery after which a webhook is disabled, in milliseconds: five days.
const FAILING_MS: i64 = 432_000_000;

/// A webhook, without its secret.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Id of the webhook.
    pub id: WebhookId,
    /// Id of the owner's account.
    pub user_id: UserId,
    /// Address that is called.
    pub url: WebhookUrl,
    /// The owner's description of the webhook.
    pub description: Option<String>,
    /// Events that the webhook is told of.
    pub events: Vec<WebhookEvent>,
    /// Whether the webhook is called.
    pub status: WebhookStatus,
    /// Why the webhook is disabled.
    pub disabled_reason: Option<WebhookDisabledReason>,
    /// When the webhook was disabled.
    pub disabled_at: Option<Timestamp>,
    /// When the webhook was created.
    pub created_at: Timestamp,
    /// Since when no delivery was accepted.
    pub failing_since: Option<Timestamp>,
    /// Until when the previous secret signs too.
    pub previous_until: Option<Timestamp>,
}

impl Webhook {
    pub(super) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let events = serde_json::from_str::<Vec<String>>(&row.text("events")?);
        let events = events.map_err(|error| DatabaseError::Unexpected(format!("events of a webhook: {error}")))?;
        let reason = row.optional_text("disabled_reason")?;
        let time = |name: &str| Ok::<_, DatabaseError>(row.optional_integer(name)?.map(Timestamp));
        Ok(Self {
            id: row.text("id")?.into(),
            user_id: row.text("user_id")?.into(),
            url: WebhookUrl::stored(row.text("url")?),
            description: row.optional_text("description")?,
            events: events.iter().filter_map(|event| WebhookEvent::named(event)).collect(),
            status: read_named(row, "status", WebhookStatus::named)?,
            disabled_reason: reason.as_deref().and_then(WebhookDisabledReason::named),
            disabled_at: time("disabled_at")?,
            created_at: Timestamp(row.integer("created_at")?),
            failing_since: time("failing_since")?,
            previous_until: time("previous_until")?,
        })
    }
}

/// A webhook that is to be created.
#[derive(Clone, Debug)]
pub struct NewWebhook<'a> {
    /// Id of the webhook.
    pub id: &'a WebhookId,
    /// Id of the owner's account.
    pub user_id: &'a UserId,
    /// Address that is to be called.
    pub url: &'a WebhookUrl,
    /// The owner's description of the webhook.
    pub description: Option<&'a str>,
    /// Events that the webhook is told of.
    pub events: &'a [WebhookEvent],
    /// Secret that signs its requests, sealed.
    pub secret: Vec<u8>,
    /// When the webhook is created.
    pub now: Timestamp,
}

fn names(events: &[WebhookEvent]) -> String {
    events.iter().map(|event| event.as_str()).collect::<Value>().to_string()
}

fn follows_log(events: &[WebhookEvent]) -> bool {
    events.contains(&WebhookEvent::LogChanged)
}

/// Numbers of webhooks that wait to be called.
#[derive(Clone, Copy, Debug)]
pub struct WebhooksState {
    /// Number of waiting webhooks; as many as are counted at most, where there are more.
    pub waiting: i64,
    /// Number of waiting webhooks whose last call failed.
    pub failing: i64,
    /// Time at which the first waiting webhook was, or will be, due.
    pub due: Option<Timestamp>,
}

/// Counts the webhooks that wait to be called, at most so many.
pub fn state(most: i64) -> Query<WebhooksState> {
    sql!("webhooks/state").bind(most).one(|row| {
        Ok(WebhooksState {
            waiting: row.integer("waiting")?,
            failing: row.integer("failing")?,
            due: row.optional_integer("due")?.map(Timestamp),
        })
    })
}

/// Checks whether there may be something to send.
pub fn has_work(now: Timestamp) -> Query<bool> {
    sql!("webhooks/has_work").bind(now).one(|row| row.boolean("has_work"))
}

/// Creates a webhook, where its person has room for one more. Returns whether it was created.
pub fn create(new: NewWebhook<'_>) -> Query<bool> {
    let sql = sql!("webhooks/create").bind(new.id).bind(new.user_id).bind(new.url.expose()).bind(new.description);
    sql.bind(names(new.events)).bind(new.secret).bind(new.now).bind(follows_log(new.events)).bind(MOST).exists()
}

/// Finds a person's webhook.
pub fn find(id: &WebhookId, user_id: &UserId, now: Timestamp) -> Query<Option<Webhook>> {
    sql!("webhooks/find").bind(id).bind(user_id).bind(now).optional(Webhook::from_row)
}

/// Lists a person's webhooks, newest first.
pub fn list(user_id: &UserId, page: &PageBefore, now: Timestamp) -> Query<Vec<Webhook>> {
    sql!("webhooks/list").bind_page(page).bind(user_id).bind(now).all(Webhook::from_row)
}

/// Changes to a webhook; `None` leaves a member as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Address that is called.
    pub url: Option<WebhookUrl>,
    /// The owner's description, or `Some(None)` to remove it.
    pub description: Option<Option<String>>,
    /// Events that the webhook is told of.
    pub events: Option<Vec<WebhookEvent>>,
}

/// Makes waiting deliveries to a person's webhook due at once, where [`change`] then gives it another address or
/// [`set_status`] then enables it.
pub fn make_due(
    id: &WebhookId,
    user_id: &UserId,
    change: &WebhookChange,
    status: Option<WebhookStatus>,
    now: Timestamp,
) -> Query<()> {
    let sql =
        sql!("webhooks/make_due").bind(id).bind(user_id).bind(now).bind(change.url.as_ref().map(WebhookUrl::expose));
    sql.bind(status == Some(WebhookStatus::Enabled)).execute()
}

/// Changes a person's webhook. Returns whether it exists.
pub fn change(id: &WebhookId, user_id: &UserId, change: &WebhookChange, now: Timestamp) -> Query<bool> {
    let sql = sql!("webhooks/change").bind(id).bind(user_id).bind(change.url.as_ref().map(WebhookUrl::expose));
    let sql = sql.bind(change.description.is_some()).bind(change.description.clone().flatten());
    let events = change.events.as_deref();
    sql.bind(events.map(names)).bind(events.map(follows_log)).bind(now).exists()
}

/// Enables or disables a person's webhook, where it is not so already.
pub fn set_status(id: &WebhookId, user_id: &UserId, status: WebhookStatus, now: Timestamp) -> Query<()> {
    let sql = match status {
        WebhookStatus::Enabled => sql!("webhooks/enable"),
        WebhookStatus::Disabled => sql!("webhooks/disable"),
    };
    sql.bind(id).bind(user_id).bind(now).execute()
}

/// A webhook that is to get another secret.
#[derive(Clone, Debug)]
pub struct WebhookToRotate {
    /// The webhook as it was read.
    pub webhook: Webhook,
    /// What answers tell of it that may change.
    told: String,
}

/// Finds a person's webhook that is to get another secret.
pub fn to_rotate(id: &WebhookId, user_id: &UserId, now: Timestamp) -> Query<Option<WebhookToRotate>> {
    sql!("webhooks/to_rotate")
        .bind(id)
        .bind(user_id)
        .bind(now)
        .optional(|row| Ok(WebhookToRotate { webhook: Webhook::from_row(row)?, told: row.text("told")? }))
}

/// Gives a webhook another secret, sealed; the previous one signs beside it for a while. Returns whether the webhook is
/// still as it was read.
pub fn rotate(read: &WebhookToRotate, secret: Vec<u8>, previous_until: Timestamp) -> Query<bool> {
    let sql = sql!("webhooks/rotate").bind(&read.webhook.id).bind(&read.webhook.user_id).bind(secret);
    sql.bind(previous_until).bind(read.told.as_str()).exists()
}

/// Deletes a person's webhook. Returns whether it existed.
pub fn delete(id: &WebhookId, user_id: &UserId) -> Query<bool> {
    sql!("webhooks/delete").essential().bind(id).bind(user_id).exists()
}

/// A delivery to a webhook.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Id of the delivery, sent as the event's id.
    pub id: WebhookDeliveryId,
    /// Id of the webhook.
    pub webhook_id: WebhookId,
    /// Kind of the event.
    pub event: WebhookEvent,
    /// When the event happened.
    pub created_at: Timestamp,
    /// Number of attempts.
    pub attempts: i64,
    /// When the delivery is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// When the delivery was tried last.
    pub attempted_at: Option<Timestamp>,
    /// When the delivery was accepted.
    pub delivered_at: Option<Timestamp>,
    /// HTTP status of the last answer.
    pub answer: Option<i64>,
    /// Why the last attempt failed.
    pub failure: Option<WebhookFailure>,
}

impl Delivery {
    pub(super) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let time = |name: &str| Ok::<_, DatabaseError>(row.optional_integer(name)?.map(Timestamp));
        Ok(Self {
            id: row.text("id")?.into(),
            webhook_id: row.text("webhook_id")?.into(),
            event: read_named(row, "event", WebhookEvent::named)?,
            created_at: Timestamp(row.integer("created_at")?),
            attempts: row.integer("attempts")?,
            next_attempt_at: time("next_attempt_at")?,
            attempted_at: time("attempted_at")?,
            delivered_at: time("delivered_at")?,
            answer: row.optional_integer("answer")?,
            failure: row.optional_text("failure")?.as_deref().and_then(WebhookFailure::named),
        })
    }

    /// Returns whether the delivery waits, was accepted, or failed.
    #[must_use]
    pub fn status(&self) -> WebhookDeliveryStatus {
        match (self.next_attempt_at, self.delivered_at) {
            (Some(_), _) => WebhookDeliveryStatus::Waiting,
            (None, Some(_)) => WebhookDeliveryStatus::Delivered,
            (None, None) => WebhookDeliveryStatus::Failed,
        }
    }
}

/// Lists the deliveries to a person's webhook, newest first.
pub fn deliveries(id: &WebhookId, user_id: &UserId, page: &PageBefore) -> Query<Vec<Delivery>> {
    sql!("webhooks/deliveries").bind_page(page).bind(id).bind(user_id).all(Delivery::from_row)
}

/// Finds a delivery to a person's webhook.
pub fn delivery(id: &WebhookId, delivery_id: &WebhookDeliveryId, user_id: &UserId) -> Query<Option<Delivery>> {
    sql!("webhooks/delivery").bind(id).bind(delivery_id).bind(user_id).optional(Delivery::from_row)
}

/// Queues a test delivery to a person's enabled webhook, and makes it due. Returns whether there is such a webhook.
pub fn queue_test(
    id: &WebhookId,
    delivery_id: &WebhookDeliveryId,
    user_id: &UserId,
    now: Timestamp,
) -> (Query<bool>, Query<()>) {
    let queue = sql!("webhooks/queue_test").bind(delivery_id).bind(id).bind(user_id).bind(now).bind(MOST_DELIVERIES);
    (queue.exists(), wake_one(id, user_id, now))
}

/// Queues a delivery to a person's enabled webhook again, and makes it due. Returns whether there is one.
pub fn replay(
    id: &WebhookId,
    delivery_id: &WebhookDeliveryId,
    user_id: &UserId,
    now: Timestamp,
) -> (Query<bool>, Query<()>) {
    let replay = sql!("webhooks/replay").bind(id).bind(delivery_id).bind(user_id).bind(now);
    (replay.exists(), wake_one(id, user_id, now))
}

fn wake_one(id: &WebhookId, user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("webhooks/wake_one").bind(id).bind(user_id).bind(now).execute()
}

/// A key that is about to be revoked.
#[derive(Clone, Debug)]
pub struct EndingKey<'a> {
    /// Id of the event.
    pub id: WebhookDeliveryId,
    /// Id of the key.
    pub key_id: &'a str,
    /// Why the key is revoked.
    pub reason: &'static str,
}

/// Queues that keys are revoked, for webhooks of their owners with that event. Has to come before the revocation in the
/// batch.
pub fn queue_of_keys(keys: &[EndingKey<'_>], now: Timestamp) -> [Query<()>; 2] {
    let of = |key: &EndingKey<'_>| json!({ "id": key.id, "keyId": key.key_id, "reason": key.reason });
    let keys = keys.iter().map(of).collect::<Value>().to_string();
    [
        sql!("webhooks/queue_of_keys").bind(keys.as_str()).bind(now).bind(MOST_DELIVERIES).execute(),
        sql!("webhooks/wake_of_keys").bind(keys.as_str()).bind(now).execute(),
    ]
}

/// Queues what the snapshot's line in the log of changes says of a run, for webhooks of its owner with that event.
pub fn queue_of_run(run_id: &RunId, snapshot_id: &str, now: Timestamp) -> [Query<()>; 2] {
    let queue = sql!("webhooks/queue_of_run").bind(run_id).bind(snapshot_id).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), wake_owner(run_id, now)]
}

/// Queues that an open run was rejected, for webhooks of its owner with that event.
pub fn queue_of_open_run(run_id: &RunId, id: &WebhookDeliveryId, now: Timestamp) -> [Query<()>; 2] {
    let queue = sql!("webhooks/queue_of_open_run").bind(id).bind(run_id).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), wake_owner(run_id, now)]
}

/// Queues what moderation did to a model or a benchmark, for webhooks of its owner with that event.
pub fn queue_of_moderation(id: &str, now: Timestamp) -> [Query<()>; 2] {
    let queue = sql!("webhooks/queue_of_moderation").bind(id).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), sql!("webhooks/wake_moderated").bind(id).bind(now).execute()]
}

fn wake_owner(run_id: &RunId, now: Timestamp) -> Query<()> {
    sql!("webhooks/wake_owner").bind(run_id).bind(now).execute()
}

/// An event that concerns one person, for their webhooks.
#[derive(Clone, Debug)]
pub struct PersonalEvent {
    /// Id of the event.
    pub id: WebhookDeliveryId,
    /// Kind of the event.
    pub event: WebhookEvent,
    /// Id of the person.
    pub user_id: UserId,
    /// When the key expires, where that is the event.
    pub expires_at: Option<Timestamp>,
    /// Data of the event.
    pub data: Value,
}

/// Queues that keys expire, where nobody was told of it yet. Has to come before that is noted in the batch.
pub fn queue_of_expiring(events: &[PersonalEvent], now: Timestamp) -> [Query<()>; 2] {
    let events = json_of(events);
    let queue = sql!("webhooks/queue_of_expiring").bind(events.as_str()).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), wake_each(&events, now)]
}

/// Queues that keys reached their limits, where nobody was told of it lately. Has to come before that is noted in the
/// batch.
pub fn queue_of_limited(events: &[PersonalEvent], now: Timestamp) -> [Query<()>; 2] {
    let events = json_of(events);
    let queue = sql!("webhooks/queue_of_limited").bind(events.as_str()).bind(now).bind(MOST_DELIVERIES);
    [queue.bind(BETWEEN_LIMITS_MS).execute(), wake_each(&events, now)]
}

fn json_of(events: &[PersonalEvent]) -> String {
    let of = |event: &PersonalEvent| {
        let expires_at = event.expires_at.map(|at| at.0);
        json!({ "id": event.id, "event": event.event, "userId": event.user_id, "expiresAt": expires_at, "data": event.data })
    };
    events.iter().map(of).collect::<Value>().to_string()
}

fn wake_each(events: &str, now: Timestamp) -> Query<()> {
    sql!("webhooks/wake_each").bind(events).bind(now).execute()
}

/// Queues the new lines of the public log, up to a line, for webhooks that follow it: at most one delivery for each id,
/// however many lines and webhooks there are.
pub fn queue_log(ids: &[WebhookDeliveryId], Place(seq, act): Place, now: Timestamp) -> [Query<()>; 2] {
    let ids = json!(ids).to_string();
    [sql!("webhooks/queue_log"), sql!("webhooks/follow_log")]
        .map(|sql| sql.bind(ids.as_str()).bind(seq).bind(act).bind(now).execute())
}

/// A sender's lease of webhooks: nobody else calls them while it lasts.
#[derive(Clone, Debug)]
pub struct DeliveryLease<'a> {
    /// Name of the lease.
    pub name: &'a str,
    /// When the lease begins.
    pub now: Timestamp,
    /// When the lease ends, should its holder die.
    pub until: Timestamp,
}

/// Content of a delivery.
#[derive(Clone, Debug)]
pub enum DeliveryContent {
    /// Data of the event, as JSON.
    Data(String),
    /// Lines of the log after a place, up to another.
    Log(Place, Place),
}

/// A delivery whose attempt has begun.
#[derive(Clone, Debug)]
pub struct BegunDelivery {
    /// Id of the webhook.
    pub webhook_id: WebhookId,
    /// Id of the delivery, sent as the event's id.
    pub id: WebhookDeliveryId,
    /// Kind of the event.
    pub event: WebhookEvent,
    /// When the event happened.
    pub created_at: Timestamp,
    /// Content of the delivery.
    pub content: DeliveryContent,
    /// Number of attempts, this one included.
    pub attempts: i64,
    /// Address that is called.
    pub url: WebhookUrl,
    /// Secrets that sign it, sealed: the webhook's, and the previous one while that signs too.
    pub secrets: Vec<Vec<u8>>,
}

impl BegunDelivery {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let content = match row.optional_text("data")? {
            Some(data) => DeliveryContent::Data(data),
            None => DeliveryContent::Log(
                Place(row.integer("from_seq")?, row.integer("from_act")?),
                Place(row.integer("to_seq")?, row.integer("to_act")?),
            ),
        };
        let secrets = [row.optional_blob("secret")?, row.optional_blob("previous_secret")?];
        Ok(Self {
            webhook_id: row.text("webhook_id")?.into(),
            id: row.text("id")?.into(),
            event: read_named(row, "event", WebhookEvent::named)?,
            created_at: Timestamp(row.integer("created_at")?),
            content,
            attempts: row.integer("attempts")?,
            url: WebhookUrl::stored(row.text("url")?),
            secrets: secrets.into_iter().flatten().collect(),
        })
    }
}

impl DeliveryLease<'_> {
    /// Leases at most `most` webhooks that are due, two of each person.
    pub fn take(&self, most: i64) -> Query<()> {
        sql!("webhooks/lease").bind(self.now).bind(most).bind(self.name).bind(self.until).execute()
    }

    /// Begins the next delivery of each leased webhook.
    pub fn begin(&self) -> Query<Vec<BegunDelivery>> {
        self.bind(sql!("webhooks/begin")).all(BegunDelivery::from_row)
    }

    /// Releases the leased webhooks that have nothing to send.
    pub fn release_idle(&self) -> Query<()> {
        self.bind(sql!("webhooks/release")).execute()
    }

    fn bind(&self, sql: Sql) -> Sql {
        sql.bind(self.name).bind(self.now).bind(self.until)
    }

    /// Adds to a batch the outcomes of the deliveries to webhooks that are still leased, the release of these, and the end
    /// of those that accept nothing any more, with a mail to their owners. The answer is how many mails were queued.
    pub fn note(&self, batch: &mut Batch, outcomes: &[Outcome], now: Timestamp) -> Handle<usize> {
        let outcomes = outcomes.iter().map(Outcome::json).collect::<Value>().to_string();
        let webhooks = sql!("webhooks/note_webhooks").bind(outcomes.as_str()).bind(now).bind(self.name);
        batch.extend([
            sql!("webhooks/note_deliveries").bind(outcomes.as_str()).bind(now).bind(self.name).execute(),
            webhooks.bind(FAILING_MS).execute(),
        ]);
        batch.push(sql!("webhooks/queue_mails").bind(outcomes.as_str()).bind(now).bind(MOST_MAILS_A_DAY).count())
    }
}

/// Outcome of an attempt to deliver.
pub struct Outcome {
    /// Id of the webhook.
    pub webhook_id: WebhookId,
    /// Id of the delivery.
    pub id: WebhookDeliveryId,
    /// Number of the attempt, as when it began.
    pub attempts: i64,
    /// Result of the attempt.
    pub result: AttemptResult,
}

/// Result of an attempt to deliver.
pub enum AttemptResult {
    /// The receiver accepted the delivery, and answered with this HTTP status.
    Taken(u16),
    /// Nothing was left to send, so nobody was called.
    Empty,
    /// The receiver did not accept the delivery.
    Failed(FailedAttempt),
}

/// An attempt whose delivery was not accepted.
pub struct FailedAttempt {
    /// HTTP status of the answer, where there was one.
    pub answer: Option<u16>,
    /// Why the delivery was not accepted.
    pub failure: WebhookFailure,
    /// When the delivery is tried again; `None` where it is given up.
    pub retry_at: Option<Timestamp>,
    /// Whether the receiver answered that it is gone (410).
    pub is_gone: bool,
    /// Mail to the owner in case the webhook is disabled.
    pub mail: Option<QueuedMail>,
}

impl Outcome {
    fn json(&self) -> Value {
        let (answer, failed) = match &self.result {
            AttemptResult::Taken(status) => (Some(*status), None),
            AttemptResult::Empty => (None, None),
            AttemptResult::Failed(failed) => (failed.answer, Some(failed)),
        };
        let mail = failed.and_then(|failed| failed.mail.as_ref());
        json!({
            "webhookId": self.webhook_id,
            "id": self.id,
            "attempts": self.attempts,
            "isTaken": i32::from(matches!(self.result, AttemptResult::Taken(_))),
            "isEmpty": i32::from(matches!(self.result, AttemptResult::Empty)),
            "answer": answer,
            "failure": failed.map(|failed| failed.failure),
            "retryAt": failed.and_then(|failed| failed.retry_at).map(|at| at.0),
            "isGone": i32::from(failed.is_some_and(|failed| failed.is_gone)),
            "mailId": mail.map(|mail| &mail.id),
            "mail": mail.map(|mail| mail.kind),
            "payload": mail.map(|mail| HEXLOWER.encode(&mail.payload)),
        })
    }
}
