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

use super::links::{Followed, Link, form_page, invalid_or_expired, password_field, read_form, refusal, refused_page};
use crate::{
    app::App,
    domain::{Secret, ValidationError},
    http::{
        client::Client,
        login_throttle::InFlight,
        page::html_page,
        passwords,
        problem::{ApiError, INCORRECT_PASSWORD},
        request::{Json, Query},
        users::UserBody,
    },
    store::{
        Batch, BatchError, Guard,
        links::{self, Purpose},
        login_throttle::{self, Target},
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
    let link = Link::new(token, Purpose::VerifyEmail);
    if from_page {
        link.person(app).await?;
        return Err(password_required());
    }
    let mut batch = Batch::new();
    batch.push(links::expect_only_registration(&link.hash, app.now()));
    match verify(app, client, &link, batch).await {
        Err(BatchError::Guard(Guard::OnlyRegistration)) => Err(password_required()),
        verified => verified.map_err(refusal),
    }
}

fn password_required() -> ApiError {
    let refusal = ValidationError::new("required", "give the password that was chosen with this registration");
    ApiError::invalid_member("/password", refusal)
}

async fn with_password(app: &App, client: &Client, token: &str, password: &Secret) -> Result<User, ApiError> {
    let link = Link::new(token, Purpose::VerifyEmail);
    let registration = links::registration(&link.hash, app.now()).run(app.database()).await?;
    let encoded = registration.ok_or_else(invalid_or_expired)?;

    let subject = format!("link:{}", URL_SAFE_NO_PAD.encode(&link.hash));
    let mut in_flight = InFlight::new(app, Target::of(&subject));
    loop {
        let mut batch = Batch::new();
        in_flight.begin(&mut batch);
        match batch.run(app.database()).await {
            Err(BatchError::Guard(Guard::PasswordTurn)) => in_flight.wait().await?,
            begun => break drop(begun?),
        }
    }
    if !passwords::verify_typed(app, password, encoded).await? {
        let mut batch = Batch::new();
        in_flight.wrong(&mut batch);
        batch.run(app.database()).await?;
        in_flight.ended();
        return Err(ApiError::new(INCORRECT_PASSWORD, "give the password that was chosen with this registration"));
    }
    let batch = Batch::from_iter([in_flight.end(), login_throttle::clear(&subject)]);
    let user = verify(app, client, &link, batch).await.map_err(refusal)?;
    in_flight.ended();
    Ok(user)
}

/// Marks the address as proved, at the end of a batch that uses the link.
async fn verify(app: &App, client: &Client, link: &Link, mut batch: Batch) -> Result<User, BatchError> {
    let now = app.now();
    batch.push(users::verify(&link.hash, now));
    batch.push(links::end_of_link(&link.hash, now));
    batch.push(link.event(app, client, "email_verified"));
    let user = batch.push(links::person(&link.hash));
    Ok(link.use_once(app, batch).await?.take(user)?)
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
