//! What days, hours and seconds do to accounts, and what a database that fails leaves behind: the application in this
//! process, with a clock and a database that obey the test.

use aibaas_core::tick;
use aibaas_tests::{
    fixtures::{Authenticator, PASSWORD},
    keys::{VERIFY, unknown_key},
    simulation::{Failure, Simulation},
};
use axum::http::{Method, Request};
use serde_json::{Value, json};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const ADA: &str = "ada@example.com";

async fn post(simulation: &Simulation, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
    simulation.call(Method::POST, &format!("/api/v1{path}"), token, Some(body)).await
}

async fn register(simulation: &Simulation, email: &str) {
    let body = json!({ "email": email, "password": PASSWORD });
    assert_eq!(post(simulation, "/auth/register", None, body).await.0, 202);
}

async fn verified(simulation: &Simulation, email: &str) {
    register(simulation, email).await;
    let token = simulation.mailed_token(email, "Verify your e-mail address").await;
    assert_eq!(post(simulation, "/auth/verify-email", None, json!({ "token": token })).await.0, 200);
}

async fn login(simulation: &Simulation, email: &str) -> Value {
    let (status, tokens) = post(simulation, "/auth/login", None, json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

async fn person(simulation: &Simulation) -> Value {
    verified(simulation, ADA).await;
    login(simulation, ADA).await
}

async fn refresh(simulation: &Simulation, tokens: &Value) -> (u16, Value) {
    post(simulation, "/auth/refresh", None, json!({ "refreshToken": tokens["refreshToken"] })).await
}

async fn me(simulation: &Simulation, tokens: &Value) -> (u16, Value) {
    simulation.call(Method::GET, "/api/v1/users/me", tokens["accessToken"].as_str(), None).await
}

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
    // Ten minutes after the login the password is asked for.
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
    // A clock may be one step off, either way.
    assert_eq!(answer(code(-2)).await, (401, "invalid_mfa_code".to_owned()));
    assert_eq!(answer(code(2)).await, (401, "invalid_mfa_code".to_owned()));
    simulation.pass_seconds(300);
    assert_eq!(answer(code(0)).await, (401, "invalid_mfa_token".to_owned()), "five minutes are over");
    let challenge = login(&simulation, ADA).await;
    simulation.pass_seconds(299);
    let body = json!({ "mfaToken": challenge["mfaToken"], "code": code(-1) });
    assert_eq!(post(&simulation, "/auth/login/mfa", None, body).await.0, 200);
}

/// Each is a round trip to D1; a limited call asks its limiter's object besides.
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

/// Whoever stole a token cannot use up the limits of its person once the session has ended.
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

async fn wrong_login(simulation: &Simulation) -> (u16, Option<u64>) {
    let body = json!({ "email": ADA, "password": "not the password" });
    let (status, retry_after, _) = simulation.call_whole(Method::POST, "/api/v1/auth/login", None, Some(body)).await;
    (status, retry_after)
}

#[tokio::test]
async fn guessing_costs_growing_delays_that_a_day_forgets() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    verified(&simulation, ADA).await;
    for _ in 0..5 {
        assert_eq!(wrong_login(&simulation).await, (401, None));
    }
    for delay in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(wrong_login(&simulation).await, (429, Some(delay)));
        simulation.pass_seconds(i64::try_from(delay).expect("small") - 1);
        assert_eq!(wrong_login(&simulation).await, (429, Some(1)));
        simulation.pass_seconds(1);
        assert_eq!(wrong_login(&simulation).await, (401, None), "after {delay} s");
    }
    simulation.pass_seconds(DAY + 1);
    for _ in 0..5 {
        assert_eq!(wrong_login(&simulation).await, (401, None));
    }
    assert_eq!(wrong_login(&simulation).await, (429, Some(1)));
}

