//! Public keys that GitHub signs its reports with. GitHub publishes the list; a copy is kept in the cache.

use http::Method;
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    domain::{Secret, Timestamp, ecdsa_p256::PublicKey},
    http::problem::{ApiError, Problem, SERVICE_UNAVAILABLE},
    ports::{Destination, Limit, OutboundRequest},
};

/// Key of the copy in the cache.
const CACHED: &str = "github-secret-scanning-keys";
/// Longest time that a key that GitHub no longer lists is still accepted, in seconds.
const CACHED_SECONDS: u32 = 86_400;
/// Limiter subject of fetching the list: one for all callers, since anybody may send an unknown identifier.
const FETCHES: &str = "github-secret-scanning-keys";
/// Most fetches in a window: GitHub answers 60 requests an hour of a client that it does not know.
const MOST_FETCHES: u32 = 6;
const FETCHES_WINDOW_SECONDS: u32 = 600;
const TIMEOUT_MS: u32 = 5_000;

/// GitHub's answer. It also tells of each key whether it is current; a retired one verifies while it is listed.
#[derive(Deserialize)]
struct Published {
    public_keys: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
struct Key {
    key_identifier: String,
    /// Public key in PEM.
    key: String,
}

/// List of keys as it was at some time.
#[derive(Serialize, Deserialize)]
struct KeyList {
    fetched_at: i64,
    keys: Vec<Key>,
}

impl KeyList {
    /// Returns the key of this identifier, in PEM.
    fn find(&self, identifier: &str) -> Option<&str> {
        self.keys.iter().find(|key| key.key_identifier == identifier).map(|key| key.key.as_str())
    }

    /// Checks whether the list was fetched within the window of the fetch limit, by one of the fetches that used it up.
    fn is_of_this_window(&self, now: Timestamp) -> bool {
        now.ms_since(Timestamp(self.fetched_at)) <= u64::from(FETCHES_WINDOW_SECONDS).saturating_mul(1000)
    }
}

/// Finds GitHub's key of this identifier; `None` where GitHub has no such key. Fetches a new list for an identifier
/// that the cached one does not have.
///
/// # Errors
/// `service_unavailable` when that cannot be told: the list cannot be fetched, or was fetched too often.
pub async fn find(app: &App, identifier: &str) -> Result<Option<PublicKey>, ApiError> {
    let cached = cached(app).await;
    if let Some(pem) = cached.as_ref().and_then(|list| list.find(identifier)) {
        return Ok(parse(identifier, pem));
    }
    let limit = Limit { name: "fetch".to_owned(), limit: MOST_FETCHES, window_seconds: FETCHES_WINDOW_SECONDS };
    let admission = app.ports().rate_limiter.admit(FETCHES, &[limit], 1, app.now()).await?;
    if !admission.allowed {
        if cached.is_some_and(|list| list.is_of_this_window(app.now())) {
            return Ok(None);
        }
        // The fetches failed, or the cache did not keep what they brought.
        let wait_ms = admission.states.first().map_or(0, |state| state.reset_after_ms);
        let problem = Problem::new(SERVICE_UNAVAILABLE, "GitHub's keys are not known at the moment");
        return Err(problem.retry_after(wait_ms.div_ceil(1000).max(1)).into());
    }
    let list = KeyList { fetched_at: app.now().0, keys: fetch(app).await.map_err(ApiError::unavailable)? };
    keep(app, &list).await;
    Ok(list.find(identifier).and_then(|pem| parse(identifier, pem)))
}

fn parse(identifier: &str, pem: &str) -> Option<PublicKey> {
    let key = PublicKey::from_pem(pem);
    if key.is_none() {
        tracing::error!(identifier, "a key of GitHub is of no kind that is known here");
    }
    key
}

async fn cached(app: &App) -> Option<KeyList> {
    match app.ports().key_value.get(CACHED).await {
        Ok(value) => serde_json::from_slice(&value?).ok(),
        Err(error) => {
            tracing::warn!(%error, "GitHub's keys were not looked up in the cache");
            None
        }
    }
}

async fn keep(app: &App, list: &KeyList) {
    let kept = match serde_json::to_vec(list) {
        Ok(value) => app.ports().key_value.put(CACHED, &value, CACHED_SECONDS).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "GitHub's keys were not kept");
    }
}

