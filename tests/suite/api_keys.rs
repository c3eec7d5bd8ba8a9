//! API keys: what they are, what they may, and how they end.

use std::time::Duration;

use aibaas_tests::{
    Answer, Client, User, cases,
    client::Request,
    fixtures::{admin, unique},
    host::Host,
    keys::{now_ms, rfc3339},
};
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
    creating_checks_its_body,
    a_key_is_changed,
    the_next_use_is_decided_by_the_change,
    changing_checks_its_body,
    rotating_ends_the_old_key_at_once,
    the_new_key_is_like_the_old_one,
    a_key_is_rotated_once,
    rotating_keeps_to_fifty_keys,
    every_use_is_counted,
    usage_is_told_of_any_range;
SendsMail:
    changed_scopes_need_the_role;
MovesTime:
    an_expired_key_is_refused,
    only_a_living_key_is_changed,
    both_keys_work_during_the_overlap,
    only_a_living_key_is_rotated,
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
    owner.api.get("/api/v1/api-keys/not-an-id").await.problem(404, "not_found");
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
    // Two credentials are none, whichever comes first: nobody chooses.
    let key = created["key"].as_str().unwrap();
    for pair in [[key, key], [key, "nonsense"], ["nonsense", key]] {
        put().header("X-API-Key", pair[0]).header("X-API-Key", pair[1]).await.problem(401, "invalid_api_key");
    }
    let twice = |request: Request, token: &str| {
        let bearer = format!("Bearer {token}");
        request.header("Authorization", &bearer).header("Authorization", &bearer)
    };
    twice(put(), key).await.problem(401, "invalid_api_key");
    twice(user.api.anonymous().get("/api/v1/models"), key).await.problem(401, "invalid_api_key");
    let token = user.api.credential().unwrap();
    twice(user.api.anonymous().get("/api/v1/users/me"), token).await.problem(401, "invalid_token");
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
    host.stop_time().await;
    let soon = rfc3339(host.now_ms().await + 60_000);
    let created = user.key(json!({ "name": "soon", "scopes": ["models:write"], "expiresAt": soon })).await;
    let key = user.api.with(created["key"].as_str().unwrap());
    use_key(&key).await.expect(201);
    host.advance(Duration::from_millis(59_999)).await;
    use_key(&key).await.expect(201);
    host.advance(Duration::from_millis(1)).await;
    use_key(&key).await.problem(401, "api_key_expired");
    assert_eq!(user.api.get("/api/v1/api-keys").await.expect(200)["data"][0]["status"], "expired");
    let days = user.key(json!({ "name": "days", "scopes": ["models:write"], "expiresInDays": 30 })).await;
    assert!(days["apiKey"]["expiresAt"].is_string());
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

/// Where the owner of a key finds it.
fn path(created: &Value) -> String {
    format!("/api/v1/api-keys/{}", created["apiKey"]["id"].as_str().expect("an id"))
}

/// Calls with a key that was just made.
fn caller(user: &User, created: &Value) -> Client {
    user.api.with(created["key"].as_str().expect("a key"))
}

/// A call that needs `keys:verify` and leaves nothing behind.
async fn verify(api: &Client) -> Answer {
    api.post("/api/v1/api-keys/verify").json(json!({ "key": "none" })).await
}

async fn newest_event(user: &User, name: &str) -> Value {
    let log = user.api.get("/api/v1/users/me/audit-log").await.expect(200);
    let mut events = log["data"].as_array().expect("events").iter();
    events.find(|event| event["event"] == name).unwrap_or_else(|| panic!("{name} in {log}")).clone()
}

async fn a_key_is_changed(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(json!({ "name": "old", "description": "d", "scopes": ["models:write"] })).await;
    let mut expected = created["apiKey"].clone();
    let patch = |body: Value| user.api.patch(path(&created)).json(body);
    assert_eq!(patch(json!({})).await.expect(200), expected);
    for change in [
        json!({ "name": " new " }),
        json!({ "description": "for the build" }),
        json!({ "description": null }),
        json!({ "scopes": ["keys:verify", "models:write"], "rateLimit": 7 }),
        json!({ "allowedIps": ["10.1.2.3", "2001:db8::/32"] }),
        json!({ "allowedIps": [], "name": "newer" }),
    ] {
        for (member, value) in change.as_object().unwrap() {
            expected[member] = value.clone();
        }
        if change["name"] == " new " {
            expected["name"] = json!("new");
        }
        if change["allowedIps"][0] == "10.1.2.3" {
            expected["allowedIps"][0] = json!("10.1.2.3/32");
        }
        assert_eq!(patch(change).await.expect(200), expected);
        assert_eq!(user.api.get(path(&created)).await.expect(200), expected);
    }
    let event = newest_event(&user, "api_key_changed").await;
    assert_eq!(event["details"], json!({ "apiKeyId": expected["id"], "members": ["name", "allowedIps"] }));
    assert_eq!(event["actor"], "self");
}