/// Typing errors of many people behind one address, or of many days, do not add up.
#[tokio::test]
async fn a_failure_is_forgiven_in_time() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    verified(&simulation, ADA).await;
    let wrong = async |email: String| {
        let body = json!({ "email": email, "password": "not the password" });
        let (status, retry_after, _) =
            simulation.call_whole(Method::POST, "/api/v1/auth/login", None, Some(body)).await;
        (status, retry_after)
    };
    for person in 0..20 {
        assert_eq!(wrong(format!("person{person}@example.com")).await, (401, None));
    }
    for delay in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        assert_eq!(wrong("another@example.com".to_owned()).await.1, Some(delay));
        simulation.pass_seconds(i64::try_from(delay).expect("small"));
        assert_eq!(wrong(format!("later{delay}@example.com")).await.0, 401);
    }
    // One a minute from then on, for as long as they like.
    for person in 0..30 {
        simulation.pass_seconds(60);
        assert_eq!(wrong(format!("daily{person}@example.com")).await, (401, None));
    }
    simulation.pass_seconds(20 * 60);
    login(&simulation, ADA).await;
    // A typing error a quarter of an hour, from networks that the account does not know.
    for network in 0..30 {
        simulation.call_from([198, 51, 100, network]);
        assert_eq!(wrong(ADA.to_owned()).await, (401, None));
        simulation.pass_seconds(15 * 60);
    }
}

#[tokio::test]
async fn strangers_never_lock_out_a_network_that_the_account_knows() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    simulation.call_from([192, 0, 2, 1]);
    person(&simulation).await;
    for stranger in 0..5 {
        simulation.call_from([198, 51, 100, stranger]);
        assert_eq!(wrong_login(&simulation).await.0, 401);
    }
    simulation.call_from([203, 0, 113, 1]);
    assert_eq!(wrong_login(&simulation).await, (429, Some(1)));
    simulation.call_from([192, 0, 2, 1]);
    login(&simulation, ADA).await;
    // After 90 days without a login the network is a stranger's again.
    simulation.pass_seconds(90 * DAY + 1);
    tick(&simulation.app).await;
    assert_eq!(simulation.count("SELECT count(*) FROM known_networks"), 0);
}

#[tokio::test]
async fn whom_strangers_keep_waiting_gets_in_by_resetting_the_password() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    verified(&simulation, ADA).await;
    for stranger in 0..5 {
        simulation.call_from([198, 51, 100, stranger]);
        wrong_login(&simulation).await;
    }
    simulation.call_from([192, 0, 2, 9]);
    assert_eq!(wrong_login(&simulation).await, (429, Some(1)));
    post(&simulation, "/auth/password/forgot", None, json!({ "email": ADA })).await;
    let token = simulation.mailed_token(ADA, "Reset your password").await;
    let body = json!({ "token": token, "password": PASSWORD });
    assert_eq!(post(&simulation, "/auth/password/reset", None, body).await.0, 204);
    login(&simulation, ADA).await;
}

#[tokio::test]
async fn a_right_login_takes_its_own_guess_back() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    verified(&simulation, ADA).await;
    // From new networks each time, none of which the account knows yet.
    for network in 0..30 {
        simulation.call_from([198, 51, 100, network]);
        login(&simulation, ADA).await;
    }
    assert_eq!(simulation.count("SELECT coalesce(sum(failures), 0) FROM guesses"), 0);
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

async fn login_status(simulation: &Simulation, email: &str, password: &str) -> u16 {
    post(simulation, "/auth/login", None, json!({ "email": email, "password": password })).await.0
}

async fn register_from(simulation: &Simulation, network: [u8; 4], password: &str) -> String {
    simulation.call_from(network);
    post(simulation, "/auth/register", None, json!({ "email": ADA, "password": password })).await;
    simulation.pass_seconds(1);
    simulation.mailed_token(ADA, "Verify your e-mail address").await
}

const HOME: [u8; 4] = [192, 0, 2, 1];
const ELSEWHERE: [u8; 4] = [198, 51, 100, 1];

