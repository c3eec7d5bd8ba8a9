//! What takes something from a key takes it at once: no request that is sent after the answer gets in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aibaas_tests::{
    Answer, Client, Key, Service, User, cases,
    fixtures::{PASSWORD, admin, unique},
    host::Host,
    keys::{millis, rfc3339},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    a_hundred_revoked_keys_are_refused_at_once,
    under_load_no_request_after_a_revocation_gets_in,
    a_rotated_key_is_refused_at_once,
    what_is_changed_of_a_key_holds_at_once,
    keys_of_a_suspended_person_are_refused_at_once,
    keys_of_a_deleted_person_are_refused_at_once;
SendsMail:
    keys_of_a_former_publisher_are_refused_at_once;
MovesTime:
    keys_are_refused_from_the_moment_they_expire,
    a_rotated_key_is_refused_when_its_overlap_ends,
];

/// Those who hold a key: its owner's programs, and strangers who are shown it, on connections of their own.
struct Holders {
    programs: Vec<Client>,
    services: Vec<Service>,
}

impl Holders {
    async fn new(host: &Host) -> Self {
        let service = Service::new(host).await;
        let own = service.0.credential().expect("a key");
        let services = vec![Service(host.client().with(own)), service.clone()];
        Self { programs: vec![host.client(), host.client()], services }
    }

    /// Asserts that the key works: in one way, or in the other.
    async fn get_in(&self, key: &Key, shown: bool) {
        if shown {
            self.services[0].accepts(key, json!({})).await;
        } else {
            key.used_by(&self.programs[0]).await.expect(200);
        }
    }

    /// Asserts that the key is refused to all of them at once.
    async fn are_refused(&self, key: &Key, status: u16, code: &str) {
        let uses = join_all(self.programs.iter().map(|program| key.used_by(program).into_future()));
        let shows = join_all(self.services.iter().map(|service| service.refuses(key, json!({}), code)));
        let (uses, _) = futures_util::future::join(uses, shows).await;
        uses.iter().for_each(|answer| drop(answer.problem(status, code)));
    }
}

async fn a_hundred_revoked_keys_are_refused_at_once(host: Host) {
    let lanes = join_all((0..2).map(async |_| {
        let (user, holders) = (User::verified(&host).await, Holders::new(&host).await);
        let lanes = (0..5).map(async |lane| {
            for round in 0..10 {
                let key = Key::new(&user, json!({})).await;
                holders.get_in(&key, (lane + round) % 2 == 0).await;
                user.api.delete(key.path()).await.expect(204);
                holders.are_refused(&key, 401, "api_key_revoked").await;
            }
            10
        });
        join_all(lanes).await.into_iter().sum::<u32>()
    }));
    assert_eq!(lanes.await.into_iter().sum::<u32>(), 100);
}

/// A request of the load: when it was sent, and what was answered.
struct Sample {
    sent: Instant,
    passed: bool,
    code: String,
}

/// Whether the key got in, where it was used or where it was shown, and why not.
fn outcome(answer: &Answer, shown: bool) -> (bool, String) {
    let body = answer.value();
    let passed = answer.status == 200 && (!shown || body["valid"] == true);
    (passed, body["code"].as_str().unwrap_or_default().to_owned())
}

async fn under_load_no_request_after_a_revocation_gets_in(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let own = service.0.credential().expect("a key").to_owned();
    let key = Key::new(&user, json!({})).await;
    let stopped = Arc::new(AtomicBool::new(false));
    let (passed, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clients = (0..16).map(|n| {
        let (host, key, own, stopped) = (host.clone(), key.clone(), own.clone(), Arc::clone(&stopped));
        let (passes, asks) = (Arc::clone(&passed), Arc::clone(&asked));
        tokio::spawn(async move {
            let client = host.client();
            let service = Service(client.with(&own));
            let mut samples = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                let of = if n % 2 == 0 { key.used_by(&client) } else { service.shown(&key.secret, &json!({})) };
                let (passed, code) = outcome(&of.await, n % 2 == 1);
                passes.fetch_add(usize::from(passed), Ordering::Relaxed);
                asks.fetch_add(1, Ordering::Relaxed);
                samples.push(Sample { sent, passed, code });
            }
            samples
        })
    });
    let clients = clients.collect::<Vec<_>>();
    let under_load = async |count: &AtomicUsize, more: usize| {
        let enough = count.load(Ordering::Relaxed) + more;
        while count.load(Ordering::Relaxed) < enough && !clients.iter().any(|client| client.is_finished()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    under_load(&passed, 160).await;
    user.api.delete(key.path()).await.expect(204);
    let revoked = Instant::now();
    // Of these the first sixteen may have been sent before.
    under_load(&asked, 160).await;
    stopped.store(true, Ordering::Relaxed);
    let samples = join_all(clients).await.into_iter();
    let samples =
        samples.flat_map(|client| client.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())));
    let (before, after): (Vec<_>, Vec<_>) = samples.partition(|sample| sample.sent <= revoked);
    assert!(before.iter().filter(|sample| sample.passed).count() > 16, "no load before the revocation");
    assert!(after.len() >= 16, "no load after the revocation");
    let other = before.iter().find(|sample| !sample.passed && sample.code != "api_key_revoked");
    assert!(other.is_none(), "{:?} before the revocation", other.map(|sample| &sample.code));
    let got_in = after.iter().filter(|sample| sample.passed || sample.code != "api_key_revoked").count();
    assert_eq!(got_in, 0, "of {} requests that were sent after the revocation", after.len());
}

