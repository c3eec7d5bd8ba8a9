//! Icon of the site, picture for links to it, and what robots may read.

use std::sync::LazyLock;

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, header};

use super::StaticAnswer;
use crate::{app::App, http::openapi::IfNoneMatch};

/// Shows the icon of the site.
///
/// A scalable one.
#[utoipa::path(
    get,
    path = "/favicon.svg",
    operation_id = "favicon",
    tag = "Service",
    params(IfNoneMatch),
    responses((status = 200, description = "The icon.", content_type = "image/svg+xml", body = String)),
)]
pub async fn favicon(headers: HeaderMap) -> Response {
    static ICON: LazyLock<StaticAnswer> =
        LazyLock::new(|| StaticAnswer::new("image/svg+xml", include_bytes!("favicon.svg")));
    ICON.answer(&headers)
}

/// Shows the picture of links to the site.
///
/// 1200 by 630 pixels, as Open Graph wants it.
#[utoipa::path(
    get,
    path = "/card.png",
    operation_id = "card",
    tag = "Service",
    params(IfNoneMatch),
    responses((status = 200, description = "The picture.", content_type = "image/png", body = String)),
)]
pub async fn card(headers: HeaderMap) -> Response {
    static CARD: LazyLock<StaticAnswer> = LazyLock::new(|| StaticAnswer::new("image/png", include_bytes!("card.png")));
    CARD.answer(&headers)
}

/// Says what robots may read.
///
/// The pages, and neither the API nor searches.
#[utoipa::path(
    get,
    path = "/robots.txt",
    operation_id = "robots",
    tag = "Service",
    responses((status = 200, description = "The rules.", content_type = "text/plain", body = String)),
)]
pub async fn robots(State(app): State<App>) -> Response {
    let rules = "User-agent: *\nDisallow: /api/\nDisallow: /search\n";
    let mut response = format!("{rules}Sitemap: {}/sitemap.xml\n", app.config().base_url).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
