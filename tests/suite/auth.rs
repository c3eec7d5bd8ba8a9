//! Accounts: registering, verifying, logging in and out.

use aibaas_tests::{
    Answer, User, cases,
    fixtures::{PASSWORD, new_address, token_in},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    main_job,
    register_answers_the_same,
    register_tells_an_existing_account_by_mail,
    register_checks_its_body,
    addresses_differ_by_more_than_case,
    concurrent_registrations_make_one_account,
    a_link_sets_the_password_of_its_own_registration,
    verification_is_single_use_under_concurrency,
    verification_refuses_unknown_tokens,
    a_mail_scanner_consumes_nothing,
    resending_answers_the_same,
    login_needs_a_verified_address,
    login_tells_nothing_about_accounts,
    access_token_has_the_documented_claims,
    logout_ends_the_access_token_at_once,
    logout_takes_the_refresh_token_alone,
    bad_bearer_tokens,
];

async fn main_job(host: Host) {
    let api = host.client();
    let email = new_address();
    let body = json!({ "email": email, "password": PASSWORD, "fullName": "Grace Hopper" });
    let registered = api.post("/api/v1/auth/register").json(body).await.expect(202);
    assert_eq!(registered, json!({ "status": "verification_required", "email": email }));

    let mails = host.mails_to(&email, 1).await;
    let token = token_in(mails[0]["text"].as_str().unwrap());
    assert!(mails[0]["html"].as_str().unwrap().contains(&token), "the HTML part has the same link");
    assert!(!mails[0]["subject"].as_str().unwrap().is_empty());
    let verified = api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
    assert_eq!(verified["user"]["email"], *email);
    assert_eq!(verified["user"]["emailVerified"], true);

    let answer = api.post("/api/v1/auth/login").json(json!({ "email": email, "password": PASSWORD })).await;
    let tokens = answer.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!((&tokens["tokenType"], &tokens["expiresIn"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(tokens["refreshExpiresIn"], 2_592_000);

    let me = api.with(tokens["accessToken"].as_str().unwrap());
    let user = me.get("/api/v1/users/me").await.expect(200);
    assert_eq!(user, tokens["user"]);
    assert_eq!(
        (&user["fullName"], &user["role"], &user["mfaEnabled"]),
        (&json!("Grace Hopper"), &json!("user"), &json!(false))
    );
    assert!(user["createdAt"].as_str().unwrap().ends_with('Z'));

    let changed = me.patch("/api/v1/users/me").json(json!({ "fullName": "Rear Admiral Hopper" })).await.expect(200);
    assert_eq!(changed["fullName"], "Rear Admiral Hopper");

    let refreshed =
        api.post("/api/v1/auth/refresh").json(json!({ "refreshToken": tokens["refreshToken"] })).await.expect(200);
    assert_eq!(refreshed["user"]["fullName"], "Rear Admiral Hopper");
    assert_ne!(refreshed["refreshToken"], tokens["refreshToken"]);
    let me = api.with(refreshed["accessToken"].as_str().unwrap());
    me.post("/api/v1/auth/logout").await.expect(204);
    me.get("/api/v1/users/me").await.problem(401, "session_revoked");
}

async fn register(host: &Host, email: &str) -> Answer {
    host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await
}

async fn register_answers_the_same(host: Host) {
    let email = User::verified(&host).await.email;
    let existing = register(&host, &email).await;
    let unverified = User::unverified(&host.client()).await;
    let pending = register(&host, &unverified).await;
    // An address of the same length, so that the lengths agree as well.
    let fresh_email = format!("x{}", &email[1..]);
    let fresh = register(&host, &fresh_email).await;
    for (answer, address) in [(&existing, &email), (&pending, &unverified), (&fresh, &fresh_email)] {
        answer.expect(202);
        assert_eq!(answer.text(), fresh.text().replace(&fresh_email, address), "byte for byte");
    }
    assert_eq!(existing.comparable_headers(), fresh.comparable_headers());
    // The account that was there is untouched.
    User::login(&host.client(), &email).await;
}

async fn register_tells_an_existing_account_by_mail(host: Host) {
    let email = User::verified(&host).await.email;
    register(&host, &email).await.expect(202);
    let mails = host.mails_to(&email, 2).await;
    assert_ne!(mails[0]["subject"], mails[1]["subject"], "the second mail says that the account exists");
    assert!(!mails[0]["text"].as_str().unwrap().contains("verify-email?token="));
}

async fn register_checks_its_body(host: Host) {
    for (pointer, body) in [
        ("/email", json!({ "email": "no address", "password": PASSWORD })),
        ("/email", json!({ "email": "", "password": PASSWORD })),
        ("/email", json!({ "email": "two@example.com,three@example.com", "password": PASSWORD })),
        ("/email", json!({ "email": "line\nbreak@example.com", "password": PASSWORD })),
        ("/email", json!({ "email": format!("{}@example.com", "a".repeat(300)), "password": PASSWORD })),
        ("/email", json!({ "password": PASSWORD })),
        ("/password", json!({ "email": new_address() })),
        ("/password", json!({ "email": new_address(), "password": "seven77" })),
        ("/password", json!({ "email": new_address(), "password": "x".repeat(129) })),
        ("/password", json!({ "email": "someone.special@example.com", "password": "someone.special@example.com" })),
        ("/password", json!({ "email": new_address(), "password": "Ada Lovelace", "fullName": "Ada Lovelace" })),
        ("/fullName", json!({ "email": new_address(), "password": PASSWORD, "fullName": "x".repeat(1001) })),
        ("/fullName", json!({ "email": new_address(), "password": PASSWORD, "fullName": 7 })),
        ("/role", json!({ "email": new_address(), "password": PASSWORD, "role": "admin" })),
    ] {
        host.client().post("/api/v1/auth/register").json(body).await.invalid(pointer);
    }
}

async fn addresses_differ_by_more_than_case(host: Host) {
    let user = User::verified(&host).await;
    let shouted = user.email.to_uppercase();
    register(&host, &shouted).await.expect(202);
    let tokens = User::login(&host.client(), &shouted).await;
    assert_eq!(tokens["user"]["id"], user.tokens["user"]["id"], "one account, whatever the case");
}

async fn concurrent_registrations_make_one_account(host: Host) {
    let email = new_address();
    let answers = join_all((0..16).map(|_| register(&host, &email))).await;
    answers.iter().for_each(|answer| drop(answer.expect(202)));
    let texts = answers.iter().map(Answer::text).collect::<std::collections::HashSet<_>>();
    assert_eq!(texts.len(), 1, "{texts:?}");
    // Every link that was mailed leads to the same account, or is dead by now.
    let mut accounts = std::collections::HashSet::new();
    for mail in host.mails_to(&email, 1).await {
        let Some((_, _)) = mail["text"].as_str().unwrap().split_once("token=") else { continue };
        let token = token_in(mail["text"].as_str().unwrap());
        let answer = host.client().post("/api/v1/auth/verify-email").json(json!({ "token": token })).await;
        if answer.status == 200 {
            accounts.insert(answer.value()["user"]["id"].to_string());
        }
    }
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    User::login(&host.client(), &email).await;
}

/// Whoever registers a stranger's address, before or after them, gets nothing by it.
async fn a_link_sets_the_password_of_its_own_registration(host: Host) {
    let (api, email) = (host.client(), new_address());
    let register = |password: &'static str| {
        api.post("/api/v1/auth/register").json(json!({ "email": email, "password": password }))
    };
    register("the owner's password").await.expect(202);
    let owners = token_in(host.mails_to(&email, 1).await[0]["text"].as_str().unwrap());
    register("somebody else's password").await.expect(202);
    let mails = host.mails_to(&email, 2).await;
    let others =
        mails.iter().map(|mail| token_in(mail["text"].as_str().unwrap())).find(|token| *token != owners).unwrap();

    let verify = |token: String| api.post("/api/v1/auth/verify-email").json(json!({ "token": token }));
    verify(owners).await.expect(200);
    verify(others).await.problem(400, "invalid_or_expired_token");
    let login =
        |password: &'static str| api.post("/api/v1/auth/login").json(json!({ "email": email, "password": password }));
    login("somebody else's password").await.problem(401, "invalid_credentials");
    login("the owner's password").await.expect(200);
}

async fn verification_is_single_use_under_concurrency(host: Host) {
    let email = User::unverified(&host.client()).await;
    let token = User::verification_token(&host, &email).await;
    let verify = || async { host.client().post("/api/v1/auth/verify-email").json(json!({ "token": token })).await };
    let answers = join_all((0..16).map(|_| verify())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(400, "invalid_or_expired_token");
    }
    verify().await.problem(400, "invalid_or_expired_token");
}

async fn verification_refuses_unknown_tokens(host: Host) {
    let api = host.client();
    for token in [
        "",
        "x",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "../../etc/passwd",
        "%00",
        "ünïcode",
        &"y".repeat(5000),
    ] {
        let answer = api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await;
        answer.problem(400, "invalid_or_expired_token");
    }
}

async fn a_mail_scanner_consumes_nothing(host: Host) {
    let api = host.client();
    let email = User::unverified(&api).await;
    let token = User::verification_token(&host, &email).await;
    for _ in 0..3 {
        let page = api.get(format!("/api/v1/auth/verify-email?token={token}")).header("Accept", "text/html").await;
        page.expect(200);
        assert_eq!(page.media_type(), Some("text/html"));
        assert!(page.text().contains("<button"), "{page}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
    api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
    // What a link carries is shown to nobody's advantage.
    let page = api.get("/api/v1/auth/verify-email?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(!page.text().contains("<script>alert(1)"), "{page}");
}

async fn resending_answers_the_same(host: Host) {
    let api = host.client();
    let resend = |email: String| api.post("/api/v1/auth/resend-verification").json(json!({ "email": email }));
    let pending = User::unverified(&api).await;
    let verified = User::verified(&host).await.email;
    let (first, second, third) = (resend(pending.clone()).await, resend(verified).await, resend(new_address()).await);
    for answer in [&first, &second, &third] {
        answer.expect(202);
        assert_eq!(answer.comparable_headers(), first.comparable_headers());
    }
    let mails = host.mails_to(&pending, 2).await;
    let token = token_in(mails[0]["text"].as_str().unwrap());
    api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
}

async fn login_needs_a_verified_address(host: Host) {
    let api = host.client();
    let email = User::unverified(&api).await;
    let login = |password: &str| api.post("/api/v1/auth/login").json(json!({ "email": email, "password": password }));
    login(PASSWORD).await.problem(403, "email_not_verified");
    login("not the password at all").await.problem(401, "invalid_credentials");
}

async fn login_tells_nothing_about_accounts(host: Host) {
    let user = User::verified(&host).await;
    let login = |email: String, password: &str| {
        host.client().post("/api/v1/auth/login").json(json!({ "email": email, "password": password }))
    };
    let without_id = |answer: &Answer| {
        let mut problem = answer.problem(401, "invalid_credentials");
        problem.as_object_mut().unwrap().remove("requestId");
        problem
    };
    let wrong = login(user.email.clone(), "not the password at all").await;
    let nobody = login(new_address(), "not the password at all").await;
    assert_eq!(without_id(&wrong), without_id(&nobody));
    login("no address".to_owned(), PASSWORD).await.problem(401, "invalid_credentials");
}

async fn access_token_has_the_documented_claims(host: Host) {
    let user = User::verified(&host).await;
    let token = user.tokens["accessToken"].as_str().unwrap();
    let parts = token.split('.').map(decoded).collect::<Vec<_>>();
    assert_eq!(parts.len(), 3);
    assert_eq!((&parts[0]["alg"], &parts[0]["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
    assert!(parts[0]["kid"].is_string());
    let claims = &parts[1];
    assert_eq!(claims["sub"], user.tokens["user"]["id"]);
    assert_eq!((&claims["email"], &claims["role"]), (&json!(user.email), &json!("user")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    for claim in ["iss", "aud", "sid", "jti"] {
        assert!(claims[claim].as_str().is_some_and(|value| !value.is_empty()), "{claim} in {claims}");
    }
}

/// A part of a JWT; null where it is no JSON.
fn decoded(part: &str) -> Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url")).unwrap_or(Value::Null)
}

async fn logout_ends_the_access_token_at_once(host: Host) {
    let user = User::verified(&host).await;
    let other = User::login(&user.api, &user.email).await;
    user.api.post("/api/v1/auth/logout").await.expect(204);
    user.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
    let refresh = user.api.anonymous().post("/api/v1/auth/refresh");
    refresh.json(json!({ "refreshToken": user.refresh_token() })).await.problem(401, "session_revoked");
    // Another session of the same person goes on.
    user.api.with(other["accessToken"].as_str().unwrap()).get("/api/v1/users/me").await.expect(200);
}

async fn logout_takes_the_refresh_token_alone(host: Host) {
    let user = User::verified(&host).await;
    let logout =
        || user.api.anonymous().post("/api/v1/auth/logout").json(json!({ "refreshToken": user.refresh_token() }));
    logout().await.expect(204);
    user.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
    user.api.anonymous().post("/api/v1/auth/logout").await.problem(401, "missing_credentials");
}

async fn bad_bearer_tokens(host: Host) {
    let user = User::verified(&host).await;
    let api = user.api.anonymous();
    api.get("/api/v1/users/me").await.problem(401, "missing_credentials");
    let token = user.tokens["accessToken"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let flip = |text: &str| format!("{}{}", if text.starts_with('A') { 'B' } else { 'A' }, &text[1..]);
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let forged = |header: Value| format!("{}.{claims}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()));
    let mut admin = decoded(claims);
    admin["role"] = json!("admin");
    let tokens = [
        "x".to_owned(),
        "a.b.c".to_owned(),
        "..".to_owned(),
        format!("{signed}.{}", flip(signature)),
        format!("{signed}."),
        signed.to_owned(),
        format!("{token}.{signature}"),
        format!("{header}.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(admin.to_string())),
        forged(json!({ "alg": "none", "typ": "at+jwt" })),
        forged(json!({ "alg": "HS256", "typ": "at+jwt", "kid": decoded(header)["kid"] })),
        forged(json!({ "alg": "EdDSA", "typ": "JWT", "kid": decoded(header)["kid"] })),
        forged(json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "nobody" })),
        "y".repeat(6000),
        user.refresh_token().to_owned(),
    ];
    for token in tokens {
        api.with(&token).get("/api/v1/users/me").await.problem(401, "invalid_token");
    }
    let basic = api.get("/api/v1/users/me").header("Authorization", "Basic dXNlcjpwYXNz").await;
    assert_eq!(basic.status, 401, "{basic}");
}
