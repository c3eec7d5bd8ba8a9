//! `Idempotency-Key`: what a POST makes is made once, and its answer is replayed.

use aibaas_tests::{
    Answer, Authenticator, Client, Publisher, User, cases,
    client::Request,
    fixtures::{PASSWORD, links, new_address, passes, unique},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    the_first_answer_is_replayed,
    publishing_is_replayed,
    registering_is_replayed,
    twenty_at_once_make_one,
    a_key_stands_for_one_request,
    a_key_is_its_callers_own,
    a_refused_request_frees_its_key,
    a_key_is_short_and_printable,
    two_headers_are_one_key,
    who_may_no_longer_call_gets_no_replay,
    a_request_without_a_key_is_another_one;
MovesTime:
    second_factors_are_replayed,
];

const KEYS: &str = "/api/v1/api-keys";

fn api_key(name: &str) -> Value {
    json!({ "name": name, "scopes": ["models:write"] })
}

fn with_key(request: Request, key: &str) -> Request {
    request.header("Idempotency-Key", key)
}

/// Asserts that the second answer is the first, and says so.
#[track_caller]
fn assert_replay(first: &Answer, second: &Answer) {
    assert_eq!((first.status, first.text()), (second.status, second.text()), "{second}");
    assert_eq!(first.media_type(), second.media_type());
    assert_eq!((first.header("idempotent-replayed"), second.header("idempotent-replayed")), (None, Some("true")));
}

/// Sends it twice with a new key, and returns the answer, which is a replay the second time.
async fn twice(send: impl Fn() -> Request) -> Answer {
    let key = unique("twice");
    let first = with_key(send(), &key).await;
    assert!(first.status.is_success(), "{first}");
    assert_replay(&first, &with_key(send(), &key).await);
    first
}

async fn names(user: &User) -> Vec<String> {
    let list = user.api.get("/api/v1/api-keys?limit=100").await.expect(200);
    let data = list["data"].as_array().expect("a list");
    data.iter().map(|key| key["name"].as_str().expect("a name").to_owned()).collect()
}

async fn the_first_answer_is_replayed(host: Host) {
    let user = User::verified(&host).await;
    let made = twice(|| user.api.post(KEYS).json(api_key("one"))).await.expect(201);
    assert_eq!(names(&user).await, ["one"]);
    // The key that both answers show works, and is told as it is read.
    let read = user.api.get(format!("{KEYS}/{}", made["apiKey"]["id"].as_str().expect("an id"))).await.expect(200);
    assert_eq!(read, made["apiKey"]);
    let api = user.api.with(made["key"].as_str().expect("a key"));
    api.put(format!("/api/v1/models/{}/m", unique("maker"))).json(json!({ "displayName": "M" })).await.expect(201);

    let new_address = new_address();
    let body = json!({ "newEmail": new_address, "password": PASSWORD });
    twice(|| user.api.post("/api/v1/users/me/email").json(body.clone())).await.expect(202);
    assert_eq!(links(&host, &new_address, "confirm-email", 1).await.len(), 1);
}

async fn second_factors_are_replayed(host: Host) {
    let user = User::verified(&host).await;
    let enrolled = user.api.post("/api/v1/auth/mfa/totp").await.expect(200);
    let mut authenticator = Authenticator::of(&host, enrolled["secret"].as_str().expect("a secret")).await;
    let code = json!({ "code": authenticator.next().await });
    let confirmed = twice(|| user.api.post("/api/v1/auth/mfa/totp/confirm").json(code.clone())).await.expect(200);
    let path = "/api/v1/auth/mfa/recovery-codes";
    // A code works once, and so does the request that it came with.
    let code = json!({ "password": PASSWORD, "code": confirmed["recoveryCodes"][0] });
    let replaced = twice(|| user.api.post(path).json(code.clone())).await.expect(200);
    assert_ne!(replaced, confirmed);
    user.api.post(path).json(code).await.problem(403, "incorrect_code");
    user.api.post(path).json(json!({ "password": PASSWORD, "code": replaced["recoveryCodes"][9] })).await.expect(200);
}

