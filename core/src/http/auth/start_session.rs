//! The start of a session, once everything that is asked of the person has been given.

use axum::response::Response;
use serde_json::json;

use super::tokens;
use crate::{
    app::App,
    domain::Secret,
    http::{client::Client, problem::ApiError},
    ports::{Rows, Statement},
    store::{
        EXPECT_ONE_CHANGE, guesses,
        sessions::{self, Session},
        users::{self, User},
    },
};

/// Who may start a session, and how.
pub struct Admitted<'a> {
    /// The person, as they were read.
    pub user: &'a User,
    /// What the password was checked against: another one since then ends the attempt.
    pub password_hash: Option<&'a Secret>,
    /// Whether the refresh token rides in a cookie.
    pub cookie: bool,
    /// The session that the browser brought along, which ends with this login if it is the same person's.
    pub replaces: Option<String>,
    /// The factors that were given, for the security event.
    pub methods: &'static [&'static str],
}

/// Starts it in one batch with `writes`, which come first, and answers with its tokens; `None` where a guard of the
/// batch failed: the account changed since it was read, or what `writes` expect is not so.
///
/// # Errors
/// Whatever the database answers.
pub async fn start_session(
    app: &App,
    client: &Client,
    admitted: Admitted<'_>,
    writes: Vec<Statement>,
) -> Result<Option<Response>, ApiError> {
    let (user, now, id) = (admitted.user, app.now(), app.new_id());
    let mut batch = writes;
    batch.push(
        Statement::new(sessions::CREATE)
            .bind(id.as_str())
            .bind(user.id.as_str())
            .bind(app.random::<16>().to_vec())
            .bind(client.user_agent.as_deref())
            .bind(client.address.map(|address| address.to_string()))
            .bind(now)
            .bind(now.plus_seconds(sessions::ABSOLUTE_SECONDS))
            .bind(admitted.cookie)
            .bind(admitted.password_hash.map(Secret::expose))
            .bind(user.mfa_enabled),
    );
    batch.push(Statement::new(EXPECT_ONE_CHANGE));
    batch.extend(admitted.replaces.map(|replaced| {
        Statement::new(sessions::END_OF_USER).bind(replaced).bind(user.id.as_str()).bind(now).bind("replaced")
    }));
    batch.push(
        Statement::new(sessions::END_OLDEST)
            .bind(user.id.as_str())
            .bind(now)
            .bind("too_many")
            .bind(sessions::MOST_LIVE),
    );
    // A client without an address is in no network.
    if client.address.is_some() {
        batch.push(Statement::new(guesses::REMEMBER_NETWORK).bind(user.id.as_str()).bind(client.network()).bind(now));
    }
    let details = json!({ "sessionId": id.as_str(), "methods": admitted.methods });
    batch.push(client.event(app, "login", details).of(&user.id, Some(&user.id)));
    if app.config().admin_emails.iter().any(|email| email.as_str() == user.email) {
        batch.push(Statement::new(users::PROMOTE).bind(user.id.as_str()).bind(now));
        let details = json!({ "role": "admin", "by": "configuration" });
        batch.push(client.event(app, "role_changed", details).of_if_changed(&user.id, None));
    }
    batch.push(sessions::by_id(&id));
    let answers = match app.database().batch(batch).await {
        Err(error) if error.is_guard() => return Ok(None),
        answers => answers?,
    };
    let session = answers.into_iter().next_back().map(Rows::into_first).and_then(|row| row);
    let session = session.ok_or_else(|| ApiError::internal("a new session is gone"))?;
    tokens::answer(app, &Session::from_row(&session)?, now).map(Some)
}
