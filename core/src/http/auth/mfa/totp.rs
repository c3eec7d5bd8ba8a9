use axum::{Json as Answer, extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    StepUp,
    recovery_codes::{NewCodes, RecoveryCodes},
    second_factor,
};
use crate::{
    app::App,
    domain::{
        Secret, SecurityEventName,
        totp::{TotpCode, TotpSecret, qr_svg},
    },
    http::{
        credentials::{ClaimedSession, UserSession},
        idempotency::{Caller, Claim, Fulfilled, Idempotent},
        openapi::{
            ConflictEnrolment, ConflictRecoveryCodes, ConflictSecondFactor, ForbiddenCode, ForbiddenEnrolment,
            ForbiddenSecondFactor, IdempotencyKey, TooManyGuesses,
        },
        problem::{ApiError, MFA_ALREADY_ENABLED, REAUTHENTICATION_REQUIRED},
        request::{Json, OptionalJson},
        second_factor::{code_throttle, failed, not_enabled, open},
        step_up::{self, StepUpError},
    },
    mail::{self, Notice},
    store::{BatchError, Guard, mfa},
};

/// How long after the login no password is asked for, in milliseconds.
const FRESH_MS: u64 = 600_000;

/// Who sets up a second factor.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TotpEnrolRequest)]
pub struct EnrolBody {
    /// Needed where the session is older than 10 minutes.
    #[schema(
        value_type = Option<String>,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    password: Option<Secret>,
}

/// The secret of an authenticator. It is not in force until a first code confirms it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TotpEnrolment {
    /// Base32.
    #[serde(serialize_with = "Secret::shown")]
    #[schema(value_type = String, pattern = "^[A-Z2-7]+$", example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: Secret,
    /// For an authenticator: 6 digits, SHA-1, 30 seconds.
    #[serde(serialize_with = "Secret::shown")]
    #[schema(
        value_type = String,
        pattern = "^otpauth://totp/",
        example = "otpauth://totp/AIBaaS:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=AIBaaS"
    )]
    otpauth_uri: Secret,
    /// The same as a QR code.
    #[schema(pattern = "^<", example = "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>")]
    qr_svg: String,
}