async fn publishing_is_replayed(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let body = publisher.run_body(&publisher.model("m").await);
    let run = twice(|| publisher.api.post("/api/v1/runs").json(body.clone())).await.expect(201);
    let path = format!("/api/v1/runs/{}", run["id"].as_str().expect("an id"));
    assert_eq!(publisher.api.get(&path).await.expect(200), run);
    let counts = twice(|| publisher.api.post(format!("{path}/results")).json(passes(1, 2))).await.expect(200);
    assert_eq!(counts, json!({ "accepted": 2, "repeated": 0 }));
    twice(|| publisher.api.post(format!("{path}/publish"))).await.expect(200);
    let lines = "{\"task\":\"t1\",\"attempt\":1,\"status\":\"success\",\"score\":1}\n";
    let next = publisher.run(body["model"].as_str().expect("a model")).await;
    let upload = || publisher.api.post(format!("/api/v1/runs/{next}/results")).body("application/x-ndjson", lines);
    assert_eq!(twice(upload).await.expect(200), json!({ "accepted": 1, "repeated": 0 }));
    // Another API key of the same person's is the same caller: keys are rotated.
    let key = unique("rotated");
    let first = with_key(publisher.api.post("/api/v1/runs").json(body.clone()), &key).await;
    let rotated = publisher.user.key_client(&["results:write"]).await;
    assert_replay(&first, &with_key(rotated.post("/api/v1/runs").json(body), &key).await);
}

async fn registering_is_replayed(host: Host) {
    let known = User::verified(&host).await.email;
    let mut answers = Vec::new();
    for email in [known, new_address()] {
        let body = json!({ "email": email, "password": PASSWORD });
        let (api, key) = (host.client(), unique("register"));
        let send = || with_key(api.post("/api/v1/auth/register").json(body.clone()), &key);
        let (first, second) = (send().await, send().await);
        assert_replay(&first, &second);
        assert_eq!(host.mails_to(&email, 1).await[0]["to"], email);
        answers.push((first.comparable_headers(), second.comparable_headers(), first.text().replace(&email, "")));
        // From elsewhere it is another request, which is carried out.
        if host.has_addresses() {
            let elsewhere = with_key(api.elsewhere().post("/api/v1/auth/register").json(body.clone()), &key).await;
            assert_eq!(elsewhere.header("idempotent-replayed"), None);
            assert_eq!((elsewhere.status, elsewhere.text()), (first.status, first.text()));
        }
    }
    assert_eq!(answers[0], answers[1], "whether the address has an account cannot be told");
}

async fn twenty_at_once_make_one(host: Host) {
    let user = User::verified(&host).await;
    let key = unique("burst");
    let send = || with_key(user.api.post(KEYS).json(api_key("burst")), &key);
    let answers = join_all((0..20).map(|_| send().into_future())).await;
    let (made, waiting) = answers.iter().partition::<Vec<_>, _>(|answer| answer.status == 201);
    for answer in waiting {
        answer.problem(409, "idempotency_in_progress");
        assert_eq!(answer.retry_after(), Some(1));
    }
    let replay = send().await;
    assert_eq!(made.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count(), 1);
    assert!(made.iter().all(|answer| answer.text() == replay.text()));
    assert_eq!(names(&user).await, ["burst"]);
}

async fn a_key_stands_for_one_request(host: Host) {
    let user = User::verified(&host).await;
    let key = unique("one");
    let send = |body: Value| with_key(user.api.post(KEYS).json(body), &key);
    let first = send(api_key("one")).await;
    first.expect(201);
    for other in [api_key("two"), json!({ "scopes": ["models:write"], "name": "one" })] {
        send(other).await.problem(422, "idempotency_key_reused");
    }
    let elsewhere = user.api.post("/api/v1/users/me/email");
    let elsewhere = elsewhere.json(json!({ "newEmail": new_address(), "password": PASSWORD }));
    with_key(elsewhere, &key).await.problem(422, "idempotency_key_reused");
    assert_replay(&first, &send(api_key("one")).await);
    assert_eq!(names(&user).await, ["one"]);

    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let model = publisher.model("m").await;
    let publish = async |run: &str| {
        publisher.upload(run, passes(1, 1)).await;
        with_key(publisher.api.post(format!("/api/v1/runs/{run}/publish")), &key).await
    };
    publish(&publisher.run(&model).await).await.expect(200);
    publish(&publisher.run(&model).await).await.problem(422, "idempotency_key_reused");
}

async fn a_key_is_its_callers_own(host: Host) {
    let (ada, bob) = (User::verified(&host).await, User::verified(&host).await);
    let key = unique("shared");
    let send = |api: &Client| with_key(api.post(KEYS).json(api_key("mine")), &key);
    let (hers, his) = (send(&ada.api).await, send(&bob.api).await);
    assert_ne!(hers.expect(201)["key"], his.expect(201)["key"]);
    assert_eq!((hers.header("idempotent-replayed"), his.header("idempotent-replayed")), (None, None));
    // Another session of hers is she.
    assert_replay(&hers, &send(&ada.login_from(&host.client()).await.api).await);
    assert_replay(&his, &send(&bob.api).await);
}

