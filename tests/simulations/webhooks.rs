//! Webhooks whose address nobody answers, changes between reading and writing, and a schedule that is cut off.

use aibaas_tests::{
    faults::{Dependency, Fault},
    fixtures::PASSWORD,
    host::TICK_SECRET,
    simulation::{Failure, Simulation},
};
use axum::http::{Method, Request};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::leaderboard::Publisher;

const PATH: &str = "/api/v1/webhooks";

/// Logs in whom [`Publisher`] registers; returns the access token.
async fn login(simulation: &Simulation, email: &str) -> String {
    let credentials = json!({ "email": email, "password": PASSWORD });
    let (status, tokens) = simulation.call(Method::POST, "/api/v1/auth/login", None, Some(credentials)).await;
    assert_eq!(status, 200, "{tokens}");
    tokens["accessToken"].as_str().expect("an access token").to_owned()
}

/// Makes a webhook, and returns the path of its own.
async fn make(simulation: &Simulation, token: &str) -> String {
    let body = json!({ "url": "https://example.org/0", "events": ["log.changed"] });
    let (status, made) = simulation.call(Method::POST, PATH, Some(token), Some(body)).await;
    assert_eq!(status, 201, "{made}");
    format!("{PATH}/{}", made["webhook"]["id"].as_str().expect("an id"))
}

/// The counters of the only webhook.
fn counters(simulation: &Simulation) -> [i64; 4] {
    ["failures", "failing_since", "held_until", "attempted_at"]
        .map(|name| simulation.count(&format!("SELECT {name} FROM webhooks")))
}

#[tokio::test]
async fn a_webhook_that_takes_nothing_is_not_forgiven_what_was_hidden() {
    let publisher = Publisher::new(2).await;
    let simulation = &publisher.simulation;
    let webhook = make(simulation, &login(simulation, "ada@example.com").await).await;
    publisher.model("m").await;
    publisher.published("m", 1, 2).await;
    let failing = counters(simulation);
    assert_eq!(failing[0], 1, "nobody answers");
    let root = login(simulation, "root@example.com").await;
    let reason = Some(json!({ "reason": "spam" }));
    let hidden = simulation.call(Method::POST, "/api/v1/admin/models/p/m/hide", Some(&root), reason).await;
    assert_eq!(hidden.0, 200, "{}", hidden.1);
    simulation.pass_seconds(60);
    aibaas_core::tick(&simulation.app).await;
    simulation.complete_background().await;
    assert_eq!(counters(simulation), failing, "nobody was called");
    let token = login(simulation, "ada@example.com").await;
    let path = format!("{webhook}/deliveries");
    let (_, told) = simulation.call(Method::GET, &path, Some(&token), None).await;
    assert_eq!((&told["data"][0]["status"], &told["data"][0]["answerStatus"]), (&json!("delivered"), &Value::Null));
    // Of the moderation it is told, and takes that no more than the publication.
    simulation.pass_seconds(60);
    aibaas_core::tick(&simulation.app).await;
    let [failures, since, ..] = counters(simulation);
    assert_eq!([failures, since], [2, failing[1]]);
}

#[tokio::test]
async fn a_webhook_is_rotated_as_it_is_when_its_secret_is_written() {
    let publisher = Publisher::new(1).await;
    let simulation = &publisher.simulation;
    let token = login(simulation, "ada@example.com").await;
    let webhook = make(simulation, &token).await;
    let path = format!("{webhook}/rotate");
    let mut overtaken = 0;
    for calls in 0..10 {
        let key = format!("r{calls}");
        let rotate = || simulation.post_once(&path, &key, Some(&token), None);
        simulation.break_after(calls, Failure::Slow);
        let mut slow = Box::pin(rotate());
        let early = (&mut slow).now_or_never();
        simulation.heal();
        if early.is_some() {
            break;
        }
        let url = format!("https://example.org/{calls}-changed");
        let change = json!({ "url": url, "description": key });
        let (status, changed) = simulation.call(Method::PATCH, &webhook, Some(&token), Some(change)).await;
        assert_eq!((status, &changed["url"]), (200, &json!(url)));
        let rotated = slow.await;
        assert_eq!(rotated.status, 200, "at call {calls}: {}", rotated.value());
        let (_, shown) = simulation.call(Method::GET, &webhook, Some(&token), None).await;
        assert_eq!(rotated.value()["webhook"], shown, "at call {calls}");
        let again = rotate().await;
        assert_eq!((again.replayed, again.body), (true, rotated.body), "at call {calls}");
        overtaken += 1;
    }
    assert!(overtaken >= 3, "it claims, reads and writes: {overtaken}");
    let rotations = "SELECT count(*) FROM audit_events WHERE event = 'webhook_secret_rotated'";
    assert_eq!(simulation.count(rotations), overtaken + 1);
}

#[tokio::test]
async fn a_tick_that_is_cut_off_has_webhooks_called() {
    let variables = [("TICK_SECRET", TICK_SECRET), ("ADMIN_EMAILS", "root@example.com")];
    let publisher = Publisher::on(Simulation::new(&variables).await, 1).await;
    let simulation = &publisher.simulation;
    let token = login(simulation, "ada@example.com").await;
    let webhook = make(simulation, &token).await;
    let attempts = || simulation.count("SELECT coalesce(sum(attempts), 0) FROM webhook_deliveries");
    let test = Request::post(format!("{webhook}/test"));
    assert_eq!(simulation.answer(test, Some(&token), None).await.status(), 202);
    simulation.die();
    assert_eq!(attempts(), 0);
    // Notices ask twice; then the database hangs.
    simulation.faults.set_after(2, u32::MAX, Dependency::Database, Fault::Hangs);
    let tick = simulation.answer(Request::post("/internal/tick"), Some(TICK_SECRET), None);
    let (answer, ms) = simulation.timed(tick);
    assert_eq!((answer.status().as_u16(), ms), (503, 25_000), "its deadline has dropped it");
    simulation.faults.heal();
    simulation.complete_background().await;
    assert_eq!(attempts(), 1);
}
