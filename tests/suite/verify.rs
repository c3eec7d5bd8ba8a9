//! What a service hears of the keys that it is shown, and where keys may be used from.

use aibaas_tests::{
    Answer, Client, Key, Service, User, cases,
    client::Request,
    fixtures::{admin, unique},
    host::Host,
    keys::{VERIFY, checksum, millis, now_ms, rate_limit, unknown_key},
};
use serde_json::{Value, json};

cases![KeepsMail:
    a_good_key_is_good,
    scopes_are_asked_for,
    what_is_no_key_is_not_known,
    the_address_is_looked_at,
    only_programs_with_the_scope_ask,
    mistakes_in_the_question,
    a_key_is_used_from_where_it_may_be,
    claimed_addresses_count_for_nothing,
    others_keys_are_not_told_of,
    a_service_loses_its_role_at_once,
    unknown_keys_are_limited_by_address;
SendsMail:
    a_role_is_looked_at,
];

fn put(api: &Client) -> Request {
    api.put(format!("/api/v1/models/{}/m", unique("probe"))).json(json!({ "displayName": "M" }))
}

/// Asserts that the answer holds nothing of a key but the start that is shown everywhere.
#[track_caller]
fn assert_not_echoed(answer: &Answer, key: &str) {
    let told = format!("{} {:?}", answer.text(), answer.headers);
    assert!(key.len() < 20 || !told.contains(&key[key.len() - 20..]), "the key is echoed: {answer}");
}

async fn a_good_key_is_good(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    for environment in ["live", "test"] {
        let settings = json!({ "environment": environment, "rateLimit": 7, "rateLimitWindowSeconds": 600 });
        let key = Key::new(&user, settings).await;
        let (start, sum) = key.secret.split_at(key.secret.len() - 6);
        assert!(start.starts_with(&format!("aib_{environment}_")) && sum == checksum(start), "{start} {sum}");
        let before = now_ms();
        let answer = service.shown(&key.secret, &json!({})).await;
        let verdict = answer.expect(200);
        let resets = verdict["rateLimit"]["resetAt"].as_str().expect("a time").to_owned();
        let expected = json!({
            "valid": true, "code": "valid", "apiKeyId": key.id, "userId": user.id(),
            "scopes": ["models:write", "keys:verify"],
            "rateLimit": { "limit": 7, "remaining": 6, "resetAt": resets },
        });
        assert_eq!(verdict, expected);
        let resets = millis(&resets);
        if host.has_addresses() {
            assert!(resets >= before + 600_000 && resets <= now_ms() + 600_000, "{verdict}");
        }
        assert_not_echoed(&answer, &key.secret);
    }
    // Either header carries the service's own key.
    let own = service.0.credential().expect("a key");
    let key = Key::new(&user, json!({})).await;
    let ask = host.client().post(VERIFY).header("X-API-Key", own).json(json!({ "key": key.secret }));
    assert_eq!(ask.await.expect(200)["apiKeyId"], json!(key.id));
    // A good key is as good for its own person's services.
    let own = Service(Key::new(&user, json!({})).await.api);
    own.accepts(&key, json!({ "scopes": ["models:write"], "cost": 2, "ip": "203.0.113.5" })).await;
}

async fn scopes_are_asked_for(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let scopes = ["leaderboard:read", "results:write"];
    let key = Key::new(&user, json!({ "scopes": scopes, "rateLimit": 9 })).await;
    for asked in [json!([]), json!(["results:write"]), json!(["results:write", "leaderboard:read"])] {
        service.accepts(&key, json!({ "scopes": asked })).await;
    }
    for asked in [json!(["models:write"]), json!(["leaderboard:read", "keys:verify"])] {
        let verdict = service.refuses(&key, json!({ "scopes": asked }), "insufficient_scope").await;
        assert_eq!(verdict["scopes"], json!(scopes), "{verdict}");
        assert_eq!((&verdict["apiKeyId"], &verdict["userId"]), (&json!(key.id), &json!(user.id())), "{verdict}");
        assert_eq!(verdict["rateLimit"], Value::Null, "{verdict}");
    }
    assert_eq!(service.remaining(&key).await, 6);
}

