//! Mail: queued with its cause, sent after the answer and again by the tick until a provider accepts it.

mod providers;
mod templates;

pub use templates::{Letter, Notice};

use crate::{
    app::App,
    config::MailProvider,
    http::ApiError,
    ports::{DatabaseError, Mail, MailError, Row, Statement, Timestamp},
    store::outbox::{self, QueuedMail},
};

/// How many requests to the provider are under way at once. Each is shorter than a claim holds.
const AT_ONCE: i64 = 4;
/// How often one delivery takes so many: with what a request or the clean-up asks besides, fewer than the 50 queries that
/// D1 has for an invocation on the free plan.
const ROUNDS: usize = 7;
/// How far back `/dev/mail` shows mails.
const SHOWN_SECONDS: i64 = 7 * 86_400;

/// Seals the letter for its outbox row.
///
/// # Errors
/// A fault of ours, when it cannot be written down.
pub fn queue(app: &App, letter: &Letter) -> Result<QueuedMail, ApiError> {
    let id = app.new_id();
    let plain = serde_json::to_vec(letter).map_err(|error| ApiError::internal(error.to_string()))?;
    let payload = app.keys().seal(&id, app.random(), &plain).map_err(ApiError::internal)?;
    Ok(QueuedMail { id, kind: letter.kind(), payload, now: app.now() })
}

/// The same of a notice of this moment.
///
/// # Errors
/// As [`queue`].
pub fn notice(app: &App, what: Notice) -> Result<QueuedMail, ApiError> {
    queue(app, &Letter::Notice { what, at: app.now().to_string() })
}

/// Sends what is due, after the answer.
pub fn deliver_in_background(app: &App) {
    let worker = app.clone();
    app.ports().background.spawn(Box::pin(async move { deliver_due(&worker).await }));
}

/// Sends what is due. Failures are logged and tried again by a later call; a provider that takes no mail is not asked for
/// more of them now.
///
/// A shutdown ends it after the mails that are being sent: each is bounded by the provider's time-out.
pub async fn deliver_due(app: &App) {
    for _ in 0..ROUNDS {
        if app.has_stopped_sending() {
            return;
        }
        let claim = Statement::new(outbox::CLAIM).bind(app.now()).bind(AT_ONCE);
        match app.database().query(claim).await {
            Ok(rows) if rows.is_empty() => return,
            Ok(rows) => {
                let taken = futures_util::future::join_all(rows.into_iter().map(|row| deliver(app, row))).await;
                if !taken.contains(&true) {
                    return;
                }
            }
            Err(error) => return log::error!("outbox: {error}"),
        }
    }
}

/// Whether the provider could be asked, and the outcome written down.
async fn deliver(app: &App, row: Row) -> bool {
    try_deliver(app, &row).await.unwrap_or_else(|error| {
        log::error!("outbox: {error}");
        false
    })
}

async fn try_deliver(app: &App, row: &Row) -> Result<bool, DatabaseError> {
    let (id, attempts) = (row.text("id")?, row.integer("attempts")?);
    let sent = match read(app, row)? {
        None => {
            Err(MailError::Retry("cannot be opened: was JWT_SECRET replaced without JWT_SECRET_PREVIOUS?".to_owned()))
        }
        Some(mail) => match &app.ports().mail_transport {
            Some(transport) => transport.send(&mail, &id).await,
            None => providers::send(app, &mail, &id).await,
        },
    };
    let is_reached = !matches!(sent, Err(MailError::Retry(_)));
    let statement = match sent {
        Ok(()) if app.config().keeps_mail() => Statement::new(outbox::KEPT).bind(id).bind(app.now()),
        Ok(()) if row.text("kind")? == templates::ACCOUNT_DELETED => Statement::new(outbox::DELETE).bind(id),
        Ok(()) => Statement::new(outbox::SENT).bind(id).bind(app.now()),
        Err(error) => {
            log::warn!("mail {id}, attempt {attempts}: {error}");
            // What is refused may be our configuration's fault: it has some hours to be mended.
            let most =
                if matches!(error, MailError::Refused(_)) { outbox::MOST_REFUSALS } else { outbox::MOST_ATTEMPTS };
            let lost = attempts >= most;
            match lost {
                true if row.text("kind")? == templates::ACCOUNT_DELETED => Statement::new(outbox::DELETE).bind(id),
                true => Statement::new(outbox::GIVEN_UP).bind(id).bind(error.to_string()),
                false => Statement::new(outbox::FAILED).bind(id).bind(error.to_string()),
            }
        }
    };
    app.database().query(statement).await.map(|_| is_reached)
}

/// The mail of an outbox row; `None` where its text was wiped, or was sealed under a secret that is gone.
fn read(app: &App, row: &Row) -> Result<Option<Mail>, DatabaseError> {
    let (id, recipient) = (row.text("id")?, row.text("recipient")?);
    let sealed = row.optional_blob("payload")?.unwrap_or_default();
    let letter = app.keys().open(&id, &sealed).and_then(|plain| serde_json::from_slice::<Letter>(&plain).ok());
    Ok(letter.map(|letter| letter.render(app.config(), &recipient)))
}

/// A mail that was kept instead of sent.
pub struct KeptMail {
    /// Its outbox id.
    pub id: String,
    /// Its text.
    pub mail: Mail,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// The newest mails, sent or not, whose texts are still there: of the last week, or of one recipient.
///
/// # Errors
/// Whatever the database answers.
pub async fn kept(app: &App, recipient: Option<&str>) -> Result<Vec<KeptMail>, DatabaseError> {
    let newest = match recipient {
        Some(recipient) => Statement::new(outbox::NEWEST_TO).bind(recipient),
        None => Statement::new(outbox::NEWEST).bind(app.now().plus_seconds(-SHOWN_SECONDS)),
    };
    let rows = app.database().query(newest).await?;
    let kept = |row: Row| {
        let (id, created_at) = (row.text("id")?, Timestamp(row.integer("created_at")?));
        Ok(read(app, &row)?.map(|mail| KeptMail { id, mail, created_at }))
    };
    rows.into_iter().map(kept).filter_map(Result::transpose).collect()
}

impl MailProvider {
    /// The name that errors carry.
    fn name(&self) -> &'static str {
        match self {
            Self::Resend { .. } => "Resend",
            Self::SendGrid { .. } => "SendGrid",
            Self::Kept => "the development mailbox",
        }
    }
}
