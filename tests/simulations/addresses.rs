//! Mail addresses that are verified, changed and given back.

use aibaas_core::tick;
use aibaas_tests::{
    fixtures::{Authenticator, PASSWORD},
    simulation::{Failure, Simulation},
};
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::steps::{ADA, DAY, HOME, HOUR, login, login_status, me, person, post, refresh, register};

async fn register_from(simulation: &Simulation, network: [u8; 4], password: &str) -> String {
    simulation.call_from(network);
    post(simulation, "/auth/register", None, json!({ "email": ADA, "password": password })).await;
    simulation.pass_seconds(1);
    simulation.mailed_token(ADA, "Verify your e-mail address").await
}

const ELSEWHERE: [u8; 4] = [198, 51, 100, 1];

/// Checks that a link sets the password of its own registration, and asks for it where there are several
/// registrations. A link that is mailed again belongs to the newest registration from the network of the request.
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
    // A single registration needs only the link, mailed again, from any network. A registration whose link has expired
    // does not count.
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

/// Moves Ada's account to the address, and returns the token that undoes it.
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
    // The link in this mail expires like any other that sets a password; then another one is asked for.
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

/// Checks that undoing a change of address keeps a second factor that is more than 72 hours old: its owner was told of
/// it in time, while a younger one may be a thief's.
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
        // A thief with a code creates new recovery codes, so the owner's old ones are lost.
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

/// Numbers of marked addresses, of events about them, and of mails that were given up.
fn bounced(simulation: &Simulation) -> [i64; 3] {
    [
        "SELECT count(*) FROM undeliverable_addresses WHERE cause = 'bounce'",
        "SELECT count(*) FROM audit_events WHERE event = 'address_undeliverable'",
        "SELECT count(*) FROM outbox WHERE next_attempt_at IS NULL AND sent_at IS NULL",
    ]
    .map(|sql| simulation.count(sql))
}

/// Checks that a mail which bounces is given up together with the mark of its address and the event, once for two mails at
/// once, whichever call of the database fails.
#[tokio::test]
async fn a_bounce_marks_the_address_wholly_or_not_at_all() {
    for failure in [Failure::Refused, Failure::Unheard] {
        for calls in 0.. {
            let simulation = Simulation::new(&[]).await;
            let tokens = person(&simulation).await;
            simulation.leave_mailbox(ADA);
            for _ in 0..2 {
                let body = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
                let change = Request::post("/api/v1/auth/password/change");
                let answer = simulation.answer(change, tokens["accessToken"].as_str(), Some(&body)).await;
                assert_eq!(answer.status(), 204);
                simulation.die();
            }
            assert_eq!(bounced(&simulation), [0, 0, 0]);
            simulation.break_after(calls, failure);
            tick(&simulation.app).await;
            let [marks, events, given_up] = bounced(&simulation);
            let expected = i64::from(given_up > 0);
            assert_eq!([marks, events], [expected; 2], "{failure:?} after {calls}");
            let is_over = simulation.heal();
            simulation.pass_seconds(HOUR);
            tick(&simulation.app).await;
            assert_eq!(bounced(&simulation), [1, 1, 2], "{failure:?} after {calls}");
            if is_over {
                assert!(calls > 5, "{calls}");
                break;
            }
        }
    }
}

/// Checks that a bounce marks the address that the mail was sent to, and no account that has left it or does not have it
/// yet.
#[tokio::test]
async fn a_bounce_is_about_the_address_of_the_mail() {
    let simulation = Simulation::new(&[]).await;
    let tokens = person(&simulation).await;
    let token = tokens["accessToken"].as_str();
    let causes = |sql: &str| simulation.count(&format!("SELECT count(*) FROM outbox WHERE last_error LIKE '{sql}%'"));
    let undeliverable = async || me(&simulation, &tokens).await.1["undeliverable"].clone();
    simulation.leave_mailbox("nobody@example.com");
    for (bounces, refusals) in [(1, 0), (2, 0), (2, 1)] {
        let body = json!({ "newEmail": "nobody@example.com", "password": PASSWORD });
        assert_eq!(post(&simulation, "/users/me/email", token, body).await.0, 202);
        // The second is the one of this day that is tried nonetheless.
        assert_eq!((causes("mail bounced"), causes("not sent")), (bounces, refusals));
        assert_eq!((bounced(&simulation)[..2].to_vec(), undeliverable().await), (vec![1, 0], Value::Null));
    }
    let body = json!({ "newEmail": NEW, "password": PASSWORD });
    assert_eq!(post(&simulation, "/users/me/email", token, body).await.0, 202);
    let confirm = simulation.mailed_token(NEW, "Confirm your new e-mail address").await;
    simulation.leave_mailbox(ADA);
    assert_eq!(post(&simulation, "/auth/confirm-email", None, json!({ "token": confirm })).await.0, 200);
    assert_eq!((bounced(&simulation)[..2].to_vec(), undeliverable().await), (vec![2, 0], Value::Null));
    simulation.pass_seconds(31 * DAY);
    tick(&simulation.app).await;
    assert_eq!(bounced(&simulation)[0], 0, "of what is nobody's nothing is kept");
}
