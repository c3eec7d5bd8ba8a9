//! Sessions: listing and ending them; refresh tokens: rotation, the grace period, reuse, and the cookie.

use std::time::Duration;

use aibaas_tests::{Answer, Client, Request, User, cases, fixtures::PASSWORD, host::Host};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![
    KeepsMail:
        refresh_rotates,
        an_older_token_ends_the_session,
        refresh_refuses_what_is_no_token,
        cookie_mode_keeps_the_refresh_token_from_scripts,
        cookie_calls_need_an_allowed_origin,
        a_cookie_login_ends_the_session_that_it_replaces,
        two_refresh_cookies_are_refused,
        a_page_asks_whether_there_is_a_session,
        a_cookie_that_cannot_arrive_is_told,
        a_reused_token_is_told_by_mail,
        sessions_are_listed,
        sessions_have_pages,
        one_session_ends,
        another_persons_session_is_not_found,
        the_other_sessions_end,
        a_session_ends_once,
        sessions_are_a_persons_business;
    MovesTime:
        a_lost_reply_gets_the_current_tokens,
        the_grace_period_ends,
        concurrent_refreshes_agree,
        refreshing_makes_no_second_session,
        a_refresh_is_a_use,
        an_unused_session_ends,
        asking_for_the_session_decides_as_the_refresh;
];

const ORIGIN: &str = "http://localhost:3000";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

async fn refresh(api: &Client, token: &Value) -> Answer {
    api.anonymous().post("/api/v1/auth/refresh").json(json!({ "refreshToken": token })).await
}

async fn refresh_rotates(host: Host) {
    let user = User::verified(&host).await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let second = refresh(&user.api, &first["refreshToken"]).await.expect(200);
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    assert_ne!(first["accessToken"], second["accessToken"]);
    user.api.with(second["accessToken"].as_str().unwrap()).get("/api/v1/users/me").await.expect(200);
    // The session is the same one: its earlier access tokens live on until they expire.
    user.api.get("/api/v1/users/me").await.expect(200);
}

async fn a_lost_reply_gets_the_current_tokens(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let again = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    assert_eq!(first["refreshToken"], again["refreshToken"]);
    refresh(&user.api, &again["refreshToken"]).await.expect(200);
}

async fn an_older_token_ends_the_session(host: Host) {
    let user = User::verified(&host).await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let second = refresh(&user.api, &first["refreshToken"]).await.expect(200);
    refresh(&user.api, &user.tokens["refreshToken"]).await.problem(401, "session_revoked");
    refresh(&user.api, &second["refreshToken"]).await.problem(401, "session_revoked");
    user.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
    host.mails_to(&user.email, 2).await;
    // The account itself is untouched.
    User::login(&user.api, &user.email).await;
}

async fn the_grace_period_ends(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    host.advance(Duration::from_millis(9_999)).await;
    let again = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    assert_eq!(again["refreshToken"], first["refreshToken"]);
    host.advance(Duration::from_millis(2)).await;
    refresh(&user.api, &user.tokens["refreshToken"]).await.problem(401, "session_revoked");
    refresh(&user.api, &first["refreshToken"]).await.problem(401, "session_revoked");
}

async fn concurrent_refreshes_agree(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let answers = join_all((0..8).map(|_| refresh(&user.api, &user.tokens["refreshToken"]))).await;
    let tokens = answers.iter().map(|answer| answer.expect(200)["refreshToken"].to_string());
    assert_eq!(tokens.collect::<std::collections::HashSet<_>>().len(), 1, "all get the one current token");
}

async fn refresh_refuses_what_is_no_token(host: Host) {
    let user = User::verified(&host).await;
    let genuine = user.refresh_token();
    let flipped = format!("{}{}", &genuine[..genuine.len() - 2], if genuine.ends_with("AA") { "BB" } else { "AA" });
    for token in ["", "x", "a.b.c", &flipped, &"z".repeat(5000), user.tokens["accessToken"].as_str().unwrap()] {
        refresh(&user.api, &json!(token)).await.problem(401, "invalid_token");
    }
    user.api.anonymous().post("/api/v1/auth/refresh").await.problem(401, "missing_credentials");
    refresh(&user.api, &json!(genuine)).await.expect(200);
}

