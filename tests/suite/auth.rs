//! Accounts: registering, verifying, logging in and out.

use std::time::Duration;

use aibaas_tests::{
    Answer, Client, User, cases,
    fixtures::{PASSWORD, links, new_address, token_in, try_login, unique},
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
    a_strangers_registration_gets_nothing,
    a_web_page_asks_for_the_password,
    nothing_that_a_stranger_chose_is_mailed,
    domains_are_names_of_the_dns,
    names_are_seen,
    verification_is_single_use_under_concurrency,
    verification_refuses_unknown_tokens,
    a_mail_scanner_consumes_nothing,
    resending_answers_the_same,
    login_needs_a_verified_address,
    login_tells_nothing_about_accounts,
    access_token_has_the_documented_claims,
    logout_ends_the_access_token_at_once,
    logout_takes_the_refresh_token_alone,
    bad_bearer_tokens;
MovesTime:
    passwords_of_a_link_are_guessed_slowly,
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
        let body = json!({ "token": token, "password": PASSWORD });
        let answer = host.client().post("/api/v1/auth/verify-email").json(body).await;
        if answer.status == 200 {
            accounts.insert(answer.value()["user"]["id"].to_string());
        }
    }
    assert_eq!(accounts.len(), 1, "{accounts:?}");
    User::login(&host.client(), &email).await;
}

async fn verify(api: &Client, token: &str, password: Option<&str>) -> Answer {
    let mut body = json!({ "token": token });
    if let Some(password) = password {
        body["password"] = json!(password);
    }
    api.anonymous().post("/api/v1/auth/verify-email").json(body).await
}

/// Registers the address once more; the token of the link that was mailed.
async fn register_again(host: &Host, api: &Client, email: &str, password: &str, mails: usize) -> String {
    let known = links(host, email, "verify-email", 0).await;
    api.post("/api/v1/auth/register").json(json!({ "email": email, "password": password })).await.expect(202);
    let links = links(host, email, "verify-email", mails).await;
    links.into_iter().find(|token| !known.contains(token)).expect("another link")
}

const STRANGERS: &str = "somebody else's password";

/// Each registration stands for itself, be it from one network, as behind a carrier's NAT.
async fn a_link_sets_the_password_of_its_own_registration(host: Host) {
    for owner_first in [true, false] {
        let (api, email) = (host.client(), new_address());
        let mut links = Vec::new();
        let passwords = if owner_first { [PASSWORD, STRANGERS] } else { [STRANGERS, PASSWORD] };
        for (n, password) in passwords.into_iter().enumerate() {
            links.push(register_again(&host, &api, &email, password, n + 1).await);
        }
        let (owners, strangers) = if owner_first { (&links[0], &links[1]) } else { (&links[1], &links[0]) };
        // Whoever opens the mail of the other registration knows another password than it was made with.
        for token in &links {
            verify(&api, token, None).await.refused("/password", "required");
        }
        verify(&api, strangers, Some(PASSWORD)).await.problem(403, "incorrect_password");
        verify(&api, owners, Some(STRANGERS)).await.problem(403, "incorrect_password");
        for password in [PASSWORD, STRANGERS] {
            assert_ne!(try_login(&api, &email, password).await.status, 200);
        }
        let user = verify(&api, owners, Some(PASSWORD)).await.expect(200);
        assert_eq!((&user["user"]["email"], &user["user"]["emailVerified"]), (&json!(email), &json!(true)));
        for password in [None, Some(STRANGERS), Some(PASSWORD)] {
            verify(&api, strangers, password).await.problem(400, "invalid_or_expired_token");
        }
        try_login(&api, &email, STRANGERS).await.problem(401, "invalid_credentials");
        try_login(&api, &email, PASSWORD).await.expect(200);
    }
}

/// Somebody registers a stranger's address, who follows the link without having registered.
async fn a_strangers_registration_gets_nothing(host: Host) {
    let (api, email) = (host.client(), new_address());
    let token = register_again(&host, &api, &email, STRANGERS, 1).await;
    for guess in [PASSWORD, "whatever comes to mind"] {
        verify(&api, &token, Some(guess)).await.problem(403, "incorrect_password");
    }
    try_login(&api, &email, STRANGERS).await.problem(403, "email_not_verified");
    // They want an account after all, and owe nothing to that registration.
    let own = register_again(&host, &api, &email, PASSWORD, 2).await;
    verify(&api, &own, Some(PASSWORD)).await.expect(200);
    try_login(&api, &email, STRANGERS).await.problem(401, "invalid_credentials");
    assert_eq!(User::login(&api, &email).await["user"]["fullName"], Value::Null);
}

