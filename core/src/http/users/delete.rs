use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{Secret, SecurityEventName},
    http::{
        client::Client,
        credentials::ClaimedSession,
        key_changes,
        openapi::{ForbiddenSecondFactor, TooManyGuesses},
        problem::ApiError,
        request::Json,
        step_up,
    },
    mail::{self, EmailTemplate},
    store::{api_keys, audit, idempotency, outbox, users},
};

/// Who deletes their account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeleteAccountRequest)]
pub struct Body {
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

/// Deletes the caller's account.
///
/// Sessions, keys and everything else that is theirs goes with it. What they published stays without a name; security
/// events are kept without personal data.
#[utoipa::path(
    delete,
    path = "/api/v1/users/me",
    operation_id = "deleteMe",
    tag = "User",
    security(("accessToken" = [])),
    request_body = Body,
    responses(
        (status = 204, description = "The account is gone."),
        (status = 403, response = ForbiddenSecondFactor),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Json(body): Json<Body>,
) -> Result<StatusCode, ApiError> {
    // Steps that can fail come before the check of the password, whose guess would otherwise be lost.
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let keys = batch.push(api_keys::live_hashes(user_id, app.now()));
    let (_, mut answers) = batch.read(&app).await?;
    let invalidated = answers.take(keys)?;
    key_changes::invalidate(&app, &invalidated).await?;
    let proof = step_up::check_both(&app, &caller, &body.password, body.code.as_ref()).await?;
    let mut effects = caller.batch();
    let keys = effects.push(api_keys::live_hashes(user_id, app.now()));
    effects.push(audit::wipe(user_id));
    effects.push(Client::nobody().event(&app, SecurityEventName::AccountDeleted, json!({})).of(user_id, Some(user_id)));
    effects.push(outbox::delete_of_user(user_id));
    effects.push(mail::queue(&app, &EmailTemplate::AccountDeleted)?.to_if_deliverable(&proof.user.email));
    effects.push(users::delete(user_id));
    effects.extend(idempotency::forget(user_id));
    let mut answers = proof.carry_out(&app, effects).await?;
    key_changes::invalidate_others(&app, answers.take(keys)?, &invalidated).await?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}
