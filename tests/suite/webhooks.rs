//! Webhooks: who is called with what, how often, and who never is.

use std::time::Duration;

use aibaas_tests::{
    Client, Publisher, User, Visitor, cases, eventually,
    fixtures::{PASSWORD, admin, unique},
    hooks::HookCall,
    host::{Host, Kind, Setup, TICK_SECRET, native::Server},
    provider::Provider,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![
    KeepsMail:
        hostile_addresses_are_refused,
        settings_are_checked,
        webhooks_are_their_owners,
        a_person_has_few,
        a_webhook_is_made_once,
        pages_make_and_end_a_webhook;
    SendsMail:
        a_test_is_signed,
        owners_are_told_of_runs_and_keys,
        the_public_log_is_told,
        redirects_are_not_followed,
        another_address_is_called_while_the_one_before_is,
        gone_is_gone;
    SendsMailAndMovesTime:
        what_is_not_taken_is_sent_again,
        what_takes_nothing_is_disabled,
        a_rotated_secret_signs_beside_the_old,
        what_is_deleted_is_not_called,
        schedules_at_once_call_once,
        a_replay_is_the_same_delivery,
        a_slow_one_is_called_by_one_at_a_time;
];

const PATH: &str = "/api/v1/webhooks";

/// A webhook at the provider.
struct Hook {
    host: Host,
    user: User,
    api: Client,
    /// Where the provider has it.
    path: String,
    id: String,
    secret: String,
}

impl Hook {
    async fn new(user: &User, events: &[&str]) -> Self {
        let host = user.api.host().clone();
        let path = format!("/hooks/{}", unique("hook"));
        let body = json!({ "url": host.hook_url(&path), "events": events });
        let made = user.api.post(PATH).json(body).await.expect(201);
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            id: text(&made["webhook"]["id"]),
            secret: text(&made["secret"]),
            api: user.api.clone(),
            user: user.clone(),
            host,
            path,
        }
    }

    /// Logs its owner in again, whose token has expired.
    async fn log_in_again(&mut self) {
        self.api = self.user.login_from(&self.user.api).await.api;
    }

    fn at(&self, rest: &str) -> String {
        format!("{PATH}/{}{rest}", self.id)
    }

    async fn test(&self) -> String {
        let delivery = self.api.post(self.at("/test")).await.expect(202);
        delivery["id"].as_str().expect("an id").to_owned()
    }

    async fn called(&self, times: usize) -> Vec<HookCall> {
        self.host.provider().wait_for_hook(&self.path, times).await
    }

    fn calls(&self) -> usize {
        self.host.provider().hooks().calls(&self.path).len()
    }

    async fn shown(&self) -> Value {
        self.api.get(self.at("")).await.expect(200)
    }

    /// What it is told, newest first.
    async fn deliveries(&self) -> Vec<Value> {
        let list = self.api.get(self.at("/deliveries?limit=100")).await.expect(200);
        list["data"].as_array().expect("a list").clone()
    }

    /// Waits until what came of its newest delivery is written down.
    async fn noted(&self, status: &str, attempts: u64) -> Value {
        eventually(&format!("{status} after {attempts} attempts"), async || {
            let newest = self.deliveries().await.into_iter().next()?;
            let is_noted = newest["status"] == status && newest["attempts"] == attempts;
            // Of one that is sent again, the failure is written down last.
            let is_noted = is_noted && (status != "waiting" || attempts == 0 || !newest["failure"].is_null());
            is_noted.then_some(newest)
        })
        .await
    }
}

/// What the schedule does.
async fn tick(host: &Host) {
    host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
}

/// A person who may publish where that needs a role.
async fn publisher(host: &Host) -> Publisher {
    let user = User::verified(host).await;
    let path = format!("/api/v1/admin/users/{}", user.id());
    admin(host).await.api.patch(path).json(json!({ "role": "publisher" })).await.expect(200);
    Publisher::of(user).await
}

