//! The services that a host calls, run by the suite: a mail provider, a range API of breached passwords, and GitHub's
//! list of keys. It records what a host sends, and fails when told to.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    eventually,
    hooks::{self, HookCall, Hooks},
};

/// Path of GitHub's list of keys.
pub const KEY_LIST_PATH: &str = "/meta/public_keys/secret_scanning";

/// One request that the provider received.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method and path with query, such as `POST /emails`.
    pub what: String,
    /// The headers, with names in lower case.
    pub headers: HashMap<String, String>,
    /// The JSON body; null where it is not JSON.
    pub body: Value,
    /// The status that the provider answered with.
    pub answered: u16,
}

#[derive(Default)]
struct Shared {
    calls: Mutex<Vec<Call>>,
    failures: Mutex<HashMap<String, u32>>,
    /// Recipients whose mail is not answered before it is released.
    held: Mutex<HashMap<String, Arc<Notify>>>,
    /// SHA-1 hashes, in hex, of the passwords that are reported as breached.
    breached: Mutex<HashSet<String>>,
    /// Prefixes of such hashes that are answered with an error.
    failing_ranges: Mutex<HashSet<String>>,
    /// GitHub's list of keys: identifiers and public keys in PEM.
    signing_keys: Mutex<Vec<(String, String)>>,
    /// Whether GitHub's list is answered with an error.
    failing_keys: Mutex<bool>,
    hooks: Hooks,
}

impl Shared {
    /// Returns `SUFFIX:COUNT` lines of the breached passwords with this prefix, among padding with count zero.
    fn range(&self, prefix: &str) -> (StatusCode, String) {
        if self.failing_ranges.lock().expect("no panic").contains(prefix) {
            return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
        }
        let padding = |n: usize| format!("{n:035X}:0");
        let mut lines = (0..400).map(padding).collect::<Vec<_>>();
        let breached = self.breached.lock().expect("no panic");
        let found = breached.iter().filter_map(|hash| hash.strip_prefix(prefix));
        lines.extend(found.map(|suffix| format!("{suffix}:3")));
        lines.sort_unstable();
        (StatusCode::OK, lines.join("\r\n"))
    }

    /// Returns GitHub's list of keys, of which the newest is marked as current.
    fn key_list(&self) -> (StatusCode, String) {
        if *self.failing_keys.lock().expect("no panic") {
            return (StatusCode::BAD_GATEWAY, String::new());
        }
        let keys = self.signing_keys.lock().expect("no panic");
        let current = keys.len().saturating_sub(1);
        let key = |(index, (identifier, key)): (usize, &(String, String))| json!({ "key_identifier": identifier, "key": key, "is_current": index == current });
        let keys = keys.iter().enumerate().map(key).collect::<Value>();
        (StatusCode::OK, json!({ "public_keys": keys }).to_string())
    }
}

/// A key that GitHub or SendGrid signs with.
pub struct SigningKey {
    /// The key's identifier in GitHub's list.
    pub identifier: String,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// Creates a random key that no list contains yet.
    pub fn new(identifier: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("randomness");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref(), &random).expect("its own key");
        Self { identifier: identifier.to_owned(), pair, random }
    }

    /// Signs a body; returns the signature in base64.
    pub fn sign(&self, body: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(&self.random, body).expect("randomness"))
    }

    /// Returns the public key, in DER and base64.
    pub fn public_key(&self) -> String {
        // RFC 5480: id-ecPublicKey on secp256r1, and a bit string of the point's 65 bytes.
        const HEAD: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        STANDARD.encode([&HEAD, self.pair.public_key().as_ref()].concat())
    }

    /// Returns the public key in PEM.
    fn pem(&self) -> String {
        let key = self.public_key();
        let (first, second) = key.split_at(64);
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{second}\n-----END PUBLIC KEY-----\n")
    }
}

/// Handle of the running provider; clones share its state.
#[derive(Clone)]
pub struct Provider {
    shared: Arc<Shared>,
    url: String,
}

