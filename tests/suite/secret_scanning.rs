//! Leaked API keys that GitHub reports: signed by GitHub, revoked at once, each owner told once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aibaas_core::domain::api_key::ApiKey;
use aibaas_tests::{
    Answer, Client, User, cases,
    fixtures::{admin, unique},
    host::{Host, Kind, TICK_SECRET},
    keys::rfc3339,
    provider::SigningKey,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

cases![SendsMail:
    a_reported_key_is_revoked_and_its_owner_told,
    the_same_report_many_times_at_once,
    many_keys_in_one_report,
    odd_places_are_not_kept,
    only_githubs_signature_counts,
    bad_bodies_are_refused,
    githubs_keys_are_fetched_when_needed;
    KeepsMail: an_unsigned_report_asks_nobody;
    SendsMailAndMovesTime:
        a_second_report_changes_nothing,
        what_is_no_active_key_stays_as_it_is,
];

const PATH: &str = "/api/v1/secret-scanning/github";
const PLACE: &str =
    "https://github.com/octocat/Hello-World/blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt#L7";

/// The key that GitHub signs with where this host looks, which the host has fetched by then.
async fn github(host: &Host) -> Arc<SigningKey> {
    type Cell = Arc<OnceCell<Arc<SigningKey>>>;
    static KEYS: Mutex<Option<HashMap<String, Cell>>> = Mutex::new(None);
    let cell = {
        let mut hosts = KEYS.lock().expect("no panic");
        Arc::clone(hosts.get_or_insert_default().entry(host.url().to_owned()).or_default())
    };
    let publish = || async {
        let key = SigningKey::new(&unique("github"));
        host.provider().publish(&key);
        assert_eq!(report(host, &key, json!([])).await.expect(200), json!([]));
        Arc::new(key)
    };
    Arc::clone(cell.get_or_init(publish).await)
}

/// Sends what this key signs.
async fn report(host: &Host, key: &SigningKey, matches: Value) -> Answer {
    // Not as serde writes it: what is signed is the very bytes.
    let body = format!(" {matches:#}\r\n");
    signed(host, &key.identifier, &key.sign(body.as_bytes()), body).await
}

async fn signed(host: &Host, identifier: &str, signature: &str, body: impl Into<Vec<u8>>) -> Answer {
    let request = host.client().post(PATH).header("Github-Public-Key-Identifier", identifier);
    request.header("Github-Public-Key-Signature", signature).body("application/json", body).await
}

/// A match of the report.
fn found(token: &str) -> Value {
    json!({ "token": token, "type": "aibaas_api_key", "url": PLACE, "source": "content" })
}

fn feedback(token: &str, label: &str) -> Value {
    let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    let hash = data_encoding::HEXLOWER.encode(hash.as_ref());
    json!({ "token_hash": hash, "token_type": "aibaas_api_key", "label": label })
}

/// A new key of a person: itself, and its id.
async fn new_key(user: &User, name: &str) -> (String, String) {
    let created = user.key(json!({ "name": name, "scopes": ["leaderboard:read"] })).await;
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&created["key"]), text(&created["apiKey"]["id"]))
}

async fn shown(user: &User, id: &str) -> Value {
    user.api.get(format!("/api/v1/api-keys/{id}")).await.expect(200)
}

/// What the person's log says of leaks, newest first.
async fn events(user: &User) -> Vec<Value> {
    let log = user.api.get("/api/v1/users/me/audit-log?limit=100").await.expect(200);
    let events = log["data"].as_array().cloned().unwrap_or_default();
    events.into_iter().filter(|event| event["event"] == "api_key_leaked").collect()
}

