//! The resources of the reference: their list, which calls each has, and the page of each.

use maud::{Markup, html};

use crate::{
    Page,
    document::{Document, Operation},
    markdown, operation, schema,
};

/// Subject of a page of the reference.
pub struct Resource {
    /// Last part of the page's address.
    pub name: &'static str,
    /// Heading of the page.
    pub title: &'static str,
    /// Name of the guide that goes with the resource.
    guide: Option<&'static str>,
}

const fn resource(name: &'static str, title: &'static str, guide: Option<&'static str>) -> Resource {
    Resource { name, title, guide }
}

/// All resources, in the order in which they are listed.
pub const RESOURCES: &[Resource] = &[
    resource("accounts", "Accounts", Some("accounts")),
    resource("user", "User", Some("accounts")),
    resource("sessions", "Sessions", Some("accounts")),
    resource("second-factor", "Second factor", Some("accounts")),
    resource("api-keys", "API keys", Some("api-keys")),
    resource("webhooks", "Webhooks", Some("webhooks")),
    resource("declaring", "Declaring models and benchmarks", Some("publishing")),
    resource("publishing", "Publishing runs", Some("publishing")),
    resource("seals", "Seals", Some("publishing")),
    resource("leaderboard", "Leaderboard", Some("leaderboard")),
    resource("comparison", "Comparisons", Some("leaderboard")),
    resource("catalogue", "Models, benchmarks and runs", Some("leaderboard")),
    resource("log", "Changes and log", Some("verify")),
    resource("export", "Export", Some("dataset")),
    resource("administration", "Administration", Some("administration")),
    resource("moderation", "Moderation", Some("administration")),
    resource("service", "Service", None),
    resource("pages", "Pages", None),
];

/// Returns the resource of a call: by the call's answer and path, else by its tag.
pub fn resource_of(operation: &Operation<'_>) -> &'static str {
    let begins = |start: &str| operation.path.starts_with(start);
    match operation.tag() {
        _ if operation.is_page() => "pages",
        "Accounts" if begins("/api/v1/auth/mfa") || begins("/api/v1/auth/login/mfa") => "second-factor",
        "Accounts"
            if ["/api/v1/auth/login", "/api/v1/auth/logout", "/api/v1/auth/refresh", "/api/v1/auth/session"]
                .iter()
                .any(|start| begins(start))
                || operation.id() == "jwks" =>
        {
            "sessions"
        }
        "Accounts" => "accounts",
        "User" => "user",
        "API keys" => "api-keys",
        "Webhooks" => "webhooks",
        "Publishing" | "Leaderboard" if operation.path.contains("/seals") => "seals",
        "Publishing" if begins("/api/v1/models") || begins("/api/v1/benchmarks") => "declaring",
        "Publishing" => "publishing",
        "Administration"
            if ["models", "benchmarks", "runs", "featured-benchmark"]
                .iter()
                .any(|what| begins(&format!("/api/v1/admin/{what}"))) =>
        {
            "moderation"
        }
        "Administration" => "administration",
        "Leaderboard" => match operation.path {
            path if begins("/api/v1/log") || begins("/api/v1/changes") || path.contains("log-keys") => "log",
            path if begins("/api/v1/export") || path.ends_with("every-eval-ever") || path.ends_with(".yaml") => {
                "export"
            }
            path if begins("/api/v1/models") || begins("/api/v1/benchmarks") || begins("/api/v1/runs") => {
                if path.ends_with("/history") || path.ends_with("/health") { "comparison" } else { "catalogue" }
            }
            _ if begins("/api/v1/leaderboard/") => "comparison",
            _ => "leaderboard",
        },
        _ => "service",
    }
}

/// Renders the page of a resource.
pub fn page(document: &Document<'_>, resource: &Resource) -> Page {
    let calls = document.operations_of(resource.name).collect::<Vec<_>>();
    let mut tags = calls.iter().map(|call| call.tag()).collect::<Vec<_>>();
    tags.dedup();
    let mut schemas = document.schemas_of(resource.name).peekable();
    let content = html! {
        @if let [tag] = tags.as_slice() {
            @let tag = document.at("/tags").and_then(|all| all.as_array()?.iter().find(|one| crate::document::text(one, "name") == *tag));
            @if let Some(tag) = tag { (markdown::prose(crate::document::text(tag, "description"))) }
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
