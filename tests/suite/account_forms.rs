//! What people do to their account in a browser without scripts: from registering to leaving.

use aibaas_tests::{
    Authenticator, Page, User, Visitor, cases,
    fixtures::{PASSWORD, links, new_address, try_login},
    host::Host,
    visitor::SESSION,
};
use futures_util::future::join;

cases![KeepsMail:
    registering_leads_to_a_login,
    registering_tells_nothing_of_others,
    mistakes_stand_beside_their_fields,
    a_forgotten_password_is_set_anew,
    changing_the_password,
    sessions_are_listed_and_ended,
    security_events_are_listed,
    the_profile_is_changed,
    the_address_moves_by_its_link,
    leaving_takes_the_password;
MovesTime:
    the_second_factor_is_set_up_and_removed;
SendsMail:
    a_front_end_keeps_its_links,
];

async fn registering_leads_to_a_login(host: Host) {
    let (api, email) = (host.client(), new_address());
    let mut visitor = Visitor::new(&api);
    let fields = [("email", email.as_str()), ("fullName", "Grace Hopper"), ("password", PASSWORD)];
    let page = visitor.fill_in("/account/register", &fields).await;
    page.titled(200, "Look at your mail").says(&email);
    let unverified = visitor.log_in(&email).await;
    unverified.titled(403, "Log in").says("The address is not verified yet.");
    visitor.send(&page.form("/account/resend")).await.titled(200, "Look at your mail");
    let token = links(&host, &email, "account/verify-email", 2).await.remove(0);
    let page = visitor.open(&format!("/account/verify-email?token={token}")).await;
    let form = page.titled(200, "Verify your address").form("/api/v1/auth/verify-email/confirm");
    let page = visitor.send(&form.clone().with("password", "not the right one")).await;
    page.titled(403, "Verify your address").says("<title>Error: Verify").says("<a href=\"#password\">Password</a>");
    page.says("aria-invalid=\"true\" aria-describedby=\"password-error\"").lacks("not the right one");
    let page = visitor.send(&form.with("password", PASSWORD)).await;
    page.titled(200, "Address verified").says("href=\"/account/login\"");
    visitor.log_in(&email).await.titled(200, "Your account").says("Grace Hopper");
}

async fn registering_tells_nothing_of_others(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::new(&host.client());
    let fields = [("email", user.email.as_str()), ("password", PASSWORD)];
    let page = visitor.fill_in("/account/register", &fields).await;
    page.titled(200, "Look at your mail");
    host.mails_that(&user.email, 1, |text| text.contains("tried to register this address")).await;
    for path in ["/account/forgotten", "/account/resend"] {
        let page = visitor.fill_in(path, &[("email", &new_address())]).await;
        page.titled(200, "Look at your mail");
    }
    // Sent twice, it is done once.
    let form = visitor.open("/account/register").await.form("/account/register");
    let email = new_address();
    let form = form.with("email", &email).with("password", PASSWORD);
    for _ in 0..2 {
        visitor.send(&form).await.titled(200, "Look at your mail");
    }
    let tokens = links(&host, &email, "account/verify-email", 1).await;
    assert_eq!(tokens.len(), 1, "one registration, one mail");
}

async fn mistakes_stand_beside_their_fields(host: Host) {
    let mut visitor = Visitor::new(&host.client());
    let fields = [("email", "nobody <&\">"), ("fullName", "Ada"), ("password", "short")];
    let page = visitor.fill_in("/account/register", &fields).await;
    page.titled(422, "Register").says("id=\"mistakes\" role=\"alert\" tabindex=\"-1\" autofocus");
    page.says("<title>Error: Register · AIBaaS</title>");
    page.says("<a href=\"#email\">E-mail address: ").says("<a href=\"#password\">Password: ").lacks("short\"");
    assert_eq!(page.text().matches("aria-invalid=\"true\"").count(), 2, "{}", page.answer);
    page.says("aria-describedby=\"email-error\"").says("aria-describedby=\"password-hint password-error\"");
    let form = page.form("/account/register");
    assert_eq!((form.value("email"), form.value("fullName")), ("nobody <&\">", "Ada"));
    assert_eq!(form.value("password"), "");
    for path in ["/account/login", "/account/forgotten", "/account/resend"] {
        let page = visitor.open(path).await;
        page.says("<label for=\"email\">").says("autocomplete=\"username\"");
    }
}