async fn the_next_use_is_decided_by_the_change(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(json!({ "name": "k", "scopes": ["models:write", "keys:verify"] })).await;
    let key = caller(&user, &created);
    let patch = |body: Value| user.api.patch(path(&created)).json(body);
    for _ in 0..5 {
        verify(&key).await.expect(200);
        patch(json!({ "scopes": ["models:write"] })).await.expect(200);
        verify(&key).await.problem(403, "insufficient_scope");
        patch(json!({ "scopes": ["keys:verify"] })).await.expect(200);
        verify(&key).await.expect(200);
        patch(json!({ "allowedIps": ["203.0.113.0/24"] })).await.expect(200);
        verify(&key).await.problem(403, "ip_not_allowed");
        patch(json!({ "allowedIps": [] })).await.expect(200);
    }
    // Ten uses within the window.
    patch(json!({ "rateLimit": 11 })).await.expect(200);
    verify(&key).await.expect(200);
    verify(&key).await.problem(429, "too_many_requests");
    patch(json!({ "rateLimit": 12 })).await.expect(200);
    verify(&key).await.expect(200);
    verify(&key).await.problem(429, "too_many_requests");
}

async fn changing_checks_its_body(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(body("fine")).await;
    for (pointer, body) in [
        ("/name", json!({ "name": "" })),
        ("/name", json!({ "name": null })),
        ("/description", json!({ "description": "x".repeat(1001) })),
        ("/scopes", json!({ "scopes": [] })),
        ("/scopes", json!({ "scopes": null })),
        ("/scopes/1", json!({ "scopes": ["models:write", "everything"] })),
        ("/rateLimit", json!({ "rateLimit": 0, "name": "refused" })),
        ("/rateLimit", json!({ "rateLimit": null })),
        ("/allowedIps/0", json!({ "allowedIps": ["10.0.0.1/8"] })),
        ("/rateLimitWindowSeconds", json!({ "rateLimitWindowSeconds": 60 })),
        ("/expiresAt", json!({ "expiresAt": null })),
        ("/status", json!({ "status": "active" })),
    ] {
        user.api.patch(path(&created)).json(body).await.invalid(pointer);
    }
    assert_eq!(user.api.get(path(&created)).await.expect(200), created["apiKey"]);
}

async fn only_a_living_key_is_changed(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let soon = rfc3339(host.now_ms().await + 600_000);
    let fading = user.key(json!({ "name": "f", "scopes": ["models:write"], "expiresAt": soon })).await;
    let created = user.key(body("k")).await;
    let change = json!({ "scopes": ["leaderboard:read"] });
    stranger.api.patch(path(&created)).json(change.clone()).await.problem(404, "not_found");
    caller(&user, &created).patch(path(&created)).json(change.clone()).await.problem(403, "user_token_required");
    user.api.delete(path(&created)).await.expect(204);
    user.api.patch(path(&created)).json(change.clone()).await.problem(409, "api_key_not_active");
    let revoked = user.api.get(path(&created)).await.expect(200);
    assert_eq!((&revoked["scopes"], &revoked["status"]), (&json!(["models:write"]), &json!("revoked")));
    host.advance(Duration::from_secs(600)).await;
    user.api.patch(path(&fading)).json(change).await.problem(409, "api_key_not_active");
    let log = user.api.get("/api/v1/users/me/audit-log").await;
    assert!(!log.text().contains("api_key_changed"), "{log}");
}

async fn changed_scopes_need_the_role(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let created = user.key(json!({ "name": "k", "scopes": ["leaderboard:read"] })).await;
    let patch = |scopes: Value| user.api.patch(path(&created)).json(json!({ "scopes": scopes }));
    patch(json!(["leaderboard:read", "models:write"])).await.problem(403, "role_required");
    assert_eq!(user.api.get(path(&created)).await.expect(200)["scopes"], json!(["leaderboard:read"]));
    let person = format!("/api/v1/admin/users/{}", user.id());
    admin.api.patch(&person).json(json!({ "role": "publisher" })).await.expect(200);
    patch(json!(["models:write"])).await.expect(200);
    use_key(&caller(&user, &created)).await.expect(201);
    admin.api.patch(&person).json(json!({ "role": "user" })).await.expect(200);
    use_key(&caller(&user, &created)).await.problem(403, "role_required");
    patch(json!(["results:write"])).await.problem(403, "role_required");
    patch(json!(["keys:verify"])).await.expect(200);
}

