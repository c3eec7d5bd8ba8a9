use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    domain::{
        Secret, ValidationError,
        account::{self, Email},
    },
    http::{
        auth::{VERIFICATION_SECONDS, random_token},
        credentials::ClaimedSession,
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        limits::{Limited, Resend},
        problem::ApiError,
        request::{Json, Validator},
        step_up,
    },
    mail::{self, EmailTemplate, Notice},
    store::users::{self, NewAddress},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    new_email: String,
    password: Secret,
    code: Option<Secret>,
}

/// Mails a link to the new address, which moves the account there, and a notice to the old one. An address that has
/// an account, or is kept for one, answers the same: its owner is told.
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
        let refusal = ValidationError::new("unchanged", "this is the address of the account already");
        return Err(ApiError::invalid_member("/newEmail", refusal));
    }

    let answer = json!({ "status": "confirmation_required", "email": new_email.as_str() });
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
    effects.push(caller.event(app, "email_change_requested", json!({})));
    let asked = claim.fulfil(&mut effects, app, reply)?;
    proof.carry_out(app, effects).await?;
    mail::deliver_in_background(app);
    Ok(asked)
}