async fn what_is_no_key_is_not_known(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::new(&user, json!({})).await.secret;
    let last = if key.ends_with('0') { '1' } else { '0' };
    let wrong = [
        unknown_key(),
        unknown_key().replace("live", "test"),
        format!("{}{last}", &key[..key.len() - 1]),
        key[..key.len() - 1].to_owned(),
        format!("{key}0"),
        format!(" {key}"),
        format!("{key}\n"),
        format!("{key}\0"),
        format!("Bearer {key}"),
        key.to_uppercase(),
        key.replace("live", "test"),
        key.replace("aib_", "abi_"),
        key.replacen('_', "-", 1),
        "aib_live_".to_owned(),
        String::new(),
        "ключ".repeat(12),
        format!("aib_live_{}", "é".repeat(19)),
        "A".repeat(10_000),
        user.tokens["accessToken"].as_str().expect("a token").to_owned(),
    ];
    let nothing = json!({
        "valid": false, "code": "invalid_api_key", "apiKeyId": null, "userId": null, "scopes": [], "rateLimit": null,
    });
    for wrong in wrong {
        for settings in [json!({}), json!({ "scopes": ["models:write"], "cost": 0, "ip": "192.0.2.1" })] {
            let answer = service.shown(&wrong, &settings).await;
            assert_eq!(answer.expect(200), nothing, "{answer}");
            assert_not_echoed(&answer, &wrong);
        }
    }
    for caller in [unknown_key(), format!("{}{last}", &key[..key.len() - 1])] {
        let answer = put(&host.client().with(&caller)).await;
        answer.problem(401, "invalid_api_key");
        assert_not_echoed(&answer, &caller);
    }
}

async fn the_address_is_looked_at(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let blocks = ["192.0.2.0/24", "2001:db8:7::/48", "::ffff:198.51.100.0/120", "203.0.113.9"];
    let key = Key::new(&user, json!({ "allowedIps": blocks, "rateLimit": 100 })).await;
    let allowed = [
        "192.0.2.7",
        "::ffff:192.0.2.7",
        "::ffff:c000:207",
        "2001:db8:7:1::1",
        "2001:DB8:7:0:0:0:0:1",
        "198.51.100.255",
        "::ffff:198.51.100.0",
        "203.0.113.9",
    ];
    for ip in allowed {
        service.accepts(&key, json!({ "ip": ip })).await;
    }
    for ip in ["192.0.3.7", "::ffff:192.0.3.7", "2001:db8:8::1", "::192.0.2.7", "198.51.101.0", "203.0.113.8", "::1"] {
        let verdict = service.refuses(&key, json!({ "ip": ip }), "ip_not_allowed").await;
        assert!(verdict["apiKeyId"] == json!(key.id) && verdict["rateLimit"] == Value::Null, "{verdict}");
    }
    // Where nobody says who presented it, it cannot be known to be allowed.
    service.refuses(&key, json!({}), "ip_not_allowed").await;
    service.refuses(&key, json!({ "ip": null }), "ip_not_allowed").await;
    let verdict = service.accepts(&key, json!({ "ip": "192.0.2.7", "cost": 0 })).await;
    assert_eq!(verdict["rateLimit"]["remaining"], 100 - allowed.len());
    // A key without a list is good wherever it comes from.
    let anywhere = Key::new(&user, json!({})).await;
    for settings in [json!({}), json!({ "ip": "192.0.2.7" }), json!({ "ip": "::1" })] {
        service.accepts(&anywhere, settings).await;
    }
}

async fn only_programs_with_the_scope_ask(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::limited(&user, 5, 600).await;
    let ask = |client: &Client| Service(client.clone()).shown(&key.secret, &json!({}));
    ask(&host.client()).await.problem(401, "missing_credentials");
    ask(&host.client().with(&unknown_key())).await.problem(401, "invalid_api_key");
    ask(&user.api).await.problem(403, "api_key_required");
    let others = json!({ "scopes": ["leaderboard:read", "results:write", "models:write"] });
    let scopeless = Key::new(&user, others).await;
    let refused = ask(&scopeless.api).await;
    assert_eq!(refused.problem(403, "insufficient_scope")["requiredScope"], "keys:verify");
    assert_not_echoed(&refused, &key.secret);
    let revoked = Key::new(&user, json!({})).await;
    user.api.delete(revoked.path()).await.expect(204);
    ask(&revoked.api).await.problem(401, "api_key_revoked");
    // A stranger hears of no mistake in what they sent.
    for (client, status, code) in
        [(host.client(), 401, "missing_credentials"), (scopeless.api, 403, "insufficient_scope")]
    {
        client.post(VERIFY).json(json!({ "cost": "much" })).await.problem(status, code);
        client.post(VERIFY).body("application/json", "{").await.problem(status, code);
    }
    assert_eq!(service.remaining(&key).await, 5);
    service.0.get(VERIFY).await.expect(405);
}