async fn cookie_mode_keeps_the_refresh_token_from_scripts(host: Host) {
    let user = User::verified(&host).await;
    let api = user.api.anonymous();
    let body = json!({ "email": user.email, "password": PASSWORD, "mode": "cookie" });
    api.post("/api/v1/auth/login").json(body.clone()).await.problem(403, "origin_not_allowed");
    let foreign = api.post("/api/v1/auth/login").json(body.clone()).header("Origin", "https://evil.example").await;
    foreign.problem(403, "origin_not_allowed");

    let login = api.post("/api/v1/auth/login").json(body).header("Origin", ORIGIN).await;
    assert!(login.expect(200).get("refreshToken").is_none());
    let cookie = refresh_cookie(&login);
    let refresh =
        |origin: &'static str| api.post("/api/v1/auth/refresh").header("Cookie", &cookie).header("Origin", origin);
    refresh("https://evil.example").await.problem(403, "origin_not_allowed");
    let refreshed = refresh(ORIGIN).await;
    assert!(refreshed.expect(200).get("refreshToken").is_none());
    let next = refresh_cookie(&refreshed);
    assert_ne!(next, cookie);

    let logout = api.post("/api/v1/auth/logout").header("Cookie", &next).header("Origin", ORIGIN).await;
    logout.expect(204);
    let cleared = logout.header("set-cookie").expect("the cookie is cleared");
    assert!(cleared.starts_with("__Secure-aibaas_refresh=;") && cleared.contains("Max-Age=0"), "{cleared}");
    let ended = api.post("/api/v1/auth/refresh").header("Cookie", &next).header("Origin", ORIGIN).await;
    ended.problem(401, "session_revoked");
}

/// The browser that logs in anew keeps one session; a stranger's cookie ends nothing.
async fn a_cookie_login_ends_the_session_that_it_replaces(host: Host) {
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    let login = |user: &User, cookie: &str| {
        let body = json!({ "email": user.email, "password": PASSWORD, "mode": "cookie" });
        let call = user.api.anonymous().post("/api/v1/auth/login").json(body);
        call.header("Origin", ORIGIN).header("Cookie", cookie)
    };
    let refresh = |cookie: &str| {
        let call = user.api.anonymous().post("/api/v1/auth/refresh");
        call.header("Cookie", cookie).header("Origin", ORIGIN)
    };
    let first = refresh_cookie(&login(&user, "other=1").await);
    let strangers = refresh_cookie(&login(&other, &first).await);
    refresh(&strangers).await.expect(200);
    let kept = refresh(&first).await;
    kept.expect(200);
    let second = login(&user, &refresh_cookie(&kept)).await;
    refresh(&refresh_cookie(&kept)).await.problem(401, "session_revoked");
    refresh(&refresh_cookie(&second)).await.expect(200);
    user.api.get("/api/v1/users/me").await.expect(200);
}

/// A neighbouring subdomain can put a cookie of its own beside ours; nothing tells which is which.
async fn two_refresh_cookies_are_refused(host: Host) {
    let (user, thief) = (User::verified(&host).await, User::verified(&host).await);
    let api = host.client();
    let login = |user: &User| {
        let body = json!({ "email": user.email, "password": PASSWORD, "mode": "cookie" });
        api.post("/api/v1/auth/login").json(body).header("Origin", ORIGIN)
    };
    let own = refresh_cookie(&login(&user).await);
    let tossed = refresh_cookie(&login(&thief).await);
    for (first, second) in [(&own, &tossed), (&tossed, &own), (&own, &own)] {
        let both = format!("theme=dark; {first}; {second}");
        for path in ["refresh", "logout"] {
            let call = || api.post(format!("/api/v1/auth/{path}")).header("Origin", ORIGIN);
            call().header("Cookie", &both).await.problem(400, "malformed_request");
            call().header("Cookie", first).header("Cookie", second).await.problem(400, "malformed_request");
        }
        login(&user).header("Cookie", &both).await.problem(400, "malformed_request");
    }
    // Nothing came of it.
    for cookie in [&own, &tossed] {
        api.post("/api/v1/auth/refresh").header("Cookie", cookie).header("Origin", ORIGIN).await.expect(200);
    }
}

