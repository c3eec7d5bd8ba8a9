//! Bad bodies for every route that takes one: the right refusal, nothing stored, never a server error.

use aibaas_tests::{
    Answer, Client, Publisher, User, cases,
    fixtures::{PASSWORD, admin, new_address, passes, seeded, tasks, unique},
    host::Host,
};
use reqwest::Method;
use serde_json::{Value, json};

cases![KeepsMail:
    broken_bodies_are_refused_everywhere,
    wrong_types_are_refused_everywhere,
    random_bodies_break_nothing,
    refused_bodies_store_nothing,
    odd_path_parameters_are_refused,
];

/// A call that takes a body, by somebody who may make it.
struct Route {
    api: Client,
    method: Method,
    path: String,
    body: Value,
}

impl Route {
    /// Sends this text as JSON.
    async fn send(&self, body: impl Into<Vec<u8>>) -> Answer {
        self.caller().request(self.method.clone(), &self.path).body("application/json", body).await
    }

    /// From a new address where the route counts by address.
    fn caller(&self) -> Client {
        let limited = self.path.contains("/auth/") || self.path.ends_with("/email");
        if limited { self.api.elsewhere() } else { self.api.clone() }
    }
}

/// Every route that takes a body, and a body that fits it.
async fn routes(host: &Host) -> Vec<Route> {
    let publisher = Publisher::new(host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let scored = publisher.run(&model).await;
    let (withdrawn, rejected) = (publisher.published(&model, 1, 2).await, publisher.run(&model).await);
    let administrator = admin(host).await.api;
    let counted = Publisher::new(host).await;
    let version =
        json!({ "title": "C", "metric": "pass_rate", "evidence": "counts", "taskCount": 5, "attemptsPerTask": 1 });
    counted.version("1", version).await;
    let counted_run = counted.run(&counted.model("m").await).await;
    let (nobody, person) = (publisher.api.anonymous(), publisher.user.api.clone());
    let key = publisher.user.key(json!({ "name": "k", "scopes": ["models:write"] })).await["apiKey"]["id"].clone();
    let key = key.as_str().expect("an id");
    let verifier = counted.user.key_client(&["keys:verify"]).await;
    let route =
        |api: &Client, method: Method, path: String, body: Value| Route { api: api.clone(), method, path, body };
    let auth = |name: &str| format!("/api/v1/auth/{name}");
    vec![
        route(
            &nobody,
            Method::POST,
            auth("register"),
            json!({ "email": new_address(), "password": PASSWORD, "fullName": "A" }),
        ),
        route(&nobody, Method::POST, auth("verify-email"), json!({ "token": "x" })),
        route(&nobody, Method::POST, auth("resend-verification"), json!({ "email": new_address() })),
        route(
            &nobody,
            Method::POST,
            auth("login"),
            json!({ "email": new_address(), "password": PASSWORD, "mode": "token" }),
        ),
        route(&nobody, Method::POST, auth("refresh"), json!({ "refreshToken": "x" })),
        route(&nobody, Method::POST, auth("logout"), json!({ "refreshToken": "x" })),
        route(&nobody, Method::POST, auth("login/mfa"), json!({ "mfaToken": "x", "code": "000000" })),
        route(&nobody, Method::POST, auth("password/forgot"), json!({ "email": new_address() })),
        route(&nobody, Method::POST, auth("password/reset"), json!({ "token": "x", "password": PASSWORD })),
        route(&nobody, Method::POST, auth("confirm-email"), json!({ "token": "x" })),
        route(&person, Method::POST, auth("mfa/totp/confirm"), json!({ "code": "000000" })),
        route(
            &person,
            Method::POST,
            auth("password/change"),
            json!({ "currentPassword": "wrong", "newPassword": "wrong", "revokeOtherSessions": false }),
        ),
        route(
            &person,
            Method::POST,
            "/api/v1/users/me/email".to_owned(),
            json!({ "newEmail": new_address(), "password": "wrong" }),
        ),
        route(&person, Method::DELETE, "/api/v1/users/me".to_owned(), json!({ "password": "wrong" })),
        route(&person, Method::PATCH, "/api/v1/users/me".to_owned(), json!({ "fullName": "B" })),
        route(
            &person,
            Method::POST,
            "/api/v1/api-keys".to_owned(),
            json!({
                "name": "k", "description": "d", "scopes": ["models:write"], "rateLimit": 10, "rateLimitWindowSeconds": 60,
                "expiresInDays": 3, "allowedIps": ["10.0.0.0/8"], "environment": "live",
            }),
        ),
        route(
            &person,
            Method::PATCH,
            format!("/api/v1/api-keys/{key}"),
            json!({
                "name": "k", "description": "d", "scopes": ["models:write"], "rateLimit": 10, "allowedIps": ["10.0.0.0/8"],
            }),
        ),
        route(&person, Method::POST, format!("/api/v1/api-keys/{key}/rotate"), json!({ "overlapSeconds": 3 })),
        route(
            &verifier,
            Method::POST,
            "/api/v1/api-keys/verify".to_owned(),
            json!({ "key": "k", "scopes": ["models:write"], "cost": 1, "ip": "192.0.2.7" }),
        ),
        route(
            &publisher.api,
            Method::PUT,
            format!("/api/v1/models/{}/other", publisher.provider),
            json!({ "displayName": "O", "contextWindow": 9 }),
        ),
        route(
            &publisher.api,
            Method::PUT,
            format!("/api/v1/benchmarks/{}/versions/2", publisher.benchmark),
            json!({ "title": "T", "metric": "pass_rate", "tasks": tasks(2) }),
        ),
        route(&publisher.api, Method::POST, "/api/v1/runs".to_owned(), publisher.run_body(&model)),
        route(&publisher.api, Method::POST, format!("/api/v1/runs/{scored}/results"), passes(1, 2)),
        route(
            &publisher.api,
            Method::POST,
            format!("/api/v1/runs/{withdrawn}/withdraw"),
            json!({ "reason": "a mistake" }),
        ),
        route(
            &administrator,
            Method::POST,
            format!("/api/v1/admin/runs/{rejected}/reject"),
            json!({ "reason": "made up" }),
        ),
        route(
            &publisher.api,
            Method::PUT,
            format!("/api/v1/benchmarks/{}/versions/3", publisher.benchmark),
            json!({
                "title": "T", "metric": "score", "privateTasks": true, "tasksPublishedOn": "2025-06",
                "parts": [{ "id": "panel", "weight": 1 }],
                "tasks": [{ "id": "t1", "scenario": "s", "language": "l", "difficulty": "d", "cluster": "c" }],
            }),
        ),
        route(
            &counted.api,
            Method::PUT,
            format!("/api/v1/runs/{counted_run}/counts"),
            json!({ "total": 5, "correctByAttempt": [3], "costUsd": 1.5, "meanLatencyMs": 20 }),
        ),
    ]
}

/// Lists as deep as parsers allow, with a text of such lists in them, and so on: the library serde_json parses such texts,
/// each with the whole depth again, where it reads the name in front of them into a value of any shape.
fn texts_in_texts() -> String {
    let quoted = |text: &str| text.replace('\\', "\\u005c").replace('"', "\\u0022");
    (0..24).fold("0".to_owned(), |text, _| {
        let object = format!(r#"{{"$serde_json::private::RawValue":"{}"}}"#, quoted(&text));
        format!("{}{object}{}", "[".repeat(125), "]".repeat(125))
    })
}

async fn broken_bodies_are_refused_everywhere(host: Host) {
    for route in routes(&host).await {
        let whole = route.body.to_string();
        let broken: [&[u8]; 12] = [
            b" ",
            b"{",
            b"[",
            b"nonsense",
            b"{\"email\":}",
            b"{'email': 'single'}",
            b"{\"a\":1,}",
            b"{\"a\":NaN}",
            b"{\"a\":1} trailing",
            b"\xff\xfe{\"a\":1}",
            b"{\"a\":\"\xc3\x28\"}",
            &whole.as_bytes()[..whole.len() - 1],
        ];
        for body in broken {
            route.send(body).await.problem(400, "malformed_request");
        }
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        route.send(deep).await.problem(422, "validation_failed");
        route.send(texts_in_texts()).await.problem(422, "validation_failed");
        for content_type in ["", "text/plain", "application/xml"] {
            let request = route.caller().request(route.method.clone(), &route.path);
            let answer = request.body(content_type, whole.clone()).await;
            answer.problem(415, "unsupported_media_type");
        }
        let uploads = route.path.ends_with("/results") || route.path.contains("/versions/");
        let limit = if uploads { 1 << 20 } else { 64 << 10 };
        route.send(format!("{whole}{}", " ".repeat(limit))).await.problem(413, "payload_too_large");
    }
}

async fn wrong_types_are_refused_everywhere(host: Host) {
    for route in routes(&host).await {
        for body in [json!(null), json!(true), json!(7), json!("text"), json!([[]]), json!([1, 2])] {
            route.send(body.to_string()).await.problem(422, "validation_failed");
        }
        let Some(members) = route.body.as_object() else {
            // An upload: what is said of a body holds for each of its items.
            let mut body = route.body.clone();
            body[1]["surprise"] = json!(1);
            route.send(body.to_string()).await.invalid("/1/surprise");
            continue;
        };
        let mut unknown = route.body.clone();
        unknown["surprise"] = json!(1);
        route.send(unknown.to_string()).await.invalid("/surprise");
        for (member, value) in members {
            let twice = format!("{{{}:{value},{}", json!(member), &route.body.to_string()[1..]);
            route.send(twice).await.refused(&format!("/{member}"), "duplicate_member");
            // An object is of no member's type but a free one's.
            let mut body = route.body.clone();
            body[member] = json!({ "a": { "b": [] } });
            route.send(body.to_string()).await.invalid(&format!("/{member}"));
        }
    }
}

async fn random_bodies_break_nothing(host: Host) {
    let mut random = seeded();
    for route in routes(&host).await {
        for _ in 0..25 {
            let mut body = route.body.clone();
            for _ in 0..=random.usize(..3) {
                mutate(&mut random, &mut body);
            }
            // The client refuses what is no answer of the contract, and any server error.
            route.send(body.to_string()).await;
        }
        for _ in 0..10 {
            let mut text = route.body.to_string().into_bytes();
            for _ in 0..=random.usize(..4) {
                let at = random.usize(..text.len());
                text[at] = random.u8(..);
            }
            route.send(text).await;
        }
    }
}

/// Changes one place of a value.
fn mutate(random: &mut fastrand::Rng, value: &mut Value) {
    match value {
        Value::Object(members) if !members.is_empty() && random.u8(..8) > 0 => {
            let at = random.usize(..members.len());
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            match random.u8(..6) {
                0 => drop(members.remove(&name)),
                _ => mutate(random, &mut members[&name]),
            }
        }
        Value::Array(items) if !items.is_empty() && random.u8(..8) > 0 => {
            let at = random.usize(..items.len());
            match random.u8(..6) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => mutate(random, &mut items[at]),
            }
        }
        other => *other = odd_value(random),
    }
}

fn odd_value(random: &mut fastrand::Rng) -> Value {
    let values = [
        json!(null),
        json!(false),
        json!(0),
        json!(-1),
        json!(0.5),
        json!(1e308),
        json!(-1e-308),
        json!(9_007_199_254_740_993_u64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("a\u{0}b"),
        json!("\r\nBcc: everybody@example.com"),
        json!("' OR 1=1 --"),
        json!("<img src=x onerror=alert(1)>"),
        json!("{{7*7}}${7*7}"),
        json!("\u{202e}right to left\u{2066}"),
        json!("e\u{301}".repeat(200)),
        json!("🦀".repeat(40)),
        json!("x".repeat(3000)),
        json!("../../etc/passwd"),
        json!([]),
        json!({}),
        json!([null]),
        json!({ "__proto__": {} }),
    ];
    values[random.usize(..values.len())].clone()
}

async fn refused_bodies_store_nothing(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let email = new_address();
    let registration = json!({ "email": email, "password": PASSWORD, "surprise": 1 });
    host.client().post("/api/v1/auth/register").json(registration).await.invalid("/surprise");
    let key = json!({ "name": "k", "scopes": ["models:write"], "surprise": 1 });
    publisher.user.api.post("/api/v1/api-keys").json(key).await.invalid("/surprise");
    let model = json!({ "displayName": "M", "surprise": 1 });
    publisher.api.put(format!("/api/v1/models/{}/refused", publisher.provider)).json(model).await.invalid("/surprise");
    let version = json!({ "title": "T", "metric": "pass_rate", "tasks": tasks(2), "surprise": 1 });
    publisher
        .api
        .put(format!("/api/v1/benchmarks/{}/versions/9", publisher.benchmark))
        .json(version)
        .await
        .invalid("/surprise");

    let login = host.client().post("/api/v1/auth/login").json(json!({ "email": email, "password": PASSWORD })).await;
    login.problem(401, "invalid_credentials");
    let keys = publisher.user.api.get("/api/v1/api-keys").await.expect(200);
    assert_eq!(keys["data"].as_array().unwrap().len(), 1);
    publisher.api.get(format!("/api/v1/models/{}/refused", publisher.provider)).await.problem(404, "not_found");
    let benchmark = publisher.api.get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await.expect(200);
    assert_eq!(benchmark["versions"].as_array().unwrap().len(), 1);
    let kept = host.client().get("/dev/mail").header("Accept", "application/json").await;
    assert!(!kept.text().contains(&email), "nobody is written to");
}

async fn odd_path_parameters_are_refused(host: Host) {
    let user = User::verified(&host).await;
    let publisher = user.key_client(&["results:write", "models:write"]).await;
    for odd in ["%00", "a%2Fb", "%F0%9F%A6%80", "'%20OR%201=1", "%ff", &"x".repeat(300)] {
        for path in [
            format!("/api/v1/api-keys/{odd}"),
            format!("/api/v1/runs/{odd}"),
            format!("/api/v1/models/{}/{odd}", unique("p")),
        ] {
            assert_unknown(&user.api.get(&path).await, odd);
        }
        let answer = publisher.put(format!("/api/v1/models/p/{odd}")).json(json!({ "displayName": "M" })).await;
        assert_refused(&answer, odd);
        let body = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(1) });
        let answer = publisher.put(format!("/api/v1/benchmarks/{odd}/versions/1")).json(body).await;
        assert_refused(&answer, odd);
    }
}

/// What is no text is malformed; whatever else names nothing.
#[track_caller]
fn assert_unknown(answer: &Answer, odd: &str) {
    let (status, code) = if odd == "%ff" { (400, "malformed_request") } else { (404, "not_found") };
    answer.problem(status, code);
}

/// What is no text is malformed; whatever else is no name.
#[track_caller]
fn assert_refused(answer: &Answer, odd: &str) {
    let (status, code) = if odd == "%ff" { (400, "malformed_request") } else { (422, "validation_failed") };
    answer.problem(status, code);
}