/// A link sets what its own registration chose, and wants to be told it where there are several. One that was mailed again
/// is of the newest registration from the network of whoever asked.
#[tokio::test]
async fn each_registration_stands_for_itself() {
    let verify = async |simulation: &Simulation, token: &str, password: Option<&str>| {
        let body = password
            .map_or_else(|| json!({ "token": token }), |password| json!({ "token": token, "password": password }));
        let (status, answer) = post(simulation, "/auth/verify-email", None, body).await;
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    };
    let required = || (422, "validation_failed".to_owned());
    let strangers = "the stranger's password";
    for network in [HOME, ELSEWHERE] {
        for owner_first in [true, false] {
            let simulation = Simulation::new(&[]).await;
            let mut registrations = [(HOME, PASSWORD), (network, strangers)];
            if !owner_first {
                registrations.reverse();
            }
            let mut links = Vec::new();
            for (network, password) in registrations {
                links.push((register_from(&simulation, network, password).await, password));
            }
            simulation.call_from(HOME);
            post(&simulation, "/auth/resend-verification", None, json!({ "email": ADA })).await;
            let newest = if network == HOME && owner_first { strangers } else { PASSWORD };
            links.push((simulation.mailed_token(ADA, "Verify your e-mail address").await, newest));
            for (link, password) in &links {
                assert_eq!(verify(&simulation, link, None).await, required());
                let other = if *password == PASSWORD { strangers } else { PASSWORD };
                assert_eq!(verify(&simulation, link, Some(other)).await, (403, "incorrect_password".to_owned()));
            }
            let (owners, _) = links.iter().find(|(_, password)| *password == PASSWORD).expect("the owner's");
            assert_eq!(verify(&simulation, owners, Some(PASSWORD)).await.0, 200);
            for (link, password) in &links {
                assert_eq!(verify(&simulation, link, Some(password)).await.0, 400);
            }
            assert_eq!(login_status(&simulation, ADA, strangers).await, 401);
            login(&simulation, ADA).await;
        }
    }
    // What was registered once needs no more than the link, mailed again, and asked for from anywhere. A registration
    // whose link has expired is none.
    let simulation = Simulation::new(&[]).await;
    register_from(&simulation, ELSEWHERE, strangers).await;
    simulation.pass_seconds(24 * HOUR);
    register_from(&simulation, HOME, PASSWORD).await;
    post(&simulation, "/auth/resend-verification", None, json!({ "email": ADA })).await;
    let link = simulation.mailed_token(ADA, "Verify your e-mail address").await;
    assert_eq!(verify(&simulation, &link, None).await.0, 200);
    assert_eq!(login_status(&simulation, ADA, strangers).await, 401);
    login(&simulation, ADA).await;
}

/// Moves Ada's account to the address; the token that undoes it.
async fn moved(simulation: &Simulation, tokens: &Value, from: &str, to: &str, code: Option<String>) -> String {
    let mut body = json!({ "newEmail": to, "password": PASSWORD });
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    let (status, answer) = post(simulation, "/users/me/email", tokens["accessToken"].as_str(), body).await;
    assert_eq!(status, 202, "{answer}");
    let confirm = simulation.mailed_token(to, "Confirm your new e-mail address").await;
    assert_eq!(post(simulation, "/auth/confirm-email", None, json!({ "token": confirm })).await.0, 200);
    simulation.mailed_token(from, "Your address was changed").await
}

async fn undo(simulation: &Simulation, token: &str) -> (u16, Value) {
    post(simulation, "/auth/undo-email-change", None, json!({ "token": token })).await
}

async fn choose_password(simulation: &Simulation) {
    let token = simulation.mailed_token(ADA, "Choose a new password").await;
    let body = json!({ "token": token, "password": PASSWORD });
    assert_eq!(post(simulation, "/auth/password/reset", None, body).await.0, 204);
}

const NEW: &str = "new@example.com";

