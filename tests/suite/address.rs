//! What a mailed link proves: resetting the password, changing the address, and the pages behind the links.

use aibaas_tests::{
    Answer, Client, User, cases,
    fixtures::{PASSWORD, links, new_address, try_login},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    reset_sets_a_new_password,
    reset_is_single_use_under_concurrency,
    reset_ends_the_other_links,
    reset_links_die_with_the_password,
    a_refused_password_leaves_the_link,
    forgetting_answers_the_same,
    reset_proves_the_address,
    links_do_one_thing,
    the_address_changes_by_a_link,
    changing_the_address_needs_the_password,
    a_taken_address_answers_the_same,
    changing_the_address_is_single_use_under_concurrency,
    two_people_race_for_an_address,
    an_address_registered_meanwhile_is_taken,
    older_links_die_with_the_address,
    a_change_of_password_ends_a_change_of_address,
    the_change_of_address_is_undone,
    an_undone_change_leaves_a_thief_nothing,
    undoing_is_single_use_under_concurrency,
    the_old_address_is_kept,
    pages_are_safe,
    a_page_verifies_an_address,
    a_page_resets_a_password,
    a_page_confirms_an_address,
    a_page_undoes_a_change;
MovesTime:
    a_thiefs_second_factor_goes,
];

async fn forgot(api: &Client, email: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/password/forgot").json(json!({ "email": email })).await
}

async fn reset(api: &Client, token: &str, password: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/password/reset").json(json!({ "token": token, "password": password })).await
}

/// Asks for a reset and reads the mail.
async fn reset_token(host: &Host, email: &str) -> String {
    forgot(&host.client(), email).await.expect(202);
    links(host, email, "reset-password", 1).await.remove(0)
}

async fn ask_for(user: &User, new_email: &str, password: &str) -> Answer {
    user.api.post("/api/v1/users/me/email").json(json!({ "newEmail": new_email, "password": password })).await
}

async fn confirm(api: &Client, token: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/confirm-email").json(json!({ "token": token })).await
}

/// Asks for another address and reads the mail.
async fn change_token(host: &Host, user: &User, new_email: &str) -> String {
    ask_for(user, new_email, PASSWORD).await.expect(202);
    links(host, new_email, "confirm-email", 1).await.remove(0)
}

async fn reset_sets_a_new_password(host: Host) {
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    let answer = forgot(&host.client(), &user.email).await;
    assert_eq!(answer.expect(202), json!({ "status": "reset_requested", "email": user.email }));
    let token = links(&host, &user.email, "reset-password", 1).await.remove(0);
    assert!(token.len() >= 43, "256 bits");
    // Asking changes nothing.
    user.assert_live().await;
    let api = host.client();
    reset(&api, &token, "a whole new password").await.expect(204);
    user.assert_ended().await;
    other.assert_ended().await;
    try_login(&user.api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
    try_login(&api, &user.email, "a whole new password").await.expect(200);
    reset(&api, &token, "another new password").await.problem(400, "invalid_or_expired_token");
    for unknown in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &"y".repeat(5000)] {
        reset(&api, unknown, "another new password").await.problem(400, "invalid_or_expired_token");
    }
}

async fn reset_is_single_use_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    let token = reset_token(&host, &user.email).await;
    let password = |n: usize| format!("the winner takes it all {n}");
    let use_it = |n: usize| {
        let (api, token) = (host.client(), token.clone());
        async move { reset(&api, &token, &password(n)).await }
    };
    let answers = join_all((0..16).map(use_it)).await;
    let won = (0..16).filter(|n| answers[*n].status == 204).collect::<Vec<_>>();
    assert_eq!(won.len(), 1, "{won:?}");
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        answer.problem(400, "invalid_or_expired_token");
    }
    try_login(&user.api, &user.email, &password(won[0])).await.expect(200);
}

