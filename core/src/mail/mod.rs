//! Mail: queued with its cause, sent after the answer and again by the tick until a provider accepts it.

mod key_notices;
mod providers;
mod templates;

pub use key_notices::queue_key_notices;
pub use templates::{EmailTemplate, Notice};

use crate::{
    app::App,
    config::MailProvider,
    domain::undeliverable::UndeliverableCause,
    ports::{DatabaseError, Mail, MailError, Timestamp, in_trace},
    store::{
        Query,
        outbox::{self, DueMail, QueuedMail},
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
/// Age in seconds up to which `/dev/mail` shows mails: a week.
const SHOWN_SECONDS: i64 = 7 * 86_400;

/// Failure to seal a mail for the outbox, which is an internal error.
#[derive(Debug, thiserror::Error)]
#[error("a mail for the outbox: {0}")]
pub struct QueueError(String);

/// Seals the template for its row of the outbox.
///
/// # Errors
/// [`QueueError`].
pub fn queue(app: &App, template: &EmailTemplate) -> Result<QueuedMail, QueueError> {
    let id = app.new_id();
    let plain = serde_json::to_vec(template).map_err(|error| QueueError(error.to_string()))?;
    let payload = app.keys().seal(&id, app.random(), &plain).map_err(QueueError)?;
    Ok(QueuedMail { id, kind: template.kind(), payload, now: app.now() })
}

/// Seals a notice with the current time for its row of the outbox.
///
/// # Errors
/// The errors of [`queue`].
pub fn notice(app: &App, what: Notice) -> Result<QueuedMail, QueueError> {
    queue(app, &EmailTemplate::Notice { what, at: app.now().to_string() })
}

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
        Ok(Some(cause)) => return written_down(refuse(&mail, cause).run(app.database()).await),
        Err(error) => return written_down(Err(error)),
    }
    let sent = send(app, &mail).await;
    let is_reached = !matches!(sent, Err(MailError::Retry(_)));
    written_down(note(app, &mail, sent).run(app.database()).await) && is_reached
}

fn written_down(outcome: Result<(), DatabaseError>) -> bool {
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

/// Opens the mail of an outbox row; returns `None` where its text was wiped, or was sealed under a secret that is gone.
fn open(app: &App, id: &str, recipient: &str, payload: &[u8]) -> Option<Mail> {
    let template = app.keys().open(id, payload).and_then(|plain| serde_json::from_slice::<EmailTemplate>(&plain).ok());
    template.map(|template| template.render(app.config(), recipient))
}

/// A mail that the outbox still holds the text of.
pub struct KeptMail {
    /// Id of the mail in the outbox.
    pub id: String,
    /// Rendered mail.
    pub mail: Mail,
    /// When the mail was queued.
    pub created_at: Timestamp,
}

/// Lists the newest mails, sent or not, whose texts are still kept: of the last week, or all to one recipient.
///
/// # Errors
/// Whatever the database answers.
pub async fn kept(app: &App, recipient: Option<&str>) -> Result<Vec<KeptMail>, DatabaseError> {
    let newest = match recipient {
        Some(recipient) => outbox::list_to(recipient),
        None => outbox::list(app.now().plus_seconds(-SHOWN_SECONDS)),
    };
    let kept = newest.run(app.database()).await?.into_iter().filter_map(|stored| {
        let mail = open(app, &stored.id, &stored.recipient, &stored.payload)?;
        Some(KeptMail { id: stored.id, mail, created_at: stored.created_at })
    });
    Ok(kept.collect())
}

impl MailProvider {
    /// Returns the provider's name for error messages.
    fn name(&self) -> &'static str {
        match self {
            Self::Resend { .. } => "Resend",
            Self::SendGrid { .. } => "SendGrid",
            Self::Smtp(_) => "the SMTP server",
            Self::Binding => "Cloudflare",
            Self::Kept => "the development mailbox",
        }
    }
}
