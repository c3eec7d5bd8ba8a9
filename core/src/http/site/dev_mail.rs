use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use maud::html;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::Timestamp,
    http::{
        openapi::NotFound,
        page::html_page,
        parameters::{self, Uuid},
        problem::ApiError,
        problem_page::wants_html,
        request::Query,
    },
    mail::{self, KeptMail},
};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only mails to this address.
    #[serde(default, deserialize_with = "parameters::address")]
    #[param(min_length = 1, max_length = 254)]
    to: Option<String>,
}

/// Mails, newest first.
#[derive(Serialize, ToSchema)]
struct MailList {
    data: Vec<MailBody>,
}

/// A mail that was kept instead of sent.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Mail)]
struct MailBody {
    #[schema(value_type = Uuid)]
    id: String,
    #[schema(format = "email", min_length = 3, max_length = 254, example = "ada@example.com")]
    to: String,
    #[schema(example = "Verify your address")]
    subject: String,
    #[schema(example = "Verify your address: http://127.0.0.1:8787/account/verify-email?token=3q2-7wABAgM")]
    text: String,
    #[schema(example = "<p>Verify your address</p>")]
    html: String,
    created_at: Timestamp,
}

impl From<KeptMail> for MailBody {
    fn from(KeptMail { id, mail, created_at }: KeptMail) -> Self {
        Self { id, to: mail.to, subject: mail.subject, text: mail.text, html: mail.html, created_at }
    }
}

/// Lists mail that was kept instead of sent.
///
/// Exists only in development, without a mail provider. A browser gets a page.
#[utoipa::path(
    get,
    path = "/dev/mail",
    operation_id = "devMail",
    tag = "Service",
    params(Parameters),
    responses(
        (
            status = 200,
            description = "Kept mail, newest first.",
            body = MailList,
            headers(("Vary"))
        ),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    if !app.config().keeps_mail() {
        return Err(ApiError::not_found("path"));
    }
    let recipient = parameters.to.map(|to| to.to_lowercase());
    let kept = mail::kept(&app, recipient.as_deref()).await?;
    if !wants_html(&headers) {
        let data = kept.into_iter().map(MailBody::from).collect();
        return Ok(Json(MailList { data }).into_response());
    }
    let content = html! {
        p { "Development only: no provider is configured, so mail is kept here instead of sent." }
        @if kept.is_empty() { p { "No mail yet." } }
        @for kept in &kept {
            article {
                h2 { (kept.mail.subject) }
                p class="meta" { "To " (kept.mail.to) " · " time datetime=(kept.created_at) { (kept.created_at) } }
                @for line in kept.mail.text.lines().filter(|line| !line.is_empty()) {
                    @if line.starts_with("http") { p { a href=(line) { (line) } } } @else { p { (line) } }
                }
            }
        }
    };
    Ok(html_page(StatusCode::OK, "Mail", &content))
}