/// A person who clicks may be anybody who got the mail: a front end sends what they type.
async fn a_web_page_asks_for_the_password(host: Host) {
    let api = host.client();
    let email = User::unverified(&api).await;
    let token = User::verification_token(&host, &email).await;
    for origin in ["http://localhost:3000", "https://somewhere.example", "null"] {
        let post = api.post("/api/v1/auth/verify-email").header("Origin", origin).json(json!({ "token": token }));
        post.await.refused("/password", "required");
    }
    let post = api.post("/api/v1/auth/verify-email").header("Origin", "http://localhost:3000");
    post.json(json!({ "token": token, "password": PASSWORD })).await.expect(200);
    let unknown = api.post("/api/v1/auth/verify-email").header("Origin", "http://localhost:3000");
    unknown.json(json!({ "token": token })).await.problem(400, "invalid_or_expired_token");
    User::login(&api, &email).await;
}

async fn passwords_of_a_link_are_guessed_slowly(host: Host) {
    let api = host.client();
    let email = User::unverified(&api).await;
    let token = User::verification_token(&host, &email).await;
    host.stop_time().await;
    let answers = join_all((0..16).map(|_| verify(&api, &token, Some("not the password at all")))).await;
    let (checked, refused) = answers.iter().partition::<Vec<_>, _>(|answer| answer.status == 403);
    checked.iter().for_each(|answer| drop(answer.problem(403, "incorrect_password")));
    refused.iter().for_each(|answer| drop(answer.problem(429, "too_many_attempts")));
    assert_eq!(checked.len(), 5);
    host.advance(Duration::from_secs(1)).await;
    verify(&api, &token, Some(PASSWORD)).await.expect(200);
}

async fn nothing_that_a_stranger_chose_is_mailed(host: Host) {
    let (api, email) = (host.client(), new_address());
    let chosen = ["evil。example", "Ursula Unmistakable", "UnmistakableAgent/1.0"];
    let register = |name: &'static str| {
        let body = json!({ "email": email, "password": PASSWORD, "fullName": name });
        api.post("/api/v1/auth/register").header("User-Agent", chosen[2]).json(body)
    };
    register(chosen[0]).await.expect(202);
    register(chosen[1]).await.expect(202);
    let resend = api.post("/api/v1/auth/resend-verification").header("User-Agent", chosen[2]);
    resend.json(json!({ "email": email })).await.expect(202);
    let forgot = api.post("/api/v1/auth/password/forgot").header("User-Agent", chosen[2]);
    forgot.json(json!({ "email": email })).await.expect(202);
    let user = User::verified(&host).await;
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": chosen[0] })).await.expect(200);
    let body = json!({ "newEmail": email, "password": PASSWORD });
    user.api.post("/api/v1/users/me/email").header("User-Agent", chosen[2]).json(body).await.expect(202);
    for mail in host.mails_to(&email, 5).await {
        let whole = mail.to_string();
        for text in chosen.iter().chain([&user.email.as_str()]) {
            assert!(!whole.contains(text), "{text} in {whole}");
        }
    }
}

async fn domains_are_names_of_the_dns(host: Host) {
    let local = unique("person");
    let register = |email: String| {
        host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD }))
    };
    for domain in [
        "localhost",
        "127.0.0.1",
        "[127.0.0.1]",
        "[IPv6:::1]",
        "example",
        "example.1",
        "example.c",
        "example..com",
        ".example.com",
        "example.com.",
        "-a.example.com",
        "a-.example.com",
        "ex_ample.com",
        "xn--.example.com",
        "ab--cd.example.com",
        "evil。example",
        "ｅxample.com",
        "exаmple.com",
        "exa\u{200b}mple.com",
        "exa mple.com",
    ] {
        register(format!("{local}@{domain}")).await.refused("/email", "invalid_email");
    }
    register(format!("{local}@{}.com", "a".repeat(64))).await.refused("/email", "invalid_email");
    // The sign of the unit kelvin is no k.
    register(format!("\u{212a}{local}@example.com")).await.refused("/email", "invalid_email");
    for domain in ["XN--MLLER-KVA.example.com", "a-b.1.example.co.uk", "mail.xn--p1ai"] {
        let answer = register(format!("{local}@{domain}")).await.expect(202);
        assert_eq!(answer["email"], format!("{local}@{domain}").to_lowercase(), "one spelling");
    }
}

async fn names_are_seen(host: Host) {
    let user = User::verified(&host).await;
    let rename = |name: &str| user.api.patch("/api/v1/users/me").json(json!({ "fullName": name }));
    for name in
        ["", " ", "\u{200b}\u{2060}", "\u{3164}", "\u{2800}\u{2800}", "Ada\u{202e}ecalevoL", "\u{2067}Ada", "a\tb"]
    {
        rename(name).await.refused("/fullName", "invalid_name");
    }
    for name in ["李雷", "نازنین\u{200c}زهرا", "\u{1f469}\u{200d}\u{1f4bb} Ada"] {
        assert_eq!(rename(name).await.expect(200)["fullName"], name);
    }
    let key =
        |name: &str| user.api.post("/api/v1/api-keys").json(json!({ "name": name, "scopes": ["leaderboard:read"] }));
    for name in ["\u{200b}", "\u{3164}\u{115f}", "two\nlines", "\u{202e}yek"] {
        key(name).await.refused("/name", "invalid_value");
    }
    key("Rechner №7").await.expect(201);
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