impl Provider {
    /// Starts the provider on a free port.
    ///
    /// # Errors
    /// Returns the error where no port can be bound.
    pub async fn start() -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let router = axum::Router::new().fallback(receive).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { shared, url })
    }

    /// Returns the provider's base URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers 503 to the first `times` calls that carry mail to this address.
    pub fn fail(&self, recipient: &str, times: u32) {
        self.shared.failures.lock().expect("no panic").insert(recipient.to_owned(), times);
    }

    /// Makes the next call that carries mail to this address wait until [`Provider::release`].
    pub fn hold(&self, recipient: &str) {
        self.shared.held.lock().expect("no panic").insert(recipient.to_owned(), Arc::default());
    }

    /// Answers the call with mail to this address that waits.
    pub fn release(&self, recipient: &str) {
        if let Some(held) = self.shared.held.lock().expect("no panic").remove(recipient) {
            held.notify_one();
        }
    }

    /// Reports this password as breached from now on.
    pub fn breach(&self, password: &str) {
        self.shared.breached.lock().expect("no panic").insert(sha1(password));
    }

    /// Answers 500 to requests for the range of this password from now on.
    pub fn fail_range(&self, password: &str) {
        self.shared.failing_ranges.lock().expect("no panic").insert(sha1(password)[..5].to_owned());
    }

    /// Returns the calls so far that ask for the range of this password.
    pub fn ranges_of(&self, password: &str) -> Vec<Call> {
        let range = format!("GET /range/{}", &sha1(password)[..5]);
        let calls = self.shared.calls.lock().expect("no panic");
        calls.iter().filter(|call| call.what.starts_with(&range)).cloned().collect()
    }

    /// Lists this key among GitHub's from now on, as the current one.
    pub fn publish(&self, key: &SigningKey) {
        self.shared.signing_keys.lock().expect("no panic").push((key.identifier.clone(), key.pem()));
    }

    /// Sets whether requests for GitHub's keys are answered with 502.
    pub fn fail_key_list(&self, fails: bool) {
        *self.shared.failing_keys.lock().expect("no panic") = fails;
    }

    /// Returns the calls so far that ask for GitHub's keys.
    pub fn key_list_calls(&self) -> Vec<Call> {
        let calls = self.shared.calls.lock().expect("no panic");
        calls.iter().filter(|call| call.what == format!("GET {KEY_LIST_PATH}")).cloned().collect()
    }

    /// Returns the webhooks that are called at this provider.
    pub fn hooks(&self) -> &Hooks {
        &self.shared.hooks
    }

    /// Waits until the webhook was called at least `calls` times, and returns its calls.
    pub async fn wait_for_hook(&self, path: &str, calls: usize) -> Vec<HookCall> {
        let seen = async || Some(self.hooks().calls(path)).filter(|seen| seen.len() >= calls);
        eventually(&format!("{calls} calls of {path}"), seen).await
    }

    /// Returns the calls so far that carry mail to this address.
    pub fn calls_to(&self, recipient: &str) -> Vec<Call> {
        let calls = self.shared.calls.lock().expect("no panic");
        calls.iter().filter(|call| recipient_of(&call.body) == recipient).cloned().collect()
    }

    /// Waits until at least `calls` calls carried mail to this address, and returns them.
    pub async fn wait_for(&self, recipient: &str, calls: usize) -> Vec<Call> {
        let seen = async || Some(self.calls_to(recipient)).filter(|seen| seen.len() >= calls);
        eventually(&format!("{calls} calls with mail to {recipient}"), seen).await
    }
}

/// Computes the SHA-1 of a password in upper-case hex, as the range API uses it.
pub fn sha1(password: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

fn recipient_of(body: &Value) -> &str {
    body["to"].as_str().or_else(|| body["to"][0].as_str()).unwrap_or_default()
}

async fn receive(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let what = format!("{} {path}", request.method());
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let mut headers = headers.collect::<HashMap<_, _>>();
    // Where a host's outbound requests are redirected to the provider, this header holds the URL that was meant.
    let original = headers.get("x-original-url").and_then(|url| url.parse::<axum::http::Uri>().ok());
    if let Some(host) = original.as_ref().and_then(axum::http::Uri::host) {
        headers.insert("host".to_owned(), host.to_owned());
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or(Bytes::new());
    if path.starts_with(hooks::PATH) {
        return shared.hooks.receive(&path, headers, body).await;
    }
    let body = serde_json::from_slice::<Value>(&body).unwrap_or(Value::Null);
    if let Some(prefix) = path.strip_prefix("/range/") {
        let (status, lines) = shared.range(prefix);
        shared.calls.lock().expect("no panic").push(Call { what, headers, body, answered: status.as_u16() });
        return (status, lines).into_response();
    }
    if path == KEY_LIST_PATH {
        let (status, list) = shared.key_list();
        shared.calls.lock().expect("no panic").push(Call { what, headers, body, answered: status.as_u16() });
        return (status, list).into_response();
    }
    let failing = {
        let mut failures = shared.failures.lock().expect("no panic");
        let left = failures.get_mut(recipient_of(&body)).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    };
    let status = if failing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let held = shared.held.lock().expect("no panic").get(recipient_of(&body)).cloned();
    shared.calls.lock().expect("no panic").push(Call { what, headers, body, answered: status.as_u16() });
    if let Some(held) = held {
        held.notified().await;
    }
    let answer = if failing {
        json!({"name": "internal_server_error"})
    } else {
        json!({"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"})
    };
    (status, axum::Json(answer)).into_response()
}
