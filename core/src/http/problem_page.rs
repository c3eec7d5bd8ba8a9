//! Problems as pages, for people whose browser asks for what is not there.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, header};
use maud::html;

use super::{page::document, problem::ProblemBody};

/// Whether the client would rather read HTML than JSON: a browser.
#[must_use]
pub fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = |media: &str| accept.find(media).unwrap_or(usize::MAX);
    place("text/html") < place("application/json")
}

/// Marks the answer to a browser: a problem is written as a page.
#[derive(Clone, Copy)]
pub struct ForBrowser;

/// The layer of what people read: problems are pages for browsers.
pub async fn problems_as_pages(request: Request, next: Next) -> Response {
    let is_browser = wants_html(request.headers());
    let mut response = next.run(request).await;
    if is_browser {
        response.extensions_mut().insert(ForBrowser);
    }
    response
}

/// A problem as a page.
#[must_use]
pub fn problem_page(problem: &ProblemBody<'_>) -> String {
    let content = html! {
        p class="lede" { (sentence(problem.detail)) }
        p { a href="/" { "Home" } " · " a href="/search" { "Search" } }
        p class="meta" { (problem.status) " " a href={ "/problems/" (problem.code.name()) } { code { (problem.code.name()) } } " · request " code { (problem.request_id) } }
    };
    document(problem.title, &content).into_string()
}

/// `it is gone` as `It is gone.`
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", rest.as_str())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn details_are_told_as_sentences() {
        assert_eq!(sentence("name a benchmark, such as a"), "Name a benchmark, such as a.");
        assert_eq!(sentence("Gone."), "Gone.");
    }

    #[test]
    fn who_would_rather_read_html_is_a_browser() {
        let wants = |accept: &'static str| {
            wants_html(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(wants("text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(!wants("application/json, text/html") && !wants("*/*") && !wants_html(&HeaderMap::new()));
    }
}
