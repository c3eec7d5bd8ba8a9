//! Connections: what is refused leaves them in order, and nobody holds one for ever.

use std::net::IpAddr;

use aibaas_tests::{
    TIMEOUT, User, cases,
    fixtures::{PASSWORD, new_address, token_in},
    host::{
        Host, Kind, Setup, logging,
        native::{self, Server},
    },
    provider::Provider,
    wire::{Wire, WireAnswer},
};
use futures_util::future::join_all;
use serde_json::json;

cases![KeepsMail:
    a_refusal_leaves_the_connection_in_order,
    nobody_is_told_to_send_what_is_refused,
    who_stops_sending_is_not_waited_for,
    stalled_bodies_keep_nobody_waiting,
];

/// However long an event is waited for, it comes or the case fails.
pub async fn in_the_end<T>(what: &str, event: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(TIMEOUT, event).await;
    waited.unwrap_or_else(|_| panic!("{what} did not come"))
}

/// Bodies that stall at once. Each has had its limit counted before, one after another on Spin.
const STALLED: usize = 100;

/// What is refused before its body is looked at, and how.
const REFUSED: [(u16, &str, &str); 5] = [
    (401, "POST /api/v1/api-keys", "application/json"),
    (404, "POST /api/v1/nowhere", "application/json"),
    (405, "POST /api/v1/leaderboard", "application/json"),
    (415, "POST /api/v1/auth/login", "text/plain"),
    (413, "POST /api/v1/auth/login", "application/json"),
];

/// An address that nobody else calls from: what is refused counts against it.
fn stranger(host: &Host) -> IpAddr {
    host.client().address().unwrap_or_else(|| [127, 0, 0, 1].into())
}

/// A request's head. A Worker that is spoken to without an edge has the address of its client from whoever calls.
pub fn head(from: IpAddr, request: &str, content_type: &str, length: &str) -> String {
    format!(
        "{request} HTTP/1.1\r\nHost: localhost\r\nCF-Connecting-IP: {from}\r\nContent-Type: {content_type}\r\n\
         {length}\r\n\r\n"
    )
}

fn sized(from: IpAddr, request: &str, content_type: &str, length: usize) -> Vec<u8> {
    let mut whole = head(from, request, content_type, &format!("Content-Length: {length}")).into_bytes();
    whole.resize(whole.len() + length, b' ');
    whole
}

fn chunked(from: IpAddr, request: &str, content_type: &str, chunks: usize) -> Vec<u8> {
    let chunk = format!("{:x}\r\n{}\r\n", 40_000, " ".repeat(40_000));
    let head = head(from, request, content_type, "Transfer-Encoding: chunked");
    format!("{head}{}0\r\n\r\n", chunk.repeat(chunks)).into_bytes()
}

/// Whoever is refused gets to read why, and the request after it on the same connection its own answer, or is told that
/// the connection closes.
async fn a_refusal_leaves_the_connection_in_order(host: Host) {
    for (status, request, content_type) in REFUSED {
        let sized = |length| sized(stranger(&host), request, content_type, length);
        let mut bodies = vec![chunked(stranger(&host), request, content_type, 3), sized(1_500_000)];
        if host.kind() == Kind::Native {
            // More than any host reads: this one says that it closes, and sees to it that this is read.
            bodies.push(sized(9_000_000));
        }
        if status != 413 {
            bodies.extend([sized(100), sized(70_000)]);
        }
        for body in bodies {
            let mut wire = Wire::open(host.direct_url()).await.expect("a connection");
            assert_in_order(&host, &mut wire, status, body).await;
        }
    }
    // Over a limit, which is looked at before the body.
    let from = stranger(&host);
    let request = sized(from, "POST /api/v1/auth/resend-verification", "application/json", 70_000);
    for _ in 0..5 {
        let mut wire = Wire::open_from(host.direct_url(), from).await.expect("a connection");
        let answer = in_the_end("an answer", wire.exchange(&request)).await;
        assert_eq!(answer.expect("an answer").expect("an answer").status, 413);
    }
    let mut wire = Wire::open_from(host.direct_url(), from).await.expect("a connection");
    assert_in_order(&host, &mut wire, 429, request).await;
}

