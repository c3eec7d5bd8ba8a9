//! The second factor: codes by time, recovery codes, and what asks for them.

use std::time::Duration;

use aibaas_tests::{
    Answer, Authenticator, Client, Request, User, cases,
    fixtures::{PASSWORD, links, new_address, try_login},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![MovesTime:
    enrolling_takes_two_steps,
    a_second_enrolment_replaces_the_first,
    confirming_happens_once,
    login_asks_for_a_code,
    a_code_is_accepted_once,
    a_code_is_accepted_once_under_concurrency,
    a_challenge_is_used_once_under_concurrency,
    codes_of_neighbouring_steps,
    attempts_are_capped_under_concurrency,
    unknown_challenges_are_refused,
    a_recovery_code_stands_in_once,
    a_recovery_code_is_used_once_under_concurrency,
    recovery_codes_are_typed_by_people,
    new_recovery_codes_end_the_old,
    disabling_needs_password_and_code,
    changing_the_address_asks_for_the_second_factor,
    deleting_the_account_asks_for_the_second_factor,
    a_code_changes_one_thing_under_concurrency,
    codes_asked_for_again_are_guessed_slowly,
    cookie_mode_goes_through_the_second_factor,
    a_reset_asks_for_the_second_factor,
    a_challenge_dies_with_the_password;
KeepsMail:
    nothing_is_pending,
    a_key_has_no_second_factor,
];

const ORIGIN: &str = "http://localhost:3000";

/// Logs in with the password and returns the token of the challenge.
async fn challenge(api: &Client, email: &str) -> String {
    let answer = try_login(api, email, PASSWORD).await.expect(200);
    assert_eq!(answer["status"], "mfa_required", "{answer}");
    answer["mfaToken"].as_str().expect("a token").to_owned()
}

async fn answer_with(api: &Client, challenge: &str, code: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/login/mfa").json(json!({ "mfaToken": challenge, "code": code })).await
}

async fn enrolling_takes_two_steps(host: Host) {
    let user = User::verified(&host).await;
    let enrolled = user.api.post("/api/v1/auth/mfa/totp").await;
    let body = enrolled.expect(200);
    assert_eq!(enrolled.header("cache-control"), Some("no-store"));
    let (secret, uri, qr) = (body["secret"].as_str().unwrap(), body["otpauthUri"].as_str().unwrap(), &body["qrSvg"]);
    assert!(secret.len() >= 32, "160 bits, as RFC 4226 recommends: {secret}");
    assert!(uri.starts_with("otpauth://totp/AIBaaS") && uri.contains(&format!("secret={secret}")), "{uri}");
    assert!(uri.contains("issuer=AIBaaS") && uri.contains("example.com"), "{uri}");
    let qr = qr.as_str().unwrap();
    assert!(qr.contains("<svg") && qr.trim_end().ends_with("</svg>") && !qr.contains("<script"), "{qr}");

    // Not in force yet.
    let me = || async { user.api.get("/api/v1/users/me").await.expect(200)["mfaEnabled"].clone() };
    assert_eq!(me().await, false);
    User::login(&user.api, &user.email).await;
    let confirm = |code: String| user.api.post("/api/v1/auth/mfa/totp/confirm").json(json!({ "code": code }));
    let mut authenticator = Authenticator::of(&host, secret).await;
    confirm(authenticator.wrong(1).await.remove(0)).await.problem(403, "incorrect_code");
    assert_eq!(me().await, false);

    let confirmed = confirm(authenticator.next().await).await;
    let codes = confirmed.expect(200)["recoveryCodes"].as_array().unwrap().clone();
    assert_eq!(confirmed.header("cache-control"), Some("no-store"));
    let distinct = codes.iter().map(|code| code.as_str().unwrap()).collect::<std::collections::HashSet<_>>();
    assert_eq!(distinct.len(), 10);
    for code in distinct {
        let groups = code.split('-').collect::<Vec<_>>();
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [6, 6, 6, 6], "{code}");
        assert!(code.bytes().all(|byte| b"0123456789abcdefghjkmnpqrstvwxyz-".contains(&byte)), "{code}");
    }
    assert_eq!(me().await, true);
    let refresh = user.api.anonymous().post("/api/v1/auth/refresh");
    let refreshed = refresh.json(json!({ "refreshToken": user.refresh_token() })).await.expect(200);
    assert_eq!(refreshed["user"]["mfaEnabled"], true);
    user.api.post("/api/v1/auth/mfa/totp").await.problem(409, "mfa_already_enabled");
    // The owner is told.
    host.mails_to(&user.email, 2).await;
}

