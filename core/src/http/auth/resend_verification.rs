use axum::{Json as Answer, extract::State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{VERIFICATION_SECONDS, random_token, register::VerificationRequired};
use crate::{
    app::App,
    domain::{
        SecurityEventName,
        account::{self, Email},
    },
    http::{
        limits::{Limited, Resend},
        openapi::RateLimited,
        problem::ApiError,
        request::Json,
    },
    mail::{self, EmailTemplate},
    store::{
        Batch,
        links::{self, NewLink},
    },
};

/// Where to send the link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResendVerificationRequest)]
pub struct Body {
    #[schema(value_type = Email)]
    email: String,
}

/// Sends the verification mail again.
///
/// A new link is mailed where the address still has to be verified; the answer is the same in any case.
#[utoipa::path(
    post,
    path = "/api/v1/auth/resend-verification",
    operation_id = "resendVerification",
    tag = "Accounts",
    request_body = Body,
    responses(
        (
            status = 202,
            description = "Always, whatever the address.",
            body = VerificationRequired,
            headers(("RateLimit"), ("RateLimit-Policy")),
        ),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Resend>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, Answer<VerificationRequired>), ApiError> {
    let email = Email::parse(&body.email).map_err(|refusal| ApiError::invalid_member("/email", refusal))?;

    let token = random_token(&app);
    let now = app.now();
    let verify = EmailTemplate::VerifyEmail { token: token.expose().to_owned(), at: now.to_string() };
    let link = NewLink {
        hash: account::token_hash(token.expose()),
        created_at: now,
        expires_at: now.plus_seconds(VERIFICATION_SECONDS),
    };
    let mut batch = Batch::new();
    batch.push(links::add_another_verification(email.as_str(), &client.network(), &link));
    batch.push(mail::queue(&app, &verify)?.to_account(email.as_str(), Some(false)));
    batch.push(client.event(&app, SecurityEventName::VerificationRequested, json!({})).of_address(email.as_str()));
    batch.run(app.database()).await?;
    mail::deliver_in_background(&app);

    Ok((StatusCode::ACCEPTED, Answer(VerificationRequired::of(email))))
}