async fn reset_ends_the_other_links(host: Host) {
    let user = User::verified(&host).await;
    forgot(&host.client(), &user.email).await.expect(202);
    forgot(&host.client(), &user.email).await.expect(202);
    let tokens = links(&host, &user.email, "reset-password", 2).await;
    assert_ne!(tokens[0], tokens[1]);
    let api = host.client();
    reset(&api, &tokens[0], "a whole new password").await.expect(204);
    reset(&api, &tokens[1], "another new password").await.problem(400, "invalid_or_expired_token");
    try_login(&api, &user.email, "a whole new password").await.expect(200);
}

async fn reset_links_die_with_the_password(host: Host) {
    let user = User::verified(&host).await;
    let token = reset_token(&host, &user.email).await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" });
    user.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    reset(&host.client(), &token, "another new password").await.problem(400, "invalid_or_expired_token");
    try_login(&user.api, &user.email, "a whole new password").await.expect(200);
}

async fn a_refused_password_leaves_the_link(host: Host) {
    let user = User::verified(&host).await;
    let token = reset_token(&host, &user.email).await;
    let api = host.client();
    for _ in 0..3 {
        reset(&api, &token, "short").await.refused("/password", "password_too_short");
    }
    user.assert_live().await;
    reset(&api, &token, "a whole new password").await.expect(204);
}

async fn forgetting_answers_the_same(host: Host) {
    let verified = User::verified(&host).await.email;
    let unverified = User::unverified(&host.client()).await;
    let unknown = format!("x{}", &verified[1..]);
    let known = forgot(&host.client(), &verified).await;
    for address in [&unverified, &unknown] {
        let answer = forgot(&host.client(), address).await;
        answer.expect(202);
        assert_eq!(answer.text(), known.text().replace(&verified, address), "byte for byte");
        assert_eq!(answer.comparable_headers(), known.comparable_headers());
    }
    forgot(&host.client(), "no address").await.invalid("/email");
    links(&host, &verified, "reset-password", 1).await;
    assert_eq!(host.mails_to(&unknown, 0).await, Vec::<Value>::new(), "a stranger's address is not written to");
}

/// Whoever has the mail has proved the address, and owes nothing to whoever registered it.
async fn reset_proves_the_address(host: Host) {
    let email = User::unverified(&host.client()).await;
    let api = host.client();
    let token = reset_token(&host, &email).await;
    reset(&api, &token, "a whole new password").await.expect(204);
    let tokens = try_login(&api, &email, "a whole new password").await.expect(200);
    assert_eq!(tokens["user"]["emailVerified"], true);
    let verification = links(&host, &email, "verify-email", 1).await.remove(0);
    let late = api.post("/api/v1/auth/verify-email").json(json!({ "token": verification })).await;
    late.problem(400, "invalid_or_expired_token");
    try_login(&api, &email, PASSWORD).await.problem(401, "invalid_credentials");
}

/// A token is good for what it was mailed for.
async fn links_do_one_thing(host: Host) {
    let (user, api) = (User::verified(&host).await, host.client());
    let unverified = User::unverified(&host.client()).await;
    let verification = links(&host, &unverified, "verify-email", 1).await.remove(0);
    let resetting = reset_token(&host, &user.email).await;
    let new_email = new_address();
    let changing = change_token(&host, &user, &new_email).await;
    let verify = |token: &str| api.post("/api/v1/auth/verify-email").json(json!({ "token": token }));
    for token in [&resetting, &changing] {
        verify(token).await.problem(400, "invalid_or_expired_token");
    }
    for token in [&verification, &changing] {
        reset(&api, token, "a whole new password").await.problem(400, "invalid_or_expired_token");
    }
    for token in [&verification, &resetting] {
        confirm(&api, token).await.problem(400, "invalid_or_expired_token");
    }
    // And is none the worse for having been tried.
    verify(&verification).await.expect(200);
    confirm(&api, &changing).await.expect(200);
}

