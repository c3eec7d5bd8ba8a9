//! What surrounds every answer, also where there is no route: request id, security headers, CORS headers of the origins
//! that the configuration lists, and the body of a problem. What holds for a group of routes is a layer of that group.

use std::net::IpAddr;

use axum::{
    body::HttpBody as _,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header, uri::Authority};

use super::{
    area::Area,
    cors,
    deadline::answer_in_time,
    host_refusal::HostRefusal,
    page::CSP,
    problem::{ApiError, MALFORMED_REQUEST, Problem},
    problem_page::{ForBrowser, WrittenAsPage, problem_page},
    request_notes::{RequestNotes, RequestRecord},
};
use crate::{
    app::{App, ClientAddress},
    config::Config,
    domain::{TraceParent, api_key::looks_like_key, network::parse_forwarded},
    ports::in_trace,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Most bytes of an answer that is built in memory. Each such answer keeps within this by a bound of its own; this
/// catches the one that does not. Streamed answers, whose length is not known beforehand, are exempt.
const LARGEST_ANSWER: u64 = 2 << 20;

/// Completes the answer of every request: the outermost layer.
pub async fn complete(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let (began, method) = (app.now(), request.method().clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let names_one_host = names_one_host(&request);
    join_repeated(request.headers_mut());
    let request_id = request_id(&app, request.headers());
    let trace = request.headers().get(TRACEPARENT).and_then(|value| TraceParent::parse(value.to_str().ok()?));
    // No script of another origin may read pages of accounts and administrators, not even one that may call the API.
    let path = request.uri().path();
    let is_account_page = Area::of(path).is_some();
    let origin = request.headers().get(header::ORIGIN).cloned().filter(|_| !is_account_page);
    let is_preflight = cors::is_preflight(&request);

    let peer = request.extensions().get::<ClientAddress>().copied();
    let client = peer.map(|peer| {
        warn_of_unnamed_proxy(&app, request.headers(), peer);
        client_address(app.config(), request.headers(), peer)
    });
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let noted = RequestNotes::default();
    request.extensions_mut().insert(noted.clone());
    let for_browser = ForBrowser::default();
    request.extensions_mut().insert(for_browser.clone());
    let path = request.uri().path().to_owned();
    let mut response = if !names_one_host {
        ApiError::new(MALFORMED_REQUEST, "a request has exactly one Host header").into_response()
    } else {
        let answer = in_trace(trace, answer_in_time(&app, request, next)).await;
        let answer = within_bounds(answer, route.as_ref());
        // A preflight is answered by the headers that its route has noted, whatever the route answered.
        if is_preflight { StatusCode::NO_CONTENT.into_response() } else { answer }
    };

    write_problem(&app, &mut response, &request_id, for_browser.is_noted().then_some(&path));
    let headers = response.headers_mut();
    headers.extend(noted.take_headers());
    add_common_headers(headers, &request_id);
    cors::complete(&app, headers, origin, is_preflight);
    let record = RequestRecord {
        request_id,
        route,
        method: known_method(&method),
        duration_ms: app.now().ms_since(began),
        caller: noted.caller(),
        key_decisions: noted.take_decisions(),
        trace,
    };
    log(&record, response.status(), client.filter(|_| app.config().log_client_address));
    response.extensions_mut().insert(record);
    response
}

/// Logs the request, with its route and not its path, which may hold ids or a misplaced key.
fn log(record: &RequestRecord, status: StatusCode, client: Option<ClientAddress>) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let trace_id = record.trace.map(|trace| trace.trace_id());
    let client_address = client.map(|ClientAddress(address)| address.to_canonical().to_string());
    tracing::info!(
        request_id = record.request_id,
        method = record.method,
        route = record.route(),
        status = status.as_u16(),
        duration_ms = record.duration_ms,
        caller = record.caller.name(),
        trace_id,
        client_address,
        "request"
    );
}

/// Replaces an answer of more than [`LARGEST_ANSWER`], too large to be held by many requests at once, by an error.
fn within_bounds(answer: Response, route: Option<&MatchedPath>) -> Response {
    let Some(size) = answer.body().size_hint().exact().filter(|size| *size > LARGEST_ANSWER) else { return answer };
    let route = route.map_or("no route", MatchedPath::as_str);
    ApiError::internal(format!("{route}: an answer of {size} bytes is not sent")).into_response()
}

/// Answers a request that the application does not get to see.
#[must_use]
pub fn refuse(app: &App, refusal: HostRefusal) -> Response {
    let request_id = app.new_id();
    let mut response = refusal.error().into_response();
    write_problem(app, &mut response, &request_id, None);
    add_common_headers(response.headers_mut(), &request_id);
    response
}

/// Writes the body of a problem, now that the request's id is known: as a page if a browser asked for this path.
fn write_problem(app: &App, response: &mut Response, request_id: &str, page: Option<&String>) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    if let Some(cause) = problem.cause()
        && let Some(unlogged_before) = app.internal_error_log().admit(cause, app.now())
    {
        tracing::error!(request_id, cause, unlogged_before, "internal error");
    }
    if response.extensions_mut().remove::<WrittenAsPage>().is_some() {
        return;
    }
    let body = problem.body(&app.config().base_url, request_id);
    *response.body_mut() = match page {
        Some(path) => problem_page(&body, path).into(),
        None => serde_json::to_vec(&body).unwrap_or_default().into(),
    };
    let headers = response.headers_mut();
    let media_type = if page.is_some() { "text/html; charset=utf-8" } else { "application/problem+json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if page.is_some() {
        headers.insert(header::CONTENT_SECURITY_POLICY, CSP);
    }
    headers.remove(header::CONTENT_LENGTH);
}