/// The texts of the mails about leaks, once there are so many and no other follows.
async fn mails(host: &Host, user: &User, count: usize) -> Vec<String> {
    let about_leaks = |text: &str| text.contains("can be read in public");
    host.mails_that(&user.email, count, about_leaks).await;
    // Mails are written down with their cause, and a tick has sent what is due when it answers.
    host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
    let mails = host.mails_that(&user.email, count, about_leaks).await;
    assert_eq!(mails.len(), count, "{mails:?}");
    mails.iter().map(|mail| mail["text"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn a_reported_key_is_revoked_and_its_owner_told(host: Host) {
    let github = github(&host).await;
    let user = User::verified(&host).await;
    let role = admin(&host).await.api.patch(format!("/api/v1/admin/users/{}", user.id()));
    role.json(json!({ "role": "publisher" })).await.expect(200);
    let created = user.key(json!({ "name": "CI of the parser", "scopes": ["models:write"] })).await;
    let (key, id) = (created["key"].as_str().unwrap(), created["apiKey"]["id"].as_str().unwrap());
    let (other, other_id) = new_key(&user, "another").await;
    let program = user.api.with(key);
    let declare = |program: &Client| {
        let path = format!("/api/v1/models/{}/m", unique("probe"));
        program.put(path).json(json!({ "displayName": "M" }))
    };
    declare(&program).await.expect(201);

    let answer = report(&host, &github, json!([found(key)])).await;
    assert_eq!(answer.expect(200), json!([feedback(key, "true_positive")]));
    declare(&program).await.problem(401, "api_key_revoked");
    let revoked = shown(&user, id).await;
    assert_eq!(revoked["status"], "revoked");
    assert!(revoked["revokedAt"].is_string());
    assert_eq!(shown(&user, &other_id).await["status"], "active");

    let [event] = events(&user).await.try_into().expect("one event");
    assert_eq!(event["details"], json!({ "apiKeyId": id, "url": PLACE, "source": "content" }));
    assert_eq!((&event["actor"], &event["ip"], &event["userAgent"]), (&Value::Null, &Value::Null, &Value::Null));

    let [text] = mails(&host, &user, 1).await.try_into().expect("one mail");
    for part in ["CI of the parser", revoked["keyPrefix"].as_str().unwrap(), PLACE] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let written = host.provider().calls_to(&user.email).iter().map(|call| call.body.to_string()).collect::<String>();
    for said in [written, answer.text(), event.to_string()] {
        assert!(!said.contains(key) && !said.contains(&other), "{said}");
    }
}

async fn a_second_report_changes_nothing(host: Host) {
    let github = github(&host).await;
    let user = User::verified(&host).await;
    let (key, id) = new_key(&user, "leaked twice").await;
    let answer = report(&host, &github, json!([found(&key)])).await.expect(200);
    let revoked = shown(&user, &id).await;
    mails(&host, &user, 1).await;
    host.advance(Duration::from_secs(1)).await;
    assert_eq!(report(&host, &github, json!([found(&key)])).await.expect(200), answer);
    assert_eq!(shown(&user, &id).await, revoked);
    assert_eq!(events(&user).await.len(), 1);
    mails(&host, &user, 1).await;
}

async fn the_same_report_many_times_at_once(host: Host) {
    let github = github(&host).await;
    let user = User::verified(&host).await;
    let (key, id) = new_key(&user, "leaked").await;
    let reports = (0..8).map(|_| report(&host, &github, json!([found(&key)])));
    for answer in join_all(reports).await {
        assert_eq!(answer.expect(200), json!([feedback(&key, "true_positive")]));
    }
    assert_eq!(shown(&user, &id).await["status"], "revoked");
    assert_eq!(events(&user).await.len(), 1);
    mails(&host, &user, 1).await;
}

async fn many_keys_in_one_report(host: Host) {
    let github = github(&host).await;
    let (ada, bob) = (User::verified(&host).await, User::verified(&host).await);
    let mut keys = Vec::new();
    for n in 0..5 {
        keys.push(new_key(&ada, &format!("ada's {n}")).await);
    }
    let of_bob = new_key(&bob, "bob's").await;
    keys.push(of_bob.clone());
    // One is found at two places: the first is told.
    let mut matches = keys.iter().map(|(key, _)| found(key)).collect::<Vec<_>>();
    let mut again = found(&of_bob.0);
    again["url"] = json!("https://gist.github.com/octocat");
    matches.push(again);
    let mut labels = keys.iter().map(|(key, _)| feedback(key, "true_positive")).collect::<Vec<_>>();
    labels.push(feedback(&of_bob.0, "true_positive"));
    assert_eq!(report(&host, &github, json!(matches)).await.expect(200), json!(labels));
    for (_, id) in &keys[..5] {
        assert_eq!(shown(&ada, id).await["status"], "revoked");
    }
    assert_eq!(shown(&bob, &of_bob.1).await["status"], "revoked");
    let told = events(&ada).await;
    let ids = told.iter().map(|event| event["details"]["apiKeyId"].as_str().unwrap()).collect::<Vec<_>>();
    assert!(ids.len() == 5 && keys[..5].iter().all(|(_, id)| ids.contains(&id.as_str())), "{ids:?}");
    assert_eq!(events(&bob).await.len(), 1);
    let texts = mails(&host, &ada, 5).await;
    assert!((0..5).all(|n| texts.iter().any(|text| text.contains(&format!("ada's {n}")))), "{texts:?}");
    let text = mails(&host, &bob, 1).await.remove(0);
    assert!(text.contains(PLACE) && !text.contains("gist.github.com"), "{text}");
}

async fn what_is_no_active_key_stays_as_it_is(host: Host) {
    let github = github(&host).await;
    let user = User::verified(&host).await;
    let (revoked, revoked_id) = new_key(&user, "revoked").await;
    user.api.delete(format!("/api/v1/api-keys/{revoked_id}")).await.expect(204);
    // Else the key may have expired before it is asked for.
    host.stop_time().await;
    let expires = rfc3339(host.now_ms().await + 60_000);
    let body = json!({ "name": "expired", "scopes": ["leaderboard:read"], "expiresAt": expires });
    let created = user.key(body).await;
    let (expired, expired_id) = (created["key"].as_str().unwrap(), created["apiKey"]["id"].as_str().unwrap());
    host.advance(Duration::from_secs(60)).await;
    host.let_time_pass().await;
    assert_eq!(shown(&user, expired_id).await["status"], "expired");
    let (kept, kept_id) = new_key(&user, "kept").await;
    let unknown = ApiKey::generate("live", &std::array::from_fn(|_| fastrand::u8(..248))).expect("a key");
    let unknown = unknown.secret().expose();
    let last = if kept.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{last}", &kept[..kept.len() - 1]);
    let before = (shown(&user, &revoked_id).await, shown(&user, expired_id).await);

    let none = [unknown, &mistyped, "some_token", "", &format!(" {kept}"), &kept.to_uppercase(), "aib_live_", "é"];
    let matches = none.iter().copied().chain([revoked.as_str(), expired]).map(found).collect::<Value>();
    let labels = none.iter().map(|token| feedback(token, "false_positive"));
    let labels = labels.chain([&revoked, expired].map(|token| feedback(token, "true_positive"))).collect::<Value>();
    assert_eq!(report(&host, &github, matches).await.expect(200), labels);
    assert_eq!((shown(&user, &revoked_id).await, shown(&user, expired_id).await), before);
    assert_eq!(shown(&user, &kept_id).await["status"], "active");
    assert!(events(&user).await.is_empty());
    mails(&host, &user, 0).await;
}

async fn odd_places_are_not_kept(host: Host) {
    let github = github(&host).await;
    let user = User::verified(&host).await;
    let long = format!("https://github.com/{}", "x".repeat(2000));
    let places = [json!(null), json!(""), json!("javascript:alert(1)"), json!("/relative"), json!(long)];
    for place in places {
        let (key, id) = new_key(&user, "somewhere").await;
        let matched =
            json!({ "token": key, "type": "t", "url": place, "source": "x".repeat(200), "new": { "a": [1] } });
        report(&host, &github, json!([matched])).await.expect(200);
        assert_eq!(shown(&user, &id).await["status"], "revoked", "{place}");
        let event = events(&user).await.remove(0);
        assert_eq!(event["details"], json!({ "apiKeyId": id, "url": null, "source": null }), "{place}");
    }
    // Neither member has to be there; and a place that names the key is not repeated.
    let (key, id) = new_key(&user, "bare").await;
    report(&host, &github, json!([{ "token": key, "type": "t" }])).await.expect(200);
    assert_eq!(shown(&user, &id).await["status"], "revoked");
    let (key, id) = new_key(&user, "named").await;
    let url = format!("https://github.com/search?q={key}&type=code");
    report(&host, &github, json!([{ "token": key, "type": "t", "url": url, "source": key }])).await.expect(200);
    assert_eq!(shown(&user, &id).await["status"], "revoked");
    assert_eq!(events(&user).await[0]["details"], json!({ "apiKeyId": id, "url": null, "source": null }));
    let texts = mails(&host, &user, 7).await;
    assert!(!texts.iter().any(|text| text.contains(&key) || text.contains("javascript:")), "{texts:?}");
}

async fn only_githubs_signature_counts(host: Host) {
    let github = github(&host).await;
    let user = User::verified(&host).await;
    let (key, id) = new_key(&user, "safe").await;
    let body = json!([found(&key)]).to_string();
    let right = github.sign(body.as_bytes());
    let stranger = SigningKey::new(&github.identifier);
    let send = |identifier: &str, signature: &str, body: &str| {
        let (identifier, signature, body) = (identifier.to_owned(), signature.to_owned(), body.to_owned());
        let host = host.clone();
        async move { signed(&host, &identifier, &signature, body).await }
    };
    let mut longer = STANDARD.decode(&right).expect("base64");
    longer.push(0);
    let wrong = [
        "",
        "AAAA",
        "not base64!",
        &right[..right.len() - 4],
        &right.replace(['+', '/'], "-"),
        &format!("{right}\u{e9}"),
        &format!("{right}{}", "A".repeat(200)),
        &STANDARD.encode(longer),
        &github.sign(b"[]"),
        &github.sign(format!("{body} ").as_bytes()),
        &stranger.sign(body.as_bytes()),
    ];
    for signature in wrong.into_iter().filter(|signature| *signature != right) {
        send(&github.identifier, signature, &body).await.problem(403, "invalid_signature");
    }
    // What is signed is the bytes, not what they say; and it is looked at before anything is read.
    for other in [format!(" {body}"), body.replace("content", "commit"), "nonsense".to_owned(), String::new()] {
        send(&github.identifier, &right, &other).await.problem(403, "invalid_signature");
    }
    for identifier in ["", &"x".repeat(201)] {
        send(identifier, &right, &body).await.problem(403, "invalid_signature");
    }
    let missing = host.client().post(PATH).header("Github-Public-Key-Identifier", &github.identifier);
    missing.body("application/json", body.clone()).await.problem(403, "invalid_signature");
    let missing = host.client().post(PATH).header("Github-Public-Key-Signature", &right);
    missing.body("application/json", body.clone()).await.problem(403, "invalid_signature");
    assert_eq!(shown(&user, &id).await["status"], "active");
    assert!(events(&user).await.is_empty());
    mails(&host, &user, 0).await;

    send(&github.identifier, &right, &body).await.expect(200);
    assert_eq!(shown(&user, &id).await["status"], "revoked");
}

async fn bad_bodies_are_refused(host: Host) {
    let github = github(&host).await;
    let user = User::verified(&host).await;
    let (key, id) = new_key(&user, "safe").await;
    let send = |content_type: &'static str, body: Vec<u8>| {
        let request = host.client().post(PATH).header("Github-Public-Key-Identifier", &github.identifier);
        request.header("Github-Public-Key-Signature", &github.sign(&body)).body(content_type, body)
    };
    let whole = json!([found(&key)]).to_string();
    for broken in ["", " ", "[", "nonsense", "[{\"token\":}]", "[] trailing", &whole[..whole.len() - 1]] {
        send("application/json", broken.into()).await.problem(400, "malformed_request");
    }
    send("application/json", b"[\"\xc3\x28\"]".to_vec()).await.problem(400, "malformed_request");
    for (body, pointer) in [
        (json!(null), ""),
        (json!({ "token": key, "type": "t" }), ""),
        (json!([found(&key), 7]), "/1"),
        (json!([found(&key), { "type": "t" }]), "/1/token"),
        (json!([found(&key), { "token": "t" }]), "/1/type"),
        (json!([found(&key), { "token": 7, "type": "t" }]), "/1/token"),
        (json!([found(&key), { "token": "t", "type": "t", "url": ["https://a.example/"] }]), "/1/url"),
    ] {
        send("application/json", body.to_string().into()).await.invalid(pointer);
    }
    for content_type in ["", "text/plain", "application/xml"] {
        send(content_type, whole.clone().into()).await.problem(415, "unsupported_media_type");
    }
    let large = format!("{whole}{}", " ".repeat(1 << 20));
    send("application/json", large.into()).await.problem(413, "payload_too_large");
    assert_eq!(shown(&user, &id).await["status"], "active", "all of a report or nothing");
    let large = format!("{whole}{}", " ".repeat((1 << 20) - whole.len()));
    send("application/json", large.into()).await.expect(200);
    assert_eq!(shown(&user, &id).await["status"], "revoked");
}

async fn githubs_keys_are_fetched_when_needed(host: Host) {
    let first = github(&host).await;
    let provider = host.provider();
    let fetches = || provider.key_list_calls().len();
    let call = provider.key_list_calls().remove(0);
    assert!(call.headers["user-agent"].starts_with("aibaas/"), "{call:?}");
    assert_eq!(call.headers["accept"], "application/vnd.github+json");
    if host.kind() != Kind::Native {
        // The native host is told the provider's address; the others call it by its name.
        assert_eq!(call.headers["host"], "api.github.com");
    }
    let before = fetches();
    for answer in join_all((0..4).map(|_| report(&host, &first, json!([])))).await {
        answer.expect(200);
    }
    assert_eq!(fetches(), before, "the list is kept");

    let second = SigningKey::new(&unique("github"));
    report(&host, &second, json!([])).await.problem(403, "invalid_signature");
    provider.publish(&second);
    report(&host, &second, json!([])).await.expect(200);
    report(&host, &first, json!([])).await.expect(200);
    // The cache may forget at any time.
    assert!((2..=3).contains(&(fetches() - before)), "an unknown key is looked for, a retired one is still known");

    provider.fail_key_list(true);
    let third = SigningKey::new(&unique("github"));
    report(&host, &third, json!([])).await.problem(503, "service_unavailable");
    report(&host, &second, json!([])).await.expect(200);
    provider.fail_key_list(false);

    // Whoever sends unknown identifiers does not make us ask GitHub without end.
    let strangers = (0..20).map(|_| SigningKey::new(&unique("stranger"))).collect::<Vec<_>>();
    for answer in join_all(strangers.iter().map(|key| report(&host, key, json!([])))).await {
        answer.problem(403, "invalid_signature");
    }
    assert!(fetches() <= 6, "{}", fetches());
    report(&host, &second, json!([])).await.expect(200);
}

async fn an_unsigned_report_asks_nobody(host: Host) {
    let report = || host.client().post(PATH).json(json!([found("some_token")]));
    report().await.problem(403, "invalid_signature");
    report().header("Github-Public-Key-Identifier", "x").await.problem(403, "invalid_signature");
    let malformed = report().header("Github-Public-Key-Identifier", "x").header("Github-Public-Key-Signature", "?");
    malformed.await.problem(403, "invalid_signature");
}
