//! Accounts: what days, hours and seconds do to them, and what a failing database leaves behind.

use std::pin::pin;

use aibaas_core::tick;
use aibaas_tests::{
    fixtures::{Authenticator, PASSWORD},
    simulation::{Failure, Simulation},
};
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::steps::{ADA, DAY, HOUR, admin, login, login_status, me, person, post, refresh, register, wrong_login};

#[tokio::test]
async fn an_access_token_lives_fifteen_minutes() {
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    simulation.pass_seconds(899);
    assert_eq!(me(&simulation, &tokens).await.0, 200);
    simulation.pass_seconds(1);
    let (status, problem) = me(&simulation, &tokens).await;
    assert_eq!((status, &problem["code"]), (401, &json!("expired_token")));
}

#[tokio::test]
async fn a_session_dies_of_a_week_unused() {
    let simulation = Simulation::new(&[]).await;
    let mut tokens = person(&simulation).await;
    for _ in 0..3 {
        simulation.pass_seconds(7 * DAY - 1);
        let (status, next) = refresh(&simulation, &tokens).await;
        assert_eq!(status, 200, "{next}");
        tokens = next;
    }
    simulation.pass_seconds(7 * DAY);
    let (status, problem) = refresh(&simulation, &tokens).await;
    assert_eq!((status, &problem["code"]), (401, &json!("session_revoked")));
    let listed = login(&simulation, ADA).await;
    let (_, sessions) =
        simulation.call(Method::GET, "/api/v1/auth/sessions", listed["accessToken"].as_str(), None).await;
    assert_eq!(sessions["data"].as_array().expect("a list").len(), 1, "the dead one is not listed: {sessions}");
}

#[tokio::test]
async fn a_session_dies_at_thirty_days_whatever_its_use() {
    let simulation = Simulation::new(&[]).await;
    let mut tokens = person(&simulation).await;
    for day in 1..=29 {
        simulation.pass_seconds(DAY);
        let (status, next) = refresh(&simulation, &tokens).await;
        assert_eq!(status, 200, "day {day}: {next}");
        assert_eq!(next["refreshExpiresIn"], json!((30 - day) * DAY));
        tokens = next;
    }
    simulation.pass_seconds(DAY);
    assert_eq!(refresh(&simulation, &tokens).await.0, 401);
}

#[tokio::test]
async fn the_token_before_works_for_ten_seconds_and_then_ends_the_session() {
    let simulation = Simulation::new(&[]).await;
    let first = person(&simulation).await;
    let (_, second) = refresh(&simulation, &first).await;
    simulation.pass_seconds(10);
    let (status, again) = refresh(&simulation, &first).await;
    assert_eq!((status, &again["refreshToken"]), (200, &second["refreshToken"]));
    simulation.pass_seconds(1);
    let (status, problem) = refresh(&simulation, &first).await;
    assert_eq!((status, &problem["code"]), (401, &json!("session_revoked")));
    assert_eq!(me(&simulation, &second).await.0, 401, "its access tokens end at once");
    assert_eq!(refresh(&simulation, &second).await.0, 401);
    let (_, mails) = simulation.call(Method::GET, &format!("/dev/mail?to={ADA}"), None, None).await;
    assert_eq!(mails["data"][0]["subject"], "We ended a session of yours");
    assert_eq!(simulation.count("SELECT count(*) FROM audit_events WHERE event = 'refresh_token_reused'"), 1);
}

