//! Administrators: whom they see, whom they stop, and who they are.

use aibaas_tests::{
    Client, User, cases,
    fixtures::{PASSWORD, admin, try_login, unique},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![
    KeepsMail:
        only_administrators_may,
        the_first_administrator_is_configured,
        people_are_found,
        people_have_pages,
        one_person_is_shown,
        suspending_ends_everything_at_once,
        no_login_slips_past_a_suspension,
        a_role_changes_at_once,
        their_own_account_is_left_alone,
        a_persons_sessions_end,
        bad_changes_are_refused,
        everything_is_written_down,
        the_deleted_leave_no_name;
    MovesTime:
        suspending_ends_what_is_pending,
        a_lost_second_factor_is_removed;
    SendsMail: a_publisher_may_publish;
];

fn person(id: &str) -> String {
    format!("/api/v1/admin/users/{id}")
}

async fn find(admin: &User, query: &str) -> Vec<Value> {
    let list = admin.api.get(format!("/api/v1/admin/users?{query}")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

async fn change(admin: &User, user: &User, body: Value) -> Value {
    admin.api.patch(person(user.id())).json(body).await.expect(200)
}

async fn only_administrators_may(host: Host) {
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    let key = user.key_client(&["leaderboard:read", "models:write"]).await;
    let calls = |api: &Client| {
        [
            api.get("/api/v1/admin/users"),
            api.get(person(other.id())),
            api.patch(person(other.id())).json(json!({ "status": "suspended" })),
            api.patch(person(user.id())).json(json!({ "role": "admin" })),
            api.delete(format!("{}/sessions", person(other.id()))),
            api.delete(format!("{}/mfa", person(other.id()))),
            api.get("/api/v1/admin/audit-log"),
            api.get("/api/v1/admin/mails"),
            api.post("/api/v1/admin/mails/01939f40-02b7-7a11-9c55-6d7e8f901234/send"),
            api.get("/api/v1/admin/health"),
            api.get("/api/v1/admin/runs"),
            api.get("/api/v1/admin/featured-benchmark"),
            // Whether there is such a person is told to nobody else.
            api.get(person("01939f40-02b7-7a11-9c55-6d7e8f901234")),
        ]
    };
    for request in calls(&user.api) {
        request.await.problem(403, "role_required");
    }
    for request in calls(&key) {
        request.await.problem(403, "user_token_required");
    }
    for request in calls(&host.client()) {
        request.await.problem(401, "missing_credentials");
    }
    other.assert_live().await;
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["role"], "user");
}

async fn the_first_administrator_is_configured(host: Host) {
    let admin = admin(&host).await;
    assert_eq!(admin.tokens["user"]["role"], "admin");
    assert_eq!(admin.api.get("/api/v1/users/me").await.expect(200)["role"], "admin");
    admin.api.get("/api/v1/admin/users").await.expect(200);
}

async fn people_are_found(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let name = unique("Grace Brewster");
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": name })).await.expect(200);
    let local = user.email.split('@').next().unwrap();
    let encoded = name.replace(' ', "%20");
    for query in [
        format!("q={}", user.email.replace('@', "%40")),
        format!("q={local}"),
        format!("q={}", local.to_uppercase()),
        format!("q={encoded}"),
        format!("q={}", encoded.to_lowercase()),
        format!("q={encoded}&status=active"),
    ] {
        let found = find(&admin, &query).await;
        assert_eq!(found.len(), 1, "{query}: {found:?}");
        let shown = &found[0];
        assert_eq!((&shown["id"], &shown["email"]), (&json!(user.id()), &json!(user.email)));
        assert_eq!((&shown["fullName"], &shown["emailVerified"]), (&json!(name), &json!(true)));
        assert_eq!((&shown["role"], &shown["status"]), (&json!("user"), &json!("active")));
        assert_eq!((&shown["mfaEnabled"], &shown["createdAt"]), (&json!(false), &user.tokens["user"]["createdAt"]));
    }
    for query in [
        format!("q={encoded}&status=suspended"),
        format!("q=x{encoded}"),
        format!("q={}", &local[1..]),
        "q=%25".to_owned(),
        "q=person_%25".to_owned(),
        "q='%20OR%201=1%20--".to_owned(),
    ] {
        assert_eq!(find(&admin, &query).await, Vec::<Value>::new(), "{query}");
    }
    let unverified = User::unverified(&host.client()).await;
    let found = find(&admin, &format!("q={unverified}")).await;
    assert!(found.iter().all(|person| person["emailVerified"] == false), "{found:?}");
    for query in ["status=odd", "limit=0", "cursor=nonsense", "surprise=1"] {
        admin.api.get(format!("/api/v1/admin/users?{query}")).await.problem(400, "malformed_request");
    }
}

async fn people_have_pages(host: Host) {
    let admin = admin(&host).await;
    let stem = unique("Crowd");
    let mut expected = Vec::new();
    for n in 0..5 {
        let user = User::verified(&host).await;
        user.api.patch("/api/v1/users/me").json(json!({ "fullName": format!("{stem} {n}") })).await.expect(200);
        expected.insert(0, user.id().to_owned());
    }
    let (mut seen, mut path) = (Vec::new(), format!("/api/v1/admin/users?q={stem}&limit=2"));
    loop {
        let answer = admin.api.get(&path).await;
        let page = answer.expect(200);
        seen.extend(page["data"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        let link = answer.header("link").expect("a link to the next page");
        assert!(link.contains("rel=\"next\"") && link.contains(&stem) && link.contains(cursor), "{link}");
        path = format!("/api/v1/admin/users?q={stem}&limit=2&cursor={cursor}");
    }
    assert_eq!(seen, expected, "newest first, each once");
}

async fn one_person_is_shown(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let shown = admin.api.get(person(user.id())).await;
    assert_eq!(shown.expect(200), find(&admin, &format!("q={}", user.email)).await[0]);
    assert!(!shown.text().contains("$argon2"));
    admin.api.get(person("01939f40-02b7-7a11-9c55-6d7e8f901234")).await.problem(404, "not_found");
    admin.api.get(person("not-an-id")).await.problem(404, "not_found");
}

async fn suspending_ends_everything_at_once(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let other = user.login_from(&host.client()).await;
    let key = user.key_client(&["models:write"]).await;
    let put = || key.put(format!("/api/v1/models/{}/m", unique("maker"))).json(json!({ "displayName": "M" }));
    put().await.expect(201);
    let suspended = change(&admin, &user, json!({ "status": "suspended" })).await;
    assert_eq!((&suspended["id"], &suspended["status"]), (&json!(user.id()), &json!("suspended")));
    for session in [&user, &other] {
        session.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
        let refresh = session.api.anonymous().post("/api/v1/auth/refresh");
        refresh.json(json!({ "refreshToken": session.refresh_token() })).await.problem(403, "account_suspended");
    }
    put().await.problem(403, "account_suspended");
    // Told to who knows the password, and to nobody else.
    try_login(&user.api, &user.email, PASSWORD).await.problem(403, "account_suspended");
    try_login(&user.api, &user.email, "not the password at all").await.problem(401, "invalid_credentials");
    assert_eq!(find(&admin, &format!("q={}&status=suspended", user.email)).await.len(), 1);

    assert_eq!(change(&admin, &user, json!({ "status": "active" })).await["status"], "active");
    // A session that was ended stays so; a new one may begin.
    user.assert_ended().await;
    user.login_from(&user.api).await.assert_live().await;
    put().await.expect(201);
}

/// No way in is left open: a link or a challenge from before.
async fn suspending_ends_what_is_pending(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let (_, codes) = user.second_factor().await;
    let asked = try_login(&user.api, &user.email, PASSWORD).await.expect(200);
    change(&admin, &user, json!({ "status": "suspended" })).await;
    let body = json!({ "mfaToken": asked["mfaToken"], "code": codes[0] });
    user.api.anonymous().post("/api/v1/auth/login/mfa").json(body).await.problem(401, "invalid_mfa_token");
}

/// Logins that were under way while the account was suspended.
async fn no_login_slips_past_a_suspension(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let logins = join_all((0..5).map(|_| try_login(&user.api, &user.email, PASSWORD)));
    let suspension = change(&admin, &user, json!({ "status": "suspended" }));
    let (logins, _) = futures_util::future::join(logins, suspension).await;
    // Not even once it is over.
    change(&admin, &user, json!({ "status": "active" })).await;
    for login in logins {
        if login.status == 200 {
            let api = user.api.with(login.value()["accessToken"].as_str().unwrap());
            api.get("/api/v1/users/me").await.problem(401, "session_revoked");
        } else {
            assert!(["account_suspended", "invalid_credentials"].contains(&login.value()["code"].as_str().unwrap()));
        }
    }
    let again = user.login_from(&user.api).await;
    let sessions = again.api.get("/api/v1/auth/sessions").await.expect(200);
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1, "{sessions}");
}

async fn a_role_changes_at_once(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    user.api.get("/api/v1/admin/users").await.problem(403, "role_required");
    assert_eq!(change(&admin, &user, json!({ "role": "admin" })).await["role"], "admin");
    // With the token from before.
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["role"], "admin");
    user.api.get("/api/v1/admin/users").await.expect(200);
    let third = User::verified(&host).await;
    change(&user, &third, json!({ "status": "suspended" })).await;
    // Demoted, while they are at it.
    let promote = || user.api.patch(person(third.id())).json(json!({ "role": "admin" }));
    assert_eq!(change(&admin, &user, json!({ "role": "user" })).await["role"], "user");
    let answers = join_all((0..4).map(|_| async { promote().await })).await;
    answers.iter().for_each(|answer| drop(answer.problem(403, "role_required")));
    user.api.get("/api/v1/admin/users").await.problem(403, "role_required");
    let refresh = user.api.anonymous().post("/api/v1/auth/refresh");
    let refreshed = refresh.json(json!({ "refreshToken": user.refresh_token() })).await;
    if refreshed.status == 200 {
        assert_eq!(refreshed.value()["user"]["role"], "user");
    }
    assert_eq!(admin.api.get(person(third.id())).await.expect(200)["role"], "user");
}

async fn their_own_account_is_left_alone(host: Host) {
    let admin = admin(&host).await;
    for body in [json!({ "status": "suspended" }), json!({ "role": "user" }), json!({ "role": "publisher" })] {
        admin.api.patch(person(admin.id())).json(body).await.problem(409, "own_account");
    }
    admin.api.get("/api/v1/admin/users").await.expect(200);
}

async fn a_persons_sessions_end(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let other = user.login_from(&host.client()).await;
    let bystander = User::verified(&host).await;
    let path = format!("{}/sessions", person(user.id()));
    admin.api.delete(&path).await.expect(204);
    user.assert_ended().await;
    other.assert_ended().await;
    bystander.assert_live().await;
    admin.assert_live().await;
    admin.api.delete(&path).await.expect(204);
    user.login_from(&user.api).await.assert_live().await;
    let unknown = format!("{}/sessions", person("01939f40-02b7-7a11-9c55-6d7e8f901234"));
    admin.api.delete(unknown).await.problem(404, "not_found");
}

async fn a_lost_second_factor_is_removed(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let (_, codes) = user.second_factor().await;
    let waiting = User::login(&user.api, &user.email).await["mfaToken"].as_str().expect("a challenge").to_owned();
    let path = format!("{}/mfa", person(user.id()));
    for _ in 0..2 {
        admin.api.delete(&path).await.expect(204);
    }
    let answer = json!({ "mfaToken": waiting, "code": codes[0] });
    let late = user.api.anonymous().post("/api/v1/auth/login/mfa").json(answer).await;
    late.problem(401, "invalid_mfa_token");
    let tokens = User::login(&user.api, &user.email).await;
    assert_eq!(tokens["user"]["mfaEnabled"], false);
    let mails = host.mails_to(&user.email, 3).await;
    let told = mails.iter().filter(|mail| mail["subject"] == "Two-factor login is off").count();
    assert_eq!(told, 1, "once for once: {mails:?}");
    let events = user.api.get("/api/v1/users/me/audit-log").await.expect(200);
    let removed = events["data"].as_array().unwrap().iter().find(|event| event["event"] == "mfa_disabled");
    assert_eq!(removed.expect("an event")["actor"], "administrator");
    let unknown = format!("{}/mfa", person("01939f40-02b7-7a11-9c55-6d7e8f901234"));
    admin.api.delete(unknown).await.problem(404, "not_found");
}

async fn bad_changes_are_refused(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    for (pointer, body) in [
        ("/status", json!({ "status": "deleted" })),
        ("/status", json!({ "status": 1 })),
        ("/role", json!({ "role": "root" })),
        ("/role", json!({ "role": true })),
        ("/email", json!({ "email": "mallory@example.com" })),
        ("/password", json!({ "role": "publisher", "password": "a whole new password" })),
    ] {
        admin.api.patch(person(user.id())).json(body).await.invalid(pointer);
    }
    let unknown = person("01939f40-02b7-7a11-9c55-6d7e8f901234");
    admin.api.patch(unknown).json(json!({ "role": "publisher" })).await.problem(404, "not_found");
    let shown = change(&admin, &user, json!({})).await;
    assert_eq!((&shown["role"], &shown["status"]), (&json!("user"), &json!("active")));
    user.assert_live().await;
}

async fn everything_is_written_down(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    // Events of one millisecond have no order.
    let later = || tokio::time::sleep(std::time::Duration::from_millis(3));
    change(&admin, &user, json!({ "role": "publisher" })).await;
    later().await;
    admin.api.delete(format!("{}/sessions", person(user.id()))).await.expect(204);
    later().await;
    change(&admin, &user, json!({ "status": "suspended" })).await;
    later().await;
    change(&admin, &user, json!({ "status": "active" })).await;
    let list = admin.api.get(format!("/api/v1/admin/audit-log?userId={}&limit=100", user.id())).await.expect(200);
    let events = list["data"].as_array().unwrap();
    let names = events.iter().map(|event| event["event"].as_str().unwrap()).collect::<Vec<_>>();
    let mut rest = names.iter();
    for name in ["status_changed", "status_changed", "sessions_ended_by_administrator", "role_changed", "login"] {
        assert!(rest.any(|known| *known == name), "{name} in its place of {names:?}");
    }
    for event in events {
        assert_eq!(event["userId"], user.id(), "{event}");
        if ["status_changed", "role_changed", "sessions_ended_by_administrator"]
            .contains(&event["event"].as_str().unwrap())
        {
            assert_eq!(event["actorId"], admin.id(), "{event}");
        }
    }
    if let Some(address) = admin.api.address() {
        let changed = events.iter().find(|event| event["event"] == "role_changed").unwrap();
        assert_eq!(changed["ip"], address.to_string());
    }
    // The person sees that it was an administrator, and not which, nor from where.
    let again = user.login_from(&user.api).await;
    let own = again.api.get("/api/v1/users/me/audit-log?limit=100").await;
    let changed =
        own.expect(200)["data"].as_array().unwrap().iter().find(|event| event["event"] == "role_changed").cloned();
    assert_eq!(changed.expect("it is told")["actor"], "administrator");
    assert!(!own.text().contains(admin.id()) && !own.text().contains(&admin.email), "{own}");

    // Everybody's, in pages.
    let first = admin.api.get("/api/v1/admin/audit-log?limit=3").await;
    let page = first.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 3);
    let next = format!("/api/v1/admin/audit-log?limit=3&cursor={}", page["nextCursor"].as_str().unwrap());
    let second = admin.api.get(next).await.expect(200);
    assert!(second["data"][0]["at"].as_str() <= page["data"][2]["at"].as_str());
    for query in ["limit=0", "cursor=nonsense", "surprise=1"] {
        admin.api.get(format!("/api/v1/admin/audit-log?{query}")).await.problem(400, "malformed_request");
    }
}

async fn the_deleted_leave_no_name(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let name = unique("Name Of Somebody Gone");
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": name })).await.expect(200);
    user.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.expect(204);
    let log = admin.api.get(format!("/api/v1/admin/audit-log?userId={}&limit=100", user.id())).await;
    let events = log.expect(200)["data"].as_array().unwrap().clone();
    assert!(events.iter().any(|event| event["event"] == "account_deleted"), "that it happened stays");
    for event in &events {
        assert_eq!((&event["ip"], &event["userAgent"]), (&Value::Null, &Value::Null), "{event}");
    }
    for personal in [user.email.as_str(), &name] {
        assert!(!log.text().contains(personal), "{personal} in {log}");
    }
    admin.api.get(person(user.id())).await.problem(404, "not_found");
    assert_eq!(find(&admin, &format!("q={}", user.email)).await.len(), 0);
}

async fn a_publisher_may_publish(host: Host) {
    let (admin, user) = (admin(&host).await, User::verified(&host).await);
    let body = json!({ "name": "publisher", "scopes": ["models:write"] });
    user.api.post("/api/v1/api-keys").json(body.clone()).await.problem(403, "role_required");
    change(&admin, &user, json!({ "role": "publisher" })).await;
    let key = user.key(body.clone()).await;
    let key = user.api.with(key["key"].as_str().unwrap());
    let put = || key.put(format!("/api/v1/models/{}/m", unique("maker"))).json(json!({ "displayName": "M" }));
    put().await.expect(201);
    // A key is worth no more than its owner.
    change(&admin, &user, json!({ "role": "user" })).await;
    put().await.problem(403, "role_required");
    user.api.post("/api/v1/api-keys").json(body).await.problem(403, "role_required");
}
