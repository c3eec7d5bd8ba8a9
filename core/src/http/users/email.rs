use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{
        Secret, SecurityEventName, ValidationError, ValidationErrorCode,
        account::{self, Email},
    },
    http::{
        auth::{VERIFICATION_SECONDS, random_token},
        credentials::ClaimedSession,
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        limits::{Limited, Resend},
        openapi::{ForbiddenSecondFactor, IdempotencyKey, TooManyAttempts},
        problem::ApiError,
        request::{Json, Validator},
        step_up,
    },
    mail::{self, EmailTemplate, Notice},
    store::users::{self, NewAddress},
};

/// Where the account shall move.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ChangeEmailRequest)]
pub struct Body {
    #[schema(value_type = Email)]
    new_email: String,
    #[schema(
        value_type = String,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    password: Secret,
    /// Of the second factor: 6 digits, or a recovery code. Required where one is set up, else ignored.
    #[schema(value_type = Option<String>, min_length = 6, max_length = 64, example = "492039")]
    code: Option<Secret>,
}

/// That the new address has to be confirmed; the same whether or not it has an account.
#[derive(Serialize, ToSchema)]
pub struct ConfirmationRequired {
    #[schema(inline)]
    status: ConfirmationStatus,
    /// The new address.
    email: Email,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ConfirmationStatus {
    ConfirmationRequired,
}

/// Asks to change the address.
///
/// A link that moves the account is mailed to the new address, and a notice to the present one. The answer is the same
/// when the address is taken, or kept for an account that has just left it: its owner gets a mail saying so. Once the
/// address is confirmed, the one before it gets a link that undoes the change for 72 hours.
#[utoipa::path(
    post,
    path = "/api/v1/users/me/email",
    operation_id = "changeEmail",
    tag = "User",
    security(("accessToken" = [])),
    params(IdempotencyKey),
    request_body = Body,
    responses(
        (
            status = 202,
            description = "A link is on its way to the new address.",
            body = ConfirmationRequired,
            headers(("RateLimit"), ("RateLimit-Policy")),
        ),
        (status = 403, response = ForbiddenSecondFactor),
        (status = 429, response = TooManyAttempts),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    _: Limited<Resend>,
    caller: ClaimedSession,
    Idempotent(request, Json(body)): Idempotent<Json<Body>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Session(&caller), |claim| ask(&app, &caller, body, claim)).await
}

async fn ask(app: &App, caller: &ClaimedSession, body: Body, claim: Claim) -> Result<Fulfilled, ApiError> {
    let mut validator = Validator::default();
    let new_email = validator.check("/newEmail", Email::parse(&body.new_email));
    validator.finish()?;
    let new_email = new_email.ok_or_else(|| ApiError::internal("a validated request lacks a member"))?;
    let proof = step_up::check_both(app, caller, &body.password, body.code.as_ref()).await?;
    if proof.user.email == new_email.as_str() {
        proof.release().await?;
        let refusal =
            ValidationError::new(ValidationErrorCode::Unchanged, "this is the address of the account already");
        return Err(ApiError::invalid_member("/newEmail", refusal));
    }

    let answer = ConfirmationRequired { status: ConfirmationStatus::ConfirmationRequired, email: new_email.clone() };
    let reply = Reply::json(StatusCode::ACCEPTED, &answer)?;
    let (token, now) = (random_token(app), app.now());
    let confirm = EmailTemplate::ConfirmEmail { token: token.expose().to_owned() };
    let mut effects = caller.batch();
    let user_id = effects.user_id();
    let new_address = NewAddress {
        user_id,
        email: new_email.as_str(),
        token_hash: account::token_hash(token.expose()),
        now,
        expires: now.plus_seconds(VERIFICATION_SECONDS),
    };
    effects.push(users::end_new_addresses(user_id, now));
    effects.push(users::add_new_address(new_address));
    effects.push(mail::queue(app, &confirm)?.to_if_changed(new_email.as_str(), Some(user_id)));
    effects.push(mail::queue(app, &EmailTemplate::AddressHasAccount)?.to_account(new_email.as_str(), Some(true)));
    effects.push(mail::queue(app, &EmailTemplate::AddressReserved)?.to_reserved(new_email.as_str(), Some(user_id)));
    effects.push(mail::notice(app, Notice::EmailChangeRequested)?.to(&proof.user.email, Some(user_id)));
    effects.push(caller.event(app, SecurityEventName::EmailChangeRequested, json!({})));
    let asked = claim.fulfil(&mut effects, app, reply)?;
    proof.carry_out(app, effects).await?;
    mail::deliver_in_background(app);
    Ok(asked)
}
