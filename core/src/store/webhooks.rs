//! Webhooks: what people are told of by requests, and who is told next. Each webhook is called by one at a time, so that a slow
//! one holds up nobody, and nobody is called more often for having more to be told.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use super::{
    changes::Place,
    columns::read_named,
    key_notices::BETWEEN_LIMITS_MS,
    outbox::{MOST_COUNTED, QueuedMail},
    query::{Batch, Handle, PageBefore, Query, Sql, sql},
};
use crate::{
    domain::{
        RunId, UserId, WebhookDeliveryId, WebhookId,
        webhook::{
            WebhookDeliveryStatus, WebhookDisabledReason, WebhookEvent, WebhookFailure, WebhookStatus, WebhookUrl,
        },
    },
    ports::{DatabaseError, Row, Timestamp},
};

/// The most webhooks that a person has.
pub const MOST: i64 = 10;
/// The most deliveries that wait for a webhook, and the most of an hour: what comes beyond is not told.
const MOST_DELIVERIES: i64 = 1000;
/// The most mails about disabled webhooks that an address gets in a day.
const MOST_MAILS_A_DAY: i64 = 5;
/// So long nothing is taken before a webhook is disabled, in milliseconds: five days.
const FAILING_MS: i64 = 432_000_000;

/// A webhook, without its secret.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it is called.
    pub url: WebhookUrl,
    /// What its owner says of it.
    pub description: Option<String>,
    /// What it is told of.
    pub events: Vec<WebhookEvent>,
    /// Whether it is called.
    pub status: WebhookStatus,
    /// Why it is not.
    pub disabled_reason: Option<WebhookDisabledReason>,
    /// Since when it is not.
    pub disabled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when nothing is taken.
    pub failing_since: Option<Timestamp>,
    /// How long the secret before signs, too.
    pub previous_until: Option<Timestamp>,
}

impl Webhook {
    pub(super) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let events = serde_json::from_str::<Vec<String>>(&row.text("events")?);
        let events = events.map_err(|error| DatabaseError::Unavailable(format!("events of a webhook: {error}")))?;
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

/// A webhook that is to be made.
#[derive(Clone, Debug)]
pub struct NewWebhook<'a> {
    /// Its id.
    pub id: &'a WebhookId,
    /// Whose it is.
    pub user_id: &'a UserId,
    /// Where it is called.
    pub url: &'a WebhookUrl,
    /// What its owner says of it.
    pub description: Option<&'a str>,
    /// What it is told of.
    pub events: &'a [WebhookEvent],
    /// What its requests are signed with, sealed.
    pub secret: Vec<u8>,
    /// Now.
    pub now: Timestamp,
}

fn names(events: &[WebhookEvent]) -> String {
    events.iter().map(|event| event.as_str()).collect::<Value>().to_string()
}

fn follows_log(events: &[WebhookEvent]) -> bool {
    events.contains(&WebhookEvent::LogChanged)
}

/// How many webhooks wait to be called.
#[derive(Clone, Copy, Debug)]
pub struct WebhooksState {
    /// How many wait; [`MOST_COUNTED`] where there are more.
    pub waiting: i64,
    /// How many of these failed when they were called last.
    pub failing: i64,
    /// When the first of these was, or will be, due.
    pub due: Option<Timestamp>,
}

/// Counts what waits.
pub fn state() -> Query<WebhooksState> {
    sql!("webhooks/state").bind(MOST_COUNTED).one(|row| {
        Ok(WebhooksState {
            waiting: row.integer("waiting")?,
            failing: row.integer("failing")?,
            due: row.optional_integer("due")?.map(Timestamp),
        })
    })
}

/// Finds whether there may be something to send.
pub fn has_work(now: Timestamp) -> Query<bool> {
    sql!("webhooks/has_work").bind(now).one(|row| row.boolean("has_work"))
}

/// Makes a webhook, where its person has room for one more. Returns whether it is made.
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

/// What changes of a webhook; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Where it is called.
    pub url: Option<WebhookUrl>,
    /// What its owner says of it, or nothing.
    pub description: Option<Option<String>>,
    /// What it is told of.
    pub events: Option<Vec<WebhookEvent>>,
}

/// Has what waits for a person's webhook sent at once, where [`change`] gives it another address or [`set_status`] enables it
/// after this.
pub fn hasten(
    id: &WebhookId,
    user_id: &UserId,
    change: &WebhookChange,
    status: Option<WebhookStatus>,
    now: Timestamp,
) -> Query<()> {
    let sql =
        sql!("webhooks/hasten").bind(id).bind(user_id).bind(now).bind(change.url.as_ref().map(WebhookUrl::expose));
    sql.bind(status == Some(WebhookStatus::Enabled)).execute()
}

/// Changes a person's webhook. Returns whether there is one.
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

/// Gives a person's webhook another secret, sealed; the one before signs beside it for a while. Returns whether there is one.
pub fn rotate(id: &WebhookId, user_id: &UserId, secret: Vec<u8>, previous_until: Timestamp) -> Query<bool> {
    sql!("webhooks/rotate").bind(id).bind(user_id).bind(secret).bind(previous_until).exists()
}

