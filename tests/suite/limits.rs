//! Request limits: exact under concurrency, and told in headers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aibaas_tests::{
    Answer, Client, Key, Service, User, cases,
    client::Request,
    fixtures::{PASSWORD, new_address, seeded, unique},
    host::Host,
    keys::{millis, rate_limit},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Barrier;

cases![
    KeepsMail:
        registering_is_limited_by_address,
        resending_is_limited_by_address,
        login_tells_its_limit,
        a_keys_limit_is_exact,
        of_64_clients_at_once_exactly_the_limit_passes,
        of_64_verifications_at_once_exactly_the_limit_passes,
        costs_are_exact,
        of_64_costs_at_once_exactly_the_limit_passes,
        a_key_has_one_limit_however_it_is_used,
        a_refused_caller_charges_nobody,
        a_key_that_verifies_itself_is_charged_once,
        every_use_of_a_key_tells_its_limit,
        what_is_denied_costs_nothing,
        a_rotated_key_and_its_successors_share_a_limit,
        of_64_clients_with_a_key_and_its_successor_exactly_the_limit_passes;
    MovesTime:
        a_window_slides,
        a_refused_request_consumes_nothing,
        no_window_holds_more_than_the_limit,
        headers_tell_what_happens_next,
        verdicts_tell_what_happens_next;
];

/// The remaining requests, out of `RateLimit: "policy";r=…;t=…`.
#[track_caller]
fn remaining(answer: &Answer) -> u64 {
    rate_limit(answer, "r")
}

#[track_caller]
fn admitted(answers: &[Answer], policy: &str) -> usize {
    for answer in answers {
        assert_eq!(answer.header("ratelimit-policy"), Some(policy), "{answer}");
        remaining(answer);
        if answer.status == 429 {
            answer.problem(429, "too_many_requests");
            assert_eq!(remaining(answer), 0);
        } else {
            assert!(answer.status.is_success(), "{answer}");
        }
    }
    answers.iter().filter(|answer| answer.status != 429).count()
}

async fn registering_is_limited_by_address(host: Host) {
    host.needs_addresses();
    let api = host.client();
    let register = || {
        let request = api.post("/api/v1/auth/register").json(json!({ "email": new_address(), "password": PASSWORD }));
        async move { request.await }
    };
    let answers = join_all((0..16).map(|_| register())).await;
    assert_eq!(admitted(&answers, "\"register\";q=10;w=600"), 10);
    // Another address has its own count, and a route too.
    User::unverified(&host.client()).await;
    api.post("/api/v1/auth/resend-verification").json(json!({ "email": new_address() })).await.expect(202);
}

async fn resending_is_limited_by_address(host: Host) {
    host.needs_addresses();
    let api = host.client();
    let resend = || {
        let request = api.post("/api/v1/auth/resend-verification").json(json!({ "email": new_address() }));
        async move { request.await }
    };
    let first = resend().await;
    first.expect(202);
    assert_eq!(remaining(&first), 4);
    let answers = join_all((0..12).map(|_| resend())).await;
    assert_eq!(admitted(&answers, "\"resend\";q=5;w=600"), 4);
    // What a client claims about its address counts for nothing.
    for header in
        ["X-Forwarded-For", "Forwarded", "X-Real-IP", "spin-client-addr", "CF-Connecting-IP", "True-Client-IP"]
    {
        let claimed = resend_claiming(&api, header).await;
        assert_eq!(claimed.status, 429, "{header} is believed");
    }
}

async fn resend_claiming(api: &aibaas_tests::Client, header: &str) -> Answer {
    let request = api.post("/api/v1/auth/resend-verification").json(json!({ "email": new_address() }));
    request.header(header, "203.0.113.9").await
}

async fn login_tells_its_limit(host: Host) {
    let answer =
        host.client().post("/api/v1/auth/login").json(json!({ "email": new_address(), "password": PASSWORD })).await;
    answer.problem(401, "invalid_credentials");
    assert_eq!(answer.header("ratelimit-policy"), Some("\"login\";q=30;w=300"));
    if host.has_addresses() {
        assert_eq!(remaining(&answer), 29);
    }
}

