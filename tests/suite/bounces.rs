//! Bounces and complaints: who may tell of them, what they stop, and what leads out again.

use std::time::Duration;

use aibaas_tests::{
    Answer, Client, User, Visitor, cases, eventually,
    fixtures::{PASSWORD, admin, new_address, token_in},
    host::{Host, RESEND_WEBHOOK_SECRET, SENDGRID_SIGNER, TICK_SECRET},
    keys::rfc3339,
    plain_client,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![SendsMail:
    only_the_providers_signatures_count,
    what_may_pass_marks_nothing,
    many_at_once_mark_once,
    an_address_without_account_is_told_to_nobody;
KeepsMail:
    webhooks_are_not_there_without_a_key;
SendsMailAndMovesTime:
    an_undeliverable_address_gets_no_mail_until_it_is_verified_anew,
    an_event_that_comes_again_changes_nothing,
    a_stranger_has_one_mail_a_day_tried_after_a_bounce,
    a_stranger_does_not_override_a_complaint,
    a_reset_and_a_new_address_lead_out,
    the_page_tells_and_leads_out;
];

const RESEND: &str = "/api/v1/mail/webhooks/resend";
const SENDGRID: &str = "/api/v1/mail/webhooks/sendgrid";
const DAY: Duration = Duration::from_secs(86_400);

/// The host's time: that of hosts whose time does not move is ours.
async fn now_ms(host: &Host) -> u64 {
    let answer = host.client().get("/dev/clock").await;
    if answer.status == 200 {
        return host.now_ms().await;
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("some time yet")
}

fn svix(id: &str, seconds: u64, body: &str) -> String {
    let secret = STANDARD.decode(RESEND_WEBHOOK_SECRET.trim_start_matches("whsec_")).expect("base64");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
    let tag = ring::hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

async fn send_resend(host: &Host, id: &str, seconds: u64, signature: &str, body: &str) -> Answer {
    let request = host.client().post(RESEND).header("svix-id", id).header("svix-timestamp", &seconds.to_string());
    request.header("svix-signature", signature).body("application/json", body).await
}

/// Sends an event as Resend signs it now.
async fn resend(host: &Host, event: &Value) -> Answer {
    let (id, seconds, body) = ("msg_1", now_ms(host).await / 1000, format!("{event:#}\n"));
    send_resend(host, id, seconds, &svix(id, seconds, &body), &body).await
}

async fn send_sendgrid(host: &Host, seconds: u64, signature: &str, body: &str) -> Answer {
    let request = host.client().post(SENDGRID).header("X-Twilio-Email-Event-Webhook-Signature", signature);
    let request = request.header("X-Twilio-Email-Event-Webhook-Timestamp", &seconds.to_string());
    request.body("application/json", body).await
}

/// Sends events as SendGrid signs them now.
async fn sendgrid(host: &Host, events: &Value) -> Answer {
    let (seconds, body) = (now_ms(host).await / 1000, format!("{events}\r\n"));
    send_sendgrid(host, seconds, &SENDGRID_SIGNER.sign(format!("{seconds}{body}").as_bytes()), &body).await
}

fn bounced(email: &str, ms: u64, kind: &str) -> Value {
    json!({
        "type": "email.bounced",
        "created_at": rfc3339(ms),
        "data": {
            "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
            "from": "Acme <onboarding@resend.dev>",
            "to": [email],
            "subject": "Sending this example",
            "bounce": { "message": "550 5.1.1 user unknown", "subType": "General", "type": kind },
        },
    })
}

fn complained(email: &str, ms: u64) -> Value {
    json!({ "type": "email.complained", "created_at": rfc3339(ms), "data": { "to": [email] } })
}

/// Tells of a bounce for good that happens now.
async fn bounce(host: &Host, email: &str) {
    resend(host, &bounced(email, now_ms(host).await, "Permanent")).await.expect(204);
}

async fn complain(host: &Host, email: &str) {
    resend(host, &complained(email, now_ms(host).await)).await.expect(204);
}

async fn told(user: &User) -> Value {
    user.api.get("/api/v1/users/me").await.expect(200)["undeliverable"].clone()
}

async fn tick(host: &Host) {
    host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
}

/// Waits until so many mails to the address were refused, and returns why the newest was.
async fn refused(host: &Host, email: &str, count: usize) -> String {
    let admin = admin(host).await;
    let refused = async || {
        let list = admin.api.get("/api/v1/admin/mails?state=failed&limit=100").await.expect(200);
        let mails = list["data"].as_array().expect("a list").iter();
        let mails = mails.filter(|mail| mail["recipient"] == email).cloned().collect::<Vec<_>>();
        Some(mails).filter(|mails| mails.len() >= count)
    };
    let mails = eventually(&format!("{count} refused mails to {email}"), refused).await;
    assert_eq!(mails.len(), count, "{mails:?}");
    mails[0]["error"].as_str().expect("a cause").to_owned()
}

async fn forgot(host: &Host, email: &str) {
    host.client().post("/api/v1/auth/password/forgot").json(json!({ "email": email })).await.expect(202);
}

/// Has the account's person told of something by mail.
async fn notice(user: &User) {
    let body = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
    user.api.post("/api/v1/auth/password/change").json(body).await.expect(204);
}

async fn events(user: &User, name: &str) -> Vec<Value> {
    let log = user.api.get("/api/v1/users/me/audit-log?limit=100").await.expect(200);
    let events = log["data"].as_array().cloned().unwrap_or_default();
    events.into_iter().filter(|event| event["event"] == name).collect()
}

fn mails(host: &Host, email: &str) -> usize {
    host.provider().calls_to(email).len()
}

/// Asks for the mail that verifies the address anew, and returns its token.
async fn asked(host: &Host, user: &User) -> String {
    let before = mails(host, &user.email);
    let me = user.api.post("/api/v1/users/me/email/verification").await.expect(202);
    assert!(me["undeliverable"]["verificationSentAt"].is_string(), "{me}");
    let calls = host.provider().wait_for(&user.email, before + 1).await;
    token_in(calls[before].body["text"].as_str().expect("a text"))
}

async fn verify(api: &Client, token: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/verify-email").json(json!({ "token": token, "password": PASSWORD })).await
}

async fn only_the_providers_signatures_count(host: Host) {
    let user = User::verified(&host).await;
    let now = now_ms(&host).await;
    let (id, seconds) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", now / 1000);
    let body = bounced(&user.email, now, "Permanent").to_string();
    let right = svix(id, seconds, &body);
    let other = svix(id, seconds, "{}");
    for (id, seconds, signature, body) in [
        ("msg_other", seconds, right.as_str(), body.as_str()),
        (id, seconds + 1, right.as_str(), body.as_str()),
        (id, seconds, right.as_str(), format!("{body} ").as_str()),
        (id, seconds, other.as_str(), body.as_str()),
        (id, seconds, right.trim_start_matches("v1,"), body.as_str()),
        (id, seconds, format!("v1a,{}", right.trim_start_matches("v1,")).as_str(), body.as_str()),
        (id, seconds - 330, svix(id, seconds - 330, &body).as_str(), body.as_str()),
        (id, seconds + 330, svix(id, seconds + 330, &body).as_str(), body.as_str()),
    ] {
        send_resend(&host, id, seconds, signature, body).await.problem(403, "invalid_signature");
    }
    host.client().post(RESEND).json(bounced(&user.email, now, "Permanent")).await.problem(403, "invalid_signature");
    send_resend(&host, id, seconds, &svix(id, seconds, "{"), "{").await.problem(400, "malformed_request");
    send_resend(&host, id, seconds, &svix(id, seconds, "[]"), "[]").await.problem(422, "validation_failed");

    let body = json!([{ "email": user.email, "event": "bounce", "type": "bounce", "timestamp": seconds }]).to_string();
    let sign = |seconds: u64, body: &str| SENDGRID_SIGNER.sign(format!("{seconds}{body}").as_bytes());
    for (seconds, signature, body) in [
        (seconds + 1, sign(seconds, &body), body.as_str()),
        (seconds, sign(seconds, &body), format!("{body}\r\n").as_str()),
        (seconds, sign(seconds, "[]"), body.as_str()),
        (seconds, "bm9uZQ==".to_owned(), body.as_str()),
        (seconds - 330, sign(seconds - 330, &body), body.as_str()),
        (seconds + 330, sign(seconds + 330, &body), body.as_str()),
    ] {
        send_sendgrid(&host, seconds, &signature, body).await.problem(403, "invalid_signature");
    }
    host.client().post(SENDGRID).json(json!([])).await.problem(403, "invalid_signature");
    assert_eq!(told(&user).await, Value::Null, "nothing of that was taken");

    // While a secret is being replaced there are two signatures.
    let body = bounced(&user.email, now, "Permanent").to_string();
    send_resend(&host, id, seconds, &format!("{other} {right}"), &body).await.expect(204);
    assert_eq!(told(&user).await["cause"], "bounce");
}

async fn webhooks_are_not_there_without_a_key(host: Host) {
    for path in [RESEND, SENDGRID] {
        host.client().post(path).json(json!({})).await.problem(404, "not_found");
    }
}

async fn what_may_pass_marks_nothing(host: Host) {
    let user = User::verified(&host).await;
    let now = now_ms(&host).await;
    let mut delayed = bounced(&user.email, now, "Permanent");
    delayed["type"] = json!("email.delivery_delayed");
    for event in [bounced(&user.email, now, "Transient"), bounced(&user.email, now, "Undetermined"), delayed] {
        resend(&host, &event).await.expect(204);
    }
    let of = |mut event: Value| {
        event["email"] = json!(user.email);
        event["timestamp"] = json!(now / 1000);
        event
    };
    let passing = [
        of(json!({ "event": "bounce", "type": "blocked", "reason": "mailbox full" })),
        of(json!({ "event": "deferred", "response": "400 try again later", "attempt": "5" })),
        of(json!({ "event": "delivered" })),
        of(json!({ "event": "dropped", "reason": "Unsubscribed Address" })),
    ];
    sendgrid(&host, &json!(passing)).await.expect(204);
    // Nobody is written to there, and an account that comes later is like any other.
    let stranger = new_address();
    bounce(&host, &stranger).await;
    host.client()
        .post("/api/v1/auth/register")
        .json(json!({ "email": stranger, "password": PASSWORD }))
        .await
        .expect(202);
    host.provider().wait_for(&stranger, 1).await;
    assert_eq!(told(&user).await, Value::Null);
    let count = mails(&host, &user.email);
    notice(&user).await;
    host.provider().wait_for(&user.email, count + 1).await;
    assert_eq!(events(&user, "address_undeliverable").await, Vec::<Value>::new());
    // An event that is none of those described does not take the others with it.
    let unreadable = json!({ "email": null, "event": 5 });
    let body = json!([unreadable, of(json!({ "event": "bounce", "type": "bounce" }))]).to_string();
    let seconds = now_ms(&host).await / 1000;
    let request = plain_client().post(format!("{}{SENDGRID}", host.url())).header("content-type", "application/json");
    let request = request.header("x-twilio-email-event-webhook-timestamp", seconds);
    let signature = SENDGRID_SIGNER.sign(format!("{seconds}{body}").as_bytes());
    let request = request.header("x-twilio-email-event-webhook-signature", signature).body(body);
    assert_eq!(request.send().await.expect("an answer").status(), 204);
    assert_eq!(told(&user).await["cause"], "bounce");
}

async fn many_at_once_mark_once(host: Host) {
    let user = User::verified(&host).await;
    let now = now_ms(&host).await;
    let event = bounced(&user.email.to_uppercase(), now, "Permanent");
    let once = json!({ "email": user.email, "event": "bounce", "type": "bounce", "timestamp": now / 1000 });
    let event_of_sendgrid = json!([once, once, once]);
    let answers = join_all((0..8).map(|n| {
        let (host, event, other) = (host.clone(), event.clone(), event_of_sendgrid.clone());
        async move { if n % 2 == 0 { resend(&host, &event).await } else { sendgrid(&host, &other).await } }
    }));
    for answer in answers.await {
        answer.expect(204);
    }
    let [event] = events(&user, "address_undeliverable").await.try_into().expect("one event");
    assert_eq!(event["details"]["cause"], "bounce");
    assert_eq!((&event["actor"], &event["ip"], &event["userAgent"]), (&Value::Null, &Value::Null, &Value::Null));
    // A complaint says more than a bounce, and stays.
    complain(&host, &user.email).await;
    assert_eq!(told(&user).await["cause"], "complaint");
    bounce(&host, &user.email).await;
    assert_eq!(told(&user).await["cause"], "complaint");
    assert_eq!(events(&user, "address_undeliverable").await.len(), 2);
}

/// Whoever asks to move an account to an address must not learn from bounces whether it has one.
async fn an_address_without_account_is_told_to_nobody(host: Host) {
    let user = User::verified(&host).await;
    let elsewhere = new_address();
    let body = json!({ "newEmail": elsewhere, "password": PASSWORD });
    user.api.post("/api/v1/users/me/email").json(body.clone()).await.expect(202);
    host.provider().wait_for(&elsewhere, 1).await;
    eventually("the mail is said to be sent", async || {
        let export = user.api.get("/api/v1/users/me/export").await.expect(200);
        let mails = export["mails"].as_array().expect("a list");
        mails.iter().all(|mail| mail["sentAt"].is_string()).then_some(())
    })
    .await;
    complain(&host, &elsewhere).await;
    user.api.post("/api/v1/users/me/email").json(body).await.expect(202);
    assert!(refused(&host, &elsewhere, 1).await.contains("complained"));
    assert_eq!(mails(&host, &elsewhere), 1);
    assert_eq!(told(&user).await, Value::Null);
    assert_eq!(events(&user, "address_undeliverable").await, Vec::<Value>::new());
    let export = user.api.get("/api/v1/users/me/export").await.expect(200).to_string();
    assert!(!export.contains("complain"), "{export}");
}

async fn an_undeliverable_address_gets_no_mail_until_it_is_verified_anew(host: Host) {
    let user = User::verified(&host).await;
    assert_eq!(told(&user).await, Value::Null);
    let since = host.now_ms().await;
    bounce(&host, &user.email.to_uppercase()).await;
    let now = told(&user).await;
    assert_eq!((&now["cause"], &now["verificationSentAt"]), (&json!("bounce"), &Value::Null));
    assert!(now["since"].as_str().expect("a time") >= rfc3339(since).as_str());
    let admin = admin(&host).await;
    let shown = admin.api.get(format!("/api/v1/admin/users/{}", user.id())).await.expect(200);
    assert_eq!(shown["undeliverable"], now);
    let log = admin.api.get("/api/v1/admin/audit-log?event=address_undeliverable&limit=100").await.expect(200);
    let of_user = |event: &&Value| event["userId"] == user.id();
    let [event] = log["data"].as_array().expect("a list").iter().filter(of_user).collect::<Vec<_>>()[..] else {
        panic!("{log}")
    };
    assert_eq!(event["details"], json!({ "cause": "bounce", "provider": "resend" }));

    let before = mails(&host, &user.email);
    notice(&user).await;
    assert!(refused(&host, &user.email, 1).await.contains("bounced"));
    tick(&host).await;
    assert_eq!(mails(&host, &user.email), before);

    let token = asked(&host, &user).await;
    // Once a day.
    let again = user.api.post("/api/v1/users/me/email/verification").await.expect(202);
    assert!(again["undeliverable"]["verificationSentAt"].is_string());
    tick(&host).await;
    assert_eq!(mails(&host, &user.email), before + 1);
    host.advance(DAY - Duration::from_secs(600)).await;
    let fresh = user.login_from(&user.api).await;
    let wrong = json!({ "token": token, "password": "another password" });
    user.api.anonymous().post("/api/v1/auth/verify-email").json(wrong).await.problem(403, "incorrect_password");
    let verified = verify(&user.api, &token).await.expect(200);
    assert_eq!((&verified["user"]["email"], &verified["user"]["undeliverable"]), (&json!(user.email), &Value::Null));
    assert_eq!(told(&fresh).await, Value::Null);
    assert_eq!(verified["user"]["fullName"], "Ada Lovelace", "nothing else is set");
    notice(&fresh).await;
    host.provider().wait_for(&user.email, before + 2).await;
    // Whom mail reaches gets none that verifies.
    assert_eq!(fresh.api.post("/api/v1/users/me/email/verification").await.expect(202)["undeliverable"], Value::Null);
    tick(&host).await;
    assert_eq!(mails(&host, &user.email), before + 2);
}

async fn an_event_that_comes_again_changes_nothing(host: Host) {
    let user = User::verified(&host).await;
    let hour_ago = host.now_ms().await - 3_600_000;
    resend(&host, &bounced(&user.email, hour_ago, "Permanent")).await.expect(204);
    assert_eq!(told(&user).await, Value::Null, "the address was verified since");
    let event = bounced(&user.email, host.now_ms().await, "Permanent");
    resend(&host, &event).await.expect(204);
    let since = told(&user).await;
    host.advance(Duration::from_secs(60)).await;
    resend(&host, &event).await.expect(204);
    assert_eq!(told(&user).await, since);
    let token = asked(&host, &user).await;
    verify(&user.api, &token).await.expect(200);
    // A provider that did not hear our answer sends it for days, signed anew.
    for _ in 0..2 {
        resend(&host, &event).await.expect(204);
        assert_eq!(told(&user).await, Value::Null, "it is from before");
        host.advance(Duration::from_secs(120)).await;
    }
    assert_eq!(events(&user, "address_undeliverable").await.len(), 1);
    bounce(&host, &user.email).await;
    assert_eq!(told(&user).await["cause"], "bounce", "this one is new");
    assert_eq!(events(&user, "address_undeliverable").await.len(), 2);
}

async fn a_stranger_has_one_mail_a_day_tried_after_a_bounce(host: Host) {
    let user = User::verified(&host).await;
    bounce(&host, &user.email).await;
    let before = mails(&host, &user.email);
    forgot(&host, &user.email).await;
    host.provider().wait_for(&user.email, before + 1).await;
    forgot(&host, &user.email).await;
    refused(&host, &user.email, 1).await;
    assert_eq!(mails(&host, &user.email), before + 1);
    // What the person asks for themselves is apart.
    asked(&host, &user).await;
    host.advance(DAY).await;
    forgot(&host, &user.email).await;
    let calls = host.provider().wait_for(&user.email, before + 3).await;
    let token = token_in(calls[before + 2].body["text"].as_str().expect("a text"));
    let reset = json!({ "token": token, "password": PASSWORD });
    host.client().post("/api/v1/auth/password/reset").json(reset).await.expect(204);
    let anew = user.login_from(&user.api).await;
    assert_eq!(told(&anew).await, Value::Null, "the link proves the address");

    // A provider that is down when the mail is tried gets the same mail again.
    host.stop_time().await;
    bounce(&host, &user.email).await;
    host.provider().fail(&user.email, 1);
    let before = mails(&host, &user.email);
    forgot(&host, &user.email).await;
    host.provider().wait_for(&user.email, before + 1).await;
    host.advance(Duration::from_secs(31)).await;
    tick(&host).await;
    let calls = host.provider().wait_for(&user.email, before + 2).await;
    assert_eq!(calls[before].headers["idempotency-key"], calls[before + 1].headers["idempotency-key"]);
    host.let_time_pass().await;
}

async fn a_stranger_does_not_override_a_complaint(host: Host) {
    // Somebody else registered this address, and its reader complains.
    let unproved = User::unverified(&host.client()).await;
    host.provider().wait_for(&unproved, 1).await;
    complain(&host, &unproved).await;
    let resend_it = json!({ "email": unproved });
    host.client().post("/api/v1/auth/resend-verification").json(resend_it).await.expect(202);
    let register = json!({ "email": unproved, "password": PASSWORD });
    host.client().post("/api/v1/auth/register").json(register).await.expect(202);
    assert!(refused(&host, &unproved, 2).await.contains("complained"));
    assert_eq!(mails(&host, &unproved), 1);

    let user = User::verified(&host).await;
    complain(&host, &user.email).await;
    let before = mails(&host, &user.email);
    forgot(&host, &user.email).await;
    refused(&host, &user.email, 1).await;
    host.advance(DAY).await;
    let other = User::verified(&host).await;
    let body = json!({ "newEmail": user.email, "password": PASSWORD });
    other.api.post("/api/v1/users/me/email").json(body).await.expect(202);
    forgot(&host, &user.email).await;
    refused(&host, &user.email, 3).await;
    assert_eq!(mails(&host, &user.email), before);
    // An administrator may let mail be sent, and so may the person by a link.
    let admin = admin(&host).await;
    let path = format!("/api/v1/admin/users/{}/undeliverable", user.id());
    other.api.delete(&path).await.problem(403, "role_required");
    admin.api.delete(&path).await.expect(204);
    admin.api.delete(&path).await.expect(204);
    admin.api.delete("/api/v1/admin/users/none/undeliverable").await.problem(404, "not_found");
    let user = user.login_from(&user.api).await;
    assert_eq!(told(&user).await, Value::Null);
    assert_eq!(events(&user, "address_deliverable").await.len(), 1);
    forgot(&host, &user.email).await;
    host.provider().wait_for(&user.email, before + 1).await;
    host.advance(Duration::from_secs(1)).await;
    complain(&host, &user.email).await;
    let token = asked(&host, &user).await;
    verify(&user.api, &token).await.expect(200);
    assert_eq!(told(&user).await, Value::Null);
}

async fn a_reset_and_a_new_address_lead_out(host: Host) {
    let user = User::verified(&host).await;
    complain(&host, &user.email).await;
    let (before, elsewhere) = (mails(&host, &user.email), new_address());
    let body = json!({ "newEmail": elsewhere, "password": PASSWORD });
    user.api.post("/api/v1/users/me/email").json(body).await.expect(202);
    let call = host.provider().wait_for(&elsewhere, 1).await.remove(0);
    let token = token_in(call.body["text"].as_str().expect("a text"));
    let moved = user.api.post("/api/v1/auth/confirm-email").json(json!({ "token": token })).await.expect(200);
    assert_eq!((&moved["user"]["email"], &moved["user"]["undeliverable"]), (&json!(elsewhere), &Value::Null));
    // The address that complained is told of neither.
    refused(&host, &user.email, 2).await;
    assert_eq!(mails(&host, &user.email), before);

    let leaver = User::verified(&host).await;
    complain(&host, &leaver.email).await;
    let before = mails(&host, &leaver.email);
    leaver.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.expect(204);
    tick(&host).await;
    assert_eq!(mails(&host, &leaver.email), before);
}

async fn the_page_tells_and_leads_out(host: Host) {
    let user = User::verified(&host).await;
    let mut visitor = Visitor::logged_in(&user).await;
    visitor.open("/account").await.lacks("You get no mail");
    bounce(&host, &user.email).await;
    let page = visitor.open("/account").await;
    page.says("You get no mail from us").says("comes back");
    let before = mails(&host, &user.email);
    visitor.send(&page.form("/account/verify-anew")).await.says("We have sent a mail to your address");
    let calls = host.provider().wait_for(&user.email, before + 1).await;
    let page = visitor.open("/account").await;
    page.says("within the last day");
    assert!(page.forms("/account/verify-anew").is_empty());
    let token = token_in(calls[before].body["text"].as_str().expect("a text"));
    verify(&user.api, &token).await.expect(200);
    visitor.open("/account").await.lacks("You get no mail");

    host.advance(Duration::from_secs(1)).await;
    complain(&host, &user.email).await;
    let mut root = Visitor::logged_in(&admin(&host).await).await;
    let person = format!("/admin/people/{}", user.id());
    root.open(&person).await.says("its reader complained");
    let asks = root.open(&format!("{person}/send-mail-again")).await;
    root.send(&asks.form(&format!("{person}/send-mail-again"))).await.says("Mail is sent to the address again.");
    visitor.open("/account").await.lacks("You get no mail");
}
