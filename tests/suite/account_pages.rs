//! `/account` in a browser without scripts: logging in and out, and what no other site may send.

use aibaas_tests::{
    User, Visitor, cases, eventually,
    fixtures::{PASSWORD, try_login},
    host::Host,
    visitor::SESSION,
};
use reqwest::Method;

/// An origin that CORS allows.
const ORIGIN: &str = "http://localhost:3000";

cases![KeepsMail:
    logging_in_and_out,
    a_wrong_password_keeps_what_was_typed,
    a_login_leads_back_to_the_page,
    a_login_leads_to_no_other_site,
    a_browser_is_a_session,
    a_new_login_takes_the_place_of_the_old,
    forms_of_other_sites_are_refused,
    an_export_is_no_link_of_other_sites,
    forms_are_of_one_browser,
    cookies_that_are_made_up_are_none,
    a_cookie_of_another_name_is_none_of_ours,
    no_script_of_another_origin_reads_a_page;
MovesTime:
    a_login_asks_for_the_second_factor,
    an_unused_browser_is_logged_out,
];

async fn logging_in_and_out(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::new(&user.api);
    let page = visitor.open("/account").await;
    assert_eq!(page.path, "/account/login", "nobody is logged in");
    let page = visitor.log_in(&user.email).await;
    assert_eq!(page.path, "/account");
    page.titled(200, "Your account").says(&user.email).says("Ada Lovelace");
    let kept = visitor.cookies[SESSION].clone();
    let page = visitor.send(&page.form("/account/logout")).await;
    page.titled(200, "Log in").says("You are logged out.");
    assert!(!visitor.cookies.contains_key(SESSION), "the browser forgets it");
    // Nor does the session live for whoever kept it.
    visitor.cookies.insert(SESSION.to_owned(), kept);
    assert_eq!(visitor.open("/account").await.path, "/account/login");
    user.assert_live().await;
}

async fn a_wrong_password_keeps_what_was_typed(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::new(&user.api);
    let form = visitor.open("/account/login").await.form("/account/login");
    let page = visitor.send(&form.with("email", &user.email).with("password", "not the right one")).await;
    page.titled(401, "Log in").says("role=\"alert\"").says("Address or password is wrong.").lacks("not the right one");
    let form = page.form("/account/login");
    assert_eq!(form.value("email"), user.email);
    visitor.send(&form.with("password", PASSWORD)).await.titled(200, "Your account");
}

async fn a_login_leads_back_to_the_page(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::new(&user.api);
    let page = visitor.open("/account?from=mail&x=1").await;
    assert_eq!(page.path, "/account/login?next=%2Faccount%3Ffrom%3Dmail%26x%3D1");
    let form = page.form("/account/login");
    let wrong = visitor.send(&form.with("email", &user.email).with("password", "not the right one")).await;
    let page = visitor.send(&wrong.form("/account/login").with("password", PASSWORD)).await;
    assert_eq!(page.path, "/account?from=mail&x=1");
}

async fn a_login_leads_to_no_other_site(host: Host) {
    let user = User::verified(&host).await;
    for next in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%2Faccounts"] {
        let mut visitor = Visitor::new(&user.api);
        let page = visitor.open(&format!("/account/login?next={next}")).await;
        let form = page.lacks("evil").form("/account/login");
        // What a hidden field says counts no more than the address.
        let form = form.with("email", &user.email).with("password", PASSWORD).with("next", "//evil.example/account");
        assert_eq!(visitor.send(&form).await.path, "/account", "{next}");
    }
}

async fn a_browser_is_a_session(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let list = user.api.get("/api/v1/auth/sessions").await.expect(200);
    let sessions = list["data"].as_array().expect("a list").clone();
    assert_eq!(sessions.len(), 2, "{list}");
    assert_eq!(sessions[0]["mode"], "cookie", "{list}");
    let id = sessions[0]["id"].as_str().expect("an id");
    user.api.delete(format!("/api/v1/auth/sessions/{id}")).await.expect(204);
    assert_eq!(visitor.open("/account").await.path, "/account/login");
    // A cookie is no access token, and the other way round.
    let mut visitor = Visitor::logged_in(&user).await;
    let cookie = visitor.cookies[SESSION].clone();
    user.api.with(&cookie).get("/api/v1/users/me").await.problem(401, "invalid_token");
    let access = user.tokens["accessToken"].as_str().expect("a token").to_owned();
    visitor.cookies.insert(SESSION.to_owned(), access);
    assert_eq!(visitor.open("/account").await.path, "/account/login");
}