async fn rotating_ends_the_old_key_at_once(host: Host) {
    let user = User::verified(&host).await;
    for body in [None, Some(json!({})), Some(json!({ "overlapSeconds": 0 }))] {
        let old = user.key(self::body("old")).await;
        use_key(&caller(&user, &old)).await.expect(201);
        let request = user.api.post(format!("{}/rotate", path(&old)));
        let new = match body {
            Some(body) => request.json(body).await.expect(201),
            None => request.await.expect(201),
        };
        use_key(&caller(&user, &old)).await.problem(401, "api_key_revoked");
        use_key(&caller(&user, &new)).await.expect(201);
        let ended = user.api.get(path(&old)).await.expect(200);
        assert!(ended["status"] == "revoked" && ended["revokedAt"].is_string(), "{ended}");
        let event = newest_event(&user, "api_key_rotated").await;
        let (id, successor) = (&old["apiKey"]["id"], &new["apiKey"]["id"]);
        assert_eq!(event["details"], json!({ "apiKeyId": id, "successorId": successor, "overlapSeconds": 0 }));
        let shown = user.api.get(path(&new)).await;
        assert_eq!(shown.expect(200)["rotatedFrom"], *id);
        assert!(!shown.text().contains(new["key"].as_str().unwrap()), "the key itself is never shown again");
    }
}

async fn both_keys_work_during_the_overlap(host: Host) {
    let user = User::verified(&host).await;
    let old = user.key(body("old")).await;
    use_key(&caller(&user, &old)).await.expect(201);
    host.stop_time().await;
    let new = user.api.post(format!("{}/rotate", path(&old))).json(json!({ "overlapSeconds": 60 })).await.expect(201);
    use_key(&caller(&user, &new)).await.expect(201);
    host.advance(Duration::from_millis(59_999)).await;
    use_key(&caller(&user, &old)).await.expect(201);
    assert_eq!(user.api.get(path(&old)).await.expect(200)["status"], "active");
    host.advance(Duration::from_millis(1)).await;
    use_key(&caller(&user, &old)).await.problem(401, "api_key_expired");
    use_key(&caller(&user, &new)).await.expect(201);
    assert_eq!(user.api.get(path(&old)).await.expect(200)["status"], "expired");

    // Whoever ends sooner keeps to that; revoking works during the overlap.
    let soon = rfc3339(host.now_ms().await + 60_000);
    let old = user.key(json!({ "name": "old", "scopes": ["models:write"], "expiresAt": soon })).await;
    user.api.post(format!("{}/rotate", path(&old))).json(json!({ "overlapSeconds": 604_800 })).await.expect(201);
    assert_eq!(user.api.get(path(&old)).await.expect(200)["expiresAt"], old["apiKey"]["expiresAt"]);
    user.api.delete(path(&old)).await.expect(204);
    use_key(&caller(&user, &old)).await.problem(401, "api_key_revoked");
}

async fn the_new_key_is_like_the_old_one(host: Host) {
    let user = User::verified(&host).await;
    let settings = json!({
        "name": "CI", "description": "For the build", "scopes": ["keys:verify", "leaderboard:read"], "rateLimit": 3,
        "rateLimitWindowSeconds": 60, "expiresInDays": 30, "allowedIps": ["127.0.0.0/8", "::1"], "environment": "test",
    });
    let old = user.key(settings).await;
    user.api.patch(path(&old)).json(json!({ "rateLimit": 4, "description": null })).await.expect(200);
    let before = user.api.get(path(&old)).await.expect(200);
    let new = user.api.post(format!("{}/rotate", path(&old))).await.expect(201);
    assert!(new["key"].as_str().unwrap().starts_with("aib_test_") && new["key"] != old["key"]);
    let shown = &new["apiKey"];
    for same in ["name", "description", "scopes", "rateLimit", "rateLimitWindowSeconds", "allowedIps", "status"] {
        assert_eq!(shown[same], before[same], "{same}");
    }
    assert_eq!((&shown["rotatedFrom"], &shown["lastUsedAt"]), (&before["id"], &Value::Null));
    // Thirty days, to the millisecond.
    for key in [shown, &before] {
        let (from, to) = (key["createdAt"].as_str().unwrap(), key["expiresAt"].as_str().unwrap());
        assert!(from[10..] == to[10..] && from[..10] < to[..10], "{key}");
    }
    assert_eq!(user.api.get(path(&new)).await.expect(200), *shown);
    let export = user.api.get("/api/v1/users/me/export").await.expect(200);
    assert_eq!(export["apiKeys"][0], *shown);
}

