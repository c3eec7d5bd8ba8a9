use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{VERIFICATION_SECONDS, random_token};
use crate::{
    app::App,
    domain::{
        SecurityEventName,
        account::{self, ChosenPassword, Email},
    },
    http::{
        client::Client,
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        limits::{Limited, Register},
        openapi::{IdempotencyKey, RateLimited},
        passwords,
        problem::ApiError,
        request::{Json, Validator},
    },
    mail::{self, EmailTemplate},
    store::{
        Batch,
        links::NewLink,
        registrations::{self, Registration},
    },
};

/// Who registers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = RegisterRequest)]
pub struct Body {
    #[schema(value_type = Email)]
    email: String,
    password: ChosenPassword,
    /// What the person is called: no control characters.
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    full_name: Option<String>,
}

/// That the address has to be verified; the same whether or not it has an account.
#[derive(Serialize, ToSchema)]
pub struct VerificationRequired {
    #[schema(inline)]
    status: VerificationStatus,
    email: Email,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum VerificationStatus {
    VerificationRequired,
}

impl VerificationRequired {
    /// Creates the answer about this address.
    pub fn of(email: Email) -> Self {
        Self { status: VerificationStatus::VerificationRequired, email }
    }
}

/// Registers an address.
///
/// A link to verify the address is mailed, and the account is usable once it is followed. The answer is byte for byte the
/// same for an address that has an account: that account gets a mail saying so.
#[utoipa::path(
    post,
    path = "/api/v1/auth/register",
    operation_id = "register",
    tag = "Accounts",
    params(IdempotencyKey),
    request_body = Body,
    responses(
        (
            status = 202,
            description = "A mail is on its way.",
            body = VerificationRequired,
            headers(("RateLimit"), ("RateLimit-Policy")),
        ),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    Limited { client, .. }: Limited<Register>,
    Idempotent(request, Json(body)): Idempotent<Json<Body>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Network(&client), |claim| register(&app, &client, body, claim)).await
}

/// Registers an address, in the same time whether or not it has an account: one hash and one batch, in which SQL
/// decides what is written and whom to mail. What is chosen here waits with the link of this registration; nothing of
/// it is put into the mail, since a stranger may have chosen it.
async fn register(app: &App, client: &Client, body: Body, claim: Claim) -> Result<Fulfilled, ApiError> {
    let mut validator = Validator::default();
    let email = validator.check("/email", Email::parse(&body.email));
    let name = body.full_name.as_deref().and_then(|name| validator.check("/fullName", account::full_name(name)));
    let password = account::new_password(&body.password.0, email.as_ref(), name.as_deref());
    let password = validator.check("/password", password);
    validator.finish()?;
    let (Some(email), Some(password)) = (email, password) else {
        return Err(ApiError::internal("a validated registration lacks a member"));
    };

    let hash = passwords::hash_new(app, password).await.map_err(|error| error.at("/password"))?;
    let reply = Reply::json(StatusCode::ACCEPTED, &VerificationRequired::of(email.clone()))?;
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
    batch.push(registrations::add(&registration));
    batch.push(registrations::add_link(&registration));
    batch.push(
        client.event(app, SecurityEventName::AccountRegistered, json!({})).of_address_if_unproved(email.as_str()),
    );
    batch.push(mail::queue(app, &verify)?.to_account(email.as_str(), Some(false)));
    batch.push(mail::queue(app, &EmailTemplate::AlreadyRegistered)?.to_account(email.as_str(), Some(true)));
    batch.push(mail::queue(app, &EmailTemplate::AddressReserved)?.to_reserved(email.as_str(), None));
    let registered = claim.fulfil(&mut batch, app, reply)?;
    batch.run(app.database()).await?;
    mail::deliver_in_background(app);
    Ok(registered)
}