/// The cookie of a session in cookie mode.
async fn cookie_of(user: &User) -> String {
    let body = json!({ "email": user.email, "password": PASSWORD, "mode": "cookie" });
    let login = user.api.anonymous().post("/api/v1/auth/login").json(body).header("Origin", ORIGIN).await;
    login.expect(200);
    refresh_cookie(&login)
}

async fn a_page_asks_whether_there_is_a_session(host: Host) {
    let user = User::verified(&host).await;
    let api = user.api.anonymous();
    let ask = || api.get("/api/v1/auth/session").header("Origin", ORIGIN);
    let none = |reason| json!({ "authenticated": false, "reason": reason, "detail": "log in" });
    assert_eq!(ask().await.expect(200), none("no_cookie"));
    assert_eq!(ask().header("Cookie", "__Secure-aibaas_refresh=x").await.expect(200), none("session_ended"));

    let cookie = cookie_of(&user).await;
    // A page of the API's own origin sends none with a GET.
    let own = api.get("/api/v1/auth/session").header("Cookie", &cookie).await;
    for answer in [ask().header("Cookie", &cookie).await, own] {
        let session = answer.expect(200);
        assert_eq!((&session["authenticated"], &session["user"]["email"]), (&json!(true), &json!(user.email)));
        assert!(session.get("accessToken").is_none(), "{session}");
        assert_eq!(answer.header("set-cookie"), None, "it changes nothing");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let refused =
        api.get("/api/v1/auth/session").header("Cookie", &cookie).header("Origin", "https://evil.example").await;
    refused.problem(403, "origin_not_allowed");
    assert_eq!(refused.header("access-control-allow-origin"), None);
    ask().header("Cookie", &format!("{cookie}; {cookie}")).await.problem(400, "malformed_request");
    // A token of another session with this one's signature.
    let id = |cookie: &str| cookie.split(['.', '=']).nth(1).expect("a session's id").to_owned();
    let other = cookie_of(&user).await;
    assert_ne!(id(&cookie), id(&other), "{cookie}");
    let forged = cookie.replace(&id(&cookie), &id(&other));
    assert_eq!(ask().header("Cookie", &forged).await.expect(200), none("session_ended"));

    api.post("/api/v1/auth/logout").header("Cookie", &cookie).header("Origin", ORIGIN).await.expect(204);
    assert_eq!(ask().header("Cookie", &cookie).await.expect(200), none("session_ended"));
    assert_eq!(ask().header("Cookie", &other).await.expect(200)["authenticated"], true);
}

/// Browsers keep and send no `SameSite=Lax` cookie for a page of another site, and say nothing.
async fn a_cookie_that_cannot_arrive_is_told(host: Host) {
    let user = User::verified(&host).await;
    let api = user.api.anonymous();
    let login = |mode: &str, site: &str| {
        let body = json!({ "email": user.email, "password": PASSWORD, "mode": mode });
        api.post("/api/v1/auth/login").json(body).header("Origin", ORIGIN).header("Sec-Fetch-Site", site)
    };
    let refused = login("cookie", "cross-site").await;
    let problem = refused.problem(403, "cross_site_cookie");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("localhost")), "{problem}");
    assert_eq!(refused.header("set-cookie"), None);
    for site in ["same-site", "same-origin", "none"] {
        refresh_cookie(&login("cookie", site).await);
    }
    login("token", "cross-site").await.expect(200);

    let cross = |call: Request| call.header("Origin", ORIGIN).header("Sec-Fetch-Site", "cross-site");
    let session = cross(api.get("/api/v1/auth/session")).await.expect(200);
    assert_eq!((&session["reason"], &session["detail"]), (&json!("cross_site"), &problem["detail"]));
    let missing = cross(api.post("/api/v1/auth/refresh")).await.problem(401, "missing_credentials");
    assert_eq!(missing["detail"], problem["detail"]);
}

