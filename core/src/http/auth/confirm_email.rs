use axum::{
    Json as Answer,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use maud::html;

use super::{
    links::{
        DeadLink, Link, LinkParameters, Token, VerifiedUser, form_page, log_in_link, read_form, refusal, refused_page,
    },
    random_token,
};
use crate::{
    app::App,
    domain::{SecurityEventName, account},
    http::{
        client::Client,
        openapi::{ConflictAddress, InvalidLink},
        page::html_page,
        problem::{ApiError, EMAIL_TAKEN},
        request::{Json, Query},
    },
    mail::{self, EmailTemplate},
    store::{
        Batch, audit, email_undos,
        links::{self, Purpose},
        undeliverable,
        users::{self, User},
    },
};

/// Confirms the new address.
///
/// The link works once; the account moves to the address that it was mailed to.
#[utoipa::path(
    post,
    path = "/api/v1/auth/confirm-email",
    operation_id = "confirmEmail",
    tag = "Accounts",
    request_body = Token,
    responses(
        (status = 200, description = "The address is changed.", body = VerifiedUser),
        (status = 400, response = InvalidLink),
        (status = 409, response = ConflictAddress),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Token>,
) -> Result<Answer<VerifiedUser>, ApiError> {
    let user = change(&app, &client, &body.token).await?;
    Ok(Answer(user.into()))
}

async fn change(app: &App, client: &Client, token: &str) -> Result<User, ApiError> {
    let (link, now, undo) = (Link::new(token, Purpose::ChangeEmail), app.now(), random_token(app));
    let changed = EmailTemplate::EmailChanged { token: undo.expose().to_owned(), at: now.to_string() };
    let mut batch = Batch::new();
    batch.push(email_undos::expect_free(&link.hash, now));
    // These need the old address, so they come before the change.
    batch.push(email_undos::add(&link.hash, account::token_hash(undo.expose()), now));
    batch.push(mail::queue(app, &changed)?.to_person_of_token(&link.hash));
    batch.push(audit::wipe_unproved(&link.hash));
    batch.push(users::delete_unproved(&link.hash));
    batch.push(users::change_email(&link.hash, now));
    batch.push(undeliverable::verified(&link.hash, now));
    batch.push(undeliverable::left(&link.hash, now));
    batch.push(links::end_of_link(&link.hash, now));
    batch.push(link.event(app, client, SecurityEventName::EmailChanged));
    let user = batch.push(links::person(&link.hash));
    let mut answers = match link.use_once(app, batch).await {
        Err(error) if users::is_email_taken(&error) => return Err(taken()),
        answers => answers.map_err(refusal)?,
    };
    mail::deliver_in_background(app);
    Ok(answers.take(user)?)
}

fn taken() -> ApiError {
    ApiError::new(EMAIL_TAKEN, "somebody has proved in the meantime that it is theirs")
}

/// Shows a page whose button confirms the new address.
///
/// Reading it consumes nothing, so a mail scanner does no harm.
#[utoipa::path(
    get,
    path = "/api/v1/auth/confirm-email",
    operation_id = "confirmEmailPage",
    tag = "Accounts",
    params(LinkParameters),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn page(Query(query): Query<LinkParameters>) -> Response {
    form_page(
        StatusCode::OK,
        "Confirm your new address",
        "/api/v1/auth/confirm-email/confirm",
        &query.token,
        &html! { p { "One click moves your account to this e-mail address." } },
        "Confirm address",
    )
}

/// Uses the link, for the page's button.
///
/// Answers with a page.
#[utoipa::path(
    post,
    path = "/api/v1/auth/confirm-email/confirm",
    operation_id = "confirmConfirmEmail",
    tag = "Accounts",
    request_body(content = Token, content_type = "application/x-www-form-urlencoded"),
    responses(
        DeadLink,
        (status = 200, description = "It is done: a page that says so.", content_type = "text/html", body = String),
        (
            status = 409,
            description = "The address has an account by now: a page that says so.",
            content_type = "text/html",
            body = String,
        ),
    ),
)]
pub async fn confirm(State(app): State<App>, client: Client, request: Request<Body>) -> Result<Response, ApiError> {
    let form = read_form::<Token>(request).await?;
    match change(&app, &client, &form.token).await {
        Ok(user) => Ok(html_page(
            StatusCode::OK,
            "Address confirmed",
            &html! { p { "From now on you log in as " (user.email) "." } p { (log_in_link()) } },
        )),
        Err(ApiError::Problem(problem)) if problem.is(EMAIL_TAKEN) => Ok(html_page(
            StatusCode::CONFLICT,
            "This address has an account already",
            &html! { p { "Somebody has proved in the meantime that it is theirs. Your account stays where it was." } },
        )),
        Err(error) => refused_page(error),
    }
}
