//! An HTTP client that checks every answer against the contract.

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use reqwest::{
    Method, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use crate::{TIMEOUT, contract::Question, host::Host, waiting::eventually};

/// A caller of a host, from an address of its own, with or without a credential.
#[derive(Clone)]
pub struct Client {
    host: Host,
    http: reqwest::Client,
    address: Option<IpAddr>,
    credential: Option<String>,
}

/// Returns a client that checks no answer: for what is no part of the API, or breaks its rules.
pub fn plain_client() -> reqwest::Client {
    plain_builder().tls_certs_only([]).build().expect("a client")
}

fn plain_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .no_proxy()
        // Longer than any host takes, so that it is the host that ends what takes too long.
        .timeout(TIMEOUT)
        // workerd closes what is idle for 5 s, and a connection that is being closed loses what is sent on it.
        .pool_idle_timeout(Duration::from_secs(2))
}

impl Client {
    /// Creates a client without a credential, from a loopback address that no other client of this process calls from:
    /// limits that count by address never let one case disturb another. A host that is not on loopback sees this
    /// machine's address.
    pub fn new(host: &Host) -> Self {
        let address = host.is_loopback().then(next_address);
        let mut builder = plain_builder().redirect(reqwest::redirect::Policy::none()).local_address(address);
        if host.url().starts_with("http://") {
            builder = builder.tls_certs_only([]);
        }
        Self { host: host.clone(), http: builder.build().expect("a client"), address, credential: None }
    }

    /// Returns the same caller with this bearer token or API key.
    pub fn with(&self, credential: &str) -> Self {
        Self { credential: Some(credential.to_owned()), ..self.clone() }
    }

    /// Returns a caller with the same credential, from an address that nobody in this process has called from.
    pub fn elsewhere(&self) -> Self {
        Self { credential: self.credential.clone(), ..self.host.client() }
    }

    /// Returns the same caller with no credential.
    pub fn anonymous(&self) -> Self {
        Self { credential: None, ..self.clone() }
    }

    /// Returns the host that the client calls.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the bearer token or API key that the client calls with.
    pub fn credential(&self) -> Option<&str> {
        self.credential.as_deref()
    }

    /// Returns the client's loopback address; `None` where the host is not on loopback.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Prepares `GET path`; awaiting the request sends it and returns the answer.
    pub fn get(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::GET, path)
    }

    /// Prepares `POST path`; awaiting the request sends it and returns the answer.
    pub fn post(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::POST, path)
    }

    /// Prepares `PUT path`; awaiting the request sends it and returns the answer.
    pub fn put(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::PUT, path)
    }

    /// Prepares `PATCH path`; awaiting the request sends it and returns the answer.
    pub fn patch(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::PATCH, path)
    }

    /// Prepares `DELETE path`; awaiting the request sends it and returns the answer.
    pub fn delete(&self, path: impl AsRef<str>) -> Request {
        self.request(Method::DELETE, path)
    }

    /// Prepares a request with any method; awaiting the request sends it and returns the answer.
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> Request {
        let path = path.as_ref().to_owned();
        let mut builder = self.http.request(method.clone(), format!("{}{path}", self.host.url()));
        if let Some(credential) = &self.credential {
            builder = builder.bearer_auth(credential);
        }
        Request { host: self.host.clone(), method, path, builder, shown: String::new() }
    }
}

/// Returns a loopback address that nobody in this process has called from.
pub(crate) fn next_address() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // From a random start, so that a second run against the same host meets no limit of the first.
    static START: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| fastrand::u32(..));
    let host_part = START.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (254 << 16);
    IpAddr::V4(Ipv4Addr::from(0x7f00_0000 | ((1 << 16) + host_part)))
}

/// A request that is not sent yet.
pub struct Request {
    host: Host,
    method: Method,
    path: String,
    builder: reqwest::RequestBuilder,
    shown: String,
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("a header name");
        self.builder = self.builder.header(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        self
    }

    /// Sets a JSON body.
    pub fn json(self, body: Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets any body with its content type; an empty content type sends none.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.shown = String::from_utf8_lossy(&body).chars().take(400).collect();
        if !content_type.is_empty() {
            self.builder = self.builder.header("content-type", content_type);
        }
        self.builder = self.builder.body(body);
        self
    }

    /// Sends the GET request, and again with the answer's `ETag`, until the second answer is 304: what other cases
    /// hide or declare meanwhile can change the tag.
    ///
    /// # Panics
    /// Panics where no pair of answers has the same tag in time, or an answer has none.
    pub async fn and_unchanged(self) -> (Answer, Answer) {
        let again = || {
            let builder = self.builder.try_clone().expect("no streamed body");
            Self {
                host: self.host.clone(),
                method: self.method.clone(),
                path: self.path.clone(),
                builder,
                shown: self.shown.clone(),
            }
        };
        eventually("an answer that is as it was", async || {
            let first = again().await;
            first.expect(200);
            let tag = first.header("etag").unwrap_or_else(|| panic!("no tag: {first}")).to_owned();
            let unchanged = again().header("If-None-Match", &tag).await;
            if unchanged.status != 304 {
                unchanged.expect(200);
                return None;
            }
            assert!(unchanged.body.is_empty(), "{unchanged}");
            for name in ["etag", "cache-control"] {
                assert_eq!(unchanged.header(name), first.header(name), "{unchanged}");
            }
            Some((first, unchanged))
        })
        .await
    }