#[tokio::test]
async fn links_die_in_time() {
    let simulation = Simulation::new(&[]).await;
    register(&simulation, ADA).await;
    let verify = simulation.mailed_token(ADA, "Verify your e-mail address").await;
    simulation.pass_seconds(24 * HOUR);
    let (status, problem) = post(&simulation, "/auth/verify-email", None, json!({ "token": verify })).await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_or_expired_token")));
    post(&simulation, "/auth/resend-verification", None, json!({ "email": ADA })).await;
    let verify = simulation.mailed_token(ADA, "Verify your e-mail address").await;
    simulation.pass_seconds(24 * HOUR - 1);
    assert_eq!(post(&simulation, "/auth/verify-email", None, json!({ "token": verify })).await.0, 200);

    post(&simulation, "/auth/password/forgot", None, json!({ "email": ADA })).await;
    let reset = simulation.mailed_token(ADA, "Reset your password").await;
    simulation.pass_seconds(HOUR);
    let body = json!({ "token": reset, "password": "another horse battery" });
    assert_eq!(post(&simulation, "/auth/password/reset", None, body).await.0, 400);

    let tokens = login(&simulation, ADA).await;
    let (status, _) = post(
        &simulation,
        "/users/me/email",
        tokens["accessToken"].as_str(),
        json!({ "newEmail": "new@example.com", "password": PASSWORD }),
    )
    .await;
    assert_eq!(status, 202);
    let confirm = simulation.mailed_token("new@example.com", "Confirm your new e-mail address").await;
    simulation.pass_seconds(24 * HOUR);
    assert_eq!(post(&simulation, "/auth/confirm-email", None, json!({ "token": confirm })).await.0, 400);
}

#[tokio::test]
async fn a_second_factor_has_its_times() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    let tokens = person(&simulation).await;
    let token = tokens["accessToken"].as_str();
    // Ten minutes after the login, the password is asked for again.
    simulation.pass_seconds(601);
    let (status, problem) = post(&simulation, "/auth/mfa/totp", token, json!({})).await;
    assert_eq!((status, &problem["code"]), (403, &json!("reauthentication_required")));
    let (status, enrolled) = post(&simulation, "/auth/mfa/totp", token, json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{enrolled}");
    let authenticator = Authenticator::new(enrolled["secret"].as_str().expect("a secret"));
    let code = |steps: i64| {
        let step = simulation.now_ms() / 30_000 + steps;
        authenticator.code_at(step.try_into().expect("after 1970"))
    };
    let confirm = post(&simulation, "/auth/mfa/totp/confirm", token, json!({ "code": code(0) })).await;
    assert_eq!(confirm.0, 200, "{}", confirm.1);
    simulation.pass_seconds(60);

    let challenge = login(&simulation, ADA).await;
    let answer = async |code: String| {
        let body = json!({ "mfaToken": challenge["mfaToken"], "code": code });
        let (status, answer) = post(&simulation, "/auth/login/mfa", None, body).await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    };
    // A client's clock may be off by one step, either way.
    assert_eq!(answer(code(-2)).await, (401, "invalid_mfa_code".to_owned()));
    assert_eq!(answer(code(2)).await, (401, "invalid_mfa_code".to_owned()));
    simulation.pass_seconds(300);
    assert_eq!(answer(code(0)).await, (401, "invalid_mfa_token".to_owned()), "five minutes are over");
    let challenge = login(&simulation, ADA).await;
    simulation.pass_seconds(299);
    let body = json!({ "mfaToken": challenge["mfaToken"], "code": code(-1) });
    assert_eq!(post(&simulation, "/auth/login/mfa", None, body).await.0, 200);
}

/// Checks how often requests about accounts call the database: each call is a round trip to D1; a limited request also
/// calls its limiter's object.
#[tokio::test]
async fn round_trips_to_the_database_are_few() {
    let simulation = Simulation::new(&[]).await;
    let count = |call: &'static str, wanted: u32| assert_eq!(simulation.round_trips(), wanted, "{call}");
    simulation.round_trips();
    register(&simulation, ADA).await;
    count("register", 1);
    let token = simulation.mailed_token(ADA, "Verify your e-mail address").await;
    simulation.round_trips();
    post(&simulation, "/auth/verify-email", None, json!({ "token": token })).await;
    count("verify-email", 1);
    let tokens = login(&simulation, ADA).await;
    count("login", 2);
    wrong_login(&simulation).await;
    count("a failed login", 2);
    let (_, tokens) = refresh(&simulation, &tokens).await;
    count("refresh", 2);
    me(&simulation, &tokens).await;
    count("me", 1);
    simulation.call(Method::GET, "/api/v1/users/me/export", tokens["accessToken"].as_str(), None).await;
    count("export, whose session is checked before its person's limit is charged", 2);
    post(&simulation, "/auth/logout", tokens["accessToken"].as_str(), json!({})).await;
    count("logout", 1);
}