/// Deletes a person's webhook. Returns whether it was there.
pub fn delete(id: &WebhookId, user_id: &UserId) -> Query<bool> {
    sql!("webhooks/delete").essential().bind(id).bind(user_id).exists()
}

/// What a webhook is told.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's id.
    pub id: WebhookDeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// What happened.
    pub event: WebhookEvent,
    /// When.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was tried last.
    pub attempted_at: Option<Timestamp>,
    /// When it was taken.
    pub delivered_at: Option<Timestamp>,
    /// The status of the last answer.
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

    /// What has become of it.
    #[must_use]
    pub fn status(&self) -> WebhookDeliveryStatus {
        match (self.next_attempt_at, self.delivered_at) {
            (Some(_), _) => WebhookDeliveryStatus::Waiting,
            (None, Some(_)) => WebhookDeliveryStatus::Delivered,
            (None, None) => WebhookDeliveryStatus::Failed,
        }
    }
}

/// Lists what a person's webhook is told, newest first.
pub fn deliveries(id: &WebhookId, user_id: &UserId, page: &PageBefore) -> Query<Vec<Delivery>> {
    sql!("webhooks/deliveries").bind_page(page).bind(id).bind(user_id).all(Delivery::from_row)
}

/// Finds what a person's webhook is told.
pub fn delivery(id: &WebhookId, delivery_id: &WebhookDeliveryId, user_id: &UserId) -> Query<Option<Delivery>> {
    sql!("webhooks/delivery").bind(id).bind(delivery_id).bind(user_id).optional(Delivery::from_row)
}

/// Queues what a person's enabled webhook is told to try it, and makes it due. Tells whether there is one.
pub fn queue_test(
    id: &WebhookId,
    delivery_id: &WebhookDeliveryId,
    user_id: &UserId,
    now: Timestamp,
) -> (Query<bool>, Query<()>) {
    let queue = sql!("webhooks/queue_test").bind(delivery_id).bind(id).bind(user_id).bind(now).bind(MOST_DELIVERIES);
    (queue.exists(), wake_one(id, user_id, now))
}

/// Has a delivery to a person's enabled webhook sent again, and makes it due. Tells whether there is one.
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
    /// The event's id.
    pub id: WebhookDeliveryId,
    /// The key.
    pub key_id: &'a str,
    /// Why it is.
    pub reason: &'static str,
}

/// Queues that keys are revoked, for the webhooks of their owners that are told of such. It comes before they are.
pub fn queue_of_keys(keys: &[EndingKey<'_>], now: Timestamp) -> [Query<()>; 2] {
    let of = |key: &EndingKey<'_>| json!({ "id": key.id, "keyId": key.key_id, "reason": key.reason });
    let keys = keys.iter().map(of).collect::<Value>().to_string();
    [
        sql!("webhooks/queue_of_keys").bind(keys.as_str()).bind(now).bind(MOST_DELIVERIES).execute(),
        sql!("webhooks/wake_of_keys").bind(keys.as_str()).bind(now).execute(),
    ]
}

/// Queues what the snapshot's line in the log of changes says of a run, for the webhooks of its owner that are told of such.
pub fn queue_of_run(run_id: &RunId, snapshot_id: &str, now: Timestamp) -> [Query<()>; 2] {
    let queue = sql!("webhooks/queue_of_run").bind(run_id).bind(snapshot_id).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), wake_owner(run_id, now)]
}

/// Queues that an open run was rejected, for the webhooks of its owner that are told of such.
pub fn queue_of_open_run(run_id: &RunId, id: &WebhookDeliveryId, now: Timestamp) -> [Query<()>; 2] {
    let queue = sql!("webhooks/queue_of_open_run").bind(id).bind(run_id).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), wake_owner(run_id, now)]
}

/// Queues what moderation did to a model or a benchmark, for the webhooks of its owner that are told of such.
pub fn queue_of_moderation(id: &str, now: Timestamp) -> [Query<()>; 2] {
    let queue = sql!("webhooks/queue_of_moderation").bind(id).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), sql!("webhooks/wake_moderated").bind(id).bind(now).execute()]
}

fn wake_owner(run_id: &RunId, now: Timestamp) -> Query<()> {
    sql!("webhooks/wake_owner").bind(run_id).bind(now).execute()
}

/// An event of a person, for the webhooks of theirs that are told of such.
#[derive(Clone, Debug)]
pub struct PersonalEvent {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// What happened.
    pub event: WebhookEvent,
    /// To whom.
    pub user_id: UserId,
    /// When the key expires, where that is the event.
    pub expires_at: Option<Timestamp>,
    /// What there is to know.
    pub data: Value,
}

/// Queues that keys expire, where nobody was told of it yet. It comes before that is noted.
pub fn queue_of_expiring(events: &[PersonalEvent], now: Timestamp) -> [Query<()>; 2] {
    let events = json_of(events);
    let queue = sql!("webhooks/queue_of_expiring").bind(events.as_str()).bind(now).bind(MOST_DELIVERIES);
    [queue.execute(), wake_each(&events, now)]
}