async fn asking_for_the_session_decides_as_the_refresh(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let api = user.api.anonymous();
    let first = cookie_of(&user).await;
    let call = |cookie: &str, call: Request| call.header("Cookie", cookie).header("Origin", ORIGIN);
    let authenticated =
        async |cookie: &str| call(cookie, api.get("/api/v1/auth/session")).await.expect(200)["authenticated"] == true;
    let second = refresh_cookie(&call(&first, api.post("/api/v1/auth/refresh")).await);
    host.advance(Duration::from_secs(10)).await;
    assert!(authenticated(&first).await && authenticated(&second).await, "a second tab, within the grace");
    host.advance(Duration::from_millis(1)).await;
    assert!(!authenticated(&first).await, "a refresh with it would end the session");
    assert!(authenticated(&second).await, "asking ends nothing");
    host.advance(Duration::from_secs(7 * 86_400 - 11)).await;
    assert!(authenticated(&second).await);
    host.advance(Duration::from_secs(1)).await;
    assert!(!authenticated(&second).await, "unused for a week; asking was no use");
    call(&second, api.post("/api/v1/auth/refresh")).await.problem(401, "session_revoked");
}

/// The cookie as a browser sends it back, after checking its attributes.
fn refresh_cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/api/v1/auth"] {
        assert!(set.split("; ").any(|part| part == attribute), "{attribute} in {set}");
    }
    let pair = set.split(';').next().unwrap_or(set);
    assert!(pair.starts_with("__Secure-aibaas_refresh="), "{set}");
    pair.to_owned()
}

async fn cookie_calls_need_an_allowed_origin(host: Host) {
    let user = User::verified(&host).await;
    let api = user.api.anonymous();
    let body = json!({ "email": user.email, "password": PASSWORD, "mode": "cookie" });
    let login = api.post("/api/v1/auth/login").json(body).header("Origin", ORIGIN).await;
    let access = login.expect(200)["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(login.header("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(login.header("access-control-allow-credentials"), Some("true"));
    let cookie = refresh_cookie(&login);
    let set = login.header("set-cookie").unwrap();
    assert!(!set.to_ascii_lowercase().contains("domain="), "the cookie is this host's alone: {set}");
    let life = set.split("; ").find_map(|part| part.strip_prefix("Max-Age=")).expect("the cookie outlives the browser");
    assert!((1..=2_592_000).contains(&life.parse::<u32>().unwrap()), "{set}");

    for call in ["refresh", "logout"] {
        let path = format!("/api/v1/auth/{call}");
        let with_cookie = || api.post(&path).header("Cookie", &cookie);
        with_cookie().await.problem(403, "origin_not_allowed");
        for origin in
            ["https://evil.example", "null", "http://localhost:3000.evil.example", "http://app.localhost:3000"]
        {
            let refused = with_cookie().header("Origin", origin).await;
            refused.problem(403, "origin_not_allowed");
            assert!(refused.header("set-cookie").is_none(), "{refused}");
            assert!(refused.header("access-control-allow-origin").is_none(), "{refused}");
        }
    }
    // None of these ended or turned the session.
    let person = api.with(&access);
    person.get("/api/v1/users/me").await.expect(200);
    api.post("/api/v1/auth/refresh").header("Cookie", &cookie).header("Origin", ORIGIN).await.expect(200);
    let sessions = person.get("/api/v1/auth/sessions").await.expect(200);
    assert_eq!((&sessions["data"][0]["mode"], &sessions["data"][1]["mode"]), (&json!("cookie"), &json!("token")));
}

async fn refreshing_makes_no_second_session(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let answers = join_all((0..8).map(|_| refresh(&user.api, &user.tokens["refreshToken"]))).await;
    let current = answers[0].expect(200)["refreshToken"].clone();
    for answer in &answers {
        let access = answer.expect(200)["accessToken"].as_str().unwrap().to_owned();
        user.api.with(&access).get("/api/v1/users/me").await.expect(200);
    }
    assert_eq!(user.api.get("/api/v1/auth/sessions").await.expect(200)["data"].as_array().unwrap().len(), 1);
    refresh(&user.api, &current).await.expect(200);
    assert_eq!(host.mails_to(&user.email, 1).await.len(), 1, "nothing was amiss, nobody is warned");
}

async fn a_reused_token_is_told_by_mail(host: Host) {
    let user = User::verified(&host).await;
    let bystander = user.login_from(&host.client()).await;
    let first = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let second = refresh(&user.api, &first["refreshToken"]).await.expect(200);
    // Whoever stole the oldest one, several times at once.
    let thief = host.client();
    let answers = join_all((0..4).map(|_| refresh(&thief, &user.tokens["refreshToken"]))).await;
    answers.iter().for_each(|answer| drop(answer.problem(401, "session_revoked")));
    for tokens in [&user.tokens, &first, &second] {
        let api = user.api.with(tokens["accessToken"].as_str().unwrap());
        api.get("/api/v1/users/me").await.problem(401, "session_revoked");
    }
    bystander.assert_live().await;
    let sessions = bystander.api.get("/api/v1/auth/sessions").await.expect(200);
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1);
    // What asks for a mail is written with what caused it, so that there is no other one to come.
    let mails = host.mails_that(&user.email, 1, |text| text.contains("login credential")).await;
    assert_eq!(mails.len(), 1, "told once");
    assert!(!mails[0]["text"].as_str().unwrap().contains("token="), "{}", mails[0]);
}