async fn a_keys_limit_is_exact(host: Host) {
    let user = User::verified(&host).await;
    let created = user
        .key(json!({ "name": "limited", "scopes": ["models:write"], "rateLimit": 20, "rateLimitWindowSeconds": 600 }))
        .await;
    let key = created["key"].as_str().unwrap();
    let path = format!("/api/v1/models/{}/m", unique("limited"));
    // From several connections and addresses.
    let callers = (0..4).map(|_| host.client().with(key)).collect::<Vec<_>>();
    let call = |n: usize| {
        let request = callers[n % 4].put(&path).json(json!({ "displayName": "M" }));
        async move { request.await }
    };
    let answers = join_all((0..50).map(call)).await;
    assert_eq!(admitted(&answers, "\"key\";q=20;w=600"), 20);
    let mut left = answers.iter().filter(|answer| answer.status != 429).map(remaining).collect::<Vec<_>>();
    left.sort_unstable();
    assert_eq!(left, (0..20).collect::<Vec<_>>(), "every admitted request sees its own place");
}

async fn a_window_slides(host: Host) {
    let user = User::verified(&host).await;
    let key = Key::limited(&user, 4, 600).await;
    let path = format!("/api/v1/models/{}/m", unique("sliding"));
    let call = || async { key.api.put(&path).json(json!({ "displayName": "M" })).await };
    host.stop_time().await;
    for _ in 0..2 {
        assert_eq!(remaining(&call().await), 3);
        assert_eq!(remaining(&call().await), 2);
        host.advance(Duration::from_secs(200)).await;
        let answers = join_all((0..9).map(|_| call())).await;
        assert_eq!(admitted(&answers, "\"key\";q=4;w=600"), 2, "refused requests consume nothing");
        let refused = answers.iter().find(|answer| answer.status == 429).expect("seven are refused");
        assert_eq!((refused.retry_after(), rate_limit(refused, "t")), (Some(400), 400), "{refused}");
        host.advance(Duration::from_millis(399_999)).await;
        assert_eq!(call().await.retry_after(), Some(1));
        // The first two have left the window, and then the other two.
        host.advance(Duration::from_millis(1)).await;
        let answers = join_all((0..9).map(|_| call())).await;
        assert_eq!(admitted(&answers, "\"key\";q=4;w=600"), 2);
        host.advance(Duration::from_secs(200)).await;
        let answers = join_all((0..9).map(|_| call())).await;
        assert_eq!(admitted(&answers, "\"key\";q=4;w=600"), 2);
        host.advance(Duration::from_secs(600)).await;
    }
}

/// Connections of a burst.
const CLIENTS: usize = 64;

/// What comes of so many requests from each of 64 connections, one after the other, all connections at once.
async fn burst(host: &Host, each: usize, ask: impl Fn(&Client) -> Request) -> Vec<Answer> {
    let addresses = (0..8).map(|_| host.client()).collect::<Vec<_>>();
    let ready = Arc::new(Barrier::new(CLIENTS));
    let clients = (0..CLIENTS).map(|n| {
        let (client, ready) = (addresses[n % addresses.len()].clone(), Arc::clone(&ready));
        let requests = (0..each).map(|_| ask(&client)).collect::<Vec<_>>();
        tokio::spawn(async move {
            client.get("/health").await.expect(200);
            ready.wait().await;
            let mut answers = Vec::new();
            for request in requests {
                answers.push(request.await);
            }
            answers
        })
    });
    let clients = join_all(clients.collect::<Vec<_>>()).await.into_iter();
    clients.flat_map(|client| client.unwrap_or_else(again)).collect()
}

/// Goes on with a task's panic, so that the case says what the task said.
fn again<T>(error: tokio::task::JoinError) -> T {
    std::panic::resume_unwind(error.into_panic())
}

/// How many of these answers let the key in that was shown; the others refuse it for its limit.
#[track_caller]
fn accepted(answers: &[Answer], limit: u64) -> usize {
    let accepted = |answer: &&Answer| {
        let verdict = answer.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=100000;w=1"), "{answer}");
        assert_eq!(verdict["rateLimit"]["limit"], limit, "{answer}");
        assert!(verdict["rateLimit"]["resetAt"].is_string(), "{answer}");
        let code = if verdict["valid"] == true { "valid" } else { "too_many_requests" };
        assert_eq!(verdict["code"], code, "{answer}");
        verdict["valid"] == true
    };
    answers.iter().filter(accepted).count()
}