/// Queues that keys reached their limits, where nobody was told of it lately. It comes before that is noted.
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

/// Queues what the public log has since, up to a line, for webhooks that are told of it: at most one for each id, whatever was
/// published and however many there are.
pub fn queue_log(ids: &[WebhookDeliveryId], Place(seq, act): Place, now: Timestamp) -> [Query<()>; 2] {
    let ids = json!(ids).to_string();
    [sql!("webhooks/queue_log"), sql!("webhooks/follow_log")]
        .map(|sql| sql.bind(ids.as_str()).bind(seq).bind(act).bind(now).execute())
}

/// Who sends: webhooks are leased to them, and nobody else calls these meanwhile.
#[derive(Clone, Debug)]
pub struct DeliveryLease<'a> {
    /// Names the lease.
    pub name: &'a str,
    /// When it begins.
    pub now: Timestamp,
    /// When it ends, where its holder has died.
    pub until: Timestamp,
}

/// What a delivery tells.
#[derive(Clone, Debug)]
pub enum Told {
    /// This, as JSON.
    Data(String),
    /// The lines of the log after a place, up to another.
    Log(Place, Place),
}

/// A delivery that has begun.
#[derive(Clone, Debug)]
pub struct BegunDelivery {
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// The event's id.
    pub id: WebhookDeliveryId,
    /// What happened.
    pub event: WebhookEvent,
    /// When.
    pub created_at: Timestamp,
    /// What is told.
    pub told: Told,
    /// How often it was tried, this time included.
    pub attempts: i64,
    /// Where to.
    pub url: WebhookUrl,
    /// What it is signed with, sealed: the webhook's secret, and the one before while that signs.
    pub secrets: Vec<Vec<u8>>,
}

impl BegunDelivery {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let told = match row.optional_text("data")? {
            Some(data) => Told::Data(data),
            None => Told::Log(
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
            told,
            attempts: row.integer("attempts")?,
            url: WebhookUrl::stored(row.text("url")?),
            secrets: secrets.into_iter().flatten().collect(),
        })
    }
}

impl DeliveryLease<'_> {
    /// Takes webhooks that are due, `most` of them, and two of each person.
    pub fn take(&self, most: i64) -> Query<()> {
        sql!("webhooks/lease").bind(self.now).bind(most).bind(self.name).bind(self.until).execute()
    }

    /// Begins the next delivery of each of them.
    pub fn begin(&self) -> Query<Vec<BegunDelivery>> {
        self.bind(sql!("webhooks/begin")).all(BegunDelivery::from_row)
    }

    /// Gives back those that have nothing to send.
    pub fn release_idle(&self) -> Query<()> {
        self.bind(sql!("webhooks/release")).execute()
    }

    fn bind(&self, sql: Sql) -> Sql {
        sql.bind(self.name).bind(self.now).bind(self.until)
    }

    /// Notes what came of the deliveries, gives their webhooks back, and disables those that take nothing any more, with a mail
    /// to their owners.
    /// Returns how many mails that are.
    pub fn note(&self, batch: &mut Batch, outcomes: &[Outcome], now: Timestamp) -> Handle<usize> {
        let outcomes = outcomes.iter().map(Outcome::json).collect::<Value>().to_string();
        let webhooks = sql!("webhooks/note_webhooks").bind(outcomes.as_str()).bind(now).bind(self.name);
        batch.extend([
            sql!("webhooks/note_deliveries").bind(outcomes.as_str()).bind(now).execute(),
            webhooks.bind(FAILING_MS).execute(),
        ]);
        batch.push(sql!("webhooks/queue_mails").bind(outcomes.as_str()).bind(now).bind(MOST_MAILS_A_DAY).count())
    }
}

/// What came of a delivery.
pub struct Outcome {
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// The event's id.
    pub id: WebhookDeliveryId,
    /// As when it began.
    pub attempts: i64,
    /// The status of the answer.
    pub answer: Option<u16>,
    /// Why it was not taken, where it was not.
    pub failure: Option<WebhookFailure>,
    /// When it is tried again.
    pub retry_at: Option<Timestamp>,
    /// Whether the webhook said that it is gone.
    pub is_gone: bool,
    /// What its owner is told if that disables the webhook.
    pub mail: Option<QueuedMail>,
}

impl Outcome {
    fn json(&self) -> Value {
        json!({
            "webhookId": self.webhook_id,
            "id": self.id,
            "attempts": self.attempts,
            "isTaken": i32::from(self.failure.is_none()),
            "answer": self.answer,
            "failure": self.failure,
            "retryAt": self.retry_at.map(|at| at.0),
            "isGone": i32::from(self.is_gone),
            "mailId": self.mail.as_ref().map(|mail| &mail.id),
            "mail": self.mail.as_ref().map(|mail| mail.kind),
            "payload": self.mail.as_ref().map(|mail| HEXLOWER.encode(&mail.payload)),
        })
    }
}