async fn sessions_are_listed(host: Host) {
    let user = User::verified(&host).await;
    let elsewhere = host.client();
    let login = elsewhere.post("/api/v1/auth/login").header("User-Agent", FIREFOX);
    let tokens = login.json(json!({ "email": user.email, "password": PASSWORD })).await.expect(200);
    let other = elsewhere.with(tokens["accessToken"].as_str().unwrap());

    let answer = other.get("/api/v1/auth/sessions").await;
    let list = answer.expect(200);
    assert_eq!((list["data"].as_array().unwrap().len(), &list["nextCursor"]), (2, &Value::Null), "{list}");
    let (newest, oldest) = (&list["data"][0], &list["data"][1]);
    assert_eq!((&newest["current"], &oldest["current"]), (&json!(true), &json!(false)));
    assert_eq!(newest["userAgent"], FIREFOX);
    let device = newest["device"].as_str().unwrap();
    assert!(device.contains("Firefox") && device.contains("Linux"), "{device}");
    assert_eq!((&newest["mode"], &oldest["mode"]), (&json!("token"), &json!("token")));
    if let (Some(there), Some(here)) = (elsewhere.address(), user.api.address()) {
        assert_eq!(newest["ip"], there.to_string());
        assert_eq!(oldest["ip"], here.to_string());
    }
    for session in [newest, oldest] {
        let time = |name: &str| session[name].as_str().unwrap_or_else(|| panic!("{name} in {session}")).to_owned();
        assert!(time("createdAt") <= time("lastUsedAt") && time("lastUsedAt") < time("expiresAt"), "{session}");
    }
    for secret in [&tokens["refreshToken"], &tokens["accessToken"], &user.tokens["refreshToken"]] {
        assert!(!answer.text().contains(secret.as_str().unwrap()));
    }
    // Seen from the other end.
    assert_eq!(user.session_id().await, oldest["id"].as_str().unwrap());
    // Whoever has logged out is gone.
    other.post("/api/v1/auth/logout").await.expect(204);
    let list = user.api.get("/api/v1/auth/sessions").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["current"], true);
}

async fn a_refresh_is_a_use(host: Host) {
    let user = User::verified(&host).await;
    let used = || async {
        let list = user.api.get("/api/v1/auth/sessions").await.expect(200);
        (list["data"][0]["createdAt"].clone(), list["data"][0]["lastUsedAt"].as_str().unwrap().to_owned())
    };
    let (created, before) = used().await;
    host.advance(Duration::from_millis(50)).await;
    refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let (still, after) = used().await;
    assert!(after > before, "{after} after {before}");
    assert_eq!(still, created);
}

async fn an_unused_session_ends(host: Host) {
    let user = User::verified(&host).await;
    host.stop_time().await;
    let used = refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let unused = user.login_from(&host.client()).await;
    let id = unused.session_id().await;
    host.advance(Duration::from_millis(7 * 86_400_000 - 1)).await;
    let used = refresh(&user.api, &used["refreshToken"]).await.expect(200);
    let api = user.api.with(used["accessToken"].as_str().unwrap());
    let listed = || async { api.get("/api/v1/auth/sessions").await.expect(200)["data"].as_array().unwrap().len() };
    assert_eq!(listed().await, 2);
    host.advance(Duration::from_millis(1)).await;
    assert_eq!(listed().await, 1);
    api.delete(format!("/api/v1/auth/sessions/{id}")).await.problem(404, "not_found");
    refresh(&unused.api, &unused.tokens["refreshToken"]).await.problem(401, "session_revoked");
    refresh(&user.api, &used["refreshToken"]).await.expect(200);
}

