//! Receivers of webhooks: paths below [`PATH`] at the suite's provider, each with calls and answers of its own.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use serde_json::Value;
use tokio::sync::Notify;

/// Beginning of every webhook's path.
pub const PATH: &str = "/hooks/";

/// A request to a webhook.
#[derive(Clone, Debug)]
pub struct HookCall {
    /// The headers, with names in lower case.
    pub headers: HashMap<String, String>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// The status that the call was answered with.
    pub answered: u16,
}

#[derive(Default)]
struct Hook {
    /// Statuses of the next calls' answers, in order; `always` is used after them.
    next: VecDeque<u16>,
    always: Option<u16>,
    calls: Vec<HookCall>,
    held: Option<Arc<Notify>>,
}

/// The state of every webhook, by its path.
#[derive(Default)]
pub struct Hooks(Mutex<HashMap<String, Hook>>);

impl Hooks {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Hook>> {
        self.0.lock().expect("no panic")
    }

    /// Sets the statuses that the next calls of a path are answered with.
    pub fn answer_next(&self, path: &str, statuses: &[u16]) {
        self.all().entry(path.to_owned()).or_default().next.extend(statuses);
    }

    /// Sets the status that every call of a path is answered with; it is 200 where none was set.
    pub fn answer(&self, path: &str, status: u16) {
        self.all().entry(path.to_owned()).or_default().always = Some(status);
    }

    /// Makes the next call of a path wait until [`Hooks::release`].
    pub fn hold(&self, path: &str) {
        self.all().entry(path.to_owned()).or_default().held = Some(Arc::default());
    }

    /// Answers the call of a path that waits.
    pub fn release(&self, path: &str) {
        if let Some(held) = self.all().entry(path.to_owned()).or_default().held.take() {
            held.notify_one();
        }
    }

    /// Returns the calls of a path so far.
    pub fn calls(&self, path: &str) -> Vec<HookCall> {
        self.all().get(path).map(|hook| hook.calls.clone()).unwrap_or_default()
    }

    pub(crate) async fn receive(&self, path: &str, headers: HashMap<String, String>, body: Bytes) -> Response {
        let (status, held) = {
            let mut all = self.all();
            let hook = all.entry(path.to_owned()).or_default();
            let answered = hook.next.pop_front().or(hook.always).unwrap_or(200);
            hook.calls.push(HookCall { headers, body: body.to_vec(), answered });
            (answered, hook.held.clone())
        };
        if let Some(held) = held {
            held.notified().await;
        }
        let mut head = HeaderMap::new();
        if (300..400).contains(&status) {
            head.insert(header::LOCATION, format!("{path}-elsewhere").parse().expect("a header"));
        }
        (StatusCode::from_u16(status).expect("a status"), head, "x".repeat(100_000)).into_response()
    }
}

impl HookCall {
    /// Parses the body as JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// Returns the header `webhook-id`.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// Counts the signatures of the call.
    pub fn signatures(&self) -> usize {
        self.headers["webhook-signature"].split(' ').count()
    }

    /// Checks whether one of the signatures is by this secret, as Standard Webhooks specifies.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("whsec_")).expect("base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let head = format!("{}.{}.", self.id(), self.headers["webhook-timestamp"]);
        let expected = hmac::sign(&key, &[head.as_bytes(), &self.body].concat());
        let expected = format!("v1,{}", STANDARD.encode(expected));
        self.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
    }
}