async fn a_second_enrolment_replaces_the_first(host: Host) {
    let user = User::verified(&host).await;
    let mut enrolments = Vec::new();
    for _ in 0..2 {
        let enrolled = user.api.post("/api/v1/auth/mfa/totp").await.expect(200);
        enrolments.push(Authenticator::of(&host, enrolled["secret"].as_str().unwrap()).await);
    }
    let confirm = |code: String| user.api.post("/api/v1/auth/mfa/totp/confirm").json(json!({ "code": code }));
    confirm(enrolments[0].next().await).await.problem(403, "incorrect_code");
    confirm(enrolments[1].next().await).await.expect(200);
}

async fn confirming_happens_once(host: Host) {
    let user = User::verified(&host).await;
    let enrolled = user.api.post("/api/v1/auth/mfa/totp").await.expect(200);
    let code = Authenticator::of(&host, enrolled["secret"].as_str().unwrap()).await.next().await;
    let answers = join_all((0..4).map(|_| {
        let request = user.api.post("/api/v1/auth/mfa/totp/confirm").json(json!({ "code": code }));
        async move { request.await }
    }));
    let answers = answers.await;
    let confirmed = answers.iter().filter(|answer| answer.status == 200).collect::<Vec<_>>();
    assert_eq!(confirmed.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert!(matches!(answer.status.as_u16(), 403 | 409), "{answer}");
    }
    // The codes that were shown are those that hold.
    let token = challenge(&user.api, &user.email).await;
    let recovery = confirmed[0].value()["recoveryCodes"][9].as_str().unwrap().to_owned();
    answer_with(&user.api, &token, &recovery).await.expect(200);
}

async fn login_asks_for_a_code(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, _) = user.second_factor().await;
    // The session that set it up goes on.
    user.assert_live().await;
    let api = host.client();
    try_login(&api, &user.email, "not the password at all").await.problem(401, "invalid_credentials");
    let asked = try_login(&api, &user.email, PASSWORD).await;
    let body = asked.expect(200);
    assert_eq!((&body["status"], &body["expiresInSeconds"]), (&json!("mfa_required"), &json!(300)));
    assert_eq!(body["methods"], json!(["totp", "recovery_code"]));
    assert!(body.get("accessToken").is_none() && body.get("refreshToken").is_none() && body.get("user").is_none());
    assert!(asked.header("set-cookie").is_none());
    let token = body["mfaToken"].as_str().unwrap();
    assert!(token.len() >= 43, "256 bits");
    // It is no access token.
    api.with(token).get("/api/v1/users/me").await.problem(401, "invalid_token");

    answer_with(&api, token, &authenticator.wrong(1).await[0]).await.problem(401, "invalid_mfa_code");
    let code = authenticator.next().await;
    let tokens = answer_with(&api, token, &format!(" {} {} ", &code[..3], &code[3..])).await;
    let tokens = tokens.expect(200);
    assert_eq!((&tokens["tokenType"], &tokens["user"]["mfaEnabled"]), (&json!("Bearer"), &json!(true)));
    assert_eq!(tokens["user"]["id"], user.id());
    api.with(tokens["accessToken"].as_str().unwrap()).get("/api/v1/users/me").await.expect(200);
    // Only now is there another session.
    assert_eq!(user.api.get("/api/v1/auth/sessions").await.expect(200)["data"].as_array().unwrap().len(), 2);
    answer_with(&api, token, &authenticator.next().await).await.problem(401, "invalid_mfa_token");
}

