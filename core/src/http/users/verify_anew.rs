use axum::{Json as Answer, extract::State};
use http::StatusCode;
use serde_json::json;

use super::account_gone;
use crate::{
    app::App,
    domain::{SecurityEventName, account},
    http::{
        auth::{VERIFICATION_SECONDS, random_token},
        credentials::ClaimedSession,
        limits::{Limited, Resend},
        openapi::RateLimited,
        problem::ApiError,
        user_body::UserBody,
    },
    mail::{self, EmailTemplate},
    store::{
        links::{self, NewLink},
        undeliverable, users,
    },
};

/// Sends a mail that verifies an undeliverable address anew.
///
/// For somebody whose `undeliverable` is not null: one mail is tried all the same, at most once a day, after a complaint
/// too. Once its link is used (`POST /api/v1/auth/verify-email`, with the password of the account), mail is sent again.
/// Where the address is deliverable, and where such a mail was sent within the day, nothing is sent.
#[utoipa::path(
    post,
    path = "/api/v1/users/me/email/verification",
    operation_id = "verifyEmailAnew",
    tag = "User",
    security(("accessToken" = [])),
    responses(
        (
            status = 202,
            description = "The caller as they are now: `undeliverable` tells when the last such mail was asked for.",
            body = UserBody,
            headers(("RateLimit"), ("RateLimit-Policy")),
        ),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    _: Limited<Resend>,
    caller: ClaimedSession,
) -> Result<(StatusCode, Answer<UserBody>), ApiError> {
    let (token, now) = (random_token(&app), app.now());
    let verify = EmailTemplate::VerifyAnew { token: token.expose().to_owned(), at: now.to_string() };
    let link = NewLink {
        hash: account::token_hash(token.expose()),
        created_at: now,
        expires_at: now.plus_seconds(VERIFICATION_SECONDS),
    };
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    batch.push(undeliverable::ask(user_id, now));
    // Each of these is inserted only if the statement before it changed a row.
    batch.push(links::add_anew_if_changed(user_id, &link));
    batch.push(mail::queue(&app, &verify)?.to_person_if_changed(user_id));
    batch.push(caller.event_if_changed(&app, SecurityEventName::VerificationRequested, json!({})));
    let user = batch.push(users::find(user_id));
    let user = batch.run(&app).await?.take(user)?;
    mail::deliver_in_background(&app);
    Ok((StatusCode::ACCEPTED, Answer(user.ok_or_else(account_gone)?.into())))
}
