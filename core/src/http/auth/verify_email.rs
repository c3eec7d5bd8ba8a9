use axum::{
    Json as Answer,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use maud::html;
use serde_json::{Value, json};

use super::links::{
    Followed, Link, Token, dead_link_page, form_page, invalid_or_expired, is_problem_of_the_link, read_form,
};
use crate::{
    app::App,
    http::{
        client::Client,
        page::html_page,
        problem::ApiError,
        request::{Json, Query},
        users::UserBody,
    },
    store::users::{self, User},
};

/// Uses the link of a verification mail, once.
pub async fn handler(
    State(app): State<App>,
    client: Client,
    Json(body): Json<Token>,
) -> Result<Answer<Value>, ApiError> {
    let user = verify(&app, &client, &body.token).await?;
    Ok(Answer(json!({ "user": UserBody::from(user) })))
}

async fn verify(app: &App, client: &Client, token: &str) -> Result<User, ApiError> {
    let (link, now) = (Link::new(token, "verify_email"), app.now());
    let effects = vec![
        link.statement(users::VERIFY).bind(now),
        link.statement(users::END_TOKENS_OF_TOKEN).bind(now),
        link.event(app, client, "email_verified"),
        link.statement(users::BY_TOKEN),
    ];
    let person = link.use_once(app, effects).await.map_err(|error| error.unwrap_or_else(ApiError::from))?;
    Ok(User::from_row(&person.into_first().ok_or_else(invalid_or_expired)?)?)
}

/// The page that the link leads to where there is no front end.
pub async fn page(Query(query): Query<Followed>) -> Response {
    form_page(
        StatusCode::OK,
        "Verify your address",
        "/api/v1/auth/verify-email/confirm",
        &query.token,
        &html! { p { "One click confirms that this e-mail address is yours." } },
        "Verify address",
    )
}

/// What the page's button sends.
pub async fn confirm(State(app): State<App>, client: Client, request: Request<Body>) -> Result<Response, ApiError> {
    let form = read_form::<Token>(request).await?;
    match verify(&app, &client, &form.token).await {
        Ok(user) => Ok(html_page(
            StatusCode::OK,
            "Address verified",
            &html! {
                @if user.password_hash.is_some() {
                    p { (user.email) " is verified. You can log in now." }
                } @else {
                    p { (user.email) " is verified. It was registered more than once, so no password is set: reset it to choose one." }
                }
            },
        )),
        Err(error) if is_problem_of_the_link(&error) => Ok(dead_link_page()),
        Err(error) => Err(error),
    }
}
