use axum::{
    Json as Answer,
    body::Body as HttpBody,
    extract::{Request, State},
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use maud::html;
use serde::Deserialize;
use serde_json::{Value, json};

use super::links::{Followed, Link, form_page, invalid_or_expired, password_field, person_in, read_form, refused_page};
use crate::{
    app::App,
    domain::{Secret, account::refuse},
    http::{
        client::Client,
        guessing::InFlight,
        page::html_page,
        passwords,
        problem::{ApiError, INCORRECT_PASSWORD},
        request::{Json, Query},
        users::UserBody,
    },
    ports::Statement,
    store::{
        guesses::{self, Target},
        users::{self, User},
    },
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    token: String,
    password: Option<Secret>,
}

/// Uses the link of a verification mail, once, and sets what its own registration chose.
///
/// Whoever reads the mail may not be who registered. So the password of that registration is asked for: always where a
/// web page asks, which anybody may have opened who read the mail, and else where the address was registered more than
/// once. A program that finds one mail for its one registration needs no more than the link.
pub async fn handler(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Answer<Value>, ApiError> {
    let user = match body.password {
        Some(password) => with_password(&app, &client, &body.token, &password).await?,
        None => by_link_alone(&app, &client, &body.token, headers.contains_key(header::ORIGIN)).await?,
    };
    Ok(Answer(json!({ "user": UserBody::from(user) })))
}

async fn by_link_alone(app: &App, client: &Client, token: &str, from_page: bool) -> Result<User, ApiError> {
    let link = Link::new(token, "verify_email");
    if !from_page {
        let expect_only = link.statement(users::EXPECT_ONLY_REGISTRATION).bind(app.now());
        match verify(app, client, &link, vec![expect_only]).await {
            Err(ApiError::Problem(_)) => {}
            verified => return verified,
        }
    }
    // The link does not work, or it wants the password.
    link.person(app).await?;
    let refusal = refuse("required", "give the password that was chosen with this registration");
    Err(ApiError::invalid_member("/password", refusal))
}

async fn with_password(app: &App, client: &Client, token: &str, password: &Secret) -> Result<User, ApiError> {
    let link = Link::new(token, "verify_email");
    let registration = link.statement(users::REGISTRATION).bind(app.now());
    let row = app.database().query(registration).await?.into_first().ok_or_else(invalid_or_expired)?;
    let encoded = row.optional_text("password_hash")?.map(Secret::new);

    let subject = format!("link:{}", URL_SAFE_NO_PAD.encode(&link.hash));
    let mut in_flight = InFlight::new(app, Target::of(&subject));
    loop {
        match app.database().batch(Vec::from(in_flight.begin())).await {
            Err(error) if error.is_guard() => in_flight.wait().await?,
            begun => break drop(begun?),
        }
    }
    if !passwords::verify_typed(app, password, encoded).await? {
        app.database().batch(Vec::from(in_flight.wrong())).await?;
        in_flight.ended();
        return Err(ApiError::new(INCORRECT_PASSWORD, "give the password that was chosen with this registration"));
    }
    let writes = vec![in_flight.end(), Statement::new(guesses::CLEAR).bind(subject)];
    let verified = verify(app, client, &link, writes).await;
    if verified.is_ok() {
        in_flight.ended();
    }
    verified
}

async fn verify(app: &App, client: &Client, link: &Link, writes: Vec<Statement>) -> Result<User, ApiError> {
    let now = app.now();
    let mut effects = writes;
    effects.extend([
        link.statement(users::VERIFY).bind(now),
        link.statement(users::END_TOKENS_OF_TOKEN).bind(now),
        link.event(app, client, "email_verified"),
        link.statement(users::BY_TOKEN),
    ]);
    person_in(link.use_once(app, effects).await??)
}

/// The page that the link leads to where there is no front end.
pub async fn page(Query(query): Query<Followed>) -> Response {
    verification_page(StatusCode::OK, &query.token, None)
}

fn verification_page(status: StatusCode, token: &str, refusal: Option<&str>) -> Response {
    let content = html! {
        p { "Confirm that this e-mail address is yours, and that it was you who registered it." }
        (password_field("The password that you chose when you registered", "current-password", refusal))
        p { "If you did not register, close this page: nothing happens." }
    };
    form_page(status, "Verify your address", "/api/v1/auth/verify-email/confirm", token, &content, "Verify address")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    token: String,
    password: Secret,
}

/// What the page's button sends.
pub async fn confirm(State(app): State<App>, client: Client, request: Request<HttpBody>) -> Result<Response, ApiError> {
    let form = read_form::<Form>(request).await?;
    match with_password(&app, &client, &form.token, &form.password).await {
        Ok(user) => Ok(html_page(
            StatusCode::OK,
            "Address verified",
            &html! { p { (user.email) " is verified. You can log in now." } },
        )),
        Err(ApiError::Problem(problem)) if problem.is(INCORRECT_PASSWORD) => {
            let refusal = "it was not chosen with this registration. If the address was registered more than once, each \
                           mail has its own; or close this page and reset the password";
            Ok(verification_page(StatusCode::FORBIDDEN, &form.token, Some(refusal)))
        }
        Err(error) => refused_page(error),
    }
}
