//! The first page: guides, resources, what holds for every call, and a list of all calls.

use maud::html;

use crate::{
    Page,
    document::Document,
    guides::Guide,
    markdown, operation,
    resources::{framed, navigation},
    schema,
    value::text,
};

/// Renders the overview.
pub fn page(document: &Document<'_>, guides: &[Guide]) -> Page {
    let (introduction, headings) = markdown::page(
        document.at("/info/description").and_then(serde_json::Value::as_str).unwrap_or_default(),
        |target| Some(target.to_owned()),
    );
    let content = html! {
        p.lede { (document.at("/info/summary").and_then(serde_json::Value::as_str).unwrap_or_default()) }
        p { "For programs: " a href="/openapi.json" { "openapi.json" } " (OpenAPI 3.1). What goes wrong: " a href="/problems" { "every problem code" } "." }
        h2 id="guides" { "Guides" }
        ul.cards { @for guide in guides { li { a href={ "/docs/guides/" (guide.name) } { (guide.title) } } } }
        h2 id="resources" { "Resources" }
        ul.cards {
            @for resource in document.resources() {
                li { a href={ "/docs/api/" (resource.name) } { (resource.title) } " " small { (document.operations_of(resource.name).count()) " calls" } }
            }
        }
        h2 id="examples" { "Examples" }
        p {
            "Examples take what differs from the environment: " code { "API" } " is the address of the service, " code { "TOKEN" }
            " an access token, " code { "KEY" } " an API key. Those in TypeScript use " code { "fetch" } " (Node.js 20 or a browser), those in Python its standard library."
        }
        (maud::PreEscaped(introduction))
        section {
            h2 id="objects" { "Objects" }
            @for (name, schema) in document.schemas_of(crate::document::OVERVIEW) { (schema::section(document, name, schema)) }
        }
        section {
            h2 id="calls" { "All calls" }
            @for resource in document.resources() {
                h3 { (resource.title) }
                ul.calls {
                    @for call in document.operations_of(resource.name) {
                        li { a href=(call.href()) { code { (call.method.to_uppercase()) " " (call.path) } } " " (operation::inline(text(call.value, "summary"))) }
                    }
                }
            }
        }
    };
    let beside = html! {
        h2 { "On this page" }
        ul {
            @for (anchor, title) in [("guides", "Guides"), ("resources", "Resources"), ("examples", "Examples")] { li { a href={ "#" (anchor) } { (title) } } }
            @for heading in headings { li { a href={ "#" (heading.anchor) } { (heading.title) } } }
            @for (anchor, title) in [("objects", "Objects"), ("calls", "All calls")] { li { a href={ "#" (anchor) } { (title) } } }
        }
    };
    let html = framed(&navigation(document, None), &beside, &content).into_string();
    Page { path: "/docs".to_owned(), title: "API".to_owned(), html }
}