async fn a_test_is_signed(host: Host) {
    let user = User::verified(&host).await;
    let hook = Hook::new(&user, &["run.published"]).await;
    let id = hook.test().await;
    let call = hook.called(1).await.remove(0);
    assert!(call.is_signed_by(&hook.secret), "{call:?}");
    assert!(!call.is_signed_by("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    assert_eq!((call.id(), call.signatures()), (id.as_str(), 1));
    assert_eq!(call.headers["content-type"], "application/json");
    assert!(call.headers["user-agent"].starts_with("aibaas/"));
    let body = call.value();
    assert_eq!((&body["type"], &body["data"]), (&json!("webhook.test"), &json!({ "webhookId": hook.id })));
    assert!(body["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')));
    assert!(!call.headers.contains_key("traceparent") && !call.headers.contains_key("authorization"));
    let delivery = hook.noted("delivered", 1).await;
    assert_eq!((&delivery["answerStatus"], &delivery["failure"]), (&json!(200), &Value::Null));
    assert_eq!((&delivery["type"], &delivery["id"]), (&body["type"], &json!(id)));
    // The secret is shown by nothing but the answer that made it.
    let export = user.api.get("/api/v1/users/me/export").await;
    let (listed, shown) = (user.api.get(PATH).await, user.api.get(hook.at("")).await);
    let log = user.api.get("/api/v1/users/me/audit-log").await;
    for answer in [&export, &listed, &shown, &log] {
        answer.expect(200);
        assert!(!answer.text().contains("whsec_") && !answer.text().contains(&hook.secret[6..]));
    }
    assert_eq!(export.value()["webhooks"][0], shown.value());
    assert_eq!(export.value()["webhookDeliveries"][0], delivery);
    assert!(!log.text().contains(&hook.path), "whoever knows the address may write there");
}

async fn owners_are_told_of_runs_and_keys(host: Host) {
    let publisher = publisher(&host).await;
    let stranger = User::verified(&host).await;
    let events = ["run.published", "run.withdrawn", "run.rejected", "api_key.revoked", "model.moderated"];
    let (hook, others) = (Hook::new(&publisher.user, &events).await, Hook::new(&stranger, &events).await);
    let unasked = Hook::new(&publisher.user, &["api_key.expiring"]).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let (first, second) = (publisher.published(&model, 1, 2).await, publisher.run(&model).await);
    publisher.withdraw(&first, "a mistake").await.expect(200);
    let reject = format!("/api/v1/admin/runs/{second}/reject");
    let administrator = admin(&host).await;
    for _ in 0..2 {
        administrator.api.post(&reject).json(json!({ "reason": "made up" })).await.expect(200);
    }
    let key = publisher.user.key(json!({ "name": "old", "scopes": ["leaderboard:read"] })).await["apiKey"].clone();
    for _ in 0..2 {
        publisher.user.api.delete(format!("/api/v1/api-keys/{}", key["id"].as_str().unwrap())).await.expect(204);
    }
    for (act, reason) in [("hide", "spam"), ("hide", "spam"), ("unhide", "not spam")] {
        let path = format!("/api/v1/admin/models/{model}/{act}");
        administrator.api.post(path).json(json!({ "reason": reason })).await.expect(200);
    }
    let calls = eventually("six events", async || {
        tick(&host).await;
        Some(host.provider().hooks().calls(&hook.path)).filter(|calls| calls.len() >= 6)
    })
    .await;
    let told = |event: &str| {
        let values = calls.iter().map(HookCall::value).filter(|value| value["type"] == event);
        values.map(|value| value["data"].clone()).collect::<Vec<_>>()
    };
    let of_run = |event: &str, run: &str| {
        let [data] = <[Value; 1]>::try_from(told(event)).expect("one of each");
        let named = (&data["runId"], &data["model"], &data["benchmark"], &data["version"]);
        assert_eq!(named, (&json!(run), &json!(model), &json!(publisher.benchmark), &json!("1")));
        data
    };
    let published = of_run("run.published", &first);
    assert_eq!((&published["rankBefore"], &published["rankAfter"]), (&Value::Null, &json!(1)));
    assert_eq!(of_run("run.withdrawn", &first)["reason"], "a mistake");
    assert_eq!(of_run("run.rejected", &second)["reason"], "made up");
    let of_key = json!({
        "apiKeyId": key["id"], "name": "old", "keyPrefix": key["keyPrefix"], "reason": "owner",
    });
    assert_eq!(told("api_key.revoked"), [of_key]);
    let mut kinds = told("model.moderated").iter().map(|data| data["kind"].clone()).collect::<Vec<_>>();
    kinds.sort_by_key(Value::to_string);
    assert_eq!(kinds, ["hidden", "unhidden"]);
    assert_eq!(calls.len(), 6);
    // What the log of changes says has the id of its line.
    let changes = publisher.changes().await;
    let published = calls.iter().find(|call| call.value()["type"] == "run.published").expect("a publication");
    assert!(changes.iter().any(|change| change["id"] == published.id()));
    assert_eq!((others.calls(), unasked.calls()), (0, 0), "nobody else is told, and nothing else");
}

async fn the_public_log_is_told(host: Host) {
    let follower = Hook::new(&User::verified(&host).await, &["log.changed"]).await;
    let publisher = publisher(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let runs = [publisher.published(&model, 1, 2).await, publisher.published(&model, 2, 2).await];
    // Others publish, too: what is told is every line once, in its order.
    let lines = eventually("both runs", async || {
        tick(&host).await;
        let mut calls = host.provider().hooks().calls(&follower.path);
        calls.dedup_by_key(|call| call.id().to_owned());
        let lines = calls.iter().flat_map(|call| call.value()["data"]["changes"].as_array().expect("lines").clone());
        let lines = lines.collect::<Vec<_>>();
        runs.iter().all(|run| lines.iter().any(|line| line["runId"] == **run)).then_some(lines)
    })
    .await;
    let of_run = |run: &str| lines.iter().position(|line| line["runId"] == run).expect("a line");
    assert!(of_run(&runs[0]) < of_run(&runs[1]));
    let mut ids = lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "no line twice");
    let line = &lines[of_run(&runs[0])];
    assert_eq!((&line["kind"], &line["model"]), (&json!("published"), &json!(model)));
    let call = follower.called(1).await.pop().expect("a call");
    assert!(call.is_signed_by(&follower.secret));
    let data = &call.value()["data"];
    let next = data["next"].as_str().expect("an address");
    let path = &next[next.find("/api/v1/changes?after=").expect("the feed")..];
    host.client().get(path).await.expect(200);
    assert_eq!(data["hasMore"], false);
}

async fn redirects_are_not_followed(host: Host) {
    let hook = Hook::new(&User::verified(&host).await, &["webhook.test"]).await;
    host.provider().hooks().answer_next(&hook.path, &[307]);
    hook.test().await;
    hook.called(1).await;
    let delivery = hook.noted("waiting", 1).await;
    assert_eq!((&delivery["answerStatus"], &delivery["failure"]), (&json!(307), &json!("redirect")));
    assert_eq!(host.provider().hooks().calls(&format!("{}-elsewhere", hook.path)).len(), 0);
}

async fn another_address_is_called_while_the_one_before_is(host: Host) {
    let hook = Hook::new(&User::verified(&host).await, &["webhook.test"]).await;
    let hooks = host.provider().hooks();
    hooks.answer(&hook.path, 410);
    hooks.hold(&hook.path);
    let id = hook.test().await;
    hook.called(1).await;
    let path = format!("{}-moved", hook.path);
    hook.api.patch(hook.at("")).json(json!({ "url": host.hook_url(&path) })).await.expect(200);
    let call = host.provider().wait_for_hook(&path, 1).await.remove(0);
    assert_eq!(call.id(), id, "what was under way is sent there, too");
    hook.noted("delivered", 2).await;
    hooks.release(&hook.path);
    // Meanwhile the answer of the first address arrives.
    hook.test().await;
    hook.noted("delivered", 1).await;
    let shown = hook.shown().await;
    assert_eq!((&shown["status"], &shown["failingSince"]), (&json!("enabled"), &Value::Null));
    assert_eq!(hook.calls(), 1);
}

async fn gone_is_gone(host: Host) {
    let user = User::verified(&host).await;
    let hook = Hook::new(&user, &["webhook.test"]).await;
    host.provider().hooks().answer_next(&hook.path, &[410]);
    hook.test().await;
    let shown =
        eventually("it is disabled", async || Some(hook.shown().await).filter(|shown| shown["status"] == "disabled"))
            .await;
    assert_eq!(shown["disabledReason"], "gone");
    hook.noted("failed", 1).await;
    let mail = mail_about(&host, &user).await;
    assert!(mail.contains("410") && !mail.contains(&hook.path), "{mail}");
    hook.api.post(hook.at("/test")).await.problem(409, "webhook_disabled");
    let enabled = hook.api.patch(hook.at("")).json(json!({ "status": "enabled" })).await.expect(200);
    assert_eq!((&enabled["status"], &enabled["disabledReason"]), (&json!("enabled"), &Value::Null));
    hook.test().await;
    hook.called(2).await;
    hook.noted("delivered", 1).await;
}

/// The text of the mail that says that a webhook is disabled.
async fn mail_about(host: &Host, user: &User) -> String {
    let text = |mail: &Value| mail["text"].as_str().expect("a text").to_owned();
    eventually("a mail about the webhook", async || {
        let mails = host.mails_to(&user.email, 0).await;
        mails.iter().find(|mail| mail["subject"].as_str().is_some_and(|is| is.contains("webhook"))).map(text)
    })
    .await
}

async fn what_is_not_taken_is_sent_again(host: Host) {
    host.stop_time().await;
    let mut hook = Hook::new(&User::verified(&host).await, &["webhook.test"]).await;
    host.provider().hooks().answer(&hook.path, 500);
    let id = hook.test().await;
    hook.called(1).await;
    for (attempts, delay) in [(1, 5), (2, 300), (3, 1800), (4, 7200)] {
        let delivery = hook.noted("waiting", attempts).await;
        assert_eq!((&delivery["answerStatus"], &delivery["failure"]), (&json!(500), &json!("status")));
        host.advance(Duration::from_millis(delay * 1000 - 1)).await;
        tick(&host).await;
        assert_eq!(hook.calls() as u64, attempts, "not due yet");
        host.advance(Duration::from_millis(1)).await;
        if attempts == 4 {
            host.provider().hooks().answer(&hook.path, 204);
        }
        tick(&host).await;
        hook.called(attempts as usize + 1).await;
        hook.log_in_again().await;
    }
    hook.noted("delivered", 5).await;
    assert_eq!(hook.shown().await["failingSince"], Value::Null);
    host.advance(Duration::from_secs(86_400)).await;
    tick(&host).await;
    let calls = hook.called(5).await;
    assert_eq!(calls.len(), 5, "what was taken is not sent again");
    assert!(calls.iter().all(|call| call.id() == id && call.is_signed_by(&hook.secret)));
    assert!(calls.iter().all(|call| call.body == calls[0].body), "it is the same message");
    assert_ne!(calls[0].headers["webhook-timestamp"], calls[4].headers["webhook-timestamp"]);
}

async fn what_takes_nothing_is_disabled(host: Host) {
    host.stop_time().await;
    let user = User::verified(&host).await;
    let hook = Hook::new(&user, &["webhook.test"]).await;
    host.provider().hooks().answer(&hook.path, 503);
    hook.test().await;
    hook.called(1).await;
    hook.noted("waiting", 1).await;
    let half_day = Duration::from_secs(43_200);
    for half_days in 1..=10 {
        let user = user.login_from(&user.api).await;
        assert_eq!(hook.shown_to(&user).await["status"], "enabled", "after {half_days} half days");
        host.advance(half_day).await;
        let calls = hook.calls();
        let user = user.login_from(&user.api).await;
        user.api.post(hook.at("/test")).await.expect(202);
        eventually("it is called", async || {
            tick(&host).await;
            (hook.calls() > calls).then_some(())
        })
        .await;
    }
    let user = user.login_from(&user.api).await;
    let shown = eventually("it is disabled", async || {
        Some(hook.shown_to(&user).await).filter(|shown| shown["status"] == "disabled")
    })
    .await;
    assert_eq!(shown["disabledReason"], "failing");
    assert!(mail_about(&host, &user).await.contains("five days"));
    let calls = hook.calls();
    host.advance(half_day).await;
    tick(&host).await;
    assert_eq!(hook.calls(), calls, "it is left alone");
    // Its owner enables it: what waits is sent.
    host.provider().hooks().answer(&hook.path, 200);
    let user = user.login_from(&user.api).await;
    user.api.patch(hook.at("")).json(json!({ "status": "enabled" })).await.expect(200);
    eventually("it is called again", async || {
        tick(&host).await;
        (hook.calls() > calls).then_some(())
    })
    .await;
}

impl Hook {
    async fn shown_to(&self, user: &User) -> Value {
        user.api.get(self.at("")).await.expect(200)
    }
}

async fn a_rotated_secret_signs_beside_the_old(host: Host) {
    host.stop_time().await;
    let user = User::verified(&host).await;
    let hook = Hook::new(&user, &["webhook.test"]).await;
    let rotate = || hook.api.post(hook.at("/rotate")).header("Idempotency-Key", "r1");
    let rotated = rotate().await.expect(200);
    assert_eq!(rotate().await.expect(200), rotated, "a replay is the first answer");
    let secret = rotated["secret"].as_str().expect("a secret").to_owned();
    assert_ne!(secret, hook.secret);
    assert_eq!(rotated["webhook"], hook.shown().await);
    assert!(rotated["webhook"]["previousSecretUntil"].is_string());
    hook.test().await;
    let call = hook.called(1).await.remove(0);
    assert_eq!(call.signatures(), 2);
    assert!(call.is_signed_by(&secret) && call.is_signed_by(&hook.secret));
    host.advance(Duration::from_secs(86_400)).await;
    let user = user.login_from(&user.api).await;
    user.api.post(hook.at("/test")).await.expect(202);
    let call = hook.called(2).await.remove(1);
    assert_eq!((call.signatures(), call.is_signed_by(&secret)), (1, true));
    assert_eq!(hook.shown_to(&user).await["previousSecretUntil"], Value::Null);
}

async fn what_is_deleted_is_not_called(host: Host) {
    host.stop_time().await;
    let user = User::verified(&host).await;
    let [deleted, left] = [Hook::new(&user, &["webhook.test"]).await, Hook::new(&user, &["webhook.test"]).await];
    for hook in [&deleted, &left] {
        host.provider().hooks().answer(&hook.path, 500);
        hook.test().await;
        hook.called(1).await;
        hook.noted("waiting", 1).await;
    }
    user.api.delete(deleted.at("")).await.expect(204);
    user.api.delete(deleted.at("")).await.problem(404, "not_found");
    user.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.expect(204);
    host.advance(Duration::from_secs(300)).await;
    tick(&host).await;
    tick(&host).await;
    assert_eq!((deleted.calls(), left.calls()), (1, 1), "neither a webhook that is gone nor one whose owner is");
}

async fn schedules_at_once_call_once(host: Host) {
    host.stop_time().await;
    let hook = Hook::new(&User::verified(&host).await, &["webhook.test"]).await;
    host.provider().hooks().answer_next(&hook.path, &[500]);
    hook.test().await;
    hook.called(1).await;
    hook.noted("waiting", 1).await;
    host.advance(Duration::from_secs(5)).await;
    join_all((0..6).map(|_| tick(&host))).await;
    hook.noted("delivered", 2).await;
    tick(&host).await;
    assert_eq!(hook.calls(), 2);
}

async fn a_slow_one_is_called_by_one_at_a_time(host: Host) {
    host.stop_time().await;
    let user = User::verified(&host).await;
    let [slow, quick] = [Hook::new(&user, &["webhook.test"]).await, Hook::new(&user, &["webhook.test"]).await];
    host.provider().hooks().hold(&slow.path);
    slow.test().await;
    slow.called(1).await;
    // Others are called meanwhile, and it itself by nobody, whatever else there is to tell.
    slow.test().await;
    quick.test().await;
    quick.called(1).await;
    quick.noted("delivered", 1).await;
    tick(&host).await;
    assert_eq!(slow.calls(), 1);
    host.provider().hooks().release(&slow.path);
    eventually("both are taken", async || {
        // Where the machine was slow, the answer came too late, and it is sent again.
        host.advance(Duration::from_secs(5)).await;
        tick(&host).await;
        slow.deliveries().await.iter().all(|delivery| delivery["status"] == "delivered").then_some(())
    })
    .await;
    assert!((2..=3).contains(&slow.calls()), "{}", slow.calls());
}

async fn a_replay_is_the_same_delivery(host: Host) {
    host.stop_time().await;
    let hook = Hook::new(&User::verified(&host).await, &["webhook.test"]).await;
    let id = hook.test().await;
    hook.called(1).await;
    hook.noted("delivered", 1).await;
    let replay = |id: &str| hook.api.post(hook.at(&format!("/deliveries/{id}/replay")));
    let replayed = replay(&id).await.expect(202);
    assert_eq!(
        (&replayed["id"], &replayed["status"], &replayed["attempts"]),
        (&json!(id), &json!("waiting"), &json!(0))
    );
    let calls = hook.called(2).await;
    assert_eq!((calls[0].id(), &calls[0].body), (calls[1].id(), &calls[1].body));
    hook.noted("delivered", 1).await;
    replay("018f0000-0000-7000-8000-000000000000").await.problem(404, "not_found");
    let stranger = User::verified(&host).await;
    let path = hook.at(&format!("/deliveries/{id}/replay"));
    stranger.api.post(path).await.problem(404, "not_found");
    hook.api.patch(hook.at("")).json(json!({ "status": "disabled" })).await.expect(200);
    replay(&id).await.problem(409, "webhook_disabled");
    assert_eq!(hook.calls(), 2);
}

async fn hostile_addresses_are_refused(host: Host) {
    let user = User::verified(&host).await;
    let body = |url: &str| json!({ "url": url, "events": ["webhook.test"] });
    let own = format!("https://{}", host.url().trim_start_matches("http://"));
    let made = user.api.post(PATH).json(body("https://example.org/")).await.expect(201);
    let id = made["webhook"]["id"].as_str().expect("an id");
    for url in [
        "https://localhost/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.0.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://224.0.0.1/",
        "https://0.0.0.0/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://metadata.google.internal/",
        "https://printer.local/",
        "https://intranet/",
        own.as_str(),
    ] {
        user.api.post(PATH).json(body(url)).await.refused("/url", "forbidden_address");
        user.api.patch(format!("{PATH}/{id}")).json(json!({ "url": url })).await.refused("/url", "forbidden_address");
    }
    for url in [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "https://a:b@example.org/",
        "https://example.org@127.0.0.1/",
        "https://127.0.0.1\\@example.org/",
        "https://example.org/#a",
        "https://exa\tmple.org/",
        "https://example.org:0/",
        "example.org",
        "",
    ] {
        user.api.post(PATH).json(body(url)).await.refused("/url", "invalid_url");
    }
}

async fn settings_are_checked(host: Host) {
    let user = User::verified(&host).await;
    let post = |body: Value| user.api.post(PATH).json(body);
    let url = "https://example.org/hooks";
    post(json!({ "url": url })).await.invalid("/events");
    post(json!({ "url": url, "events": [] })).await.invalid("/events");
    post(json!({ "url": url, "events": ["run.deleted"] })).await.invalid("/events/0");
    post(json!({ "url": url, "events": ["run.published"], "secret": "mine" })).await.invalid("/secret");
    post(json!({ "url": url, "events": ["run.published"], "description": "x".repeat(1001) }))
        .await
        .invalid("/description");
    post(json!({ "url": url, "events": ["run.published", "run.published"] })).await.invalid("/events");
    let body = json!({ "url": url, "events": ["run.published"], "description": "CI" });
    let made = post(body).await.expect(201)["webhook"].clone();
    assert_eq!(made["events"], json!(["run.published"]));
    assert_eq!((&made["status"], &made["description"]), (&json!("enabled"), &json!("CI")));
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let patch = |body: Value| user.api.patch(&path).json(body);
    assert_eq!(patch(json!({})).await.expect(200), made);
    let changed =
        patch(json!({ "events": ["log.changed"], "description": null, "status": "disabled" })).await.expect(200);
    assert_eq!((&changed["events"], &changed["description"]), (&json!(["log.changed"]), &Value::Null));
    assert_eq!((&changed["status"], &changed["disabledReason"]), (&json!("disabled"), &json!("owner")));
    patch(json!({ "status": "paused" })).await.invalid("/status");
    assert_eq!(user.api.get(&path).await.expect(200), changed);
    let log = user.api.get("/api/v1/users/me/audit-log").await.expect(200);
    let events = log["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["event"].as_str().is_some_and(|name| name.starts_with("webhook_")));
    let mut events = events.map(|event| event["event"].as_str().unwrap()).collect::<Vec<_>>();
    events.sort_unstable();
    assert_eq!(events, ["webhook_changed", "webhook_created"]);
}

async fn webhooks_are_their_owners(host: Host) {
    let (user, stranger) = (User::verified(&host).await, User::verified(&host).await);
    let body = json!({ "url": "https://example.org/", "events": ["webhook.test"] });
    let made = user.api.post(PATH).json(body.clone()).await.expect(201);
    let path = format!("{PATH}/{}", made["webhook"]["id"].as_str().unwrap());
    let calls = |api: &Client| {
        vec![
            api.get(&path),
            api.patch(&path).json(json!({ "status": "disabled" })),
            api.delete(&path),
            api.post(format!("{path}/rotate")),
            api.post(format!("{path}/test")),
            api.get(format!("{path}/deliveries")),
        ]
    };
    for call in calls(&stranger.api) {
        call.await.problem(404, "not_found");
    }
    for call in calls(&user.key_client(&["leaderboard:read"]).await) {
        call.await.problem(403, "user_token_required");
    }
    for call in calls(&host.client()) {
        call.await.problem(401, "missing_credentials");
    }
    assert_eq!(stranger.api.get(PATH).await.expect(200)["data"], json!([]));
    assert_eq!(user.api.get(PATH).await.expect(200)["data"], json!([made["webhook"]]), "nothing was changed");
}

async fn a_person_has_few(host: Host) {
    let user = User::verified(&host).await;
    let body = json!({ "url": "https://example.org/", "events": ["webhook.test"] });
    let make = || user.api.post(PATH).json(body.clone());
    let answers = join_all((0..14).map(|_| async { make().await })).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 10);
    answers
        .iter()
        .filter(|answer| answer.status != 201)
        .for_each(|answer| _ = answer.problem(409, "too_many_webhooks"));
    let list = user.api.get(format!("{PATH}?limit=4")).await.expect(200);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(4));
    let next =
        user.api.get(format!("{PATH}?limit=100&cursor={}", list["nextCursor"].as_str().unwrap())).await.expect(200);
    assert_eq!(next["data"].as_array().map(Vec::len), Some(6));
    let id = list["data"][0]["id"].as_str().expect("an id");
    user.api.delete(format!("{PATH}/{id}")).await.expect(204);
    make().await.expect(201);
}

async fn a_webhook_is_made_once(host: Host) {
    let user = User::verified(&host).await;
    let make = |url: &str| {
        let body = json!({ "url": url, "events": ["webhook.test"] });
        user.api.post(PATH).header("Idempotency-Key", "w1").json(body)
    };
    let first = make("https://example.org/a").await.expect(201);
    assert_eq!(make("https://example.org/a").await.expect(201), first);
    make("https://example.org/b").await.problem(422, "idempotency_key_reused");
    assert_eq!(user.api.get(PATH).await.expect(200)["data"], json!([first["webhook"]]));
}

async fn pages_make_and_end_a_webhook(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    let here = "/account/webhooks";
    visitor.open(here).await.titled(200, "Webhooks").says("There is none yet.");
    let new = format!("{here}/new");
    let form = visitor.open(&new).await.form(&new);
    let wrong = visitor.send(&form.clone().with("url", "https://127.0.0.1/")).await;
    wrong.titled(422, "Create a webhook").says("id=\"url-error\"").says("id=\"events-error\"");
    let form = form.with("url", "https://example.org/hooks/T0KEN").with("description", "<b>CI");
    // Nothing of this happens meanwhile, as what other cases do to the log would.
    let form = form.ticked("events", "api_key.expiring");
    let page = visitor.send(&form).await;
    let secret = page.titled(201, "The secret of your webhook").element("<p class=\"secret\">");
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(visitor.send(&form).await.element("<p class=\"secret\">"), secret, "a double click makes one");
    let list = visitor.open(here).await;
    list.says("example.org").says("api_key.expiring").says("&lt;b&gt;CI").lacks("T0KEN").lacks("<b>CI");
    let made = user.api.get(PATH).await.expect(200)["data"][0].clone();
    let path = format!("{here}/{}", made["id"].as_str().expect("an id"));
    let page = visitor.open(&path).await;
    page.titled(200, "example.org").says("https://example.org/hooks/T0KEN").says("There is none yet.").lacks(&secret);
    let page = visitor.send(&page.form(&format!("{path}/test"))).await;
    let deliveries = user.api.get(format!("{PATH}/{}/deliveries", made["id"].as_str().unwrap())).await.expect(200);
    let delivery = deliveries["data"][0]["id"].as_str().expect("an id");
    let replay = page.says("webhook.test").form(&format!("{path}/deliveries/{delivery}/replay"));
    visitor.send(&replay).await.says("webhook.test");
    let page = visitor.send(&page.form(&format!("{path}/status"))).await;
    page.says("disabled").lacks("Send again");
    let page = visitor.send(&page.form(&format!("{path}/status"))).await;
    let rotated = visitor.send(&page.form(&format!("{path}/rotate"))).await;
    let rotated = rotated.titled(200, "The new secret of your webhook").element("<p class=\"secret\">");
    assert!(rotated.starts_with("whsec_") && rotated != secret);
    // Nobody else sees it.
    let mut stranger = Visitor::logged_in(&User::verified(&host).await).await;
    stranger.open(&path).await.titled(404, "There is nothing here");
    visitor.send(&page.form(&format!("{path}/delete"))).await.says("There is none yet.");
    assert_eq!(user.api.get(PATH).await.expect(200)["data"], json!([]));
}

/// A server that dies while a webhook has not answered: the next one calls it again, with the same message.
pub async fn it_is_called_again_after_sigkill() {
    let provider = Provider::start().await.expect("a port");
    let data = tempfile::tempdir().expect("a folder");
    let mut variables = Setup::MovesTime.variables();
    variables.push(("WEBHOOK_PRIVATE_TARGETS", "allow".to_owned()));
    let server = Server::start(data.path(), &variables).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), Some(provider.clone()));
    let keeps_mail = Host::at(Kind::Native, server.url.clone(), None);
    let user = User::verified(&keeps_mail).await;
    let user = User { api: host.client().with(user.api.credential().expect("a token")), ..user };
    let hook = Hook::new(&user, &["webhook.test"]).await;
    provider.hooks().hold(&hook.path);
    hook.test().await;
    hook.called(1).await;
    server.kill();
    let server = Server::start(data.path(), &variables).expect("it starts again");
    let host = Host::at(Kind::Native, server.url.clone(), Some(provider.clone()));
    tick(&host).await;
    assert_eq!(hook.calls(), 1, "somebody might still be waiting for the answer");
    host.advance(Duration::from_secs(61)).await;
    provider.hooks().release(&hook.path);
    tick(&host).await;
    let calls = hook.called(2).await;
    assert_eq!((calls[0].id(), &calls[0].body), (calls[1].id(), &calls[1].body));
}
