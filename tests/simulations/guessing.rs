//! Guesses of passwords: what they cost, and whom they delay.

use aibaas_core::tick;
use aibaas_tests::{
    fixtures::PASSWORD,
    keys::{VERIFY, unknown_key},
    simulation::{Failure, Simulation},
};
use axum::http::Method;
use serde_json::json;

use crate::steps::{ADA, DAY, HOME, login, login_status, person, post, verified, wrong_login};

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

/// Checks that typing errors of many people behind one address, or on many days, do not add up.
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
    // From then on one guess a minute is allowed, for as long as it goes on.
    for person in 0..30 {
        simulation.pass_seconds(60);
        assert_eq!(wrong(format!("daily{person}@example.com")).await, (401, None));
    }
    simulation.pass_seconds(20 * 60);
    login(&simulation, ADA).await;
    // A typing error every quarter of an hour, from networks that the account does not know.
    for network in 0..30 {
        simulation.call_from([198, 51, 100, network]);
        assert_eq!(wrong(ADA.to_owned()).await, (401, None));
        simulation.pass_seconds(15 * 60);
    }
}

/// Checks that a failure from what is the future by now delays until then at most, and nobody where that is longer than any
/// delay.
#[tokio::test]
async fn a_clock_that_is_set_back_locks_nobody_out() {
    for back in [1, 60, 899, 901, 3_600, DAY] {
        let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
        verified(&simulation, ADA).await;
        for _ in 0..5 {
            assert_eq!(wrong_login(&simulation).await.0, 401);
        }
        simulation.pass_seconds(-back);
        if back <= 900 {
            assert_eq!(wrong_login(&simulation).await.0, 429, "{back} s back");
            simulation.pass_seconds(back + 1);
        }
        login(&simulation, ADA).await;
        // Guesses are counted as ever.
        let answers = (0..8).map(|_| wrong_login(&simulation));
        let mut refused = 0;
        for answer in answers {
            refused += u32::from(answer.await.0 == 429);
        }
        assert!(refused >= 2, "{back} s back: {refused} refused");
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
    // After 90 days without a login, the network is unknown again.
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
    // Each login is from a new network, which the account does not know yet.
    for network in 0..30 {
        simulation.call_from([198, 51, 100, network]);
        login(&simulation, ADA).await;
    }
    assert_eq!(simulation.count("SELECT coalesce(sum(failures), 0) FROM guesses"), 0);
}

/// Sends `count` logins at once, all from home, or each from a network that is new to the account; returns their
/// statuses.
fn login_at_once(simulation: &Simulation, count: u8, password: &str, new_networks: Option<u8>) -> Vec<u16> {
    let body = json!({ "email": ADA, "password": password });
    let attempt = |n: u8| {
        let (body, from) = (body.clone(), new_networks.map_or(HOME, |group| [10, 0, group, n]));
        async move { simulation.call_at_once(from, Method::POST, "/api/v1/auth/login", body).await }
    };
    simulation.timed(futures_util::future::join_all((0..count).map(attempt))).0
}

/// Checks that passwords under check do not count as failures: nobody is refused while they may turn out to be right.
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
        simulation.complete_background().await;
        assert_eq!(simulation.count("SELECT count(*) FROM guesses_in_flight"), 0);
        // After the delay one password is checked, and all the others wait for the result.
        simulation.pass_seconds(1);
        let answers = login_at_once(&simulation, 8, "not the password", networks(3));
        assert_eq!(answers.iter().filter(|status| **status == 401).count(), 1, "{answers:?}");
        assert_eq!(simulation.most_hashes_at_once(), 1);
        simulation.pass_seconds(2);
        assert_eq!(login_at_once(&simulation, 8, PASSWORD, networks(4)), [200; 8]);
    }
}

/// Checks that a process which dies during a password check holds its place for a minute, and no longer.
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

/// Checks that what is counted by networks that services may make up has a bound.
#[tokio::test]
async fn what_services_tell_of_networks_has_a_bound() {
    let simulation = Simulation::new(&[("RATE_LIMIT_UNKNOWN_KEYS", "5/600")]).await;
    let tokens = person(&simulation).await;
    let body = json!({ "name": "asks", "scopes": ["keys:verify"], "rateLimit": 100_000 });
    let (_, created) = post(&simulation, "/api-keys", tokens["accessToken"].as_str(), body).await;
    let key = created["key"].as_str().expect("a key");
    let code = async |shown_from: String| {
        let body = json!({ "key": unknown_key(), "ip": shown_from });
        let (status, verdict) = simulation.call(Method::POST, VERIFY, Some(key), Some(body)).await;
        assert_eq!(status, 200, "{verdict}");
        verdict["code"].as_str().expect("a code").to_owned()
    };
    for n in 0..5 {
        assert_eq!(code("198.51.100.1".to_owned()).await, "invalid_api_key", "{n}");
    }
    assert_eq!(code("198.51.100.1".to_owned()).await, "too_many_requests");
    for n in 0..1_100 {
        assert_eq!(code(format!("10.1.{}.{}", n / 256, n % 256)).await, "invalid_api_key", "{n}");
    }
    let counted = "SELECT count(DISTINCT subject) FROM rate_limit_totals WHERE subject LIKE 'unknown_keys:%:10.1.%'";
    assert!(simulation.count(counted) <= 1_000, "{}", simulation.count(counted));
    assert_eq!(code("198.51.100.1".to_owned()).await, "too_many_requests", "who was counted still is");
}

/// Checks that whoever is logged in can have neither hashes nor mails without end.
#[tokio::test]
async fn a_password_is_asked_for_so_often_an_hour() {
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    let change = async |from: &str, to: &str| {
        let body = json!({ "currentPassword": from, "newPassword": to });
        post(&simulation, "/auth/password/change", tokens["accessToken"].as_str(), body).await
    };
    let mails = || simulation.count("SELECT count(*) FROM outbox");
    let before = mails();
    let (mut now, mut next) = (PASSWORD, "another correct horse");
    for n in 0..30 {
        assert_eq!(change(now, next).await.0, 204, "{n}");
        (now, next) = (next, now);
    }
    let (status, problem) = change(now, next).await;
    assert_eq!((status, &problem["code"]), (429, &json!("too_many_attempts")));
    assert_eq!(mails() - before, 30);
    simulation.pass_seconds(3_600);
    let tokens = login(&simulation, ADA).await;
    let body = json!({ "currentPassword": now, "newPassword": next });
    assert_eq!(post(&simulation, "/auth/password/change", tokens["accessToken"].as_str(), body).await.0, 204);
}