async fn the_address_changes_by_a_link(host: Host) {
    let user = User::verified(&host).await;
    let (api, new_email) = (host.client(), new_address());
    let answer = ask_for(&user, &new_email.to_uppercase(), PASSWORD).await.expect(202);
    assert_eq!(answer, json!({ "status": "confirmation_required", "email": new_email }));
    let token = links(&host, &new_email, "confirm-email", 1).await.remove(0);
    // The old address is told, and can do nothing with what it is told.
    let notice = &host.mails_to(&user.email, 2).await[0];
    assert!(!notice["text"].as_str().unwrap().contains("token="), "{notice}");
    // Until the link is used nothing is different.
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["email"], *user.email);
    try_login(&api, &new_email, PASSWORD).await.problem(401, "invalid_credentials");

    let changed = confirm(&api, &token).await.expect(200);
    assert_eq!((&changed["user"]["email"], &changed["user"]["emailVerified"]), (&json!(new_email), &json!(true)));
    assert_eq!(changed["user"]["id"], user.id());
    confirm(&api, &token).await.problem(400, "invalid_or_expired_token");
    let tokens = try_login(&api, &new_email, PASSWORD).await.expect(200);
    assert_eq!(tokens["user"]["id"], user.id());
    try_login(&api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
    let me = api.with(tokens["accessToken"].as_str().unwrap()).get("/api/v1/users/me").await.expect(200);
    assert_eq!(me["email"], *new_email);
    let refresh = api.post("/api/v1/auth/refresh").json(json!({ "refreshToken": tokens["refreshToken"] }));
    assert_eq!(refresh.await.expect(200)["user"]["email"], *new_email);

    // Now the old address can undo it, and its mail does not tell where the account is.
    let mail = &host.mails_to(&user.email, 3).await[0];
    assert!(mail["text"].as_str().unwrap().contains("undo-email-change?token="), "{mail}");
    assert!(!mail.to_string().contains(&new_email), "{mail}");
}

async fn undo(api: &Client, token: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/undo-email-change").json(json!({ "token": token })).await
}

/// Moves the person's account to another address; the token of the link that undoes it, and the new address.
async fn moved(host: &Host, user: &User) -> (String, String) {
    let new_email = new_address();
    let token = change_token(host, user, &new_email).await;
    confirm(&host.client(), &token).await.expect(200);
    (links(host, &user.email, "undo-email-change", 1).await.remove(0), new_email)
}

/// The newest link that sets a password and was mailed to the address when its change was undone.
async fn choose_password(host: &Host, email: &str, password: &str) {
    let token = links(host, email, "reset-password", 1).await.remove(0);
    reset(&host.client(), &token, password).await.expect(204);
}

async fn the_change_of_address_is_undone(host: Host) {
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    let (token, new_email) = moved(&host, &user).await;
    let api = host.client();
    let restored = undo(&api, &token).await.expect(200);
    assert_eq!((&restored["user"]["id"], &restored["user"]["email"]), (&json!(user.id()), &json!(user.email)));
    user.assert_ended().await;
    other.assert_ended().await;
    undo(&api, &token).await.problem(400, "invalid_or_expired_token");
    for email in [&user.email, &new_email] {
        try_login(&api, email, PASSWORD).await.problem(401, "invalid_credentials");
    }
    // The other address is told, and cannot come back by what it is told.
    let told = &host.mails_to(&new_email, 2).await[0];
    assert!(!told["text"].as_str().unwrap().contains("token="), "{told}");
    choose_password(&host, &user.email, "a whole new password").await;
    let tokens = try_login(&api, &user.email, "a whole new password").await.expect(200);
    assert_eq!(tokens["user"]["id"], user.id());
    let me = api.with(tokens["accessToken"].as_str().unwrap());
    let events = me.get("/api/v1/users/me/audit-log?limit=100").await.expect(200);
    assert!(events["data"].as_array().unwrap().iter().any(|event| event["event"] == "email_change_undone"), "{events}");
    for unknown in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &"y".repeat(5000)] {
        undo(&api, unknown).await.problem(400, "invalid_or_expired_token");
    }
}