async fn mistakes_in_the_question(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::limited(&user, 5, 600).await;
    for (pointer, member, value) in [
        ("/key", "key", Value::Null),
        ("/key", "key", json!(7)),
        ("/key", "key", json!([key.secret])),
        ("/scopes", "scopes", json!("models:write")),
        ("/scopes/0", "scopes", json!(["everything"])),
        ("/scopes/1", "scopes", json!(["models:write", "Models:write"])),
        ("/cost", "cost", json!(-1)),
        ("/cost", "cost", json!(1.5)),
        ("/cost", "cost", json!(100_001)),
        ("/cost", "cost", json!(u64::MAX)),
        ("/cost", "cost", json!("1")),
        ("/ip", "ip", json!("")),
        ("/ip", "ip", json!("192.0.2.0/24")),
        ("/ip", "ip", json!("192.0.2.7:443")),
        ("/ip", "ip", json!("example.com")),
        ("/ip", "ip", json!(3_221_225_991_u32)),
        ("/userId", "userId", json!("somebody")),
    ] {
        let answer = service.shown(&key.secret, &json!({ member: value })).await;
        answer.invalid(pointer);
        assert_not_echoed(&answer, &key.secret);
    }
    service.0.post(VERIFY).json(json!({})).await.invalid("/key");
    let whole = json!({ "key": key.secret }).to_string();
    for broken in ["", "{", "nonsense", &whole[..whole.len() - 1], &format!("{whole}{whole}")] {
        let answer = service.0.post(VERIFY).body("application/json", broken).await;
        answer.problem(400, "malformed_request");
        assert_not_echoed(&answer, &key.secret);
    }
    service.0.post(VERIFY).body("text/plain", whole.as_str()).await.problem(415, "unsupported_media_type");
    service.0.post(VERIFY).body("application/json", " ".repeat(70_000) + &whole).await.expect(413);
    assert_eq!(service.remaining(&key).await, 5);
}

async fn a_key_is_used_from_where_it_may_be(host: Host) {
    let user = User::verified(&host).await;
    host.needs_addresses();
    let here = user.api.address().expect("loopback");
    let elsewhere = host.client();
    let there = elsewhere.address().expect("loopback");
    for (blocks, from_here, from_there) in [
        (vec![here.to_string()], true, false),
        (vec![format!("{there}/32"), "10.0.0.0/8".to_owned()], false, true),
        (vec![format!("::ffff:{here}")], true, false),
        (vec![format!("::ffff:{there}/128")], false, true),
        (vec!["127.0.0.0/8".to_owned()], true, true),
        (vec!["::ffff:127.0.0.0/104".to_owned()], true, true),
        (vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()], false, false),
        (vec!["::1".to_owned()], false, false),
        (Vec::new(), true, true),
    ] {
        let key = Key::new(&user, json!({ "allowedIps": blocks, "rateLimit": 4 })).await;
        for (client, allowed) in [(&user.api, from_here), (&elsewhere, from_there)] {
            for (answer, status) in [(put(&client.with(&key.secret)).await, 201), (key.used_by(client).await, 200)] {
                if allowed {
                    assert_eq!(answer.status, status, "{blocks:?}: {answer}");
                } else {
                    answer.problem(403, "ip_not_allowed");
                }
            }
        }
    }
}

async fn claimed_addresses_count_for_nothing(host: Host) {
    let user = User::verified(&host).await;
    host.needs_addresses();
    let here = user.api.address().expect("loopback");
    let inside = Key::new(&user, json!({ "allowedIps": [here.to_string()] })).await;
    let outside = Key::new(&user, json!({ "allowedIps": ["203.0.113.9"] })).await;
    let headers =
        ["X-Forwarded-For", "Forwarded", "X-Real-IP", "spin-client-addr", "CF-Connecting-IP", "True-Client-IP"];
    for header in headers {
        let value = if header == "Forwarded" { "for=203.0.113.9" } else { "203.0.113.9" };
        inside.used_by(&user.api).header(header, value).await.expect(200);
        outside.used_by(&user.api).header(header, value).await.problem(403, "ip_not_allowed");
        let claimed = inside.used_by(&host.client()).header(header, &here.to_string()).await;
        claimed.problem(403, "ip_not_allowed");
    }
}

async fn others_keys_are_not_told_of(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let service = Service::new(&host).await;
    let curious = Service(Key::new(&stranger, json!({})).await.api);
    let nothing = json!({
        "valid": false, "code": "not_yours", "apiKeyId": null, "userId": null, "scopes": [], "rateLimit": null,
    });
    let good = Key::limited(&user, 3, 600).await;
    let (revoked, used_up) = (Key::new(&user, json!({})).await, Key::limited(&user, 1, 600).await);
    let elsewhere = Key::new(&user, json!({ "allowedIps": ["192.0.2.1"] })).await;
    used_up.used_by(&used_up.api).await.expect(200);
    user.api.delete(revoked.path()).await.expect(204);
    for key in [&good, &revoked, &used_up, &elsewhere] {
        for settings in [json!({}), json!({ "cost": 0 }), json!({ "scopes": ["results:write"], "cost": 9 })] {
            assert_eq!(curious.verdict(key, settings).await, nothing);
        }
    }
    // An administrator's keys are like anybody's: the role is for services.
    let admins = Service(Key::new(&admin(&host).await, json!({})).await.api);
    assert_eq!(admins.verdict(&good, json!({})).await, nothing);
    // Nothing was charged, and nothing counted.
    assert_eq!(service.remaining(&good).await, 3);
    let usage = user.api.get(format!("{}/usage", elsewhere.path())).await.expect(200);
    assert_eq!(usage["totals"], json!({ "allowed": 0, "limited": 0, "denied": 0 }));
    // A stranger's own key gets past nobody's gate but theirs, and theirs is told to them.
    let own = Key::new(&stranger, json!({})).await;
    curious.accepts(&own, json!({})).await;
    assert_eq!(Service(good.api.clone()).verdict(&own, json!({})).await, nothing);
    service.refuses(&revoked, json!({}), "api_key_revoked").await;
}

