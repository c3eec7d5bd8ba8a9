//! API keys: what they are, what they may, and how they end.

use aibaas_tests::{Answer, Client, User, cases, fixtures::unique, host::Host};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    a_key_is_shown_once,
    keys_are_listed_newest_first,
    lists_have_pages,
    another_persons_key_is_not_found,
    a_revoked_key_is_refused_at_its_next_request,
    fifty_keys_even_at_once,
    keys_with_a_bad_checksum_are_refused,
    both_headers_carry_a_key,
    a_key_manages_nothing_of_its_person,
    a_scope_is_needed,
    an_expired_key_is_refused,
    creating_checks_its_body,
];

fn body(name: &str) -> Value {
    json!({ "name": name, "scopes": ["models:write"] })
}

/// A call that needs `models:write`, by way of a key.
async fn use_key(api: &Client) -> Answer {
    let path = format!("/api/v1/models/{}/m", unique("probe"));
    api.put(path).json(json!({ "displayName": "M" })).await
}

async fn a_key_is_shown_once(host: Host) {
    let user = User::verified(&host).await;
    let created = user
        .key(json!({ "name": "CI", "description": "For the build", "scopes": ["results:write", "models:write"] }))
        .await;
    let (key, shown) = (created["key"].as_str().unwrap(), &created["apiKey"]);
    let random = key.strip_prefix("aib_live_").expect("the live prefix");
    assert!(random.len() == 38 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    assert_eq!((&shown["name"], &shown["description"]), (&json!("CI"), &json!("For the build")));
    assert_eq!((&shown["rateLimit"], &shown["rateLimitWindowSeconds"]), (&json!(1000), &json!(3600)));
    assert_eq!(
        (&shown["status"], &shown["expiresAt"], &shown["revokedAt"]),
        (&json!("active"), &Value::Null, &Value::Null)
    );
    assert_eq!(shown["scopes"], json!(["results:write", "models:write"]));
    assert!(key.starts_with(shown["keyPrefix"].as_str().unwrap()) && shown["keyPrefix"].as_str().unwrap().len() < 20);

    let one = user.api.get(format!("/api/v1/api-keys/{}", shown["id"].as_str().unwrap())).await;
    assert_eq!(one.expect(200), *shown);
    let all = user.api.get("/api/v1/api-keys").await;
    assert_eq!(all.expect(200)["data"], json!([shown]));
    for answer in [one, all] {
        assert!(!answer.text().contains(random), "the key itself is never shown again");
    }
    let test = user.key(json!({ "name": "Test", "scopes": ["leaderboard:read"], "environment": "test" })).await;
    assert!(test["key"].as_str().unwrap().starts_with("aib_test_"));
}

async fn keys_are_listed_newest_first(host: Host) {
    let user = User::verified(&host).await;
    for name in ["first", "second", "third"] {
        user.key(body(name)).await;
    }
    let list = user.api.get("/api/v1/api-keys").await.expect(200);
    let names = list["data"].as_array().unwrap().iter().map(|key| key["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names, ["third", "second", "first"]);
    assert_eq!(list["nextCursor"], Value::Null);
}

async fn lists_have_pages(host: Host) {
    let user = User::verified(&host).await;
    for n in 0..5 {
        user.key(body(&n.to_string())).await;
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/api-keys?limit=2".to_owned();
    loop {
        let answer = user.api.get(&path).await;
        let page = answer.expect(200);
        seen.extend(page["data"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            assert!(answer.header("link").is_none_or(|link| !link.contains("next")), "{answer}");
            break;
        };
        let link = answer.header("link").expect("a link to the next page");
        assert!(link.contains("rel=\"next\"") && link.contains(cursor), "{link}");
        path = format!("/api/v1/api-keys?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
    for query in ["limit=0", "limit=101", "limit=x", "limit=-1", "cursor=%F0%9F%A6%80", "cursor=nonsense"] {
        user.api.get(format!("/api/v1/api-keys?{query}")).await.problem(400, "malformed_request");
    }
}

async fn another_persons_key_is_not_found(host: Host) {
    let (owner, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let created = owner.key(body("mine")).await;
    let path = format!("/api/v1/api-keys/{}", created["apiKey"]["id"].as_str().unwrap());
    stranger.api.get(&path).await.problem(404, "not_found");
    stranger.api.delete(&path).await.problem(404, "not_found");
    assert_eq!(stranger.api.get("/api/v1/api-keys").await.expect(200)["data"], json!([]));
    owner.api.get("/api/v1/api-keys/00000000-0000-7000-8000-000000000000").await.problem(404, "not_found");
    assert!(owner.api.get("/api/v1/api-keys/not-an-id").await.status.as_u16() / 100 == 4);
    use_key(&owner.api.with(created["key"].as_str().unwrap())).await.expect(201);
}

async fn a_revoked_key_is_refused_at_its_next_request(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(body("short-lived")).await;
    let key = user.api.with(created["key"].as_str().unwrap());
    let path = format!("/api/v1/api-keys/{}", created["apiKey"]["id"].as_str().unwrap());
    use_key(&key).await.expect(201);
    user.api.delete(&path).await.expect(204);
    use_key(&key).await.problem(401, "api_key_revoked");
    user.api.delete(&path).await.expect(204);
    let revoked = user.api.get(&path).await.expect(200);
    assert_eq!(revoked["status"], "revoked");
    assert!(revoked["revokedAt"].is_string());
}

async fn fifty_keys_even_at_once(host: Host) {
    let user = User::verified(&host).await;
    let create = |n: usize| {
        let request = user.api.post("/api/v1/api-keys").json(body(&format!("key {n}")));
        async move { request.await }
    };
    let answers = join_all((0..60).map(create)).await;
    let made = answers.iter().filter(|answer| answer.status == 201).collect::<Vec<_>>();
    assert_eq!(made.len(), 50);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.problem(409, "too_many_api_keys");
    }
    let one = made[0].value()["apiKey"]["id"].as_str().unwrap().to_owned();
    user.api.delete(format!("/api/v1/api-keys/{one}")).await.expect(204);
    create(60).await.expect(201);
    create(61).await.problem(409, "too_many_api_keys");
}

async fn keys_with_a_bad_checksum_are_refused(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(body("sound")).await;
    let key = created["key"].as_str().unwrap();
    let last = if key.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{last}", &key[..key.len() - 1]);
    let unknown = format!("aib_live_{}", "A".repeat(38));
    for wrong in [
        mistyped.as_str(),
        &unknown,
        "aib_live_",
        "aib_live_x",
        &key[..key.len() - 1],
        &key.replace("live", "test"),
        &format!("{key}0"),
    ] {
        use_key(&user.api.with(wrong)).await.problem(401, "invalid_api_key");
    }
    use_key(&user.api.with(key)).await.expect(201);
}

async fn both_headers_carry_a_key(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(body("header")).await;
    let put = || {
        user.api.anonymous().put(format!("/api/v1/models/{}/m", unique("probe"))).json(json!({ "displayName": "M" }))
    };
    put().header("X-API-Key", created["key"].as_str().unwrap()).await.expect(201);
    put().header("X-API-Key", "aib_live_nonsense").await.problem(401, "invalid_api_key");
    put().await.problem(401, "missing_credentials");
}

async fn a_key_manages_nothing_of_its_person(host: Host) {
    let user = User::verified(&host).await;
    let key = user.key_client(&["leaderboard:read", "results:write", "models:write", "keys:verify"]).await;
    key.get("/api/v1/api-keys").await.problem(403, "user_token_required");
    key.post("/api/v1/api-keys").json(body("more")).await.problem(403, "user_token_required");
    key.get("/api/v1/users/me").await.problem(403, "user_token_required");
    key.patch("/api/v1/users/me").json(json!({ "fullName": "Mallory" })).await.problem(403, "user_token_required");
    key.post("/api/v1/auth/logout").await.problem(403, "user_token_required");
    // And a person's token publishes nothing.
    use_key(&user.api).await.problem(403, "api_key_required");
    assert_eq!(user.api.get("/api/v1/api-keys").await.expect(200)["data"].as_array().unwrap().len(), 1);
}

async fn a_scope_is_needed(host: Host) {
    let user = User::verified(&host).await;
    let reader = user.key_client(&["leaderboard:read"]).await;
    let refused = use_key(&reader).await.problem(403, "insufficient_scope");
    assert!(refused["detail"].as_str().unwrap().contains("models:write"), "{refused}");
    let run = json!({
        "model": "a/b", "benchmark": "c", "version": "1", "harness": "h", "harnessVersion": "1", "commit": "abc1234",
        "evaluatorRelationship": "third_party",
    });
    let refused = reader.post("/api/v1/runs").json(run).await.problem(403, "insufficient_scope");
    assert!(refused["detail"].as_str().unwrap().contains("results:write"), "{refused}");
}

async fn an_expired_key_is_refused(host: Host) {
    let user = User::verified(&host).await;
    for body in [
        json!({ "name": "past", "scopes": ["models:write"], "expiresAt": "2020-01-01T00:00:00.000Z" }),
        json!({ "name": "no date", "scopes": ["models:write"], "expiresAt": "tomorrow" }),
    ] {
        user.api.post("/api/v1/api-keys").json(body).await.invalid("/expiresAt");
    }
    let soon = std::time::SystemTime::now() + std::time::Duration::from_millis(2500);
    let soon = rfc3339(soon.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis());
    let created = user.key(json!({ "name": "soon", "scopes": ["models:write"], "expiresAt": soon })).await;
    let key = user.api.with(created["key"].as_str().unwrap());
    use_key(&key).await.expect(201);
    tokio::time::sleep(std::time::Duration::from_millis(2700)).await;
    use_key(&key).await.problem(401, "api_key_expired");
    assert_eq!(user.api.get("/api/v1/api-keys").await.expect(200)["data"][0]["status"], "expired");
    let days = user.key(json!({ "name": "days", "scopes": ["models:write"], "expiresInDays": 30 })).await;
    assert!(days["apiKey"]["expiresAt"].is_string());
}

/// Milliseconds since the epoch, as the API writes times.
fn rfc3339(millis: u128) -> String {
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    // Howard Hinnant's civil_from_days, for days after the epoch.
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + u128::from(month <= 2);
    let (hour, minute, second, ms) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

async fn creating_checks_its_body(host: Host) {
    let user = User::verified(&host).await;
    for (pointer, member, value) in [
        ("/name", "name", json!("")),
        ("/name", "name", json!("x".repeat(256))),
        ("/name", "name", Value::Null),
        ("/description", "description", json!("x".repeat(1001))),
        ("/scopes", "scopes", json!([])),
        ("/scopes/0", "scopes", json!(["everything"])),
        ("/scopes", "scopes", json!("models:write")),
        ("/rateLimit", "rateLimit", json!(0)),
        ("/rateLimit", "rateLimit", json!(-1)),
        ("/rateLimit", "rateLimit", json!(1.5)),
        ("/rateLimitWindowSeconds", "rateLimitWindowSeconds", json!(0)),
        ("/expiresInDays", "expiresInDays", json!(0)),
        ("/allowedIps/0", "allowedIps", json!(["not an address"])),
        ("/environment", "environment", json!("staging")),
        ("/userId", "userId", json!("somebody")),
    ] {
        let mut body = body("fine");
        body[member] = value;
        user.api.post("/api/v1/api-keys").json(body).await.invalid(pointer);
    }
    assert_eq!(user.api.get("/api/v1/api-keys").await.expect(200)["data"], json!([]));
}
