//! Security events: what happened to an account, when, from where.

use std::time::Duration;

use aibaas_tests::{
    Client, User, cases,
    fixtures::{PASSWORD, try_login},
    host::Host,
};
use serde_json::{Value, json};

cases![
    KeepsMail:
        events_are_told_in_order,
        events_tell_where_they_come_from,
        a_reused_token_leaves_a_trace,
        events_have_pages,
        events_are_the_persons_own;
    MovesTime:
        the_second_factor_leaves_traces,
        events_hold_no_secret;
];

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// All of a person's events, oldest first.
async fn events(api: &Client) -> Vec<Value> {
    let list = api.get("/api/v1/users/me/audit-log?limit=100").await.expect(200);
    assert_eq!(list["nextCursor"], Value::Null);
    let mut events = list["data"].as_array().unwrap().clone();
    assert!(events.is_sorted_by(|one, next| one["at"].as_str() >= next["at"].as_str()), "newest first: {list}");
    events.reverse();
    events
}

/// Events of one millisecond have no order.
async fn later() {
    tokio::time::sleep(Duration::from_millis(3)).await;
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

/// Asserts that these happened, in this order, whatever else did.
#[track_caller]
fn assert_in_order(events: &[Value], expected: &[&str]) {
    let mut rest = events.iter();
    for name in expected {
        assert!(rest.any(|event| event["event"] == *name), "{name} in its place, of {:?}", names(events));
    }
}

async fn events_are_told_in_order(host: Host) {
    let user = User::verified(&host).await;
    later().await;
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": "Ada King" })).await.expect(200);
    later().await;
    let created = user.key(json!({ "name": "k", "scopes": ["leaderboard:read"] })).await;
    let key = format!("/api/v1/api-keys/{}", created["apiKey"]["id"].as_str().unwrap());
    later().await;
    user.api.delete(key).await.expect(204);
    later().await;
    try_login(&user.api, &user.email, "not the password at all").await.problem(401, "invalid_credentials");
    later().await;
    let other = user.login_from(&user.api).await;
    later().await;
    user.api.delete(format!("/api/v1/auth/sessions/{}", other.session_id().await)).await.expect(204);
    later().await;
    user.login_from(&user.api).await;
    later().await;
    user.api.delete("/api/v1/auth/sessions").await.expect(204);
    later().await;
    user.login_from(&user.api).await.api.post("/api/v1/auth/logout").await.expect(204);
    later().await;
    user.api.get("/api/v1/users/me/export").await.expect(200);
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" });
    later().await;
    user.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    let events = events(&user.api).await;
    let happened = [
        "account_registered",
        "email_verified",
        "login",
        "profile_changed",
        "api_key_created",
        "api_key_revoked",
        "login_failed",
        "login",
        "session_ended",
        "login",
        "other_sessions_ended",
        "login",
        "logout",
        "data_exported",
        "password_changed",
    ];
    assert_in_order(&events, &happened);
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!((count("login"), count("login_failed"), count("password_changed")), (4, 1, 1));
    for event in &events {
        // Nobody is logged in who registers or fails to log in.
        let is_person = !["account_registered", "login_failed"].contains(&event["event"].as_str().unwrap());
        assert!(event["actor"] == "self" || !is_person, "{event}");
        assert!(event["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{event}");
    }
    let ids = events.iter().map(|event| event["id"].as_str().unwrap()).collect::<std::collections::HashSet<_>>();
    assert_eq!(ids.len(), events.len());
}

async fn events_tell_where_they_come_from(host: Host) {
    let user = User::verified(&host).await;
    let thief = host.client();
    let guess = thief.post("/api/v1/auth/login").header("User-Agent", FIREFOX);
    guess
        .json(json!({ "email": user.email, "password": "not the password at all" }))
        .await
        .problem(401, "invalid_credentials");
    let events = events(&user.api).await;
    let failed = events.iter().find(|event| event["event"] == "login_failed").expect("it is written down");
    assert_eq!(failed["userAgent"], FIREFOX);
    let login = events.iter().find(|event| event["event"] == "login").expect("it is written down");
    if let (Some(home), Some(away)) = (user.api.address(), thief.address()) {
        assert_eq!(failed["ip"], away.to_string());
        assert_eq!(login["ip"], home.to_string());
    }
}

async fn the_second_factor_leaves_traces(host: Host) {
    let user = User::verified(&host).await;
    let (authenticator, codes) = user.second_factor().await;
    let answer = |code: String| {
        let api = user.api.anonymous();
        let email = user.email.clone();
        async move {
            let asked = try_login(&api, &email, PASSWORD).await.expect(200);
            api.post("/api/v1/auth/login/mfa").json(json!({ "mfaToken": asked["mfaToken"], "code": code })).await
        }
    };
    let later = || host.advance(Duration::from_millis(1));
    later().await;
    answer(authenticator.wrong(1).await.remove(0)).await.problem(401, "invalid_mfa_code");
    later().await;
    answer(codes[0].clone()).await.expect(200);
    later().await;
    let body = json!({ "password": PASSWORD, "code": codes[1] });
    let renewed = user.api.post("/api/v1/auth/mfa/recovery-codes").json(body).await.expect(200);
    later().await;
    let body = json!({ "password": PASSWORD, "code": renewed["recoveryCodes"][0] });
    user.api.delete("/api/v1/auth/mfa/totp").json(body).await.expect(204);
    let events = events(&user.api).await;
    assert_in_order(
        &events,
        &["mfa_enabled", "mfa_failed", "recovery_code_used", "recovery_codes_created", "mfa_disabled"],
    );
    assert_in_order(&events, &["login", "mfa_enabled", "login", "mfa_disabled"]);
    assert_eq!(names(&events).iter().filter(|name| **name == "login").count(), 2, "a password alone is no login");
}

async fn a_reused_token_leaves_a_trace(host: Host) {
    let user = User::verified(&host).await;
    let stolen = user.login_from(&host.client()).await;
    let refresh = |token: Value| host.client().post("/api/v1/auth/refresh").json(json!({ "refreshToken": token }));
    let first = refresh(stolen.tokens["refreshToken"].clone()).await.expect(200);
    refresh(first["refreshToken"].clone()).await.expect(200);
    refresh(stolen.tokens["refreshToken"].clone()).await.problem(401, "session_revoked");
    let events = events(&user.api).await;
    assert_in_order(&events, &["login", "login", "refresh_token_reused"]);
}

async fn events_have_pages(host: Host) {
    let user = User::verified(&host).await;
    for n in 0..4 {
        user.api.patch("/api/v1/users/me").json(json!({ "fullName": format!("Name {n}") })).await.expect(200);
    }
    let all = events(&user.api).await;
    let (mut seen, mut path) = (Vec::new(), "/api/v1/users/me/audit-log?limit=3".to_owned());
    loop {
        let answer = user.api.get(&path).await;
        let page = answer.expect(200);
        seen.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        assert!(answer.header("link").is_some_and(|link| link.contains("rel=\"next\"") && link.contains(cursor)));
        path = format!("/api/v1/users/me/audit-log?limit=3&cursor={cursor}");
    }
    seen.reverse();
    assert_eq!(seen, all);
    for query in ["limit=0", "limit=101", "cursor=nonsense"] {
        user.api.get(format!("/api/v1/users/me/audit-log?{query}")).await.problem(400, "malformed_request");
    }
}

async fn events_are_the_persons_own(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    stranger.api.patch("/api/v1/users/me").json(json!({ "fullName": "A Stranger" })).await.expect(200);
    assert!(!names(&events(&user.api).await).contains(&"profile_changed"));
    let key = user.key_client(&["leaderboard:read"]).await;
    key.get("/api/v1/users/me/audit-log").await.problem(403, "user_token_required");
    user.api.anonymous().get("/api/v1/users/me/audit-log").await.problem(401, "missing_credentials");
}

async fn events_hold_no_secret(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, codes) = user.second_factor().await;
    let key = user.key(json!({ "name": "k", "scopes": ["leaderboard:read"] })).await["key"].clone();
    let wrong = "not the password but nearly 5";
    try_login(&user.api, &user.email, wrong).await.problem(401, "invalid_credentials");
    let asked = try_login(&user.api, &user.email, PASSWORD).await.expect(200);
    let code = authenticator.next().await;
    let body = json!({ "mfaToken": asked["mfaToken"], "code": code });
    user.api.anonymous().post("/api/v1/auth/login/mfa").json(body).await.expect(200);
    let text = json!(events(&user.api).await).to_string();
    let secrets = [key.as_str().unwrap(), wrong, PASSWORD, &codes[0], user.refresh_token()];
    for secret in secrets.into_iter().chain(asked["mfaToken"].as_str()) {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
