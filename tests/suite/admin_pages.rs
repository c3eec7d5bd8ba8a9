//! `/admin` in a browser without scripts: who sees it, what is done there, and what each act leaves behind.

use std::time::Duration;

use aibaas_tests::{
    Page, Publisher, User, Visitor, cases, eventually,
    fixtures::{PASSWORD, admin, new_address, token_in},
    host::{Host, TICK_SECRET},
};
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
    what_is_done_twice_at_once_is_done,
    a_run_is_rejected_with_a_reason,
    security_events_are_filtered,
    what_was_sent_is_listed_without_its_text,
    the_host_tells_how_it_is;
MovesTime:
    a_second_factor_is_removed,
    a_benchmark_is_featured;
SendsMailAndMovesTime:
    what_was_given_up_is_sent_again_once,
    what_is_being_sent_is_not_sent_again,
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
        "/admin/runs".to_owned(),
        "/admin/runs?status=rejected".to_owned(),
        format!("/admin/runs/{NOBODY}"),
        format!("/admin/runs/{NOBODY}/reject"),
        "/admin/featured-benchmark".to_owned(),
        "/admin/outbox".to_owned(),
        "/admin/outbox?state=failed".to_owned(),
        "/admin/health".to_owned(),
        "/admin/events".to_owned(),
        format!("/admin/events?person={}&event=login", user.id()),
        of,
    ]
}