async fn keys_are_refused_from_the_moment_they_expire(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    host.stop_time().await;
    let expires = host.now_ms().await + 60_000;
    let key = Key::new(&user, json!({ "expiresAt": rfc3339(expires) })).await;
    works_until(&host, &key, &service, expires).await;
}

/// Asserts that the key works up to the last millisecond before that time (in milliseconds since the epoch), and never
/// after. The host's time is to stand still.
async fn works_until(host: &Host, key: &Key, service: &Service, expires: u64) {
    for before in [30_000, 1_000, 1] {
        host.advance(Duration::from_millis(expires - before - host.now_ms().await)).await;
        // Twice: what was remembered of the first use decides about the second.
        for _ in 0..2 {
            key.used_by(&key.api).await.expect(200);
            service.accepts(key, json!({})).await;
        }
    }
    for step in [1, 1_000] {
        host.advance(Duration::from_millis(step)).await;
        for _ in 0..2 {
            key.used_by(&key.api).await.problem(401, "api_key_expired");
            let verdict = service.refuses(key, json!({}), "api_key_expired").await;
            assert_eq!((&verdict["apiKeyId"], &verdict["rateLimit"]), (&json!(key.id), &Value::Null));
        }
    }
}

/// Gives the key a successor.
async fn rotated(user: &User, key: &Key, overlap_seconds: u32) -> Key {
    let rotate = user.api.post(format!("{}/rotate", key.path()));
    Key::of(&user.api, &rotate.json(json!({ "overlapSeconds": overlap_seconds })).await.expect(201))
}

async fn a_rotated_key_is_refused_at_once(host: Host) {
    let (user, holders) = (User::verified(&host).await, Holders::new(&host).await);
    let lanes = (0..4).map(async |lane| {
        let mut key = Key::new(&user, json!({})).await;
        for round in 0..5 {
            holders.get_in(&key, (lane + round) % 2 == 0).await;
            let successor = rotated(&user, &key, 0).await;
            holders.are_refused(&key, 401, "api_key_revoked").await;
            key = successor;
        }
        holders.get_in(&key, lane % 2 == 0).await;
    });
    join_all(lanes).await;
}

async fn a_rotated_key_is_refused_when_its_overlap_ends(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::new(&user, json!({})).await;
    key.used_by(&key.api).await.expect(200);
    service.accepts(&key, json!({})).await;
    host.stop_time().await;
    let successor = rotated(&user, &key, 60).await;
    let ends = user.api.get(key.path()).await.expect(200);
    works_until(&host, &key, &service, millis(ends["expiresAt"].as_str().expect("a time"))).await;
    successor.used_by(&successor.api).await.expect(200);
    service.accepts(&successor, json!({})).await;
}