/// Returns the method's name where it is one of RFC 9110 or RFC 5789, else `other`: clients can make up names.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn add_common_headers(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Checks that the request names exactly one host (RFC 9112, 3.2). A host that hands over an absolute URI has checked
/// itself.
fn names_one_host(request: &Request) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).is_ok_and(|host| !host.as_str().contains('@')),
        (None, _) => request.uri().authority().is_some() || request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// Joins the values of a header that came several times (RFC 9110, 5.3), as Workers hand them over: so every host sees
/// the same, and where one value is wanted, several count as none. Cookies follow other rules and are parsed
/// separately.
fn join_repeated(headers: &mut HeaderMap) {
    let is_repeated = |name: &&HeaderName| headers.get_all(*name).iter().nth(1).is_some();
    let names = headers.keys().filter(is_repeated).filter(|name| *name != header::COOKIE).cloned().collect::<Vec<_>>();
    for name in names {
        let values = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
        if let Ok(joined) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
            headers.insert(name, joined);
        }
    }
}

/// Returns the client's address as trusted proxies report it. Of `X-Forwarded-For` only what they wrote counts: from
/// the right, up to the first address that is not one of theirs. `Forwarded` (RFC 7239) is not read: two headers that
/// may differ would have to be told apart, and proxies write the older one.
fn client_address(config: &Config, headers: &HeaderMap, peer: ClientAddress) -> ClientAddress {
    let trusted = |address: IpAddr| config.trusted_proxies.iter().any(|block| block.contains(address));
    let ClientAddress(mut address) = peer;
    let told = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    for hop in told.flat_map(|value| value.split(',')).collect::<Vec<_>>().into_iter().rev() {
        match parse_forwarded(hop.trim()) {
            Some(hop) if trusted(address) => address = hop,
            _ => break,
        }
    }
    ClientAddress(address)
}

/// Warns once of a peer that sends `X-Forwarded-For` but is not trusted: behind a proxy that is not configured, all
/// clients have the proxy's address and share one limit, and strangers' guesses delay the people they guess at.
fn warn_of_unnamed_proxy(app: &App, headers: &HeaderMap, peer: ClientAddress) {
    let ClientAddress(address) = peer;
    let is_named = app.config().trusted_proxies.iter().any(|block| block.contains(address));
    if !is_named && headers.contains_key(FORWARDED_FOR) && app.is_first_unnamed_proxy() {
        // It may as well be the address of a client that sends the header itself.
        let client_address = app.config().log_client_address.then(|| address.to_canonical().to_string());
        tracing::warn!(
            client_address,
            "X-Forwarded-For is ignored: its sender is not in TRUSTED_PROXIES, and all who come through there share its \
             limits; if it is your proxy, name it there (this is logged once; LOG_CLIENT_ADDRESS=on tells its address)"
        );
    }
}

