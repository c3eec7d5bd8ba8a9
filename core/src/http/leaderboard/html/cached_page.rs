//! Answers with pages that caches may keep, each with an `ETag`.

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use maud::Markup;

use crate::{
    app::App,
    http::{
        leaderboard::caching::{self, MINUTE},
        page::{Summary, html_answer, public_document},
        problem::ApiError,
    },
};

/// Renders the page with the `ETag` of its text, or answers 304 where the client has it.
pub(super) fn answer(app: &App, headers: &HeaderMap, summary: &Summary<'_>, content: &Markup) -> Response {
    let page = public_document(&app.config().base_url, summary, content).into_string();
    let tag = caching::etag(page.as_bytes());
    caching::not_modified(headers, &tag, MINUTE)
        .unwrap_or_else(|| caching::cacheable(html_answer(StatusCode::OK, page), &tag, MINUTE))
}

/// A page whose `ETag` is known before it is rendered, so that an instance renders it once.
pub(super) struct TaggedPage {
    tag: String,
    is_kept: bool,
}

impl TaggedPage {
    /// Creates the page that depends on nothing but `shown` and the base URL. The first part of `shown` names the page.
    pub(super) fn new(app: &App, shown: &impl serde::Serialize) -> Result<Self, ApiError> {
        let determined_by = caching::tag_of(&(&app.config().base_url, shown));
        let mac = app.keys().page_tag(determined_by.as_bytes()).map_err(ApiError::internal)?;
        Ok(Self { tag: caching::etag(&mac), is_kept: true })
    }

    /// Keeps the page in memory only if `is_kept`: not where anybody could make up any number of such pages.
    pub(super) fn kept_if(self, is_kept: bool) -> Self {
        Self { is_kept, ..self }
    }

    /// Returns a 304 where the client has the page, or the page where this instance has rendered it; otherwise `None`:
    /// then it has to be rendered.
    pub(super) fn rendered_before(&self, app: &App, headers: &HeaderMap) -> Option<Response> {
        if let Some(known) = caching::not_modified(headers, &self.tag, MINUTE) {
            return Some(known);
        }
        let page = app.rendered_pages().get(&self.tag).filter(|_| self.is_kept)?;
        Some(caching::cacheable(html_answer(StatusCode::OK, page), &self.tag, MINUTE))
    }

    /// Renders the page and keeps it.
    pub(super) fn answer(self, app: &App, summary: &Summary<'_>, content: &Markup) -> Response {
        let page = Bytes::from(public_document(&app.config().base_url, summary, content).into_string());
        let response = caching::cacheable(html_answer(StatusCode::OK, page.clone()), &self.tag, MINUTE);
        if self.is_kept {
            let bytes = self.tag.len().saturating_add(page.len());
            app.rendered_pages().put(self.tag, page, bytes);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use axum::{
        body::{Body, to_bytes},
        extract::Request,
    };
    use futures_util::FutureExt as _;
    use http::header;
    use maud::html;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        app::ClientAddress,
        config::{Config, HostDefaults},
        counting_ports::Counting,
        http::router,
    };

    fn app(counting: &Arc<Counting>, secret: &str) -> App {
        let lookup = |name: &str| (name == "JWT_SECRET").then(|| secret.repeat(32));
        App::new(counting.ports(), Config::load(&lookup, HostDefaults::development("http://a.example")).unwrap())
    }

    fn rendered(app: &App, page: TaggedPage, text: &str) -> Response {
        page.answer(app, &Summary { title: text, description: text, path: "/" }, &html! { (text) })
    }

    fn tag(response: &Response) -> String {
        response.headers()[header::ETAG].to_str().unwrap().to_owned()
    }

    fn body(response: Response) -> Bytes {
        to_bytes(response.into_body(), usize::MAX).now_or_never().unwrap().unwrap()
    }

    #[test]
    fn a_page_is_rendered_once() {
        let app = app(&Arc::default(), "a");
        let page = |shown: &str| TaggedPage::new(&app, &("page", shown)).unwrap();
        let none = HeaderMap::new();
        assert!(page("a").rendered_before(&app, &none).is_none());
        let first = rendered(&app, page("a"), "a page");
        let again = page("a").rendered_before(&app, &none).unwrap();
        assert_eq!((again.status(), again.headers()), (first.status(), first.headers()));
        let known = [(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone())].into_iter().collect();
        assert_eq!(body(first), body(again));
        assert!(page("b").rendered_before(&app, &known).is_none(), "another page");
        let unchanged = page("a").kept_if(false).rendered_before(&app, &known).unwrap();
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn what_anybody_can_make_up_is_not_kept() {
        let app = app(&Arc::default(), "a");
        let page = || TaggedPage::new(&app, &("page", "a")).unwrap().kept_if(false);
        let first = rendered(&app, page(), "a page");
        assert!(page().rendered_before(&app, &HeaderMap::new()).is_none());
        assert_eq!(tag(&rendered(&app, page(), "a page")), tag(&first));
    }

    #[test]
    fn a_tag_tells_nothing_to_those_without_the_secret() {
        let [one, other] = ["a", "b"].map(|secret| app(&Arc::default(), secret));
        let tag = |app: &App| tag(&rendered(app, TaggedPage::new(app, &("page", "a")).unwrap(), "a page"));
        assert_eq!(tag(&one), tag(&one));
        assert_ne!(tag(&one), tag(&other));
    }

    #[test]
    fn what_was_rendered_before_is_sent_after_one_round_trip() {
        let counting = Arc::<Counting>::default();
        let router = router(&app(&counting, "a"));
        let ask = |path: &str| {
            let request = Request::get(path).header(header::HOST, "a.example").header(header::ACCEPT, "text/html");
            let mut request = request.body(Body::empty()).unwrap();
            request.extensions_mut().insert(ClientAddress(Ipv4Addr::LOCALHOST.into()));
            let answer = router.clone().oneshot(request);
            let answer = answer.now_or_never().expect("these ports never wait").unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            (tag(&answer), answer.headers().get(header::VARY).cloned(), body(answer))
        };
        for (path, first_time) in [
            ("/", 2),
            ("/changes", 2),
            ("/benchmarks", 1),
            ("/models", 1),
            ("/standings", 1),
            ("/changes?cursor=WzEsMV0", 2),
        ] {
            let round_trips = |expected: usize| {
                let made = std::mem::take(&mut *counting.round_trips.lock().unwrap());
                assert_eq!(made.len(), expected, "{path}: {made:?}");
            };
            round_trips(0);
            let first = ask(path);
            round_trips(first_time);
            assert_eq!(ask(path), first);
            round_trips(if path.contains("cursor") { first_time } else { 1 });
        }
    }
}