/// Checks that a use which the gate saves while somebody asks for it is reported by one of the two, gate or database.
#[tokio::test]
async fn a_use_that_is_being_saved_is_told() {
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    let token = tokens["accessToken"].as_str();
    let now = simulation.now_ms();
    let hour = now - now % 3_600_000;
    for usage in ["", "/usage"] {
        let (_, created) =
            post(&simulation, "/api-keys", token, json!({ "name": "k", "scopes": ["keys:verify"] })).await;
        let id = created["apiKey"]["id"].as_str().expect("an id");
        simulation.save_when_asked(format!(
            "INSERT INTO api_key_usage (key_id, hour, allowed, limited, denied, last_used_at)
             VALUES ('{id}', {hour}, 1, 0, 0, {now})"
        ));
        let (status, told) = simulation.call(Method::GET, &format!("/api/v1/api-keys/{id}{usage}"), token, None).await;
        assert_eq!(status, 200, "{told}");
        let is_told = told["lastUsedAt"].is_string() || told["totals"]["allowed"] == 1;
        assert!(is_told, "{told}");
    }
}

/// Checks that a stolen token cannot use up its person's limits once the session has ended.
#[tokio::test]
async fn an_ended_session_uses_up_nobodys_limit() {
    let simulation = Simulation::new(&[]).await;
    let stolen = person(&simulation).await;
    let tokens = login(&simulation, ADA).await;
    let (stolen, token) = (stolen["accessToken"].as_str(), tokens["accessToken"].as_str());
    let key = json!({ "name": "k", "scopes": ["keys:verify"] });
    let (status, created) = post(&simulation, "/api-keys", token, key.clone()).await;
    assert_eq!(status, 201, "{created}");
    let of_key = format!("/api/v1/api-keys/{}", created["apiKey"]["id"].as_str().expect("an id"));
    assert_eq!(post(&simulation, "/auth/logout", stolen, json!({})).await.0, 204);
    for (method, path, body) in [
        (Method::PATCH, "/api/v1/users/me", Some(json!({ "fullName": "Mallory" }))),
        (Method::GET, "/api/v1/users/me/export", None),
        (Method::POST, "/api/v1/api-keys", Some(key.clone())),
        (Method::PATCH, of_key.as_str(), Some(json!({ "name": "taken" }))),
        (Method::POST, format!("{of_key}/rotate").as_str(), Some(json!({}))),
    ] {
        let (status, problem) = simulation.call(method, path, stolen, body).await;
        assert_eq!((status, &problem["code"]), (401, &json!("session_revoked")), "{path}");
    }
    let again = simulation.post_once("/api/v1/api-keys", "once", stolen, Some(&key)).await;
    assert_eq!(again.status, 401);
    let limit = async |method: Method, path: &str, body: Value| {
        let request = Request::builder().method(method).uri(path);
        let answer = simulation.answer(request, token, Some(&body)).await;
        answer.headers()["ratelimit"].to_str().expect("a text").to_owned()
    };
    let account = limit(Method::PATCH, "/api/v1/users/me", json!({ "fullName": "Ada" })).await;
    assert_eq!(account, "\"account\";r=299;t=3600");
    let keys = limit(Method::POST, "/api/v1/api-keys", key).await;
    assert_eq!(keys, "\"keys\";r=998;t=3600");
}

