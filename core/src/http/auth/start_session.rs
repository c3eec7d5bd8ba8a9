//! Start of a session, once everything that is asked of the person has been given.

use serde_json::json;

use crate::{
    app::App,
    domain::{SecurityEventName, SessionId, user_agent},
    http::client::Client,
    mail::{self, EmailTemplate},
    ports::DatabaseError,
    store::{
        Batch, BatchError, Guard, login_throttle,
        sessions::{self, NewSession, Session},
        users::{self, User},
    },
};

/// Person who may start a session, and how it starts.
pub struct Admitted<'a> {
    /// Account, with the hash that the password was checked against: another one since then ends the attempt.
    pub user: &'a User,
    /// Whether the refresh token rides in a cookie.
    pub cookie: bool,
    /// Session that the browser brought along, which ends with this login if it is the same person's.
    pub replaces: Option<&'a SessionId>,
    /// Names of the factors that were given, for the security event.
    pub methods: &'static [&'static str],
}

/// Starts a session at the end of a batch.
///
/// # Errors
/// [`Guard::AccountUnchanged`] where the account changed since it was read; else as [`Batch::run`].
pub async fn start_session(
    app: &App,
    client: &Client,
    admitted: Admitted<'_>,
    mut batch: Batch,
) -> Result<Session, BatchError> {
    let (user, now, id) = (admitted.user, app.now(), SessionId::from(app.new_id()));
    let session = NewSession {
        id: &id,
        user,
        nonce: app.random(),
        user_agent: client.user_agent.as_deref(),
        ip: client.address.map(|address| address.to_string()),
        cookie: admitted.cookie,
        now,
    };
    batch.expect(Guard::AccountUnchanged, sessions::create(session));
    if let Some(replaced) = admitted.replaces {
        batch.push(sessions::end_replaced(replaced, &user.id, now));
    }
    batch.push(sessions::end_oldest(&user.id, now));
    // A client without an address is in no network, so nothing is compared or remembered.
    let mut told = None;
    if let Some(address) = client.address {
        let notice = EmailTemplate::NewNetwork {
            address: address.to_string(),
            device: client.user_agent.as_deref().map(user_agent::device),
            at: now.to_string(),
        };
        match mail::queue(app, &notice) {
            Ok(mail) => told = Some(batch.push(mail.to_person_in_new_network(&user.id, &client.network()))),
            Err(error) => tracing::error!(%error, "a person was not told of a login"),
        }
        batch.push(login_throttle::remember_network(&user.id, &client.network(), now));
    }
    let details = json!({ "sessionId": id, "methods": admitted.methods });
    batch.push(client.event(app, SecurityEventName::Login, details).of(&user.id, Some(&user.id)));
    // The configured list wins over an administrator who took the role away; the event says so.
    if app.config().admin_emails.iter().any(|email| email.as_str() == user.email) {
        batch.push(users::promote(&user.id, now));
        let details = json!({ "role": "admin", "by": "configuration" });
        batch.push(client.event(app, SecurityEventName::RoleChanged, details).of_if_changed(&user.id, None));
    }
    let started = batch.push(sessions::find(&id));
    let mut answers = batch.run(app.database()).await?;
    let started = answers.take(started)?;
    if told.map(|told| answers.take(told)).transpose()? == Some(true) {
        mail::deliver_in_background(app);
    }
    Ok(started.ok_or_else(|| DatabaseError::Unexpected("a new session is gone".to_owned()))?)
}
