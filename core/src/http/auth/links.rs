//! What the links of mails share: the pages that they lead to where there is no front end, and their forms.

use std::collections::BTreeMap;

use axum::{body::Body, extract::Request, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use maud::{Markup, html};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{
    IntoParams, IntoResponses, PartialSchema as _, ToSchema,
    openapi::{Content, HeaderBuilder, Ref, RefOr, ResponseBuilder},
};

use crate::{
    app::App,
    domain::{Secret, SecurityEventName, account},
    http::{
        client::Client,
        page::{Frame, html_page},
        parameters,
        problem::{ApiError, INVALID_OR_EXPIRED_TOKEN, MALFORMED_REQUEST, UNSUPPORTED_MEDIA_TYPE},
        request::{BODY_LIMIT, media_type, read_body},
        user_body::UserBody,
    },
    store::{
        Answers, Batch, BatchError, Guard, Query,
        links::{self, Purpose},
        users::User,
    },
};

/// How long a verification link works, in seconds.
pub const VERIFICATION_SECONDS: i64 = 24 * 3600;
/// How long a reset link works, in seconds.
pub(super) const RESET_SECONDS: i64 = 3600;

/// Query parameters of a link that was followed; mail programs and trackers append some of their own.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LinkParameters {
    /// The secret of the link, from the mail.
    #[param(min_length = 1, max_length = 512)]
    #[serde(deserialize_with = "parameters::token")]
    pub token: String,
}

/// What uses a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkToken)]
pub struct Token {
    /// The secret of the link, from the mail.
    #[schema(min_length = 1, max_length = 512, example = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs")]
    pub token: String,
}

/// Whose link was used.
#[derive(Serialize, ToSchema)]
pub struct VerifiedUser {
    user: UserBody,
}

impl From<User> for VerifiedUser {
    fn from(user: User) -> Self {
        Self { user: user.into() }
    }
}

/// Responses to the button of a page whose link does not work.
pub struct DeadLink;

impl IntoResponses for DeadLink {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let policy = HeaderBuilder::new().schema(Some(String::schema())).description(Some("Strict, with a page."));
        let response = ResponseBuilder::new()
            .description("The link does not work any more: a page that says so. A form that cannot be read: a problem.")
            .content("text/html", Content::new(Some(String::schema())))
            .content("application/problem+json", Content::new(Some(Ref::from_schema_name("Problem"))))
            .header("Content-Security-Policy", policy.build());
        BTreeMap::from([("400".to_owned(), response.into())])
    }
}

/// Link of a mail that somebody wants to use.
pub struct Link {
    /// SHA-256 of the link's token.
    pub hash: Vec<u8>,
    purpose: Purpose,
}

impl Link {
    /// Creates the link of this purpose with this token, whether or not it exists.
    pub fn new(token: &str, purpose: Purpose) -> Self {
        Self { hash: account::token_hash(token), purpose }
    }

    /// Uses the link, once, and runs `effects` in the same batch.
    ///
    /// # Errors
    /// [`Guard::LinkUnused`], for [`refusal`]; else as [`Batch::run`].
    pub async fn use_once(&self, app: &App, mut effects: Batch) -> Result<Answers, BatchError> {
        let mut mark = Batch::new();
        mark.expect(Guard::LinkUnused, links::use_once(&self.hash, self.purpose, app.now()));
        effects.preceded_by(mark);
        effects.run(app.database()).await
    }

    /// Finds the person of the link, if the link still works.
    ///
    /// # Errors
    /// `invalid_or_expired_token`.
    pub async fn person(&self, app: &App) -> Result<User, ApiError> {
        let found = links::live_person(&self.hash, self.purpose, app.now()).run(app.database()).await?;
        found.ok_or_else(invalid_or_expired)
    }

    /// Creates a security event of the link's person, who used the link.
    pub fn event(&self, app: &App, client: &Client, name: SecurityEventName) -> Query<()> {
        client.event(app, name, serde_json::json!({})).of_token(&self.hash)
    }
}

/// Converts the error of a batch that uses a link: `invalid_or_expired_token` where the link does not work.
pub fn refusal(error: BatchError) -> ApiError {
    match error {
        BatchError::Guard(Guard::LinkUnused) => invalid_or_expired(),
        error => error.into(),
    }
}

/// Returns the error of a link; unknown, used and expired links have the same.
pub fn invalid_or_expired() -> ApiError {
    ApiError::new(INVALID_OR_EXPIRED_TOKEN, "ask for a new link")
}

/// Renders the field for a password. A refusal stands first, has the focus, and links to the field.
pub fn password_field(label: &str, autocomplete: &str, refusal: Option<&str>) -> Markup {
    html! {
        @if let Some(refusal) = refusal {
            div id="mistakes" role="alert" tabindex="-1" autofocus {
                p id="password-error" { a href="#password" { "Password" } ": not taken, " (refusal) "." }
            }
        }
        p {
            label for="password" { (label) }
            input id="password" type="password" name="password" autocomplete=(autocomplete) minlength="8" maxlength="512" required
                aria-invalid=[refusal.map(|_| "true")] aria-describedby=[refusal.map(|_| "password-error")];
        }
    }
}

/// Reads the form of a page of ours.
///
/// # Errors
/// `malformed_request`, `unsupported_media_type`, `payload_too_large`.
pub async fn read_form<T: DeserializeOwned>(request: Request<Body>) -> Result<T, ApiError> {
    let (parts, body) = request.into_parts();
    if media_type(&parts.headers).as_deref() != Some("application/x-www-form-urlencoded") {
        return Err(ApiError::new(UNSUPPORTED_MEDIA_TYPE, "send the form of the page"));
    }
    let body = read_body(&parts.headers, body, BODY_LIMIT).await?;
    serde_urlencoded::from_bytes(&body).map_err(|_| ApiError::new(MALFORMED_REQUEST, "send the form of the page"))
}

/// Renders a link to the login of this server.
pub fn log_in_link() -> Markup {
    html! { a href="/account/login" { "Log in" } }
}

/// Answers with a page with one form, whose button uses the link: the GET of a mail scanner must not.
pub fn form_page(
    status: StatusCode,
    title: &str,
    action: &str,
    token: &str,
    content: &Markup,
    button: &str,
) -> Response {
    Frame { title, here: "/account/login", is_refused: status.is_client_error(), ..Frame::default() }.page(
        status,
        &html! {
            form method="post" action=(action) {
                input type="hidden" name="token" value=(token);
                (content)
                button type="submit" { (button) }
            }
        },
    )
}

/// Answers a page's button that failed: with a page that says so where the link does not work.
///
/// # Errors
/// Any other error, as it is.
pub fn refused_page(error: ApiError) -> Result<Response, ApiError> {
    match error {
        ApiError::Problem(problem) if problem.is(INVALID_OR_EXPIRED_TOKEN) => Ok(html_page(
            StatusCode::BAD_REQUEST,
            "This link does not work any more",
            &html! { p { "It was used already, or it is too old. Ask for a new one." } },
        )),
        error => Err(error),
    }
}

/// Generates a random token of 256 bits.
pub fn random_token(app: &App) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(app.random::<32>()))
}
