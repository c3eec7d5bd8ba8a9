//! `/admin` in a browser without scripts: who sees it, what is done there, and what each act leaves behind.

use aibaas_tests::{Page, User, Visitor, cases, fixtures::admin, host::Host};
use futures_util::future::join;
use serde_json::{Value, json};

cases![KeepsMail:
    a_stranger_logs_in_first,
    others_find_nothing_there,
    who_administers_no_more_finds_nothing,
    forms_of_other_sites_are_refused,
    administrators_have_a_link,
    people_are_found,
    an_account_is_suspended_and_the_suspension_lifted,
    a_role_is_changed,
    sessions_are_ended,
    their_own_account_is_left_alone,
    what_is_done_twice_at_once_is_done;
MovesTime:
    a_second_factor_is_removed,
];

/// Nobody has this id.
const NOBODY: &str = "01939f40-02b7-7a11-9c55-6d7e8f901234";

/// The account is suspended, and its session over.
async fn assert_out(user: &User) {
    user.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
}

fn page_of(user: &User) -> String {
    format!("/admin/people/{}", user.id())
}

/// The pages, each with what it is of.
fn pages(user: &User) -> Vec<String> {
    let of = page_of(user);
    vec![
        "/admin".to_owned(),
        "/admin/people".to_owned(),
        format!("/admin/people?q={}", user.email),
        format!("{of}/suspend"),
        format!("{of}/end-sessions"),
        format!("{of}/remove-second-factor"),
        of,
    ]
}

/// What the forms are sent to.
fn deeds(user: &User) -> Vec<String> {
    ["suspend", "lift", "role", "end-sessions", "remove-second-factor"]
        .map(|act| format!("{}/{act}", page_of(user)))
        .into()
}

/// An administrator at a browser, with an account of their own: nobody else's cases see their sessions.
async fn administrator(host: &Host) -> (User, Visitor) {
    let user = User::verified(host).await;
    give_role(host, &user, "admin").await;
    let visitor = Visitor::logged_in(&user).await;
    (user, visitor)
}

async fn give_role(host: &Host, user: &User, role: &str) {
    let path = format!("/api/v1/admin/users/{}", user.id());
    admin(host).await.api.patch(path).json(json!({ "role": role })).await.expect(200);
}

/// The events of this name that this administrator has caused to somebody.
async fn events(by: &User, of: &User, name: &str) -> Vec<Value> {
    let list = by.api.get(format!("/api/v1/admin/audit-log?userId={}&limit=100", of.id())).await.expect(200);
    let all = list["data"].as_array().expect("a list").iter();
    all.filter(|event| event["event"] == name && event["actorId"] == by.id()).cloned().collect()
}

async fn shown(by: &User, user: &User) -> Value {
    by.api.get(format!("/api/v1/admin/users/{}", user.id())).await.expect(200)
}

/// The text of a page without the request's id.
fn text(page: &Page) -> String {
    page.text().replace(page.answer.header("x-request-id").expect("an id"), "")
}

async fn a_stranger_logs_in_first(host: Host) {
    let (_, mut by) = administrator(&host).await;
    let user = User::verified(&host).await;
    let mut stranger = Visitor::new(&host.client());
    for path in pages(&user) {
        let page = stranger.open(&path).await;
        assert!(page.path.starts_with("/account/login?next=%2Fadmin"), "{path}: {}", page.path);
    }
    // A form of somebody's whose session is over, or that was never made for a session.
    let form = by.open("/account").await.form("/account/logout");
    for path in deeds(&user) {
        assert_eq!(stranger.send(&form.clone().to(&path)).await.path, "/account/login", "{path}");
    }
    user.assert_live().await;
    // The login leads back to the page.
    let (other, _) = administrator(&host).await;
    let page = stranger.open(&page_of(&user)).await;
    let form = page.form("/account/login").with("email", &other.email);
    let page = stranger.send(&form.with("password", aibaas_tests::fixtures::PASSWORD)).await;
    assert_eq!(page.path, page_of(&user));
    page.titled(200, &user.email);
}

