//! Mail: queued with its cause, sent after the answer and again by the tick until a provider accepts it.

mod providers;
mod templates;

use futures_util::StreamExt as _;

pub use templates::Letter;

use crate::{
    app::App,
    config::MailProvider,
    http::ApiError,
    ports::{DatabaseError, Mail, MailError, Row, Statement, Timestamp},
    store::outbox::{self, QueuedMail},
};

/// How many mails one delivery takes at the most.
const AT_ONCE: i64 = 20;
/// How far back `/dev/mail` shows mails.
const SHOWN_SECONDS: i64 = 7 * 86_400;
/// How many requests to the provider are under way at once.
const IN_FLIGHT: usize = 4;

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

/// Sends what is due, after the answer.
pub fn deliver_in_background(app: &App) {
    let worker = app.clone();
    app.ports().background.spawn(Box::pin(async move { deliver_due(&worker).await }));
}

/// Sends what is due. Failures are logged and tried again by a later call.
pub async fn deliver_due(app: &App) {
    let claim = Statement::new(outbox::CLAIM).bind(app.now()).bind(AT_ONCE);
    match app.database().query(claim).await {
        Ok(rows) => {
            let deliveries = rows.into_iter().map(|row| deliver(app, row));
            futures_util::stream::iter(deliveries).buffer_unordered(IN_FLIGHT).collect::<()>().await;
        }
        Err(error) => log::error!("outbox: {error}"),
    }
}

async fn deliver(app: &App, row: Row) {
    let outcome = match read(app, &row) {
        Ok((id, mail)) => {
            let attempts = row.integer("attempts").unwrap_or(0);
            let sent = match &app.ports().mail_transport {
                Some(transport) => transport.send(&mail, &id).await,
                None => providers::send(app, &mail, &id).await,
            };
            let now = app.now();
            let statement = match sent {
                Ok(()) if app.config().keeps_mail() => Statement::new(outbox::KEPT).bind(id).bind(now),
                Ok(()) => Statement::new(outbox::SENT).bind(id).bind(now),
                Err(error) => {
                    log::warn!("mail {id}, attempt {attempts}: {error}");
                    let lost = matches!(error, MailError::Refused(_)) || attempts >= outbox::MOST_ATTEMPTS;
                    let sql = if lost { outbox::GIVEN_UP } else { outbox::FAILED };
                    Statement::new(sql).bind(id).bind(error.to_string())
                }
            };
            app.database().query(statement).await.map(drop)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = outcome {
        log::error!("outbox: {error}");
    }
}

fn read(app: &App, row: &Row) -> Result<(String, Mail), DatabaseError> {
    let id = row.text("id")?;
    let sealed = row.optional_blob("payload")?.unwrap_or_default();
    let unreadable = || {
        DatabaseError::Unavailable(format!(
            "mail {id} cannot be opened: was JWT_SECRET replaced without JWT_SECRET_PREVIOUS?"
        ))
    };
    let plain = app.keys().open(&id, &sealed).ok_or_else(unreadable)?;
    let letter = serde_json::from_slice::<Letter>(&plain).map_err(|_| unreadable())?;
    let mail = letter.render(app.config(), &row.text("recipient")?);
    Ok((id, mail))
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
        let created_at = Timestamp(row.integer("created_at")?);
        Ok(read(app, &row).ok().map(|(id, mail)| KeptMail { id, mail, created_at }))
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
