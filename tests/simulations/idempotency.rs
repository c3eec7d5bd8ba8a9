//! Requests with an `Idempotency-Key`, with a failing database, a dying process and a clock that the test sets.

use aibaas_core::domain::recovery_code::RecoveryCode;
use aibaas_tests::{
    fixtures::{Authenticator, PASSWORD},
    simulation::{Failure, Replayable, Simulation},
};
use axum::http::Method;
use futures_util::FutureExt as _;
use serde_json::{Value, json};

const HOUR: i64 = 3600;
const ADA: &str = "ada@example.com";
const KEYS: &str = "/api/v1/api-keys";

async fn post(simulation: &Simulation, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
    simulation.call(Method::POST, &format!("/api/v1{path}"), token, Some(body)).await
}

async fn person(simulation: &Simulation) -> String {
    let credentials = json!({ "email": ADA, "password": PASSWORD });
    assert_eq!(post(simulation, "/auth/register", None, credentials).await.0, 202);
    let token = simulation.mailed_token(ADA, "Verify your e-mail address").await;
    assert_eq!(post(simulation, "/auth/verify-email", None, json!({ "token": token })).await.0, 200);
    login(simulation).await
}

async fn login(simulation: &Simulation) -> String {
    let (status, tokens) = post(simulation, "/auth/login", None, json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!(status, 200, "{tokens}");
    tokens["accessToken"].as_str().expect("an access token").to_owned()
}

fn api_key() -> Value {
    json!({ "name": "runner", "scopes": ["results:write", "models:write"], "rateLimit": 100_000 })
}

fn keys(simulation: &Simulation) -> i64 {
    simulation.count("SELECT count(*) FROM api_keys")
}

/// The way in which a request is broken off at one of its round trips to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The database fails in this way, and the request goes on.
    Database(Failure),
    /// The client goes away while the database is at work.
    ClientGone(Failure),
    /// The process dies while the database is at work.
    Killed(Failure),
}

const ENDS: [End; 6] = [
    End::Database(Failure::Refused),
    End::Database(Failure::Unheard),
    End::ClientGone(Failure::Slow),
    End::ClientGone(Failure::SlowToTell),
    End::Killed(Failure::Slow),
    End::Killed(Failure::SlowToTell),
];

/// Sends the request, broken off at round trip `calls`; returns its answer, if it got one, and whether it was broken
/// off at all.
async fn broken_off(
    simulation: &Simulation,
    end: End,
    calls: u32,
    request: impl Future<Output = Replayable>,
) -> (Option<Replayable>, bool) {
    let (End::Database(failure) | End::ClientGone(failure) | End::Killed(failure)) = end;
    simulation.break_after(calls, failure);
    // Nothing else in a simulation ever waits.
    let answer = request.now_or_never();
    let broken = !simulation.heal();
    match end {
        End::Killed(_) => simulation.die(),
        End::Database(_) | End::ClientGone(_) => simulation.complete_background().await,
    }
    (answer, broken)
}

/// Breaks the request off at every round trip, in every way. Checks that, sent again, it is answered as if nothing had
/// happened, and that `made` (a count in SQL) grows by `each` once. `path` and `body` return others for each round.
async fn happens_once(
    simulation: &Simulation,
    path: impl AsyncFn(u32) -> String,
    token: impl AsyncFn() -> Option<String>,
    body: impl AsyncFn(u32) -> Option<Value>,
    made: &str,
    each: i64,
) {
    let mut round = 0;
    for end in ENDS {
        for calls in 0..20 {
            round += 1;
            let (path, body) = (path(round).await, body(round).await);
            let key = format!("{path} {end:?} {calls}");
            let access = token().await;
            let send = || simulation.post_once(&path, &key, access.as_deref(), body.as_ref());
            let before = simulation.count(made);
            let (first, broken) = broken_off(simulation, end, calls, send()).await;
            let context = format!("{path}, {end:?} at round trip {calls}");
            if let Some(first) = first.as_ref().filter(|first| first.status != 503) {
                assert!(first.status < 300, "{context}: {first:?} {}", first.value());
            }
            let mut again = send().await;
            if again.status == 409 {
                // Only a process that has died cannot release its claim.
                assert!(matches!(end, End::Killed(_)), "{context}: the key is not free");
                assert_eq!((&again.value()["code"], again.retry_after), (&json!("idempotency_in_progress"), Some(1)));
                simulation.pass_seconds(90);
                again = send().await;
            }
            assert!(again.status < 300, "{context}: {} {}", again.status, again.value());
            if let Some(first) = first.filter(|first| first.status < 300) {
                assert_eq!((again.status, &again.body), (first.status, &first.body), "{context}");
            }
            simulation.complete_background().await;
            let third = send().await;
            assert!(third.replayed, "{context}: {third:?}");
            assert_eq!((third.status, third.body), (again.status, again.body), "{context}");
            assert_eq!(simulation.count(made), before + each, "{context}");
            if !broken {
                assert!(calls > 1, "{context}: claims, and works");
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_api_key_is_made_once() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "100000/1")]).await;
    person(&simulation).await;
    happens_once(
        &simulation,
        async |_| KEYS.to_owned(),
        async || Some(login(&simulation).await),
        async |_| Some(api_key()),
        "SELECT count(*) FROM api_keys",
        1,
    )
    .await;
    assert_eq!(
        keys(&simulation),
        simulation.count("SELECT count(*) FROM audit_events WHERE event = 'api_key_created'")
    );
}

