//! Outbound requests, to the hosts that `spin.toml` allows.

use std::{pin::pin, time::Duration};

use aibaas_core::ports::{Destination, HttpClient, HttpError, OutboundRequest, OutboundResponse};
use async_trait::async_trait;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Limited};
use spin_sdk::http::FullBody;

use crate::spawned::note_spawned;

/// Longest answer that is read, in bytes, as the port promises.
const LONGEST_ANSWER: usize = 1 << 20;

pub struct SpinHttpClient;

#[async_trait]
impl HttpClient for SpinHttpClient {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        let timeout = Duration::from_millis(request.timeout_ms.into());
        match select(pin!(send(request)), pin!(spin_sdk::time::sleep(timeout))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(HttpError(format!("no answer within {} ms", timeout.as_millis()))),
        }
    }
}

async fn send(request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
    let of_stranger = request.destination == Destination::Stranger;
    // Without a stated length Spin sends chunks, which not every server takes.
    let mut builder = http::Request::builder().method(request.method).uri(request.url);
    if !request.body.is_empty() {
        builder = builder.header(http::header::CONTENT_LENGTH, request.body.len());
    }
    for (name, value) in &request.headers {
        builder = builder.header(*name, value.expose());
    }
    let request =
        builder.body(FullBody::new(bytes::Bytes::from(request.body))).map_err(|error| HttpError(error.to_string()))?;

    // The body is sent by work of its own.
    note_spawned();
    let (parts, body) =
        spin_sdk::http::send(request).await.map_err(|code| HttpError(format!("{code:?}")))?.into_parts();
    let body = if of_stranger {
        // The body is dropped unread: it may be large, or never end.
        bytes::Bytes::new()
    } else {
        Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| HttpError(error.to_string()))?.to_bytes()
    };
    let headers = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    Ok(OutboundResponse { status: parts.status.as_u16(), headers: headers.collect(), body: body.to_vec() })
}