async fn a_code_is_accepted_once(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, _) = user.second_factor().await;
    let (first, second) = (challenge(&user.api, &user.email).await, challenge(&user.api, &user.email).await);
    let code = authenticator.next().await;
    answer_with(&user.api, &first, &code).await.expect(200);
    answer_with(&user.api, &second, &code).await.problem(401, "invalid_mfa_code");
    answer_with(&user.api, &second, &authenticator.next().await).await.expect(200);
}

async fn a_code_is_accepted_once_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, _) = user.second_factor().await;
    let mut challenges = Vec::new();
    for _ in 0..4 {
        challenges.push(challenge(&user.api, &user.email).await);
    }
    let code = authenticator.next().await;
    let answers = join_all(challenges.iter().map(|challenge| answer_with(&user.api, challenge, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(401, "invalid_mfa_code");
    }
}

async fn a_challenge_is_used_once_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    let (_, codes) = user.second_factor().await;
    let token = challenge(&user.api, &user.email).await;
    // Each with another code that is right.
    let answers = join_all(codes.iter().take(4).map(|code| answer_with(&user.api, &token, code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(401, "invalid_mfa_token");
    }
    assert_eq!(user.api.get("/api/v1/auth/sessions").await.expect(200)["data"].as_array().unwrap().len(), 2);
}

async fn codes_of_neighbouring_steps(host: Host) {
    let user = User::verified(&host).await;
    let enrolled = user.api.post("/api/v1/auth/mfa/totp").await.expect(200);
    let authenticator = Authenticator::of(&host, enrolled["secret"].as_str().unwrap()).await;
    let confirm = |code: String| user.api.post("/api/v1/auth/mfa/totp/confirm").json(json!({ "code": code }));
    let step = authenticator.step().await;
    confirm(authenticator.code_at(step - 2)).await.problem(403, "incorrect_code");
    confirm(authenticator.code_at(step + 2)).await.problem(403, "incorrect_code");
    confirm(authenticator.code_at(step - 1)).await.expect(200);

    // The code of a step that has just passed, and one of a clock that is ahead.
    host.advance(Duration::from_secs(30)).await;
    let (api, email) = (&user.api, &user.email);
    let login = |code: String| async move { answer_with(api, &challenge(api, email).await, &code).await };
    let (now, next) = (step + 1, step + 2);
    assert_eq!(authenticator.step().await, now);
    login(authenticator.code_at(step)).await.expect(200);
    login(authenticator.code_at(now + 2)).await.problem(401, "invalid_mfa_code");
    login(authenticator.code_at(next)).await.expect(200);
    // None older than the last one used.
    login(authenticator.code_at(now)).await.problem(401, "invalid_mfa_code");
}

async fn attempts_are_capped_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    // Two networks that the account knows, so that it is the challenge that counts.
    let places = [user.api.anonymous(), user.login_from(&host.client()).await.api.anonymous()];
    let (mut authenticator, _) = user.second_factor().await;
    let token = challenge(&user.api, &user.email).await;
    let codes = authenticator.wrong(32).await;
    let guesses = codes.iter().enumerate().map(|(n, code)| answer_with(&places[n % 2], &token, code));
    let answers = join_all(guesses).await;
    let mut checked = 0;
    for answer in &answers {
        match answer.value()["code"].as_str() {
            Some("invalid_mfa_code") => checked += 1,
            Some("too_many_attempts") => drop(answer.problem(429, "too_many_attempts")),
            _ => drop(answer.problem(401, "invalid_mfa_token")),
        }
    }
    assert_eq!(checked, 5, "so many are checked, however many come at once");
    // The right one comes too late, at once and after the delay.
    let code = authenticator.next().await;
    answer_with(&user.api, &token, &code).await.problem(401, "invalid_mfa_token");
    host.advance(Duration::from_secs(1)).await;
    answer_with(&user.api, &token, &code).await.problem(401, "invalid_mfa_token");
    // A new challenge is another chance, once the delay has passed.
    let token = challenge(&user.api, &user.email).await;
    answer_with(&user.api, &token, &authenticator.next().await).await.expect(200);
}

async fn unknown_challenges_are_refused(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, _) = user.second_factor().await;
    let (api, code) = (host.client(), authenticator.next().await);
    for token in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", user.refresh_token(), &"y".repeat(5000)] {
        answer_with(&api, token, &code).await.problem(401, "invalid_mfa_token");
    }
    let post = |body: Value| api.post("/api/v1/auth/login/mfa").json(body);
    post(json!({ "code": code })).await.invalid("/mfaToken");
    let token = challenge(&user.api, &user.email).await;
    post(json!({ "mfaToken": token })).await.invalid("/code");
    for odd in ["", "12345", "1234567", "abcdef", "１２３４５６", "------"] {
        let token = challenge(&user.api, &user.email).await;
        post(json!({ "mfaToken": token, "code": odd })).await.problem(401, "invalid_mfa_code");
        // They are guesses: none is to wait for those before.
        host.advance(Duration::from_secs(900)).await;
    }
    // Whoever else has a second factor does not help.
    let other = User::verified(&host).await;
    let (mut others, _) = other.second_factor().await;
    let token = challenge(&host.client(), &user.email).await;
    answer_with(&host.client(), &token, &others.next().await).await.problem(401, "invalid_mfa_code");
}

