//! Forgotten and changed passwords.

use axum::{
    Json as Answer,
    body::Body as HttpBody,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use maud::html;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    RESET_SECONDS,
    links::{DeadLink, Link, LinkParameters, form_page, log_in_link, password_field, read_form, refusal, refused_page},
    random_token,
};
use crate::{
    app::App,
    domain::{
        Secret, SecurityEventName, ValidationError,
        account::{self, ChosenPassword, Email},
    },
    http::{
        client::Client,
        credentials::ClaimedSession,
        limits::{Limited, Resend},
        openapi::{ForbiddenPassword, InvalidLink, RateLimited, TooManyGuesses},
        page::html_page,
        passwords::{self, NewPasswordError},
        problem::ApiError,
        request::{Json, Query},
        step_up,
    },
    mail::{self, EmailTemplate, Notice},
    store::{
        Batch, Guard,
        links::{self, NewLink, Purpose},
        login_throttle, sessions, undeliverable,
        users::{self, User},
    },
};

/// Where to send the link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ForgotPasswordRequest)]
pub struct ForgottenBody {
    #[schema(value_type = Email)]
    email: String,
}

/// That a link was asked for; the same whether or not the address has an account.
#[derive(Serialize, ToSchema)]
pub struct ResetRequested {
    #[schema(inline)]
    status: ResetStatus,
    email: Email,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ResetStatus {
    ResetRequested,
}

/// Sends a link to set a new password.
///
/// The link is mailed where the address has an account; the answer is the same in any case.
#[utoipa::path(
    post,
    path = "/api/v1/auth/password/forgot",
    operation_id = "forgotPassword",
    tag = "Accounts",
    request_body = ForgottenBody,
    responses(
        (
            status = 202,
            description = "Always, whatever the address.",
            body = ResetRequested,
            headers(("RateLimit"), ("RateLimit-Policy")),
        ),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn forgot(
    State(app): State<App>,
    Limited { client, .. }: Limited<Resend>,
    Json(body): Json<ForgottenBody>,
) -> Result<(StatusCode, Answer<ResetRequested>), ApiError> {
    let email = Email::parse(&body.email).map_err(|refusal| ApiError::invalid_member("/email", refusal))?;
    let (token, now) = (random_token(&app), app.now());
    let template = EmailTemplate::ResetPassword { token: token.expose().to_owned() };
    let link = NewLink {
        hash: account::token_hash(token.expose()),
        created_at: now,
        expires_at: now.plus_seconds(RESET_SECONDS),
    };
    let mut batch = Batch::new();
    batch.push(links::add_reset(email.as_str(), &link));
    batch.push(mail::queue(&app, &template)?.to_if_changed(email.as_str(), None));
    batch.push(client.event(&app, SecurityEventName::PasswordResetRequested, json!({})).of_address(email.as_str()));
    batch.run(app.database()).await?;
    mail::deliver_in_background(&app);
    Ok((StatusCode::ACCEPTED, Answer(ResetRequested { status: ResetStatus::ResetRequested, email })))
}

/// What sets a new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ResetPasswordRequest)]
pub struct ResetBody {
    /// The secret of the link, from the mail.
    #[schema(min_length = 1, max_length = 512, example = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs")]
    token: String,
    password: ChosenPassword,
}

/// Sets a new password with the link from the mail.
///
/// The link works once; a refused password leaves it usable. Every session ends, and the address counts as verified. A
/// second factor stays.
#[utoipa::path(
    post,
    path = "/api/v1/auth/password/reset",
    operation_id = "resetPassword",
    tag = "Accounts",
    request_body = ResetBody,
    responses((status = 204, description = "The password is set."), (status = 400, response = InvalidLink)),
)]
pub async fn reset(
    State(app): State<App>,
    client: Client,
    Json(body): Json<ResetBody>,
) -> Result<StatusCode, ApiError> {
    reset_password(&app, &client, &body).await.map_err(|error| error.at("/password"))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset_password(app: &App, client: &Client, body: &ResetBody) -> Result<(), NewPasswordError> {
    let link = Link::new(&body.token, Purpose::ResetPassword);
    let user = link.person(app).await?;
    let (hash, now) = (new_password(app, &body.password, &user).await?, app.now());
    let mut batch = Batch::new();
    batch.push(users::reset_password(&link.hash, &hash, now));
    batch.push(undeliverable::verified(&link.hash, now));
    batch.push(links::end_of_link(&link.hash, now));
    batch.push(sessions::end_of_link(&link.hash, "password_reset", now));
    batch.push(link.event(app, client, SecurityEventName::PasswordReset));
    batch.push(mail::notice(app, Notice::PasswordChanged)?.to_person_of_token(&link.hash));
    if client.address.is_some() {
        // A person whom strangers' guesses delay gets in from this network again.
        batch.push(login_throttle::remember_network_of_link(&link.hash, &client.network(), now));
    }
    link.use_once(app, batch).await.map_err(refusal)?;
    mail::deliver_in_background(app);
    Ok(())
}

/// Hashes a password that this person may set.
async fn new_password(app: &App, password: &ChosenPassword, user: &User) -> Result<Secret, NewPasswordError> {
    let email = Email::parse(&user.email).ok();
    let password = account::new_password(&password.0, email.as_ref(), user.full_name.as_deref());
    passwords::hash_new(app, password.map_err(NewPasswordError::Refused)?).await
}

/// Shows a page with a form that sets a new password.
///
/// Reading it consumes nothing, so a mail scanner does no harm.
#[utoipa::path(
    get,
    path = "/api/v1/auth/reset-password",
    operation_id = "resetPasswordPage",
    tag = "Accounts",
    params(LinkParameters),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn page(Query(query): Query<LinkParameters>) -> Response {
    password_page(StatusCode::OK, &query.token, None)
}

fn password_page(status: StatusCode, token: &str, refusal: Option<&ValidationError>) -> Response {
    let content = html! {
        (password_field("New password, at least 8 characters", "new-password", refusal.map(|refusal| refusal.detail.as_str())))
        p { "Every session of yours ends: log in anew afterwards." }
    };
    form_page(status, "Choose a new password", "/api/v1/auth/reset-password/confirm", token, &content, "Set password")
}

/// Uses the link, for the page's form.
///
/// Answers with a page.
#[utoipa::path(
    post,
    path = "/api/v1/auth/reset-password/confirm",
    operation_id = "confirmResetPassword",
    tag = "Accounts",
    request_body(content = ResetBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        DeadLink,
        (status = 200, description = "It is done: a page that says so.", content_type = "text/html", body = String),
        (
            status = 422,
            description = "The password is refused: the form again, which says why.",
            content_type = "text/html",
            body = String,
        ),
    ),
)]
pub async fn confirm(State(app): State<App>, client: Client, request: Request<HttpBody>) -> Result<Response, ApiError> {
    let form = read_form::<ResetBody>(request).await?;
    match reset_password(&app, &client, &form).await {
        Ok(()) => Ok(html_page(
            StatusCode::OK,
            "Password set",
            &html! { p { "You can log in with your new password now." } p { (log_in_link()) } },
        )),
        Err(NewPasswordError::Refused(refusal)) => {
            Ok(password_page(StatusCode::UNPROCESSABLE_ENTITY, &form.token, Some(&refusal)))
        }
        Err(NewPasswordError::Other(error)) => refused_page(error),
    }
}