#[tokio::test]
async fn the_schedule_forgets_what_has_expired() {
    let simulation = Simulation::new(&[]).await;
    person(&simulation).await;
    wrong_login(&simulation).await;
    simulation.pass_seconds(400 * DAY);
    tick(&simulation.app).await;
    for table in [
        "sessions",
        "one_time_tokens",
        "outbox",
        "guesses",
        "known_networks",
        "audit_events",
        "mfa_challenges",
        "email_undos",
    ] {
        assert_eq!(simulation.count(&format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    assert_eq!(simulation.count("SELECT count(*) FROM users"), 1);
}

#[tokio::test]
async fn a_suspended_persons_links_are_dead() {
    let simulation = Simulation::new(&[("ADMIN_EMAILS", "root@example.com")]).await;
    let root = admin(&simulation).await;
    let tokens = person(&simulation).await;
    let body = json!({ "newEmail": "new@example.com", "password": PASSWORD });
    post(&simulation, "/users/me/email", tokens["accessToken"].as_str(), body).await;
    let confirm = simulation.mailed_token("new@example.com", "Confirm your new e-mail address").await;
    let path = format!("/api/v1/admin/users/{}", tokens["user"]["id"].as_str().expect("an id"));
    let change = |status: &'static str| {
        let root = root["accessToken"].as_str();
        simulation.call(Method::PATCH, &path, root, Some(json!({ "status": status })))
    };
    assert_eq!(change("suspended").await.0, 200);
    post(&simulation, "/auth/password/forgot", None, json!({ "email": ADA })).await;
    let reset = simulation.mailed_token(ADA, "Reset your password").await;
    let body = json!({ "token": reset, "password": "another horse battery" });
    assert_eq!(post(&simulation, "/auth/password/reset", None, body).await.0, 400);
    for _ in 0..2 {
        let confirmed = post(&simulation, "/auth/confirm-email", None, json!({ "token": confirm })).await;
        assert_eq!(confirmed.0, 400, "{}", confirmed.1);
        assert_eq!(change("active").await.0, 200);
    }
}

#[tokio::test]
async fn what_an_administrator_did_to_others_outlives_them() {
    let simulation = Simulation::new(&[("ADMIN_EMAILS", "root@example.com")]).await;
    let root = admin(&simulation).await;
    let tokens = person(&simulation).await;
    let path = format!("/api/v1/admin/users/{}", tokens["user"]["id"].as_str().expect("an id"));
    let root_token = root["accessToken"].as_str();
    simulation.call(Method::PATCH, &path, root_token, Some(json!({ "role": "publisher" }))).await;
    let gone = simulation.call(Method::DELETE, "/api/v1/users/me", root_token, Some(json!({ "password": PASSWORD })));
    assert_eq!(gone.await.0, 204);
    let publisher = "event = 'role_changed' AND details LIKE '%publisher%'";
    assert_eq!(simulation.count(&format!("SELECT count(*) FROM audit_events WHERE {publisher}")), 1);
    assert_eq!(simulation.count(&format!("SELECT count(*) FROM audit_events WHERE {publisher} AND ip IS NOT NULL")), 0);
}

/// Checks that the configured list overrides the role that an administrator sets, and that the audit log says so.
#[tokio::test]
async fn whoever_is_configured_is_an_administrator_again_at_the_next_login() {
    let simulation = Simulation::new(&[("ADMIN_EMAILS", "root@example.com, ada@example.com")]).await;
    let root = admin(&simulation).await;
    let tokens = person(&simulation).await;
    assert_eq!(tokens["user"]["role"], "admin");
    let id = tokens["user"]["id"].as_str().expect("an id");
    let path = format!("/api/v1/admin/users/{id}");
    let change = |body: Value| {
        let simulation = &simulation;
        let (root, path) = (root["accessToken"].as_str(), path.as_str());
        async move { simulation.call(Method::PATCH, path, root, Some(body)).await }
    };
    simulation.pass_seconds(1);
    assert_eq!(change(json!({ "role": "user" })).await.1["role"], "user");
    assert_eq!(me(&simulation, &tokens).await.1["role"], "user", "until then it holds");
    assert_eq!(refresh(&simulation, &tokens).await.1["user"]["role"], "user", "a refresh is no login");
    simulation.pass_seconds(1);
    let again = login(&simulation, ADA).await;
    assert_eq!(again["user"]["role"], "admin");
    let log = format!("/api/v1/admin/audit-log?userId={id}");
    let (_, log) = simulation.call(Method::GET, &log, root["accessToken"].as_str(), None).await;
    let changes = log["data"].as_array().expect("events").iter().filter(|event| event["event"] == "role_changed");
    let changes = changes.map(|event| (event["actorId"].clone(), event["details"].clone())).collect::<Vec<_>>();
    let configured = (Value::Null, json!({ "role": "admin", "by": "configuration" }));
    let demoted = (root["user"]["id"].clone(), json!({ "role": "user" }));
    assert_eq!(changes, [configured.clone(), demoted, configured]);
    // A person who must stay out is suspended: the configured list gives a role, but does not lift a suspension.
    assert_eq!(change(json!({ "status": "suspended" })).await.0, 200);
    assert_eq!(login_status(&simulation, ADA, PASSWORD).await, 403);
}

/// Repeats the call while the database fails at its first, second, … round trip, until no failure occurs. Checks that
/// each failure is a 503 that leaves everything as it was, so that the same call works afterwards; returns the answer.
async fn survives_a_failing_database(simulation: &Simulation, path: &str, token: Option<&str>, body: Value) -> Value {
    let everything = || {
        [
            "users",
            "sessions",
            "one_time_tokens WHERE used_at IS NULL",
            "email_undos WHERE used_at IS NULL",
            "guesses_in_flight",
            "outbox",
            "audit_events",
            "api_keys",
        ]
        .map(|table| simulation.count(&format!("SELECT count(*) FROM {table}")))
    };
    let (method, path) = path.split_once(' ').expect("a method and a path");
    let method: Method = method.parse().expect("a method");
    for calls in 0..20 {
        let before = everything();
        simulation.fail_after(calls);
        let (status, answer) =
            simulation.call(method.clone(), &format!("/api/v1{path}"), token, Some(body.clone())).await;
        if simulation.heal() {
            assert!((200..300).contains(&status), "{path}: {status} {answer}");
            assert!(calls > 0, "{path} asks the database");
            return answer;
        }
        // Work that fails after the answer is tried again by the schedule.
        if (200..300).contains(&status) {
            return answer;
        }
        assert_eq!((status, &answer["code"]), (503, &json!("service_unavailable")), "{path} at call {calls}");
        assert_eq!(everything(), before, "{path} failed half way at call {calls}");
    }
    panic!("{path} never works");
}

#[tokio::test]
async fn a_failing_database_leaves_nothing_half_done() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1"), ("RATE_LIMIT_RESEND", "1000/1")]).await;
    let survive = |path: &'static str, token: Option<String>, body: Value| {
        let simulation = &simulation;
        async move { survives_a_failing_database(simulation, path, token.as_deref(), body).await }
    };
    let credentials = json!({ "email": ADA, "password": PASSWORD });
    survive("POST /auth/register", None, credentials.clone()).await;
    let token = simulation.mailed_token(ADA, "Verify your e-mail address").await;
    survive("POST /auth/verify-email", None, json!({ "token": token })).await;
    let tokens = survive("POST /auth/login", None, credentials).await;
    let tokens = survive("POST /auth/refresh", None, json!({ "refreshToken": tokens["refreshToken"] })).await;
    let access = || tokens["accessToken"].as_str().map(str::to_owned);
    survive("PATCH /users/me", access(), json!({ "fullName": "Ada Lovelace" })).await;
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
    survive("POST /auth/password/change", access(), change).await;
    survive("POST /auth/password/forgot", None, json!({ "email": ADA })).await;
    let token = simulation.mailed_token(ADA, "Reset your password").await;
    survive("POST /auth/password/reset", None, json!({ "token": token, "password": PASSWORD })).await;
    simulation.pass_seconds(60);
    let tokens = login(&simulation, ADA).await;
    let access = || tokens["accessToken"].as_str().map(str::to_owned);
    let new_address = json!({ "newEmail": "new@example.com", "password": PASSWORD });
    survive("POST /users/me/email", access(), new_address).await;
    let token = simulation.mailed_token("new@example.com", "Confirm your new e-mail address").await;
    survive("POST /auth/confirm-email", None, json!({ "token": token })).await;
    let token = simulation.mailed_token(ADA, "Your address was changed").await;
    survive("POST /auth/undo-email-change", None, json!({ "token": token })).await;
    let token = simulation.mailed_token(ADA, "Choose a new password").await;
    survive("POST /auth/password/reset", None, json!({ "token": token, "password": PASSWORD })).await;
    let tokens = login(&simulation, ADA).await;
    let access = || tokens["accessToken"].as_str().map(str::to_owned);
    survive("DELETE /users/me", access(), json!({ "password": PASSWORD })).await;
    assert_eq!(simulation.count("SELECT count(*) FROM users"), 0);
}