/// Fetches the list from GitHub; the error is for the log.
async fn fetch(app: &App) -> Result<Vec<Key>, String> {
    let request = OutboundRequest {
        destination: Destination::Configured,
        method: Method::GET,
        url: app.config().github_secret_scanning_keys_url.clone(),
        headers: vec![
            ("accept", Secret::new("application/vnd.github+json")),
            // GitHub refuses requests without a user agent.
            ("user-agent", Secret::new(concat!("aibaas/", env!("CARGO_PKG_VERSION")))),
        ],
        body: Vec::new(),
        timeout_ms: TIMEOUT_MS,
    };
    let answer = app.ports().http_client.send(request).await;
    let answer = answer.map_err(|error| format!("GitHub's keys were not fetched: {error}"))?;
    if answer.status != 200 {
        return Err(format!("GitHub's keys were not fetched: it answered {}", answer.status));
    }
    serde_json::from_slice::<Published>(&answer.body)
        .map(|published| published.public_keys)
        .map_err(|error| format!("GitHub's keys were not fetched: its answer is no list of keys: {error}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        config::{Config, HostDefaults},
        counting_ports::Counting,
        domain::LimitState,
        ports::{Admission, KeyValue, KeyValueError, OutboundResponse, RateLimitError, RateLimiter},
    };

    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
                       MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\n\
                       AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n\
                       -----END PUBLIC KEY-----\n";

    /// Cache that holds at most one value, and limiter that admits everything or nothing.
    #[derive(Default)]
    struct Stub {
        value: Mutex<Option<Vec<u8>>>,
        admits: bool,
    }

    #[async_trait]
    impl KeyValue for Stub {
        async fn get(&self, _: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
            Ok(self.value.lock().unwrap().clone())
        }

        async fn put(&self, _: &str, value: &[u8], _: u32) -> Result<(), KeyValueError> {
            *self.value.lock().unwrap() = Some(value.to_vec());
            Ok(())
        }
    }

    #[async_trait]
    impl RateLimiter for Stub {
        async fn admit(&self, _: &str, _: &[Limit], _: u32, _: Timestamp) -> Result<Admission, RateLimitError> {
            Ok(Admission { allowed: self.admits, states: vec![LimitState { remaining: 0, reset_after_ms: 1500 }] })
        }
    }

    /// Asks for a key; returns whether it is known, `None` after an error, and how often GitHub was asked.
    fn ask(stub: Stub, answer: Option<(u16, &str)>, identifier: &str) -> (Option<bool>, usize) {
        let answer = answer.map(|(status, body)| OutboundResponse { status, headers: Vec::new(), body: body.into() });
        let counting = Arc::new(Counting { answer, ..Counting::default() });
        let stub = Arc::new(stub);
        let mut ports = counting.ports();
        ports.key_value = Arc::clone(&stub) as _;
        ports.rate_limiter = stub;
        let defaults = HostDefaults::development("http://a.example");
        let app = App::new(ports, Config::load(&|_| None, defaults).unwrap());
        let found = find(&app, identifier).now_or_never().expect("these ports never wait");
        let requests = counting.requests.lock().unwrap().len();
        (found.ok().map(|key| key.is_some()), requests)
    }

    /// Returns a stub that holds a list of one key, fetched `age` seconds ago.
    fn cached(age: i64, admits: bool) -> Stub {
        let now = crate::ports::Clock::now(&Counting::default());
        let keys = vec![Key { key_identifier: "known".to_owned(), key: PEM.to_owned() }];
        let list = KeyList { fetched_at: now.plus_seconds(-age).0, keys };
        Stub { value: Mutex::new(Some(serde_json::to_vec(&list).unwrap())), admits }
    }

    #[test]
    fn the_list_is_fetched_for_an_unknown_key_only() {
        let list = serde_json::json!({ "public_keys": [
            { "key_identifier": "known", "key": PEM, "is_current": false },
            { "key_identifier": "strange", "key": "a key of another kind", "is_current": true },
        ] });
        let list = list.to_string();
        let good = Some((200, list.as_str()));
        assert_eq!(ask(cached(86_000, true), good, "known"), (Some(true), 0));
        assert_eq!(ask(cached(10, true), good, "unknown"), (Some(false), 1));
        assert_eq!(ask(Stub { admits: true, ..Stub::default() }, good, "known"), (Some(true), 1));
        assert_eq!(ask(Stub { admits: true, ..Stub::default() }, good, "strange"), (Some(false), 1));
        let broken = Stub { value: Mutex::new(Some(b"{".to_vec())), admits: true };
        assert_eq!(ask(broken, good, "known"), (Some(true), 1), "a cache that is not understood");
    }

    #[test]
    fn what_cannot_be_told_is_not_denied() {
        for answer in [None, Some((403, "{}")), Some((200, "{}")), Some((200, "<html>"))] {
            // A request without any answer is tried once more.
            let asked = if answer.is_none() { 2 } else { 1 };
            assert_eq!(ask(Stub { admits: true, ..Stub::default() }, answer, "known"), (None, asked), "{answer:?}");
            assert_eq!(ask(cached(10, true), answer, "unknown"), (None, asked), "{answer:?}");
            assert_eq!(ask(cached(10, true), answer, "known"), (Some(true), 0), "{answer:?}");
        }
        let refused = |age| ask(cached(age, false), None, "unknown");
        assert_eq!(refused(590), (Some(false), 0), "the list is fresh");
        assert_eq!(refused(610), (None, 0), "the fetches since then failed");
        assert_eq!(ask(Stub::default(), None, "known"), (None, 0), "there is no list");
    }
}
