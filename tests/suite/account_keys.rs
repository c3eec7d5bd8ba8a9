//! API keys and what was published, in a browser without scripts.

use std::collections::BTreeSet;

use aibaas_tests::{Page, Publisher, User, Visitor, cases, host::Host, visitor::Form};
use futures_util::future::join_all;
use serde_json::json;

cases![KeepsMail:
    a_key_is_shown_once,
    what_is_sent_twice_at_once_shows_one_key,
    a_key_is_rotated_changed_and_revoked,
    the_use_of_a_key_is_shown,
    keys_are_their_owners,
    names_are_escaped,
    runs_are_listed_and_withdrawn,
];

async fn a_key_is_shown_once(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    visitor.open("/account/keys").await.titled(200, "API keys").says("There is none yet.");
    let form = visitor.open("/account/keys/new").await.form("/account/keys/new");
    let wrong = form.clone().with("rateLimit", "many").with("allowedIps", "nowhere");
    let page = visitor.send(&wrong).await;
    page.titled(422, "Create an API key").says("id=\"name-error\"").says("id=\"rateLimit-error\"");
    page.says("id=\"allowedIps-error\"");
    let again = page.form("/account/keys/new");
    assert_eq!((again.value("rateLimit"), again.value("allowedIps")), ("many", "nowhere"));
    let form = form.with("name", "nightly").with("allowedIps", "127.0.0.0/8\r\n::1").ticked("scopes", "keys:verify");
    let page = visitor.send(&form).await;
    let key = page.titled(201, "Your new key").element("<p class=\"secret\">");
    page.says(&format!("Authorization: Bearer {key}")).says("/api/v1/models");
    user.api.with(&key).get("/api/v1/models").await.expect(200);
    // A double click makes one key, and shows it both times.
    assert_eq!(visitor.send(&form).await.titled(201, "Your new key").element("<p class=\"secret\">"), key);
    let list = visitor.open("/account/keys").await;
    list.says("nightly").says("active").lacks(&key);
    assert_eq!(list.text().matches("nightly").count(), 1, "{}", list.answer);
    let keys = user.api.get("/api/v1/api-keys").await.expect(200);
    assert_eq!(keys["data"][0]["allowedIps"], json!(["127.0.0.0/8", "::1/128"]));
    assert_eq!(keys["data"][0]["scopes"], json!(["leaderboard:read", "keys:verify"]));
    assert!(keys["data"][0]["expiresAt"].is_string(), "{keys}");
}

/// A browser shows the answer to the last click alone, and the key is shown this once.
async fn what_is_sent_twice_at_once_shows_one_key(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let at_once = async |visitor: &Visitor, form: &Form| {
        let pages = join_all((0..5).map(|_| {
            let mut clicks = visitor.clone();
            async move { clicks.send(form).await }
        }));
        let pages = pages.await;
        let shown = |page: &Page| page.titled(201, "Your new key").element("<p class=\"secret\">");
        let keys = pages.iter().map(shown).collect::<BTreeSet<_>>();
        assert_eq!(keys.len(), 1, "one key is made");
        keys.into_iter().next().expect("a key")
    };
    let form = visitor.open("/account/keys/new").await.form("/account/keys/new").with("name", "once");
    let key = at_once(&visitor, &form).await;
    user.api.with(&key).get("/api/v1/models").await.expect(200);
    let list = user.api.get("/api/v1/api-keys").await.expect(200);
    let [made] = &list["data"].as_array().expect("a list")[..] else { panic!("{list}") };
    let path = format!("/account/keys/{}", made["id"].as_str().expect("an id"));
    let form = visitor.open(&path).await.form(&format!("{path}/rotate")).with("overlapSeconds", "0");
    let successor = at_once(&visitor, &form).await;
    user.api.with(&key).get("/api/v1/models").await.problem(401, "api_key_revoked");
    user.api.with(&successor).get("/api/v1/models").await.expect(200);
}

