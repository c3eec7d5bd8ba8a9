//! Pages of lists, which cursors lead through, and pages of HTML.

use axum::{
    extract::{FromRequestParts, OriginalUri},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, Uri, header, request::Parts};
use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};

use super::{
    problem::{ApiError, MALFORMED_REQUEST},
    request::Query,
};
pub use crate::store::END_OF_TIME;
use crate::{domain::Timestamp, store::PageBefore};

const MOST: u32 = 100;
const DEFAULT: u32 = 20;
/// Longest cursor, in bytes: it holds at most a benchmark, a version and the name of a task.
const LONGEST_CURSOR: usize = 4096;
/// Content Security Policy of HTML pages: no scripts, and nothing from other origins.
pub const CSP: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The parameters of every list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    pub cursor: Option<String>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<'a, T> {
    #[schema(max_items = 100)]
    data: &'a [T],
    /// For the next page; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    next_cursor: Option<&'a str>,
}

/// Most bytes of JSON that a page's items have: a Worker has 128 MB for all its requests, and what is around a page
/// costs as much again. A page may therefore be shorter than was asked for.
const PAGE_BYTES: usize = 1_000_000;

/// Takes a page of items, of which one more than `limit` was queried; returns it and the cursor to the next, if any.
#[must_use]
pub fn take_page<T: Serialize, P: Serialize>(
    items: Vec<T>,
    limit: u32,
    position: impl Fn(&T) -> P,
) -> (Vec<T>, Option<String>) {
    cut_page(items, limit, position, json_size)
}

/// Takes a page like [`take_page`], of rows that are few and short, without measuring their JSON. For HTML pages.
#[must_use]
pub fn take_rows<T, P: Serialize>(items: Vec<T>, rows: u32, position: impl Fn(&T) -> P) -> (Vec<T>, Option<String>) {
    cut_page(items, rows, position, |_| 0)
}

fn cut_page<T, P: Serialize>(
    mut items: Vec<T>,
    limit: u32,
    position: impl Fn(&T) -> P,
    size: impl Fn(&T) -> usize,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(fitting(&items, size));
    let is_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| is_more).and_then(|last| write_cursor(&position(last)));
    (items, next)
}

/// Returns how many of the items fit into [`PAGE_BYTES`], each measured by `size`: at least one.
#[must_use]
pub fn fitting<T>(items: &[T], size: impl Fn(&T) -> usize) -> usize {
    let sizes = items.iter().scan(0_usize, |sum, item| {
        *sum = sum.saturating_add(size(item)).saturating_add(1);
        Some(*sum)
    });
    sizes.take_while(|sum| *sum <= PAGE_BYTES).count().max(1)
}

/// Returns the length of the item's JSON, in bytes.
#[must_use]
pub fn json_size(item: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // An item that cannot be serialized fails where it is sent.
    let _ = serde_json::to_writer(&mut count, item);
    count.0
}

/// Checks `?limit=`, and returns it or the default.
///
/// # Errors
/// `malformed_request`.
pub fn page_size(limit: Option<u32>) -> Result<u32, ApiError> {
    match limit.unwrap_or(DEFAULT) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(ApiError::new(MALFORMED_REQUEST, format!("limit is 1 to {MOST}"))),
    }
}

/// Decodes `?cursor=` into the position that it holds.
///
/// # Errors
/// `malformed_request`.
pub fn read_cursor<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, ApiError> {
    let read = |cursor: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    let unreadable = || ApiError::new(MALFORMED_REQUEST, "the cursor is none of ours");
    let ours = cursor.map(|cursor| if cursor.len() <= LONGEST_CURSOR { read(cursor) } else { None });
    ours.map(|position| position.ok_or_else(unreadable)).transpose()
}

/// Request for a page of a list by time and id, newest first, with the parameters that every list has.
pub struct NewestFirst {
    uri: Uri,
    limit: u32,
    /// Time and id of the last item of the page before.
    before: (i64, String),
}

impl NewestFirst {
    /// Creates the request for a page from its query parameters.
    ///
    /// # Errors
    /// `malformed_request`.
    pub fn new(uri: Uri, limit: Option<u32>, cursor: Option<&str>) -> Result<Self, ApiError> {
        let before = read_cursor(cursor)?.unwrap_or((END_OF_TIME, String::new()));
        Ok(Self { uri, limit: page_size(limit)?, before })
    }

    /// Returns which rows to read: one more than the page has.
    #[must_use]
    pub fn rows(&self) -> PageBefore {
        let (at, id) = &self.before;
        PageBefore { at: Timestamp(*at), id: id.clone(), rows: self.limit.saturating_add(1) }
    }

