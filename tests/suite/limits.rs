//! Request limits: exact under concurrency, and told in headers.

use std::time::Duration;

use aibaas_tests::{
    Answer, User, cases,
    fixtures::{PASSWORD, new_address, unique},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::json;

cases![KeepsMail:
    registering_is_limited_by_address,
    resending_is_limited_by_address,
    login_tells_its_limit,
    a_keys_limit_is_exact,
    a_window_slides,
];

/// The remaining requests, out of `RateLimit: "policy";r=…;t=…`.
fn remaining(answer: &Answer) -> u32 {
    let state = answer.header("ratelimit").unwrap_or_else(|| panic!("no RateLimit: {answer}"));
    let part = state.split(';').find_map(|part| part.trim().strip_prefix("r="));
    part.and_then(|part| part.parse().ok()).unwrap_or_else(|| panic!("{state}"))
}

#[track_caller]
fn admitted(answers: &[Answer], policy: &str) -> usize {
    for answer in answers {
        assert_eq!(answer.header("ratelimit-policy"), Some(policy), "{answer}");
        remaining(answer);
        if answer.status == 429 {
            answer.problem(429, "too_many_requests");
            assert_eq!(remaining(answer), 0);
        }
    }
    answers.iter().filter(|answer| answer.status != 429).count()
}

async fn registering_is_limited_by_address(host: Host) {
    if !host.is_loopback() {
        return;
    }
    let api = host.client();
    let register = || {
        let request = api.post("/api/v1/auth/register").json(json!({ "email": new_address(), "password": PASSWORD }));
        async move { request.await }
    };
    let answers = join_all((0..16).map(|_| register())).await;
    assert_eq!(admitted(&answers, "\"register\";q=10;w=600"), 10);
    // Another address has its own count, and a route too.
    User::unverified(&host.client()).await;
    api.post("/api/v1/auth/resend-verification").json(json!({ "email": new_address() })).await.expect(202);
}

async fn resending_is_limited_by_address(host: Host) {
    if !host.is_loopback() {
        return;
    }
    let api = host.client();
    let resend = || {
        let request = api.post("/api/v1/auth/resend-verification").json(json!({ "email": new_address() }));
        async move { request.await }
    };
    let first = resend().await;
    first.expect(202);
    assert_eq!(remaining(&first), 4);
    let answers = join_all((0..12).map(|_| resend())).await;
    assert_eq!(admitted(&answers, "\"resend\";q=5;w=600"), 4);
    // What a client claims about its address counts for nothing.
    for header in
        ["X-Forwarded-For", "Forwarded", "X-Real-IP", "spin-client-addr", "CF-Connecting-IP", "True-Client-IP"]
    {
        let claimed = resend_claiming(&host, &api, header).await;
        assert_eq!(claimed.status, 429, "{header} is believed");
    }
}

async fn resend_claiming(_host: &Host, api: &aibaas_tests::Client, header: &str) -> Answer {
    let request = api.post("/api/v1/auth/resend-verification").json(json!({ "email": new_address() }));
    request.header(header, "203.0.113.9").await
}

async fn login_tells_its_limit(host: Host) {
    let answer =
        host.client().post("/api/v1/auth/login").json(json!({ "email": new_address(), "password": PASSWORD })).await;
    answer.problem(401, "invalid_credentials");
    assert_eq!(answer.header("ratelimit-policy"), Some("\"login\";q=30;w=300"));
    if host.is_loopback() {
        assert_eq!(remaining(&answer), 29);
    }
}

async fn a_keys_limit_is_exact(host: Host) {
    let user = User::verified(&host).await;
    let created = user
        .key(json!({ "name": "limited", "scopes": ["models:write"], "rateLimit": 20, "rateLimitWindowSeconds": 600 }))
        .await;
    let key = created["key"].as_str().unwrap();
    let path = format!("/api/v1/models/{}/m", unique("limited"));
    // From several connections and addresses.
    let callers = (0..4).map(|_| host.client().with(key)).collect::<Vec<_>>();
    let call = |n: usize| {
        let request = callers[n % 4].put(&path).json(json!({ "displayName": "M" }));
        async move { request.await }
    };
    let answers = join_all((0..50).map(call)).await;
    assert_eq!(admitted(&answers, "\"key\";q=20;w=600"), 20);
    let mut left = answers.iter().filter(|answer| answer.status != 429).map(remaining).collect::<Vec<_>>();
    left.sort_unstable();
    assert_eq!(left, (0..20).collect::<Vec<_>>(), "every admitted request sees its own place");
}

async fn a_window_slides(host: Host) {
    let user = User::verified(&host).await;
    let created = user
        .key(json!({ "name": "short", "scopes": ["models:write"], "rateLimit": 4, "rateLimitWindowSeconds": 3 }))
        .await;
    let key = user.api.with(created["key"].as_str().unwrap());
    let path = format!("/api/v1/models/{}/m", unique("sliding"));
    for _ in 0..2 {
        let call = || {
            let request = key.put(&path).json(json!({ "displayName": "M" }));
            async move { request.await }
        };
        let answers = join_all((0..9).map(|_| call())).await;
        assert_eq!(admitted(&answers, "\"key\";q=4;w=3"), 4, "refused requests consume nothing");
        let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
        let wait = refused.header("retry-after").unwrap().parse::<u64>().unwrap();
        assert!((1..=3).contains(&wait), "{wait}");
        tokio::time::sleep(Duration::from_millis(3100)).await;
    }
}
