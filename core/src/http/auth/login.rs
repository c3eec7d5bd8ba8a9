use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    random_token,
    start_session::{Admitted, start_session},
    tokens::{self, Tokens},
};
use crate::{
    app::App,
    domain::{
        Secret, SecurityEventName, SessionId,
        account::{self, AccountStatus, Email, presented_password},
        password_hash,
    },
    http::{
        client::Client,
        limits::{Limited, Login},
        login_throttle::LoginAttempt,
        openapi::{ForbiddenLogin, InvalidCredentials, TooManyAttempts},
        passwords,
        problem::{ApiError, EMAIL_NOT_VERIFIED, INVALID_CREDENTIALS},
        request::Json,
    },
    store::{
        Batch, BatchError, Guard,
        mfa::{self, NewChallenge},
        sessions::Session,
        users::{self, LoginAccount, User},
    },
};

/// How long the second factor may take, in seconds.
const CHALLENGE_SECONDS: i64 = 300;

/// Who logs in, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoginRequest)]
pub struct Body {
    #[schema(value_type = Email)]
    email: String,
    #[schema(
        value_type = String,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    password: Secret,
    #[serde(default)]
    #[schema(default = "token")]
    mode: Mode,
}

/// How the refresh token travels: in the answer (`token`), or in a cookie instead (`cookie`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = LoginMode)]
pub enum Mode {
    /// In the answer.
    #[default]
    Token,
    /// In a cookie.
    Cookie,
}

/// The challenge of a login: the password was right, and a second factor is asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MfaRequired {
    #[schema(inline)]
    status: MfaStatus,
    /// For `/api/v1/auth/login/mfa`: one login, 5 attempts.
    #[serde(serialize_with = "Secret::shown")]
    #[schema(
        value_type = String,
        min_length = 1,
        max_length = 512,
        example = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs"
    )]
    mfa_token: Secret,
    #[schema(value_type = BTreeSet<MfaMethod>, min_items = 1)]
    methods: Vec<MfaMethod>,
    #[schema(minimum = 1, example = 300)]
    expires_in_seconds: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MfaStatus {
    MfaRequired,
}

/// A kind of second factor.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MfaMethod {
    Totp,
    RecoveryCode,
}

/// What a login is answered with.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "the document alone reads it; each answer is made where it is known")]
enum LoginAnswer {
    Session(Tokens),
    Challenge(MfaRequired),
}