/// Others who are logged in find what they find where nothing is.
async fn others_find_nothing_there(host: Host) {
    let (plain, user) = (User::verified(&host).await, User::verified(&host).await);
    let mut visitor = Visitor::logged_in(&plain).await;
    let nowhere = text(&visitor.open("/admin-of-nothing").await);
    for path in pages(&user) {
        let page = visitor.open(&path).await;
        assert_eq!(page.answer.status, 404, "{path}: {}", page.answer);
        assert_eq!(text(&page), nowhere, "{path}");
    }
    let form = visitor.open("/account").await.form("/account/logout");
    let mut form = form.to("");
    form.fields.push(("role".to_owned(), "admin".to_owned()));
    form.fields.push(("reason".to_owned(), "Because.".to_owned()));
    for path in deeds(&user).into_iter().chain([format!("{}/role", page_of(&plain))]) {
        let page = visitor.send(&form.clone().to(&path)).await;
        assert_eq!(page.answer.status, 404, "{path}: {}", page.answer);
        assert_eq!(text(&page), nowhere, "{path}");
    }
    user.assert_live().await;
    visitor.open("/account").await.titled(200, "Your account").lacks("href=\"/admin\"");
    let by = admin(&host).await;
    assert_eq!((&shown(&by, &plain).await["role"], &shown(&by, &user).await["role"]), (&json!("user"), &json!("user")));
}

async fn who_administers_no_more_finds_nothing(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let user = User::verified(&host).await;
    let form = visitor.open(&format!("{}/suspend", page_of(&user))).await.form(&format!("{}/suspend", page_of(&user)));
    give_role(&host, &by, "user").await;
    assert_eq!(visitor.open("/admin").await.answer.status, 404);
    assert_eq!(visitor.send(&form).await.answer.status, 404);
    user.assert_live().await;
}