#[tokio::test]
async fn a_change_of_address_can_be_undone_for_72_hours() {
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    let link = moved(&simulation, &tokens, ADA, NEW, None).await;
    let kept = || simulation.count("SELECT count(*) FROM users WHERE email = 'ada@example.com'");
    simulation.pass_seconds(72 * HOUR - 1);
    register(&simulation, ADA).await;
    assert_eq!(kept(), 0, "the address is kept");
    let (status, restored) = undo(&simulation, &link).await;
    assert_eq!((status, &restored["user"]["email"]), (200, &json!(ADA)));
    assert_eq!(refresh(&simulation, &tokens).await.0, 401, "every session ended");
    // The link of the mail dies like any other that sets a password; then another one is asked for.
    let choose = simulation.mailed_token(ADA, "Choose a new password").await;
    simulation.pass_seconds(HOUR);
    let body = json!({ "token": choose, "password": PASSWORD });
    assert_eq!(post(&simulation, "/auth/password/reset", None, body).await.0, 400);
    post(&simulation, "/auth/password/forgot", None, json!({ "email": ADA })).await;
    let token = simulation.mailed_token(ADA, "Reset your password").await;
    let body = json!({ "token": token, "password": PASSWORD });
    assert_eq!(post(&simulation, "/auth/password/reset", None, body).await.0, 204);

    let tokens = login(&simulation, ADA).await;
    let link = moved(&simulation, &tokens, ADA, "newer@example.com", None).await;
    simulation.pass_seconds(72 * HOUR);
    let (status, problem) = undo(&simulation, &link).await;
    assert_eq!((status, &problem["code"]), (400, &json!("invalid_or_expired_token")));
    register(&simulation, ADA).await;
    assert_eq!(kept(), 1, "it is free again");
    simulation.pass_seconds(1);
    tick(&simulation.app).await;
    assert_eq!(simulation.count("SELECT count(*) FROM email_undos"), 0);
}

/// What was in force for long is the owner's, who was told of it in time; what is younger may be a thief's.
#[tokio::test]
async fn undoing_keeps_a_second_factor_of_long_standing() {
    for (hours, stays) in [(71, false), (73, true)] {
        let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
        let mut tokens = person(&simulation).await;
        let (_, enrolled) = post(&simulation, "/auth/mfa/totp", tokens["accessToken"].as_str(), json!({})).await;
        let authenticator = Authenticator::new(enrolled["secret"].as_str().expect("a secret"));
        let code = || authenticator.code_at((simulation.now_ms() / 30_000).try_into().expect("after 1970"));
        let confirm = json!({ "code": code() });
        let (_, codes) = post(&simulation, "/auth/mfa/totp/confirm", tokens["accessToken"].as_str(), confirm).await;
        let old_code = codes["recoveryCodes"][0].clone();
        simulation.pass_seconds(hours * HOUR);
        (_, tokens) = refresh(&simulation, &tokens).await;
        // A thief with a code makes new ones, whose owner loses the old ones.
        let link = moved(&simulation, &tokens, ADA, NEW, Some(code())).await;
        simulation.pass_seconds(60);
        let body = json!({ "password": PASSWORD, "code": code() });
        let (status, renewed) =
            post(&simulation, "/auth/mfa/recovery-codes", tokens["accessToken"].as_str(), body).await;
        assert_eq!(status, 200, "{renewed}");
        let (status, restored) = undo(&simulation, &link).await;
        assert_eq!((status, &restored["user"]["mfaEnabled"]), (200, &json!(stays)));
        assert_eq!(simulation.count("SELECT count(*) FROM recovery_codes"), 0, "they are the thief's");
        choose_password(&simulation).await;
        simulation.pass_seconds(60);
        let asked = login(&simulation, ADA).await;
        assert_eq!(asked["status"] == "mfa_required", stays, "{asked}");
        if stays {
            let answer = |code: Value| {
                let body = json!({ "mfaToken": asked["mfaToken"], "code": code });
                post(&simulation, "/auth/login/mfa", None, body)
            };
            assert_eq!(answer(old_code).await.0, 401);
            assert_eq!(answer(json!(code())).await.0, 200);
        }
    }
}

/// So many logins at once, all from home or each from a network that is new to the account.
fn login_at_once(simulation: &Simulation, count: u8, password: &str, new_networks: Option<u8>) -> Vec<u16> {
    let body = json!({ "email": ADA, "password": password });
    let attempt = |n: u8| {
        let (body, from) = (body.clone(), new_networks.map_or(HOME, |group| [10, 0, group, n]));
        async move { simulation.call_at_once(from, Method::POST, "/api/v1/auth/login", body).await }
    };
    simulation.timed(futures_util::future::join_all((0..count).map(attempt))).0
}

