//! Whose turn it is to be called, and what is left of what was not taken: the statements of the queue, with numbers as D1 binds
//! them.

use aibaas_core::store::migrations::{CREATE_LOG, MIGRATIONS, Migration};
use rusqlite::{Connection, ToSql, params_from_iter};
use serde_json::{Value, json};

/// A database with people, each with some webhooks that follow the log up to line 7.
struct Queue(Connection);

impl Queue {
    fn new(people: &[(&str, u32)]) -> Self {
        let database = Connection::open_in_memory().expect("a database in memory");
        database.execute_batch(CREATE_LOG).expect("the log of migrations");
        for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
            database.execute_batch(statement).expect("a migration");
        }
        for (person, webhooks) in people {
            let user =
                "INSERT INTO users (id, email, created_at, updated_at, password_changed_at) VALUES (?1, ?1, 1, 1, 1)";
            database.execute(user, [person]).expect("a person");
            for number in 1..=*webhooks {
                let webhook = "INSERT INTO webhooks (id, user_id, url, events, secret, created_at, follows_log, log_seq, log_act) \
                               VALUES (?1, ?2, 'https://example.org/', '[]', x'00', 1, 1, 7, 0)";
                database.execute(webhook, [&format!("{person}{number}"), *person]).expect("a webhook");
            }
        }
        Self(database)
    }

    /// Has something wait for a webhook since then.
    fn waits(&self, webhook: &str, id: &str, since: i64) {
        let delivery = "INSERT INTO webhook_deliveries (webhook_id, id, event, data, created_at, next_attempt_at) \
                        VALUES (?1, ?2, 'webhook.test', '{}', ?3, ?3)";
        self.0.execute(delivery, (webhook, id, since)).expect("a delivery");
        let due = "UPDATE webhooks SET due_at = min(coalesce(due_at, ?2), ?2) WHERE id = ?1";
        self.0.execute(due, (webhook, since)).expect("it is due");
    }

    /// Runs a statement of the store. Returns what came back of each row first.
    fn run(&self, name: &str, parameters: &[&dyn ToSql]) -> Vec<String> {
        let path = format!("{}/../core/src/store/sql/webhooks/{name}.sql", env!("CARGO_MANIFEST_DIR"));
        let sql = std::fs::read_to_string(path).expect("a statement");
        let mut statement = self.0.prepare(&sql).unwrap_or_else(|error| panic!("{name}: {error}"));
        let rows = statement.query_map(params_from_iter(parameters), |row| row.get::<_, rusqlite::types::Value>(0));
        rows.expect("it runs").map(|first| format!("{:?}", first.expect("a row"))).collect()
    }

    /// Begins a round. Returns which webhooks are called.
    fn round(&self, now: f64) -> Vec<String> {
        let until = now + 60_000.0;
        self.run("lease", &[&now, &4.0, &"lease", &until]);
        self.run("begin", &[&"lease", &now, &until]);
        self.run("release", &[&"lease", &now, &until]);
        let mut called = self.texts("SELECT id FROM webhooks WHERE lease = 'lease'");
        called.sort();
        called
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.0.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| row.get(0)).expect("it runs");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// Notes what came of the deliveries that were begun.
    fn note(&self, now: f64, came_of: &Value) {
        self.note_outcomes(now, &self.outcomes(came_of));
    }

    /// The outcomes of the deliveries that were begun, where this came of each.
    fn outcomes(&self, came_of: &Value) -> String {
        let begun = "SELECT json_object('webhookId', webhook_id, 'id', d.id, 'attempts', attempts) \
                     FROM webhooks AS w JOIN webhook_deliveries AS d ON d.webhook_id = w.id \
                     WHERE w.lease = 'lease' AND d.next_attempt_at = w.lease_until";
        let outcome = |begun: String| {
            let mut outcome = serde_json::from_str::<Value>(&begun).expect("an object");
            let more = json!({
                "isEmpty": 0, "isGone": 0, "mail": "webhook_disabled", "payload": "00", "mailId": outcome["id"],
            });
            for (name, value) in more.as_object().into_iter().chain(came_of.as_object()).flatten() {
                outcome[name] = value.clone();
            }
            outcome
        };
        self.texts(begun).into_iter().map(outcome).collect::<Value>().to_string()
    }

    fn note_outcomes(&self, now: f64, outcomes: &str) {
        self.run("note_deliveries", &[&outcomes, &now, &"lease"]);
        self.run("note_webhooks", &[&outcomes, &now, &"lease", &432_000_000.0]);
        self.run("queue_mails", &[&outcomes, &now, &5.0]);
    }

    /// Changes a webhook as its person does.
    fn change(&self, webhook: &str, url: Option<&str>, is_enabled: f64, now: f64) -> usize {
        let nothing = rusqlite::types::Null;
        self.run("make_due", &[&webhook, &"a", &now, &url, &is_enabled]);
        self.run("change", &[&webhook, &"a", &url, &0.0, &nothing, &nothing, &nothing, &now]).len()
    }
}

