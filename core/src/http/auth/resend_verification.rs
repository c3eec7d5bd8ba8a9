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
    mail::{self, EmailTemplate},
    store::{
        Batch,
        links::{self, NewLink},
    },
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
    batch.push(client.event(&app, "verification_requested", json!({})).of_address(email.as_str()));
    batch.run(app.database()).await?;
    mail::deliver_in_background(&app);

    Ok((StatusCode::ACCEPTED, Answer(json!({ "status": "verification_required", "email": email.as_str() }))))
}
