use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;

use super::tokens;
use crate::{
    app::App,
    domain::{
        Secret,
        account::{Email, presented_password},
        password_hash::Params,
    },
    http::{
        credentials::suspended,
        limits::{Limited, Login},
        problem::{ApiError, EMAIL_NOT_VERIFIED, INVALID_CREDENTIALS},
        request::Json,
    },
    ports::{HashJob, HashOutcome, Statement},
    store::{
        EXPECT_ONE_CHANGE,
        sessions::{self, Session},
        users::{self, User},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    email: String,
    password: Secret,
    #[serde(default)]
    mode: Mode,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Token,
    Cookie,
}

/// Starts a session. No such account and a wrong password are one answer at one cost; what else is wrong with the
/// account is told only to who knows the password.
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Login>,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, ApiError> {
    if body.mode == Mode::Cookie {
        tokens::require_allowed_origin(&app, &headers)?;
    }
    let wrong = || ApiError::new(INVALID_CREDENTIALS, "check both, or reset the password");

    let email = Email::parse(&body.email).ok();
    let user = match &email {
        Some(email) => find(&app, email).await?,
        None => None,
    };
    let encoded = user.as_ref().and_then(|user| user.password_hash.clone());
    let is_right = check(&app, presented_password(&body.password), encoded.clone()).await?;
    let user = user.filter(|_| is_right).ok_or_else(wrong)?;
    if !user.email_verified {
        return Err(ApiError::new(EMAIL_NOT_VERIFIED, "use the link in the verification mail, or ask for a new one"));
    }
    if user.suspended {
        return Err(suspended());
    }

    let now = app.now();
    let session = Session {
        id: app.new_id(),
        nonce: app.random::<16>().to_vec(),
        generation: 0,
        rotated_at: now,
        last_used_at: now,
        expires_at: now.plus_seconds(sessions::ABSOLUTE_SECONDS),
        revoked: false,
        cookie: body.mode == Mode::Cookie,
        user,
    };
    let create = Statement::new(sessions::CREATE)
        .bind(session.id.as_str())
        .bind(session.user.id.as_str())
        .bind(session.nonce.as_slice())
        .bind(client.user_agent.as_deref())
        .bind(client.address.map(|address| address.to_string()))
        .bind(now)
        .bind(session.expires_at)
        .bind(session.cookie)
        .bind(encoded.as_ref().map(Secret::expose));
    match app.database().batch(vec![create, Statement::new(EXPECT_ONE_CHANGE)]).await {
        // The account changed while we hashed: what was proved is no longer worth a session.
        Err(error) if error.is_guard() => Err(wrong()),
        Err(error) => Err(error.into()),
        Ok(_) => tokens::answer(&app, &session, now),
    }
}

async fn find(app: &App, email: &Email) -> Result<Option<User>, ApiError> {
    let found = app.database().query(Statement::new(users::BY_EMAIL).bind(email.as_str())).await?.into_first();
    Ok(found.map(|row| User::from_row(&row)).transpose()?)
}

/// Checks the password; where there is no hash to check against, spends as much and says no.
async fn check(app: &App, password: Secret, encoded: Option<Secret>) -> Result<bool, ApiError> {
    let job = match encoded {
        Some(encoded) => HashJob::Verify { password, encoded },
        None => HashJob::Hash { password, salt: app.random(), params: Params::DEFAULT },
    };
    Ok(matches!(app.ports().password_hasher.run(job).await?, HashOutcome::Verified(true)))
}
