use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{VERIFICATION_SECONDS, random_token};
use crate::{
    app::App,
    domain::{
        Secret,
        account::{self, Email},
    },
    http::{
        client::Client,
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        limits::{Limited, Register},
        passwords,
        problem::ApiError,
        request::{Json, Validator},
    },
    mail::{self, EmailTemplate},
    store::{
        Batch,
        links::{self, NewLink},
        users::{self, Registration},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    email: String,
    password: Secret,
    full_name: Option<String>,
}

/// Registers an address. The answer, and the time it takes, are the same whether or not it has an account: one
/// hash and one batch, in which SQL decides what is written and whom to mail. What is chosen here waits with the link of
/// this registration; nothing of it is put into the mail, since a stranger may have chosen it.
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Register>,
    Idempotent(request, Json(body)): Idempotent<Json<Body>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Network(&client), |claim| register(&app, &client, body, claim)).await
}

async fn register(app: &App, client: &Client, body: Body, claim: Claim) -> Result<Fulfilled, ApiError> {
    let mut validator = Validator::default();
    let email = validator.check("/email", Email::parse(&body.email));
    let name = body.full_name.as_deref().and_then(|name| validator.check("/fullName", account::full_name(name)));
    let password = account::new_password(&body.password, email.as_ref(), name.as_deref());
    let password = validator.check("/password", password);
    validator.finish()?;
    let (Some(email), Some(password)) = (email, password) else {
        return Err(ApiError::internal("a validated registration lacks a member"));
    };

    let hash = passwords::hash_new(app, password).await?;
    let hash = hash.map_err(|refusal| ApiError::invalid_member("/password", refusal))?;
    let answer = json!({ "status": "verification_required", "email": email.as_str() });
    let reply = Reply::json(StatusCode::ACCEPTED, &answer)?;
    let token = random_token(app);
    let now = app.now();
    let verify = EmailTemplate::VerifyEmail { token: token.expose().to_owned(), at: now.to_string() };

    let registration = Registration {
        id: &app.new_id().into(),
        email: email.as_str(),
        password_hash: &hash,
        full_name: name.as_deref(),
        network: &client.network(),
        link: NewLink {
            hash: account::token_hash(token.expose()),
            created_at: now,
            expires_at: now.plus_seconds(VERIFICATION_SECONDS),
        },
    };
    let mut batch = Batch::new();
    batch.push(users::register(&registration));
    batch.push(links::add_verification(&registration));
    batch.push(client.event(app, "account_registered", json!({})).of_address_if_unproved(email.as_str()));
    batch.push(mail::queue(app, &verify)?.to_account(email.as_str(), Some(false)));
    batch.push(mail::queue(app, &EmailTemplate::AlreadyRegistered)?.to_account(email.as_str(), Some(true)));
    batch.push(mail::queue(app, &EmailTemplate::AddressReserved)?.to_reserved(email.as_str(), None));
    let registered = claim.fulfil(&mut batch, app, reply)?;
    batch.run(app.database()).await?;
    mail::deliver_in_background(app);
    Ok(registered)
}
