//! What holds for every answer, whatever was asked.

use aibaas_tests::{
    Publisher, User, cases,
    fixtures::unique,
    host::{Host, Kind, LISTED_ORIGIN},
};
use reqwest::Method;
use serde_json::{Value, json};

cases![
    KeepsMail:
    request_ids_are_echoed_or_made,
    pages_of_this_machine_may_call,
    other_origins_may_not,
    preflights_are_answered,
    public_reads_are_open_to_any_origin,
    unknown_paths_are_not_found,
    other_methods_are_not_allowed,
    head_is_get_without_a_body,
    bodies_have_limits,
    bodies_are_json,
    bodies_are_not_compressed,
    a_byte_order_mark_is_no_text,
    public_reads_have_tags,
    public_keys_are_open_to_any_origin,
    problems_have_a_page,
    a_request_names_one_host;
    ListsOrigins: only_listed_origins_may_call;
];

async fn request_ids_are_echoed_or_made(host: Host) {
    let api = host.client();
    let get = |id: &str| api.get("/health").header("X-Request-Id", id);
    for id in ["abc", "a.b-c_D9", "018f3a3e-7b1c-7def-8a90-123456789abc", &"x".repeat(64)] {
        assert_eq!(get(id).await.header("x-request-id"), Some(id));
    }
    for id in ["", "two words", "semi;colon", "<script>", &"x".repeat(65), "ünïcode"] {
        let answer = get(id).await;
        let made = answer.header("x-request-id").expect("an id");
        assert!(made != id && made.len() == 36, "{id:?} became {made}");
    }
    let (first, second) = (api.get("/health").await, api.get("/health").await);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    let problem = api.get("/nowhere").header("X-Request-Id", "trace-me").await.problem(404, "not_found");
    assert_eq!(problem["requestId"], "trace-me");
}

async fn pages_of_this_machine_may_call(host: Host) {
    let api = host.client();
    for origin in ["http://localhost:3000", "http://localhost:5174", "http://127.0.0.1:5173", "http://[::1]:1"] {
        for path in ["/health", "/api/v1/users/me", "/nowhere"] {
            let answer = api.get(path).header("Origin", origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{answer}");
            let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
            for name in [
                "X-Request-Id",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "ETag",
                "Link",
                "Age",
                "Cache-Status",
                "Idempotent-Replayed",
            ] {
                assert!(exposed.split(", ").any(|exposed| exposed == name), "{name} in {exposed}");
            }
            assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")), "{answer}");
        }
    }
}

async fn other_origins_may_not(host: Host) {
    let api = host.client();
    for origin in [
        "http://app.localhost:3000",
        "http://localhost.evil.example",
        "http://localhost:3000.evil.example",
        "http://localhost:3000@evil.example",
        "null",
        "http://LOCALHOST:3000/",
    ] {
        let simple = api.get("/api/v1/users/me").header("Origin", origin).await;
        let preflight = api.request(Method::OPTIONS, "/api/v1/users/me").header("Origin", origin);
        let preflight = preflight.header("Access-Control-Request-Method", "PATCH").await;
        for answer in [simple, preflight] {
            let granted = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert_eq!(granted, None, "{origin}: {answer}");
            assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")), "{answer}");
        }
    }
    let without = api.get("/health").await;
    assert!(without.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{without}");
}

async fn only_listed_origins_may_call(host: Host) {
    for (origin, allowed) in [(LISTED_ORIGIN, true), ("http://localhost:5174", false), ("http://127.0.0.1:5173", false)]
    {
        let answer = host.client().get("/health").header("Origin", origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin).filter(|_| allowed), "{answer}");
    }
}

async fn preflights_are_answered(host: Host) {
    let api = host.client();
    for path in ["/api/v1/auth/login", "/api/v1/users/me", "/api/v1/api-keys", "/api/v1/runs"] {
        let preflight = api.request(Method::OPTIONS, path).header("Origin", "http://localhost:3000");
        let preflight = preflight.header("Access-Control-Request-Method", "PATCH");
        let answer =
            preflight.header("Access-Control-Request-Headers", "content-type,authorization,idempotency-key").await;
        answer.expect(204);
        assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:3000"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        let methods = answer.header("access-control-allow-methods").unwrap_or_default();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert!(methods.contains(method), "{method} in {methods}");
        }
        let headers = answer.header("access-control-allow-headers").unwrap_or_default();
        for name in [
            "Content-Type",
            "Authorization",
            "X-API-Key",
            "Idempotency-Key",
            "X-Request-Id",
            "If-None-Match",
            "If-Modified-Since",
            "Cache-Control",
        ] {
            assert!(headers.split(", ").any(|allowed| allowed == name), "{name} in {headers}");
        }
    }
}