async fn forms_of_other_sites_are_refused(host: Host) {
    let (_, mut visitor) = administrator(&host).await;
    let (_, mut other) = administrator(&host).await;
    let user = User::verified(&host).await;
    let suspend = format!("{}/suspend", page_of(&user));
    let form = visitor.open(&suspend).await.form(&suspend);
    for path in deeds(&user) {
        let form = form.clone().to(&path);
        for sent in [
            &[("Origin", "https://evil.example")][..],
            &[("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
            &[("Origin", "null"), ("Sec-Fetch-Site", "same-site")],
        ] {
            visitor.send_from(&form, sent).await.titled(403, "This origin is not allowed");
        }
        visitor.send(&form.clone().with("formToken", "AAAA")).await.titled(403, "This form is too old");
        // Not even one that was made for another administrator.
        other.send(&form).await.titled(403, "This form is too old");
    }
    user.assert_live().await;
    let path = "access-control-allow-origin";
    let read = host.client().get("/admin").header("Origin", "http://localhost:3000").await;
    assert_eq!(read.header(path), None, "no script of another origin reads it: {read}");
    visitor.send(&form).await.titled(200, &user.email);
    assert_out(&user).await;
}

async fn administrators_have_a_link(host: Host) {
    let (_, mut visitor) = administrator(&host).await;
    for path in ["/account", "/account/keys", "/account/keys/new", "/admin", "/admin/people"] {
        visitor.open(path).await.says("<a href=\"/admin\">Admin</a>");
    }
    // What everybody reads, caches keep.
    visitor.open("/models").await.lacks("href=\"/admin\"");
}

async fn people_are_found(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let user = User::verified(&host).await;
    let name = "<b>Ada</b> & \u{5e9}\u{5dc}\u{5d5}\u{5dd}";
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": name })).await.expect(200);
    let local = user.email.split('@').next().expect("a local part").to_uppercase();
    let link = format!("href=\"{}\"", page_of(&user));
    for query in [format!("q={local}"), format!("q={local}&status=active"), format!("q=%20{local}&status=")] {
        let page = visitor.open(&format!("/admin/people?{query}")).await;
        page.titled(200, "People").says(&link).says(&user.email).says("&lt;b&gt;Ada&lt;/b&gt;").lacks("<b>Ada");
    }
    for query in [format!("q={local}&status=suspended"), format!("q=x{local}"), "q=%25&status=odd".to_owned()] {
        visitor
            .open(&format!("/admin/people?{query}"))
            .await
            .titled(200, "People")
            .lacks(&link)
            .says("Nobody is found.");
    }
    assert_eq!(visitor.open("/admin/people?cursor=nonsense").await.answer.status, 400);
    let page = visitor.open(&page_of(&user)).await;
    page.titled(200, &user.email).says("&lt;b&gt;Ada&lt;/b&gt;").says(user.id()).lacks("$argon2");
    for path in
        [format!("/admin/people/{NOBODY}"), format!("/admin/people/{NOBODY}/suspend"), "/admin/people/x".to_owned()]
    {
        assert_eq!(visitor.open(&path).await.answer.status, 404, "{path}");
    }
    for act in ["lift", "role", "none"] {
        assert_eq!(visitor.open(&format!("{}/{act}", page_of(&user))).await.answer.status, 404, "{act}");
    }
    assert_eq!(shown(&by, &user).await["status"], "active");
}

async fn an_account_is_suspended_and_the_suspension_lifted(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let user = User::verified(&host).await;
    let mut theirs = Visitor::logged_in(&user).await;
    let key = user.key_client(&["models:write"]).await;
    let here = page_of(&user);
    let page = visitor.open(&here).await;
    page.titled(200, &user.email)
        .says("<dd>active</dd>")
        .says("<dt>Sessions</dt><dd>2</dd>")
        .lacks("Lift the suspension");
    let ask = visitor.open(&format!("{here}/suspend")).await;
    ask.titled(200, "Suspend the account").says(&user.email).says("do not come back");
    user.assert_live().await;
    let page = visitor.send(&ask.form(&format!("{here}/suspend"))).await;
    assert_eq!(page.path, format!("{here}?done=suspend"));
    page.titled(200, &user.email).says("The account is suspended").says("<dd>suspended</dd>");
    assert_out(&user).await;
    assert_eq!(theirs.open("/account").await.path, "/account/login");
    key.put("/api/v1/models/acme/m").json(json!({ "displayName": "M" })).await.problem(403, "account_suspended");
    let told = events(&by, &user, "status_changed").await;
    assert_eq!((told.len(), &told[0]["details"]), (1, &json!({ "status": "suspended" })));

    let page = visitor.send(&page.form(&format!("{here}/lift"))).await;
    page.titled(200, &user.email).says("The suspension is lifted.").says("<dd>active</dd>").says("/suspend\"");
    assert_eq!(shown(&by, &user).await["status"], "active");
    assert_eq!(events(&by, &user, "status_changed").await.len(), 2);
    user.login_from(&user.api).await.assert_live().await;
}

async fn a_role_is_changed(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let user = User::verified(&host).await;
    let act = format!("{}/role", page_of(&user));
    let form = visitor.open(&page_of(&user)).await.form(&act);
    assert_eq!(form.value("role"), "user");
    let page = visitor.send(&form.clone().with("role", "publisher")).await;
    page.titled(200, &user.email).says("The role is changed.").says("<dd>publisher</dd>");
    assert_eq!(page.form(&act).value("role"), "publisher");
    let told = events(&by, &user, "role_changed").await;
    assert_eq!((told.len(), &told[0]["details"]), (1, &json!({ "role": "publisher" })));
    for role in ["root", ""] {
        assert_eq!(visitor.send(&form.clone().with("role", role)).await.answer.status, 422, "{role}");
    }
    assert_eq!(shown(&by, &user).await["role"], "publisher");
    assert_eq!(visitor.send(&form.to(&format!("/admin/people/{NOBODY}/role"))).await.answer.status, 404);
}

async fn sessions_are_ended(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let user = User::verified(&host).await;
    let other = user.login_from(&host.client()).await;
    let act = format!("{}/end-sessions", page_of(&user));
    let ask = visitor.open(&act).await;
    let page = visitor.send(&ask.titled(200, "End every session").form(&act)).await;
    page.titled(200, &user.email)
        .says("Every session is ended.")
        .says("<dt>Sessions</dt><dd>0</dd>")
        .lacks("End every session…");
    user.assert_ended().await;
    other.assert_ended().await;
    by.assert_live().await;
    assert_eq!(events(&by, &user, "sessions_ended_by_administrator").await.len(), 1);
}

async fn their_own_account_is_left_alone(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let user = User::verified(&host).await;
    let page = visitor.open(&page_of(&by)).await;
    page.titled(200, &by.email).says("This is your own account").lacks("What you can do");
    let suspend = format!("{}/suspend", page_of(&user));
    let form = visitor.open(&suspend).await.form(&suspend);
    for act in ["suspend", "lift", "role"] {
        let mut form = form.clone().to(&format!("{}/{act}", page_of(&by)));
        form.fields.push(("role".to_owned(), "user".to_owned()));
        assert_eq!(visitor.send(&form).await.answer.status, 409, "{act}");
    }
    visitor.open("/admin").await.titled(200, "Administration");
}

async fn what_is_done_twice_at_once_is_done(host: Host) {
    let (by, visitor) = administrator(&host).await;
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    for (user, act, event) in
        [(&user, "end-sessions", "sessions_ended_by_administrator"), (&other, "suspend", "status_changed")]
    {
        let path = format!("{}/{act}", page_of(user));
        let (mut one, mut two) = (visitor.clone(), visitor.clone());
        let form = one.open(&path).await.form(&path);
        let (one, two) = join(one.send(&form), two.send(&form)).await;
        for page in [one, two] {
            page.titled(200, &user.email);
        }
        assert_out(user).await;
        let told = events(&by, user, event).await;
        assert!(!told.is_empty() && told.len() <= if act == "suspend" { 2 } else { 1 }, "{told:?}");
    }
    // Suspended by one while another lifts it: either came last, and the account is as its last event says.
    let here = page_of(&other);
    let (mut one, mut two) = (visitor.clone(), visitor.clone());
    let lift = one.open(&here).await.form(&format!("{here}/lift"));
    let suspend = lift.clone().to(&format!("{here}/suspend"));
    join(one.send(&lift), two.send(&suspend)).await;
    let status = shown(&by, &other).await["status"].clone();
    assert!(status == "active" || status == "suspended", "{status}");
}

async fn a_second_factor_is_removed(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let user = User::verified(&host).await;
    let here = page_of(&user);
    visitor.open(&here).await.lacks("Remove the second factor");
    user.second_factor().await;
    visitor.open(&here).await.says("Remove the second factor…").says("<dt>Second factor</dt><dd>on</dd>");
    let act = format!("{here}/remove-second-factor");
    let ask = visitor.open(&act).await;
    let form = ask.titled(200, "Remove the second factor").says("Check who asks").form(&act);
    let (mut one, mut two) = (visitor.clone(), visitor.clone());
    let (one, two) = join(one.send(&form), two.send(&form)).await;
    for page in [one, two] {
        page.titled(200, &user.email).says("The second factor is removed").says("<dt>Second factor</dt><dd>off</dd>");
    }
    assert_eq!(User::login(&user.api, &user.email).await["user"]["mfaEnabled"], false);
    let told = events(&by, &user, "mfa_disabled").await;
    assert_eq!((told.len(), &told[0]["details"]), (1, &json!({ "method": "administrator" })), "once for once");
    let mails = host.mails_to(&user.email, 3).await;
    assert_eq!(mails.iter().filter(|mail| mail["subject"] == "Two-factor login is off").count(), 1, "{mails:?}");
}
