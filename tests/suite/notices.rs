//! What people are told of by mail without having asked: keys that expire, limits that are reached, and logins from new
//! networks.

use std::time::Duration;

use aibaas_tests::{
    User, Visitor, cases, eventually,
    fixtures::PASSWORD,
    host::{Host, TICK_SECRET},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![
    KeepsMail: notices_are_chosen, the_page_chooses_notices, a_login_from_a_new_network_is_told_of;
    MovesTime:
        a_key_that_expires_is_told_of_three_times,
        a_short_lived_key_is_told_of_once,
        nobody_is_told_of_keys_that_do_not_matter,
        a_reached_limit_is_told_of_once_a_day,
        a_login_is_told_of_when_networks_are_forgotten,
];

const HOUR: Duration = Duration::from_secs(3600);

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// What the schedule does, several times at once.
async fn ticks(host: &Host) {
    let tick = || host.client().with(TICK_SECRET).post("/internal/tick");
    for answer in join_all((0..3).map(|_| async { tick().await })).await {
        answer.expect(204);
    }
}

/// The texts of the mails of this subject, newest first.
async fn told(host: &Host, user: &User, subject: &str) -> Vec<String> {
    let mails = host.mails_to(&user.email, 0).await;
    let mails = mails.iter().filter(|mail| mail["subject"].as_str().is_some_and(|is| is.contains(subject)));
    mails.map(|mail| mail["text"].as_str().expect("a text").to_owned()).collect()
}

async fn expiring(host: &Host, user: &User) -> Vec<String> {
    ticks(host).await;
    told(host, user, "expires soon").await
}

async fn key(user: &User, name: &str, days: u32) -> Value {
    user.key(json!({ "name": name, "scopes": ["leaderboard:read"], "expiresInDays": days })).await["apiKey"].clone()
}

async fn a_key_that_expires_is_told_of_three_times(host: Host) {
    let user = User::verified(&host).await;
    let key = key(&user, "nightly <run>", 40).await;
    assert_eq!(expiring(&host, &user).await, Vec::<String>::new());
    for (count, wait) in [(1, 10), (2, 23), (3, 6)] {
        host.advance(days(wait) - HOUR).await;
        assert_eq!(expiring(&host, &user).await.len(), count - 1, "not before");
        host.advance(HOUR).await;
        let mails = expiring(&host, &user).await;
        assert_eq!(mails.len(), count);
        for part in ["nightly <run>", key["keyPrefix"].as_str().unwrap(), key["expiresAt"].as_str().unwrap()] {
            assert!(mails[0].contains(part), "{part} in {}", mails[0]);
        }
        assert_eq!(expiring(&host, &user).await.len(), count, "once");
    }
    host.advance(HOUR * 25).await;
    // By now the first is forgotten, as every mail after 30 days.
    assert_eq!(expiring(&host, &user).await.len(), 2);
}

async fn a_short_lived_key_is_told_of_once(host: Host) {
    let user = User::verified(&host).await;
    key(&user, "short", 5).await;
    host.advance(days(3)).await;
    assert_eq!(expiring(&host, &user).await.len(), 0);
    host.advance(days(1)).await;
    assert_eq!(expiring(&host, &user).await.len(), 1);
    // Where the schedule stood still, several reminders are one.
    let late = User::verified(&host).await;
    key(&late, "long", 40).await;
    host.advance(days(39)).await;
    assert_eq!(expiring(&host, &late).await.len(), 1);
    host.advance(HOUR * 23).await;
    assert_eq!(expiring(&host, &late).await.len(), 1);
    let gone = User::verified(&host).await;
    key(&gone, "gone", 40).await;
    host.advance(days(41)).await;
    assert_eq!(expiring(&host, &gone).await.len(), 0, "it has expired");
}

async fn nobody_is_told_of_keys_that_do_not_matter(host: Host) {
    let user = User::verified(&host).await;
    let [revoked, rotated] = [key(&user, "revoked", 10).await, key(&user, "rotated", 10).await];
    let path = |key: &Value, act: &str| format!("/api/v1/api-keys/{}{act}", key["id"].as_str().expect("an id"));
    user.api.delete(path(&revoked, "")).await.expect(204);
    user.api.post(path(&rotated, "/rotate")).json(json!({ "overlapSeconds": 604_800 })).await.expect(201);
    user.key(json!({ "name": "for ever", "scopes": ["leaderboard:read"] })).await;
    let quiet = User::verified(&host).await;
    key(&quiet, "quiet", 10).await;
    quiet.api.patch("/api/v1/users/me").json(json!({ "notices": { "keyExpiry": false } })).await.expect(200);
    host.advance(days(6)).await;
    // The successor lasts as long as the key did, and is told of like any other.
    let mails = expiring(&host, &user).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert_eq!(expiring(&host, &quiet).await.len(), 0);
    // Whoever wants to be told again is not told of what has passed.
    let quiet = quiet.login_from(&quiet.api).await;
    quiet.api.patch("/api/v1/users/me").json(json!({ "notices": { "keyExpiry": true } })).await.expect(200);
    assert_eq!(expiring(&host, &quiet).await.len(), 0);
    host.advance(days(3)).await;
    assert_eq!(expiring(&host, &quiet).await.len(), 1);
}

async fn a_reached_limit_is_told_of_once_a_day(host: Host) {
    let (user, quiet) = (User::verified(&host).await, User::verified(&host).await);
    quiet.api.patch("/api/v1/users/me").json(json!({ "notices": { "keyLimits": false } })).await.expect(200);
    let limited = json!({
        "name": "busy", "scopes": ["leaderboard:read"], "rateLimit": 1, "rateLimitWindowSeconds": 3600,
    });
    let mut keys = Vec::new();
    for owner in [&quiet, &user, &user] {
        keys.push(owner.api.with(owner.key(limited.clone()).await["key"].as_str().expect("a key")));
    }
    let reach = || async {
        for key in &keys {
            let mut answers = Vec::new();
            for _ in 0..2 {
                answers.push(key.get("/api/v1/models").await.status.as_u16());
            }
            assert_eq!(answers.last(), Some(&429), "{answers:?}");
        }
    };
    // What was counted is saved some moments later.
    let limits = async |count: usize| {
        eventually(&format!("{count} mails about limits"), async || {
            ticks(&host).await;
            let mails = told(&host, &user, "reached its limit").await;
            Some(mails).filter(|mails| mails.len() >= count)
        })
        .await
    };
    reach().await;
    let mails = limits(1).await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("busy"), "{}", mails[0]);
    host.advance(HOUR * 20).await;
    reach().await;
    ticks(&host).await;
    assert_eq!(told(&host, &user, "reached its limit").await.len(), 1, "one a day, whatever the key");
    host.advance(HOUR * 5).await;
    reach().await;
    assert_eq!(limits(2).await.len(), 2);
    assert_eq!(told(&host, &quiet, "reached its limit").await, Vec::<String>::new());
}