async fn a_service_loses_its_role_at_once(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let owner = User::verified(&host).await;
    let role = |role: &'static str| {
        admin.api.patch(format!("/api/v1/admin/users/{}", owner.id())).json(json!({ "role": role }))
    };
    let service = Service(Key::new(&owner, json!({})).await.api);
    let key = Key::new(&user, json!({ "rateLimit": 1000 })).await;
    for round in 0..4 {
        service.refuses(&key, json!({}), "not_yours").await;
        assert_eq!(role("service").await.expect(200)["role"], "service");
        let verdict = service.accepts(&key, json!({})).await;
        assert_eq!(verdict["rateLimit"]["remaining"], 999 - round);
        role(if round % 2 == 0 { "user" } else { "publisher" }).await.expect(200);
    }
    service.refuses(&key, json!({}), "not_yours").await;
}

async fn unknown_keys_are_limited_by_address(host: Host) {
    host.needs_addresses();
    let (user, flood) = (User::verified(&host).await, host.client());
    let good = Key::new(&user, json!({})).await;
    for round in 0..60 {
        let refused = if round % 2 == 0 {
            put(&flood.with(&unknown_key())).await
        } else {
            flood.post(VERIFY).header("X-API-Key", &unknown_key()).json(json!({ "key": good.secret })).await
        };
        refused.problem(401, "invalid_api_key");
        assert_eq!(refused.header("ratelimit-policy"), Some("\"unknown-keys\";q=60;w=600"), "{refused}");
        assert_eq!(rate_limit(&refused, "r"), 59 - round);
    }
    for _ in 0..3 {
        let refused = put(&flood.with(&unknown_key())).await;
        refused.problem(429, "too_many_requests");
        assert!(refused.header("retry-after").is_some() && rate_limit(&refused, "r") == 0, "{refused}");
        // Elsewhere any is looked up.
        put(&host.client().with(&unknown_key())).await.problem(401, "invalid_api_key");
    }
    // Of those who show a service keys, each address that it tells of has a count of its own.
    let service = Service(good.api.clone());
    let verdict =
        async |ip: &str| service.shown(&unknown_key(), &json!({ "ip": ip })).await.expect(200)["code"].clone();
    for _ in 0..60 {
        assert_eq!(verdict("192.0.2.1").await, "invalid_api_key");
    }
    let nothing = json!({
        "valid": false, "code": "too_many_requests", "apiKeyId": null, "userId": null, "scopes": [], "rateLimit": null,
    });
    let refused = service.shown(&unknown_key(), &json!({ "ip": "192.0.2.1" })).await;
    assert_eq!(refused.expect(200), nothing);
    assert_eq!(verdict("192.0.2.1").await, "too_many_requests");
    assert_eq!(verdict("198.51.100.1").await, "invalid_api_key");
    let known = Key::new(&user, json!({})).await;
    service.accepts(&known, json!({ "ip": "198.51.100.1" })).await;
}

async fn a_role_is_looked_at(host: Host) {
    let (admin, user, service) = (admin(&host).await, User::verified(&host).await, Service::new(&host).await);
    let role = |role: &'static str| {
        admin.api.patch(format!("/api/v1/admin/users/{}", user.id())).json(json!({ "role": role }))
    };
    role("publisher").await.expect(200);
    let user = user.login_from(&user.api).await;
    let key = Key::new(&user, json!({ "rateLimit": 4 })).await;
    service.accepts(&key, json!({ "scopes": ["models:write"] })).await;
    role("user").await.expect(200);
    let verdict = service.refuses(&key, json!({ "scopes": ["keys:verify", "models:write"] }), "role_required").await;
    assert!(verdict["apiKeyId"] == json!(key.id) && verdict["rateLimit"] == Value::Null, "{verdict}");
    // Nothing asked for, or nothing that needs the role.
    service.accepts(&key, json!({})).await;
    service.accepts(&key, json!({ "scopes": ["keys:verify"] })).await;
    role("admin").await.expect(200);
    let verdict = service.accepts(&key, json!({ "scopes": ["models:write"] })).await;
    assert_eq!(verdict["rateLimit"]["remaining"], 0);
}
