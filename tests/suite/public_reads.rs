//! Public reads: whose limit they count against.

use aibaas_tests::{
    Answer, Key, Publisher, User, cases,
    host::Host,
    keys::{rate_limit, unknown_key},
};
use serde_json::{Value, json};

cases![KeepsMail:
    a_key_with_the_scope_reads_at_its_own_limit,
    every_public_read_counts_against_the_key,
    a_key_without_the_scope_reads_as_anybody,
    a_bad_key_reads_nothing,
];

/// Asserts that shared caches may keep the answer, which tells of nobody's limit.
#[track_caller]
fn is_anybodys(answer: &Answer) {
    answer.expect(200);
    assert!(answer.header("cache-control").is_some_and(|holds| holds.starts_with("public")), "{answer}");
    assert!(answer.header("ratelimit").is_none() && answer.header("ratelimit-policy").is_none(), "{answer}");
}

/// Asserts that no shared cache keeps the answer, which tells of the key's limit.
#[track_caller]
fn is_of_the_key(answer: &Answer, limit: u64, window_seconds: u64) {
    let policy = format!("\"key\";q={limit};w={window_seconds}");
    assert_eq!(answer.header("ratelimit-policy"), Some(policy.as_str()), "{answer}");
    assert!(answer.header("cache-control").is_some_and(|holds| holds.starts_with("private, ")), "{answer}");
    let vary =
        answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ");
    assert!(vary.contains("Authorization") && vary.contains("X-API-Key"), "{answer}");
}

async fn totals(user: &User, key: &Key) -> Value {
    user.api.get(format!("{}/usage", key.path())).await.expect(200)["totals"].clone()
}

async fn a_key_with_the_scope_reads_at_its_own_limit(host: Host) {
    let user = User::verified(&host).await;
    let settings = json!({ "scopes": ["leaderboard:read"], "rateLimit": 3, "rateLimitWindowSeconds": 86_400 });
    let key = Key::new(&user, settings).await;
    let read = || key.api.get("/api/v1/models?limit=1");
    let first = read().await;
    first.expect(200);
    is_of_the_key(&first, 3, 86_400);
    assert_eq!(rate_limit(&first, "r"), 2);
    let page = key.api.anonymous().get("/leaderboard").header("X-API-Key", &key.secret).await;
    page.expect(200);
    is_of_the_key(&page, 3, 86_400);
    assert_eq!(rate_limit(&page, "r"), 1);
    // What the reader has already is counted too.
    let tag = "*";
    let unchanged = read().header("If-None-Match", tag).await;
    unchanged.expect(304);
    is_of_the_key(&unchanged, 3, 86_400);
    assert_eq!(rate_limit(&unchanged, "r"), 0);
    let refused = read().await;
    refused.problem(429, "too_many_requests");
    assert!(refused.header("retry-after").is_some() && rate_limit(&refused, "r") == 0, "{refused}");
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    is_anybodys(&key.api.anonymous().get("/api/v1/models?limit=1").await);
    assert_eq!(totals(&user, &key).await, json!({ "allowed": 3, "limited": 1, "denied": 0 }));
}

async fn every_public_read_counts_against_the_key(host: Host) {
    let publisher = Publisher::new(&host).await;
    let model = publisher.model("m").await;
    publisher.tasks(2).await;
    let run = publisher.published(&model, 1, 2).await;
    let benchmark = &publisher.benchmark;
    let key = Key::new(&publisher.user, json!({ "scopes": ["leaderboard:read", "keys:verify"] })).await;
    let paths = [
        "/models".to_owned(),
        format!("/models/{model}"),
        format!("/models/{model}/history?benchmark={benchmark}"),
        "/benchmarks".to_owned(),
        format!("/benchmarks/{benchmark}"),
        format!("/benchmarks/{benchmark}/versions/1/tasks"),
        format!("/runs/{run}"),
        format!("/runs/{run}/results"),
        format!("/leaderboard?benchmark={benchmark}"),
        format!("/leaderboard.csv?benchmark={benchmark}"),
        format!("/leaderboard.ndjson?benchmark={benchmark}"),
        format!("/leaderboard/compare?a={model}&b={model}&benchmark={benchmark}"),
        format!("/leaderboard/pareto?benchmark={benchmark}"),
        "/changes".to_owned(),
        "/changes.atom".to_owned(),
        format!("/badges/{model}.svg?benchmark={benchmark}"),
        "/export".to_owned(),
        "/export/models".to_owned(),
    ];
    for (number, path) in (1..).zip(&paths) {
        let path = format!("/api/v1{path}");
        let answer = key.api.get(&path).await;
        // Whatever it is to the question, it tells of the key.
        assert_eq!(rate_limit(&answer, "r"), 100_000 - number, "{answer}");
        if answer.status == 200 {
            is_of_the_key(&answer, 100_000, 3600);
        }
        let anybody = key.api.anonymous().get(&path).await;
        assert_eq!(anybody.status, answer.status, "{path}");
        assert!(anybody.header("ratelimit").is_none(), "{anybody}");
    }
}

async fn a_key_without_the_scope_reads_as_anybody(host: Host) {
    let user = User::verified(&host).await;
    let key = Key::new(&user, json!({ "scopes": ["models:write"] })).await;
    for _ in 0..3 {
        is_anybodys(&key.api.get("/api/v1/models?limit=1").await);
    }
    // Nor does a person's token change anything, nor what is no credential here.
    is_anybodys(&user.api.get("/api/v1/models?limit=1").await);
    is_anybodys(&user.api.with("something else").get("/api/v1/models?limit=1").await);
    assert_eq!(totals(&user, &key).await, json!({ "allowed": 0, "limited": 0, "denied": 0 }));
    // The next read after a change counts.
    user.api.patch(key.path()).json(json!({ "scopes": ["leaderboard:read"] })).await.expect(200);
    is_of_the_key(&key.api.get("/api/v1/models?limit=1").await, 100_000, 3600);
}

async fn a_bad_key_reads_nothing(host: Host) {
    let user = User::verified(&host).await;
    let settings = json!({ "scopes": ["leaderboard:read"] });
    let revoked = Key::new(&user, settings.clone()).await;
    revoked.api.get("/api/v1/changes").await.expect(200);
    user.api.delete(revoked.path()).await.expect(204);
    let refused = revoked.api.get("/api/v1/changes").await;
    refused.problem(401, "api_key_revoked");
    assert!(refused.header("www-authenticate").is_some(), "{refused}");
    let stranger = host.client();
    stranger.get("/api/v1/changes").header("X-API-Key", "nonsense").await.problem(401, "invalid_api_key");
    stranger.with(&format!("{}x", revoked.secret)).get("/api/v1/changes").await.problem(401, "invalid_api_key");
    stranger.with(&unknown_key()).get("/api/v1/changes").await.problem(401, "invalid_api_key");
    let elsewhere = Key::new(&user, json!({ "scopes": ["leaderboard:read"], "allowedIps": ["192.0.2.0/24"] })).await;
    elsewhere.api.get("/api/v1/changes").await.problem(403, "ip_not_allowed");
    is_anybodys(&stranger.get("/api/v1/changes").await);
}