/// A thief with the session and the password moves the account twice, changes the password and asks for links.
async fn an_undone_change_leaves_a_thief_nothing(host: Host) {
    let user = User::verified(&host).await;
    let api = host.client();
    let (owners, second) = moved(&host, &user).await;
    let third = new_address();
    // From another network, since mails asked for are counted by these.
    let mut thief = user.clone();
    thief.api = host.client().with(user.api.credential().unwrap());
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "the thief's own password" });
    thief.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    ask_for(&thief, &third, "the thief's own password").await.expect(202);
    let changing = links(&host, &third, "confirm-email", 1).await.remove(0);
    confirm(&api, &changing).await.expect(200);
    let thiefs = links(&host, &second, "undo-email-change", 1).await.remove(0);
    let fourth = new_address();
    ask_for(&thief, &fourth, "the thief's own password").await.expect(202);
    let pending = links(&host, &fourth, "confirm-email", 1).await.remove(0);
    let resetting = reset_token(&host, &third).await;

    let restored = undo(&api, &owners).await.expect(200);
    assert_eq!(restored["user"]["email"], *user.email);
    thief.assert_ended().await;
    undo(&api, &thiefs).await.problem(400, "invalid_or_expired_token");
    confirm(&api, &pending).await.problem(400, "invalid_or_expired_token");
    reset(&api, &resetting, "the thief's next password").await.problem(400, "invalid_or_expired_token");
    for email in [&user.email, &second, &third, &fourth] {
        try_login(&api, email, "the thief's own password").await.problem(401, "invalid_credentials");
    }
    choose_password(&host, &user.email, PASSWORD).await;
    assert_eq!(User::login(&api, &user.email).await["user"]["id"], user.id());
}

async fn undoing_is_single_use_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    let (token, _) = moved(&host, &user).await;
    let use_it = || async { undo(&host.client(), &token).await };
    let answers = join_all((0..16).map(|_| use_it())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(400, "invalid_or_expired_token");
    }
    assert_eq!(links(&host, &user.email, "reset-password", 1).await.len(), 1);
}

/// What a thief set up to keep the owner out goes; recovery codes with it.
async fn a_thiefs_second_factor_goes(host: Host) {
    let user = User::verified(&host).await;
    let (_, codes) = user.second_factor().await;
    let new_email = new_address();
    let body = json!({ "newEmail": new_email, "password": PASSWORD, "code": codes[0] });
    user.api.post("/api/v1/users/me/email").json(body).await.expect(202);
    let token = links(&host, &new_email, "confirm-email", 1).await.remove(0);
    confirm(&host.client(), &token).await.expect(200);
    let owners = links(&host, &user.email, "undo-email-change", 1).await.remove(0);
    let restored = undo(&host.client(), &owners).await.expect(200);
    assert_eq!(restored["user"]["mfaEnabled"], false);
    choose_password(&host, &user.email, PASSWORD).await;
    User::login(&host.client(), &user.email).await;
}

/// While the change can be undone nobody else gets the address, and nobody can tell.
async fn the_old_address_is_kept(host: Host) {
    let user = User::verified(&host).await;
    let (token, _) = moved(&host, &user).await;
    let api = host.client();
    let register =
        |email: &str| api.post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD }));
    let free_address = format!("x{}", &user.email[1..]);
    let free = register(&free_address).await;
    let kept = register(&user.email).await;
    assert_eq!(kept.text(), free.text().replace(&free_address, &user.email), "byte for byte");
    assert_eq!(kept.comparable_headers(), free.comparable_headers());
    // Those of the registration, the request, the change, and that somebody wanted it.
    let told = &host.mails_to(&user.email, 4).await[0];
    assert!(!told["text"].as_str().unwrap().contains("token="), "{told}");
    try_login(&api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
    // Nor is another account moved there.
    let stranger = User::verified(&host).await;
    ask_for(&stranger, &user.email, PASSWORD).await.expect(202);
    host.mails_to(&user.email, 5).await;
    assert_eq!(links(&host, &user.email, "confirm-email", 0).await, Vec::<String>::new());
    // Its own account may come back the ordinary way; the link goes on.
    let mut owner = user.clone();
    owner.api = host.client().with(user.api.credential().unwrap());
    let back = change_token(&host, &owner, &user.email).await;
    assert_eq!(confirm(&api, &back).await.expect(200)["user"]["email"], *user.email);
    assert_eq!(undo(&api, &token).await.expect(200)["user"]["id"], user.id());
}