async fn a_key_is_rotated_changed_and_revoked(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(json!({ "name": "first", "scopes": ["leaderboard:read"] })).await;
    let (id, key) = (created["apiKey"]["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    let mut visitor = Visitor::logged_in(&user).await;
    let path = format!("/account/keys/{id}");
    let form = visitor.open(&format!("{path}/change")).await.form(&format!("{path}/change"));
    assert_eq!((form.value("name"), form.value("scopes")), ("first", "leaderboard:read"));
    let page = visitor.send(&form.clone().with("rateLimit", "0")).await;
    page.titled(422, "Change the key").says("<a href=\"#rateLimit\">");
    let page = visitor.send(&form.with("name", "second").with("rateLimit", "7")).await;
    page.titled(200, "second").says("The key is changed.").says("<dd>7 in 3,600 s</dd>");
    let page = visitor.send(&page.form(&format!("{path}/rotate"))).await;
    let successor = page.titled(201, "Your new key").element("<p class=\"secret\">");
    for key in [key, &successor] {
        user.api.with(key).get("/api/v1/models").await.expect(200);
    }
    let page = visitor.open(&path).await;
    let again = visitor.send(&page.form(&format!("{path}/rotate"))).await;
    again.titled(409, "The API key has a successor already");
    visitor.send(&page.form(&format!("{path}/revoke"))).await.titled(200, "second").says("revoked");
    user.api.with(key).get("/api/v1/models").await.problem(401, "api_key_revoked");
    visitor.open(&path).await.lacks("Revoke the key");
    user.api.with(&successor).get("/api/v1/models").await.expect(200);
}

async fn the_use_of_a_key_is_shown(host: Host) {
    let user = User::verified(&host).await;
    let created = user.key(json!({ "name": "counted", "scopes": ["leaderboard:read"], "rateLimit": 2 })).await;
    let (id, key) = (created["apiKey"]["id"].as_str().unwrap(), created["key"].as_str().unwrap());
    let client = user.api.with(key);
    for status in [200, 200, 429] {
        client.get("/api/v1/models").await.expect(status);
    }
    client.put("/api/v1/models/a/b").json(json!({ "displayName": "b" })).await.problem(403, "insufficient_scope");
    let mut visitor = Visitor::logged_in(&user).await;
    for bucket in ["hour", "day"] {
        let page = visitor.open(&format!("/account/keys/{id}?bucket={bucket}")).await;
        page.titled(200, "counted").says("<dt>Let in</dt><dd>2</dd>");
        page.says("<dt>Stopped by the limit</dt><dd>1</dd>").says("<dt>Refused</dt><dd>1</dd>");
        for bar in ["allowed", "limited", "denied"] {
            page.says(&format!("<rect class=\"{bar}\" x="));
        }
        let rows = if bucket == "hour" { 24 } else { 30 };
        assert_eq!(page.text().matches("<tr><td>").count(), rows, "{bucket}");
    }
    visitor.open(&format!("/account/keys/{id}?bucket=year")).await.titled(400, "The request could not be read");
}

async fn keys_are_their_owners(host: Host) {
    let (user, other) = (User::verified(&host).await, User::verified(&host).await);
    let created = user.key(json!({ "name": "mine", "scopes": ["leaderboard:read"] })).await;
    let path = format!("/account/keys/{}", created["apiKey"]["id"].as_str().unwrap());
    let (mut visitor, mut stranger) = (Visitor::logged_in(&user).await, Visitor::logged_in(&other).await);
    for page in [path.clone(), format!("{path}/change")] {
        stranger.open(&page).await.titled(404, "There is nothing here").lacks("mine");
    }
    let own = stranger.open("/account").await.form("/account/logout").value("formToken").to_owned();
    let form = visitor.open(&path).await.form(&format!("{path}/revoke")).with("formToken", &own);
    stranger.send(&form).await.titled(404, "There is nothing here");
    user.api.with(created["key"].as_str().unwrap()).get("/api/v1/models").await.expect(200);
}

async fn names_are_escaped(host: Host) {
    let user = User::verified(&host).await;
    let name = "<img src=x onerror=alert(1)>\"'&";
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": name })).await.expect(200);
    let created = user.key(json!({ "name": name, "description": name, "scopes": ["leaderboard:read"] })).await;
    let path = format!("/account/keys/{}", created["apiKey"]["id"].as_str().unwrap());
    let mut visitor = Visitor::logged_in(&user).await;
    for page in ["/account", "/account/profile", "/account/keys", &path, &format!("{path}/change")] {
        visitor.open(page).await.says("&lt;img src=x").lacks("<img src=x");
    }
}

async fn runs_are_listed_and_withdrawn(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let model = publisher.model("m").await;
    let published = publisher.published(&model, 2, 3).await;
    let open = publisher.run(&model).await;
    let mut visitor = Visitor::logged_in(&publisher.user).await;
    let page = visitor.open("/account/publishing").await;
    page.titled(200, "Publishing").says(&model).says("66.7 %").says(">open<").says(&publisher.benchmark);
    let page = visitor.open(&format!("/account/publishing/{open}")).await;
    page.titled(200, &model).says("3 results:").says("<code>t1</code>").says("<code>t3</code>");
    let path = format!("/account/publishing/{published}");
    visitor.open(&path).await.says("withdraw it");
    let page = visitor.fill_in(&format!("{path}/withdraw"), &[("reason", "")]).await;
    page.titled(422, "Withdraw the run").says("<a href=\"#reason\">");
    let reason = [("reason", "The grader was <asleep>.")];
    let page = visitor.fill_in(&format!("{path}/withdraw"), &reason).await;
    page.titled(200, &model).says("withdrawn").says("The grader was &lt;asleep&gt;.");
    let run = publisher.api.get(format!("/api/v1/runs/{published}")).await.expect(200);
    assert_eq!((&run["status"], &run["reason"]), (&json!("withdrawn"), &json!("The grader was <asleep>.")));
    let page = visitor.fill_in(&format!("/account/publishing/{open}/withdraw"), &reason).await;
    page.titled(409, "Withdraw the run").says("The run is not published.");
    // Somebody else's is nothing here.
    let mut stranger = Visitor::logged_in(&User::verified(&host).await).await;
    stranger.open(&path).await.titled(404, "There is nothing here");
    stranger.fill_in(&format!("{path}/withdraw"), &reason).await.titled(403, "Withdraw the run");
}
