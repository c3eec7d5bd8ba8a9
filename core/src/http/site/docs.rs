use std::sync::LazyLock;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde_json::Value;

use super::Unchanging;
use crate::http::{
    openapi::{IfNoneMatch, NotFound},
    page::html_page,
    problem::{ApiError, CODES},
    request::Path,
};

const OPENAPI: &str = include_str!("../../../openapi.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap_or_default());

/// Shows this document.
///
/// OpenAPI 3.1, the same for every deployment of this version.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "Service",
    params(IfNoneMatch),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)),
)]
pub async fn openapi(headers: HeaderMap) -> Response {
    static ANSWER: LazyLock<Unchanging> = LazyLock::new(|| Unchanging::new("application/json", OPENAPI));
    ANSWER.answer(&headers)
}

/// Shows this document as a page.
///
/// Every call with its body and its answers, for people.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "Service",
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn page() -> Response {
    let info = DOCUMENT.get("info").unwrap_or(&Value::Null);
    let content = html! {
        p { (prose(text(info, "description"))) }
        p { "For programs: " a href="/openapi.json" { "openapi.json" } " (OpenAPI 3.1)." }
        @for (path, operations) in members(&DOCUMENT, "paths") {
            @for (method, operation) in operations.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters") {
                section {
                    h2 { code { (method.to_uppercase()) " " (path) } }
                    p { (prose(text(operation, "summary"))) }
                    @let description = text(operation, "description");
                    @if !description.is_empty() { p { (prose(description)) } }
                    (body_members(operation))
                    (answers(operation))
                }
            }
        }
        section {
            h2 id="refusals" { "Refusals" }
            ul { @for (name, refusal) in refusals() { li { (name) ": " (prose(text(refusal, "description"))) } } }
        }
    };
    html_page(StatusCode::OK, "API", &content)
}

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
    html_page(StatusCode::OK, "Problems", &content)
}

/// Shows one problem code on a page.
///
/// What it means, and which calls may answer with it. The `type` of a problem leads here.
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
    let status = code.status().to_string();
    let calls = members(&DOCUMENT, "paths").flat_map(|(path, operations)| {
        let operations = operations.as_object().into_iter().flatten();
        operations.map(move |(method, operation)| (method, path, operation))
    });
    let calls = calls.filter(|(.., operation)| {
        let answers = operation.pointer(&format!("/responses/{status}")).map(resolve);
        answers.is_some_and(|answers| answers.to_string().contains(&format!("\"{name}\"")))
    });
    let content = html! {
        p { (code.title()) "." }
        p { "Status " code { (status) } ", code " code { (name) } "." }
        @let calls = calls.collect::<Vec<_>>();
        @if !calls.is_empty() {
            p { "Calls that name it:" }
            ul { @for (method, path, _) in calls { li { code { (method.to_uppercase()) " " (path) } } } }
        }
        p { a href="/problems" { "Every code" } " · " a href="/docs" { "The API" } }
    };
    Ok(html_page(StatusCode::OK, &name, &content))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// Follows a `$ref` within the document.
fn resolve(value: &Value) -> &Value {
    let pointer = value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| DOCUMENT.pointer(pointer)).unwrap_or(value)
}

/// Text whose `code` is marked as in Markdown.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index.is_multiple_of(2) { (part) } @else { code { (part) } }
        }
    }
}

/// The answers of a call: its own with what they mean, and the names of the [`refusals`] that it shares with others.
fn answers(operation: &Value) -> Markup {
    let (shared, own) =
        members(operation, "responses").partition::<Vec<_>, _>(|(_, answer)| answer.get("$ref").is_some());
    html! {
        ul { @for (status, answer) in own { li { code { (status) } " " (prose(text(answer, "description"))) } } }
        p {
            "Refusals: "
            @for (index, (status, answer)) in shared.into_iter().enumerate() {
                @if index > 0 { ", " }
                code { (status) } " " (text(answer, "$ref").rsplit('/').next().unwrap_or_default())
            }
        }
    }
}

/// What calls may be refused with, by name.
fn refusals() -> impl Iterator<Item = (&'static String, &'static Value)> {
    let all = DOCUMENT.pointer("/components/responses").and_then(Value::as_object);
    all.into_iter().flatten()
}

fn body_members(operation: &Value) -> Markup {
    let body = operation.get("requestBody").map(resolve);
    let schema = body.and_then(|body| body.pointer("/content/application~1json/schema")).map(resolve);
    html! {
        @if let Some(schema) = schema {
            @let required = schema.get("required").and_then(Value::as_array);
            p {
                "Body: "
                @for (name, _) in members(schema, "properties") {
                    code { (name) }
                    @if !required.is_some_and(|required| required.iter().any(|other| other == name.as_str())) { " (optional)" }
                    " "
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::leaderboard::Flag;

    fn names(schema: &str) -> Vec<&str> {
        let names = DOCUMENT.pointer(&format!("/components/schemas/{schema}/enum")).and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    #[test]
    fn the_document_names_every_problem() {
        assert_eq!(names("ProblemCode"), CODES.iter().map(|code| code.name()).collect::<Vec<_>>());
    }

    #[test]
    fn the_document_names_every_flag() {
        // A flag that is added has to be placed here.
        let next = |flag: &Flag| match flag {
            Flag::MissingCost => Some(Flag::SelfReported),
            Flag::SelfReported => Some(Flag::CountsOnly),
            Flag::CountsOnly => Some(Flag::ScoreOnly),
            Flag::ScoreOnly => Some(Flag::DirtyHarness),
            Flag::DirtyHarness => Some(Flag::Contamination),
            Flag::Contamination => Some(Flag::BestOfN),
            Flag::BestOfN => Some(Flag::OtherConditions),
            Flag::OtherConditions => None,
        };
        let flags = std::iter::successors(Some(Flag::MissingCost), next);
        assert_eq!(names("Flag"), flags.map(Flag::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn the_document_is_openapi_3_1() {
        assert!(DOCUMENT["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
        assert!(DOCUMENT["paths"].as_object().is_some_and(|paths| paths.len() > 20));
    }
}