#[test]
fn who_has_much_to_be_told_holds_up_nobody() {
    let queue = Queue::new(&[("a", 4), ("b", 1), ("c", 1), ("d", 1)]);
    for webhook in 1..=4 {
        (0..50).for_each(|number| queue.waits(&format!("a{webhook}"), &format!("{number:02}"), 1_000 + number));
    }
    ["b1", "c1", "d1"].iter().for_each(|webhook| queue.waits(webhook, "x", 5_000));
    let taken = json!({ "isTaken": 1, "retryAt": null });
    assert_eq!(queue.round(10_000.0), ["a1", "a2", "b1", "c1"], "two of a person, and then the others");
    queue.note(20_000.0, &taken);
    assert_eq!(queue.round(20_001.0), ["a3", "a4", "d1"]);
    queue.note(30_000.0, &taken);
    // What comes now is told before the rest of what they have waited for.
    ["b1", "c1"].iter().for_each(|webhook| queue.waits(webhook, "y", 19_000));
    assert_eq!(queue.round(30_001.0), ["a1", "a2", "b1", "c1"]);
    queue.note(40_000.0, &taken);
    ["b1", "d1"].iter().for_each(|webhook| queue.waits(webhook, "z", 29_000));
    assert_eq!(queue.round(40_001.0), ["a3", "a4", "b1", "d1"]);
}

#[test]
fn a_backlog_goes_to_the_end_of_the_queue() {
    let queue = Queue::new(&[("a", 1), ("b", 1)]);
    (0..50).for_each(|number| queue.waits("a1", &format!("{number:02}"), 1_000));
    assert_eq!(queue.round(10_000.0), ["a1"]);
    queue.waits("b1", "x", 15_000);
    queue.note(20_000.0, &json!({ "isTaken": 1, "retryAt": null }));
    assert_eq!(queue.texts("SELECT id FROM webhooks ORDER BY due_at"), ["b1", "a1"]);
}

#[test]
fn what_is_given_up_of_the_log_is_told_later() {
    let queue = Queue::new(&[("a", 1)]);
    let place = || queue.texts("SELECT log_seq || '/' || log_act || '/' || log_waits FROM webhooks");
    let tell = |id: &str, to: f64, now: f64| {
        let ids = json!([id]).to_string();
        queue.run("queue_log", &[&ids, &to, &2.0, &now]);
        queue.run("follow_log", &[&ids, &to, &2.0, &now]);
        queue.round(now)
    };
    assert_eq!(tell("x", 9.0, 10_000.0), ["a1"]);
    assert_eq!(place(), ["9/2/1"]);
    queue.note(10_001.0, &json!({ "isTaken": 0, "retryAt": 20_000 }));
    assert_eq!(place(), ["9/2/1"], "it is sent again");
    assert_eq!(queue.round(20_000.0), ["a1"]);
    queue.note(20_001.0, &json!({ "isTaken": 0, "retryAt": null }));
    assert_eq!(place(), ["7/0/0"]);
    assert_eq!(tell("y", 12.0, 90_000.0), ["a1"]);
    let told = "SELECT from_seq || '/' || from_act || '/' || to_seq FROM webhook_deliveries WHERE id = 'y'";
    assert_eq!(queue.texts(told), ["7/0/12"], "with what came since");
    queue.note(90_001.0, &json!({ "isTaken": 0, "isGone": 1, "retryAt": null }));
    assert_eq!(place(), ["7/0/0"]);
    // Its owner enables it, and has the first sent again: its lines are not told once more.
    queue.run("enable", &[&"a1", &"a", &100_000.0]);
    queue.run("replay", &[&"a1", &"x", &"a", &100_000.0]);
    queue.run("wake_one", &[&"a1", &"a", &100_000.0]);
    assert_eq!(queue.round(100_000.0), ["a1"]);
    queue.note(100_001.0, &json!({ "isTaken": 1, "retryAt": null }));
    assert_eq!(place(), ["9/2/0"]);
}