/// Asserts that every admission saw its own place: so many minus one down to none, each once.
#[track_caller]
fn assert_places(mut left: Vec<u64>, limit: u64) {
    left.sort_unstable();
    assert_eq!(left, (0..limit).collect::<Vec<_>>(), "every admitted request sees its own place");
}

async fn of_64_clients_at_once_exactly_the_limit_passes(host: Host) {
    let user = User::verified(&host).await;
    let path = format!("/api/v1/models/{}/m", unique("burst"));
    for (limit, each) in [(1, 2), (7, 2), (100, 3)] {
        let key = Key::limited(&user, limit, 600).await;
        let put = |client: &Client| client.with(&key.secret).put(&path).json(json!({ "displayName": "M" }));
        let burst = burst(&host, each, put).await;
        let passed = admitted(&burst, &format!("\"key\";q={limit};w=600"));
        assert_eq!(passed, limit as usize, "of {} requests", burst.len());
        let admitted = burst.iter().filter(|answer| answer.status.is_success());
        assert_places(admitted.map(remaining).collect(), limit.into());
    }
}

async fn of_64_verifications_at_once_exactly_the_limit_passes(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let own = service.0.credential().expect("a key");
    for (limit, each) in [(1, 2), (7, 2), (100, 3)] {
        let key = Key::limited(&user, limit, 600).await;
        let show = |client: &Client| Service(client.with(own)).shown(&key.secret, &json!({}));
        let burst = burst(&host, each, show).await;
        let passed = accepted(&burst, limit.into());
        assert_eq!(passed, limit as usize, "of {} verifications", burst.len());
        let verdicts = burst.iter().map(Answer::value);
        let (valid, refused): (Vec<_>, Vec<_>) = verdicts.partition(|verdict| verdict["valid"] == true);
        let left = |verdict: &Value| verdict["rateLimit"]["remaining"].as_u64().expect("a number");
        assert_places(valid.iter().map(left).collect(), limit.into());
        assert!(refused.iter().all(|verdict| left(verdict) == 0));
    }
}

async fn costs_are_exact(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::limited(&user, 10, 600).await;
    let cost = |cost: u32| json!({ "cost": cost });
    let left = |verdict: &Value| verdict["rateLimit"]["remaining"].as_u64().expect("a number");
    assert_eq!(left(&service.refuses(&key, cost(11), "too_many_requests").await), 10);
    assert_eq!(left(&service.accepts(&key, cost(0)).await), 10);
    for expected in [7, 4, 1] {
        assert_eq!(left(&service.accepts(&key, cost(3)).await), expected);
    }
    for _ in 0..3 {
        assert_eq!(left(&service.refuses(&key, cost(3), "too_many_requests").await), 1);
        assert_eq!(left(&service.refuses(&key, cost(100_000), "too_many_requests").await), 1);
        assert_eq!(left(&service.accepts(&key, cost(0)).await), 1);
    }
    assert_eq!(left(&service.accepts(&key, json!({})).await), 0);
    assert_eq!(left(&service.refuses(&key, cost(1), "too_many_requests").await), 0);
    assert_eq!(left(&service.accepts(&key, cost(0)).await), 0, "what costs nothing always fits");
    key.used_by(&key.api).await.problem(429, "too_many_requests");
    let whole = Key::limited(&user, 100_000, 600).await;
    assert_eq!(left(&service.accepts(&whole, cost(100_000)).await), 0);
}

async fn of_64_costs_at_once_exactly_the_limit_passes(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let own = service.0.credential().expect("a key");
    let key = Key::limited(&user, 100, 600).await;
    let show = |client: &Client| Service(client.with(own)).shown(&key.secret, &json!({ "cost": 3 }));
    let burst = burst(&host, 2, show).await;
    assert_eq!(accepted(&burst, 100), 33);
    service.accepts(&key, json!({ "cost": 1 })).await;
    service.refuses(&key, json!({ "cost": 1 }), "too_many_requests").await;
}