/// The present password, and the one that takes its place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ChangePasswordRequest)]
pub struct ChangeBody {
    #[schema(
        value_type = String,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    current_password: Secret,
    new_password: ChosenPassword,
    /// Whether every other session ends.
    #[serde(default = "yes")]
    #[schema(default = true)]
    revoke_other_sessions: bool,
}

fn yes() -> bool {
    true
}

/// Changes the password.
///
/// Unless asked not to, every other session ends.
#[utoipa::path(
    post,
    path = "/api/v1/auth/password/change",
    operation_id = "changePassword",
    tag = "Accounts",
    security(("accessToken" = [])),
    request_body = ChangeBody,
    responses(
        (status = 204, description = "The password is changed."),
        (status = 403, response = ForbiddenPassword),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn change(
    State(app): State<App>,
    caller: ClaimedSession,
    Json(body): Json<ChangeBody>,
) -> Result<StatusCode, ApiError> {
    let proof = step_up::check_password(&app, &caller, &body.current_password).await?;
    let hash = match new_password(&app, &body.new_password, &proof.user).await {
        Ok(hash) => hash,
        Err(error) => {
            proof.release().await?;
            return Err(error.at("/newPassword"));
        }
    };

    let mut batch = caller.batch();
    let (user, user_id, now) = (&proof.user, batch.user_id(), app.now());
    let change = users::change_password(user_id, user.password_hash.as_ref(), &hash, now);
    batch.expect(Guard::PasswordUnchanged, change);
    batch.push(links::end_of_user(user_id, now));
    let details = json!({ "otherSessionsEnded": body.revoke_other_sessions });
    batch.push(caller.event(&app, SecurityEventName::PasswordChanged, details));
    batch.push(mail::notice(&app, Notice::PasswordChanged)?.to(&user.email, Some(user_id)));
    if body.revoke_other_sessions {
        let current = batch.session_id();
        batch.push(sessions::end_others(user_id, Some(current), "password_changed", now));
    }
    proof.carry_out(&app, batch).await?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}
