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

use crate::{
    app::App,
    domain::account,
    http::{
        page::html_page,
        problem::{ApiError, INVALID_OR_EXPIRED_TOKEN, MALFORMED_REQUEST},
        request::{BODY_LIMIT, Json, Query, read_body},
        users::UserBody,
    },
    ports::Statement,
    store::{
        EXPECT_ONE_CHANGE,
        users::{self, User},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    token: String,
}

/// Uses the link of a verification mail, once.
pub async fn handler(State(app): State<App>, Json(body): Json<Token>) -> Result<Answer<Value>, ApiError> {
    let user = verify(&app, &body.token).await?;
    Ok(Answer(json!({ "user": UserBody::from(user) })))
}

async fn verify(app: &App, token: &str) -> Result<User, ApiError> {
    let invalid = || ApiError::new(INVALID_OR_EXPIRED_TOKEN, "ask for a new link");
    let (now, hash) = (app.now(), account::token_hash(token));
    let batch = vec![
        Statement::new(users::USE_VERIFICATION).bind(hash.clone()).bind(now),
        Statement::new(EXPECT_ONE_CHANGE),
        Statement::new(users::VERIFY).bind(hash.clone()).bind(now),
        Statement::new(users::END_OTHER_VERIFICATIONS).bind(hash.clone()).bind(now),
        Statement::new(users::BY_TOKEN).bind(hash),
    ];
    let answers = match app.database().batch(batch).await {
        Err(error) if error.is_guard() => return Err(invalid()),
        answers => answers?,
    };
    let row = answers.into_iter().next_back().and_then(crate::ports::Rows::into_first).ok_or_else(invalid)?;
    Ok(User::from_row(&row)?)
}

/// The page that the link leads to where there is no front end. Its button uses the link: the GET of a mail
/// scanner must not.
pub async fn page(Query(query): Query<Token>) -> Response {
    html_page(
        StatusCode::OK,
        "Verify your address",
        &html! {
            p { "One click confirms that this e-mail address is yours." }
            form method="post" action="/api/v1/auth/verify-email/confirm" {
                input type="hidden" name="token" value=(query.token);
                button type="submit" { "Verify address" }
            }
        },
    )
}

/// What the page's button sends.
pub async fn confirm(State(app): State<App>, request: Request<HttpBody>) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let body = read_body(&parts.headers, body, BODY_LIMIT).await?;
    let form = http::Uri::builder().path_and_query([b"/?", body.as_ref()].concat()).build().ok();
    let form = form.and_then(|uri| axum::extract::Query::<Token>::try_from_uri(&uri).ok());
    let axum::extract::Query(form) =
        form.ok_or_else(|| ApiError::new(MALFORMED_REQUEST, "send the form of the page"))?;
    Ok(match verify(&app, &form.token).await {
        Ok(user) => html_page(
            StatusCode::OK,
            "Address verified",
            &html! { p { (user.email) " is verified. You can log in now." } },
        ),
        Err(ApiError::Problem(_)) => html_page(
            StatusCode::BAD_REQUEST,
            "This link does not work any more",
            &html! { p { "It was used already, or it is older than 24 hours. Ask for a new one." } },
        ),
        Err(fault) => return Err(fault),
    })
}