#[tokio::test]
async fn a_registration_is_made_once() {
    let simulation = Simulation::new(&[("RATE_LIMIT_REGISTER", "100000/1")]).await;
    happens_once(
        &simulation,
        async |_| "/api/v1/auth/register".to_owned(),
        async || None,
        async |round| Some(json!({ "email": format!("person{round}@example.com"), "password": PASSWORD })),
        "SELECT count(*) FROM outbox WHERE kind = 'verify_email'",
        1,
    )
    .await;
}

#[tokio::test]
async fn a_new_address_is_asked_for_once() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "100000/1"), ("RATE_LIMIT_RESEND", "100000/1")]).await;
    person(&simulation).await;
    happens_once(
        &simulation,
        async |_| "/api/v1/users/me/email".to_owned(),
        async || Some(login(&simulation).await),
        async |round| Some(json!({ "newEmail": format!("new{round}@example.com"), "password": PASSWORD })),
        "SELECT count(*) FROM outbox WHERE kind = 'confirm_email'",
        1,
    )
    .await;
}

#[tokio::test]
async fn recovery_codes_are_made_once() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "100000/1")]).await;
    let token = person(&simulation).await;
    let (status, enrolled) = post(&simulation, "/auth/mfa/totp", Some(&token), json!({ "password": PASSWORD })).await;
    assert_eq!(status, 200, "{enrolled}");
    let authenticator = Authenticator::new(enrolled["secret"].as_str().expect("a secret"));
    let code = authenticator.code_at((simulation.now_ms() / 30_000).try_into().expect("after 1970"));
    let body = json!({ "code": code });
    let confirm =
        async || simulation.post_once("/api/v1/auth/mfa/totp/confirm", "confirm", Some(&token), Some(&body)).await;
    // The code is used up, and yet the recovery codes that were made with it are shown again.
    let (first, _) = broken_off(&simulation, End::Database(Failure::Unheard), 2, confirm()).await;
    let first = first.expect("an answer");
    assert_eq!(first.status, 200, "{}", first.value());
    let again = confirm().await;
    assert_eq!((again.status, &again.body, again.replayed), (200, &first.body, true));
    assert_eq!(simulation.count("SELECT count(*) FROM recovery_codes"), 10);
    // Each round has a recovery code of its own: nobody here knows those that the round before made.
    let code = |round: u32| {
        let code = format!("{round:024}");
        let hash = RecoveryCode::parse(&code).expect("a code").hash();
        let hash = data_encoding::HEXLOWER.encode(&hash);
        simulation.count(&format!(
            "INSERT INTO recovery_codes (user_id, hash, created_at) SELECT id, x'{hash}', 0 FROM users RETURNING 1"
        ));
        code
    };
    happens_once(
        &simulation,
        async |_| "/api/v1/auth/mfa/recovery-codes".to_owned(),
        async || Some(token.clone()),
        async |round| Some(json!({ "password": PASSWORD, "code": code(round) })),
        "SELECT count(*) FROM audit_events WHERE event = 'recovery_codes_created'",
        1,
    )
    .await;
}

