//! Outbound requests with reqwest over rustls.

use std::{net::IpAddr, time::Duration};

use aibaas_core::{
    domain::network::is_public,
    ports::{Destination, HttpClient, HttpError, OutboundRequest, OutboundResponse},
};
use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Most bytes that are read of an answer.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Returns a builder of clients that trust the roots of the system and the bundled ones (a bare container has none of
/// its own), and that follow no redirects.
pub fn builder() -> reqwest::ClientBuilder {
    // This fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots =
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter_map(|root| reqwest::Certificate::from_der(root).ok());
    reqwest::Client::builder()
        .tls_certs_merge(roots)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("aibaas/", env!("CARGO_PKG_VERSION")))
}

/// Creates a GET request without credentials and with a time limit of ten seconds, for a command.
pub fn get(url: String) -> OutboundRequest {
    OutboundRequest {
        destination: Destination::Configured,
        method: http::Method::GET,
        url,
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: 10_000,
    }
}

/// [`HttpClient`] on reqwest.
pub struct ReqwestClient {
    configured: reqwest::Client,
    /// Client for addresses that strangers named: through no proxy, which would connect for it, and with no connection
    /// kept.
    strangers: reqwest::Client,
}

/// Resolver that returns only public addresses. It runs at the moment of connecting, so that a name which meanwhile
/// means another address is of no use.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public = found.filter(|address| is_public(address.ip())).collect::<Vec<_>>();
            if public.is_empty() {
                return Err("the name means no public address".into());
            }
            Ok::<Addrs, _>(Box::new(public.into_iter()))
        })
    }
}

/// Checks whether the host of a URL is an IP address, which nobody resolves, and not a public one.
fn is_private_address(url: &str) -> Result<bool, HttpError> {
    let url = reqwest::Url::parse(url).map_err(|_| HttpError("no URL".to_owned()))?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    Ok(address.is_ok_and(|address| !is_public(address)))
}

impl ReqwestClient {
    /// Creates a client with a pool of connections.
    ///
    /// # Errors
    /// [`HttpError`] when TLS cannot be set up.
    pub fn new() -> Result<Self, HttpError> {
        Self::of(builder)
    }

    /// Creates a client that goes through no proxy, whatever the environment names: what it asks is on this machine.
    ///
    /// # Errors
    /// The errors of [`ReqwestClient::new`].
    pub fn direct() -> Result<Self, HttpError> {
        Self::of(|| builder().no_proxy())
    }

    fn of(builder: fn() -> reqwest::ClientBuilder) -> Result<Self, HttpError> {
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(|error| HttpError(error.to_string()));
        let strangers = builder().no_proxy().dns_resolver(std::sync::Arc::new(PublicOnly)).pool_max_idle_per_host(0);
        Ok(Self { configured: build(builder())?, strangers: build(strangers)? })
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            let mut value =
                HeaderValue::from_str(value.expose()).map_err(|_| HttpError(format!("impossible value of {name}")))?;
            value.set_sensitive(true);
            let name = HeaderName::try_from(*name).map_err(|_| HttpError(format!("impossible header {name}")))?;
            headers.append(name, value);
        }
        let of_stranger = request.destination == Destination::Stranger;
        if of_stranger && is_private_address(&request.url)? {
            return Err(HttpError("not a public address".to_owned()));
        }
        let client = if of_stranger { &self.strangers } else { &self.configured };
        let mut response = client
            .request(request.method, &request.url)
            .headers(headers)
            .body(request.body)
            .timeout(Duration::from_millis(request.timeout_ms.into()))
            .send()
            .await
            .map_err(failed)?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut body = Vec::new();
        if of_stranger {
            return Ok(OutboundResponse { status, headers, body });
        }
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            let room = LARGEST_ANSWER.saturating_sub(body.len());
            body.extend(chunk.iter().take(room));
            if chunk.len() > room {
                break;
            }
        }
        Ok(OutboundResponse { status, headers, body })
    }
}

fn failed(error: reqwest::Error) -> HttpError {
    HttpError(describe(error))
}

/// Describes the error with the cause that reqwest's own text hides, and without the address, which the log may not
/// show.
pub fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::Secret;
    use axum::{Router, http::StatusCode, response::Redirect, routing};

    use super::*;

    fn request(base: &str, path: &str) -> OutboundRequest {
        OutboundRequest {
            destination: Destination::Configured,
            method: http::Method::POST,
            url: format!("{base}{path}"),
            headers: vec![("authorization", Secret::new("Bearer x"))],
            body: b"hello".to_vec(),
            timeout_ms: 500,
        }
    }

    #[tokio::test]
    async fn takes_any_answer_but_not_for_ever_nor_without_end() {
        let app = Router::new()
            .route(
                "/echo",
                routing::post(|headers: HeaderMap, body: String| async move {
                    let authorization = headers["authorization"].to_str().unwrap().to_owned();
                    (StatusCode::IM_A_TEAPOT, [("x-seen", authorization)], body)
                }),
            )
            .route("/away", routing::post(|| async { Redirect::temporary("/echo") }))
            .route("/slow", routing::post(std::future::pending::<()>))
            .route("/large", routing::post(|| async { vec![b'a'; 3 * LARGEST_ANSWER] }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(crate::native::connections::serve_router(listener, app));

        let client = ReqwestClient::new().unwrap();
        let answer = client.send(request(&base, "/echo")).await.unwrap();
        assert_eq!((answer.status, answer.body), (418, b"hello".to_vec()));
        assert!(answer.headers.contains(&("x-seen".to_owned(), "Bearer x".to_owned())));
        assert_eq!(client.send(request(&base, "/away")).await.unwrap().status, 307);
        assert_eq!(client.send(request(&base, "/large")).await.unwrap().body.len(), LARGEST_ANSWER);
        assert!(client.send(request(&base, "/slow")).await.is_err());
        assert!(client.send(request("http://127.0.0.1:1", "/")).await.is_err());
    }

    #[tokio::test]
    async fn strangers_addresses_are_public_ones() {
        let app = Router::new().route("/", routing::post(|| async { StatusCode::OK }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(crate::native::connections::serve_router(listener, app));

        let client = ReqwestClient::new().unwrap();
        // Names that resolve to this machine, and every spelling of its addresses.
        for host in ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0"] {
            let configured = request(&format!("http://{host}:{port}"), "/");
            if host != "[::ffff:127.0.0.1]" {
                assert!(client.send(configured.clone()).await.is_ok(), "{host} is there");
            }
            let stranger = OutboundRequest { destination: Destination::Stranger, ..configured };
            assert!(client.send(stranger).await.is_err(), "{host}");
        }
    }
}
