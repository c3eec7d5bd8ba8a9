//! API keys for cases: programs that call with them, and services that verify them.

use std::time::SystemTime;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client, Request},
    fixtures::{User, admin, unique},
    host::Host,
};

/// Path at which keys are verified.
pub const VERIFY: &str = "/api/v1/api-keys/verify";

/// An API key of a person.
#[derive(Clone)]
pub struct Key {
    /// Id of the key.
    pub id: String,
    /// The whole key, as a client sends it.
    pub secret: String,
    /// Client that calls with the key, from its owner's address.
    pub api: Client,
}

impl Key {
    /// Creates a key of this person with these settings. By default it may write models and verify keys, and its limit
    /// is out of reach.
    pub async fn new(user: &User, settings: Value) -> Self {
        let mut body =
            json!({ "name": unique("key"), "scopes": ["models:write", "keys:verify"], "rateLimit": 100_000 });
        for (member, value) in settings.as_object().expect("settings") {
            body[member] = value.clone();
        }
        Self::of(&user.api, &user.key(body).await)
    }

    /// Reads a key from the answer to its creation.
    pub fn of(api: &Client, created: &Value) -> Self {
        let secret = created["key"].as_str().expect("a key").to_owned();
        let id = created["apiKey"]["id"].as_str().expect("an id").to_owned();
        Self { id, api: api.with(&secret), secret }
    }

    /// Creates a key with this limit.
    pub async fn limited(user: &User, limit: u32, window_seconds: u64) -> Self {
        Self::new(user, json!({ "rateLimit": limit, "rateLimitWindowSeconds": window_seconds })).await
    }

    /// Returns the path at which the owner manages the key.
    pub fn path(&self) -> String {
        format!("/api/v1/api-keys/{}", self.id)
    }

    /// Prepares a use of the key by this client, without side effects besides the use itself: 200 where the key is
    /// admitted.
    pub fn used_by(&self, api: &Client) -> Request {
        api.with(&self.secret).post(VERIFY).json(json!({ "key": "none" }))
    }
}

/// A service that is shown keys and verifies them.
#[derive(Clone)]
pub struct Service(
    /// Client that calls with the service's own key.
    pub Client,
);

impl Service {
    /// Creates a service of the platform: an administrator gives the role to an account that has nothing to do with
    /// the keys.
    pub async fn new(host: &Host) -> Self {
        let user = User::verified(host).await;
        let change = admin(host).await.api.patch(format!("/api/v1/admin/users/{}", user.id()));
        change.json(json!({ "role": "service" })).await.expect(200);
        Self(Key::new(&user, json!({ "scopes": ["keys:verify"], "rateLimitWindowSeconds": 1 })).await.api)
    }

    /// Prepares the verification of a key; the settings are further members of the request.
    pub fn shown(&self, secret: &str, settings: &Value) -> Request {
        let mut body = json!({ "key": secret });
        for (member, value) in settings.as_object().into_iter().flatten() {
            body[member] = value.clone();
        }
        self.0.post(VERIFY).json(body)
    }

    /// Verifies a key and returns the answer's body.
    pub async fn verdict(&self, key: &Key, settings: Value) -> Value {
        self.shown(&key.secret, &settings).await.expect(200)
    }

    /// Asserts that the service finds the key valid, and returns the verdict.
    pub async fn accepts(&self, key: &Key, settings: Value) -> Value {
        let verdict = self.verdict(key, settings).await;
        assert!(verdict["valid"] == true && verdict["code"] == "valid", "{verdict}");
        verdict
    }

    /// Asserts that the service finds the key invalid for this reason, and returns the verdict.
    pub async fn refuses(&self, key: &Key, settings: Value, code: &str) -> Value {
        let verdict = self.verdict(key, settings).await;
        assert!(verdict["valid"] == false && verdict["code"] == code, "{code}: {verdict}");
        verdict
    }

    /// Returns what is left of the key's limit, by a verification that costs nothing.
    pub async fn remaining(&self, key: &Key) -> u64 {
        let verdict = self.verdict(key, json!({ "cost": 0 })).await;
        verdict["rateLimit"]["remaining"].as_u64().unwrap_or_else(|| panic!("no state: {verdict}"))
    }
}

/// Returns a parameter of the header `RateLimit: "policy";r=…;t=…`.
#[track_caller]
pub fn rate_limit(answer: &Answer, parameter: &str) -> u64 {
    let state = answer.header("ratelimit").unwrap_or_else(|| panic!("no RateLimit: {answer}"));
    let mut parts = state.split(';').map(str::trim);
    let value = parts.find_map(|part| part.strip_prefix(parameter)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {parameter} in {state}"))
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Computes the checksum that a key ends with: the CRC-32 (IEEE 802.3) of the text before it, in six digits of base62.
#[must_use]
pub fn checksum(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut rest = !crc;
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[rest as usize % 62];
        rest /= 62;
    }
    String::from_utf8(digits.to_vec()).expect("ASCII")
}

/// Returns a well-formed key that nobody was given.
#[must_use]
pub fn unknown_key() -> String {
    let random = (0..32).map(|_| char::from(ALPHABET[fastrand::usize(..62)])).collect::<String>();
    let start = format!("aib_live_{random}");
    format!("{start}{}", checksum(&start))
}

/// Returns the current time, in milliseconds since the epoch.
pub fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    u64::try_from(since_epoch.as_millis()).expect("before the year 584 million")
}

/// Formats milliseconds since the epoch as the API writes times.
pub fn rfc3339(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", time.expect("before the year 10000"))
}

/// Parses a time as the API writes it, into milliseconds since the epoch.
#[track_caller]
pub fn millis(text: &str) -> u64 {
    let time =
        text.parse::<Timestamp>().unwrap_or_else(|error| panic!("no time as the API writes it: {text}: {error}"));
    let ms = u64::try_from(time.as_millisecond()).expect("after 1970");
    assert_eq!(rfc3339(ms), text, "no time as the API writes it");
    ms
}
