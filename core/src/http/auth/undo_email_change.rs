use axum::{
    Json as Answer,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use maud::html;
use serde_json::json;

use super::{
    RESET_SECONDS,
    links::{DeadLink, LinkParameters, Token, VerifiedUser, form_page, read_form, refusal, refused_page},
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
    mail::{self, EmailTemplate, Notice},
    store::{
        Batch, Guard, email_undos,
        links::{self, NewLink},
        sessions, undeliverable,
        users::{self, User},
    },
};

/// Undoes a change of address.
///
/// The link was mailed to the address before the change, and works for 72 hours, once; so long nobody else can take that
/// address. The account comes back to it; every session ends; every other link dies, and those that undo later changes;
/// the account has no password until one is chosen with the link that is mailed to the restored address; a second factor
/// or recovery codes younger than 72 hours before the change are removed.
#[utoipa::path(
    post,
    path = "/api/v1/auth/undo-email-change",
    operation_id = "undoEmailChange",
    tag = "Accounts",
    request_body = Token,
    responses(
        (status = 200, description = "The account is back at the address.", body = VerifiedUser),
        (status = 400, response = InvalidLink),
        (status = 409, response = ConflictAddress),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Token>,
) -> Result<Answer<VerifiedUser>, ApiError> {
    let user = undo(&app, &client, &body.token).await?;
    Ok(Answer(user.into()))
}

/// Brings the account back, and takes from whoever moved it all that they may hold: sessions, links, the password, and
/// a second factor that is not older than the change by 72 hours. The restored address gets a link to choose a
/// password.
async fn undo(app: &App, client: &Client, token: &str) -> Result<User, ApiError> {
    let (hash, reset, now) = (account::token_hash(token), random_token(app), app.now());
    let link = NewLink {
        hash: account::token_hash(reset.expose()),
        created_at: now,
        expires_at: now.plus_seconds(RESET_SECONDS),
    };
    let choose = EmailTemplate::EmailChangeUndone { token: reset.expose().to_owned(), at: now.to_string() };
    let mut batch = Batch::new();
    batch.expect(Guard::LinkUnused, email_undos::use_once(&hash, now));
    batch.push(email_undos::end_links(&hash, now));
    batch.push(email_undos::add_reset(&hash, &link));
    // This mail goes to the address that loses the account, so it is queued before the change.
    batch.push(mail::notice(app, Notice::EmailChangeUndone)?.to_person_of_token(&link.hash));
    batch.push(email_undos::forget_factor(&hash));
    batch.push(email_undos::forget_recovery_codes(&hash));
    batch.push(email_undos::forget_challenges(&hash));
    batch.push(email_undos::restore(&hash, now));
    batch.push(undeliverable::verified(&link.hash, now));
    batch.push(undeliverable::left(&link.hash, now));
    batch.push(email_undos::end_later(&hash, now));
    batch.push(sessions::end_of_link(&link.hash, "email_change_undone", now));
    batch.push(mail::queue(app, &choose)?.to_person_of_token(&link.hash));
    batch.push(client.event(app, SecurityEventName::EmailChangeUndone, json!({})).of_token(&link.hash));
    let user = batch.push(links::person(&link.hash));
    let mut answers = match batch.run(app.database()).await {
        // Nobody can register the address meanwhile, but an operator may have imported it.
        Err(error) if users::is_email_taken(&error) => {
            return Err(ApiError::new(EMAIL_TAKEN, "ask the operators: another account has this address by now"));
        }
        answers => answers.map_err(refusal)?,
    };
    mail::deliver_in_background(app);
    Ok(answers.take(user)?)
}

/// Shows a page whose button undoes a change of address.
///
/// Reading it consumes nothing, so a mail scanner does no harm.
#[utoipa::path(
    get,
    path = "/api/v1/auth/undo-email-change",
    operation_id = "undoEmailChangePage",
    tag = "Accounts",
    params(LinkParameters),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn page(Query(query): Query<LinkParameters>) -> Response {
    form_page(
        StatusCode::OK,
        "Undo the change of address",
        "/api/v1/auth/undo-email-change/confirm",
        &query.token,
        &html! {
            p { "One click moves your account back to this e-mail address. Every session ends, the password does not work any more, and you get a mail to choose a new one." }
        },
        "Undo the change",
    )
}

/// Uses the link, for the page's button.
///
/// Answers with a page.
#[utoipa::path(
    post,
    path = "/api/v1/auth/undo-email-change/confirm",
    operation_id = "confirmUndoEmailChange",
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
    match undo(&app, &client, &form.token).await {
        Ok(user) => Ok(html_page(
            StatusCode::OK,
            "Your account is back",
            &html! { p { "It is at " (user.email) " again. We have mailed you a link: choose a new password with it." } },
        )),
        Err(ApiError::Problem(problem)) if problem.is(EMAIL_TAKEN) => Ok(html_page(
            StatusCode::CONFLICT,
            "This address has another account by now",
            &html! { p { "Ask the operators to bring yours back." } },
        )),
        Err(error) => refused_page(error),
    }
}
