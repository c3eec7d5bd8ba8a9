//! Documentation: the OpenAPI document, and pages that the build makes of it and of the guides.

use std::sync::LazyLock;

use axum::{extract::OriginalUri, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::PreEscaped;

use super::StaticAnswer;
use crate::http::{
    leaderboard::caching,
    openapi::{IfNoneMatch, NotFound},
    page::Frame,
    problem::ApiError,
};

/// OpenAPI document as it is kept in the sources, without whitespace.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Texts that the pages are made of besides the document, and how: `aibaas_docsite::Packed` describes both.
const FRESH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/docsite.fresh"));
const PARTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/docsite.parts"));

/// Page that the build made, without what is around every page of the site.
struct PackedPage {
    path: &'static str,
    title: &'static str,
    /// Offsets of the page in [`FRESH`] and in [`PARTS`], in bytes.
    fresh: usize,
    parts: usize,
}

impl PackedPage {
    fn html(&self) -> String {
        let mut html = Vec::new();
        let mut fresh = FRESH.get(self.fresh..).unwrap_or_default();
        let mut parts = PARTS.get(self.parts..).unwrap_or_default().iter();
        loop {
            let (own, rest) = fresh.split_at_checked(number(&mut parts)).unwrap_or_default();
            html.extend_from_slice(own);
            fresh = rest;
            let length = number(&mut parts);
            if length == 0 {
                return String::from_utf8(html).unwrap_or_default();
            }
            let from = number(&mut parts);
            let (text, from) = from.checked_sub(OPENAPI.len()).map_or((OPENAPI.as_bytes(), from), |from| (FRESH, from));
            html.extend_from_slice(text.get(from..from.saturating_add(length)).unwrap_or_default());
        }
    }
}

/// Reads the next number: 7 bits a byte, the last byte below 128.
fn number(bytes: &mut std::slice::Iter<'_, u8>) -> usize {
    let (mut value, mut shift) = (0, 0);
    for byte in bytes {
        value |= usize::from(byte & 0x7f).wrapping_shl(shift);
        if *byte < 0x80 {
            break;
        }
        shift = shift.saturating_add(7);
    }
    value
}

/// Operation of the document, and where its documentation is.
pub struct Operation {
    /// HTTP method, in capitals.
    pub method: &'static str,
    /// Path, with its parameters in braces.
    pub path: &'static str,
    /// Address of the operation's documentation: page and anchor.
    pub href: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/docsite.rs"));

/// Shows this document.
///
/// OpenAPI 3.1, the same for every deployment of this version.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "Service",
    params(IfNoneMatch),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object)),
)]
pub async fn openapi(headers: HeaderMap) -> Response {
    static ANSWER: LazyLock<StaticAnswer> = LazyLock::new(|| StaticAnswer::new("application/json", OPENAPI.as_bytes()));
    ANSWER.answer(&headers)
}

/// Shows what the documentation has.
///
/// Guides, resources, what holds for every call, and a list of all calls.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "Service",
    params(IfNoneMatch),
    responses((status = 200, description = "The page.", content_type = "text/html", body = String)),
)]
pub async fn overview(uri: OriginalUri, headers: HeaderMap) -> Result<Response, ApiError> {
    built_page(&uri, &headers)
}

/// Shows the calls of a resource.
///
/// Each with who may make it, its parameters, its body, examples, its answers and its errors.
#[utoipa::path(
    get,
    path = "/docs/api/{resource}",
    operation_id = "docsOfResource",
    tag = "Service",
    params(
        (
            "resource" = String,
            Path,
            description = "A resource that `/docs` names.",
            pattern = "^[a-z][a-z0-9-]*$",
            example = "api-keys"
        ),
        IfNoneMatch
    ),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (status = 404, response = NotFound),
    ),
)]
pub async fn resource(uri: OriginalUri, headers: HeaderMap) -> Result<Response, ApiError> {
    built_page(&uri, &headers)
}

/// Shows a guide.
///
/// How one thing is done, step by step.
#[utoipa::path(
    get,
    path = "/docs/guides/{name}",
    operation_id = "docsGuide",
    tag = "Service",
    params(
        (
            "name" = String,
            Path,
            description = "A guide that `/docs` names.",
            pattern = "^[a-z][a-z0-9-]*$",
            example = "quick-start"
        ),
        IfNoneMatch
    ),
    responses(
        (status = 200, description = "The page.", content_type = "text/html", body = String),
        (status = 404, response = NotFound),
    ),
)]
pub async fn guide(uri: OriginalUri, headers: HeaderMap) -> Result<Response, ApiError> {
    built_page(&uri, &headers)
}

/// Answers with the built page of this path, which only another build changes.
fn built_page(uri: &OriginalUri, headers: &HeaderMap) -> Result<Response, ApiError> {
    let page = PAGES.iter().find(|page| page.path == uri.path()).ok_or_else(|| ApiError::not_found("page"))?;
    let tag = caching::tag_of(&page.path);
    let holds = HeaderValue::from_static("public, max-age=300");
    Ok(caching::not_modified(headers, &tag, holds.clone()).unwrap_or_else(|| {
        let frame = Frame { title: page.title, here: page.path, sheet: Some("/docs.css"), ..Frame::default() };
        caching::cacheable(frame.page(StatusCode::OK, &PreEscaped(page.html())), &tag, holds)
    }))
}

/// Returns the operations that may answer with this code.
pub fn operations_with(code: &str) -> impl Iterator<Item = &'static Operation> {
    let known = OPERATIONS_BY_CODE.iter().find(|(name, _)| *name == code);
    known.into_iter().flat_map(|(_, places)| places.iter().filter_map(|place| OPERATIONS.get(*place)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{domain::leaderboard::Flag, http::problem::CODES};

    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap_or_default());

    fn names(schema: &str) -> Vec<&str> {
        let names = DOCUMENT.pointer(&format!("/components/schemas/{schema}/enum")).and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    #[test]
    fn the_document_names_every_problem() {
        assert_eq!(names("ProblemCode"), CODES.iter().map(|code| code.name()).collect::<Vec<_>>());
    }

    #[test]
    fn the_document_names_every_flag() {
        // A flag that is added has to be placed here.
        let next = |flag: &Flag| match flag {
            Flag::MissingCost => Some(Flag::SelfReported),
            Flag::SelfReported => Some(Flag::CountsOnly),
            Flag::CountsOnly => Some(Flag::ScoreOnly),
            Flag::ScoreOnly => Some(Flag::DirtyHarness),
            Flag::DirtyHarness => Some(Flag::Contamination),
            Flag::Contamination => Some(Flag::BestOfN),
            Flag::BestOfN => Some(Flag::OtherConditions),
            Flag::OtherConditions => Some(Flag::Unpinned),
            Flag::Unpinned => None,
        };
        let flags = std::iter::successors(Some(Flag::MissingCost), next);
        assert_eq!(names("Flag"), flags.map(Flag::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn the_document_is_openapi_3_1() {
        assert!(DOCUMENT["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
        assert!(DOCUMENT["paths"].as_object().is_some_and(|paths| paths.len() > 20));
    }
}
