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
    links::{Followed, Link, Token, form_page, person_in, read_form, refused_page},
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
    mail::{self, Letter},
    ports::DatabaseError,
    store::{
        audit, email_undos,
        users::{self, User},
    },
};

/// Uses the link to a new address, once: the account moves there.
pub async fn handler(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Token>,
) -> Result<Answer<Value>, ApiError> {
    let user = change(&app, &client, &body.token).await?;
    Ok(Answer(json!({ "user": UserBody::from(user) })))
}

async fn change(app: &App, client: &Client, token: &str) -> Result<User, ApiError> {
    let (link, now, undo) = (Link::new(token, "change_email"), app.now(), random_token(app));
    let changed = Letter::EmailChanged { token: undo.expose().to_owned(), at: now.to_string() };
    let effects = vec![
        link.statement(email_undos::EXPECT_FREE).bind(now),
        // Of and to the old address, so before the change.
        link.statement(email_undos::ADD)
            .bind(account::token_hash(undo.expose()))
            .bind(now)
            .bind(now.plus_seconds(email_undos::SECONDS)),
        mail::queue(app, &changed)?.to_person_of_token(&link.hash),
        link.statement(audit::WIPE_UNPROVED),
        link.statement(users::DELETE_UNPROVED),
        link.statement(users::CHANGE_EMAIL).bind(now),
        link.statement(users::END_TOKENS_OF_TOKEN).bind(now),
        link.event(app, client, "email_changed"),
        link.statement(users::BY_TOKEN),
    ];
    let person = match link.use_once(app, effects).await {
        Ok(Err(DatabaseError::Constraint(name))) if name == "users.email" => return Err(taken()),
        Ok(person) => person?,
        // The link works, so it is the address that is kept for somebody else.
        Err(refused) => return Err(if link.person(app).await.is_ok() { taken() } else { refused }),
    };
    mail::deliver_in_background(app);
    person_in(person)
}

fn taken() -> ApiError {
    ApiError::new(EMAIL_TAKEN, "somebody has proved in the meantime that it is theirs")
}

/// The page that the link leads to where there is no front end.
pub async fn page(Query(query): Query<Followed>) -> Response {
    form_page(
        StatusCode::OK,
        "Confirm your new address",
        "/api/v1/auth/confirm-email/confirm",
        &query.token,
        &html! { p { "One click moves your account to this e-mail address." } },
        "Confirm address",
    )
}

/// What the page's button sends.
pub async fn confirm(State(app): State<App>, client: Client, request: Request<Body>) -> Result<Response, ApiError> {
    let form = read_form::<Token>(request).await?;
    match change(&app, &client, &form.token).await {
        Ok(user) => Ok(html_page(
            StatusCode::OK,
            "Address confirmed",
            &html! { p { "From now on you log in as " (user.email) "." } },
        )),
        Err(ApiError::Problem(problem)) if problem.is(EMAIL_TAKEN) => Ok(html_page(
            StatusCode::CONFLICT,
            "This address has an account already",
            &html! { p { "Somebody has proved in the meantime that it is theirs. Your account stays where it was." } },
        )),
        Err(error) => refused_page(error),
    }
}
