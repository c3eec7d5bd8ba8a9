//! Pages of problem codes, to which the `type` of a problem leads.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::{docs, remedies::remedy};
use crate::http::{
    openapi::NotFound,
    page::Frame,
    problem::{ApiError, CODES},
    request::Path,
};

/// Lists every problem code on a page.
///
/// Every code that a problem may have, by status.
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "problemsPage",
    tag = "Service",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn problems() -> Response {
    let content = html! {
        p { "An error is problem details (RFC 9457): decide by its " code { "code" } ", which never changes its meaning." }
        ul { @for code in CODES { li { code { (code.status()) } " " a href={ "/problems/" (code.name()) } { (code.name()) } ": " (code.title()) } } }
    };
    Frame { title: "Problems", here: "/problems", ..Frame::default() }.page(StatusCode::OK, &content)
}

/// Shows one problem code on a page.
///
/// What it means, what to do, and which calls may answer with it. The `type` of a problem leads here.
#[utoipa::path(
    get,
    path = "/problems/{code}",
    operation_id = "problemPage",
    tag = "Service",
    params((
        "code" = String,
        Path,
        description = "The code of a problem.",
        pattern = "^[a-z][a-z0-9_]*$",
        example = "not_found"
    )),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (status = 404, response = NotFound),
    ),
)]
pub async fn problem(Path(name): Path<String>) -> Result<Response, ApiError> {
    let code = CODES.iter().find(|code| code.name() == name).ok_or_else(|| ApiError::not_found("problem"))?;
    let content = html! {
        p.lede { (code.title()) "." }
        p { "Status " code { (code.status()) } ", code " code { (name) } "." }
        @if let Some(remedy) = remedy(&name) {
            h2 { "What to do" }
            p { (prose(remedy)) }
        }
        @let mut calls = docs::operations_with(&name).peekable();
        @if calls.peek().is_some() {
            h2 { "Calls that may answer with it" }
            ul.list { @for call in calls { li { a href=(call.href) { code { (call.method) " " (call.path) } } } } }
        }
        p { a href="/problems" { "Every code" } " · " a href="/docs" { "The API" } }
    };
    Ok(Frame { title: &name, here: "/problems", ..Frame::default() }.page(StatusCode::OK, &content))
}

/// Renders text in which backticks mark `code`, as in Markdown.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index.is_multiple_of(2) { (part) } @else { code { (part) } }
        }
    }
}