    /// Answers with a page of the items. `position` gives each item's time and id, `body` its JSON.
    #[must_use]
    pub fn answer<T, B: Serialize>(
        &self,
        items: Vec<T>,
        position: impl Fn(&T) -> (i64, String),
        body: impl Fn(T) -> B,
    ) -> Response {
        let items = items.into_iter().map(|item| (position(&item), body(item))).collect::<Vec<_>>();
        let (items, next) = cut_page(items, self.limit, |(at, _)| at.clone(), |(_, body)| json_size(body));
        list(&self.uri, &items.into_iter().map(|(_, body)| body).collect::<Vec<_>>(), next)
    }
}

impl<S: Sync> FromRequestParts<S> for NewestFirst {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Query(page) = Query::<PageQuery>::from_request_parts(parts, state).await?;
        let uri =
            parts.extensions.get::<OriginalUri>().map_or_else(|| parts.uri.clone(), |OriginalUri(uri)| uri.clone());
        Self::new(uri, page.limit, page.cursor.as_deref())
    }
}

/// Encodes a cursor to what comes after this position.
#[must_use]
pub fn write_cursor(position: &impl Serialize) -> Option<String> {
    serde_json::to_vec(position).ok().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// Answers with `{"data":[…],"nextCursor":…}`, and the `Link` to the next page.
#[must_use]
pub fn list<T: Serialize>(uri: &Uri, data: &[T], next: Option<String>) -> Response {
    let response = axum::Json(Page { data, next_cursor: next.as_deref() }).into_response();
    with_next_link(response, uri, next.as_deref())
}

/// Adds the `Link` to the next page, if there is one.
#[must_use]
pub fn with_next_link(mut response: Response, uri: &Uri, next: Option<&str>) -> Response {
    if let Some(link) = next.and_then(|cursor| next_link(uri, cursor)) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// Returns the `Link` to the next page, `<…?cursor=…>; rel="next"` (RFC 8288).
#[must_use]
pub fn next_link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let kept = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_cursor(pair));
    let query = kept.map(str::to_owned).chain([format!("cursor={cursor}")]).collect::<Vec<_>>().join("&");
    HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}

/// Returns whether a pair of a query is the parameter `cursor`, however its name is escaped.
fn is_cursor(pair: &str) -> bool {
    let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(pair).unwrap_or_default();
    pairs.iter().any(|(name, _)| name == "cursor")
}

/// Answers with an HTML page in the house's style.
#[must_use]
pub fn html_page(status: StatusCode, title: &str, content: &Markup) -> Response {
    Frame { title, ..Frame::default() }.page(status, content)
}

/// Head and header around the content of a page in the house's style.
#[derive(Clone, Copy, Default)]
pub struct Frame<'a> {
    /// Heading of the page, and title of its tab.
    pub title: &'a str,
    /// Path of the page, whose link the header marks.
    pub here: &'a str,
    /// Path of an additional style sheet.
    pub sheet: Option<&'a str>,
    /// Whether the page shows a form that was refused: the title of its tab then begins with "Error".
    pub is_refused: bool,
    /// Whether an administrator sees the page: the header then links to the admin pages.
    pub is_administrators: bool,
}

impl Frame<'_> {
    /// Answers with the whole page.
    #[must_use]
    pub fn page(&self, status: StatusCode, content: &Markup) -> Response {
        html_answer(status, self.document(content).into_string())
    }

    /// Renders the whole page.
    #[must_use]
    pub fn document(&self, content: &Markup) -> Markup {
        self.wrap(&html! { @if let Some(sheet) = self.sheet { link rel="stylesheet" href=(sheet); } }, content)
    }
}

/// Metadata of a page, for those who link to it.
pub struct Summary<'a> {
    /// Title of the page.
    pub title: &'a str,
    /// Description of the page in a sentence.
    pub description: &'a str,
    /// Canonical path of the page, whatever query it was requested with.
    pub path: &'a str,
}

/// Renders the whole of a page that others link to. `base_url` is the deployment's public address.
#[must_use]
pub fn public_document(base_url: &str, of: &Summary<'_>, content: &Markup) -> Markup {
    let head = html! {
        meta name="description" content=(of.description);
        link rel="canonical" href={ (base_url) (of.path) };
        meta property="og:type" content="website";
        meta property="og:site_name" content="AIBaaS";
        meta property="og:title" content=(of.title);
        meta property="og:description" content=(of.description);
        meta property="og:url" content={ (base_url) (of.path) };
        meta property="og:image" content={ (base_url) "/card.png" };
    };
    Frame { title: of.title, here: of.path, ..Frame::default() }.wrap(&head, content)
}

/// Links in the header: path and label.
const SITE: [(&str, &str); 7] = [
    ("/benchmarks", "Benchmarks"),
    ("/models", "Models"),
    ("/leaderboard/compare", "Compare"),
    ("/standings", "Standings"),
    ("/changes", "Changes"),
    ("/docs", "Docs"),
    ("/account", "Account"),
];

/// Path that the header also links to for administrators.
const ADMIN: &str = "/admin";