async fn a_refused_request_frees_its_key(host: Host) {
    let user = User::verified(&host).await;
    let key = unique("refused");
    let send = |body: Value| with_key(user.api.post(KEYS).json(body), &key);
    send(json!({ "name": "", "scopes": ["models:write"] })).await.invalid("/name");
    send(json!({ "name": "x", "scopes": [] })).await.invalid("/scopes");
    let full = join_all((0..50).map(|n| user.api.post(KEYS).json(api_key(&format!("key {n}"))).into_future())).await;
    for _ in 0..2 {
        send(api_key("one too many")).await.problem(409, "too_many_api_keys");
    }
    send(api_key("too many as well")).await.problem(409, "too_many_api_keys");
    let one = full[0].expect(201)["apiKey"]["id"].as_str().expect("an id").to_owned();
    user.api.delete(format!("{KEYS}/{one}")).await.expect(204);
    let made = send(api_key("fits")).await;
    assert_eq!(made.expect(201)["apiKey"]["name"], "fits");
    assert_replay(&made, &send(api_key("fits")).await);

    let wrong = json!({ "newEmail": new_address(), "password": "wrong" });
    let right = json!({ "newEmail": wrong["newEmail"], "password": PASSWORD });
    let key = unique("email");
    let ask = |body: Value| with_key(user.api.post("/api/v1/users/me/email").json(body), &key);
    ask(wrong).await.problem(403, "incorrect_password");
    ask(right).await.expect(202);
}

async fn a_key_is_short_and_printable(host: Host) {
    let user = User::verified(&host).await;
    let send = |key: &str| with_key(user.api.post(KEYS).json(api_key("k")), key);
    for key in ["", &"k".repeat(256), "ümlaut", "tab\tbed", "\u{1f511}"] {
        send(key).await.problem(400, "malformed_request");
    }
    assert_eq!(names(&user).await, [""; 0]);
    for key in [&"k".repeat(255), "k", "two words", "\"quoted\"", "~!@#$%^&*(){}[],;"] {
        send(key).await.expect(201);
    }
    // Whoever may not call at all is told that first.
    with_key(user.api.anonymous().post(KEYS).json(api_key("k")), "").await.problem(401, "missing_credentials");
    with_key(host.client().post("/api/v1/auth/register").json(json!({})), "").await.problem(400, "malformed_request");
}

/// A header that comes several times is one with commas, on every host: nobody chooses among its values.
async fn two_headers_are_one_key(host: Host) {
    let user = User::verified(&host).await;
    let (one, other) = (unique("key"), unique("key"));
    let make = || user.api.post(KEYS).json(api_key("twice"));
    let first = with_key(with_key(make(), &one), &other).await;
    let second = with_key(make(), &format!("{one}, {other}")).await;
    assert_eq!(first.status, 201, "{first}");
    assert_replay(&first, &second);
    with_key(make(), &one).await.expect(201);
    assert_eq!(names(&user).await, ["twice", "twice"]);
    let typed = user.api.post(KEYS).body("", api_key("k").to_string());
    let typed = typed.header("Content-Type", "application/json").header("Content-Type", "text/plain");
    typed.await.problem(415, "unsupported_media_type");
}

async fn who_may_no_longer_call_gets_no_replay(host: Host) {
    let user = User::verified(&host).await;
    let key = unique("revoked");
    let send = |api: &Client| with_key(api.post(KEYS).json(api_key("k")), &key);
    send(&user.api).await.expect(201);
    user.api.post("/api/v1/auth/logout").await.expect(204);
    send(&user.api).await.problem(401, "session_revoked");
    let back = user.login_from(&user.api).await;
    assert_eq!(send(&back.api).await.header("idempotent-replayed"), Some("true"));

    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let body = publisher.run_body(&publisher.model("m").await);
    let created = publisher.user.key(json!({ "name": "short-lived", "scopes": ["results:write"] })).await;
    let api = publisher.api.with(created["key"].as_str().expect("a key"));
    let open = || with_key(api.post("/api/v1/runs").json(body.clone()), &key);
    open().await.expect(201);
    let id = created["apiKey"]["id"].as_str().expect("an id");
    publisher.user.api.delete(format!("{KEYS}/{id}")).await.expect(204);
    open().await.problem(401, "api_key_revoked");
}

async fn a_request_without_a_key_is_another_one(host: Host) {
    let user = User::verified(&host).await;
    let key = unique("once");
    with_key(user.api.post(KEYS).json(api_key("k")), &key).await.expect(201);
    let without = user.api.post(KEYS).json(api_key("k")).await;
    without.expect(201);
    assert_eq!(without.header("idempotent-replayed"), None);
    assert_eq!(names(&user).await, ["k", "k"]);
}