/// Checks the hourly limit of changes to keys: each change is counted by its event, in the batch that makes it, so a
/// change that has no effect uses up nothing.
#[tokio::test]
async fn a_person_changes_keys_a_thousand_times_an_hour() {
    const LIMIT: usize = 1000;
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    let token = tokens["accessToken"].as_str();
    let asked = json!({ "name": "k", "scopes": ["leaderboard:read"], "rateLimit": 10 });
    let create = || post(&simulation, "/api-keys", token, asked.clone());
    let (status, made) = create().await;
    assert_eq!(status, 201, "{made}");
    let key = format!("/api/v1/api-keys/{}", made["apiKey"]["id"].as_str().expect("an id"));
    let rename = |n: usize| simulation.call_whole(Method::PATCH, &key, token, Some(json!({ "name": format!("k{n}") })));
    for n in 1..LIMIT - 3 {
        let (status, _, answer) = rename(n).await;
        assert_eq!(status, 200, "{n}: {answer}");
    }
    // This request is refused before anything is counted.
    let unknown = simulation.call(Method::PATCH, "/api/v1/api-keys/unknown", token, Some(json!({ "name": "k" }))).await;
    assert_eq!(unknown.0, 404);
    let answers = futures_util::future::join_all((LIMIT..LIMIT + 8).map(rename)).await;
    let statuses = answers.iter().map(|(status, ..)| *status).collect::<Vec<_>>();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "{statuses:?}");
    for (status, retry_after, problem) in answers.into_iter().filter(|(status, ..)| *status != 200) {
        assert_eq!((status, &problem["code"]), (429, &json!("too_many_requests")));
        assert!(retry_after.is_some_and(|seconds| seconds > 0 && seconds <= 3600), "{retry_after:?}");
    }
    assert_eq!(create().await.0, 429);
    let rotate = simulation.call(Method::POST, &format!("{key}/rotate"), token, Some(json!({}))).await;
    assert_eq!(rotate.0, 429, "{}", rotate.1);
    // A key can be revoked even when the limit is used up.
    assert_eq!(simulation.call(Method::DELETE, &key, token, None).await.0, 204);
    simulation.pass_seconds(HOUR);
    let tokens = login(&simulation, ADA).await;
    assert_eq!(post(&simulation, "/api-keys", tokens["accessToken"].as_str(), asked.clone()).await.0, 201);
}

