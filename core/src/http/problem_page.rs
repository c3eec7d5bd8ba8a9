//! Problems as pages, for people whose browser asks for what does not exist.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, header};
use maud::html;

use super::{
    cors,
    page::Frame,
    problem::{ApiError, ProblemBody},
};

/// Checks whether the client would rather read HTML than JSON, as browsers do.
#[must_use]
pub fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let place = |media: &str| accept.find(media).unwrap_or(usize::MAX);
    place("text/html") < place("application/json")
}

/// Mark on a request that its problem is written as a page. Set on the way in, so that it also holds for a time-out.
#[derive(Clone, Default)]
pub struct ForBrowser(Arc<AtomicBool>);

impl ForBrowser {
    /// Checks whether the mark is set.
    #[must_use]
    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the mark of a request that comes from a browser.
    pub fn note(request: &Request) {
        if wants_html(request.headers())
            && let Some(Self(noted)) = request.extensions().get()
        {
            noted.store(true, Ordering::Relaxed);
        }
    }
}

/// Response extension: the body of the problem is written already, as a page.
#[derive(Clone, Copy)]
pub struct WrittenAsPage;

/// Has problems written as pages for browsers: the layer of what people read.
pub async fn problems_as_pages(request: Request, next: Next) -> Response {
    ForBrowser::note(&request);
    next.run(request).await
}

/// Answers paths that do not exist.
pub async fn no_such_path(request: Request) -> Response {
    ForBrowser::note(&request);
    ApiError::not_found("path").into_response()
}

/// Answers methods that a path for people does not have.
pub async fn no_such_method(request: Request) -> ApiError {
    ForBrowser::note(&request);
    cors::no_such_method().await
}

/// Renders a problem as a page.
#[must_use]
pub fn problem_page(problem: &ProblemBody<'_>, here: &str) -> String {
    let content = html! {
        p class="lede" { (sentence(problem.detail)) }
        p { a href="/" { "Home" } " · " a href="/search" { "Search" } }
        p class="meta" { (problem.status) " " a href={ "/problems/" (problem.code.name()) } { code { (problem.code.name()) } } " · request " code { (problem.request_id) } }
    };
    Frame { title: problem.title, here, ..Frame::default() }.document(&content).into_string()
}

/// Turns a detail into a sentence: `ask again` into `Ask again.`
pub fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let begun = letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default();
    if begun.ends_with(['.', '!', '?']) { begun } else { format!("{begun}.") }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn details_become_sentences() {
        assert_eq!(sentence("name a benchmark, such as a"), "Name a benchmark, such as a.");
        assert_eq!([sentence("Gone."), sentence(""), sentence("Why?")], ["Gone.", ".", "Why?"]);
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