/// While passwords are checked, nobody is refused for what may turn out to be right.
#[tokio::test]
async fn passwords_in_flight_are_no_failures() {
    for elsewhere in [false, true] {
        let networks = |group: u8| elsewhere.then_some(group);
        let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
        person(&simulation).await;
        simulation.hash_slowly();
        assert_eq!(login_at_once(&simulation, 16, PASSWORD, networks(1)), [200; 16]);
        assert_eq!(simulation.most_hashes_at_once(), 5);
        let answers = login_at_once(&simulation, 64, "not the password", networks(2));
        assert_eq!(answers.iter().filter(|status| **status == 401).count(), 5, "{answers:?}");
        assert_eq!(answers.iter().filter(|status| **status == 429).count(), 59, "{answers:?}");
        assert_eq!(simulation.most_hashes_at_once(), 5);
        simulation.settle().await;
        assert_eq!(simulation.count("SELECT count(*) FROM guesses_in_flight"), 0);
        // After the delay one is checked, and all the others wait for what becomes of it.
        simulation.pass_seconds(1);
        let answers = login_at_once(&simulation, 8, "not the password", networks(3));
        assert_eq!(answers.iter().filter(|status| **status == 401).count(), 1, "{answers:?}");
        assert_eq!(simulation.most_hashes_at_once(), 1);
        simulation.pass_seconds(2);
        assert_eq!(login_at_once(&simulation, 8, PASSWORD, networks(4)), [200; 8]);
    }
}

/// A process that dies between the check's begin and its end holds its place for a minute, and no longer.
#[tokio::test]
async fn a_check_that_died_is_given_up() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    person(&simulation).await;
    let right = json!({ "email": ADA, "password": PASSWORD });
    for _ in 0..5 {
        simulation.break_after(0, Failure::Unheard);
        let answer = simulation.post_once("/api/v1/auth/login", "none", None, Some(&right)).await;
        assert_eq!(answer.status, 503);
        simulation.die();
    }
    assert_eq!(simulation.count("SELECT count(*) FROM guesses_in_flight"), 5);
    let (status, waited_ms) = simulation.timed(login_status(&simulation, ADA, PASSWORD));
    assert_eq!(status, 503, "it may not wait for ever");
    assert!((5_000..25_000).contains(&waited_ms), "{waited_ms} ms");
    simulation.pass_seconds(60);
    login(&simulation, ADA).await;
    assert_eq!(simulation.count("SELECT coalesce(sum(failures), 0) FROM guesses"), 0);
    // Where the process lives on, the place is free at once.
    for _ in 0..8 {
        simulation.break_after(0, Failure::Unheard);
        assert_eq!(login_status(&simulation, ADA, PASSWORD).await, 503);
    }
    login(&simulation, ADA).await;
}

