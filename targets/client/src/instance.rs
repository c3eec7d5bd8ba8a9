//! Requests to the instance.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use reqwest::{Client, Url};

use crate::api::{ApiError, Problem, client_builder, retry_after, with_retries};

const TIMEOUT: Duration = Duration::from_secs(60);

/// The instance whose data are exported.
pub struct Instance {
    client: Client,
    /// Address of the manifest.
    pub manifest: Url,
    /// Address of the description in the Croissant vocabulary.
    pub croissant: Url,
}

impl Instance {
    /// Creates a client of the instance at this address.
    ///
    /// # Errors
    /// A text that says what is wrong with the address.
    pub fn new(url: &str) -> Result<Self, String> {
        let at = |path: &str| {
            let address = format!("{}/api/v1/{path}", url.trim_end_matches('/'));
            Url::parse(&address).map_err(|error| format!("--url {url}: {error}"))
        };
        let (manifest, croissant) = (at("export")?, at("export/croissant")?);
        let client = client_builder().timeout(TIMEOUT).build().map_err(|error| error.to_string())?;
        Ok(Self { client, manifest, croissant })
    }

    /// Resolves a link that the instance gave, which has to lead to the instance itself.
    ///
    /// # Errors
    /// A text where the link leads elsewhere, or is not an address.
    pub fn resolve(&self, from: &Url, link: &str) -> Result<Url, String> {
        let url = from.join(link).map_err(|error| format!("the server's link {link:?}: {error}"))?;
        if url.origin() == self.manifest.origin() { Ok(url) } else { Err(format!("the server links to {url}")) }
    }

    /// Requests an address, and returns headers and body of a success.
    ///
    /// # Errors
    /// A text with the path, and why there is no success.
    pub async fn get(&self, url: &Url, report: &dyn Fn(&str)) -> Result<(HeaderMap, Vec<u8>), String> {
        let answer = with_retries(report, || self.try_get(url)).await;
        answer.map_err(|error| format!("{}: {}", url.path(), error.reason))
    }

    async fn try_get(&self, url: &Url) -> Result<(HeaderMap, Vec<u8>), ApiError> {
        let response = self.client.get(url.clone()).send().await.map_err(ApiError::unanswered)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(ApiError::unanswered)?.to_vec();
        if status == StatusCode::OK {
            return Ok((headers, body));
        }
        let detail = Problem::read(&body).detail;
        let reason = detail.map_or_else(|| status.to_string(), |detail| format!("{status}: {detail}"));
        let later = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        let retry_after = later.then(|| retry_after(&headers));
        Err(ApiError { status: Some(status), retry_after, ..ApiError::unsent(reason) })
    }
}

/// Returns the address of the next page, from the header `Link` (RFC 8288).
pub fn next_page(headers: &HeaderMap) -> Option<String> {
    let mut links = headers.get_all(header::LINK).iter().filter_map(|link| link.to_str().ok());
    let link = links.find(|link| link.contains("rel=\"next\""))?;
    let (_, rest) = link.split_once('<')?;
    rest.split_once('>').map(|(target, _)| target.to_owned())
}
