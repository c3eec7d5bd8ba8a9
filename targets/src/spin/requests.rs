//! Requests: from Spin to the application's router, and its answers back.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use aibaas_core::{ClientAddress, ports::BoxFuture, watch_body};
use axum::body::{Body, HttpBody as _};
use http::{HeaderMap, Request, Response, StatusCode, header};
use spin_sdk::http_service;
use tower::ServiceExt as _;

use super::application::application;
use crate::spawned::attended;

/// Header in which Spin names the peer.
const CLIENT_ADDRESS: &str = "spin-client-addr";

/// Most bytes that are read of a body that nobody wants. Spin closes the connection after a body that is not read
/// whole, cannot be made to announce that, and resets it. So more is read here than on hosts that can announce it.
const MOST_DRAINED: u64 = 8 * 1024 * 1024;
/// Time limit for reading such a body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

#[http_service]
async fn handle(request: spin_sdk::http::Request) -> Response<Body> {
    attended(answer(request)).await
}

async fn answer(request: spin_sdk::http::Request) -> Response<Body> {
    let application = match application().await {
        Ok(application) => application,
        Err(reason) => return with_length(unavailable(reason)),
    };
    let (mut parts, body) = request.into_parts();
    let address = take_client_address(&mut parts.headers);
    if application.is_for_this_machine_only && address.is_some_and(|address| !address.is_loopback()) {
        return with_length(unavailable(
            "the variable environment is not set: set it to production, or to development to serve other machines with \
             the public development secret",
        ));
    }
    if let Some(address) = address {
        parts.extensions.insert(ClientAddress(address));
    }
    let sleep = Arc::new(|time| -> BoxFuture { Box::pin(spin_sdk::time::sleep(time)) });
    let (body, unread) = watch_body(&parts.headers, Box::pin(body), sleep);
    match application.router.clone().oneshot(Request::from_parts(parts, body)).await {
        Ok(response) => {
            unread.drain(MOST_DRAINED, DRAIN_TIMEOUT).await;
            with_length(response)
        }
        Err(never) => match never {},
    }
}

/// Adds the length of the body where it is known; Spin would send chunks.
fn with_length(mut response: Response<Body>) -> Response<Body> {
    let bodiless = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if let Some(length) = response.body().size_hint().exact().filter(|_| !bodiless) {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

/// Removes the header, and returns the address in it. Spin appends the peer to what the client sent, so only the last
/// value is trusted.
fn take_client_address(headers: &mut HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(CLIENT_ADDRESS).iter().next_back().cloned();
    headers.remove(CLIENT_ADDRESS);
    let text = last.as_ref()?.to_str().ok()?;
    let address = text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse()).ok()?;
    Some(address.to_canonical())
}

/// Creates the 503 answer for when there is no application to answer.
fn unavailable(reason: &str) -> Response<Body> {
    let problem = serde_json::json!({
        "type": "about:blank",
        "title": "The service is unavailable for the moment",
        "status": 503,
        "code": "service_unavailable",
        "detail": reason,
    });
    let mut response = Response::new(Body::from(problem.to_string()));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("5"));
    response
}
