//! Mail that leaves: the request that the provider gets, and what happens while it is down.

use std::{collections::HashSet, time::Duration};

use aibaas_tests::{
    User, cases,
    fixtures::{PASSWORD, new_address, token_in},
    host::{APP_URL, Host, Kind, MAIL_FROM, RESEND_API_KEY, TICK_SECRET},
};
use serde_json::json;

cases![SendsMail:
    resend_is_called_as_documented,
    names_are_escaped_in_mail,
    the_whole_way_with_a_provider,
    mail_survives_a_provider_that_is_down,
    mail_is_shown_to_nobody,
    publishing_needs_a_role,
];

async fn resend_is_called_as_documented(host: Host) {
    let email = User::unverified(&host.client()).await;
    let call = host.provider().wait_for(&email, 1).await.remove(0);
    assert_eq!(call.what, "POST /emails");
    assert_eq!(call.headers["authorization"], format!("Bearer {RESEND_API_KEY}"));
    assert!(call.headers["content-type"].starts_with("application/json"));
    if host.kind() != Kind::Native {
        // The native host is told the provider's address; the others call it by its name.
        assert_eq!(call.headers["host"], "api.resend.com");
    }
    let key = &call.headers["idempotency-key"];
    assert!((8..=256).contains(&key.len()) && !key.contains(&email), "{key}");
    assert_eq!(call.body["from"], MAIL_FROM);
    assert_eq!(call.body["to"], json!([email]));
    assert!(call.body["subject"].as_str().is_some_and(|subject| !subject.is_empty() && !subject.contains('\n')));
    let link = format!("{APP_URL}/verify-email?token=");
    let (text, html) = (call.body["text"].as_str().unwrap(), call.body["html"].as_str().unwrap());
    assert!(text.contains(&link) && html.contains(&link), "the link leads to the front end: {text}");
    assert_eq!(token_in(text), token_in(html));
    assert!(token_in(text).len() >= 43, "256 bits");
}

async fn names_are_escaped_in_mail(host: Host) {
    let email = new_address();
    let name = "<b>Bobby</b> & \"Tables\"";
    let body = json!({ "email": email, "password": PASSWORD, "fullName": name });
    host.client().post("/api/v1/auth/register").json(body).await.expect(202);
    let call = host.provider().wait_for(&email, 1).await.remove(0);
    let html = call.body["html"].as_str().unwrap();
    assert!(!html.contains("<b>Bobby"), "{html}");
}

async fn the_whole_way_with_a_provider(host: Host) {
    let user = User::verified(&host).await;
    let me = user.api.get("/api/v1/users/me").await.expect(200);
    assert_eq!(me["email"], *user.email);
    tokio::time::sleep(Duration::from_millis(300)).await;
    tick(&host).await;
    assert_eq!(host.provider().calls_to(&user.email).len(), 1, "what was accepted is not sent again");
}

async fn tick(host: &Host) {
    let answer = host.client().with(TICK_SECRET).post("/internal/tick").await;
    assert!(answer.status.is_success(), "{answer}");
}

async fn mail_survives_a_provider_that_is_down(host: Host) {
    let email = new_address();
    host.provider().fail(&email, 1);
    host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    host.provider().wait_for(&email, 1).await;
    // Delays grow: the second try is not due at once.
    let accepted = || host.provider().calls_to(&email).iter().any(|call| call.answered == 200);
    for _ in 0..240 {
        if accepted() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        tick(&host).await;
    }
    assert!(accepted(), "the mail arrives once the provider is back: {:?}", host.provider().calls_to(&email));
    tick(&host).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let calls = host.provider().calls_to(&email);
    assert_eq!(calls.iter().map(|call| call.answered).collect::<Vec<_>>(), [503, 200], "accepted once");
    let keys = calls.iter().map(|call| &call.headers["idempotency-key"]).collect::<HashSet<_>>();
    assert_eq!(keys.len(), 1, "every try carries the same key");
    let token = token_in(calls[1].body["text"].as_str().unwrap());
    host.client().post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
}

async fn mail_is_shown_to_nobody(host: Host) {
    host.client().get("/dev/mail").await.problem(404, "not_found");
}

async fn publishing_needs_a_role(host: Host) {
    let user = User::verified(&host).await;
    for scope in ["results:write", "models:write"] {
        let body = json!({ "name": "publisher", "scopes": ["leaderboard:read", scope] });
        user.api.post("/api/v1/api-keys").json(body).await.problem(403, "role_required");
    }
    let reader = user.key(json!({ "name": "reader", "scopes": ["leaderboard:read"] })).await;
    assert!(reader["key"].is_string());
    assert_eq!(user.api.get("/api/v1/api-keys").await.expect(200)["data"].as_array().unwrap().len(), 1);
}