    /// Sends the request and checks the whole answer against the contract.
    ///
    /// # Errors
    /// Returns the connection's error where no whole answer came back.
    ///
    /// # Panics
    /// Panics where the OpenAPI document does not describe the answer.
    pub async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let (http, request) = self.builder.build_split();
        let request = request?;
        let content_type =
            request.headers().get("content-type").and_then(|value| value.to_str().ok().map(str::to_owned));
        let sent = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default().to_vec();
        let response = http.execute(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        let answer = Answer { what: format!("{} {} {}", self.method, self.path, self.shown), status, headers, body };
        answer.holds_everywhere(&self.method);
        let contract = self.host.contract().await;
        let question =
            Question { method: &self.method, path: &self.path, content_type: content_type.as_deref(), body: &sent };
        if let Err(broken) = contract.check(&question, &answer) {
            panic!("the OpenAPI document does not describe this: {broken}\n{answer}");
        }
        Ok(answer)
    }
}

impl IntoFuture for Request {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let what = format!("{} {}", self.method, self.path);
        Box::pin(async move { self.try_send().await.unwrap_or_else(|error| panic!("{what}: no answer: {error:?}")) })
    }
}

/// A whole answer, with what was asked for error messages.
pub struct Answer {
    what: String,
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns a header's value; `None` where it is missing or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the media type of `Content-Type`, without its parameters.
    pub fn media_type(&self) -> Option<&str> {
        self.header("content-type").map(|value| value.split(';').next().unwrap_or(value).trim())
    }

    /// Returns the body as text, with invalid UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON; null where it is not JSON.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Checks the status and returns the body as JSON.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self.value()
    }

    /// Checks the status and the problem's code, and returns the problem.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{self}");
        problem
    }

    /// Checks as [`Answer::invalid`] does, and also the code with which the member is refused.
    #[track_caller]
    pub fn refused(&self, pointer: &str, code: &str) -> Value {
        let problem = self.invalid(pointer);
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        assert!(
            errors.iter().any(|error| error["pointer"] == pointer && error["code"] == code),
            "{pointer} is not refused with {code}: {self}"
        );
        problem
    }

    /// Returns the headers' names and values, sorted, without those that differ between any two answers, so that the
    /// answers of two hosts or accounts can be compared.
    pub fn comparable_headers(&self) -> Vec<(String, String)> {
        let passing = ["date", "x-request-id", "ratelimit", "content-length"];
        let headers = self.headers.iter().filter(|(name, _)| !passing.contains(&name.as_str()));
        let mut headers = headers.map(|(name, value)| (name.to_string(), format!("{value:?}"))).collect::<Vec<_>>();
        headers.sort();
        headers
    }

    /// Returns `Retry-After` in seconds; `None` where it is missing.
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after")?.parse().ok()
    }

    /// Checks that the answer is a validation problem (422) that points at this member, and returns the problem.
    #[track_caller]
    pub fn invalid(&self, pointer: &str) -> Value {
        let problem = self.problem(422, "validation_failed");
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        assert!(errors.iter().any(|error| error["pointer"] == pointer), "no error points at {pointer}: {self}");
        problem
    }

    /// Checks what every answer of the API promises, whatever was asked.
    #[track_caller]
    fn holds_everywhere(&self, method: &Method) {
        let id = self.header("x-request-id").unwrap_or_default();
        assert!(!id.is_empty() && id.len() <= 64, "X-Request-Id is missing: {self}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self}");
        assert_eq!(self.header("referrer-policy"), Some("no-referrer"), "{self}");
        assert!(self.header("cache-control").is_some(), "Cache-Control is missing: {self}");
        assert!(!self.status.is_server_error() || self.status == 503, "a server error: {self}");
        // A form is answered with a page; whether this call may be is for the contract to check.
        let is_page = self.media_type() == Some("text/html");
        if is_page {
            let policy = self.header("content-security-policy").unwrap_or_default();
            assert!(
                policy.contains("default-src 'none'") || policy.contains("default-src 'self'"),
                "no strict CSP: {self}"
            );
        }
        if self.status.as_u16() >= 400 && *method != Method::HEAD && !is_page {
            let problem = self.value();
            assert_eq!(self.media_type(), Some("application/problem+json"), "{self}");
            let code = problem["code"].as_str().unwrap_or_default();
            assert!(
                !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{self}"
            );
            let page = problem["type"].as_str().unwrap_or_default();
            assert!(page.starts_with("http") && page.ends_with(&format!("/problems/{code}")), "{self}");
            assert_eq!(problem["status"], self.status.as_u16(), "{self}");
            assert_eq!(problem["requestId"], id, "{self}");
            assert!(problem["title"].is_string() && problem["detail"].is_string(), "{self}");
        }
        match self.status.as_u16() {
            401 => assert!(self.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")), "{self}"),
            405 => assert!(self.header("allow").is_some(), "Allow is missing: {self}"),
            429 | 503 => {
                let seconds = self.header("retry-after").and_then(|value| value.parse::<u64>().ok());
                assert!(seconds.is_some_and(|seconds| seconds >= 1), "Retry-After is missing: {self}");
            }
            _ => {}
        }
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n→ {}", self.what, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let text = self.text();
        f.write_str(&text.chars().take(2000).collect::<String>())
    }
}
