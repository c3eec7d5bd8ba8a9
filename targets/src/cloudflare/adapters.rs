//! The small ports of the Worker: cache, outbound requests, time, randomness and work after the answer.

use aibaas_core::{
    domain::{Secret, Timestamp},
    ports::{
        Background, BoxFuture, Clock, Destination, Entropy, HttpClient, HttpError, KeyValue, KeyValueError,
        OutboundRequest, OutboundResponse, Timer,
    },
};
use async_trait::async_trait;
use wasm_bindgen::prelude::*;
use worker::{
    kv::{KvError, KvStore},
    send::SendFuture,
};

use super::{glue, tasks, timers};

/// Cache in the KV namespace of the binding `CACHE`.
pub(super) struct Kv(pub(super) KvStore);

/// Shortest time to live that Workers KV accepts, in seconds.
const SHORTEST_TTL_SECONDS: u32 = 60;

#[async_trait]
impl KeyValue for Kv {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        SendFuture::new(self.0.get(key).bytes()).await.map_err(unreachable_cache)
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError> {
        let ttl = u64::from(ttl_seconds.max(SHORTEST_TTL_SECONDS));
        let put = async { self.0.put_bytes(key, value)?.expiration_ttl(ttl).execute().await };
        SendFuture::new(put).await.map_err(unreachable_cache)
    }
}

fn unreachable_cache(error: KvError) -> KeyValueError {
    KeyValueError(error.to_string())
}

/// Outbound requests with the runtime's `fetch`.
pub(super) struct Fetch;

#[async_trait]
impl HttpClient for Fetch {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        SendFuture::new(send(request)).await
    }
}

async fn send(request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
    let headers = request.headers.iter().map(|(name, value)| (*name, value.expose())).collect::<Vec<_>>();
    let headers = Secret::new(serde_json::to_string(&headers).map_err(|error| HttpError(error.to_string()))?);
    let (method, is_head_enough) = (request.method.as_str(), request.destination == Destination::Stranger);
    let answer =
        glue::send(method, &request.url, headers.expose(), &request.body, request.timeout_ms, is_head_enough).await;
    let answer = answer.map_err(|error| HttpError(glue::message(&error)))?;
    read_answer(&answer).ok_or_else(|| HttpError("the answer cannot be read".to_owned()))
}

fn read_answer(answer: &JsValue) -> Option<OutboundResponse> {
    let parts = answer.dyn_ref::<js_sys::Array>()?;
    let status = parts.get(0).as_f64()?;
    Some(OutboundResponse {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "three digits")]
        status: status as u16,
        headers: serde_json::from_str(&parts.get(1).as_string()?).ok()?,
        body: parts.get(2).dyn_ref::<js_sys::Uint8Array>()?.to_vec(),
    })
}

/// Clock of the runtime.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        timestamp(js_sys::Date::now())
    }
}

/// Converts a JavaScript time, a whole number of milliseconds since the epoch.
#[expect(clippy::cast_possible_truncation, reason = "within ±2⁵³, and `as` saturates")]
pub(super) fn timestamp(ms: f64) -> Timestamp {
    Timestamp(ms as i64)
}

/// Timer with the runtime's `setTimeout`.
pub(super) struct RuntimeTimer;

#[async_trait]
impl Timer for RuntimeTimer {
    async fn sleep(&self, ms: u32) {
        timers::Sleep::new(ms).await;
    }
}

/// Random generator of the runtime.
pub(super) struct SystemEntropy;

/// Most bytes that `crypto.getRandomValues` fills at once.
const QUOTA: usize = 65_536;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for part in buffer.chunks_mut(QUOTA) {
            glue::get_random_values(part);
        }
    }
}

/// Background work with the runtime's `waitUntil`.
pub(super) struct WaitUntilBackground;

impl Background for WaitUntilBackground {
    fn spawn(&self, work: BoxFuture) {
        tasks::spawn(
            glue::background(),
            Box::pin(async {
                work.await;
                JsValue::UNDEFINED
            }),
        );
    }
}