/// What the forms are sent to.
fn deeds(user: &User) -> Vec<String> {
    let acts = ["suspend", "lift", "role", "end-sessions", "remove-second-factor"];
    let mut deeds = acts.map(|act| format!("{}/{act}", page_of(user))).to_vec();
    deeds.push(format!("/admin/runs/{NOBODY}/reject"));
    deeds.push("/admin/featured-benchmark".to_owned());
    deeds.push("/admin/featured-benchmark/clear".to_owned());
    deeds.push(format!("/admin/outbox/{NOBODY}/send"));
    deeds
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
    let page = stranger.send(&form.with("password", PASSWORD)).await;
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
    form.fields.push(("benchmark".to_owned(), "none-of-ours".to_owned()));
    // A mistake in a form is told to nobody else, either.
    let reject = form.clone().with("reason", "").to(&format!("/admin/runs/{NOBODY}/reject"));
    assert_eq!(visitor.send(&reject).await.answer.status, 404);
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
        let page = visitor.open(path).await;
        let marked = match path {
            "/admin" => " aria-current=\"page\"",
            "/admin/people" => " aria-current=\"true\"",
            _ => "",
        };
        page.says(&format!("<a href=\"/admin\"{marked}>Admin</a>"));
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

/// Whether a list has this on one of its pages.
async fn lists(visitor: &mut Visitor, path: &str, text: &str) -> bool {
    let mut path = path.to_owned();
    for _ in 0..20 {
        let page = visitor.open(&path).await;
        assert_eq!(page.answer.status, 200, "{}", page.answer);
        let shown = page.text();
        if shown.contains(text) {
            return true;
        }
        let Some((_, next)) = shown.split_once("rel=\"next\" href=\"") else { return false };
        path = next.split('"').next().unwrap_or_default().replace("&amp;", "&");
    }
    false
}

async fn a_run_is_rejected_with_a_reason(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let run = publisher.published(&publisher.model("m").await, 1, 2).await;
    let here = format!("/admin/runs/{run}");
    let link = format!("href=\"{here}\"");
    assert!(lists(&mut visitor, "/admin/runs", &link).await, "what was published is listed");
    assert!(!lists(&mut visitor, "/admin/runs?status=rejected", &link).await);
    let page = visitor.open(&here).await;
    page.says("<dd>published</dd>").says(&publisher.user.email).says(&format!("href=\"/runs/{run}\""));
    let act = format!("{here}/reject");
    let form = visitor.open(&act).await.titled(200, "Reject the run").form(&act);
    for reason in ["", "   "] {
        let page = visitor.send(&form.clone().with("reason", reason)).await;
        page.titled(422, "Reject the run").says("role=\"alert\"").says("href=\"#reason\"");
    }
    let reason = "<i>Copied</i> from another run.";
    let form = form.with("reason", reason);
    let (mut one, mut two) = (visitor.clone(), visitor.clone());
    let (one, two) = join(one.send(&form), two.send(&form)).await;
    for page in [one, two] {
        assert_eq!(page.path, format!("{here}?done=reject"));
        page.says("The run is rejected").says("<dd>rejected</dd>").says("&lt;i&gt;Copied&lt;/i&gt;").lacks("/reject\"");
    }
    let told = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!((&told["status"], &told["reason"]), (&json!("rejected"), &json!(reason)));
    let told = events(&by, &publisher.user, "run_rejected").await;
    assert_eq!((told.len(), &told[0]["details"]["reason"]), (1, &json!(reason)), "once for once");
    assert!(lists(&mut visitor, "/admin/runs?status=rejected", &link).await);
    assert!(!lists(&mut visitor, "/admin/runs", &link).await);
    // What was withdrawn stays so.
    let withdrawn = publisher.published(&publisher.model("n").await, 1, 2).await;
    let body = json!({ "reason": "The grader was wrong." });
    publisher.api.post(format!("/api/v1/runs/{withdrawn}/withdraw")).json(body).await.expect(200);
    let page = visitor.send(&form.to(&format!("/admin/runs/{withdrawn}/reject"))).await;
    page.titled(409, "Reject the run").says("role=\"alert\"");
    assert_eq!(visitor.open(&format!("/admin/runs/{NOBODY}")).await.answer.status, 404);
}

/// Which benchmark is featured is one choice for the whole host; on this one nobody else makes it.
async fn a_benchmark_is_featured(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    publisher.published(&publisher.model("m").await, 1, 2).await;
    let (path, id) = ("/admin/featured-benchmark", publisher.benchmark.as_str());
    let page = visitor.open(path).await;
    page.titled(200, "Featured benchmark").says("Now: none.");
    let form = page.form(path);
    let missing = visitor.send(&form.clone().with("benchmark", "<none-of-ours>")).await;
    missing.titled(404, "Featured benchmark").says("role=\"alert\"").says("Now: none.").lacks("<none-of");
    assert_eq!(missing.form(path).value("benchmark"), "<none-of-ours>", "what was typed stays");
    let form = form.with("benchmark", &format!(" {} ", id.to_uppercase()));
    let (mut one, mut two) = (visitor.clone(), visitor.clone());
    let (one, two) = join(one.send(&form), two.send(&form)).await;
    let link = format!("href=\"/leaderboard?benchmark={id}\"");
    for page in [&one, &two] {
        page.titled(200, "Featured benchmark").says("It is featured now.").says(&link);
    }
    let board = publisher.api.get("/api/v1/leaderboard").await.expect(200);
    assert_eq!(board["benchmark"], json!(id));
    let featured = async || by.api.get("/api/v1/admin/featured-benchmark").await.expect(200)["benchmark"].clone();
    assert_eq!(featured().await, json!(id));
    let clear = one.form(&format!("{path}/clear"));
    for _ in 0..2 {
        visitor.send(&clear).await.says("None is featured any more.").says("Now: none.");
    }
    publisher.api.get("/api/v1/leaderboard").await.problem(400, "benchmark_required");
    assert_eq!(featured().await, Value::Null);
    let told = events(&by, &by, "benchmark_featured").await;
    let told = told.iter().map(|event| event["details"]["benchmarkId"].clone()).collect::<Vec<_>>();
    assert_eq!(told.len(), 2, "one for each change: {told:?}");
    assert!(told.contains(&json!(id)) && told.contains(&Value::Null), "{told:?}");
}

async fn security_events_are_filtered(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    for person in [&user, &other] {
        let path = format!("/api/v1/admin/users/{}", person.id());
        by.api.patch(path).json(json!({ "role": "publisher" })).await.expect(200);
    }
    let page = visitor.open(&format!("/admin/events?person={}", user.id())).await;
    page.titled(200, "Security events").says(&user.email).lacks(&other.email).says("<b>Login</b>");
    page.says("<b>Role changed</b>").says("role: <bdi>publisher</bdi>");
    page.says(&format!("by <a href=\"{}\">{}</a>", page_of(&by), by.email));
    // By the address, whatever its case.
    let query = format!("person={}&event=role_changed", user.email.to_uppercase().replace('@', "%40"));
    let page = visitor.open(&format!("/admin/events?{query}")).await;
    page.says(&user.email).lacks(&other.email).says("<b>Role changed</b>").lacks("<b>Login</b>");
    assert!(lists(&mut visitor, "/admin/events?event=role_changed", &other.email).await);
    visitor.open("/admin/events?event=role_changed").await.lacks("<b>Login</b>");
    visitor.open(&format!("/admin/events?person={NOBODY}")).await.says("There is none.");
    visitor.open("/admin/events?person=nobody%40example.com&event=none").await.says("There is none.");
    assert!(lists(&mut visitor, "/admin/events", &user.email).await);

    // The API, by the same parameters.
    let of_both = format!("/api/v1/admin/audit-log?userId={}&event=role_changed", user.id());
    let of_both = by.api.get(of_both).await.expect(200);
    assert_eq!(of_both["data"].as_array().map(Vec::len), Some(1), "{of_both}");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    while seen.len() < 2 {
        let page = by.api.get(format!("/api/v1/admin/audit-log?event=role_changed&limit=1{cursor}")).await.expect(200);
        assert_eq!(page["data"][0]["event"], "role_changed", "{page}");
        seen.push(page["data"][0]["id"].clone());
        cursor = format!("&cursor={}", page["nextCursor"].as_str().expect("more"));
    }
    assert_ne!(seen[0], seen[1]);
    for query in ["event=none", "event=", "event=Login"] {
        by.api.get(format!("/api/v1/admin/audit-log?{query}")).await.problem(400, "malformed_request");
    }
}

async fn what_was_sent_is_listed_without_its_text(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let email = User::unverified(&host.client()).await;
    let token = token_in(host.mails_to(&email, 1).await[0]["text"].as_str().expect("a text"));
    let sent = async || mail_to(&by, "sent", &email).await;
    let mail = eventually("it is said to be sent", sent).await;
    assert!(!mail.to_string().contains(&token), "{mail}");
    assert_eq!((&mail["kind"], &mail["state"], &mail["error"]), (&json!("verify_email"), &json!("sent"), &Value::Null));
    assert!(lists(&mut visitor, "/admin/outbox?state=sent", &email).await);
    visitor.open("/admin/outbox?state=sent").await.titled(200, "Outbox").lacks(&token).lacks("/send\"");
    // What was sent is not sent again.
    let id = mail["id"].as_str().expect("an id");
    let again = by.api.post(format!("/api/v1/admin/mails/{id}/send")).await.expect(200);
    assert_eq!(again, mail);
    assert!(events(&by, &by, "mail_sent_again").await.is_empty());
    for id in [NOBODY, "x"] {
        by.api.post(format!("/api/v1/admin/mails/{id}/send")).await.problem(404, "not_found");
    }
    for query in ["state=odd", "state=", "limit=0", "surprise=1"] {
        by.api.get(format!("/api/v1/admin/mails?{query}")).await.problem(400, "malformed_request");
    }
}

async fn the_host_tells_how_it_is(host: Host) {
    let (by, mut visitor) = administrator(&host).await;
    let health = by.api.get("/api/v1/admin/health").await.expect(200);
    assert_eq!((&health["ready"], &health["pendingMigrations"]), (&json!(true), &json!([])), "{health}");
    let schema = health["schema"].as_str().expect("a schema");
    assert!(schema.ends_with(".sql"), "{health}");
    for path in ["/admin", "/admin/health"] {
        visitor.open(path).await.says("<dd>ready</dd>").says(schema);
    }
    host.client().get("/ready").await.expect(200);
}

async fn tick(host: &Host) {
    host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
}

/// The mail to this address, as administrators see it.
async fn mail_to(by: &User, state: &str, email: &str) -> Option<Value> {
    let list = by.api.get(format!("/api/v1/admin/mails?state={state}&limit=100")).await.expect(200);
    list["data"].as_array().expect("a list").iter().find(|mail| mail["recipient"] == email).cloned()
}

/// How often the administrator had this mail sent again, as the events say.
async fn sent_again(by: &User, id: &str) -> usize {
    let told = events(by, by, "mail_sent_again").await;
    told.iter().filter(|event| event["details"]["mailId"] == id).count()
}

async fn what_was_given_up_is_sent_again_once(host: Host) {
    host.stop_time().await;
    let (email, api) = (new_address(), host.client());
    host.provider().fail(&email, 1000);
    api.post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    for attempts in 1..=20 {
        host.provider().wait_for(&email, attempts).await;
        host.advance(Duration::from_secs(4 * 3600)).await;
        tick(&host).await;
    }
    let (by, mut visitor) = administrator(&host).await;
    let given_up = async || mail_to(&by, "failed", &email).await;
    let mail = eventually("it is given up", given_up).await;
    let id = mail["id"].as_str().expect("an id");
    assert_eq!((&mail["attempts"], &mail["nextAttemptAt"], &mail["hasText"]), (&json!(20), &Value::Null, &json!(true)));
    let cause = mail["error"].as_str().expect("a cause");
    assert_eq!(host.provider().calls_to(&email).len(), 20, "nobody tries it any more");
    visitor.open("/admin/health").await.lacks("<a href=\"/admin/outbox?state=failed\">0</a>");
    let page = visitor.open("/admin/outbox?state=failed").await;
    page.titled(200, "Outbox").says(&email).says("tried 20 times");
    assert!(page.text().contains(cause), "{cause}: {}", page.text());
    let form = page.form(&format!("/admin/outbox/{id}/send"));

    // It fails once more, and is back.
    visitor.send(&form).await.titled(200, "Outbox").says("It is sent now, unless");
    host.provider().wait_for(&email, 21).await;
    eventually("it is given up again", given_up).await;
    host.provider().fail(&email, 0);
    let (mut one, mut two) = (visitor.clone(), visitor.clone());
    join(one.send(&form), two.send(&form)).await;
    host.provider().wait_for(&email, 22).await;
    let sent = eventually("it is sent", async || mail_to(&by, "sent", &email).await).await;
    assert_eq!((&sent["id"], &sent["hasText"]), (&mail["id"], &json!(false)), "its text is gone now");
    visitor.send(&form).await.titled(200, "Outbox");
    assert_eq!(sent_again(&by, id).await, 2, "one event of two at once");
    host.advance(Duration::from_secs(4 * 3600)).await;
    tick(&host).await;
    let answered = host.provider().calls_to(&email).iter().map(|call| call.answered).collect::<Vec<_>>();
    assert_eq!((answered.len(), answered[21]), (22, 200), "one mail of two at once: {answered:?}");
}

async fn what_is_being_sent_is_not_sent_again(host: Host) {
    host.stop_time().await;
    let (by, mut visitor) = administrator(&host).await;
    let (email, api) = (new_address(), host.client());
    host.provider().fail(&email, 1);
    api.post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    host.provider().wait_for(&email, 1).await;
    let failed = async || mail_to(&by, "waiting", &email).await.filter(|mail| mail["error"].is_string());
    let mail = eventually("it failed", failed).await;
    let id = mail["id"].as_str().expect("an id");
    let form = visitor.open("/admin/outbox").await.form(&format!("/admin/outbox/{id}/send"));
    // Due after half a minute, it is taken then, and the provider takes its time.
    host.provider().hold(&email);
    host.advance(Duration::from_secs(30)).await;
    visitor.send(&form).await.titled(200, "Outbox");
    host.provider().wait_for(&email, 2).await;
    let mut other = visitor.clone();
    join(visitor.send(&form), other.send(&form)).await;
    tick(&host).await;
    assert_eq!(host.provider().calls_to(&email).len(), 2, "somebody is sending it");
    host.provider().release(&email);
    eventually("it is sent", async || mail_to(&by, "sent", &email).await).await;
    visitor.send(&form).await.titled(200, "Outbox");
    assert_eq!(host.provider().calls_to(&email).len(), 2);
    assert_eq!(sent_again(&by, id).await, 0, "nothing was changed, and nothing is told");
}