async fn a_recovery_code_stands_in_once(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, codes) = user.second_factor().await;
    let first = challenge(&user.api, &user.email).await;
    answer_with(&user.api, &first, &codes[3]).await.expect(200);
    let second = challenge(&user.api, &user.email).await;
    answer_with(&user.api, &second, &codes[3]).await.problem(401, "invalid_mfa_code");
    answer_with(&user.api, &second, &codes[4]).await.expect(200);
    // Codes by time go on.
    let third = challenge(&user.api, &user.email).await;
    answer_with(&user.api, &third, &authenticator.next().await).await.expect(200);
}

async fn a_recovery_code_is_used_once_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    let (_, codes) = user.second_factor().await;
    let (mut challenges, elsewhere) = (Vec::new(), host.client());
    for _ in 0..16 {
        challenges.push(challenge(&elsewhere, &user.email).await);
    }
    let answers = join_all(challenges.iter().map(|challenge| answer_with(&user.api, challenge, &codes[0]))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        // So many wrong ones are guesses, too.
        assert!(
            answer.status == 429 && answer.value()["code"] == "too_many_attempts"
                || answer.status == 401 && answer.value()["code"] == "invalid_mfa_code",
            "{answer}"
        );
    }
}

async fn recovery_codes_are_typed_by_people(host: Host) {
    let user = User::verified(&host).await;
    let (_, codes) = user.second_factor().await;
    for typed in [codes[0].to_uppercase(), codes[1].replace('-', ""), format!("  {} ", codes[2].replace('-', " "))] {
        let token = challenge(&user.api, &user.email).await;
        answer_with(&user.api, &token, &typed).await.expect(200);
    }
    let token = challenge(&user.api, &user.email).await;
    answer_with(&user.api, &token, &codes[3][..20]).await.problem(401, "invalid_mfa_code");
}

async fn new_recovery_codes_end_the_old(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, old) = user.second_factor().await;
    let renew = |body: Value| user.api.post("/api/v1/auth/mfa/recovery-codes").json(body);
    asks_for_both(&authenticator, &old[1], renew).await;
    let both = json!({ "password": PASSWORD, "code": old[1] });
    let codes = renew(both.clone()).await.expect(200)["recoveryCodes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| !old.contains(&code.as_str().unwrap().to_owned())));
    renew(both).await.problem(403, "incorrect_code");
    let token = challenge(&user.api, &user.email).await;
    answer_with(&user.api, &token, &old[0]).await.problem(401, "invalid_mfa_code");
    answer_with(&user.api, &token, codes[0].as_str().unwrap()).await.expect(200);
    let again = renew(json!({ "password": PASSWORD, "code": authenticator.next().await })).await.expect(200);
    assert_ne!(again["recoveryCodes"], json!(codes));
}