async fn public_reads_are_open_to_any_origin(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    publisher.published(&publisher.model("m").await, 1, 1).await;
    let answer = host.client().get(publisher.leaderboard_path()).header("Origin", "https://anywhere.example").await;
    answer.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

async fn unknown_paths_are_not_found(host: Host) {
    let api = host.client();
    for path in [
        "/nowhere",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/auth/login",
        "/api/v1/auth/login/",
        "/api/v1//auth/login",
        "/API/V1/auth/login",
        "/api/v1/auth/%6Cogin%00",
        "/.env",
        "/.git/config",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/%F0%9F%A6%80",
        "/%zz",
        &format!("/{}", "a/".repeat(500)),
        &format!("/{}", "x".repeat(5000)),
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = api.request(method, path).await;
            answer.problem(404, "not_found");
            assert!(!answer.text().contains("panicked"), "{answer}");
        }
    }
}

async fn other_methods_are_not_allowed(host: Host) {
    let api = host.client();
    let contract = host.contract().await;
    let mut allowed = std::collections::BTreeMap::<&str, Vec<Method>>::new();
    for (method, path, _) in contract.operations() {
        allowed.entry(path).or_default().push(method);
    }
    for (path, methods) in allowed {
        let concrete = path.replace("{id}", "018f3a3e-7b1c-7def-8a90-123456789abc");
        let concrete = concrete.replace("{provider}", "p").replace("{name}", "n").replace("{version}", "1");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE] {
            if methods.contains(&method) {
                continue;
            }
            let answer = api.request(method, &concrete).await;
            answer.problem(405, "method_not_allowed");
            let allow = answer.header("allow").unwrap_or_default();
            for method in &methods {
                assert!(allow.contains(method.as_str()), "{method} in Allow: {allow}; {answer}");
            }
        }
    }
}

/// RFC 9110, 9.3.2.
async fn head_is_get_without_a_body(host: Host) {
    const HEADERS: [&str; 6] = ["cache-control", "etag", "vary", "content-type", "link", "location"];
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 1, 2).await;
    let benchmark = &publisher.benchmark;
    let api = host.client();
    let both = async |path: &str, known: Option<&str>| {
        let known = known.unwrap_or("\"another\"");
        let get = api.get(path).header("If-None-Match", known).await;
        let head = api.request(Method::HEAD, path).header("If-None-Match", known).await;
        assert_eq!(get.status, head.status, "{path}: {head}");
        assert!(head.body.is_empty(), "{path}: {head}");
        for name in HEADERS {
            assert_eq!(get.header(name), head.header(name), "{path}: {name}");
        }
        get
    };
    for path in ["/", "/health", "/nowhere", "/account", "/problems", "/api/v1/users/me"] {
        both(path, None).await;
    }
    // What is kept of an answer to `HEAD` has a body all the same.
    for path in [
        format!("/api/v1/benchmarks/{benchmark}/versions/1/tasks?limit=1"),
        format!("/api/v1/models/{model}"),
        format!("/api/v1/benchmarks/{benchmark}"),
        format!("/api/v1/runs/{run}"),
        format!("/api/v1/leaderboard?benchmark={benchmark}"),
        format!("/api/v1/leaderboard.csv?benchmark={benchmark}"),
        format!("/leaderboard?benchmark={benchmark}"),
        "/.well-known/jwks.json".to_owned(),
        "/openapi.json".to_owned(),
    ] {
        let first = api.request(Method::HEAD, &path).await;
        let get = both(&path, None).await;
        assert!(get.status == 200 && !get.body.is_empty(), "{path}: {get}");
        let tag = get.header("etag").unwrap_or_else(|| panic!("{path}: {get}"));
        assert_eq!((first.status.as_u16(), first.header("etag")), (200, Some(tag)), "{path}");
        assert_eq!(both(&path, Some(tag)).await.status, 304, "{path}");
    }
}

async fn bodies_have_limits(host: Host) {
    let user = User::verified(&host).await;
    let padded = |bytes: usize| format!("{{\"fullName\":\"Big\"{}}}", " ".repeat(bytes - 18));
    let patch = |body: String| user.api.patch("/api/v1/users/me").body("application/json", body);
    patch(padded(64 * 1024)).await.expect(200);
    patch(padded(64 * 1024 + 1)).await.problem(413, "payload_too_large");
    patch(padded(3 << 20)).await.problem(413, "payload_too_large");
    let registration = json!({ "email": format!("{}@example.com", unique("big")), "password": "x".repeat(70_000) });
    host.client().post("/api/v1/auth/register").json(registration).await.problem(413, "payload_too_large");
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["fullName"], "Big");
}

async fn bodies_are_json(host: Host) {
    let user = User::verified(&host).await;
    let body = json!({ "fullName": "Changed" }).to_string();
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "json",
        "text/json",
    ] {
        let patch = user.api.patch("/api/v1/users/me").body(content_type, body.clone());
        patch.await.problem(415, "unsupported_media_type");
    }
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["fullName"], "Ada Lovelace");
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        user.api.patch("/api/v1/users/me").body(content_type, body.clone()).await.expect(200);
    }
}

