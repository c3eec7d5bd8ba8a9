use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::StepUp;
use crate::{
    app::App,
    domain::{
        SecurityEventName, Timestamp, UserId,
        recovery_code::{CODES, RecoveryCode},
    },
    http::{
        credentials::ClaimedSession,
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        openapi::{ConflictRecoveryCodes, ForbiddenSecondFactor, IdempotencyKey, TooManyGuesses},
        problem::ApiError,
        request::Json,
        step_up,
    },
    mail::{self, Notice},
    store::{Batch, mfa},
};

/// New recovery codes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodes {
    /// Each is good for one login. Shown this once.
    #[schema(
        value_type = BTreeSet<RecoveryCode>,
        min_items = 10,
        max_items = 10,
        example = json!([
            "012345-6789ab-cdefgh-jkmnpq", "123456-789abc-defghj-kmnpq0", "234567-89abcd-efghjk-mnpq01",
            "345678-9abcde-fghjkm-npq012", "456789-abcdef-ghjkmn-pq0123", "56789a-bcdefg-hjkmnp-q01234",
            "6789ab-cdefgh-jkmnpq-012345", "789abc-defghj-kmnpq0-123456", "89abcd-efghjk-mnpq01-234567",
            "9abcde-fghjkm-npq012-345678"
        ])
    )]
    recovery_codes: Vec<String>,
}

/// New recovery codes that nobody has seen yet.
pub struct NewCodes(Vec<RecoveryCode>);

impl NewCodes {
    /// Generates the codes.
    pub fn new(app: &App) -> Self {
        Self((0..CODES).map(|_| RecoveryCode::from_random(app.random())).collect())
    }

    /// Replaces the person's recovery codes by these, in a batch.
    pub fn replace(&self, batch: &mut Batch, user_id: &UserId, now: Timestamp) {
        batch.push(mfa::forget_recovery_codes(user_id));
        batch.push(mfa::add_recovery_codes(user_id, self.0.iter().map(RecoveryCode::hash), now));
    }

    /// Creates the only answer that shows the codes.
    ///
    /// # Errors
    /// As [`Reply::json`].
    pub fn reply(&self) -> Result<Reply, ApiError> {
        let recovery_codes = self.0.iter().map(|code| code.grouped().expose().to_owned()).collect();
        Reply::json(StatusCode::OK, &RecoveryCodes { recovery_codes })
    }
}

/// Makes new recovery codes.
///
/// Asks for the password and for a code of the second factor. The earlier recovery codes are dead.
#[utoipa::path(
    post,
    path = "/api/v1/auth/mfa/recovery-codes",
    operation_id = "createRecoveryCodes",
    tag = "Accounts",
    security(("accessToken" = [])),
    params(IdempotencyKey),
    request_body = StepUp,
    responses(
        (status = 200, description = "The codes, shown this once.", body = RecoveryCodes),
        (status = 403, response = ForbiddenSecondFactor),
        (status = 409, response = ConflictRecoveryCodes),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn create(
    State(app): State<App>,
    caller: ClaimedSession,
    Idempotent(request, Json(body)): Idempotent<Json<StepUp>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Session(&caller), |claim| replace(&app, &caller, body, claim)).await
}

async fn replace(app: &App, caller: &ClaimedSession, body: StepUp, claim: Claim) -> Result<Fulfilled, ApiError> {
    let proof = step_up::check_second_factor(app, caller, &body.password, body.code.as_ref()).await?;
    let codes = NewCodes::new(app);
    let reply = codes.reply()?;
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    codes.replace(&mut batch, user_id, app.now());
    batch.push(caller.event(app, SecurityEventName::RecoveryCodesCreated, json!({ "methods": proof.methods() })));
    let notice = mail::notice(app, Notice::RecoveryCodesReplaced)?;
    batch.push(notice.to(&proof.user.email, Some(&proof.user.id)));
    let replaced = claim.fulfil(&mut batch, app, reply)?;
    proof.carry_out(app, batch).await?;
    mail::deliver_in_background(app);
    Ok(replaced)
}
