//! Shared steps of the simulations of accounts, such as registering and logging in.

use aibaas_tests::{fixtures::PASSWORD, simulation::Simulation};
use axum::http::Method;
use serde_json::{Value, json};

pub const HOUR: i64 = 3600;
pub const DAY: i64 = 24 * HOUR;
pub const ADA: &str = "ada@example.com";
pub const HOME: [u8; 4] = [192, 0, 2, 1];

pub async fn post(simulation: &Simulation, path: &str, token: Option<&str>, body: Value) -> (u16, Value) {
    simulation.call(Method::POST, &format!("/api/v1{path}"), token, Some(body)).await
}

pub async fn register(simulation: &Simulation, email: &str) {
    let body = json!({ "email": email, "password": PASSWORD });
    assert_eq!(post(simulation, "/auth/register", None, body).await.0, 202);
}

pub async fn verified(simulation: &Simulation, email: &str) {
    register(simulation, email).await;
    let token = simulation.mailed_token(email, "Verify your e-mail address").await;
    assert_eq!(post(simulation, "/auth/verify-email", None, json!({ "token": token })).await.0, 200);
}

pub async fn login(simulation: &Simulation, email: &str) -> Value {
    let (status, tokens) = post(simulation, "/auth/login", None, json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

pub async fn person(simulation: &Simulation) -> Value {
    verified(simulation, ADA).await;
    login(simulation, ADA).await
}

pub async fn refresh(simulation: &Simulation, tokens: &Value) -> (u16, Value) {
    post(simulation, "/auth/refresh", None, json!({ "refreshToken": tokens["refreshToken"] })).await
}

pub async fn me(simulation: &Simulation, tokens: &Value) -> (u16, Value) {
    simulation.call(Method::GET, "/api/v1/users/me", tokens["accessToken"].as_str(), None).await
}

pub async fn login_status(simulation: &Simulation, email: &str, password: &str) -> u16 {
    post(simulation, "/auth/login", None, json!({ "email": email, "password": password })).await.0
}

pub async fn admin(simulation: &Simulation) -> Value {
    verified(simulation, "root@example.com").await;
    login(simulation, "root@example.com").await
}

pub async fn wrong_login(simulation: &Simulation) -> (u16, Option<u64>) {
    let body = json!({ "email": ADA, "password": "not the password" });
    let (status, retry_after, _) = simulation.call_whole(Method::POST, "/api/v1/auth/login", None, Some(body)).await;
    (status, retry_after)
}