async fn what_is_changed_of_a_key_holds_at_once(host: Host) {
    let (user, holders) = (User::verified(&host).await, Holders::new(&host).await);
    let rounds = (0..4).map(async |round| {
        let key = Key::new(&user, json!({ "rateLimit": 1000, "rateLimitWindowSeconds": 600 })).await;
        let change = async |settings: Value| drop(user.api.patch(key.path()).json(settings).await.expect(200));
        let asked = || json!({ "scopes": ["keys:verify"] });
        let service = &holders.services[round % 2];
        holders.get_in(&key, round % 2 == 0).await;

        change(json!({ "scopes": ["models:write"] })).await;
        key.used_by(&key.api).await.problem(403, "insufficient_scope");
        service.refuses(&key, asked(), "insufficient_scope").await;
        change(json!({ "scopes": ["models:write", "keys:verify"] })).await;
        service.accepts(&key, asked()).await;
        key.used_by(&key.api).await.expect(200);

        change(json!({ "allowedIps": ["192.0.2.0/24"] })).await;
        holders.are_refused(&key, 403, "ip_not_allowed").await;
        service.accepts(&key, json!({ "ip": "192.0.2.1" })).await;
        change(json!({ "allowedIps": [] })).await;
        key.used_by(&key.api).await.expect(200);
        service.accepts(&key, json!({})).await;

        // What has been used counts against the new limit.
        change(json!({ "rateLimit": 2 })).await;
        holders.are_refused(&key, 429, "too_many_requests").await;
        let used = 1000 - {
            change(json!({ "rateLimit": 1000 })).await;
            service.remaining(&key).await
        };
        change(json!({ "rateLimit": used + 1 })).await;
        assert_eq!(service.accepts(&key, json!({})).await["rateLimit"]["limit"], used + 1);
        holders.are_refused(&key, 429, "too_many_requests").await;
    });
    join_all(rounds).await;
}

/// What an administrator changes about a person.
async fn change(admin: &User, user: &User, body: Value) {
    admin.api.patch(format!("/api/v1/admin/users/{}", user.id())).json(body).await.expect(200);
}

async fn keys_of_a_suspended_person_are_refused_at_once(host: Host) {
    let (admin, user, holders) = (admin(&host).await, User::verified(&host).await, Holders::new(&host).await);
    let (live, test) = (Key::new(&user, json!({})).await, Key::new(&user, json!({ "environment": "test" })).await);
    for round in 0..5 {
        for key in [&live, &test] {
            holders.get_in(key, round % 2 == 0).await;
        }
        change(&admin, &user, json!({ "status": "suspended" })).await;
        for key in [&live, &test] {
            holders.are_refused(key, 403, "account_suspended").await;
        }
        change(&admin, &user, json!({ "status": "active" })).await;
    }
    // Suspending revokes nothing; a key that was revoked stays so.
    holders.get_in(&test, true).await;
    user.login_from(&user.api).await.api.delete(live.path()).await.expect(204);
    change(&admin, &user, json!({ "status": "suspended" })).await;
    holders.are_refused(&live, 401, "api_key_revoked").await;
}

async fn keys_of_a_deleted_person_are_refused_at_once(host: Host) {
    let holders = Holders::new(&host).await;
    let rounds = (0..4).map(async |round| {
        let user = User::verified(&host).await;
        let keys = [Key::new(&user, json!({})).await, Key::new(&user, json!({})).await];
        for key in &keys {
            holders.get_in(key, round % 2 == 0).await;
        }
        user.api.delete("/api/v1/users/me").json(json!({ "password": PASSWORD })).await.expect(204);
        for key in &keys {
            holders.are_refused(key, 401, "invalid_api_key").await;
            let verdict = holders.services[0].verdict(key, json!({})).await;
            assert_eq!((&verdict["apiKeyId"], &verdict["userId"]), (&Value::Null, &Value::Null), "{verdict}");
        }
    });
    join_all(rounds).await;
}

async fn keys_of_a_former_publisher_are_refused_at_once(host: Host) {
    let (admin, user, service) = (admin(&host).await, User::verified(&host).await, Service::new(&host).await);
    let put =
        |key: &Key| key.api.put(format!("/api/v1/models/{}/m", unique("former"))).json(json!({ "displayName": "M" }));
    change(&admin, &user, json!({ "role": "publisher" })).await;
    let user = user.login_from(&user.api).await;
    let key = Key::new(&user, json!({})).await;
    let wants = || json!({ "scopes": ["models:write"] });
    for round in 0..5 {
        if round % 2 == 0 {
            put(&key).await.expect(201);
        } else {
            service.accepts(&key, wants()).await;
        }
        change(&admin, &user, json!({ "role": "user" })).await;
        let (direct, _) =
            futures_util::future::join(put(&key).into_future(), service.refuses(&key, wants(), "role_required")).await;
        direct.problem(403, "role_required");
        // What needs no role goes on.
        key.used_by(&key.api).await.expect(200);
        service.accepts(&key, json!({ "scopes": ["keys:verify"] })).await;
        change(&admin, &user, json!({ "role": "publisher" })).await;
    }
}
