//! Forgotten and changed passwords.

use axum::{
    Json as Answer,
    body::Body as HttpBody,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use maud::html;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    RESET_SECONDS,
    links::{Followed, Link, form_page, password_field, read_form, refused_page},
    random_token,
};
use crate::{
    app::App,
    domain::{
        Secret,
        account::{self, Email, Refusal},
    },
    http::{
        client::Client,
        credentials::Person,
        limits::{Limited, Resend},
        page::html_page,
        passwords,
        problem::ApiError,
        request::{Json, Query},
        step_up,
    },
    mail::{self, Letter, Notice},
    ports::Statement,
    store::{
        EXPECT_ONE_CHANGE, guesses, sessions,
        users::{self, User},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgottenBody {
    email: String,
}

/// Mails a reset link where the address has an account; answers the same in any case.
pub async fn forgot(
    State(app): State<App>,
    Limited { client, .. }: Limited<Resend>,
    Json(body): Json<ForgottenBody>,
) -> Result<(StatusCode, Answer<Value>), ApiError> {
    let email = Email::parse(&body.email).map_err(|refusal| ApiError::invalid_member("/email", refusal))?;
    let (token, now) = (random_token(&app), app.now());
    let letter = Letter::ResetPassword { token: token.expose().to_owned() };
    let add = Statement::new(users::ADD_TOKEN)
        .bind(email.as_str())
        .bind(account::token_hash(token.expose()))
        .bind("reset_password")
        .bind(now)
        .bind(now.plus_seconds(RESET_SECONDS));
    let batch = vec![
        add,
        mail::queue(&app, &letter)?.to_if_changed(email.as_str(), None),
        client.event(&app, "password_reset_requested", json!({})).of_address(email.as_str()),
    ];
    app.database().batch(batch).await?;
    mail::deliver_in_background(&app);
    Ok((StatusCode::ACCEPTED, Answer(json!({ "status": "reset_requested", "email": email.as_str() }))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResetBody {
    token: String,
    password: Secret,
}

/// Uses a reset link, once: sets the password and ends every session.
pub async fn reset(
    State(app): State<App>,
    client: Client,
    Json(body): Json<ResetBody>,
) -> Result<StatusCode, ApiError> {
    match reset_password(&app, &client, &body).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(refusal) => Err(ApiError::invalid_member("/password", refusal)),
    }
}

async fn reset_password(app: &App, client: &Client, body: &ResetBody) -> Result<Result<(), Refusal>, ApiError> {
    let link = Link::new(&body.token, "reset_password");
    let user = link.person(app).await?;
    let hash = match new_password(app, &body.password, &user).await? {
        Ok(hash) => hash,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let now = app.now();
    let mut effects = vec![
        link.statement(users::RESET_PASSWORD).bind(now).bind(hash.expose()),
        link.statement(users::END_TOKENS_OF_TOKEN).bind(now),
        link.statement(sessions::END_OF_TOKEN).essential().bind(now).bind("password_reset"),
        link.event(app, client, "password_reset"),
        mail::notice(app, Notice::PasswordChanged)?.to_person_of_token(&link.hash),
    ];
    if client.address.is_some() {
        // Whoever strangers keep waiting gets in from here again.
        effects.push(link.statement(guesses::REMEMBER_NETWORK_OF_TOKEN).bind(client.network()).bind(now));
    }
    link.use_once(app, effects).await??;
    mail::deliver_in_background(app);
    Ok(Ok(()))
}

/// The hash of a password that this person may set, or why they may not.
async fn new_password(app: &App, password: &Secret, user: &User) -> Result<Result<Secret, Refusal>, ApiError> {
    let email = Email::parse(&user.email).ok();
    let password = match account::new_password(password, email.as_ref(), user.full_name.as_deref()) {
        Ok(password) => password,
        Err(refusal) => return Ok(Err(refusal)),
    };
    passwords::hash_new(app, password).await
}

/// The page that a reset link leads to where there is no front end.
pub async fn page(Query(query): Query<Followed>) -> Response {
    password_page(StatusCode::OK, &query.token, None)
}

fn password_page(status: StatusCode, token: &str, refusal: Option<&Refusal>) -> Response {
    let content = html! {
        (password_field("New password, at least 8 characters", "new-password", refusal.map(|refusal| refusal.detail.as_str())))
        p { "Every session of yours ends: log in anew afterwards." }
    };
    form_page(status, "Choose a new password", "/api/v1/auth/reset-password/confirm", token, &content, "Set password")
}

/// What the page's button sends.
pub async fn confirm(State(app): State<App>, client: Client, request: Request<HttpBody>) -> Result<Response, ApiError> {
    let form = read_form::<ResetBody>(request).await?;
    match reset_password(&app, &client, &form).await {
        Ok(Ok(())) => {
            Ok(html_page(StatusCode::OK, "Password set", &html! { p { "You can log in with your new password now." } }))
        }
        Ok(Err(refusal)) => Ok(password_page(StatusCode::UNPROCESSABLE_ENTITY, &form.token, Some(&refusal))),
        Err(error) => refused_page(error),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ChangeBody {
    current_password: Secret,
    new_password: Secret,
    #[serde(default = "yes")]
    revoke_other_sessions: bool,
}

fn yes() -> bool {
    true
}

/// Sets another password, where the present one is given.
pub async fn change(
    State(app): State<App>,
    person: Person,
    Json(body): Json<ChangeBody>,
) -> Result<StatusCode, ApiError> {
    let proof = step_up::check_password(&app, &person, &body.current_password).await?;
    let hash = new_password(&app, &body.new_password, &proof.user).await;
    let hash = hash.and_then(|hash| hash.map_err(|refusal| ApiError::invalid_member("/newPassword", refusal)));
    let hash = match hash {
        Ok(hash) => hash,
        Err(error) => {
            proof.release().await?;
            return Err(error);
        }
    };

    let (user_id, now) = (person.user_id.as_str(), app.now());
    let mut effects = vec![
        Statement::new(users::CHANGE_PASSWORD)
            .bind(user_id)
            .bind(proof.user.password_hash.as_ref().map(Secret::expose))
            .bind(hash.expose())
            .bind(now),
        Statement::new(EXPECT_ONE_CHANGE),
        Statement::new(users::END_TOKENS).bind(user_id).bind(now),
        person.event(&app, "password_changed", json!({ "otherSessionsEnded": body.revoke_other_sessions })),
        mail::notice(&app, Notice::PasswordChanged)?.to(&proof.user.email, Some(user_id)),
    ];
    if body.revoke_other_sessions {
        effects.push(sessions::end_others(user_id, Some(&person.session_id), "password_changed", now));
    }
    proof.carry_out(&app, &person, effects).await?;
    mail::deliver_in_background(&app);
    Ok(StatusCode::NO_CONTENT)
}