#[test]
fn what_waits_of_the_log_outlives_what_expires() {
    let queue = Queue::new(&[("a", 1)]);
    let ids = json!(["x"]).to_string();
    queue.run("queue_log", &[&ids, &9.0, &2.0, &10_000.0]);
    queue.run("follow_log", &[&ids, &9.0, &2.0, &10_000.0]);
    queue.waits("a1", "test", 10_000);
    queue.run("disable", &[&"a1", &"a", &10_001.0]);
    let later = 31.0 * 86_400_000.0;
    assert_eq!(queue.run("expire", &[&later, &1000.0]).len(), 1);
    assert_eq!(queue.texts("SELECT id FROM webhook_deliveries"), ["x"], "its webhook's place is behind it");
    queue.run("enable", &[&"a1", &"a", &later]);
    assert_eq!(queue.round(later), ["a1"]);
    queue.note(later, &json!({ "isTaken": 1, "retryAt": null }));
    assert_eq!(queue.run("expire", &[&later, &1000.0]).len(), 1, "it was taken");
}

#[test]
fn webhooks_of_the_suspended_are_not_overdue() {
    let queue = Queue::new(&[("a", 1), ("b", 1)]);
    queue.waits("a1", "x", 1_000);
    queue.waits("b1", "x", 5_000);
    assert_eq!(queue.run("state", &[&10.0]), ["Integer(2)"]);
    queue.0.execute("UPDATE users SET status = 'suspended' WHERE id = 'a'", []).expect("a person");
    assert_eq!(queue.run("state", &[&10.0]), ["Integer(1)"]);
    assert_eq!(queue.round(10_000.0), ["b1"]);
}

#[test]
fn another_address_and_a_second_start_are_called_at_once() {
    let queue = Queue::new(&[("a", 2), ("b", 1)]);
    for webhook in ["a1", "a2", "b1"] {
        queue.waits(webhook, "x", 10_000);
    }
    assert_eq!(queue.round(10_000.0), ["a1", "a2", "b1"]);
    queue.note(10_001.0, &json!({ "isTaken": 0, "retryAt": 50_000_000 }));
    let change = |webhook: &str, url, is_enabled| queue.change(webhook, url, is_enabled, 20_000.0);
    // The same address, one that is enabled already, and a stranger's.
    assert_eq!(change("a1", Some("https://example.org/"), 1.0), 1);
    assert_eq!(change("b1", Some("https://example.net/"), 1.0), 0);
    assert_eq!(queue.round(20_000.0), [""; 0]);
    change("a1", Some("https://example.net/"), 0.0);
    queue.run("disable", &[&"a2", &"a", &15_000.0]);
    change("a2", None, 1.0);
    queue.run("enable", &[&"a2", &"a", &20_000.0]);
    assert_eq!(queue.round(20_000.0), ["a1", "a2"]);
}

#[test]
fn what_the_address_before_answers_does_not_count() {
    let gone = json!({ "isTaken": 0, "isGone": 1, "answer": 410, "failure": "status", "retryAt": null });
    let failed = json!({ "isTaken": 0, "answer": 500, "failure": "status", "retryAt": 50_000 });
    let taken = json!({ "isTaken": 1, "answer": 200, "retryAt": null });
    for outcome in [&gone, &failed, &taken] {
        let queue = Queue::new(&[("a", 1)]);
        queue.waits("a1", "x", 10_000);
        assert_eq!(queue.round(10_000.0), ["a1"]);
        let outcomes = queue.outcomes(outcome);
        assert_eq!(queue.change("a1", Some("https://example.net/"), 0.0, 11_000.0), 1);
        queue.note_outcomes(12_000.0, &outcomes);
        let shown = "SELECT status || '/' || failures || '/' || held_until || '/' || due_at FROM webhooks";
        assert_eq!(queue.texts(shown), ["enabled/0/0/10000"], "{outcome}");
        let waits = "SELECT next_attempt_at || '/' || coalesce(answer, '') FROM webhook_deliveries";
        assert_eq!(queue.texts(waits), ["11000/"], "{outcome}");
        assert_eq!(queue.round(12_000.0), ["a1"], "{outcome}: the new address is called at once");
        // The answer comes while another instance calls the new address.
        queue.0.execute("UPDATE webhooks SET lease = 'other'", []).expect("a lease");
        queue.note_outcomes(13_000.0, &outcomes);
        let called = "SELECT lease || '/' || failures || '/' || next_attempt_at \
                      FROM webhooks JOIN webhook_deliveries ON webhook_id = webhooks.id";
        assert_eq!(queue.texts(called), ["other/0/72000"], "{outcome}");
        assert_eq!(queue.texts("SELECT id FROM outbox"), [""; 0], "{outcome}");
    }
}

