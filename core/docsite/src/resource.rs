//! The resources of the reference, and which calls each has.

use crate::call::Operation;

/// Subject of a page of the reference.
pub struct Resource {
    /// Last part of the page's address.
    pub name: &'static str,
    /// Heading of the page.
    pub title: &'static str,
    /// Name of the guide that goes with the resource.
    pub guide: Option<&'static str>,
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
