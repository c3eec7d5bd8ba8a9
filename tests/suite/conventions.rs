//! What holds for every answer, whatever was asked.

use aibaas_tests::{Publisher, User, cases, fixtures::unique, host::Host};
use reqwest::Method;
use serde_json::json;

cases![KeepsMail:
    request_ids_are_echoed_or_made,
    listed_origins_may_call,
    other_origins_may_not,
    preflights_are_answered,
    public_reads_are_open_to_any_origin,
    unknown_paths_are_not_found,
    other_methods_are_not_allowed,
    head_is_get_without_a_body,
    bodies_have_limits,
    bodies_are_json,
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

async fn listed_origins_may_call(host: Host) {
    let api = host.client();
    for origin in ["http://localhost:3000", "http://localhost:5173"] {
        for path in ["/health", "/api/v1/users/me", "/nowhere"] {
            let answer = api.get(path).header("Origin", origin).await;
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{answer}");
            let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
            for name in
                ["X-Request-Id", "RateLimit", "RateLimit-Policy", "Retry-After", "ETag", "Link", "Idempotent-Replayed"]
            {
                assert!(exposed.split(", ").any(|exposed| exposed == name), "{name} in {exposed}");
            }
            assert!(answer.header("vary").is_some_and(|vary| vary.contains("Origin")), "{answer}");
        }
    }
}

async fn other_origins_may_not(host: Host) {
    let api = host.client();
    for origin in [
        "http://localhost:3001",
        "https://localhost:3000",
        "http://localhost:3000.evil.example",
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
        for name in ["Content-Type", "Authorization", "X-API-Key", "Idempotency-Key", "X-Request-Id"] {
            assert!(headers.contains(name), "{name} in {headers}");
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
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{answer}");
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

async fn head_is_get_without_a_body(host: Host) {
    let api = host.client();
    for path in ["/", "/health", "/openapi.json", "/nowhere"] {
        let (get, head) = (api.get(path).await, api.request(Method::HEAD, path).await);
        assert_eq!(get.status, head.status, "{head}");
        assert!(head.body.is_empty());
        assert_eq!(get.header("content-type"), head.header("content-type"), "{head}");
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