async fn a_forgotten_password_is_set_anew(host: Host) {
    let user = User::verified(&host).await;
    let mut browser = Visitor::logged_in(&user).await;
    let mut visitor = Visitor::new(&user.api);
    visitor.fill_in("/account/forgotten", &[("email", &user.email)]).await.titled(200, "Look at your mail");
    let token = links(&host, &user.email, "account/reset-password", 1).await.remove(0);
    let page = visitor.open(&format!("/account/reset-password?token={token}")).await;
    let form = page.form("/api/v1/auth/reset-password/confirm");
    let page = visitor.send(&form.with("password", "quite another one 7")).await;
    page.titled(200, "Password set").says("href=\"/account/login\"");
    assert_eq!(browser.open("/account").await.path, "/account/login", "every session ends");
    let fields = [("email", user.email.as_str()), ("password", "quite another one 7")];
    visitor.fill_in("/account/login", &fields).await.titled(200, "Your account");
}

async fn changing_the_password(host: Host) {
    let user = User::verified(&host).await;
    let (mut visitor, mut other) = (Visitor::logged_in(&user).await, Visitor::logged_in(&user).await);
    let wrong = [("currentPassword", "not the right one"), ("newPassword", "quite another one 7")];
    let page = visitor.fill_in("/account/password", &wrong).await;
    page.titled(403, "Password")
        .says("<a href=\"#currentPassword\">Present password: The password is wrong.")
        .lacks("another one 7");
    let form = visitor.open("/account/password").await.form("/account/password").ticked("keepOthers", "yes");
    let page = visitor.send(&form.with("currentPassword", PASSWORD).with("newPassword", "short")).await;
    page.titled(422, "Password").says("id=\"newPassword-error\"").says("<title>Error: Password").lacks("short\"");
    assert_eq!(page.form("/account/password").value("keepOthers"), "yes", "what was ticked stays");
    other.open("/account").await.titled(200, "Your account");
    let mut thief = visitor.clone();
    let right = [("currentPassword", PASSWORD), ("newPassword", "quite another one 7")];
    let page = visitor.fill_in("/account/password", &right).await;
    page.titled(200, "Your account").says("Your password is changed.");
    for ended in [&mut other, &mut thief] {
        assert_eq!(ended.open("/account").await.path, "/account/login", "a copy of the cookie ends, too");
    }
    visitor.open("/account/sessions").await.titled(200, "Sessions").says("this browser").lacks("End this session");
    user.assert_ended().await;
    try_login(&user.api, &user.email, "quite another one 7").await.expect(200);
}

async fn sessions_are_listed_and_ended(host: Host) {
    let user = User::verified(&host).await;
    let (mut visitor, mut other) = (Visitor::logged_in(&user).await, Visitor::logged_in(&user).await);
    let page = visitor.open("/account/sessions").await;
    page.titled(200, "Sessions").says("this browser");
    assert_eq!(page.text().matches("End this session").count(), 2);
    let program = user.session_id().await;
    let end = page.form(&format!("/account/sessions/{program}/end"));
    let page = visitor.send(&end).await;
    assert_eq!(page.text().matches("End this session").count(), 1, "{}", page.answer);
    user.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
    visitor.send(&end).await.titled(200, "Sessions");
    other.open("/account").await.titled(200, "Your account");
    let page = visitor.send(&page.form("/account/sessions/end-others")).await;
    page.titled(200, "Sessions").lacks("End this session");
    assert_eq!(other.open("/account").await.path, "/account/login");
}

async fn security_events_are_listed(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let page = visitor.open("/account/events").await;
    page.titled(200, "Security events").says("Login").says("Email verified");
    visitor.open("/account/events?cursor=nonsense").await.titled(400, "The request could not be read");
}

async fn the_profile_is_changed(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let form = visitor.open("/account/profile").await.form("/account/profile/name");
    assert_eq!(form.value("fullName"), "Ada Lovelace");
    let page = visitor.send(&form.clone().with("fullName", "\u{202e}")).await;
    page.titled(422, "Profile").says("<a href=\"#fullName\">").says(&user.email);
    let page = visitor.send(&form.clone().with("fullName", "Ada King")).await;
    page.titled(200, "Your account").says("Ada King").says("Your profile is saved.");
    visitor.send(&form.with("fullName", "")).await.lacks("Ada King");
    let export = visitor.open("/account/export").await.answer;
    assert_eq!(export.expect(200)["user"]["email"], user.email);
    assert!(export.header("content-disposition").is_some_and(|value| value.starts_with("attachment")), "{export}");
}

