//! Refresh tokens: rotation, the grace period, reuse, and the cookie.

use std::time::Duration;

use aibaas_tests::{Answer, Client, User, cases, fixtures::PASSWORD, host::Host};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    refresh_rotates,
    a_lost_reply_gets_the_current_tokens,
    an_older_token_ends_the_session,
    the_grace_period_ends,
    concurrent_refreshes_agree,
    refresh_refuses_what_is_no_token,
    cookie_mode_keeps_the_refresh_token_from_scripts,
];

const ORIGIN: &str = "http://localhost:3000";

async fn refresh(api: &Client, token: &Value) -> Answer {
    api.anonymous().post("/api/v1/auth/refresh").json(json!({ "refreshToken": token })).await
}

async fn refresh_rotates(host: Host) {
    let user = User::verified(&host).await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let second = refresh(&user.api, &first["refreshToken"]).await.expect(200);
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    assert_ne!(first["accessToken"], second["accessToken"]);
    user.api.with(second["accessToken"].as_str().unwrap()).get("/api/v1/users/me").await.expect(200);
    // The session is the same one: its earlier access tokens live on until they expire.
    user.api.get("/api/v1/users/me").await.expect(200);
}

async fn a_lost_reply_gets_the_current_tokens(host: Host) {
    let user = User::verified(&host).await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let again = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    assert_eq!(first["refreshToken"], again["refreshToken"]);
    refresh(&user.api, &again["refreshToken"]).await.expect(200);
}

async fn an_older_token_ends_the_session(host: Host) {
    let user = User::verified(&host).await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let second = refresh(&user.api, &first["refreshToken"]).await.expect(200);
    refresh(&user.api, &user.tokens["refreshToken"]).await.problem(401, "session_revoked");
    refresh(&user.api, &second["refreshToken"]).await.problem(401, "session_revoked");
    user.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
    host.mails_to(&user.email, 2).await;
    // The account itself is untouched.
    User::login(&user.api, &user.email).await;
}

async fn the_grace_period_ends(host: Host) {
    let user = User::verified(&host).await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    refresh(&user.api, &user.tokens["refreshToken"]).await.problem(401, "session_revoked");
    refresh(&user.api, &first["refreshToken"]).await.problem(401, "session_revoked");
}

async fn concurrent_refreshes_agree(host: Host) {
    let user = User::verified(&host).await;
    let answers = join_all((0..8).map(|_| refresh(&user.api, &user.tokens["refreshToken"]))).await;
    let tokens = answers.iter().map(|answer| answer.expect(200)["refreshToken"].to_string());
    assert_eq!(tokens.collect::<std::collections::HashSet<_>>().len(), 1, "all get the one current token");
}

async fn refresh_refuses_what_is_no_token(host: Host) {
    let user = User::verified(&host).await;
    let genuine = user.refresh_token();
    let flipped = format!("{}{}", &genuine[..genuine.len() - 2], if genuine.ends_with("AA") { "BB" } else { "AA" });
    for token in ["", "x", "a.b.c", &flipped, &"z".repeat(5000), user.tokens["accessToken"].as_str().unwrap()] {
        refresh(&user.api, &json!(token)).await.problem(401, "invalid_token");
    }
    user.api.anonymous().post("/api/v1/auth/refresh").await.problem(401, "missing_credentials");
    refresh(&user.api, &json!(genuine)).await.expect(200);
}

async fn cookie_mode_keeps_the_refresh_token_from_scripts(host: Host) {
    let user = User::verified(&host).await;
    let api = user.api.anonymous();
    let body = json!({ "email": user.email, "password": PASSWORD, "mode": "cookie" });
    api.post("/api/v1/auth/login").json(body.clone()).await.problem(403, "origin_not_allowed");
    let foreign = api.post("/api/v1/auth/login").json(body.clone()).header("Origin", "https://evil.example").await;
    foreign.problem(403, "origin_not_allowed");

    let login = api.post("/api/v1/auth/login").json(body).header("Origin", ORIGIN).await;
    assert!(login.expect(200).get("refreshToken").is_none());
    let cookie = refresh_cookie(&login);
    let refresh =
        |origin: &'static str| api.post("/api/v1/auth/refresh").header("Cookie", &cookie).header("Origin", origin);
    refresh("https://evil.example").await.problem(403, "origin_not_allowed");
    let refreshed = refresh(ORIGIN).await;
    assert!(refreshed.expect(200).get("refreshToken").is_none());
    let next = refresh_cookie(&refreshed);
    assert_ne!(next, cookie);

    let logout = api.post("/api/v1/auth/logout").header("Cookie", &next).header("Origin", ORIGIN).await;
    logout.expect(204);
    let cleared = logout.header("set-cookie").expect("the cookie is cleared");
    assert!(cleared.starts_with("__Secure-aibaas_refresh=;") && cleared.contains("Max-Age=0"), "{cleared}");
    let ended = api.post("/api/v1/auth/refresh").header("Cookie", &next).header("Origin", ORIGIN).await;
    ended.problem(401, "session_revoked");
}

/// The cookie as a browser sends it back, after checking its attributes.
fn refresh_cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/api/v1/auth"] {
        assert!(set.split("; ").any(|part| part == attribute), "{attribute} in {set}");
    }
    let pair = set.split(';').next().unwrap_or(set);
    assert!(pair.starts_with("__Secure-aibaas_refresh="), "{set}");
    pair.to_owned()
}