async fn notices_are_chosen(host: Host) {
    let user = User::verified(&host).await;
    let shown = |expiry: bool, limits: bool| json!({ "keyExpiry": expiry, "keyLimits": limits, "newNetworks": true });
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["notices"], shown(true, true));
    let patch = |notices: Value| user.api.patch("/api/v1/users/me").json(json!({ "notices": notices }));
    assert_eq!(patch(json!({ "keyLimits": false })).await.expect(200)["notices"], shown(true, false));
    assert_eq!(patch(json!({})).await.expect(200)["notices"], shown(true, false));
    assert_eq!(patch(shown(false, true)).await.expect(200)["notices"], shown(false, true));
    assert_eq!(patch(shown(false, true)).await.expect(200)["notices"], shown(false, true));
    patch(json!({ "newsletter": true })).await.invalid("/notices/newsletter");
    patch(json!({ "keyExpiry": "yes" })).await.invalid("/notices/keyExpiry");
    let log = user.api.get("/api/v1/users/me/audit-log").await.expect(200);
    let changes = log["data"].as_array().expect("a list").iter().filter(|event| event["event"] == "profile_changed");
    let changes = changes.map(|event| event["details"].clone()).collect::<Vec<_>>();
    assert_eq!(changes, vec![json!({ "members": ["notices"] }); 2], "what changed nothing is no event");
}

async fn the_page_chooses_notices(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let form = visitor.open("/account/profile").await.form("/account/profile/notices");
    let mut form = form;
    form.fields.retain(|(name, _)| name != "keyLimits");
    visitor.send(&form).await.says("Your profile is saved.");
    let notices = user.api.get("/api/v1/users/me").await.expect(200)["notices"].clone();
    assert_eq!(notices, json!({ "keyExpiry": true, "keyLimits": false, "newNetworks": true }));
    let page = visitor.open("/account/profile").await;
    page.says("Notices by mail");
    visitor
        .send(&page.form("/account/profile/notices").ticked("keyLimits", "yes"))
        .await
        .says("Your profile is saved.");
    let notices = user.api.get("/api/v1/users/me").await.expect(200)["notices"].clone();
    assert_eq!(notices, json!({ "keyExpiry": true, "keyLimits": true, "newNetworks": true }));
}

const NEW_NETWORK: &str = "new network";

async fn a_login_from_a_new_network_is_told_of(host: Host) {
    host.needs_addresses();
    let user = User::verified(&host).await;
    let user = user.login_from(&user.api).await;
    // Whoever is told is so before the mail of a later deed: what is to be seen of none is looked at after all others.
    let quiet = User::verified(&host).await;
    quiet.api.patch("/api/v1/users/me").json(json!({ "notices": { "newNetworks": false } })).await.expect(200);
    let away = host.client();
    quiet.login_from(&away).await;
    let logins = (0..3).map(|_| {
        let body = json!({ "email": user.email, "password": PASSWORD });
        away.post("/api/v1/auth/login").header("User-Agent", "curl/8.7.1").json(body)
    });
    for login in join_all(logins.map(|login| async { login.await })).await {
        login.expect(200);
    }
    let mails = eventually("a mail about a new network", async || {
        Some(told(&host, &user, NEW_NETWORK).await).filter(|mails| !mails.is_empty())
    })
    .await;
    assert_eq!(mails.len(), 1, "once, and not of the first login");
    let address = away.address().expect("an address").to_string();
    for part in [address.as_str(), "curl", "/account/sessions"] {
        assert!(mails[0].contains(part), "{part} in {}", mails[0]);
    }
    // A wrong password tells nobody, and a network is new once.
    let wrong = json!({ "email": user.email, "password": "quite another phrase" });
    host.client().post("/api/v1/auth/login").json(wrong).await.problem(401, "invalid_credentials");
    user.login_from(&away).await;
    user.login_from(&user.api).await;
    assert_eq!(told(&host, &user, NEW_NETWORK).await.len(), 1);
    for _ in 0..6 {
        user.login_from(&host.client()).await;
    }
    assert_eq!(told(&host, &user, NEW_NETWORK).await.len(), 5, "so many a day");
    assert_eq!(told(&host, &quiet, NEW_NETWORK).await, Vec::<String>::new());
}

async fn a_login_is_told_of_when_networks_are_forgotten(host: Host) {
    host.needs_addresses();
    let user = User::verified(&host).await;
    host.advance(days(95)).await;
    ticks(&host).await;
    user.login_from(&host.client()).await;
    assert_eq!(told(&host, &user, NEW_NETWORK).await.len(), 1, "they have logged in before");
}
