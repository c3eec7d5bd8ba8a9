//! Sends the mail that is due until a provider accepts it.

use super::{providers, queue::open, templates};
use crate::{
    app::App,
    domain::undeliverable::UndeliverableCause,
    ports::{DatabaseError, MailError, in_trace},
    store::{
        Query,
        outbox::{self, DueMail},
        undeliverable,
    },
};

/// Most requests to the provider that are under way at once. Each is shorter than a claim holds.
const AT_ONCE: i64 = 4;
/// Most queries that one delivery makes. With what the request or the clean-up asks besides, it stays below the 50 that
/// D1 allows an invocation on the free plan. A round takes one, and one or two per mail.
const MOST_QUERIES: usize = 30;
/// Most queries that a round makes.
const QUERIES_OF_ROUND: usize = 9;

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
    let mut queries = 0_usize;
    while queries.saturating_add(QUERIES_OF_ROUND) <= MOST_QUERIES {
        if app.has_stopped_sending() {
            return;
        }
        match outbox::claim(app.now(), AT_ONCE).run(app.database()).await {
            Ok(mails) if mails.is_empty() => return,
            Ok(mails) => {
                let of_mail = |mail: &DueMail| if mail.undeliverable.is_some() { 2 } else { 1 };
                queries = mails.iter().map(of_mail).fold(queries.saturating_add(1), usize::saturating_add);
                let reached = futures_util::future::join_all(mails.into_iter().map(|mail| deliver(app, mail))).await;
                if !reached.contains(&true) {
                    return;
                }
            }
            Err(error) => return tracing::error!(%error, "the outbox was not read"),
        }
    }
}

/// Sends a mail and records the outcome. Returns whether the provider could be asked and the outcome was recorded.
async fn deliver(app: &App, mail: DueMail) -> bool {
    match refusal(app, &mail).await {
        Ok(None) => {}
        Ok(Some(cause)) => return is_recorded(refuse(&mail, cause).run(app.database()).await),
        Err(error) => return is_recorded(Err(error)),
    }
    let sent = send(app, &mail).await;
    let is_reached = !matches!(sent, Err(MailError::Retry(_)));
    is_recorded(note(app, &mail, sent).run(app.database()).await) && is_reached
}

/// Returns whether the outcome of a mail was recorded; logs the error where it was not.
fn is_recorded(outcome: Result<(), DatabaseError>) -> bool {
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
    if mail.kind == templates::ACCOUNT_DELETED { outbox::delete(&mail.id) } else { outbox::give_up(&mail.id, error) }
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
        true if must_not_stay => outbox::delete(id),
        true => outbox::give_up(id, &error.to_string()),
        false => outbox::note_failure(id, &error.to_string()),
    }
}
