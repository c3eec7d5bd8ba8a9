//! Frame of every page of an account.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::visit::LoggedIn;
use crate::http::page::Frame;

/// Sections of an account, as its navigation lists them: address and name.
const SECTIONS: [(&str, &str); 9] = [
    ("/account", "Overview"),
    ("/account/keys", "API keys"),
    ("/account/webhooks", "Webhooks"),
    ("/account/publishing", "Publishing"),
    ("/account/profile", "Profile"),
    ("/account/password", "Password"),
    ("/account/second-factor", "Second factor"),
    ("/account/sessions", "Sessions"),
    ("/account/events", "Security events"),
];

/// Answers with a page, with the navigation of the person who is logged in.
pub fn page(status: StatusCode, title: &str, logged_in: Option<(&LoggedIn, &str)>, content: &Markup) -> Response {
    form_page(status, title, logged_in, false, content)
}

/// Answers with a page that holds a form, which may have been refused.
pub fn form_page(
    status: StatusCode,
    title: &str,
    logged_in: Option<(&LoggedIn, &str)>,
    is_refused: bool,
    content: &Markup,
) -> Response {
    let is_administrators = logged_in.is_some_and(|(logged_in, _)| logged_in.caller.is_administrators());
    let here = logged_in.map_or("/account/login", |(_, here)| here);
    let frame = Frame { title, here, sheet: Some("/account.css"), is_refused, is_administrators };
    frame.page(
        status,
        &html! {
            @if let Some((logged_in, here)) = logged_in { (navigation(logged_in, here)) }
            (content)
        },
    )
}

fn navigation(logged_in: &LoggedIn, here: &str) -> Markup {
    html! {
        nav class="sections" aria-label="Account" {
            @for (address, name) in SECTIONS {
                a href=(address) aria-current=[(address == here).then_some("page")] { (name) }
            }
            form method="post" action="/account/logout" { (logged_in.token()) button class="plain" { "Log out" } }
        }
    }
}

/// Returns the address of the page that asks for a login and goes on to `next`.
pub fn login_address(next: &str) -> String {
    if next == "/account" {
        return "/account/login".to_owned();
    }
    let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
    format!("/account/login?{query}")
}

/// Returns where a login leads: to `given` if it is a page of an account or of administrators, else to `/account`;
/// never to another site.
pub fn next_address(given: &str) -> &str {
    let below = ["/account", "/admin"].into_iter().find_map(|top| given.strip_prefix(top));
    let is_page = below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = given.len() <= 500 && given.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // A browser resolves `..` in an address, however it is written, before it goes there.
    let climbs = given.contains("..") || given.to_ascii_lowercase().contains("%2e");
    if is_page && is_plain && !climbs && !given.contains("//") { given } else { "/account" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_no_other_site() {
        for page in ["/account", "/account/keys/x?bucket=day", "/account?a=b", "/admin", "/admin/people?q=ada"] {
            assert_eq!(next_address(page), page);
        }
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/accounts",
            "/administer",
            "/admin//evil.example",
            "/account//evil.example",
            "/account@evil.example",
            "/account/\\evil",
            "/account/../leaderboard",
            "/account/%2E%2e/leaderboard",
            "/account/.%2e/leaderboard",
            "/account/\r\nx",
            "/leaderboard",
        ] {
            assert_eq!(next_address(elsewhere), "/account", "{elsewhere}");
        }
    }
}
