use axum::{Json as Answer, extract::State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{VERIFICATION_SECONDS, random_token};
use crate::{
    app::App,
    domain::account::{self, Email},
    http::{
        limits::{Limited, Resend},
        problem::ApiError,
        request::Json,
    },
    mail::{self, Letter},
    ports::Statement,
    store::users,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    email: String,
}

/// Mails a new link where the address still wants verifying; answers the same in any case.
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Resend>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, Answer<Value>), ApiError> {
    let email = Email::parse(&body.email).map_err(|refusal| ApiError::invalid_member("/email", refusal))?;

    let token = random_token(&app);
    let (now, token_hash) = (app.now(), account::token_hash(token.expose()));
    let verify = Letter::VerifyEmail { token: token.expose().to_owned(), at: now.to_string() };
    let batch = vec![
        Statement::new(users::ADD_ANOTHER_VERIFICATION)
            .bind(email.as_str())
            .bind(token_hash)
            .bind(now)
            .bind(now.plus_seconds(VERIFICATION_SECONDS))
            .bind(client.network()),
        mail::queue(&app, &verify)?.to_account(email.as_str(), Some(false)),
        client.event(&app, "verification_requested", json!({})).of_address(email.as_str()),
    ];
    app.database().batch(batch).await?;
    mail::deliver_in_background(&app);

    Ok((StatusCode::ACCEPTED, Answer(json!({ "status": "verification_required", "email": email.as_str() }))))
}
