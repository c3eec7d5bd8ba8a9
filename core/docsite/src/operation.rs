//! A call's section on its resource's page.

use maud::{Markup, html};
use serde_json::Value;

use crate::{
    call::{Caller, Operation},
    document::Document,
    example::{Example, Language},
    homes::body_schema,
    markdown, schema,
    value::{members, text},
};

/// Parameters that the overview describes for all calls, with the section that does.
const SHARED: [(&str, &str); 2] = [("Idempotency-Key", "idempotency"), ("If-None-Match", "etags")];

/// Renders the section of a call.
pub fn section(document: &Document<'_>, operation: &Operation<'_>) -> Markup {
    let examples = crate::example::of(document, operation);
    html! {
        section.call {
            h2 id=(operation.id()) { (title(operation)) }
            p.route { code { b { (operation.method.to_uppercase()) } " " (operation.path) } }
            (markdown::prose(text(operation.value, "description")))
            p.meta {
                (who(operation.caller(), operation.tag()))
                @for (name, anchor) in SHARED {
                    @if document.parameters(operation).any(|parameter| text(parameter, "name") == name) {
                        " Takes " a href={ "/docs#" (anchor) } { code { (name) } } "."
                    }
                }
            }
            (parameters(document, operation))
            (body(document, operation))
            (request_examples(&examples))
            (answers(document, operation))
        }
    }
}

fn title<'a>(operation: &Operation<'a>) -> &'a str {
    text(operation.value, "summary").trim_end_matches('.')
}

fn who(caller: Caller<'_>, tag: &str) -> Markup {
    match caller {
        Caller::Anybody => html! { "For anybody." },
        Caller::Person if tag == "Administration" => html! { "For an administrator, with an access token." },
        Caller::Person => html! { "For a person, with an access token." },
        Caller::Key(scope) => html! { "For a program, with an API key of scope " code { (scope) } "." },
        Caller::OptionalKey(scope) => {
            html! { "For anybody; with an API key of scope " code { (scope) } " it counts against the key's limit." }
        }
        Caller::RefreshToken => html! { "For whoever has a refresh token, in the body or in its cookie." },
        Caller::Operator => html! { "For the operator, with the deployment's secret as a bearer token." },
    }
}

fn parameters(document: &Document<'_>, operation: &Operation<'_>) -> Markup {
    let own = document.parameters(operation).filter(|parameter| {
        let name = text(parameter, "name");
        name != "X-Request-Id" && !SHARED.iter().any(|(shared, _)| *shared == name)
    });
    let own = own.collect::<Vec<_>>();
    html! {
        @if !own.is_empty() {
            h3 { "Parameters" }
            dl.members {
                @for parameter in own {
                    @let schema = parameter.get("schema").unwrap_or(&Value::Null);
                    @let described = described(parameter, schema);
                    @let required = text(parameter, "in") != "path" && parameter.get("required") == Some(&Value::Bool(true));
                    (schema::item(document, text(parameter, "name"), &described, Some(required), 0))
                }
            }
        }
    }
}

/// Returns a parameter's schema with the parameter's own description.
fn described(parameter: &Value, schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let (Some(description), Some(members)) = (parameter.get("description"), schema.as_object_mut()) {
        members.insert("description".to_owned(), description.clone());
    }
    schema
}

fn body(document: &Document<'_>, operation: &Operation<'_>) -> Markup {
    let Some(schema) = body_schema(document, operation) else { return html! {} };
    let body = operation.value.get("requestBody").unwrap_or(&Value::Null);
    let media = members(body, "content").map(|(media, _)| media.as_str()).collect::<Vec<_>>();
    html! {
        h3 { "Body" }
        @if media != ["application/json"] {
            p.meta { @for (index, media) in media.iter().enumerate() { @if index > 0 { " or " } code { (media) } } }
        }
        @if body.get("required") != Some(&Value::Bool(true)) { p { "It may be left out." } }
        (markdown::prose(text(body, "description")))
        @let list = schema::list(document, schema, 0);
        @if list.0.is_empty() { p { (schema::kind(document, schema)) } } @else { (list) }
    }
}

fn request_examples(examples: &[Example]) -> Markup {
    html! {
        @if !examples.is_empty() {
            h3 { "Example" }
            @for example in examples {
                details open[example.language == Language::Curl] {
                    summary { (example.language.title()) }
                    pre { code class={ "language-" (example.language.name()) } { (example.text) } }
                }
            }
        }
    }
}

fn answers(document: &Document<'_>, operation: &Operation<'_>) -> Markup {
    let good = members(operation.value, "responses").filter(|(status, _)| status.starts_with(['2', '3']));
    html! {
        h3 { "Answers" }
        @for (status, answer) in good {
            @let answer = document.resolve(answer);
            p.answer {
                code { (status) } " " (inline(text(answer, "description")))
                @for (media, content) in members(answer, "content") {
                    @if media == "application/json" {
                        @let schema = content.get("schema").unwrap_or(&Value::Null);
                        " " span { (schema::kind(document, schema)) }
                    } @else if media != "text/html" { " " span { code { (media) } } }
                }
            }
            @if let Some(example) = answer.pointer("/content/application~1json/example") {
                details {
                    summary { "Example answer" }
                    pre { code.language-json { (serde_json::to_string_pretty(example).unwrap_or_default()) } }
                }
            }
        }
        h3 { "Errors" }
        dl.errors {
            @for (status, codes) in document.refusals(operation) {
                dt { code { (status) } }
                dd { @for (index, code) in codes.iter().enumerate() { @if index > 0 { ", " } a href={ "/problems/" (code) } { (code) } } }
            }
        }
    }
}

/// Renders text within a paragraph, with code between backquotes.
pub fn inline(text: &str) -> Markup {
    html! { @for (index, part) in text.split('`').enumerate() { @if index.is_multiple_of(2) { (part) } @else { code { (part) } } } }
}
