use axum::{
    Json as Answer,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use maud::html;
use serde_json::{Value, json};

use super::{
    RESET_SECONDS,
    links::{Followed, Token, form_page, invalid_or_expired, person_in, read_form, refused_page},
    random_token,
};
use crate::{
    app::App,
    domain::account,
    http::{
        client::Client,
        page::html_page,
        problem::{ApiError, EMAIL_TAKEN},
        request::{Json, Query},
        users::UserBody,
    },
    mail::{self, Letter, Notice},
    ports::{DatabaseError, Statement},
    store::{
        EXPECT_ONE_CHANGE, email_undos, sessions,
        users::{self, User},
    },
};

/// Uses the link that a former address got when the account left it, once.
pub async fn handler(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Token>,
) -> Result<Answer<Value>, ApiError> {
    let user = undo(&app, &client, &body.token).await?;
    Ok(Answer(json!({ "user": UserBody::from(user) })))
}

/// Brings the account back, and takes from whoever moved it all that they may hold: sessions, links, the password, and a
/// second factor that is not older than the change by 72 hours. The restored address gets a link to choose a password.
async fn undo(app: &App, client: &Client, token: &str) -> Result<User, ApiError> {
    let hash = account::token_hash(token);
    let undo = |sql| Statement::new(sql).bind(hash.as_slice());
    let (reset, now) = (random_token(app), app.now());
    let reset_hash = account::token_hash(reset.expose());
    let choose = Letter::EmailChangeUndone { token: reset.expose().to_owned(), at: now.to_string() };
    let batch = vec![
        undo(email_undos::USE).bind(now),
        Statement::new(EXPECT_ONE_CHANGE),
        undo(email_undos::END_TOKENS).bind(now),
        undo(email_undos::ADD_RESET).bind(reset_hash.as_slice()).bind(now).bind(now.plus_seconds(RESET_SECONDS)),
        // To the address that loses the account, so before it does.
        mail::notice(app, Notice::EmailChangeUndone)?.to_person_of_token(&reset_hash),
        undo(email_undos::FORGET_FACTOR),
        undo(email_undos::FORGET_RECOVERY_CODES),
        undo(email_undos::FORGET_CHALLENGES),
        undo(email_undos::RESTORE).bind(now),
        undo(email_undos::END_LATER).bind(now),
        Statement::new(sessions::END_OF_TOKEN)
            .essential()
            .bind(reset_hash.as_slice())
            .bind(now)
            .bind("email_change_undone"),
        mail::queue(app, &choose)?.to_person_of_token(&reset_hash),
        client.event(app, "email_change_undone", json!({})).of_token(&reset_hash),
        Statement::new(users::BY_TOKEN).bind(reset_hash.as_slice()),
    ];
    let person = match app.database().batch(batch).await {
        Err(error) if error.is_guard() => return Err(invalid_or_expired()),
        // Nobody can register it meanwhile; an operator may have imported it.
        Err(DatabaseError::Constraint(name)) if name == "users.email" => {
            return Err(ApiError::new(EMAIL_TAKEN, "ask the operators: another account has this address by now"));
        }
        answers => answers?.into_iter().next_back().unwrap_or_default(),
    };
    mail::deliver_in_background(app);
    person_in(person)
}

/// The page that the link leads to where there is no front end.
pub async fn page(Query(query): Query<Followed>) -> Response {
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

/// What the page's button sends.
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
