//! The page of each resource.

use maud::{Markup, html};

use crate::{Page, document::Document, markdown, operation, resource::Resource, schema, value::text};

/// Renders the page of a resource.
pub fn page(document: &Document<'_>, resource: &Resource) -> Page {
    let calls = document.operations_of(resource.name).collect::<Vec<_>>();
    let mut tags = calls.iter().map(|call| call.tag()).collect::<Vec<_>>();
    tags.dedup();
    let mut schemas = document.schemas_of(resource.name).peekable();
    let content = html! {
        @if let [tag] = tags.as_slice() {
            @let tag = document.at("/tags").and_then(|all| all.as_array()?.iter().find(|one| text(one, "name") == *tag));
            @if let Some(tag) = tag { (markdown::prose(text(tag, "description"))) }
        }
        @if let Some(guide) = resource.guide {
            p { "Step by step: " a href={ "/docs/guides/" (guide) } { "the guide" } "." }
        }
        @for call in &calls { (operation::section(document, call)) }
        @if schemas.peek().is_some() {
            section {
                h2 id="objects" { "Objects" }
                @for (name, schema) in schemas { (schema::section(document, name, schema)) }
            }
        }
    };
    let beside = html! {
        h2 { "On this page" }
        ul {
            @for call in &calls { li { a href={ "#" (call.id()) } { (call.id()) } } }
            @if document.schemas_of(resource.name).next().is_some() { li { a href="#objects" { "Objects" } } }
        }
    };
    Page {
        path: format!("/docs/api/{}", resource.name),
        title: resource.title.to_owned(),
        html: framed(&navigation(document, Some(resource.name)), &beside, &content).into_string(),
    }
}

/// Renders the list of resources, with the current one marked.
pub fn navigation(document: &Document<'_>, current: Option<&str>) -> Markup {
    html! {
        ul {
            li { a href="/docs" aria-current=[current.is_none().then_some("page")] { "Overview" } }
            @for resource in document.resources() {
                li { a href={ "/docs/api/" (resource.name) } aria-current=[(current == Some(resource.name)).then_some("page")] { (resource.title) } }
            }
        }
    }
}

/// Puts a page's content beside its navigation.
pub fn framed(navigation: &Markup, beside: &Markup, content: &Markup) -> Markup {
    html! {
        div.docs {
            nav aria-label="Documentation" { (navigation) (beside) }
            div { (content) }
        }
    }
}