async fn a_refused_request_consumes_nothing(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let own = service.0.credential().expect("a key");
    let (used, shown) = (Key::limited(&user, 7, 600).await, Key::limited(&user, 7, 600).await);
    host.stop_time().await;
    for _ in 0..2 {
        let uses = burst(&host, 1, |client| used.used_by(client)).await;
        let shows = burst(&host, 1, |client| Service(client.with(own)).shown(&shown.secret, &json!({}))).await;
        let passed = (admitted(&uses, "\"key\";q=7;w=600"), accepted(&shows, 7));
        assert_eq!(passed, (7, 7));
        host.advance(Duration::from_secs(600)).await;
    }
}

async fn a_key_has_one_limit_however_it_is_used(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::limited(&user, 5, 600).await;
    let put = || key.api.put(format!("/api/v1/models/{}/m", unique("one"))).json(json!({ "displayName": "M" }));
    assert_eq!(remaining(&put().await), 4);
    assert_eq!(service.accepts(&key, json!({ "cost": 2 })).await["rateLimit"]["remaining"], 2);
    assert_eq!(remaining(&key.used_by(&key.api).await), 1);
    service.accepts(&key, json!({})).await;
    put().await.problem(429, "too_many_requests");
    key.used_by(&key.api).await.problem(429, "too_many_requests");
    service.refuses(&key, json!({}), "too_many_requests").await;
    // Another key of the same person has its own.
    service.accepts(&Key::limited(&user, 5, 600).await, json!({ "cost": 5 })).await;
}

async fn a_refused_caller_charges_nobody(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let (caller, key) = (Key::limited(&user, 20, 600).await, Key::limited(&user, 100, 600).await);
    let show = |client: &Client| Service(client.with(&caller.secret)).shown(&key.secret, &json!({}));
    let burst = burst(&host, 1, show).await;
    assert_eq!(admitted(&burst, "\"key\";q=20;w=600"), 20);
    assert_eq!(service.remaining(&key).await, 80);
    // Nor is the key that was shown charged for a caller without the scope, nor for a question with a mistake.
    let stranger = Key::new(&user, json!({ "scopes": ["models:write"] })).await;
    Service(stranger.api).shown(&key.secret, &json!({})).await.problem(403, "insufficient_scope");
    service.shown(&key.secret, &json!({ "scopes": ["everything"] })).await.invalid("/scopes/0");
    assert_eq!(service.remaining(&key).await, 80);
    // The caller is charged, whatever it hears.
    let asks = Key::limited(&user, 3, 600).await;
    for _ in 0..3 {
        Service(asks.api.clone()).refuses(&caller, json!({}), "too_many_requests").await;
    }
    assert_eq!(service.remaining(&asks).await, 0);
}

async fn a_key_that_verifies_itself_is_charged_once(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::limited(&user, 6, 600).await;
    let itself = Service(key.api.clone());
    let answer = itself.shown(&key.secret, &json!({})).await;
    assert_eq!((&answer.expect(200)["rateLimit"]["remaining"], remaining(&answer)), (&json!(5), 5));
    assert_eq!(itself.accepts(&key, json!({ "cost": 3 })).await["rateLimit"]["remaining"], 2);
    assert_eq!(service.remaining(&key).await, 2);
    itself.shown(&key.secret, &json!({ "cost": 3 })).await.problem(429, "too_many_requests");
    itself.accepts(&key, json!({ "cost": 2 })).await;
    itself.shown(&key.secret, &json!({})).await.problem(429, "too_many_requests");
}

/// The key's successor; the old one lives on for an hour.
async fn rotate(user: &User, key: &Key) -> Key {
    let rotated = user.api.post(format!("{}/rotate", key.path())).json(json!({ "overlapSeconds": 3600 })).await;
    Key::of(&user.api, &rotated.expect(201))
}