async fn the_address_moves_by_its_link(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let email = new_address();
    let form = visitor.open("/account/profile").await.form("/account/profile/address").with("newEmail", &email);
    let page = visitor.send(&form.clone().with("password", "not the right one")).await;
    page.titled(403, "Profile").says("<a href=\"#password\">Password: ").lacks("not the right one");
    assert_eq!(page.form("/account/profile/name").value("fullName"), "Ada Lovelace", "the other form stays whole");
    assert_eq!(page.form("/account/profile/address").value("newEmail"), email);
    visitor.send(&form.with("password", PASSWORD)).await.titled(200, "Look at your mail").says(&email);
    let token = links(&host, &email, "account/confirm-email", 1).await.remove(0);
    let page = visitor.open(&format!("/account/confirm-email?token={token}")).await;
    visitor.send(&page.form("/api/v1/auth/confirm-email/confirm")).await.titled(200, "Address confirmed");
    visitor.open("/account").await.says(&email);
    let token = links(&host, &user.email, "account/undo-email-change", 1).await.remove(0);
    let page = visitor.open(&format!("/account/undo-email-change?token={token}")).await;
    let form = page.form("/api/v1/auth/undo-email-change/confirm");
    assert_eq!(visitor.send(&form).await.answer.status, 200);
    assert_eq!(visitor.open("/account").await.path, "/account/login");
}

async fn leaving_takes_the_password(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let wrong = [("password", "not the right one")];
    visitor.fill_in("/account/delete", &wrong).await.titled(403, "Delete the account");
    let page = visitor.fill_in("/account/delete", &[("password", PASSWORD)]).await;
    page.titled(200, "Log in").says("Your account is deleted.");
    assert!(!visitor.cookies.contains_key(SESSION));
    try_login(&user.api, &user.email, PASSWORD).await.problem(401, "invalid_credentials");
}

async fn the_second_factor_is_set_up_and_removed(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let path = "/account/second-factor";
    visitor.fill_in(path, &[("password", "not the right one")]).await.titled(403, "Second factor");
    let page = visitor.fill_in(path, &[("password", PASSWORD)]).await;
    page.says("<img class=\"qr\"").says("data:image/svg+xml;base64,");
    let mut authenticator = Authenticator::of(&host, &page.element("<p class=\"secret\">")).await;
    let form = page.form("/account/second-factor/confirm");
    let wrong = authenticator.wrong(1).await.remove(0);
    let page = visitor.send(&form.with("code", &wrong)).await;
    page.titled(403, "Second factor").says("id=\"code-error\"");
    let code = authenticator.next().await;
    let form = page.form("/account/second-factor/confirm").with("code", &code);
    let page = visitor.send(&form).await;
    let codes = |page: &Page| {
        let text = page.text();
        let (_, list) = text.split_once("<ul class=\"codes\">").expect("codes");
        list.split("</ul>").next().unwrap().split("<li>").skip(1).map(|item| item[..27].to_owned()).collect::<Vec<_>>()
    };
    let first = codes(page.says("The second factor is on."));
    assert_eq!(first.len(), 10);
    assert_eq!(codes(&visitor.send(&form).await), first, "a double click shows the same");
    let page = visitor.open(path).await;
    let form = page.form("/account/second-factor/change").with("password", PASSWORD);
    let ask = |code: &str, what: &str| form.clone().with("code", code).ticked("what", what);
    let page = visitor.send(&ask(&wrong, "codes")).await;
    page.titled(403, "Second factor").says("id=\"code-error\"");
    let form = ask(&authenticator.next().await, "codes");
    let (mut first_click, mut second_click) = (visitor.clone(), visitor.clone());
    let (page, same) = join(first_click.send(&form), second_click.send(&form)).await;
    let second = codes(page.says("The codes of before are dead."));
    assert_eq!(codes(&same), second, "two clicks at once show the same");
    assert!(first.iter().all(|code| !second.contains(code)));
    let fresh = visitor.open(path).await.form("/account/second-factor/change").with("password", PASSWORD);
    let page = visitor.send(&fresh.with("code", &second[0]).ticked("what", "remove")).await;
    page.titled(200, "Your account").says("The second factor is removed");
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["mfaEnabled"], false);
}

async fn a_front_end_keeps_its_links(host: Host) {
    let email = User::unverified(&host.client()).await;
    let calls = host.provider().wait_for(&email, 1).await;
    let text = calls[0].body["text"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("/verify-email?token=") && !text.contains("/account/verify-email"), "{text}");
}