#[tokio::test]
async fn publishing_happens_once() {
    let simulation = Simulation::new(&[]).await;
    let token = person(&simulation).await;
    let (status, made) = post(&simulation, "/api-keys", Some(&token), api_key()).await;
    assert_eq!(status, 201, "{made}");
    let key = made["key"].as_str().expect("a key");
    let program = async || Some(key.to_owned());
    let put = async |path: &str, body: Value| {
        let (status, answer) = simulation.call(Method::PUT, &format!("/api/v1{path}"), Some(key), Some(body)).await;
        assert_eq!(status, 201, "{answer}");
    };
    put("/models/acme/rocket", json!({ "displayName": "Rocket" })).await;
    put("/benchmarks/sums/versions/1", json!({ "title": "S", "metric": "pass_rate", "tasks": [{ "id": "t1" }] })).await;
    let run = |external_id: Value| {
        json!({
            "model": "acme/rocket", "benchmark": "sums", "version": "1", "harness": "h", "harnessVersion": "1",
            "commit": "c", "evaluatorRelationship": "third_party", "externalId": external_id,
        })
    };
    let results = json!([{ "task": "t1", "attempt": 1, "status": "success", "score": 1 }]);
    let opened = async || {
        let (status, run) = post(&simulation, "/runs", Some(key), run(Value::Null)).await;
        assert_eq!(status, 201, "{run}");
        run["id"].as_str().expect("an id").to_owned()
    };
    let runs = "SELECT count(*) FROM runs";
    happens_once(&simulation, async |_| "/api/v1/runs".to_owned(), program, async |_| Some(run(Value::Null)), runs, 1)
        .await;
    // A run that the external id already stands for is returned, and replayed, too.
    let known = json!("known");
    assert_eq!(post(&simulation, "/runs", Some(key), run(known.clone())).await.0, 201);
    let again = simulation.post_once("/api/v1/runs", "known", Some(key), Some(&run(known.clone()))).await;
    let third = simulation.post_once("/api/v1/runs", "known", Some(key), Some(&run(known))).await;
    assert_eq!((again.status, third.status, &third.body, third.replayed), (200, 200, &again.body, true));

    // Results that have arrived are never reported as if they had been there before.
    for calls in 0..10 {
        let path = format!("/api/v1/runs/{}/results", opened().await);
        let once = format!("upload {calls}");
        let send = || simulation.post_once(&path, &once, Some(key), Some(&results));
        broken_off(&simulation, End::Killed(Failure::SlowToTell), calls, send()).await;
        simulation.pass_seconds(90);
        let again = send().await;
        assert_eq!((again.status, again.value()), (200, json!({ "accepted": 1, "repeated": 0 })), "{calls}");
    }
    happens_once(
        &simulation,
        async |_| format!("/api/v1/runs/{}/results", opened().await),
        program,
        async |_| Some(results.clone()),
        "SELECT count(*) FROM results",
        1,
    )
    .await;
    happens_once(
        &simulation,
        async |_| {
            let run = opened().await;
            assert_eq!(post(&simulation, &format!("/runs/{run}/results"), Some(key), results.clone()).await.0, 200);
            format!("/api/v1/runs/{run}/publish")
        },
        program,
        async |_| None,
        "SELECT count(*) FROM snapshots",
        1,
    )
    .await;
}

#[tokio::test]
async fn a_claim_ends_after_ninety_seconds() {
    let simulation = Simulation::new(&[]).await;
    let token = person(&simulation).await;
    let send = |body: Value| {
        let (simulation, token) = (&simulation, token.as_str());
        async move { simulation.post_once(KEYS, "k", Some(token), Some(&body)).await }
    };
    let (first, _) = broken_off(&simulation, End::Killed(Failure::Slow), 1, send(api_key())).await;
    assert_eq!(first, None);
    for seconds in [0, 89] {
        simulation.pass_seconds(seconds);
        let waits = send(api_key()).await;
        assert_eq!((waits.status, waits.retry_after), (409, Some(1)), "{}", waits.value());
    }
    simulation.pass_seconds(1);
    // The dead request has not taken effect: any other may use its key.
    let mut other = api_key();
    other["name"] = json!("another");
    assert_eq!(send(other).await.status, 201);
    assert_eq!(keys(&simulation), 1);
}

/// Checks a request that was too slow for its claim, which another took over: its own batch is undone, and it returns
/// what the other made.
#[tokio::test]
async fn a_late_request_makes_nothing() {
    let simulation = Simulation::new(&[]).await;
    let token = person(&simulation).await;
    let body = api_key();
    let send = || simulation.post_once(KEYS, "k", Some(&token), Some(&body));
    simulation.break_after(1, Failure::Slow);
    let mut slow = Box::pin(send());
    assert!((&mut slow).now_or_never().is_none());
    simulation.pass_seconds(90);
    let made = send().await;
    assert_eq!(made.status, 201);
    let late = slow.await;
    assert_eq!((late.status, late.replayed, &late.body), (201, true, &made.body));
    assert_eq!(keys(&simulation), 1);

    // While the request that took over is still at work, the slow one is told so.
    simulation.break_after(1, Failure::Slow);
    let again = || simulation.post_once(KEYS, "another", Some(&token), Some(&body));
    let mut slow = Box::pin(again());
    assert!((&mut slow).now_or_never().is_none());
    simulation.pass_seconds(90);
    simulation.break_after(1, Failure::Slow);
    let mut next = Box::pin(again());
    assert!((&mut next).now_or_never().is_none());
    let late = slow.await;
    assert_eq!((late.status, &late.value()["code"]), (409, &json!("idempotency_in_progress")));
    assert_eq!(next.await.status, 201);
    assert_eq!(keys(&simulation), 2);
}

