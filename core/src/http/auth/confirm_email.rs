use axum::{
    Json as Answer,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use maud::html;
use serde_json::{Value, json};

use super::links::{Followed, Link, Token, form_page, person_in, read_form, refused_page};
use crate::{
    app::App,
    http::{
        client::Client,
        page::html_page,
        problem::{ApiError, EMAIL_TAKEN},
        request::{Json, Query},
        users::UserBody,
    },
    mail::{self, Notice},
    ports::DatabaseError,
    store::{
        audit,
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
    let (link, now) = (Link::new(token, "change_email"), app.now());
    let effects = vec![
        // To the old address, so before the change.
        mail::notice(app, Notice::EmailChanged)?.to_person_of_token(&link.hash),
        link.statement(audit::WIPE_UNPROVED),
        link.statement(users::DELETE_UNPROVED),
        link.statement(users::CHANGE_EMAIL).bind(now),
        link.statement(users::END_TOKENS_OF_TOKEN).bind(now),
        link.event(app, client, "email_changed"),
        link.statement(users::BY_TOKEN),
    ];
    let person = link.use_once(app, effects).await?.map_err(|error| match error {
        DatabaseError::Constraint(name) if name == "users.email" => {
            ApiError::new(EMAIL_TAKEN, "somebody has proved in the meantime that it is theirs")
        }
        error => error.into(),
    })?;
    mail::deliver_in_background(app);
    person_in(person)
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