async fn sessions_have_pages(host: Host) {
    let user = User::verified(&host).await;
    for _ in 0..4 {
        user.login_from(&user.api).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/auth/sessions?limit=2".to_owned());
    loop {
        let answer = user.api.get(&path).await;
        let page = answer.expect(200);
        seen.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        assert_eq!(page["data"].as_array().unwrap().len(), 2);
        assert!(answer.header("link").is_some_and(|link| link.contains("rel=\"next\"") && link.contains(cursor)));
        path = format!("/api/v1/auth/sessions?limit=2&cursor={cursor}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|one, next| one["createdAt"].as_str() >= next["createdAt"].as_str()), "newest first");
    let current = seen.iter().map(|session| session["current"] == true).collect::<Vec<_>>();
    assert_eq!(current, [false, false, false, false, true]);
    for query in ["limit=0", "limit=101", "limit=x", "cursor=nonsense"] {
        user.api.get(format!("/api/v1/auth/sessions?{query}")).await.problem(400, "malformed_request");
    }
}

async fn one_session_ends(host: Host) {
    let user = User::verified(&host).await;
    let (lost, kept) = (user.login_from(&host.client()).await, user.login_from(&host.client()).await);
    let path = format!("/api/v1/auth/sessions/{}", lost.session_id().await);
    user.api.delete(&path).await.expect(204);
    lost.assert_ended().await;
    user.assert_live().await;
    kept.assert_live().await;
    user.api.delete(&path).await.problem(404, "not_found");
    // One's own too.
    user.api.delete(format!("/api/v1/auth/sessions/{}", user.session_id().await)).await.expect(204);
    user.assert_ended().await;
    kept.assert_live().await;
}

async fn another_persons_session_is_not_found(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let path = format!("/api/v1/auth/sessions/{}", user.session_id().await);
    stranger.api.delete(&path).await.problem(404, "not_found");
    stranger.api.anonymous().delete(&path).await.problem(401, "missing_credentials");
    let unknown = "/api/v1/auth/sessions/01939f40-02b7-7a11-9c55-6d7e8f901234";
    stranger.api.delete(unknown).await.problem(404, "not_found");
    stranger.api.delete("/api/v1/auth/sessions/not-an-id").await.problem(404, "not_found");
    user.assert_live().await;
    refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    let seen = stranger.api.get("/api/v1/auth/sessions").await.expect(200);
    assert_eq!(seen["data"].as_array().unwrap().len(), 1, "nobody sees another's sessions");
}

async fn the_other_sessions_end(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let others = [user.login_from(&host.client()).await, user.login_from(&user.api).await];
    for _ in 0..2 {
        user.api.delete("/api/v1/auth/sessions").await.expect(204);
        for other in &others {
            other.assert_ended().await;
        }
        user.assert_live().await;
    }
    refresh(&user.api, &user.tokens["refreshToken"]).await.expect(200);
    stranger.assert_live().await;
    assert_eq!(user.api.get("/api/v1/auth/sessions").await.expect(200)["data"].as_array().unwrap().len(), 1);
}

async fn a_session_ends_once(host: Host) {
    let user = User::verified(&host).await;
    let lost = user.login_from(&user.api).await;
    let path = format!("/api/v1/auth/sessions/{}", lost.session_id().await);
    let end = || async { user.api.delete(&path).await };
    let answers = join_all((0..16).map(|_| end())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 204) {
        answer.problem(404, "not_found");
    }
    lost.assert_ended().await;
}

async fn sessions_are_a_persons_business(host: Host) {
    let user = User::verified(&host).await;
    let key = user.key_client(&["models:write"]).await;
    key.get("/api/v1/auth/sessions").await.problem(403, "user_token_required");
    key.delete("/api/v1/auth/sessions").await.problem(403, "user_token_required");
    key.delete(format!("/api/v1/auth/sessions/{}", user.session_id().await)).await.problem(403, "user_token_required");
    user.api.anonymous().get("/api/v1/auth/sessions").await.problem(401, "missing_credentials");
    user.api.anonymous().delete("/api/v1/auth/sessions").await.problem(401, "missing_credentials");
    user.assert_live().await;
}