async fn assert_in_order(host: &Host, wire: &mut Wire, status: u16, mut request: Vec<u8>) {
    let what = String::from_utf8_lossy(&request[..90]).into_owned();
    let length = request.len();
    request.extend_from_slice(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let answer = in_the_end("the refusal", wire.exchange(&request)).await;
    let answer = answer.unwrap_or_else(|error| panic!("{what}, {length} bytes: {error}"));
    let answer = answer.unwrap_or_else(|| panic!("{what}, {length} bytes: closed without an answer"));
    assert_eq!((answer.status, &answer.value()["status"]), (status, &json!(status)), "{what}: {answer:?}");
    let next = in_the_end("the next answer", wire.answer()).await;
    match next {
        Ok(Some(next)) => {
            assert!(!answer.closes(), "{what}: it goes on after it said that it closes: {next:?}");
            assert_eq!((next.status, &next.value()["status"]), (200, &json!("ok")), "{what}: {next:?}");
        }
        // Spin can not announce it; who can keeps its word.
        closed => assert!(
            answer.closes() && matches!(closed, Ok(None)) || host.kind() == Kind::Spin,
            "{what}, {length} bytes: {closed:?} after {answer:?}"
        ),
    }
}

/// Who asks before it sends is refused before it sends. A Worker is not asked: workerd tells whoever sends a body to do so
/// once the body is read, and Cloudflare's edge does it for itself; the refusal comes after it.
async fn nobody_is_told_to_send_what_is_refused(host: Host) {
    for (status, request, content_type) in REFUSED {
        let mut wire = Wire::open(host.direct_url()).await.expect("a connection");
        let length = if status == 413 { 70_000 } else { 100 };
        let asks = format!("Content-Length: {length}\r\nExpect: 100-continue");
        wire.send(head(stranger(&host), request, content_type, &asks)).await.expect("it is sent");
        let first = in_the_end("the refusal", wire.answer()).await.expect("an answer").expect("an answer");
        if host.kind() == Kind::Cloudflare {
            assert_eq!(first.status, 100, "{request}: {first:?}");
            assert_in_order(&host, &mut wire, status, vec![b' '; length]).await;
        } else {
            assert_eq!(first.status, status, "{request}: {first:?}");
            assert!(first.closes() || host.kind() == Kind::Spin, "what follows may be the body or not: {first:?}");
        }
    }
    let mut wire = Wire::open(host.direct_url()).await.expect("a connection");
    let body = json!({ "email": new_address(), "password": PASSWORD }).to_string();
    let length = format!("Content-Length: {}\r\nExpect: 100-continue", body.len());
    let head = head(stranger(&host), "POST /api/v1/auth/login", "application/json", &length);
    wire.send(head).await.expect("it is sent");
    assert_eq!(in_the_end("to go on", wire.answer()).await.expect("an answer").expect("an answer").status, 100);
    wire.send(body).await.expect("it is sent");
    let answer = in_the_end("the answer", wire.answer()).await.expect("an answer").expect("an answer");
    assert_eq!((answer.status, &answer.value()["code"]), (401, &json!("invalid_credentials")), "{answer:?}");
}

/// A body that stops arriving, or drips, is given up, on every host; its client is told so, and that the connection closes.
async fn who_stops_sending_is_not_waited_for(host: Host) {
    let login = |length| head(stranger(&host), "POST /api/v1/auth/login", "application/json", length);
    let starts = [
        (login("Content-Length: 60000"), false),
        (format!("{}{{\"email\":", login("Content-Length: 60000")), false),
        (format!("{}5\r\n{{\"ema", login("Transfer-Encoding: chunked")), false),
        (login("Content-Length: 60000"), true),
        (login("Transfer-Encoding: chunked"), false),
    ];
    let given_up = starts.map(async |(start, drips)| {
        let mut wire = Wire::open(host.direct_url()).await.expect("a connection");
        wire.send(&start).await.expect("it is sent");
        let answer = in_the_end("408", async { if drips { wire.drip().await } else { wire.answer().await } }).await;
        let answer = answer.unwrap_or_else(|error| panic!("{start}: {error}")).expect("an answer");
        assert_eq!((answer.status, &answer.value()["code"]), (408, &json!("request_timeout")), "{start}: {answer:?}");
        assert!(answer.closes() || host.kind() == Kind::Spin, "{answer:?}");
        // The rest may not be taken for a request.
        let after = in_the_end("the end", wire.answer()).await;
        assert!(!matches!(after, Ok(Some(_))), "{after:?}");
    });
    join_all(given_up).await;
}

/// However many bodies have stalled, others are answered, and each of them is given up.
async fn stalled_bodies_keep_nobody_waiting(host: Host) {
    let stall = async || {
        let mut wire = Wire::open(host.direct_url()).await.expect("a connection");
        let start = head(stranger(&host), "POST /api/v1/auth/login", "application/json", "Content-Length: 5000");
        wire.send(start + "{").await.expect("it is sent");
        wire
    };
    let user = User::verified(&host).await;
    let stalled = join_all((0..STALLED).map(|_| stall())).await;
    host.client().get("/health").await.expect(200);
    user.api.get("/api/v1/users/me").await.expect(200);
    let given_up = stalled.into_iter().map(async |mut wire| {
        let answer = in_the_end("an end", wire.answer()).await.expect("an answer").expect("an answer");
        assert_eq!((answer.status, &answer.value()["code"]), (408, &json!("request_timeout")), "{answer:?}");
    });
    join_all(given_up).await;
    User::login(&host.client(), &user.email).await;
}

async fn health(wire: &mut Wire) -> Option<WireAnswer> {
    wire.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
    in_the_end("an answer about the health", wire.answer()).await.ok().flatten()
}

/// Connections that wait for nothing but their clients make room for others, and one address has its share.
pub async fn nobody_takes_all_places() {
    let data = tempfile::tempdir().expect("a folder");
    let mut variables = Setup::KeepsMail.variables();
    let limits = [("MAX_CONNECTIONS", "30"), ("MAX_CONNECTIONS_PER_ADDRESS", "10"), ("TRUSTED_PROXIES", "127.0.0.9")];
    variables.extend(limits.map(|(name, value)| (name, value.to_owned())));
    let server = Server::start(data.path(), &variables).expect("it starts");
    let from = |last: u8| [127, 0, 0, last].into();
    let open = async |last: u8| Wire::open_from(&server.url, from(last)).await.expect("a connection");

    // Idle ones, and half-sent requests, from three addresses.
    let mut held = Vec::new();
    for address in 1..=3 {
        for n in 0..10 {
            let mut wire = open(address).await;
            let start =
                if n % 2 == 0 { "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" } else { "POST /api/v1/auth/lo" };
            wire.send(start).await.expect("it is sent");
            if n % 2 == 0 {
                assert_eq!(in_the_end("an answer", wire.answer()).await.unwrap().unwrap().status, 200);
            }
            held.push(wire);
        }
    }
    let mut eleventh = open(3).await;
    let refused = health(&mut eleventh).await.expect("an answer");
    assert_eq!((refused.status, &refused.value()["code"]), (429, &json!("too_many_requests")), "{refused:?}");
    assert!(refused.closes() && refused.header("retry-after").is_some() && refused.header("x-request-id").is_some());

    // Each newcomer takes the place of whoever has waited longest.
    for n in 0..12 {
        let mut newcomer = open(100 + n).await;
        assert_eq!(health(&mut newcomer).await.expect("an answer").status, 200);
        held.push(newcomer);
    }
    let oldest = in_the_end("the end of the oldest", held[0].answer()).await;
    assert!(!matches!(oldest, Ok(Some(_))), "{oldest:?}");
    let line = server.wait_for_line("connections open=");
    assert!(line.contains("evicted=") && line.contains("refused_by_address="), "{line}");

    // Behind a proxy are many.
    let mut proxied = Vec::new();
    for _ in 0..20 {
        let mut wire = open(9).await;
        assert_eq!(health(&mut wire).await.expect("an answer").status, 200);
        proxied.push(wire);
    }
}

/// A mail on its way to the provider when the server is told to stop is sent once, and what is asked for meanwhile after
/// the next start.
#[cfg(unix)]
pub async fn sigterm_sends_no_mail_twice_and_loses_none() {
    let provider = Provider::start().await.expect("a provider");
    let data = tempfile::tempdir().expect("a folder");
    let variables = logging(native::variables(Setup::SendsMail, Some(provider.url())));
    let mut server = Server::start(data.path(), &variables).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), Some(provider.clone()));
    let (under_way, asked_for_late) = (new_address(), new_address());
    provider.hold(&under_way);
    let registration = |email: &str| json!({ "email": email, "password": PASSWORD });
    host.client().post("/api/v1/auth/register").json(registration(&under_way)).await.expect(202);
    provider.wait_for(&under_way, 1).await;

    // A request that the server has begun to read: it tells its client to go on.
    let body = registration(&asked_for_late).to_string();
    let mut wire = Wire::open(host.url()).await.expect("a connection");
    let length = format!("Content-Length: {}\r\nExpect: 100-continue", body.len());
    let head = head(stranger(&host), "POST /api/v1/auth/register", "application/json", &length);
    wire.send(head).await.expect("it is sent");
    assert_eq!(in_the_end("to go on", wire.answer()).await.unwrap().unwrap().status, 100);

    let sent = std::process::Command::new("kill").args(["-TERM", &server.child().id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    server.wait_for_line("stopping");
    wire.send(body).await.expect("it is sent");
    let answer = in_the_end("the last answer", wire.answer()).await.unwrap().unwrap();
    assert_eq!((answer.status, answer.closes()), (202, true), "{answer:?}");
    provider.release(&under_way);
    let ended = tokio::task::spawn_blocking(move || server.child().wait()).await.expect("no panic");
    assert!(ended.is_ok_and(|status| status.success()));
    let calls = |address: &str| provider.calls_to(address).len();
    assert_eq!((calls(&under_way), calls(&asked_for_late)), (1, 0));

    let server = Server::start(data.path(), &variables).expect("it starts again");
    let host = Host::at(Kind::Native, server.url.clone(), Some(provider.clone()));
    let token = |email: &str| token_in(provider.calls_to(email)[0].body["text"].as_str().expect("a text"));
    provider.wait_for(&asked_for_late, 1).await;
    for email in [&under_way, &asked_for_late] {
        let api = host.client();
        api.post("/api/v1/auth/verify-email").json(json!({ "token": token(email) })).await.expect(200);
        let tokens = User::login(&api, email).await;
        let api = api.with(tokens["accessToken"].as_str().expect("a token"));
        let known = api.get("/api/v1/users/me/export").await.expect(200);
        let sent = known["mails"].as_array().expect("mails").iter().filter(|mail| mail["sentAt"].is_string()).count();
        assert!(sent >= 1, "it is known to be sent, and is not sent again: {known}");
        assert_eq!(calls(email), 1);
    }
}
