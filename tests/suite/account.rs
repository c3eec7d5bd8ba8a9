//! What a person may take along, and leaving: the export and the end of an account.

use aibaas_tests::{
    Publisher, User, cases, eventually,
    fixtures::{PASSWORD, links, try_login, unique},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    export_holds_everything,
    export_holds_no_secret,
    export_is_the_persons_own,
    deleting_needs_the_password,
    deleting_ends_everything_at_once,
    deleting_happens_once,
    a_deleted_address_is_free,
    what_was_published_stays,
];

async fn export_holds_everything(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 1, 2).await;
    let seal = publisher.seal(&model).await;
    let user = &publisher.user;
    let answer = user.api.get("/api/v1/users/me/export").await;
    let export = answer.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("content-disposition").is_some_and(|value| value.starts_with("attachment")), "{answer}");
    let me = user.api.get("/api/v1/users/me").await.expect(200);
    for member in ["id", "email", "fullName", "createdAt"] {
        assert_eq!(export["user"][member], me[member], "{member}");
    }
    assert!(export["exportedAt"].as_str().is_some_and(|at| at.ends_with('Z')));
    let list = |name: &str| export[name].as_array().unwrap_or_else(|| panic!("{name} in {export}")).clone();
    assert_eq!(list("sessions").len(), 1);
    assert_eq!(list("apiKeys").len(), 1);
    if let Some(address) = user.api.address() {
        assert_eq!(list("sessions")[0]["ip"], address.to_string());
        assert!(json!(list("knownNetworks")).to_string().contains(&address.to_string()));
    }
    let events = list("securityEvents").iter().map(|event| event["event"].clone()).collect::<Vec<_>>();
    for event in ["account_registered", "email_verified", "login", "api_key_created"] {
        assert!(events.contains(&json!(event)), "{event} in {events:?}");
    }
    assert!(!list("mails").is_empty());
    assert!(json!(list("models")).to_string().contains(&model));
    assert!(json!(list("benchmarks")).to_string().contains(&publisher.benchmark));
    assert!(json!(list("runs")).to_string().contains(&run));
    assert!(json!(list("seals")).to_string().contains(&seal));
}

async fn export_holds_no_secret(host: Host) {
    let user = User::verified(&host).await;
    let key = user.key(json!({ "name": "k", "scopes": ["leaderboard:read"] })).await["key"].clone();
    let enrolled = user.api.post("/api/v1/auth/mfa/totp").await.expect(200);
    let forgot = user.api.anonymous().post("/api/v1/auth/password/forgot");
    forgot.json(json!({ "email": user.email })).await.expect(202);
    let token = links(&host, &user.email, "reset-password", 1).await.remove(0);
    let export = user.api.get("/api/v1/users/me/export").await;
    export.expect(200);
    let text = export.text();
    let secrets = [&key, &enrolled["secret"], &user.tokens["refreshToken"], &user.tokens["accessToken"]];
    for secret in secrets.into_iter().map(|secret| secret.as_str().unwrap()).chain([&*token, PASSWORD]) {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    for hash in ["$argon2", "passwordHash", "password_hash", "keyHash", "key_hash", "\"nonce\"", "\"hash\""] {
        assert!(!text.contains(hash), "{hash} in {text}");
    }
}

async fn export_is_the_persons_own(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let export = user.api.get("/api/v1/users/me/export").await;
    assert!(!export.text().contains(&stranger.email) && !export.text().contains(stranger.id()));
    let key = user.key_client(&["leaderboard:read"]).await;
    key.get("/api/v1/users/me/export").await.problem(403, "user_token_required");
    key.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.problem(403, "user_token_required");
    user.api.anonymous().get("/api/v1/users/me/export").await.problem(401, "missing_credentials");
}

async fn deleting_needs_the_password(host: Host) {
    let user = User::verified(&host).await;
    let delete = |body: Value| user.api.delete("/api/v1/users/me").json(body);
    delete(json!({ "password": "not the password at all" })).await.problem(403, "incorrect_password");
    delete(json!({})).await.invalid("/password");
    user.api.delete("/api/v1/users/me").await.problem(415, "unsupported_media_type");
    user.assert_live().await;
    User::login(&user.api, &user.email).await;
}

async fn deleting_ends_everything_at_once(host: Host) {
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    let key = user.key_client(&["leaderboard:read", "models:write"]).await;
    let put = || key.put(format!("/api/v1/models/{}/m", unique("maker"))).json(json!({ "displayName": "M" }));
    put().await.expect(201);
    user.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.expect(204);
    for session in [&user, &other] {
        let refused = session.api.get("/api/v1/users/me").await;
        assert_eq!(refused.status, 401, "{refused}");
        let refresh = session.api.anonymous().post("/api/v1/auth/refresh");
        let refused = refresh.json(json!({ "refreshToken": session.refresh_token() })).await;
        assert_eq!(refused.status, 401, "{refused}");
    }
    let refused = put().await;
    assert_eq!(refused.status, 401, "{refused}");
    try_login(&user.api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
    // As if there had never been one.
    let api = host.client();
    api.post("/api/v1/auth/password/forgot").json(json!({ "email": user.email })).await.expect(202);
    let link = |mail: &Value| mail["text"].as_str().unwrap_or_default().contains("/reset-password?token=");
    assert!(!host.mails_to(&user.email, 0).await.iter().any(link));
}

async fn deleting_happens_once(host: Host) {
    let user = User::verified(&host).await;
    let answers = join_all((0..8).map(|_| {
        let request = user.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD }));
        async move { request.await }
    }));
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        assert!(matches!(answer.status.as_u16(), 401 | 403 | 429), "{answer}");
    }
}

async fn a_deleted_address_is_free(host: Host) {
    let user = User::verified(&host).await;
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": "Somebody Else" })).await.expect(200);
    user.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.expect(204);
    let api = host.client();
    let old = host.mails_to(&user.email, 0).await;
    let body = json!({ "email": user.email, "password": "other words this time" });
    api.post("/api/v1/auth/register").json(body).await.expect(202);
    // What was mailed before is gone, or is older.
    let token = eventually("a new link", async || {
        let token = links(&host, &user.email, "verify-email", 1).await.remove(0);
        let known = old.iter().any(|mail| mail["text"].as_str().unwrap_or_default().contains(&token));
        (!known).then_some(token)
    })
    .await;
    let fresh = api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
    assert_ne!(fresh["user"]["id"], user.id());
    let tokens = try_login(&api, &user.email, "other words this time").await.expect(200);
    assert_eq!(tokens["user"]["fullName"], Value::Null);
    try_login(&api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
    // Nothing of the first account comes along.
    let me = api.with(tokens["accessToken"].as_str().unwrap());
    let events = me.get("/api/v1/users/me/audit-log").await.expect(200);
    assert!(!events.to_string().contains("profile_changed"), "{events}");
}

async fn what_was_published_stays(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 1, 2).await;
    let before = publisher.leaderboard().await;
    publisher.user.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.expect(204);
    let api = host.client();
    let shown = api.get(format!("/api/v1/runs/{run}")).await;
    shown.expect(200);
    assert!(!shown.text().contains(&publisher.user.email) && !shown.text().contains(publisher.user.id()));
    assert_eq!(publisher.leaderboard().await["data"], before["data"]);
}
