//! Passwords: what is refused, what is not, how they change, and what a range API is told of them.

use aibaas_tests::{
    Answer, User, cases,
    fixtures::{PASSWORD, links, new_address, try_login},
    host::{Host, Kind},
    provider::sha1,
};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

cases![
    KeepsMail:
        passwords_have_a_length,
        a_password_can_be_seen,
        common_passwords_are_refused,
        personal_passwords_are_refused,
        no_composition_is_asked_for,
        two_keyboards_agree,
        a_password_is_taken_whole,
        changing_needs_the_password,
        changing_ends_the_other_sessions,
        changing_may_keep_the_other_sessions,
        the_same_rules_hold_everywhere,
        a_refused_password_is_no_guess,
        changes_at_once_agree,
        no_session_outlives_its_password;
    SendsMail:
        a_breached_password_is_refused,
        a_range_api_that_is_down_stops_nobody;
];

async fn register(host: &Host, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password, "fullName": "Ada Lovelace" });
    host.client().post("/api/v1/auth/register").json(body).await
}

async fn change(user: &User, current: &str, new: &str) -> Answer {
    let body = json!({ "currentPassword": current, "newPassword": new });
    user.api.post("/api/v1/auth/password/change").json(body).await
}

async fn passwords_have_a_length(host: Host) {
    for (password, code) in [
        ("", "password_too_short"),
        ("sh0rt-1", "password_too_short"),
        ("🦀🦀🦀🦀🦀🦀🦀", "password_too_short"),
        // Seven characters once composed.
        ("a\u{300}e\u{301}i\u{302}o\u{303}u\u{308}nz", "password_too_short"),
        (&"7q".repeat(65), "password_too_long"),
        (&"é1".repeat(65), "password_too_long"),
    ] {
        register(&host, &new_address(), password).await.refused("/password", code);
    }
    for password in [
        "eight-8!".to_owned(),
        "🦀🐙🦑🐡🐠🐟🐬🐳".to_owned(),
        "0123456789 abcdefghij ".repeat(3),
        "7q".repeat(64),
        // 128 once composed.
        "e\u{301}".repeat(128),
    ] {
        register(&host, &new_address(), &password).await.expect(202);
    }
}

async fn a_password_can_be_seen(host: Host) {
    let user = User::verified(&host).await;
    for invisible in [
        " ".repeat(8),
        "\u{a0}\u{3000}\u{2003}\t".repeat(3),
        "\u{200b}\u{200d}\u{2060}\u{feff}".repeat(2),
        "\u{3164}\u{ffa0}\u{115f}\u{2800}".repeat(2),
        "\u{202e}\u{ad}\u{e0061}\u{fe0f}".repeat(4),
    ] {
        register(&host, &new_address(), &invisible).await.refused("/password", "password_invisible");
        change(&user, PASSWORD, &invisible).await.refused("/newPassword", "password_invisible");
    }
    register(&host, &new_address(), "\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}!").await.expect(202);
}

async fn common_passwords_are_refused(host: Host) {
    for password in
        ["password", "12345678", "password123", "iloveyou1", "qwertyuiop", "1q2w3e4r5t", "football", "PASSWORD"]
    {
        register(&host, &new_address(), password).await.refused("/password", "password_too_common");
    }
}

async fn personal_passwords_are_refused(host: Host) {
    let email = new_address();
    let local = email.split('@').next().unwrap();
    for password in [email.as_str(), local, &local.to_uppercase(), "Ada Lovelace", "ada lovelace"] {
        register(&host, &email, password).await.refused("/password", "password_too_similar");
    }
    // The service's own name, and nothing else.
    register(&host, &email, "aibaas-2026").await.refused("/password", "password_too_common");
}

async fn no_composition_is_asked_for(host: Host) {
    for password in [
        "only lower case words",
        "NOTHING BUT CAPITALS HERE",
        "905 137 264 880",
        "пароль без латиницы",
        "密码不需要拉丁字母吗",
        "\u{1f469}\u{200d}\u{1f4bb} and <b>\"quotes\"</b> 'OR 1=1;--",
        "  spaces around it  ",
    ] {
        let email = new_address();
        register(&host, &email, password).await.expect(202);
        let token = links(&host, &email, "verify-email", 1).await.remove(0);
        let api = host.client();
        api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
        try_login(&api, &email, password).await.expect(200);
    }
}