/// Returns the caller's id where it is a sane token and does not look like an API key, else a new id.
fn request_id(app: &App, headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && !looks_like_key(id)
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane);
    given.map_or_else(|| app.new_id(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use axum::body::Body;
    use futures_util::FutureExt as _;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        config::HostDefaults,
        counting_ports::Counting,
        ports::{Database, DatabaseError, Ports, Rows, Statement},
    };

    /// Database that is always unavailable.
    struct UnavailableDatabase;

    #[async_trait]
    impl Database for UnavailableDatabase {
        async fn query(&self, _: Statement) -> Result<Rows, DatabaseError> {
            Err(DatabaseError::Unavailable("nobody at db.example".to_owned()))
        }

        async fn batch(&self, _: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
            Err(DatabaseError::Unavailable("nobody at db.example".to_owned()))
        }
    }

    #[derive(Clone, Default)]
    struct LogBuffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for LogBuffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Sends a request with the id `seen`, and returns the lines that it logs.
    fn logged(ports: Ports, method: &str, target: &str) -> Vec<Value> {
        let config = Config::load(&|_| None, HostDefaults::development("http://a.example")).unwrap();
        let router = crate::http::router(&App::new(ports, config));
        let request = Request::builder().method(method).uri(target).header("host", "a.example");
        let request = request.header("x-request-id", "seen").body(Body::empty()).unwrap();
        let written = LogBuffer::default();
        let writer = written.clone();
        let log = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            router.oneshot(request).now_or_never().expect("these ports never wait").unwrap()
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_request_is_a_line_that_names_its_route_and_not_its_path() {
        let cases = [
            ("GET", "/api/v1/runs/hidden-id?q=hidden-text", "GET", "/api/v1/runs/{id}", 404),
            ("OPTIONS", "/api/v1/runs/hidden-id", "OPTIONS", "/api/v1/runs/{id}", 405),
            ("GET", "/hidden-path/hidden-key?q=hidden-text", "GET", "none", 404),
            ("HIDDEN", "/health", "other", "/health", 405),
        ];
        for (method, target, known, route, status) in cases {
            let lines = logged(Arc::new(Counting::default()).ports(), method, target);
            let [line] = &lines[..] else { panic!("{target}: {lines:?}") };
            assert_eq!((&line["level"], &line["message"]), (&"INFO".into(), &"request".into()), "{line}");
            assert_eq!((&line["request_id"], &line["method"]), (&"seen".into(), &known.into()), "{line}");
            assert_eq!((&line["route"], &line["status"]), (&route.into(), &status.into()), "{line}");
            assert!(line["duration_ms"].is_u64(), "{line}");
            assert_eq!(
                (&line["caller"], line.get("trace_id"), line.get("client_address")),
                (&"nobody".into(), None, None)
            );
            assert!(!line.to_string().to_lowercase().contains("hidden"), "{line}");
        }
    }

    #[test]
    fn the_cause_of_an_internal_error_carries_the_id_of_its_request() {
        let ports = Ports { database: Arc::new(UnavailableDatabase), ..Arc::new(Counting::default()).ports() };
        let lines = logged(ports, "GET", "/api/v1/models");
        let errors = lines.iter().filter(|line| line["level"] == "ERROR").collect::<Vec<_>>();
        assert!(
            matches!(&errors[..], [error] if error["request_id"] == "seen" && error["message"] == "internal error"
                && error["cause"].to_string().contains("nobody at db.example")),
            "{lines:?}"
        );
        assert_eq!(lines.last().unwrap()["status"], 503);
    }

    #[test]
    fn what_is_built_in_memory_has_an_end() {
        let largest = usize::try_from(LARGEST_ANSWER).unwrap();
        let status = |body: Body| within_bounds(body.into_response(), None).status();
        assert_eq!(status(Body::from(vec![b' '; largest])), StatusCode::OK);
        let larger = || vec![b' '; largest + 1];
        assert_eq!(status(Body::from(larger())), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(within_bounds(axum::Json(" ".repeat(largest)).into_response(), None).status(), 500);
        let pieces = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(larger())]);
        assert_eq!(status(Body::from_stream(pieces)), StatusCode::OK, "it is streamed");
    }

    #[test]
    fn only_what_trusted_proxies_wrote_counts() {
        let told = |peer: &str, forwarded: &[&str]| {
            let lookup = |name: &str| (name == "TRUSTED_PROXIES").then(|| "10.0.0.0/8, ::1".to_owned());
            let defaults = HostDefaults::development("http://a.example");
            let config = Config::load(&lookup, defaults).unwrap();
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_str(value).unwrap());
            }
            let ClientAddress(address) = client_address(&config, &headers, ClientAddress(peer.parse().unwrap()));
            address.to_string()
        };
        assert_eq!(told("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "anyone can send the header");
        assert_eq!(told("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(told("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7", "the client wrote the rest");
        assert_eq!(told("::1", &["203.0.113.9, 198.51.100.7", "10.1.1.1"]), "198.51.100.7");
        assert_eq!(told("::1", &["203.0.113.9, 198.51.100.7:5678, 10.1.1.1:80"]), "198.51.100.7", "ports are left out");
        assert_eq!(told("10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(told("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(told("10.0.0.1", &["198.51.100.7, unknown"]), "10.0.0.1", "what is not told is not guessed");
    }
}