/// Each guard has its own answer, whatever has changed by the time when the answer is written.
#[tokio::test]
async fn the_hour_that_ends_meanwhile_does_not_turn_one_refusal_into_another() {
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    let asked = json!({ "name": "k", "scopes": ["leaderboard:read"], "rateLimit": 10 });
    let (status, made) = post(&simulation, "/api-keys", tokens["accessToken"].as_str(), asked.clone()).await;
    assert_eq!(status, 201, "{made}");
    let key = format!("/api/v1/api-keys/{}", made["apiKey"]["id"].as_str().expect("an id"));
    simulation.spoil(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 998) \
         INSERT INTO audit_events (id, at, user_id, actor_id, event, details) \
         SELECT 'before-' || n, at, user_id, actor_id, event, details FROM audit_events, numbers \
         WHERE event = 'api_key_created'",
    );
    simulation.pass_seconds(HOUR - 1);
    let tokens = login(&simulation, ADA).await;
    let token = tokens["accessToken"].as_str();
    let rename = |name: &str| simulation.call_whole(Method::PATCH, &key, token, Some(json!({ "name": name })));
    let refused = |(status, retry_after, problem): (u16, Option<u64>, Value)| {
        assert_eq!((status, &problem["code"]), (429, &json!("too_many_requests")), "{problem}");
        assert_eq!(retry_after, Some(1));
    };

    // There is room when it looks, and another takes it before it writes.
    simulation.break_after(0, Failure::SlowToTell);
    let mut late = pin!(rename("late"));
    assert!(futures_util::poll!(late.as_mut()).is_pending());
    assert_eq!(rename("first").await.0, 200);
    simulation.break_after(0, Failure::SlowToTell);
    assert!(futures_util::poll!(late.as_mut()).is_pending());
    simulation.pass_seconds(1);
    refused(late.await);

    simulation.spoil("UPDATE audit_events SET at = at + 1000 WHERE id LIKE 'before-%' OR event = 'api_key_created'");
    simulation.break_after(0, Failure::SlowToTell);
    let mut create = pin!(simulation.call_whole(Method::POST, "/api/v1/api-keys", token, Some(asked)));
    assert!(futures_util::poll!(create.as_mut()).is_pending());
    simulation.pass_seconds(1);
    refused(create.await);
}
