//! What registering and logging in cost does not tell whether there is an account.

use std::sync::{Arc, atomic::Ordering};

use axum::body::Body;
use futures_util::FutureExt as _;
use http::{Request, StatusCode};
use tower::ServiceExt as _;

use crate::{
    App, Config, HostDefaults,
    counting_ports::Counting,
    ports::{Rows, Value},
};

/// Sends a request to a database that answers with `rows`; returns the status, the number of hashes, and the round
/// trips.
fn cost(path: &str, body: &str, rows: Rows) -> (StatusCode, usize, Vec<Vec<&'static str>>) {
    let counting = Arc::new(Counting { rows, ..Counting::default() });
    let defaults = HostDefaults::development("http://a.example");
    let app = App::new(counting.ports(), Config::load(&|_| None, defaults).unwrap());
    let request = Request::post(path).header("host", "a.example").header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned()));
    let answer = crate::http::router(&app).oneshot(request.unwrap()).now_or_never().expect("these ports never wait");
    let round_trips = counting.round_trips.lock().unwrap().clone();
    (answer.unwrap().status(), counting.hashes.load(Ordering::Relaxed), round_trips)
}

fn account() -> Rows {
    let text = |text: &str| Value::Text(text.to_owned());
    let columns = [
        "id",
        "email",
        "password_hash",
        "full_name",
        "email_verified",
        "role",
        "status",
        "mfa_enabled",
        "created_at",
        "storage_bytes",
        "storage_quota_bytes",
        "undeliverable",
        "tell_key_expiry",
        "tell_key_limits",
        "tell_new_networks",
        "network_known",
    ];
    let values = [
        text("u"),
        text("a@b.example"),
        text("$hash"),
        Value::Null,
        Value::Integer(1),
        text("user"),
        text("active"),
        Value::Integer(0),
        Value::Integer(0),
        Value::Integer(0),
        Value::Null,
        Value::Null,
        Value::Integer(1),
        Value::Integer(1),
        Value::Integer(1),
        Value::Integer(1),
    ];
    Rows::new(columns.map(str::to_owned), vec![values.to_vec()])
}

#[test]
fn registering_costs_one_hash_and_one_batch_whatever_the_database_holds() {
    let register = |rows| cost("/api/v1/auth/register", r#"{"email":"a@b.example","password":"correct horse"}"#, rows);
    let (status, hashes, round_trips) = register(Rows::default());
    assert_eq!((status, hashes, round_trips.len()), (StatusCode::ACCEPTED, 1, 1));
    assert_eq!(register(account()), (status, hashes, round_trips));
}

#[test]
fn a_failed_login_costs_the_same_whether_or_not_there_is_an_account() {
    let login = |rows| cost("/api/v1/auth/login", r#"{"email":"a@b.example","password":"wrong horse"}"#, rows);
    let (status, hashes, round_trips) = login(Rows::default());
    assert_eq!((status, hashes, round_trips.len()), (StatusCode::UNAUTHORIZED, 1, 2));
    assert_eq!(login(account()), (status, hashes, round_trips));
}