async fn a_key_is_rotated_once(host: Host) {
    let user = User::verified(&host).await;
    for overlap in [0, 60] {
        let old = user.key(body("old")).await;
        let rotate = || user.api.post(format!("{}/rotate", path(&old))).json(json!({ "overlapSeconds": overlap }));
        let answers = join_all((0..4).map(|_| async { rotate().await })).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1);
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            refused.problem(409, "api_key_already_rotated");
        }
        rotate().await.problem(409, "api_key_already_rotated");
    }
    assert_eq!(user.api.get("/api/v1/api-keys").await.expect(200)["data"].as_array().unwrap().len(), 4);
    // A lost answer is sent for again.
    let old = user.key(body("old")).await;
    let rotate = || user.api.post(format!("{}/rotate", path(&old))).header("Idempotency-Key", "once").json(json!({}));
    let first = rotate().await.expect(201);
    let again = rotate().await;
    assert_eq!(again.expect(201), first);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    use_key(&caller(&user, &first)).await.expect(201);
}

async fn only_a_living_key_is_rotated(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let soon = rfc3339(host.now_ms().await + 600_000);
    let fading = user.key(json!({ "name": "f", "scopes": ["models:write"], "expiresAt": soon })).await;
    let old = user.key(body("k")).await;
    let rotate = |api: &Client, key: &Value, overlap: Value| {
        api.post(format!("{}/rotate", path(key))).json(json!({ "overlapSeconds": overlap }))
    };
    rotate(&stranger.api, &old, json!(0)).await.problem(404, "not_found");
    rotate(&caller(&user, &old), &old, json!(0)).await.problem(403, "user_token_required");
    for wrong in [json!(-1), json!(604_801), json!(0.5), json!("60"), json!(null)] {
        rotate(&user.api, &old, wrong).await.invalid("/overlapSeconds");
    }
    user.api.delete(path(&old)).await.expect(204);
    rotate(&user.api, &old, json!(60)).await.problem(409, "api_key_not_active");
    host.advance(Duration::from_secs(600)).await;
    rotate(&user.api, &fading, json!(60)).await.problem(409, "api_key_not_active");
    assert_eq!(user.api.get("/api/v1/api-keys").await.expect(200)["data"].as_array().unwrap().len(), 2);
}

async fn rotating_keeps_to_fifty_keys(host: Host) {
    let user = User::verified(&host).await;
    let mut keys = Vec::new();
    for n in 0..50 {
        keys.push(user.key(body(&n.to_string())).await);
    }
    let rotate = |key: &Value, overlap: u32| {
        let request = user.api.post(format!("{}/rotate", path(key))).json(json!({ "overlapSeconds": overlap }));
        async move { request.await }
    };
    rotate(&keys[0], 60).await.problem(409, "too_many_api_keys");
    use_key(&caller(&user, &keys[0])).await.expect(201);
    rotate(&keys[0], 0).await.expect(201);
    user.api.delete(path(&keys[1])).await.expect(204);
    // One place is free: whoever overlaps takes it.
    let answers = join_all(keys[2..6].iter().map(|key| rotate(key, 60))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.problem(409, "too_many_api_keys");
    }
}