async fn a_rotated_key_and_its_successors_share_a_limit(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let first = Key::limited(&user, 10, 600).await;
    assert_eq!(remaining(&first.used_by(&first.api).await), 9);
    let second = rotate(&user, &first).await;
    assert_eq!(service.accepts(&second, json!({ "cost": 2 })).await["rateLimit"]["remaining"], 7);
    let third = rotate(&user, &second).await;
    assert_eq!(remaining(&third.used_by(&third.api).await), 6);
    // One that asks about another of them: each is charged.
    let asked = Service(second.api.clone()).accepts(&first, json!({ "cost": 2 })).await;
    assert_eq!(asked["rateLimit"]["remaining"], 3);
    for key in [&first, &second, &third] {
        assert_eq!(service.remaining(key).await, 3);
    }
    // Each key's own limit is asked of what all of them used.
    user.api.patch(third.path()).json(json!({ "rateLimit": 8 })).await.expect(200);
    assert_eq!((service.remaining(&third).await, service.remaining(&first).await), (1, 3));
    service.refuses(&third, json!({ "cost": 2 }), "too_many_requests").await;
    service.accepts(&first, json!({ "cost": 3 })).await;
    for key in [&first, &second, &third] {
        key.used_by(&key.api).await.problem(429, "too_many_requests");
    }
    // Use is counted by key.
    for (key, allowed, limited) in [(&first, 5, 1), (&second, 3, 1), (&third, 3, 2)] {
        let usage = user.api.get(format!("{}/usage", key.path())).await.expect(200);
        assert_eq!(usage["totals"], json!({ "allowed": allowed, "limited": limited, "denied": 0 }), "{usage}");
    }
    // The old key's end frees nothing.
    user.api.delete(first.path()).await.expect(204);
    second.used_by(&second.api).await.problem(429, "too_many_requests");
}

async fn of_64_clients_with_a_key_and_its_successor_exactly_the_limit_passes(host: Host) {
    let user = User::verified(&host).await;
    for (limit, each) in [(7, 2), (100, 3)] {
        let old = Key::limited(&user, limit, 600).await;
        let new = rotate(&user, &old).await;
        let turn = AtomicUsize::new(0);
        let use_either = |client: &Client| {
            let turn = turn.fetch_add(1, Ordering::Relaxed);
            if turn.is_multiple_of(2) { old.used_by(client) } else { new.used_by(client) }
        };
        let burst = burst(&host, each, use_either).await;
        let passed = admitted(&burst, &format!("\"key\";q={limit};w=600"));
        assert_eq!(passed, limit as usize, "of {} requests", burst.len());
        let admitted = burst.iter().filter(|answer| answer.status.is_success());
        assert_places(admitted.map(remaining).collect(), limit.into());
    }
}

/// Requests at once, again and again, at times that are moved by chance: no window holds more than the limit, and none is
/// refused while there is room.
async fn no_window_holds_more_than_the_limit(host: Host) {
    const LIMIT: u64 = 20;
    const WINDOW_MS: u64 = 600_000;
    let mut random = seeded();
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key = Key::limited(&user, 20, 600).await;
    host.stop_time().await;
    let (mut now, mut log) = (0, Vec::<(u64, u64)>::new());
    let (mut passed, mut refused) = (0, 0);
    for round in 0..40 {
        let step = if random.bool() { random.u64(1..100_000) } else { random.u64(1..1_000) };
        host.advance(Duration::from_millis(step)).await;
        now += step;
        log.retain(|(at, _)| *at + WINDOW_MS > now);
        let before = log.iter().map(|(_, cost)| cost).sum::<u64>();
        let costs = (0..random.usize(1..6)).map(|_| random.u64(1..=3)).collect::<Vec<_>>();
        let asked = costs.iter().enumerate().map(async |(n, cost)| {
            if n % 2 == 0 {
                (1, key.used_by(&key.api).await.status == 200)
            } else {
                (*cost, service.verdict(&key, json!({ "cost": cost })).await["valid"] == true)
            }
        });
        let asked = join_all(asked).await;
        let admitted = asked.iter().filter(|(_, passed)| *passed).map(|(cost, _)| cost).sum::<u64>();
        assert!(before + admitted <= LIMIT, "round {round}: {admitted} admitted beside {before}");
        for (cost, _) in asked.iter().filter(|(_, passed)| !passed) {
            assert!(before + admitted + cost > LIMIT, "round {round}: {cost} refused beside {before} and {admitted}");
        }
        passed += asked.iter().filter(|(_, passed)| *passed).count();
        refused += asked.iter().filter(|(_, passed)| !passed).count();
        log.push((now, admitted));
        assert_eq!(service.remaining(&key).await, LIMIT - before - admitted, "round {round}");
    }
    println!("{}: {passed} passed, {refused} were refused", host.kind());
    // The first window alone lets in six of at most 3 each.
    assert!(passed >= 6 && refused > 0, "no load: {passed} passed, {refused} were refused");
}