async fn changing_the_address_needs_the_password(host: Host) {
    let mut user = User::verified(&host).await;
    let new_email = new_address();
    ask_for(&user, &new_email, "not the password at all").await.problem(403, "incorrect_password");
    ask_for(&user, "no address", PASSWORD).await.invalid("/newEmail");
    for (pointer, body) in
        [("/password", json!({ "newEmail": new_email })), ("/newEmail", json!({ "password": PASSWORD }))]
    {
        user.api.post("/api/v1/users/me/email").json(body).await.invalid(pointer);
    }
    // From another network, since mails asked for are counted by these.
    user.api = host.client().with(user.api.credential().unwrap());
    let key = user.key_client(&["models:write"]).await;
    let body = json!({ "newEmail": new_email, "password": PASSWORD });
    key.post("/api/v1/users/me/email").json(body.clone()).await.problem(403, "user_token_required");
    user.api.anonymous().post("/api/v1/users/me/email").json(body).await.problem(401, "missing_credentials");
    assert_eq!(host.mails_to(&new_email, 0).await.len(), 0, "nobody is written to");
    confirm(&user.api, "x").await.problem(400, "invalid_or_expired_token");
}

async fn a_taken_address_answers_the_same(host: Host) {
    let (user, owner) = (User::verified(&host).await, User::verified(&host).await);
    let free_address = format!("x{}", &owner.email[1..]);
    let free = ask_for(&user, &free_address, PASSWORD).await;
    let taken = ask_for(&user, &owner.email, PASSWORD).await;
    assert_eq!(taken.expect(202), json!({ "status": "confirmation_required", "email": owner.email }));
    assert_eq!(taken.text(), free.text().replace(&free_address, &owner.email), "byte for byte");
    assert_eq!(taken.comparable_headers(), free.comparable_headers());
    // Its owner is told, and nothing has changed.
    let told = &host.mails_to(&owner.email, 2).await[0];
    assert!(!told["text"].as_str().unwrap().contains("token="), "{told}");
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["email"], *user.email);
    assert_eq!(User::login(&host.client(), &owner.email).await["user"]["id"], owner.id());
}

async fn changing_the_address_is_single_use_under_concurrency(host: Host) {
    let user = User::verified(&host).await;
    let new_email = new_address();
    let token = change_token(&host, &user, &new_email).await;
    let use_it = || async { confirm(&host.client(), &token).await };
    let answers = join_all((0..16).map(|_| use_it())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(400, "invalid_or_expired_token");
    }
    try_login(&user.api, &new_email, PASSWORD).await.expect(200);
}