async fn every_use_is_counted(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let created = user.key(json!({ "name": "k", "scopes": ["keys:verify"], "rateLimit": 3 })).await;
    let unused = user.key(json!({ "name": "unused", "scopes": ["keys:verify"] })).await;
    let key = caller(&user, &created);
    assert_eq!(user.api.get(path(&created)).await.expect(200)["lastUsedAt"], Value::Null);
    let began = now_ms();
    let answers = join_all((0..5).map(|_| verify(&key))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3);
    let used = user.api.get(path(&created)).await.expect(200)["lastUsedAt"].clone();
    let used = used.as_str().expect("it was used");
    assert!(used >= rfc3339(began - 60_000).as_str() && used <= rfc3339(now_ms() + 1000).as_str(), "{used}");
    use_key(&key).await.problem(403, "insufficient_scope");
    user.api.patch(path(&created)).json(json!({ "allowedIps": ["203.0.113.7"] })).await.expect(200);
    verify(&key).await.problem(403, "ip_not_allowed");
    user.api.delete(path(&created)).await.expect(204);
    verify(&key).await.problem(401, "api_key_revoked");
    verify(&key).await.problem(401, "api_key_revoked");

    let (counted, nothing) =
        (json!({ "allowed": 3, "limited": 2, "denied": 4 }), json!({ "allowed": 0, "limited": 0, "denied": 0 }));
    for (query, bucket, buckets) in [("", "hour", 24), ("?bucket=hour", "hour", 24), ("?bucket=day", "day", 30)] {
        let usage = user.api.get(format!("{}/usage{query}", path(&created))).await.expect(200);
        assert_eq!((&usage["totals"], &usage["bucket"]), (&counted, &json!(bucket)), "{usage}");
        assert_eq!(usage["apiKeyId"], created["apiKey"]["id"]);
        let data = usage["data"].as_array().unwrap();
        assert_eq!((data.len(), &data[0]["start"]), (buckets, &usage["from"]));
        assert!(data.windows(2).all(|pair| pair[0]["start"].as_str() < pair[1]["start"].as_str()), "{usage}");
        for what in ["allowed", "limited", "denied"] {
            let sum = data.iter().map(|bucket| bucket[what].as_u64().unwrap()).sum::<u64>();
            assert_eq!(json!(sum), counted[what], "{usage}");
        }
        let usage = user.api.get(format!("{}/usage{query}", path(&unused))).await.expect(200);
        assert_eq!(usage["totals"], nothing);
    }
    stranger.api.get(format!("{}/usage", path(&created))).await.problem(404, "not_found");
    key.get(format!("{}/usage", path(&created))).await.problem(403, "user_token_required");
}

async fn usage_is_told_of_any_range(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(json!({ "name": "k", "scopes": ["keys:verify"] })).await;
    verify(&caller(&user, &created)).await.expect(200);
    let usage = |query: String| user.api.get(format!("{}/usage?{query}", path(&created)));
    for (query, from, to, buckets) in [
        ("from=2026-01-01T10:20:00Z&to=2026-01-01T12:00:00.000Z", "01T10:00:00.000Z", "01T12:00:00.000Z", 2),
        ("from=2026-01-01T10:00:00Z&to=2026-01-01T12:00:00.001Z", "01T10:00:00.000Z", "01T13:00:00.000Z", 3),
        ("from=2026-01-01T23:30:00%2B02:00&to=2026-01-01T22:00:00Z", "01T21:00:00.000Z", "01T22:00:00.000Z", 1),
        ("from=2026-01-01T10:20:00Z&to=2026-01-03T00:00:01Z&bucket=day", "01T00:00:00.000Z", "04T00:00:00.000Z", 3),
        ("to=2026-01-31T00:00:00Z&bucket=day", "01T00:00:00.000Z", "31T00:00:00.000Z", 30),
    ] {
        let usage = usage(query.to_owned()).await.expect(200);
        let range = (format!("2026-01-{from}"), format!("2026-01-{to}"));
        assert_eq!((&usage["from"], &usage["to"]), (&json!(range.0), &json!(range.1)), "{query}");
        assert_eq!(usage["data"].as_array().unwrap().len(), buckets, "{query}");
        assert_eq!(usage["totals"], json!({ "allowed": 0, "limited": 0, "denied": 0 }), "{query}");
    }
    // What has been is in a range around it, and in none before.
    let (before, after) = (rfc3339(now_ms() - 7_200_000), rfc3339(now_ms() + 7_200_000));
    assert_eq!(usage(format!("from={before}&to={after}")).await.expect(200)["totals"]["allowed"], 1);
    assert_eq!(usage(format!("from={before}")).await.expect(200)["totals"]["allowed"], 1);
    assert_eq!(usage(format!("to={before}")).await.expect(200)["totals"]["allowed"], 0);
    for wrong in [
        "from=yesterday",
        "to=2026-01-01",
        "bucket=week",
        "limit=3",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=9998-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-02-11T16:00:01Z",
        "from=2022-01-01T00:00:00Z&to=2026-01-01T00:00:00Z&bucket=day",
    ] {
        usage(wrong.to_owned()).await.problem(400, "malformed_request");
    }
}
