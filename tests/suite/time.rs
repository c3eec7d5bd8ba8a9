//! The clock that development moves.

use std::time::Duration;

use aibaas_tests::{
    Host, Key, User, cases,
    host::TICK_SECRET,
    keys::{millis, rate_limit},
};
use serde_json::json;

cases![
    KeepsMail: there_is_no_clock_unless_it_was_asked_for;
    MovesTime:
        time_goes_forward_only,
        every_instance_sees_the_time,
        time_stands_still,
        sessions_keys_and_limits_see_the_time,
];

async fn there_is_no_clock_unless_it_was_asked_for(host: Host) {
    let api = host.client();
    api.get("/dev/clock").await.problem(404, "not_found");
    api.post("/dev/clock").json(json!({ "advanceMs": 1 })).await.problem(404, "not_found");
    // Nothing about the body is said either.
    api.post("/dev/clock").body("text/plain", "1").await.problem(404, "not_found");
}

async fn time_goes_forward_only(host: Host) {
    let api = host.client();
    let before = host.now_ms().await;
    api.post("/dev/clock").json(json!({ "advanceMs": 3_600_000 })).await.expect(200);
    assert!(host.now_ms().await >= before + 3_600_000);
    host.stop_time().await;
    let stopped = host.now_ms().await;
    for wrong in [-1, 21 * 366 * 86_400_000_i64, i64::MAX] {
        let answer = api.post("/dev/clock").json(json!({ "advanceMs": wrong })).await;
        answer.refused("/advanceMs", "out_of_range");
    }
    api.post("/dev/clock").json(json!({ "advanceMs": "1" })).await.invalid("/advanceMs");
    api.post("/dev/clock").json(json!({ "to": 1 })).await.invalid("/to");
    api.post("/dev/clock").body("text/plain", "1").await.problem(415, "unsupported_media_type");
    assert_eq!(host.now_ms().await, stopped);
    host.let_time_pass().await;
    assert!(host.now_ms().await >= stopped);
}

/// An instance of the Spin component takes 128 requests at most, and the next one begins with an empty memory.
async fn every_instance_sees_the_time(host: Host) {
    host.stop_time().await;
    let moved = host.now_ms().await + 1_000;
    host.advance(Duration::from_secs(1)).await;
    let api = host.client();
    for _ in 0..300 {
        let clock = api.get("/dev/clock").await.expect(200);
        assert_eq!((millis(clock["now"].as_str().expect("a time")), &clock["stopped"]), (moved, &json!(true)));
    }
}

/// To the millisecond, in every place that decides.
async fn time_stands_still(host: Host) {
    let user = User::verified(&host).await;
    let key = Key::limited(&user, 2, 600).await;
    host.stop_time().await;
    assert_eq!(rate_limit(&key.used_by(&key.api).await, "t"), 600);
    host.advance(Duration::from_secs(100)).await;
    assert_eq!(rate_limit(&key.used_by(&key.api).await, "t"), 500);
    host.advance(Duration::from_millis(499_999)).await;
    assert_eq!(key.used_by(&key.api).await.status, 429);
    host.advance(Duration::from_millis(1)).await;
    assert_eq!(rate_limit(&key.used_by(&key.api).await, "t"), 100);
}

async fn sessions_keys_and_limits_see_the_time(host: Host) {
    let user = User::verified(&host).await;
    let key = Key::limited(&user, 2, 600).await;
    for status in [200, 200, 429] {
        assert_eq!(key.used_by(&key.api).await.status, status);
    }
    host.advance(Duration::from_secs(600)).await;
    for status in [200, 200, 429] {
        assert_eq!(key.used_by(&key.api).await.status, status);
    }
    user.assert_live().await;
    host.advance(Duration::from_secs(3600)).await;
    user.api.get("/api/v1/users/me").await.problem(401, "expired_token");
    let anew = user.login_from(&host.client()).await;
    let created = anew.api.get("/api/v1/auth/sessions").await.expect(200)["data"][0]["createdAt"].clone();
    let created = millis(created.as_str().expect("a time"));
    assert!(host.now_ms().await.abs_diff(created) < 1_800_000, "{created}");
    host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
    anew.assert_live().await;
}