async fn two_people_race_for_an_address(host: Host) {
    let people = [User::verified(&host).await, User::verified(&host).await];
    let new_email = new_address();
    for person in &people {
        ask_for(person, &new_email, PASSWORD).await.expect(202);
    }
    let tokens = links(&host, &new_email, "confirm-email", 2).await;
    let api = host.client();
    let answers = join_all(tokens.iter().map(|token| confirm(&api, token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{} {}", answers[0], answers[1]);
    answers.iter().find(|answer| answer.status != 200).unwrap().problem(409, "email_taken");
    let owner = User::login(&api, &new_email).await["user"]["id"].clone();
    for person in &people {
        let email = person.api.get("/api/v1/users/me").await;
        let expected = if owner == person.id() { &new_email } else { &person.email };
        if email.status == 200 {
            assert_eq!(email.value()["email"], **expected);
        }
    }
}

async fn an_address_registered_meanwhile_is_taken(host: Host) {
    let user = User::verified(&host).await;
    let (api, new_email) = (host.client(), new_address());
    let token = change_token(&host, &user, &new_email).await;
    let body = json!({ "email": new_email, "password": PASSWORD });
    api.post("/api/v1/auth/register").json(body).await.expect(202);
    let verification = links(&host, &new_email, "verify-email", 1).await.remove(0);
    api.post("/api/v1/auth/verify-email").json(json!({ "token": verification })).await.expect(200);
    confirm(&api, &token).await.problem(409, "email_taken");
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["email"], *user.email);
    assert_ne!(User::login(&api, &new_email).await["user"]["id"], user.id());
}

async fn older_links_die_with_the_address(host: Host) {
    let user = User::verified(&host).await;
    let (api, first, second) = (host.client(), new_address(), new_address());
    let older = change_token(&host, &user, &first).await;
    let newer = change_token(&host, &user, &second).await;
    let resetting = reset_token(&host, &user.email).await;
    confirm(&api, &newer).await.expect(200);
    confirm(&api, &older).await.problem(400, "invalid_or_expired_token");
    // What was mailed to the old address is of no use to whoever reads that.
    reset(&api, &resetting, "a whole new password").await.problem(400, "invalid_or_expired_token");
    assert_eq!(User::login(&api, &second).await["user"]["id"], user.id());
}

async fn a_change_of_password_ends_a_change_of_address(host: Host) {
    let user = User::verified(&host).await;
    let new_email = new_address();
    let token = change_token(&host, &user, &new_email).await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" });
    user.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    confirm(&host.client(), &token).await.problem(400, "invalid_or_expired_token");
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["email"], *user.email);
}

const PAGES: [&str; 4] = ["verify-email", "reset-password", "confirm-email", "undo-email-change"];

/// Checks what every page behind a link promises.
#[track_caller]
fn assert_safe(page: &Answer) {
    assert_eq!(page.media_type(), Some("text/html"), "{page}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{page}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"), "{page}");
    let policy = page.header("content-security-policy").expect("a CSP");
    let directives = policy.split(';').map(str::trim).collect::<Vec<_>>();
    for directive in ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(directives.contains(&directive), "{directive} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
    assert!(directives.iter().all(|directive| !directive.starts_with("script")), "{policy}");
    let html = page.text().to_lowercase();
    assert!(!html.contains("<script") && !html.contains("javascript:"), "{page}");
    for attribute in ["src=\"", "href=\"", "action=\""] {
        for value in html.split(attribute).skip(1) {
            let local = value.starts_with('/') && !value.starts_with("//")
                || value.starts_with('#')
                || value.starts_with("data:,\"");
            assert!(local, "something of another origin: {attribute}{}", value.split('"').next().unwrap_or_default());
        }
    }
}

/// Fills the page's form and sends it as a browser does.
async fn submit(api: &Client, page: &Answer, password: Option<&str>) -> Answer {
    let html = page.text();
    let form = html.split("<form").nth(1).expect("a form").split("</form").next().unwrap_or_default();
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        rest.split('"').next().map(|value| value.replace("&amp;", "&"))
    };
    let opening = form.split('>').next().unwrap_or_default();
    assert!(attribute(opening, "method").is_some_and(|method| method.eq_ignore_ascii_case("post")), "{opening}");
    let action = attribute(opening, "action").expect("an action");
    assert!(form.contains("<button"), "{form}");
    let mut fields = Vec::new();
    for input in form.split("<input").skip(1) {
        let tag = input.split('>').next().unwrap_or_default();
        let name = attribute(tag, "name").expect("a name");
        let value = match attribute(tag, "type").as_deref() {
            Some("password") => password.expect("a password to fill in").to_owned(),
            _ => attribute(tag, "value").unwrap_or_default(),
        };
        fields.push(format!("{name}={}", form_encoded(&value)));
    }
    let request = api.anonymous().post(&action).header("Accept", "text/html").header("Origin", api.host().url());
    request.body("application/x-www-form-urlencoded", fields.join("&")).await
}

fn form_encoded(value: &str) -> String {
    let encoded = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        _ if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encoded).collect()
}

