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
        account::{self, AccountStatus, Email, presented_password},
        password_hash,
    },
    http::{
        client::Client,
        credentials::suspended,
        limits::{Limited, Login},
        login_throttle::LoginAttempt,
        passwords,
        problem::{ApiError, EMAIL_NOT_VERIFIED, INVALID_CREDENTIALS},
        request::Json,
    },
    store::{
        Batch, BatchError, Guard,
        mfa::{self, NewChallenge},
        sessions::Session,
        users,
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
        let mut batch = Batch::new();
        attempt.in_flight.begin(&mut batch);
        let account = batch.push(attempt.account());
        match batch.run(app.database()).await {
            Err(BatchError::Guard(Guard::PasswordTurn)) => attempt.in_flight.wait().await?,
            answers => break answers?.take(account)?,
        }
    };
    let network_known = found.as_ref().is_some_and(|found| found.network_known);
    // A second round only where the account changed while we hashed: another login put a new hash of the same
    // password in place, or the password is another one now.
    for _ in 0..2 {
        let user = found.map(|found| found.user);
        let encoded = user.as_ref().and_then(|user| user.password_hash.clone());
        let is_right = passwords::verify_typed(&app, &body.password, encoded.clone()).await?;
        let Some((mut user, encoded)) = user.zip(encoded).filter(|_| is_right) else {
            break;
        };
        let mut batch = attempt.succeeded(network_known);
        if !user.email_verified || user.status == AccountStatus::Suspended {
            batch.run(app.database()).await?;
            attempt.in_flight.ended();
            return Err(if user.email_verified { suspended() } else { not_verified() });
        }
        if password_hash::needs_rehash(encoded.expose(), app.config().password_params) {
            match passwords::hash(&app, password.clone()).await {
                Ok(hash) => {
                    batch.expect(Guard::PasswordUnchanged, users::rehash(&user.id, &encoded, &hash));
                    user.password_hash = Some(hash);
                }
                // The old one serves for another while.
                Err(error) => tracing::warn!(?error, "a password could not be hashed anew"),
            }
        }
        let admitted = Admitted { user: &user, cookie, replaces: brought.as_ref(), methods: &["password"] };
        match go_on(&app, &client, admitted, batch).await {
            Err(BatchError::Guard(Guard::AccountUnchanged | Guard::PasswordUnchanged)) => {}
            next => {
                let next = next?;
                attempt.in_flight.ended();
                return next.answer(&app);
            }
        }
        found = attempt.account().run(app.database()).await?;
    }
    let mut batch = Batch::new();
    attempt.in_flight.wrong(&mut batch);
    batch.push(client.event(&app, "login_failed", json!({})).of_address(address));
    batch.run(app.database()).await?;
    attempt.in_flight.ended();
    Err(ApiError::new(INVALID_CREDENTIALS, "check both, or reset the password"))
}

/// What a right password leads to.
enum Next {
    /// A session.
    Session(Box<Session>),
    /// The second factor, with the token of its challenge.
    SecondFactor(Secret),
}

impl Next {
    fn answer(self, app: &App) -> Result<Response, ApiError> {
        let token = match self {
            Self::Session(session) => return tokens::answer(app, &session, session.started_at),
            Self::SecondFactor(token) => token,
        };
        let body = json!({
            "status": "mfa_required",
            "mfaToken": token.expose(),
            "methods": ["totp", "recovery_code"],
            "expiresInSeconds": CHALLENGE_SECONDS,
        });
        Ok(Answer(body).into_response())
    }
}

/// Starts the session, or asks for the second factor, at the end of a batch.
async fn go_on(app: &App, client: &Client, admitted: Admitted<'_>, mut batch: Batch) -> Result<Next, BatchError> {
    let user = admitted.user;
    if !user.mfa_enabled {
        let session = start_session(app, client, admitted, batch).await?;
        return Ok(Next::Session(Box::new(session)));
    }
    batch.push(client.event(app, "second_factor_requested", json!({})).of(&user.id, None));
    let (token, now) = (random_token(app), app.now());
    let challenge = NewChallenge {
        hash: account::token_hash(token.expose()),
        user,
        cookie: admitted.cookie,
        now,
        expires_at: now.plus_seconds(CHALLENGE_SECONDS),
    };
    batch.expect(Guard::AccountUnchanged, mfa::add_challenge(challenge));
    batch.run(app.database()).await?;
    Ok(Next::SecondFactor(token))
}

fn not_verified() -> ApiError {
    ApiError::new(EMAIL_NOT_VERIFIED, "use the link in the verification mail, or ask for a new one")
}