async fn headers_tell_what_happens_next(host: Host) {
    let user = User::verified(&host).await;
    let key = Key::limited(&user, 4, 600).await;
    host.stop_time().await;
    for n in 0..4 {
        let answer = key.used_by(&key.api).await;
        answer.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=4;w=600"), "{answer}");
        assert_eq!((remaining(&answer), rate_limit(&answer, "t")), (3 - n, 600 - n * 100), "{answer}");
        assert_eq!(answer.header("retry-after"), None, "{answer}");
        host.advance(Duration::from_secs(100)).await;
    }
    let refused = key.used_by(&key.api).await;
    refused.problem(429, "too_many_requests");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"key\";q=4;w=600"), "{refused}");
    assert_eq!(
        (remaining(&refused), rate_limit(&refused, "t"), refused.retry_after()),
        (0, 200, Some(200)),
        "{refused}"
    );
    host.advance(Duration::from_secs(200)).await;
    key.used_by(&key.api).await.expect(200);
}

async fn verdicts_tell_what_happens_next(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let state = |verdict: &Value| {
        let state = &verdict["rateLimit"];
        (state["remaining"].as_u64().expect("a number"), millis(state["resetAt"].as_str().expect("a time")))
    };
    let key = Key::limited(&user, 4, 600).await;
    host.stop_time().await;
    // It is the first admission that leaves first.
    let frees = host.now_ms().await + 600_000;
    for n in 0..4 {
        let verdict = service.accepts(&key, json!({})).await;
        assert_eq!((state(&verdict), &verdict["rateLimit"]["limit"]), ((3 - n, frees), &json!(4)), "{verdict}");
        host.advance(Duration::from_secs(100)).await;
    }
    let refused = service.refuses(&key, json!({}), "too_many_requests").await;
    assert_eq!(state(&refused), (0, frees), "{refused}");
    host.advance(Duration::from_millis(199_999)).await;
    service.refuses(&key, json!({}), "too_many_requests").await;
    host.advance(Duration::from_millis(1)).await;
    service.accepts(&key, json!({})).await;
}

async fn every_use_of_a_key_tells_its_limit(host: Host) {
    let user = User::verified(&host).await;
    let key = Key::new(&user, json!({ "scopes": ["models:write", "results:write"], "rateLimit": 50 })).await;
    let path = format!("/api/v1/models/{}/m", unique("told"));
    let put = |body: Value| key.api.put(&path).json(body);
    let nothing = "/api/v1/runs/00000000-0000-7000-8000-000000000000";
    let answers = [
        put(json!({ "displayName": "M" })).await,
        put(json!({ "displayName": "M" })).await,
        put(json!({ "displayName": 1 })).await,
        key.api.put(&path).body("application/json", "{").await,
        key.api.put(&path).body("text/plain", "M").await,
        key.api.post("/api/v1/runs").json(json!({})).await,
        key.api.post(format!("{nothing}/results")).json(json!([])).await,
        key.api.post(format!("{nothing}/publish")).await,
    ];
    let statuses = answers.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>();
    assert_eq!(statuses[..6], [201, 200, 422, 400, 415, 422]);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=50;w=3600"), "{answer}");
        assert_eq!(remaining(answer), 49 - n as u64, "{answer}");
    }
}

/// Refusals that the limit has no part in.
async fn what_is_denied_costs_nothing(host: Host) {
    let (user, service) = (User::verified(&host).await, Service::new(&host).await);
    let key =
        Key::new(&user, json!({ "scopes": ["keys:verify"], "rateLimit": 3, "rateLimitWindowSeconds": 600 })).await;
    for _ in 0..4 {
        let path = format!("/api/v1/models/{}/m", unique("denied"));
        key.api.put(path).json(json!({ "displayName": "M" })).await.problem(403, "insufficient_scope");
        let refused = service.refuses(&key, json!({ "scopes": ["models:write"] }), "insufficient_scope").await;
        assert_eq!(refused["rateLimit"], Value::Null, "{refused}");
    }
    assert_eq!(service.remaining(&key).await, 3);
}