async fn pages_are_safe(host: Host) {
    let api = host.client();
    for page in PAGES {
        let get = |token: &str| api.get(format!("/api/v1/auth/{page}?token={token}")).header("Accept", "text/html");
        let answer = get("%22%3E%3Cscript%3Ealert(1)%3C/script%3E%3Cimg%20src=x%3E").await;
        assert_safe(&answer);
        assert!(!answer.text().contains("<img"), "{answer}");
        // What no link holds ends nowhere.
        for token in ["unknown", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let answer = get(token).await;
            assert_safe(&answer);
            let sent = submit(&api, &answer, Some("a whole new password")).await;
            assert_eq!(sent.status, 400, "{sent}");
            assert_safe(&sent);
        }
        api.get(format!("/api/v1/auth/{page}")).await.problem(400, "malformed_request");
        // A page of another origin sends no form of ours unseen: nothing but the token is taken.
        let json = api.post(format!("/api/v1/auth/{page}/confirm")).json(json!({ "token": "x" })).await;
        assert_eq!(json.status, 415, "{json}");
    }
}

async fn a_page_verifies_an_address(host: Host) {
    let api = host.client();
    let email = User::unverified(&api).await;
    let token = links(&host, &email, "verify-email", 1).await.remove(0);
    let page = api.get(format!("/api/v1/auth/verify-email?token={token}")).await;
    assert_safe(&page);
    try_login(&api, &email, PASSWORD).await.problem(403, "email_not_verified");
    let wrong = submit(&api, &page, Some("not the password at all")).await;
    assert_eq!(wrong.status, 403, "{wrong}");
    assert_safe(&wrong);
    try_login(&api, &email, PASSWORD).await.problem(403, "email_not_verified");
    let sent = submit(&api, &wrong, Some(PASSWORD)).await;
    sent.expect(200);
    assert_safe(&sent);
    try_login(&api, &email, PASSWORD).await.expect(200);
    let again = submit(&api, &page, Some(PASSWORD)).await;
    assert_eq!(again.status, 400, "{again}");
    assert_safe(&again);
}

async fn a_page_resets_a_password(host: Host) {
    let user = User::verified(&host).await;
    let api = host.client();
    let token = reset_token(&host, &user.email).await;
    let get = || api.get(format!("/api/v1/auth/reset-password?token={token}"));
    for _ in 0..3 {
        assert_safe(&get().await);
    }
    user.assert_live().await;
    let refused = submit(&api, &get().await, Some("short")).await;
    assert_eq!(refused.status, 422, "{refused}");
    assert_safe(&refused);
    user.assert_live().await;
    let password = "ä new & better=password+100%";
    let sent = submit(&api, &get().await, Some(password)).await;
    sent.expect(200);
    assert_safe(&sent);
    user.assert_ended().await;
    try_login(&api, &user.email, password).await.expect(200);
    assert_eq!(submit(&api, &get().await, Some(password)).await.status, 400);
}

async fn a_page_confirms_an_address(host: Host) {
    let user = User::verified(&host).await;
    let (api, new_email) = (host.client(), new_address());
    let token = change_token(&host, &user, &new_email).await;
    let page = api.get(format!("/api/v1/auth/confirm-email?token={token}")).await;
    assert_safe(&page);
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["email"], *user.email);
    let sent = submit(&api, &page, None).await;
    sent.expect(200);
    assert_safe(&sent);
    assert_eq!(User::login(&api, &new_email).await["user"]["id"], user.id());
    assert_eq!(submit(&api, &page, None).await.status, 400);
}

async fn a_page_undoes_a_change(host: Host) {
    let user = User::verified(&host).await;
    let (token, new_email) = moved(&host, &user).await;
    let api = host.client();
    let page = api.get(format!("/api/v1/auth/undo-email-change?token={token}")).await;
    assert_safe(&page);
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["email"], *new_email, "reading it does nothing");
    let sent = submit(&api, &page, None).await;
    sent.expect(200);
    assert_safe(&sent);
    user.assert_ended().await;
    assert_eq!(submit(&api, &page, None).await.status, 400);
}