/// Neither the password nor a code is enough, and what was right of what was refused is not used up.
async fn asks_for_both(authenticator: &Authenticator, code: &str, call: impl Fn(Value) -> Request) {
    let wrong = authenticator.wrong(1).await.remove(0);
    call(json!({ "password": PASSWORD })).await.refused("/code", "required");
    call(json!({ "code": code })).await.invalid("/password");
    call(json!({ "password": "not the password at all", "code": code })).await.problem(403, "incorrect_password");
    call(json!({ "password": "not the password at all", "code": wrong })).await.problem(403, "incorrect_password");
    call(json!({ "password": PASSWORD, "code": wrong })).await.problem(403, "incorrect_code");
    call(json!({ "password": PASSWORD, "code": "nonsense" })).await.problem(403, "incorrect_code");
}

async fn disabling_needs_password_and_code(host: Host) {
    let user = User::verified(&host).await;
    let disable = |body: Value| user.api.delete("/api/v1/auth/mfa/totp").json(body);
    for means in ["recovery code", "code"] {
        let (mut authenticator, codes) = user.second_factor().await;
        asks_for_both(&authenticator, &codes[1], disable).await;
        assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["mfaEnabled"], true);
        let pending = challenge(&user.api, &user.email).await;
        let code = if means == "code" { authenticator.next().await } else { codes[1].clone() };
        disable(json!({ "password": PASSWORD, "code": code })).await.expect(204);
        assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["mfaEnabled"], false);
        User::login(&user.api, &user.email).await;
        // What asked for it asks no more, and its codes are worth nothing.
        answer_with(&user.api, &pending, &codes[0]).await.problem(401, "invalid_mfa_token");
        disable(json!({ "password": PASSWORD })).await.problem(409, "mfa_not_enabled");
    }
}

async fn changing_the_address_asks_for_the_second_factor(host: Host) {
    let mut user = User::verified(&host).await;
    // A code that nothing asks for is no harm.
    let ask = |api: &Client, mut body: Value| {
        body["newEmail"] = json!(new_address());
        api.post("/api/v1/users/me/email").json(body)
    };
    ask(&user.api, json!({ "password": PASSWORD, "code": "123456" })).await.expect(202);
    let (_, codes) = user.second_factor().await;
    // From other networks, since mails asked for are counted by these.
    user.api = host.client().with(user.api.credential().unwrap());
    ask(&user.api, json!({ "password": PASSWORD })).await.refused("/code", "required");
    ask(&user.api, json!({ "password": PASSWORD, "code": "12345" })).await.problem(403, "incorrect_code");
    ask(&user.api, json!({ "password": "not the password", "code": codes[0] }))
        .await
        .problem(403, "incorrect_password");
    ask(&user.api, json!({ "password": PASSWORD, "code": codes[0] })).await.expect(202);
    user.api = host.client().with(user.api.credential().unwrap());
    ask(&user.api, json!({ "password": PASSWORD, "code": codes[0] })).await.problem(403, "incorrect_code");
}

async fn deleting_the_account_asks_for_the_second_factor(host: Host) {
    let user = User::verified(&host).await;
    let (authenticator, codes) = user.second_factor().await;
    let delete = |body: Value| user.api.delete("/api/v1/users/me").json(body);
    asks_for_both(&authenticator, &codes[0], delete).await;
    user.assert_live().await;
    delete(json!({ "password": PASSWORD, "code": codes[0] })).await.expect(204);
    try_login(&user.api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
}

/// Of one code sent with many calls at once, one is carried out.
async fn a_code_changes_one_thing_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    let (_, codes) = user.second_factor().await;
    let renew = || {
        let request = user.api.post("/api/v1/auth/mfa/recovery-codes");
        request.json(json!({ "password": PASSWORD, "code": codes[0] }))
    };
    let answers = join_all((0..4).map(|_| async { renew().await })).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(403, "incorrect_code");
    }
}

