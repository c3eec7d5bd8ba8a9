use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::{
    mfa::Code,
    start_session::{Admitted, start_session},
    tokens,
};
use crate::{
    app::App,
    domain::{Secret, account},
    http::{
        client::Client,
        guessing::Guess,
        limits::{Limited, Login},
        problem::{ApiError, INVALID_MFA_CODE, INVALID_MFA_TOKEN},
        request::Json,
    },
    mail::{self, Notice},
    ports::{Statement, Timestamp},
    store::{
        EXPECT_ONE_CHANGE,
        mfa::{self, Challenge},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    mfa_token: Secret,
    code: Secret,
}

/// Starts the session of a login whose password was right. Each answer is counted, against its challenge and against
/// the account, in the batch that acts on it: of many at once no more count than one after the other.
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Login>,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Response, ApiError> {
    let hash = account::token_hash(body.mfa_token.expose());
    let mut answer = Presented { hash, code: Code::parse(&body.code), brought: None };
    let challenge = answer.challenge(&app, &client).await?.ok_or_else(ended)?;
    if challenge.cookie {
        answer.brought = tokens::cookie_brought(&app, &headers)?;
    }
    let guess = Guess::new(&app, subject(&challenge, &client));
    match right(&app, &client, &challenge, &guess, &answer).await? {
        Some(response) => Ok(response),
        None => Err(wrong(&app, &client, &challenge, &guess, &answer).await?),
    }
}

/// What the client sent.
struct Presented {
    hash: Vec<u8>,
    code: Code,
    /// The session of the browser's cookie.
    brought: Option<String>,
}

impl Presented {
    /// The challenge, while it may be answered.
    async fn challenge(&self, app: &App, client: &Client) -> Result<Option<Challenge>, ApiError> {
        let statement = Statement::new(mfa::CHALLENGE)
            .bind(self.hash.as_slice())
            .bind(app.now())
            .bind(client.network())
            .bind(self.code.recovery_hash());
        let found = Challenge::from_rows(app.database().query(statement).await?)?;
        Ok(found.filter(|challenge| challenge.live))
    }

    /// Counts the answer; it was right at `used_at`, if at all.
    fn charge(&self, now: Timestamp, used_at: Option<Timestamp>) -> [Statement; 2] {
        let charge = Statement::new(mfa::CHARGE_CHALLENGE).bind(self.hash.as_slice()).bind(now).bind(used_at);
        [charge, Statement::new(EXPECT_ONE_CHANGE)]
    }
}

/// As for passwords: from a network that the account knows, only guesses from that network count.
fn subject(challenge: &Challenge, client: &Client) -> String {
    let user_id = &challenge.user.id;
    if challenge.network_known { format!("codes:{user_id}:{}", client.network()) } else { format!("codes:{user_id}") }
}

/// The session, where the code is right and nobody used it, or the challenge, a moment before.
async fn right(
    app: &App,
    client: &Client,
    challenge: &Challenge,
    guess: &Guess,
    answer: &Presented,
) -> Result<Option<Response>, ApiError> {
    let user = &challenge.user;
    let Some(uses) = answer.code.uses(app, &user.id, &challenge.second_factor)? else { return Ok(None) };
    let now = app.now();
    let mut writes = Vec::from(guess.reserve());
    writes.extend(answer.charge(now, Some(now)));
    writes.extend([uses, Statement::new(EXPECT_ONE_CHANGE)]);
    writes.push(if challenge.network_known { guess.succeeded() } else { guess.take_back() });
    let is_recovery = matches!(answer.code, Code::Recovery(_));
    if is_recovery {
        writes.push(client.event(app, "recovery_code_used", json!({})).of(&user.id, Some(&user.id)));
        writes.push(mail::notice(app, Notice::RecoveryCodeUsed)?.to(&user.email, Some(&user.id)));
    }
    let admitted = Admitted {
        user,
        password_hash: user.password_hash.as_ref(),
        cookie: challenge.cookie,
        replaces: answer.brought.clone(),
        methods: if is_recovery { &["password", "recovery_code"] } else { &["password", "totp"] },
    };
    let started = start_session(app, client, admitted, writes).await?;
    if started.is_some() && is_recovery {
        mail::deliver_in_background(app);
    }
    Ok(started)
}

/// Counts a code that is not taken, and says why.
async fn wrong(
    app: &App,
    client: &Client,
    challenge: &Challenge,
    guess: &Guess,
    answer: &Presented,
) -> Result<ApiError, ApiError> {
    let mut batch = Vec::from(guess.reserve());
    batch.extend(answer.charge(app.now(), None));
    let details = json!({ "method": answer.code.method() });
    batch.push(client.event(app, "mfa_failed", details).of(&challenge.user.id, None));
    match app.database().batch(batch).await {
        Ok(_) => Ok(ApiError::new(INVALID_MFA_CODE, "give a code that was not used before")),
        Err(error) if error.is_guard() => Ok(match answer.challenge(app, client).await? {
            Some(_) => guess.refused(app).await,
            None => ended(),
        }),
        Err(error) => Err(error.into()),
    }
}

fn ended() -> ApiError {
    ApiError::new(INVALID_MFA_TOKEN, "log in again")
}
