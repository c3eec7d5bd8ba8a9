use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::wants_html;
use crate::{
    app::App,
    http::{page::html_page, parameters, problem::ApiError, request::Query},
    mail,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    #[serde(default, deserialize_with = "parameters::address")]
    to: Option<String>,
}

/// Shows the mails that were kept instead of sent, newest first. In production, or with a provider, it does not exist.
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
        let mails = kept.iter().map(|kept| {
            let mail = &kept.mail;
            json!({ "id": kept.id, "to": mail.to, "subject": mail.subject, "text": mail.text, "html": mail.html, "createdAt": kept.created_at })
        });
        return Ok(Json(json!({ "data": mails.collect::<Vec<_>>() })).into_response());
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
