//! Mail that the outbox keeps the text of, for `/dev/mail`.

use super::queue::open;
use crate::{
    app::App,
    domain::Timestamp,
    ports::{DatabaseError, Mail},
    store::outbox,
};

/// Age in seconds up to which `/dev/mail` shows mails: a week.
const SHOWN_SECONDS: i64 = 7 * 86_400;

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
