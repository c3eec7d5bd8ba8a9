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
use utoipa::ToSchema;

use super::links::{
    DeadLink, Link, LinkParameters, VerifiedUser, form_page, invalid_or_expired, log_in_link, password_field,
    read_form, refusal, refused_page,
};
use crate::{
    app::App,
    domain::{Secret, SecurityEventName, ValidationError, ValidationErrorCode},
    http::{
        client::Client,
        login_throttle::InFlight,
        openapi::{ForbiddenRegistration, InvalidLink, TooManyGuesses},
        page::html_page,
        passwords,
        problem::{ApiError, INCORRECT_PASSWORD},
        request::{Json, Query},
    },
    store::{
        Batch, BatchError, Guard,
        links::{self, Purpose},
        login_throttle::{self, Target},
        undeliverable,
        users::{self, User},
    },
};

/// What verifies an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerifyEmailRequest)]
pub struct Body {
    /// The secret of the link, from the mail.
    #[schema(min_length = 1, max_length = 512, example = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs")]
    token: String,
    /// Chosen with the registration that the link was mailed for. Asked of every web page (a request with `Origin`), and
    /// of everybody where the address was registered more than once.
    #[schema(
        value_type = Option<String>,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    password: Option<Secret>,
}

/// Verifies the address.
///
/// The link works once. It sets what was chosen with the registration that it was mailed for, and kills the links of the
/// others. Whoever reads the mail may not be who registered, so a page asks for the password of that registration and
/// sends it too.
#[utoipa::path(
    post,
    path = "/api/v1/auth/verify-email",
    operation_id = "verifyEmail",
    tag = "Accounts",
    request_body = Body,
    responses(
        (status = 200, description = "Verified.", body = VerifiedUser),
        (status = 400, response = InvalidLink),
        (status = 403, response = ForbiddenRegistration),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Body>,
) -> Result<Answer<VerifiedUser>, ApiError> {
    let user = match body.password {
        Some(password) => with_password(&app, &client, &body.token, &password).await?,
        None => by_link_alone(&app, &client, &body.token, headers.contains_key(header::ORIGIN)).await?,
    };
    Ok(Answer(user.into()))
}

/// Verifies the address by the link alone, for programs. Anybody who read the mail may have opened a web page, so that
/// needs the password; a program that finds one mail for its one registration needs no more than the link.
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
    let refusal =
        ValidationError::new(ValidationErrorCode::Required, "give the password that was chosen with this registration");
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

/// Marks the address as verified, at the end of a batch that uses the link.
async fn verify(app: &App, client: &Client, link: &Link, mut batch: Batch) -> Result<User, BatchError> {
    let now = app.now();
    batch.push(users::verify(&link.hash, now));
    batch.push(undeliverable::verified(&link.hash, now));
    batch.push(links::end_of_link(&link.hash, now));
    batch.push(link.event(app, client, SecurityEventName::EmailVerified));
    let user = batch.push(links::person(&link.hash));
    Ok(link.use_once(app, batch).await?.take(user)?)
}

/// Shows a page whose button verifies the address.
///
/// Reading it consumes nothing, so a mail scanner does no harm.
#[utoipa::path(
    get,
    path = "/api/v1/auth/verify-email",
    operation_id = "verifyEmailPage",
    tag = "Accounts",
    params(LinkParameters),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn page(Query(query): Query<LinkParameters>) -> Response {
    verification_page(StatusCode::OK, &query.token, None)
}

fn verification_page(status: StatusCode, token: &str, refusal: Option<&str>) -> Response {
    let content = html! {
        p { "Confirm that this e-mail address is yours, and that it was you who registered it." }
        (password_field("The password that you chose when you registered", "current-password", refusal))
        p { "Where you verify the address again, it is the password of your account. If you did not register, close this page: nothing happens." }
    };
    form_page(status, "Verify your address", "/api/v1/auth/verify-email/confirm", token, &content, "Verify address")
}

/// The form of the page that verifies an address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VerifyEmailForm)]
struct Form {
    /// The secret of the link, from the mail.
    #[schema(min_length = 1, max_length = 512, example = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs")]
    token: String,
    /// Chosen with the registration that the link was mailed for.
    #[schema(
        value_type = String,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    password: Secret,
}

/// Uses the link, for the page's button.
///
/// Answers with a page.
#[utoipa::path(
    post,
    path = "/api/v1/auth/verify-email/confirm",
    operation_id = "confirmVerifyEmail",
    tag = "Accounts",
    request_body(content = Form, content_type = "application/x-www-form-urlencoded"),
    responses(
        DeadLink,
        (status = 200, description = "It is done: a page that says so.", content_type = "text/html", body = String),
        (
            status = 403,
            description = "The password is not the one of this registration: the form again, which says so.",
            content_type = "text/html",
            body = String,
        ),
        (status = 429, response = TooManyGuesses),
    ),
)]
pub async fn confirm(State(app): State<App>, client: Client, request: Request<HttpBody>) -> Result<Response, ApiError> {
    let form = read_form::<Form>(request).await?;
    match with_password(&app, &client, &form.token, &form.password).await {
        Ok(user) => Ok(html_page(
            StatusCode::OK,
            "Address verified",
            &html! { p { (user.email) " is verified. You can log in now." } p { (log_in_link()) } },
        )),
        Err(ApiError::Problem(problem)) if problem.is(INCORRECT_PASSWORD) => {
            let refusal = "it was not chosen with this registration. If the address was registered more than once, each \
                           mail has its own; or close this page and reset the password";
            Ok(verification_page(StatusCode::FORBIDDEN, &form.token, Some(refusal)))
        }
        Err(error) => refused_page(error),
    }
}
