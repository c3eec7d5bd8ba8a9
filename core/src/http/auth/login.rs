use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::{
    random_token,
    start_session::{Admitted, start_session},
    tokens,
};
use crate::{
    app::App,
    domain::{
        Secret,
        account::{self, Email, presented_password},
        password_hash,
    },
    http::{
        credentials::suspended,
        guessing::LoginAttempt,
        limits::{Limited, Login},
        passwords,
        problem::{ApiError, EMAIL_NOT_VERIFIED, INVALID_CREDENTIALS},
        request::Json,
    },
    ports::{Rows, Statement},
    store::{
        EXPECT_ONE_CHANGE, mfa,
        users::{self, User},
    },
};

/// How long the second factor may take, in seconds.
const CHALLENGE_SECONDS: i64 = 300;

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

/// Starts a session, or asks for the second factor. No such account and a wrong password are one answer at one cost;
/// what else is wrong with the account is told only to who knows the password.
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Login>,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, ApiError> {
    let cookie = body.mode == Mode::Cookie;
    let brought = if cookie { tokens::cookie_brought(&app, &headers)? } else { None };
    let email = Email::parse(&body.email).ok();
    let address = email.as_ref().map_or(body.email.as_str(), Email::as_str);
    let password = presented_password(&body.password);

    let mut attempt = LoginAttempt::new(&app, &client, address);
    let mut found = loop {
        let mut batch = Vec::from(attempt.in_flight.begin());
        batch.push(attempt.person());
        match app.database().batch(batch).await {
            Err(error) if error.is_guard() => attempt.in_flight.wait().await?,
            found => break found?.into_iter().next_back().and_then(Rows::into_first),
        }
    };
    let network_is_known = found.as_ref().map(|row| row.boolean("network_known")).transpose()?.unwrap_or(false);
    // A second round only where the account changed while we hashed: another login put a new hash of the same
    // password in place, or the password is another one now.
    for _ in 0..2 {
        let user = found.map(|row| User::from_row(&row)).transpose()?;
        let encoded = user.as_ref().and_then(|user| user.password_hash.clone());
        let is_right = passwords::verify_typed(&app, &body.password, encoded.clone()).await?;
        let Some((mut user, encoded)) = user.zip(encoded).filter(|_| is_right) else {
            break;
        };
        let mut writes = attempt.succeeded(network_is_known);
        if !user.email_verified || user.suspended {
            app.database().batch(writes).await?;
            attempt.in_flight.ended();
            return Err(if user.email_verified { suspended() } else { not_verified() });
        }
        if password_hash::needs_rehash(encoded.expose(), app.config().password_params) {
            match passwords::hash(&app, password.clone()).await {
                Ok(hash) => {
                    let rehash = Statement::new(users::REHASH).bind(user.id.as_str());
                    writes.push(rehash.bind(encoded.expose()).bind(hash.expose()));
                    writes.push(Statement::new(EXPECT_ONE_CHANGE));
                    user.password_hash = Some(hash);
                }
                // The old one serves for another while.
                Err(error) => log::warn!("a password could not be hashed anew: {error:?}"),
            }
        }
        let answer = if user.mfa_enabled {
            writes.push(client.event(&app, "second_factor_requested", json!({})).of(&user.id, None));
            challenge(&app, &user, cookie, writes).await?
        } else {
            let password_hash = user.password_hash.as_ref();
            let replaces = brought.clone();
            let admitted = Admitted { user: &user, password_hash, cookie, replaces, methods: &["password"] };
            start_session(&app, &client, admitted, writes).await?
        };
        if let Some(answer) = answer {
            attempt.in_flight.ended();
            return Ok(answer);
        }
        found = app.database().query(attempt.person()).await?.into_first();
    }
    let mut batch = Vec::from(attempt.in_flight.wrong());
    batch.push(client.event(&app, "login_failed", json!({})).of_address(address));
    app.database().batch(batch).await?;
    attempt.in_flight.ended();
    Err(ApiError::new(INVALID_CREDENTIALS, "check both, or reset the password"))
}

/// Asks for the second factor; `None` where a guard of the batch failed.
async fn challenge(
    app: &App,
    user: &User,
    cookie: bool,
    mut writes: Vec<Statement>,
) -> Result<Option<Response>, ApiError> {
    let (token, now) = (random_token(app), app.now());
    writes.push(mfa::challenge(
        account::token_hash(token.expose()),
        &user.id,
        user.password_hash.as_ref(),
        cookie,
        now,
        now.plus_seconds(CHALLENGE_SECONDS),
    ));
    writes.push(Statement::new(EXPECT_ONE_CHANGE));
    match app.database().batch(writes).await {
        Err(error) if error.is_guard() => return Ok(None),
        written => drop(written?),
    }
    let body = json!({
        "status": "mfa_required",
        "mfaToken": token.expose(),
        "methods": ["totp", "recovery_code"],
        "expiresInSeconds": CHALLENGE_SECONDS,
    });
    Ok(Some(Answer(body).into_response()))
}

fn not_verified() -> ApiError {
    ApiError::new(EMAIL_NOT_VERIFIED, "use the link in the verification mail, or ask for a new one")
}