/// Header links of pages whose paths are not below one: how the page's path begins, and the link's path.
const ELSEWHERE: [(&str, &str); 3] =
    [("/leaderboard/models/", "/models"), ("/leaderboard", "/benchmarks"), ("/problems", "/docs")];

impl Frame<'_> {
    fn wrap(&self, head: &Markup, content: &Markup) -> Markup {
        let path = self.here.split(['?', '#']).next().unwrap_or_default();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { @if self.is_refused { "Error: " } (self.title) " · AIBaaS" }
                    link rel="stylesheet" href="/style.css";
                    link rel="icon" href="/favicon.svg" type="image/svg+xml";
                    (head)
                }
                body {
                    a class="skip" href="#main" { "Skip to content" }
                    header {
                        a href="/" aria-current=[(path == "/").then_some("page")] { "AIBaaS" }
                        nav aria-label="Site" {
                            @for (to, name) in SITE { a href=(to) aria-current=[aria_current(to, path)] { (name) } }
                            @if self.is_administrators {
                                a href=(ADMIN) aria-current=[aria_current(ADMIN, path)] { "Admin" }
                            }
                        }
                    }
                    main id="main" { h1 { (self.title) } (content) }
                }
            }
        }
    }
}

/// Returns the `aria-current` of a header link: `page` on its own page, `true` on pages that belong to it, else
/// nothing.
fn aria_current(place: &str, path: &str) -> Option<&'static str> {
    if path == place {
        return Some("page");
    }
    let is_below = |whole: &str| path.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_named = SITE.iter().any(|(to, _)| *to == path);
    let elsewhere = ELSEWHERE.iter().find(|(begins, _)| path.starts_with(begins)).filter(|_| !is_named);
    let belongs = elsewhere.map_or_else(|| is_below(place), |(_, to)| *to == place);
    belongs.then_some("true")
}

/// Answers with a whole HTML page under the pages' Content Security Policy.
#[must_use]
pub fn html_answer(status: StatusCode, page: impl IntoResponse) -> Response {
    let mut response = (status, page).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CSP);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_has_one_cursor() {
        for (query, next) in [
            ("/models", "/models?cursor=new"),
            ("/models?cursor=old", "/models?cursor=new"),
            ("/models?%63ursor=old&limit=5", "/models?limit=5&cursor=new"),
            ("/models?q=a%26b+c&%63%75%72%73%6F%72=old&", "/models?q=a%26b+c&cursor=new"),
            ("/models?cursor", "/models?cursor=new"),
            ("/models?cursors=1&xcursor=2&q=cursor=old", "/models?cursors=1&xcursor=2&q=cursor=old&cursor=new"),
        ] {
            let link = next_link(&Uri::from_static(query), "new").unwrap();
            assert_eq!(link.to_str().unwrap(), format!("<{next}>; rel=\"next\""), "{query}");
        }
    }

    #[test]
    fn the_header_marks_where_a_page_is() {
        let marks = |here: &str| {
            let page = Frame { title: "A page", here, ..Frame::default() }.document(&html! {}).into_string();
            let (_, header) = page.split_once("<header>").unwrap();
            let links = header.split("</header>").next().unwrap().split("<a href=\"").skip(1);
            let marked = links.filter_map(|link| {
                let (to, rest) = link.split_once('"').unwrap();
                let (_, mark) = rest.split_once("aria-current=\"")?;
                Some(format!("{to} {}", mark.split('"').next().unwrap()))
            });
            marked.collect::<Vec<_>>().join(", ")
        };
        for (here, marked) in [
            ("/", "/ page"),
            ("/models", "/models page"),
            ("/models?provider=maker", "/models page"),
            ("/leaderboard/models/maker/model", "/models true"),
            ("/leaderboard?benchmark=bench&version=1", "/benchmarks true"),
            ("/leaderboard/seals?benchmark=bench", "/benchmarks true"),
            ("/leaderboard/compare", "/leaderboard/compare page"),
            ("/leaderboard/compare?benchmark=bench&a=a/b", "/leaderboard/compare page"),
            ("/docs", "/docs page"),
            ("/docs/guides/importing", "/docs true"),
            ("/problems/not_found", "/docs true"),
            ("/account", "/account page"),
            ("/account/keys/new", "/account true"),
            ("/accounting", ""),
            ("/runs/01939f42", ""),
            ("", ""),
        ] {
            assert_eq!(marks(here), marked, "{here}");
        }
    }

    #[test]
    fn a_refused_form_says_so_first() {
        let title = |is_refused| {
            let page = Frame { title: "Log in", is_refused, ..Frame::default() }.document(&html! {}).into_string();
            page.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap().to_owned()
        };
        assert_eq!((title(true), title(false)), ("Error: Log in · AIBaaS".to_owned(), "Log in · AIBaaS".to_owned()));
    }
}
