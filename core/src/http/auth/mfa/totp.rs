use axum::{Json as Answer, extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{StepUp, failed, guess_at_code, not_enabled, open, recovery_codes::NewCodes, second_factor};
use crate::{
    app::App,
    domain::{
        Secret,
        totp::{TotpCode, TotpSecret, qr_svg},
    },
    http::{
        credentials::Person,
        idempotency::{Caller, Claim, Idempotent, Reply},
        problem::{ApiError, INCORRECT_PASSWORD, MFA_ALREADY_ENABLED, REAUTHENTICATION_REQUIRED},
        request::{Json, OptionalJson},
        step_up,
    },
    mail::{self, Notice},
    ports::Statement,
    store::{
        EXPECT_ONE_CHANGE, mfa,
        sessions::{self, Session},
    },
};

/// How long after the login no password is asked for, in milliseconds.
const FRESH_MS: u64 = 600_000;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnrolBody {
    password: Option<Secret>,
}

/// Makes a secret for an authenticator; a first code puts it in force. What was pending before is replaced.
pub async fn enrol(
    State(app): State<App>,
    person: Person,
    OptionalJson(body): OptionalJson<EnrolBody>,
) -> Result<Answer<Value>, ApiError> {
    let (user, answers) = person.read_statements(&app, vec![sessions::by_id(&person.session_id)]).await?;
    if user.mfa_enabled {
        return Err(already_enabled());
    }
    let proof = match &body.password {
        Some(password) => Some(step_up::check_password(&app, &person, password).await?),
        None => {
            let session = answers.into_iter().next().map(Session::from_rows).transpose()?.flatten();
            if session.is_none_or(|session| app.now().ms_since(session.started_at) > FRESH_MS) {
                return Err(ApiError::new(
                    REAUTHENTICATION_REQUIRED,
                    "the login is more than 10 minutes ago: give the password",
                ));
            }
            None
        }
    };

    let (id, secret) = (app.new_id(), TotpSecret::new(app.random()));
    let sealed = app.keys().seal(&id, app.random(), secret.as_bytes()).map_err(ApiError::internal)?;
    let uri = secret.uri(&user.email);
    let qr_svg = qr_svg(uri.expose()).map_err(ApiError::internal)?;

    let effects = vec![
        Statement::new(mfa::PUT_PENDING).bind(id).bind(user.id.as_str()).bind(sealed).bind(app.now()),
        Statement::new(EXPECT_ONE_CHANGE),
    ];
    let written = match proof {
        Some(proof) => proof.carry_out(&app, &person, effects).await.map(drop),
        None => match person.write_statements(&app, effects).await? {
            Err(error) if error.is_guard() => Err(already_enabled()),
            answers => answers.map(drop).map_err(ApiError::from),
        },
    };
    match written {
        Err(ApiError::Problem(problem)) if problem.is(INCORRECT_PASSWORD) => {
            let (user, _) = person.read_statements(&app, Vec::new()).await?;
            return Err(if user.mfa_enabled { already_enabled() } else { ApiError::Problem(problem) });
        }
        written => written?,
    }
    let secret = secret.base32();
    Ok(Answer(json!({ "secret": secret.expose(), "otpauthUri": uri.expose(), "qrSvg": qr_svg })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    code: Secret,
}

/// Puts the pending secret in force, where the code is its.
pub async fn confirm(
    State(app): State<App>,
    person: Person,
    Idempotent(request, Json(body)): Idempotent<Json<ConfirmBody>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Person(&person), |claim| put_in_force(&app, &person, body, claim)).await
}

async fn put_in_force(app: &App, person: &Person, body: ConfirmBody, claim: Claim) -> Result<Reply, ApiError> {
    let (user, pending) = second_factor(app, person).await?;
    let totp = pending.totp.filter(|totp| !totp.confirmed).ok_or_else(not_enabled)?;
    let (secret, now, guess) = (open(app, &totp)?, app.now(), guess_at_code(app, person));
    let step = TotpCode::parse(body.code.expose()).and_then(|code| secret.matching_step(code, now, totp.last_step));
    let Some(step) = step else {
        return Err(failed(app, person, &guess, "totp").await);
    };

    let codes = NewCodes::new(app);
    let reply = codes.reply()?;
    let mut batch = Vec::from(guess.reserve());
    batch.extend([
        Statement::new(mfa::CONFIRM).bind(totp.id.as_str()).bind(now).bind(step),
        Statement::new(EXPECT_ONE_CHANGE),
        Statement::new(mfa::SET_ENABLED).bind(user.id.as_str()).bind(now),
        guess.succeeded(),
        person.event(app, "mfa_enabled", json!({ "method": "totp" })),
        mail::notice(app, Notice::MfaEnabled)?.to(&user.email, Some(&user.id)),
    ]);
    batch.extend(codes.replace(&user.id, now));
    batch.extend(claim.fulfil(app, &reply)?);
    match person.write_statements(app, batch).await? {
        Err(error) if error.is_guard() => {
            let (_, pending) = second_factor(app, person).await?;
            let still_pending = pending.totp.is_some_and(|other| other.id == totp.id && !other.confirmed);
            return Err(if still_pending { guess.refused(app).await } else { not_enabled() });
        }
        answers => answers.map(drop)?,
    }
    mail::deliver_in_background(app);
    Ok(reply)
}

/// Removes the second factor, where password and a code are given.
pub async fn disable(State(app): State<App>, person: Person, Json(body): Json<StepUp>) -> Result<StatusCode, ApiError> {
    let proof = step_up::check_second_factor(&app, &person, &body.password, body.code.as_ref()).await?;
    let user_id = person.user_id.as_str();
    let effects = vec![
        Statement::new(mfa::REMOVE).bind(user_id),
        Statement::new(mfa::SET_ENABLED).bind(user_id).bind(app.now()),
        Statement::new(mfa::FORGET_RECOVERY_CODES).bind(user_id),
        Statement::new(mfa::FORGET_CHALLENGES).bind(user_id),
        person.event(&app, "mfa_disabled", json!({ "methods": proof.methods() })),
        mail::notice(&app, Notice::MfaDisabled)?.to(&proof.user.email, Some(&proof.user.id)),
    ];
    proof.carry_out(&app, &person, effects).await?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}

fn already_enabled() -> ApiError {
    ApiError::new(MFA_ALREADY_ENABLED, "remove the second factor first")
}