#[tokio::test]
async fn an_answer_is_replayed_for_a_day() {
    let simulation = Simulation::new(&[("RATE_LIMIT_LOGIN", "1000/1")]).await;
    let token = person(&simulation).await;
    let body = api_key();
    let first = simulation.post_once(KEYS, "k", Some(&token), Some(&body)).await;
    assert_eq!((first.status, first.replayed), (201, false));
    simulation.pass_seconds(24 * HOUR - 1);
    let token = login(&simulation).await;
    let last = simulation.post_once(KEYS, "k", Some(&token), Some(&body)).await;
    assert_eq!((last.status, &last.body, last.replayed), (201, &first.body, true));
    simulation.pass_seconds(1);
    let next = simulation.post_once(KEYS, "k", Some(&token), Some(&body)).await;
    assert_eq!((next.status, next.replayed), (201, false));
    assert_ne!(next.body, first.body);
    assert_eq!(keys(&simulation), 2);
    simulation.pass_seconds(24 * HOUR);
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(simulation.count("SELECT count(*) FROM idempotent_requests"), 0);
}

#[tokio::test]
async fn what_is_kept_for_replays_tells_no_secret() {
    let simulation = Simulation::new(&[]).await;
    let token = person(&simulation).await;
    let made = simulation.post_once(KEYS, "k", Some(&token), Some(&api_key())).await;
    assert!(String::from_utf8_lossy(&made.body).contains("aib_live_"));
    let body = json!({ "email": "bob@example.com", "password": PASSWORD });
    assert_eq!(simulation.post_once("/api/v1/auth/register", "k", None, Some(&body)).await.status, 202);
    assert_eq!(simulation.count("SELECT count(*) FROM idempotent_requests WHERE typeof(answer) = 'blob'"), 2);
    for secret in ["aib_live_", "runner", "bob@"] {
        let telling = format!("SELECT count(*) FROM idempotent_requests WHERE instr(answer, CAST('{secret}' AS BLOB))");
        assert_eq!(simulation.count(&telling), 0, "{secret}");
    }
    // Trying bodies must not reveal a password: the fingerprint is no bare hash of the request.
    let bare = format!("POST /api/v1/auth/register\n{body}");
    let bare = ring::digest::digest(&ring::digest::SHA256, bare.as_bytes());
    let hex = data_encoding::HEXLOWER.encode(bare.as_ref());
    assert_eq!(simulation.count(&format!("SELECT count(*) FROM idempotent_requests WHERE fingerprint = x'{hex}'")), 0);
}

#[tokio::test]
async fn requests_are_forgotten_with_their_person() {
    let simulation = Simulation::new(&[]).await;
    let token = person(&simulation).await;
    assert_eq!(simulation.post_once(KEYS, "k", Some(&token), Some(&api_key())).await.status, 201);
    let gone = simulation.call(Method::DELETE, "/api/v1/users/me", Some(&token), Some(json!({ "password": PASSWORD })));
    assert_eq!(gone.await.0, 204);
    assert_eq!(simulation.count("SELECT count(*) FROM idempotent_requests"), 0);
}

/// Checks that claim and session check are one round trip, and a replay no more. Without an `Idempotency-Key`, the
/// batch that writes also checks the session and its person's limit.
#[tokio::test]
async fn a_key_costs_one_round_trip() {
    let simulation = Simulation::new(&[]).await;
    let token = person(&simulation).await;
    simulation.round_trips();
    post(&simulation, "/api-keys", Some(&token), api_key()).await;
    assert_eq!(simulation.round_trips(), 1);
    simulation.post_once(KEYS, "k", Some(&token), Some(&api_key())).await;
    assert_eq!(simulation.round_trips(), 2);
    simulation.post_once(KEYS, "k", Some(&token), Some(&api_key())).await;
    assert_eq!(simulation.round_trips(), 1);
}