async fn a_new_login_takes_the_place_of_the_old(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let old = visitor.cookies[SESSION].clone();
    visitor.log_in(&user.email).await.titled(200, "Your account");
    let mut other = visitor.clone();
    other.cookies.insert(SESSION.to_owned(), old);
    assert_eq!(other.open("/account").await.path, "/account/login");
    visitor.open("/account").await.titled(200, "Your account");
}

async fn forms_of_other_sites_are_refused(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let form = visitor.open("/account").await.form("/account/logout");
    for sent in [
        &[("Origin", "https://evil.example")][..],
        &[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-site")],
    ] {
        visitor.send_from(&form, sent).await.titled(403, "This origin is not allowed");
    }
    // A browser that tells nothing still has to bring the token.
    for token in ["", "AAAA", &form.value("formToken").replace(|c: char| c.is_ascii_lowercase(), "a")] {
        let page = visitor.send_from(&form.clone().with("formToken", token), &[]).await;
        page.titled(403, "This form is too old");
    }
    let page = visitor.open("/account").await;
    page.titled(200, "Your account");
    let mut body = form.clone();
    body.fields.clear();
    visitor.send(&body).await.titled(403, "This form is too old");
    visitor.send_from(&form, &[]).await.says("You are logged out.");
}

/// What a link does must not be done by a page of another site that leads there.
async fn an_export_is_no_link_of_other_sites(host: Host) {
    let user = User::verified(&host).await;
    let cookie = format!("{SESSION}={}", Visitor::logged_in(&user).await.cookies[SESSION]);
    let export = || user.api.anonymous().get("/account/export").header("Cookie", &cookie);
    assert_eq!(export().header("Sec-Fetch-Site", "cross-site").await.status, 403);
    let events = user.api.get("/api/v1/users/me/audit-log").await.expect(200);
    assert!(!events.to_string().contains("data_exported"), "{events}");
    for site in ["same-origin", "none"] {
        export().header("Sec-Fetch-Site", site).await.expect(200);
    }
}

async fn forms_are_of_one_browser(host: Host) {
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    // Of another person's session.
    let (mut visitor, mut stranger) = (Visitor::logged_in(&user).await, Visitor::logged_in(&other).await);
    let form = stranger.open("/account").await.form("/account/logout");
    visitor.send(&form).await.titled(403, "This form is too old");
    // Nobody is logged in as somebody else by a form that was made in another browser.
    let form = Visitor::new(&other.api).open("/account/login").await.form("/account/login");
    let mut fresh = Visitor::new(&user.api);
    fresh.open("/account/login").await;
    let page = fresh.send(&form.with("email", &other.email).with("password", PASSWORD)).await;
    page.titled(403, "This form is too old");
    assert!(!fresh.cookies.contains_key(SESSION));
}

async fn cookies_that_are_made_up_are_none(host: Host) {
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    let (mut visitor, stranger) = (Visitor::logged_in(&user).await, Visitor::logged_in(&other).await);
    let (own, foreign) = (visitor.cookies[SESSION].clone(), &stranger.cookies[SESSION]);
    let parts = |cookie: &str| cookie.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (own, foreign) = (parts(&own), parts(foreign));
    for made_up in [
        format!("{}.{}.{}", own[0], foreign[1], own[2]),
        format!("{}.{}.{}", foreign[0], foreign[1], own[2]),
        format!("{}.{}.", own[0], own[1]),
        format!("{}.{}", own[0], own[1]),
        "x".to_owned(),
    ] {
        visitor.cookies.insert(SESSION.to_owned(), made_up.clone());
        assert_eq!(visitor.open("/account").await.path, "/account/login", "{made_up}");
    }
}

/// A neighbouring subdomain can set any cookie but ours.
async fn a_cookie_of_another_name_is_none_of_ours(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let session = visitor.cookies[SESSION].clone();
    for theme in [format!("dark,{SESSION}={session}"), format!("dark, {SESSION}={session}")] {
        let mut tossed = Visitor::new(&user.api);
        tossed.cookies.insert("theme".to_owned(), theme.clone());
        assert_eq!(tossed.open("/account").await.path, "/account/login", "it logs nobody in");
        visitor.cookies.insert("theme".to_owned(), theme);
        visitor.open("/account").await.titled(200, "Your account");
    }
}

async fn no_script_of_another_origin_reads_a_page(host: Host) {
    let user = User::verified(&host).await;
    let cookie = format!("{SESSION}={}", Visitor::logged_in(&user).await.cookies[SESSION]);
    let allowed = "access-control-allow-origin";
    let listed = user.api.get("/api/v1/users/me").header("Origin", ORIGIN).await;
    assert_eq!(listed.header(allowed), Some(ORIGIN), "{listed}");
    for path in ["/account", "/account/keys", "/account/export", "/account/none"] {
        let read = user.api.anonymous().get(path).header("Cookie", &cookie).header("Origin", ORIGIN).await;
        assert_eq!(read.header(allowed), None, "{path}: {read}");
        let asked = user.api.anonymous().request(Method::OPTIONS, path).header("Origin", ORIGIN);
        let asked = asked.header("Access-Control-Request-Method", "GET").await;
        assert_eq!(asked.header(allowed), None, "{path}: {asked}");
    }
}

async fn a_login_asks_for_the_second_factor(host: Host) {
    let user = User::verified(&host).await;
    let (mut authenticator, recovery) = user.second_factor().await;
    let mut visitor = Visitor::new(&user.api);
    let page = visitor.log_in(&user.email).await;
    page.titled(200, "Second factor").says("autocomplete=\"one-time-code\"");
    assert!(!visitor.cookies.contains_key(SESSION));
    assert_eq!(visitor.open("/account").await.path, "/account/login");
    let form = page.form("/account/login/code");
    let wrong = authenticator.wrong(1).await.remove(0);
    let page = visitor.send(&form.with("code", &wrong)).await;
    page.titled(401, "Second factor").says("aria-describedby=\"code-hint code-error\"").lacks(&wrong);
    let code = authenticator.next().await;
    let page = visitor.send(&page.form("/account/login/code").with("code", &code)).await;
    page.titled(200, "Your account");
    // A recovery code stands in, once.
    for (status, title) in [(200, "Your account"), (401, "Second factor")] {
        let mut visitor = Visitor::new(&user.api);
        let form = visitor.log_in(&user.email).await.form("/account/login/code");
        visitor.send(&form.with("code", &recovery[0])).await.titled(status, title);
    }
    // A challenge that is over begins again.
    let mut visitor = Visitor::new(&user.api);
    let form = visitor.log_in(&user.email).await.form("/account/login/code").with("mfaToken", "none");
    visitor.send(&form.with("code", "123456")).await.titled(401, "Log in");
}

async fn an_unused_browser_is_logged_out(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let days = |days: u64| std::time::Duration::from_secs(days * 86_400);
    for _ in 0..3 {
        host.advance(days(6)).await;
        visitor.open("/account").await.titled(200, "Your account");
        // The use is noted after the answer.
        let noted = async || {
            let tokens = try_login(&user.api, &user.email, PASSWORD).await.expect(200);
            let api = user.api.with(tokens["accessToken"].as_str().expect("a token"));
            let list = api.get("/api/v1/auth/sessions?limit=100").await.expect(200);
            let now = host.now_ms().await;
            let of_browser =
                list["data"].as_array().expect("a list").iter().find(|session| session["mode"] == "cookie");
            let used = of_browser.expect("the browser's")["lastUsedAt"].as_str().expect("a time").to_owned();
            let used = used.parse::<jiff::Timestamp>().expect("a time").as_millisecond();
            (now.abs_diff(used.try_into().expect("after 1970")) < 3_600_000).then_some(())
        };
        eventually("its use is noted", noted).await;
    }
    let form = visitor.open("/account").await.form("/account/logout");
    host.advance(days(8)).await;
    assert_eq!(visitor.open("/account").await.path, "/account/login");
    assert_eq!(visitor.send(&form).await.path, "/account/login?done=logged-out");
}
