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
    person_in(link.use_once(app, effects).await??)
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
        Err(error) => refused_page(error),
    }
}
