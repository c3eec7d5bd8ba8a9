//! The site map for search engines.

use axum::{extract::State, response::Response};
use http::HeaderMap;
use maud::{PreEscaped, html};

use super::text::{address, model_address};
use crate::{
    app::App,
    http::{
        leaderboard::caching::{self, MINUTE},
        openapi::IfNoneMatch,
        problem::ApiError,
    },
    store::pages::{self, SiteMapEntry},
};

/// Most benchmarks, and most models, that are listed.
const MOST: u32 = 5000;
const PAGES: [&str; 6] = ["/", "/benchmarks", "/models", "/standings", "/changes", "/docs"];

/// Lists the pages for search engines.
///
/// In the format of sitemaps.org: the first 5,000 benchmarks and models.
#[utoipa::path(
    get,
    path = "/sitemap.xml",
    operation_id = "siteMap",
    tag = "Service",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(IfNoneMatch),
    responses((status = 200, description = "The pages.", content_type = "application/xml", body = String)),
)]
pub async fn site_map(State(app): State<App>, headers: HeaderMap) -> Result<Response, ApiError> {
    let base = &app.config().base_url;
    let listed = pages::site_map(MOST).run(app.database()).await?;
    let addresses = listed.iter().map(|listed| match listed {
        SiteMapEntry::Benchmark(id) => address("/leaderboard", &[("benchmark", id.as_str())]),
        SiteMapEntry::Model(id) => model_address(id),
    });
    let urls = html! {
        @for page in PAGES.into_iter().map(str::to_owned).chain(addresses) { url { loc { (base) (page) } } }
    };
    let text = html! {
        (PreEscaped("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
        urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" { (urls) }
    };
    Ok(caching::answer(&headers, "application/xml", text.into_string(), MINUTE))
}