#[test]
fn nothing_to_send_is_no_sign_of_life() {
    let queue = Queue::new(&[("a", 1)]);
    let counters = || {
        let counters =
            "SELECT failures || '/' || failing_since || '/' || held_until || '/' || attempted_at FROM webhooks";
        queue.texts(counters)
    };
    let ids = json!(["x"]).to_string();
    queue.run("queue_log", &[&ids, &9.0, &2.0, &10_000.0]);
    queue.run("follow_log", &[&ids, &9.0, &2.0, &10_000.0]);
    assert_eq!(queue.round(10_000.0), ["a1"]);
    queue.note(10_001.0, &json!({ "isTaken": 0, "failure": "no_answer", "retryAt": 15_001 }));
    assert_eq!(counters(), ["1/10001/15001/10001"]);
    assert_eq!(queue.round(20_000.0), ["a1"]);
    queue.waits("a1", "y", 19_000);
    queue.note(20_001.0, &json!({ "isTaken": 0, "isEmpty": 1, "retryAt": null }));
    assert_eq!(counters(), ["1/10001/15001/10001"], "nobody was called");
    let ended = "SELECT delivered_at || '/' || coalesce(next_attempt_at, '') || '/' || coalesce(failure, '') \
                 FROM webhook_deliveries WHERE id = 'x'";
    assert_eq!(queue.texts(ended), ["20001//"]);
    let place = "SELECT status || '/' || log_seq || '/' || log_act || '/' || log_waits || '/' || due_at FROM webhooks";
    assert_eq!(queue.texts(place), ["enabled/9/2/0/20001"], "the log goes on behind it, and what else waits is sent");
    // What it is sent next, it does not take either.
    assert_eq!(queue.round(20_001.0), ["a1"]);
    queue.note(20_002.0, &json!({ "isTaken": 0, "failure": "no_answer", "retryAt": 432_000_000 }));
    assert_eq!(counters(), ["2/10001/30002/20002"]);
}

#[test]
fn an_hour_has_so_many_deliveries() {
    let queue = Queue::new(&[("a", 1)]);
    let test = |id: &str, now: f64| queue.run("queue_test", &[&id, &"a1", &"a", &now, &3.0]).len();
    let hour = 3_600_000.0;
    for (id, now) in [("1", hour), ("2", hour + 1.0), ("3", hour + 2.0)] {
        assert_eq!(test(id, now), 1);
        queue.0.execute("UPDATE webhook_deliveries SET next_attempt_at = NULL, delivered_at = 1", []).expect("taken");
    }
    assert_eq!(test("4", 2.0 * hour - 1.0), 0, "though none waits");
    assert_eq!(test("5", 2.0 * hour), 1);
    assert_eq!(test("6", 2.0 * hour), 0);
}

#[test]
fn mails_about_disabled_webhooks_are_few() {
    let queue = Queue::new(&[("a", 10), ("b", 1)]);
    let gone = json!({ "isTaken": 0, "isGone": 1, "retryAt": null });
    for round in 0..8_u32 {
        let now = 10_000.0 + f64::from(round);
        (1..=10).for_each(|webhook| queue.waits(&format!("a{webhook}"), &format!("{webhook}-{round}"), 9_000));
        queue.round(now);
        queue.note(now, &gone);
        queue
            .0
            .execute("UPDATE webhooks SET status = 'enabled', disabled_reason = NULL, disabled_at = NULL", [])
            .unwrap();
    }
    queue.waits("b1", "b", 9_000);
    queue.round(20_000.0);
    queue.note(20_000.0, &gone);
    let count = |person: &str| queue.texts(&format!("SELECT id FROM outbox WHERE user_id = '{person}'")).len();
    assert_eq!((count("a"), count("b")), (5, 1));
    queue.waits("a1", "next day", 20_000);
    queue.round(86_500_000.0);
    queue.note(86_500_000.0, &gone);
    assert_eq!(count("a"), 7, "of the two webhooks that were called");
}
