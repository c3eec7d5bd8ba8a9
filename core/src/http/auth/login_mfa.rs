use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    start_session::{Admitted, start_session},
    tokens::{self, Tokens},
};
use crate::{
    app::App,
    domain::{Secret, SecurityEventName, SessionId, account},
    http::{
        client::Client,
        limits::{Limited, Login},
        login_throttle::CodeThrottle,
        openapi::{ForbiddenOrigin, TooManyAttempts, UnauthorizedSecondFactor},
        problem::{ApiError, INVALID_MFA_CODE, INVALID_MFA_TOKEN},
        request::Json,
        second_factor::Code,
    },
    mail::{self, Notice},
    store::{
        Batch, BatchError, Guard, Query,
        mfa::{self, Challenge},
        sessions::Session,
    },
};

/// An answer to the challenge of a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = MfaLoginRequest)]
pub struct Body {
    /// From the answer of the login.
    #[schema(
        value_type = String,
        min_length = 1,
        max_length = 512,
        example = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs"
    )]
    mfa_token: Secret,
    /// 6 digits, or a recovery code. Spaces, hyphens and case do not matter.
    #[schema(value_type = String, min_length = 6, max_length = 64, example = "492039")]
    code: Secret,
}

/// Finishes a login with the second factor.
///
/// A code works once. A challenge dies with its fifth attempt.
#[utoipa::path(
    post,
    path = "/api/v1/auth/login/mfa",
    operation_id = "loginMfa",
    tag = "Accounts",
    request_body = Body,
    responses(
        (
            status = 200,
            description = "A new session, in the mode that the login asked for.",
            body = Tokens,
            headers(("RateLimit"), ("RateLimit-Policy"), ("Set-Cookie")),
        ),
        (status = 401, response = UnauthorizedSecondFactor),
        (status = 403, response = ForbiddenOrigin),
        (status = 429, response = TooManyAttempts),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Login>,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, ApiError> {
    let brought = |cookie| if cookie { tokens::cookie_brought(&app, &headers) } else { Ok(None) };
    let session = finish(&app, &client, &body.mfa_token, &body.code, brought).await?;
    tokens::answer(&app, &session, session.started_at)
}

/// Finishes the login of a challenge. Its session replaces the one that `brought` returns: that the browser brought
/// along, which is asked once it is known whether the login asked for a cookie.
///
/// # Errors
/// `invalid_mfa_token`, `invalid_mfa_code`, `too_many_attempts`, and those of `brought`.
pub async fn finish(
    app: &App,
    client: &Client,
    mfa_token: &Secret,
    code: &Secret,
    brought: impl FnOnce(bool) -> Result<Option<SessionId>, ApiError>,
) -> Result<Session, ApiError> {
    let hash = account::token_hash(mfa_token.expose());
    let code = Code::parse(code);
    let challenge = mfa::find_challenge(&hash, &client.network(), code.recovery_hash(), app.now());
    let challenge = challenge.run(app.database()).await?.filter(|challenge| challenge.live).ok_or_else(ended)?;
    let brought = brought(challenge.cookie)?;
    let throttle = CodeThrottle::new(app, subject(&challenge, client));
    let attempt = Attempt { app, client, hash, code, challenge, throttle };

    let user = &attempt.challenge.user;
    let Some(uses) = attempt.code.uses(app, &user.id, &attempt.challenge.second_factor)? else {
        return Err(attempt.wrong().await);
    };
    let batch = attempt.right(uses)?;
    let is_recovery = attempt.is_recovery();
    let admitted = Admitted {
        user,
        cookie: attempt.challenge.cookie,
        replaces: brought.as_ref(),
        methods: if is_recovery { &["password", "recovery_code"] } else { &["password", "totp"] },
    };
    match start_session(app, client, admitted, batch).await {
        Ok(session) => {
            if is_recovery {
                mail::deliver_in_background(app);
            }
            Ok(session)
        }
        // Somebody else used the code a moment before, or the account changed.
        Err(BatchError::Guard(Guard::SecondFactorUnused | Guard::AccountUnchanged)) => Err(attempt.wrong().await),
        Err(error) => Err(attempt.refused(error).await),
    }
}

/// Returns the subject of a guess's throttle. As for passwords, from a network that the account knows only guesses from
/// that network count.
fn subject(challenge: &Challenge, client: &Client) -> String {
    let user_id = &challenge.user.id;
    if challenge.network_known { format!("codes:{user_id}:{}", client.network()) } else { format!("codes:{user_id}") }
}

/// Answer to a challenge. It is counted, for its challenge and for the account, in the batch that acts on it: many at
/// once get no more guesses than one after the other.
struct Attempt<'a> {
    app: &'a App,
    client: &'a Client,
    /// SHA-256 of the challenge's token.
    hash: Vec<u8>,
    code: Code,
    challenge: Challenge,
    throttle: CodeThrottle,
}

impl Attempt<'_> {
    fn is_recovery(&self) -> bool {
        matches!(self.code, Code::Recovery(_))
    }

    /// Begins a batch that counts the attempt. The batch fails by [`Guard::ChallengeOpen`] where the challenge is over,
    /// and by [`Guard::GuessAllowed`] while a delay lasts.
    fn count(&self, is_right: bool) -> Batch {
        let mut batch = Batch::new();
        batch.expect(Guard::ChallengeOpen, mfa::charge_challenge(&self.hash, is_right, self.app.now()));
        self.throttle.reserve(&mut batch);
        batch
    }

    /// Begins the batch of a right code, which is used up. The batch fails by [`Guard::SecondFactorUnused`] where the
    /// code was used before.
    fn right(&self, uses: Query<()>) -> Result<Batch, ApiError> {
        let (app, user) = (self.app, &self.challenge.user);
        let mut batch = self.count(true);
        batch.expect(Guard::SecondFactorUnused, uses);
        batch.push(if self.challenge.network_known { self.throttle.succeeded() } else { self.throttle.take_back() });
        if self.is_recovery() {
            let event = self.client.event(app, SecurityEventName::RecoveryCodeUsed, json!({}));
            batch.push(event.of(&user.id, Some(&user.id)));
            batch.push(mail::notice(app, Notice::RecoveryCodeUsed)?.to(&user.email, Some(&user.id)));
        }
        Ok(batch)
    }

    /// Counts a code that is not accepted, and returns the error.
    async fn wrong(&self) -> ApiError {
        let mut batch = self.count(false);
        let event = self.client.event(self.app, SecurityEventName::MfaFailed, json!({ "method": self.code.method() }));
        batch.push(event.of(&self.challenge.user.id, None));
        match batch.run(self.app.database()).await {
            Ok(_) => ApiError::new(INVALID_MFA_CODE, "give a code that was not used before"),
            Err(error) => self.refused(error).await,
        }
    }

    /// Returns the error of an attempt that was not counted.
    async fn refused(&self, error: BatchError) -> ApiError {
        match error {
            BatchError::Guard(Guard::ChallengeOpen) => ended(),
            BatchError::Guard(Guard::GuessAllowed) => self.throttle.refused(self.app).await,
            error => error.into(),
        }
    }
}

fn ended() -> ApiError {
    ApiError::new(INVALID_MFA_TOKEN, "log in again")
}