async fn admin(simulation: &Simulation) -> Value {
    verified(simulation, "root@example.com").await;
    login(simulation, "root@example.com").await
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
async fn nobody_can_have_an_address_pestered() {
    let simulation = Simulation::new(&[("RATE_LIMIT_REGISTER", "1000/1"), ("RATE_LIMIT_RESEND", "1000/1")]).await;
    person(&simulation).await;
    for _ in 0..15 {
        register(&simulation, ADA).await;
        register(&simulation, "bob@example.com").await;
        post(&simulation, "/auth/password/forgot", None, json!({ "email": ADA })).await;
    }
    let mails = |kind: &str, to: &str| {
        simulation.count(&format!("SELECT count(*) FROM outbox WHERE kind = '{kind}' AND recipient = '{to}'"))
    };
    assert_eq!(mails("already_registered", ADA), 10);
    assert_eq!(mails("verify_email", "bob@example.com"), 10);
    assert_eq!(mails("reset_password", ADA), 5);
    simulation.pass_seconds(HOUR + 1);
    register(&simulation, ADA).await;
    assert_eq!(mails("already_registered", ADA), 11);
}

#[tokio::test]
async fn registrations_that_nobody_proves_are_forgotten() {
    let simulation = Simulation::new(&[]).await;
    register(&simulation, ADA).await;
    simulation.pass_seconds(29 * DAY);
    tick(&simulation.app).await;
    assert_eq!(simulation.count("SELECT count(*) FROM users"), 1);
    post(&simulation, "/auth/resend-verification", None, json!({ "email": ADA })).await;
    simulation.pass_seconds(DAY - 1);
    tick(&simulation.app).await;
    assert_eq!(simulation.count("SELECT count(*) FROM users"), 1, "a link still works");
    simulation.pass_seconds(2 * DAY);
    tick(&simulation.app).await;
    assert_eq!(simulation.count("SELECT count(*) FROM users"), 0);
    assert_eq!(simulation.count("SELECT count(*) FROM audit_events WHERE user_id IS NOT NULL AND ip IS NOT NULL"), 0);
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

/// The list of the configuration wins over what an administrator says, and the log says that it did.
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
    // Whoever must stay out is suspended: the list lets nobody in.
    assert_eq!(change(json!({ "status": "suspended" })).await.0, 200);
    assert_eq!(login_status(&simulation, ADA, PASSWORD).await, 403);
}

#[tokio::test]
async fn mails_to_earlier_addresses_go_with_the_person() {
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    let token = tokens["accessToken"].as_str();
    for address in ["second@example.com", "third@example.com"] {
        let body = json!({ "newEmail": address, "password": PASSWORD });
        post(&simulation, "/users/me/email", token, body).await;
        let confirm = simulation.mailed_token(address, "Confirm your new e-mail address").await;
        assert_eq!(post(&simulation, "/auth/confirm-email", None, json!({ "token": confirm })).await.0, 200);
    }
    let pending = json!({ "newEmail": "pending@example.com", "password": PASSWORD });
    post(&simulation, "/users/me/email", token, pending).await;
    let gone = simulation.call(Method::DELETE, "/api/v1/users/me", token, Some(json!({ "password": PASSWORD })));
    assert_eq!(gone.await.0, 204);
    assert_eq!(simulation.count("SELECT count(*) FROM outbox WHERE kind <> 'account_deleted'"), 0);
}

/// Does the call again and again, the database failing at its first, second, … round trip, until none is left to fail.
/// Each failure is a 503 that leaves everything as it was, so the same call works afterwards.
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
        // What fails after the answer is tried again by the schedule.
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

#[tokio::test]
async fn keys_that_exist_pass_a_flood_of_made_up_ones() {
    let simulation = Simulation::new(&[("RATE_LIMIT_UNKNOWN_KEYS", "5/600")]).await;
    let tokens = person(&simulation).await;
    let mut keys = Vec::new();
    for name in ["seen", "unseen"] {
        let body = json!({ "name": name, "scopes": ["keys:verify"] });
        let (_, created) = post(&simulation, "/api-keys", tokens["accessToken"].as_str(), body).await;
        keys.push(created["key"].as_str().expect("a key").to_owned());
    }
    let used = async |key: &str| {
        simulation.round_trips();
        let (status, _) = simulation.call(Method::POST, VERIFY, Some(key), Some(json!({ "key": "none" }))).await;
        (status, simulation.round_trips() > 0)
    };
    assert_eq!(used(&keys[0]).await.0, 200);
    for _ in 0..5 {
        assert_eq!(used(&unknown_key()).await, (401, true));
    }
    assert_eq!(used(&unknown_key()).await, (429, true), "the one that hears that the limit is used up");
    for _ in 0..3 {
        assert_eq!(used(&unknown_key()).await, (429, false), "nobody is asked");
        assert_eq!(used(&keys[0]).await.0, 200);
    }
    assert_eq!(used(&keys[1]).await, (429, false), "it cannot be told from a made-up one");
    simulation.call_from([192, 0, 2, 9]);
    assert_eq!(used(&keys[1]).await.0, 200);
    simulation.call_from([192, 0, 2, 1]);
    assert_eq!(used(&keys[1]).await.0, 200, "this instance has seen it now");
    simulation.pass_seconds(600);
    assert_eq!(used(&unknown_key()).await, (401, true));
}