/// Logs in.
///
/// Where the account has a second factor, the answer is `mfa_required` and `/api/v1/auth/login/mfa` finishes the login, in
/// the same mode. No such account and a wrong password are one answer. Wrong guesses are counted before the password is
/// looked at, for the account and for the network of the client; a network that has logged in to the account before is
/// counted apart, so that strangers lock nobody out.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login",
    operation_id = "login",
    tag = "Accounts",
    request_body = Body,
    responses(
        (
            status = 200,
            description = "A new session, or the challenge of a second factor.",
            body = inline(LoginAnswer),
            headers(("RateLimit"), ("RateLimit-Policy"), ("Set-Cookie")),
        ),
        (status = 401, response = InvalidCredentials),
        (status = 403, response = ForbiddenLogin),
        (status = 429, response = TooManyAttempts),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Login>,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, ApiError> {
    let cookie = body.mode == Mode::Cookie;
    let brought = if cookie { tokens::cookie_brought(&app, &headers)? } else { None };
    log_in(&app, &client, &body.email, &body.password, cookie, brought.as_ref()).await?.answer(&app)
}

/// Checks address and password, and goes on with the second factor or with a session, which replaces the one that the
/// browser brought along. No such account and a wrong password cost the same; what else is wrong with the account is
/// told only to those who know the password.
///
/// # Errors
/// `invalid_credentials`, `email_not_verified`, `account_suspended`, `too_many_attempts`.
pub async fn log_in(
    app: &App,
    client: &Client,
    email: &str,
    typed: &Secret,
    cookie: bool,
    replaces: Option<&SessionId>,
) -> Result<Next, ApiError> {
    let parsed = Email::parse(email).ok();
    let address = parsed.as_ref().map_or(email, Email::as_str);
    let password = presented_password(typed);

    let mut attempt = LoginAttempt::new(app, client, address);
    let mut found = begin(app, &mut attempt).await?;
    let network_known = found.as_ref().is_some_and(|found| found.network_known);
    // A second round only where the account changed while we hashed: another login put a new hash of the same
    // password in place, or the password is another one now.
    for _ in 0..2 {
        let user = found.map(|found| found.user);
        let encoded = user.as_ref().and_then(|user| user.password_hash.clone());
        let is_right = passwords::verify_typed(app, typed, encoded.clone()).await?;
        let Some((mut user, encoded)) = user.zip(encoded).filter(|_| is_right) else {
            break;
        };
        let mut batch = attempt.succeeded(network_known);
        if !user.email_verified || user.status == AccountStatus::Suspended {
            batch.run(app.database()).await?;
            attempt.in_flight.ended();
            return Err(if user.email_verified { ApiError::account_suspended() } else { not_verified() });
        }
        if password_hash::needs_rehash(encoded.expose(), app.config().password_params) {
            rehash(app, &mut user, &encoded, password.clone(), &mut batch).await;
        }
        let admitted = Admitted { user: &user, cookie, replaces, methods: &["password"] };
        match go_on(app, client, admitted, batch).await {
            Err(BatchError::Guard(Guard::AccountUnchanged | Guard::PasswordUnchanged)) => {}
            next => {
                let next = next?;
                attempt.in_flight.ended();
                return Ok(next);
            }
        }
        found = attempt.account().run(app.database()).await?;
    }
    let mut batch = Batch::new();
    attempt.in_flight.wrong(&mut batch);
    batch.push(client.event(app, SecurityEventName::LoginFailed, json!({})).of_address(address));
    batch.run(app.database()).await?;
    attempt.in_flight.ended();
    Err(ApiError::new(INVALID_CREDENTIALS, "check both, or reset the password"))
}

/// Puts the password in flight once it is its turn, and reads the account of the address.
async fn begin(app: &App, attempt: &mut LoginAttempt) -> Result<Option<LoginAccount>, ApiError> {
    loop {
        let mut batch = Batch::new();
        attempt.in_flight.begin(&mut batch);
        let account = batch.push(attempt.account());
        match batch.run(app.database()).await {
            Err(BatchError::Guard(Guard::PasswordTurn)) => attempt.in_flight.wait().await?,
            answers => return Ok(answers?.take(account)?),
        }
    }
}

/// Hashes the password at the configured cost, and adds the change to the batch.
async fn rehash(app: &App, user: &mut User, encoded: &Secret, password: Secret, batch: &mut Batch) {
    match passwords::hash(app, password).await {
        Ok(hash) => {
            batch.expect(Guard::PasswordUnchanged, users::rehash(&user.id, encoded, &hash));
            user.password_hash = Some(hash);
        }
        // The old hash serves for another while.
        Err(error) => tracing::warn!(?error, "a password could not be hashed anew"),
    }
}

/// Next step after a right password.
pub enum Next {
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
        let challenge = MfaRequired {
            status: MfaStatus::MfaRequired,
            mfa_token: token,
            methods: vec![MfaMethod::Totp, MfaMethod::RecoveryCode],
            expires_in_seconds: CHALLENGE_SECONDS,
        };
        Ok(Answer(challenge).into_response())
    }
}

/// Starts the session, or asks for the second factor, at the end of a batch.
async fn go_on(app: &App, client: &Client, admitted: Admitted<'_>, mut batch: Batch) -> Result<Next, BatchError> {
    let user = admitted.user;
    if !user.mfa_enabled {
        let session = start_session(app, client, admitted, batch).await?;
        return Ok(Next::Session(Box::new(session)));
    }
    batch.push(client.event(app, SecurityEventName::SecondFactorRequested, json!({})).of(&user.id, None));
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
