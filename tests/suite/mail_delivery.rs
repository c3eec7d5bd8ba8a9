//! Mail that leaves: the request that the provider gets, and what happens while it is down.

use std::{collections::HashSet, time::Duration};

use aibaas_tests::{
    Client, User, cases, eventually,
    fixtures::{PASSWORD, new_address, token_in},
    host::{APP_URL, Host, Kind, MAIL_FROM, RESEND_API_KEY, TICK_SECRET},
};
use serde_json::json;

cases![
    SendsMail:
        resend_is_called_as_documented,
        names_are_escaped_in_mail,
        mail_is_shown_to_nobody,
        publishing_needs_a_role;
    SendsMailAndMovesTime:
        what_was_accepted_is_not_sent_again,
        mail_survives_a_provider_that_is_down;
];

async fn resend_is_called_as_documented(host: Host) {
    let email = User::unverified(&host.client()).await;
    let call = host.provider().wait_for(&email, 1).await.remove(0);
    assert_eq!(call.what, "POST /emails");
    assert_eq!(call.headers["authorization"], format!("Bearer {RESEND_API_KEY}"));
    assert!(call.headers["content-type"].starts_with("application/json"));
    // A host whose requests cannot be led elsewhere is told the provider's address; the others call it by its name.
    let told = host.provider().url().trim_start_matches("http://");
    let named = &call.headers["host"];
    assert!(named == "api.resend.com" || (host.kind() != Kind::Cloudflare && named == told), "{named}");
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

/// However often and however late the schedule looks.
async fn what_was_accepted_is_not_sent_again(host: Host) {
    let user = User::verified(&host).await;
    until_written_down(&user.api).await;
    for _ in 0..3 {
        host.advance(Duration::from_secs(300)).await;
        // A tick has sent what is due when it answers.
        tick(&host).await;
    }
    assert_eq!(host.provider().calls_to(&user.email).len(), 1);
}

/// Waits until the host has written down that all of a person's mails were accepted: that comes after the provider's
/// answer.
async fn until_written_down(api: &Client) {
    eventually("all mails are said to be sent", async || {
        let export = api.get("/api/v1/users/me/export").await.expect(200);
        let mails = export["mails"].as_array().expect("a list");
        (!mails.is_empty() && mails.iter().all(|mail| mail["sentAt"].is_string())).then_some(())
    })
    .await;
}

async fn tick(host: &Host) {
    host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
}

async fn mail_survives_a_provider_that_is_down(host: Host) {
    host.stop_time().await;
    let email = new_address();
    host.provider().fail(&email, 3);
    let api = host.client();
    api.post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    host.provider().wait_for(&email, 1).await;
    // Delays grow, from half a minute.
    for (calls, delay) in [(2, 30), (3, 60), (4, 120)] {
        host.advance(Duration::from_millis(delay * 1000 - 1)).await;
        tick(&host).await;
        assert_eq!(host.provider().calls_to(&email).len(), calls - 1, "not due yet");
        host.advance(Duration::from_millis(1)).await;
        tick(&host).await;
        host.provider().wait_for(&email, calls).await;
    }
    let calls = host.provider().calls_to(&email);
    let token = token_in(calls[3].body["text"].as_str().unwrap());
    api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
    let tokens = User::login(&api, &email).await;
    until_written_down(&api.with(tokens["accessToken"].as_str().expect("an access token"))).await;
    host.advance(Duration::from_secs(14_400)).await;
    tick(&host).await;
    let calls = host.provider().calls_to(&email);
    let answered = calls.iter().map(|call| call.answered).collect::<Vec<_>>();
    assert_eq!(answered, [503, 503, 503, 200], "accepted once");
    let keys = calls.iter().map(|call| &call.headers["idempotency-key"]).collect::<HashSet<_>>();
    assert_eq!(keys.len(), 1, "every try carries the same key");
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
