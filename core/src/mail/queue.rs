//! Mail that is sealed for its row of the outbox, and opened again.

use super::{EmailTemplate, Notice};
use crate::{app::App, ports::Mail, store::outbox::QueuedMail};

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

/// Opens the mail of an outbox row; returns `None` where its text was wiped, or was sealed under a secret that is gone.
pub(super) fn open(app: &App, id: &str, recipient: &str, payload: &[u8]) -> Option<Mail> {
    let template = app.keys().open(id, payload).and_then(|plain| serde_json::from_slice::<EmailTemplate>(&plain).ok());
    template.map(|template| template.render(app.config(), recipient))
}