/// Begins to set up a second factor.
///
/// It is not in force yet: a first code confirms it. A second call replaces what was pending.
#[utoipa::path(
    post,
    path = "/api/v1/auth/mfa/totp",
    operation_id = "enrolTotp",
    tag = "Accounts",
    security(("accessToken" = [])),
    request_body = Option<EnrolBody>,
    responses(
        (status = 200, description = "What the authenticator needs.", body = TotpEnrolment),
        (status = 403, response = ForbiddenEnrolment),
        (status = 409, response = ConflictEnrolment),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn enrol(
    State(app): State<App>,
    caller: ClaimedSession,
    OptionalJson(body): OptionalJson<EnrolBody>,
) -> Result<Answer<TotpEnrolment>, ApiError> {
    let UserSession { user, started_at, .. } = caller.confirm(&app).await?;
    if user.mfa_enabled {
        return Err(already_enabled());
    }
    let proof = match &body.password {
        Some(password) => Some(step_up::check_password(&app, &caller, password).await?),
        None => {
            if app.now().ms_since(started_at) > FRESH_MS {
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

    let mut batch = caller.batch();
    batch.expect(Guard::MfaDisabled, mfa::put_pending(&id, &user.id, sealed, app.now()));
    let written = match proof {
        Some(proof) => proof.carry_out(&app, batch).await,
        None => batch.run(&app).await.map_err(StepUpError::Effects),
    };
    match written {
        Err(StepUpError::Effects(BatchError::Guard(Guard::MfaDisabled))) => return Err(already_enabled()),
        written => written?,
    };
    Ok(Answer(TotpEnrolment { secret: secret.base32(), otpauth_uri: uri, qr_svg }))
}

/// What confirms a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TotpConfirmRequest)]
pub struct ConfirmBody {
    /// 6 digits; spaces do not matter.
    #[schema(value_type = String, min_length = 6, max_length = 64, example = "492039")]
    code: Secret,
}

/// Puts the second factor in force with a first code.
///
/// From then on a login asks for a code. The answer has the recovery codes, this once.
#[utoipa::path(
    post,
    path = "/api/v1/auth/mfa/totp/confirm",
    operation_id = "confirmTotp",
    tag = "Accounts",
    security(("accessToken" = [])),
    params(IdempotencyKey),
    request_body = ConfirmBody,
    responses(
        (status = 200, description = "In force, with recovery codes that are shown this once.", body = RecoveryCodes),
        (status = 403, response = ForbiddenCode),
        (status = 409, response = ConflictRecoveryCodes),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn confirm(
    State(app): State<App>,
    caller: ClaimedSession,
    Idempotent(request, Json(body)): Idempotent<Json<ConfirmBody>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Session(&caller), |claim| put_in_force(&app, &caller, body, claim)).await
}

async fn put_in_force(
    app: &App,
    caller: &ClaimedSession,
    body: ConfirmBody,
    claim: Claim,
) -> Result<Fulfilled, ApiError> {
    let (user, pending) = second_factor(app, caller).await?;
    let totp = pending.totp.filter(|totp| !totp.confirmed).ok_or_else(not_enabled)?;
    let (secret, now, throttle) = (open(app, &totp)?, app.now(), code_throttle(app, caller));
    let step = TotpCode::parse(body.code.expose()).and_then(|code| secret.matching_step(code, now, totp.last_step));
    let Some(step) = step else {
        return Err(failed(app, caller, &throttle, "totp").await);
    };

    let codes = NewCodes::new(app);
    let reply = codes.reply()?;
    let mut batch = caller.batch();
    batch.expect(Guard::MfaPending, mfa::confirm(&totp.id, step, now));
    throttle.reserve(&mut batch);
    batch.push(mfa::set_enabled(&user.id, now));
    batch.push(throttle.succeeded());
    batch.push(caller.event(app, SecurityEventName::MfaEnabled, json!({ "method": "totp" })));
    batch.push(mail::notice(app, Notice::MfaEnabled)?.to(&user.email, Some(&user.id)));
    codes.replace(&mut batch, &user.id, now);
    let confirmed = claim.fulfil(&mut batch, app, reply)?;
    match batch.run(app).await {
        Ok(_) => {}
        Err(BatchError::Guard(Guard::MfaPending)) => return Err(not_enabled()),
        Err(BatchError::Guard(Guard::GuessAllowed)) => return Err(throttle.refused(app).await),
        Err(error) => return Err(error.into()),
    }
    mail::deliver_in_background(app);
    Ok(confirmed)
}

/// Removes the second factor.
///
/// Asks for the password and for a code of the second factor.
#[utoipa::path(
    delete,
    path = "/api/v1/auth/mfa/totp",
    operation_id = "disableTotp",
    tag = "Accounts",
    security(("accessToken" = [])),
    request_body = StepUp,
    responses(
        (status = 204, description = "Removed, with its recovery codes."),
        (status = 403, response = ForbiddenSecondFactor),
        (status = 409, response = ConflictSecondFactor),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn disable(
    State(app): State<App>,
    caller: ClaimedSession,
    Json(body): Json<StepUp>,
) -> Result<StatusCode, ApiError> {
    let proof = step_up::check_second_factor(&app, &caller, &body.password, body.code.as_ref()).await?;
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    batch.push(mfa::remove(user_id));
    batch.push(mfa::set_enabled(user_id, app.now()));
    batch.push(mfa::forget_recovery_codes(user_id));
    batch.push(mfa::forget_challenges(user_id));
    batch.push(caller.event(&app, SecurityEventName::MfaDisabled, json!({ "methods": proof.methods() })));
    let notice = mail::notice(&app, Notice::MfaDisabled)?;
    batch.push(notice.to(&proof.user.email, Some(&proof.user.id)));
    proof.carry_out(&app, batch).await?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}

fn already_enabled() -> ApiError {
    ApiError::new(MFA_ALREADY_ENABLED, "remove the second factor first")
}