async fn two_keyboards_agree(host: Host) {
    let (composed, decomposed) = ("caf\u{e9} \u{c5}ngstr\u{f6}m \u{fb01}ve", "cafe\u{301} A\u{30a}ngstro\u{308}m five");
    for (set, typed) in [(composed, decomposed), (decomposed, composed)] {
        let email = new_address();
        register(&host, &email, set).await.expect(202);
        let token = links(&host, &email, "verify-email", 1).await.remove(0);
        let api = host.client();
        api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
        try_login(&api, &email, typed).await.expect(200);
        try_login(&api, &email, set).await.expect(200);
        try_login(&api, &email, "cafe Angstrom five").await.problem(401, "invalid_credentials");
    }
}

async fn a_password_is_taken_whole(host: Host) {
    let user = User::verified(&host).await;
    let long = format!("{} the end", "long words and spaces ".repeat(5));
    change(&user, PASSWORD, &long).await.expect(204);
    for wrong in [long.trim_end_matches(" the end"), &long.to_uppercase(), &format!("{long} "), &long[..72]] {
        try_login(&user.api, &user.email, wrong).await.problem(401, "invalid_credentials");
    }
    try_login(&user.api, &user.email, &long).await.expect(200);
}

async fn changing_needs_the_password(host: Host) {
    let user = User::verified(&host).await;
    change(&user, "not the password at all", "a whole new password").await.problem(403, "incorrect_password");
    change(&user, "", "a whole new password").await.problem(403, "incorrect_password");
    let post = |body: Value| user.api.post("/api/v1/auth/password/change").json(body);
    post(json!({ "newPassword": "a whole new password" })).await.invalid("/currentPassword");
    post(json!({ "currentPassword": PASSWORD })).await.invalid("/newPassword");
    user.api
        .anonymous()
        .post("/api/v1/auth/password/change")
        .json(json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" }))
        .await
        .problem(401, "missing_credentials");
    let key = user.key_client(&["models:write"]).await;
    key.post("/api/v1/auth/password/change")
        .json(json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password" }))
        .await
        .problem(403, "user_token_required");
    user.login_from(&user.api).await;
}

async fn changing_ends_the_other_sessions(host: Host) {
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    change(&user, PASSWORD, "a whole new password").await.expect(204);
    other.assert_ended().await;
    user.assert_live().await;
    let refresh = user.api.anonymous().post("/api/v1/auth/refresh");
    refresh.json(json!({ "refreshToken": user.refresh_token() })).await.expect(200);
    try_login(&user.api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
    try_login(&user.api, &user.email, "a whole new password").await.expect(200);
    // The owner is told, without a link that a thief could use.
    let mails = host.mails_to(&user.email, 2).await;
    assert!(!mails[0]["text"].as_str().unwrap().contains("token="), "{}", mails[0]);
}

async fn changing_may_keep_the_other_sessions(host: Host) {
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    let body =
        json!({ "currentPassword": PASSWORD, "newPassword": "a whole new password", "revokeOtherSessions": false });
    user.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    other.assert_live().await;
    user.assert_live().await;
}

async fn the_same_rules_hold_everywhere(host: Host) {
    let user = User::verified(&host).await;
    let forgot = user.api.anonymous().post("/api/v1/auth/password/forgot");
    forgot.json(json!({ "email": user.email })).await.expect(202);
    let token = links(&host, &user.email, "reset-password", 1).await.remove(0);
    for (password, code) in [
        ("sh0rt-1", "password_too_short"),
        (&"7q".repeat(65), "password_too_long"),
        ("password123", "password_too_common"),
        (&user.email, "password_too_similar"),
        ("Ada Lovelace", "password_too_similar"),
    ] {
        change(&user, PASSWORD, password).await.refused("/newPassword", code);
        let reset = user.api.anonymous().post("/api/v1/auth/password/reset");
        reset.json(json!({ "token": token, "password": password })).await.refused("/password", code);
    }
    user.login_from(&user.api).await;
}

/// Whoever gave the present password guessed nothing, whatever was wrong with the new one.
async fn a_refused_password_is_no_guess(host: Host) {
    let user = User::verified(&host).await;
    for _ in 0..7 {
        change(&user, PASSWORD, "short").await.refused("/newPassword", "password_too_short");
    }
    change(&user, PASSWORD, "a whole new password").await.expect(204);
}

async fn changes_at_once_agree(host: Host) {
    let user = User::verified(&host).await;
    let mut sessions = vec![user.clone()];
    for _ in 0..3 {
        sessions.push(user.login_from(&host.client()).await);
    }
    let password = |n: usize| format!("a whole new password, number {n}");
    let answers = join_all((0..8).map(|n| {
        let (session, password) = (&sessions[n % 4], password(n));
        async move { change(session, PASSWORD, &password).await }
    }));
    let answers = answers.await;
    let won = (0..8).filter(|n| answers[*n].status == 204).collect::<Vec<_>>();
    assert_eq!(won.len(), 1, "{won:?}");
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        let code = answer.value()["code"].clone();
        assert!(code == "incorrect_password" || code == "session_revoked", "{answer}");
    }
    try_login(&user.api, &user.email, &password(won[0])).await.expect(200);
    try_login(&user.api, &user.email, &password((won[0] + 1) % 8)).await.problem(401, "invalid_credentials");
    for (n, session) in sessions.iter().enumerate() {
        match n == won[0] % 4 {
            true => session.assert_live().await,
            false => session.assert_ended().await,
        }
    }
}

/// Logins that were under way while the password changed.
async fn no_session_outlives_its_password(host: Host) {
    let user = User::verified(&host).await;
    let logins = join_all((0..5).map(|_| try_login(&user.api, &user.email, PASSWORD)));
    let refreshes = join_all((0..3).map(|_| {
        let refresh = user.api.anonymous().post("/api/v1/auth/refresh");
        let request = refresh.json(json!({ "refreshToken": user.refresh_token() }));
        async move { request.await }
    }));
    let other = user.login_from(&host.client()).await;
    let (changed, (logins, refreshes)) =
        join(change(&other, PASSWORD, "a whole new password"), join(logins, refreshes)).await;
    changed.expect(204);
    for answer in logins.iter().chain(&refreshes) {
        if answer.status == 200 {
            let api = user.api.with(answer.value()["accessToken"].as_str().unwrap());
            api.get("/api/v1/users/me").await.problem(401, "session_revoked");
        } else {
            assert_eq!(answer.status, 401, "{answer}");
        }
    }
    let sessions = other.api.get("/api/v1/auth/sessions").await.expect(200);
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1, "{sessions}");
}

async fn a_breached_password_is_refused(host: Host) {
    let (breached, sound) = ("an unlucky pass phrase 4711", "another phrase, not unlucky 4711");
    host.provider().breach(breached);
    register(&host, &new_address(), breached).await.refused("/password", "password_breached");
    let user = User::verified(&host).await;
    change(&user, PASSWORD, breached).await.refused("/newPassword", "password_breached");
    change(&user, PASSWORD, sound).await.expect(204);

    for password in [breached, sound] {
        let calls = host.provider().ranges_of(password);
        assert!(!calls.is_empty(), "{password:?} is looked up");
        let hash = sha1(password);
        let (prefix, suffix) = hash.split_at(5);
        for call in calls {
            assert_eq!(call.what, format!("GET /range/{prefix}"), "five characters of the hash and nothing more");
            assert_eq!(call.body, Value::Null);
            for (name, value) in &call.headers {
                let value = value.to_ascii_uppercase();
                assert!(
                    !value.contains(suffix) && !value.contains(&user.email.to_ascii_uppercase()),
                    "{name}: {value}"
                );
            }
            assert_eq!(call.headers.get("add-padding").map(String::as_str), Some("true"));
            if host.kind() != Kind::Native {
                // The native host is told the provider's address; the others call it by its name.
                assert_eq!(call.headers["host"], "api.pwnedpasswords.com");
            }
        }
    }
}

async fn a_range_api_that_is_down_stops_nobody(host: Host) {
    let password = "the service is down tonight 81";
    host.provider().breach(password);
    host.provider().fail_range(password);
    register(&host, &new_address(), password).await.expect(202);
    assert!(host.provider().ranges_of(password).iter().all(|call| call.answered == 500));
    assert!(!host.provider().ranges_of(password).is_empty());
}
