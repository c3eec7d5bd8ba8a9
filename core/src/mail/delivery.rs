//! Sends the mail that is due until a provider accepts it.

use super::{providers, queue::open, templates};
use crate::{
    app::App,
    domain::{
        account::Email,
        undeliverable::{DeliveryEvent, UndeliverableCause},
    },
    ports::{DatabaseError, MailError, in_trace},
    store::{
        Batch, Query,
        outbox::{self, DueMail},
        undeliverable::{self, UndeliverableEvents},
    },
};

/// Most requests to the provider that are under way at once. Each is shorter than a claim holds.
const AT_ONCE: i64 = 4;
/// Most queries that one delivery makes. With what the request or the clean-up asks besides, it stays below the 50 that
/// D1 allows an invocation on the free plan. A round takes one, and one or two per mail; where a mail bounces, two more.
const MOST_QUERIES: i64 = 30;
/// Most queries for a mail.
const QUERIES_OF_MAIL: i64 = 4;

/// Sends the mails that are due, after the answer.
pub fn deliver_in_background(app: &App) {
    let worker = app.clone();
    // Due mails may be other people's: none of them belongs to the trace of this request.
    app.ports().background.spawn(Box::pin(async move { in_trace(None, deliver_due(&worker)).await }));
}

/// Sends the mails that are due. Failures are logged and tried again by a later call; a provider that takes no mail is
/// not asked for more of them now.
///
/// A shutdown ends it after the mails that are being sent: each is bounded by the provider's time-out.
pub async fn deliver_due(app: &App) {
    let mut left = MOST_QUERIES;
    while !app.has_stopped_sending() {
        left = left.saturating_sub(1);
        let most = AT_ONCE.min(left / QUERIES_OF_MAIL);
        if most == 0 {
            return;
        }
        match outbox::claim(app.now(), most).run(app.database()).await {
            Ok(mails) if mails.is_empty() => return,
            Ok(mails) => {
                let delivered = mails.into_iter().map(|mail| deliver(app, mail));
                let delivered = futures_util::future::join_all(delivered).await;
                if !delivered.iter().any(|delivered| delivered.is_done) {
                    return;
                }
                left = delivered.iter().map(|delivered| delivered.queries).fold(left, i64::saturating_sub);
            }
            Err(error) => return tracing::error!(%error, "the outbox was not read"),
        }
    }
}

/// How the delivery of a mail went.
struct Delivered {
    /// Whether the provider could be asked and the outcome was recorded.
    is_done: bool,
    /// Number of queries that it took.
    queries: i64,
}

/// Sends a mail and records the outcome.
async fn deliver(app: &App, mail: DueMail) -> Delivered {
    let asked = i64::from(mail.undeliverable.is_some());
    let delivered = |is_done, queries| Delivered { is_done, queries: asked.saturating_add(queries) };
    match refusal(app, &mail).await {
        Ok(None) => {}
        Ok(Some(cause)) => return delivered(is_recorded(refuse(&mail, cause).run(app.database()).await), 1),
        Err(error) => return delivered(is_recorded::<DatabaseError>(Err(error)), 0),
    }
    match send(app, &mail).await {
        Err(error @ MailError::Bounced(_)) => delivered(is_recorded(bounce(app, &mail, &error).await), 3),
        sent => {
            let is_reached = !matches!(sent, Err(MailError::Retry(_)));
            delivered(is_recorded(note(app, &mail, sent).run(app.database()).await) && is_reached, 1)
        }
    }
}

/// Returns whether the outcome of a mail was recorded; logs the error where it was not.
fn is_recorded<E: std::fmt::Display>(outcome: Result<(), E>) -> bool {
    if let Err(error) = &outcome {
        tracing::error!(%error, "the outcome of a mail was not written down");
    }
    outcome.is_ok()
}

/// Returns why a mail is not sent at all: its address is undeliverable. A mail that verifies the address is tried
/// nonetheless: always where its person asked for it while logged in, and otherwise, where mail bounced, once a day. A
/// complaint is not overridden by anybody who is not logged in.
async fn refusal(app: &App, mail: &DueMail) -> Result<Option<UndeliverableCause>, DatabaseError> {
    let Some(cause) = mail.undeliverable.filter(|_| mail.kind != templates::VERIFY_ANEW) else { return Ok(None) };
    let is_tried = cause == UndeliverableCause::Bounce
        && templates::PROVING.contains(&mail.kind.as_str())
        && undeliverable::try_again(&mail.recipient, &mail.id, app.now()).run(app.database()).await?;
    Ok(Some(cause).filter(|_| !is_tried))
}

/// Ends a mail to an undeliverable address.
fn refuse(mail: &DueMail, cause: UndeliverableCause) -> Query<()> {
    let error = match cause {
        UndeliverableCause::Bounce => "not sent: the address is undeliverable, mail to it bounced",
        UndeliverableCause::Complaint => "not sent: the address is undeliverable, its reader complained",
    };
    give_up(mail, error)
}

/// Gives up a mail, and keeps it with the cause unless it must not stay.
fn give_up(mail: &DueMail, error: &str) -> Query<()> {
    if mail.kind == templates::ACCOUNT_DELETED { outbox::delete(&mail.id) } else { outbox::give_up(&mail.id, error) }
}

/// Gives up a mail that bounced and marks its address as undeliverable, as a webhook of the provider does: all of it or
/// nothing.
async fn bounce(app: &App, mail: &DueMail, error: &MailError) -> Result<(), String> {
    tracing::warn!(mail = %mail.id, attempts = mail.attempts, %error, "a mail was not sent");
    let now = app.now();
    let event = Email::parse(&mail.recipient)
        .ok()
        .map(|email| (app.new_id(), DeliveryEvent { email, cause: UndeliverableCause::Bounce, at: Some(now) }));
    let provider = app.config().mail_provider.event_name();
    let events = UndeliverableEvents::new(provider, event.as_slice(), now).map_err(|error| error.to_string())?;
    let batch = Batch::from_iter([events.mark(now), events.add_events(now), give_up(mail, &error.to_string())]);
    batch.run(app.database()).await.map(drop).map_err(|error| error.to_string())
}

async fn send(app: &App, due: &DueMail) -> Result<(), MailError> {
    let Some(mail) = open(app, &due.id, &due.recipient, &due.payload) else {
        let cause = "cannot be opened: was JWT_SECRET replaced without JWT_SECRET_PREVIOUS?";
        return Err(MailError::Retry(cause.to_owned()));
    };
    match &app.ports().mail_transport {
        Some(transport) => transport.send(&mail, &due.id).await,
        None => providers::send(app, &mail, &due.id).await,
    }
}

/// Records the outcome of an attempt.
fn note(app: &App, due: &DueMail, sent: Result<(), MailError>) -> Query<()> {
    let (id, attempts) = (due.id.as_str(), due.attempts);
    let must_not_stay = due.kind == templates::ACCOUNT_DELETED;
    let error = match sent {
        Ok(()) if app.config().keeps_mail() => return outbox::mark_kept(id, app.now()),
        Ok(()) if must_not_stay => return outbox::delete(id),
        Ok(()) => return outbox::mark_sent(id, app.now()),
        Err(error) => error,
    };
    tracing::warn!(mail = %id, attempts, %error, "a mail was not sent");
    // The cause of a refusal may be our configuration: there are some hours to correct it.
    let most = if matches!(error, MailError::Refused(_)) { outbox::MOST_REFUSALS } else { outbox::MOST_ATTEMPTS };
    match attempts >= most {
        true => give_up(due, &error.to_string()),
        false => outbox::note_failure(id, &error.to_string()),
    }
}