/// Codes asked for again are guessed as slowly as those of a login.
async fn codes_asked_for_again_are_guessed_slowly(host: Host) {
    let user = User::verified(&host).await;
    let (authenticator, codes) = user.second_factor().await;
    let renew = |code: &str| {
        let request = user.api.post("/api/v1/auth/mfa/recovery-codes");
        request.json(json!({ "password": PASSWORD, "code": code }))
    };
    let wrong = authenticator.wrong(16).await;
    host.stop_time().await;
    let answers = join_all(wrong.iter().map(|code| async { renew(code).await })).await;
    let (checked, refused) = answers.iter().partition::<Vec<_>, _>(|answer| answer.status == 403);
    checked.iter().for_each(|answer| drop(answer.problem(403, "incorrect_code")));
    refused.iter().for_each(|answer| drop(answer.problem(429, "too_many_attempts")));
    assert_eq!(checked.len(), 5);
    host.advance(Duration::from_secs(1)).await;
    renew(&codes[0]).await.expect(200);
}

async fn cookie_mode_goes_through_the_second_factor(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, _) = user.second_factor().await;
    let api = host.client();
    let body = json!({ "email": user.email, "password": PASSWORD, "mode": "cookie" });
    let asked = api.post("/api/v1/auth/login").json(body).header("Origin", ORIGIN).await;
    assert!(asked.header("set-cookie").is_none(), "{asked}");
    let body = json!({ "mfaToken": asked.expect(200)["mfaToken"], "code": authenticator.next().await });
    let post = || api.post("/api/v1/auth/login/mfa").json(body.clone());
    post().await.problem(403, "origin_not_allowed");
    post().header("Origin", "https://evil.example").await.problem(403, "origin_not_allowed");
    let tokens = post().header("Origin", ORIGIN).await;
    assert!(tokens.expect(200).get("refreshToken").is_none());
    let set = tokens.header("set-cookie").expect("a cookie");
    assert!(set.starts_with("__Secure-aibaas_refresh=") && set.contains("HttpOnly"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    api.post("/api/v1/auth/refresh").header("Cookie", &cookie).header("Origin", ORIGIN).await.expect(200);
}

async fn a_reset_asks_for_the_second_factor(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, _) = user.second_factor().await;
    let api = host.client();
    api.post("/api/v1/auth/password/forgot").json(json!({ "email": user.email })).await.expect(202);
    let token = links(&host, &user.email, "reset-password", 1).await.remove(0);
    let body = json!({ "token": token, "password": "a whole new password" });
    api.post("/api/v1/auth/password/reset").json(body).await.expect(204);
    let asked = try_login(&api, &user.email, "a whole new password").await.expect(200);
    assert_eq!(asked["status"], "mfa_required");
    answer_with(&api, asked["mfaToken"].as_str().unwrap(), &authenticator.next().await).await.expect(200);
}

async fn a_challenge_dies_with_the_password(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, codes) = user.second_factor().await;
    let token = challenge(&user.api, &user.email).await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" });
    user.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    answer_with(&user.api, &token, &authenticator.next().await).await.problem(401, "invalid_mfa_token");
    answer_with(&user.api, &token, &codes[0]).await.problem(401, "invalid_mfa_token");
}

async fn nothing_is_pending(host: Host) {
    let user = User::verified(&host).await;
    let confirm = user.api.post("/api/v1/auth/mfa/totp/confirm").json(json!({ "code": "123456" }));
    confirm.await.problem(409, "mfa_not_enabled");
    let body = json!({ "password": PASSWORD });
    user.api.delete("/api/v1/auth/mfa/totp").json(body.clone()).await.problem(409, "mfa_not_enabled");
    user.api.post("/api/v1/auth/mfa/recovery-codes").json(body).await.problem(409, "mfa_not_enabled");
}

async fn a_key_has_no_second_factor(host: Host) {
    let user = User::verified(&host).await;
    let key = user.key_client(&["models:write"]).await;
    key.post("/api/v1/auth/mfa/totp").await.problem(403, "user_token_required");
    let body = json!({ "password": PASSWORD });
    key.delete("/api/v1/auth/mfa/totp").json(body.clone()).await.problem(403, "user_token_required");
    key.post("/api/v1/auth/mfa/recovery-codes").json(body).await.problem(403, "user_token_required");
    user.api.anonymous().post("/api/v1/auth/mfa/totp").await.problem(401, "missing_credentials");
}