/// A compressed body would be read as what it is not; the answer says what is taken.
async fn bodies_are_not_compressed(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let results = format!("/api/v1/runs/{run}/results");
    for coding in ["gzip", "br", "identity, gzip", "GZIP"] {
        for (method, path, body) in [
            (Method::POST, "/api/v1/auth/login", json!({ "email": "a@example.com", "password": "x" })),
            (Method::POST, results.as_str(), aibaas_tests::fixtures::passes(1, 1)),
        ] {
            let answer = publisher.api.request(method, path).header("Content-Encoding", coding).json(body).await;
            answer.problem(415, "unsupported_media_type");
            assert_eq!(answer.header("accept-encoding"), Some("identity"), "{answer}");
        }
    }
    let plain = publisher.api.post(&results).header("Content-Encoding", "identity");
    plain.json(aibaas_tests::fixtures::passes(1, 1)).await.expect(200);
}

/// Editors and spreadsheets begin UTF-8 with a byte order mark; it is no part of the text.
async fn a_byte_order_mark_is_no_text(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let line = |task: &Value| format!("{task}\n");
    let results = aibaas_tests::fixtures::passes(1, 2);
    let ndjson = results.as_array().unwrap().iter().map(line).collect::<String>();
    let upload = publisher.api.post(format!("/api/v1/runs/{run}/results"));
    let answer = upload.body("application/x-ndjson", format!("\u{FEFF}{ndjson}")).await.expect(200);
    assert_eq!(answer["accepted"], 2);
    let upload = publisher.api.post(format!("/api/v1/runs/{run}/results"));
    let answer = upload.body("application/json", format!("\u{FEFF}{results}")).await.expect(200);
    assert_eq!(answer["repeated"], 2);
}

/// Whoever has read something public asks again with its tag, and hears whether it changed.
async fn public_reads_have_tags(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 1, 2).await;
    // Of this one nothing was ever published.
    let empty = Publisher::new(&host).await;
    empty.tasks(1).await;
    let (benchmark, unused) = (&publisher.benchmark, &empty.benchmark);
    let api = host.client();
    for path in [
        format!("/api/v1/leaderboard?benchmark={benchmark}"),
        format!("/api/v1/leaderboard?benchmark={unused}"),
        format!("/api/v1/leaderboard.csv?benchmark={unused}"),
        format!("/api/v1/leaderboard.ndjson?benchmark={unused}"),
        format!("/api/v1/leaderboard/pareto?benchmark={benchmark}"),
        format!("/api/v1/models/{model}"),
        format!("/api/v1/models/{model}/history"),
        format!("/api/v1/benchmarks/{benchmark}"),
        format!("/api/v1/runs/{run}"),
        format!("/api/v1/runs/{run}/results"),
        format!("/api/v1/changes?benchmark={benchmark}"),
        format!("/api/v1/changes?benchmark={unused}"),
        format!("/api/v1/changes.atom?benchmark={unused}"),
        format!("/api/v1/badges/{model}.svg?benchmark={benchmark}"),
        format!("/leaderboard?benchmark={unused}"),
        "/.well-known/jwks.json".to_owned(),
        "/openapi.json".to_owned(),
    ] {
        api.get(&path).and_unchanged().await;
        let changed = api.get(&path).header("If-None-Match", "\"another\"").await;
        assert_eq!(changed.status, 200, "{changed}");
    }
}

async fn public_keys_are_open_to_any_origin(host: Host) {
    let answer = host.client().get("/.well-known/jwks.json").header("Origin", "https://any.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer}");
}

/// The `type` of a problem leads to a page of this deployment.
async fn problems_have_a_page(host: Host) {
    let api = host.client();
    let problem = api.get("/api/v1/users/me").await.problem(401, "missing_credentials");
    let address = problem["type"].as_str().expect("a type");
    let path = address.find("/problems/").and_then(|at| address.get(at..)).expect("a page");
    let page = api.get(path).header("Accept", "text/html").await;
    assert_eq!((page.status.as_u16(), page.media_type()), (200, Some("text/html")), "{page}");
    assert!(page.text().contains("missing_credentials") && page.text().contains("401"), "{page}");
    assert!(api.get("/problems").await.text().contains("href=\"/problems/missing_credentials\""));
    api.get("/problems/no_such_code").await.problem(404, "not_found");
}

/// What a request with this head gets: the status line.
async fn raw(host: &Host, head: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = host.url().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A host that closes without an answer has refused too.
    _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

/// RFC 9112, 3.2: exactly one Host.
async fn a_request_names_one_host(host: Host) {
    if !host.url().starts_with("http://127.0.0.1") {
        return;
    }
    let get = |hosts: &str| format!("GET /health HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
    let one = raw(&host, &get("Host: a.example\r\n")).await;
    assert!(one.starts_with("HTTP/1.1 200"), "{one}");
    for hosts in ["", "Host: a.example\r\nHost: b.example\r\n", "Host: a.example, b.example\r\n"] {
        let refused = raw(&host, &get(hosts)).await;
        match host.kind() {
            Kind::Native => assert!(refused.starts_with("HTTP/1.1 400"), "{hosts:?}: {refused}"),
            // What stands before the application refuses it in its own way, and never lets it through.
            _ => assert!(!refused.starts_with("HTTP/1.1 2"), "{hosts:?}: {refused}"),
        }
    }
}
