//! `/account/webhooks`: webhooks of the person who is logged in.

mod create;
mod list;
mod webhook;

use axum::{
    Router,
    routing::{get, post},
};
use maud::{Markup, html};
use serde_json::Value;

use super::{PageResult, frame, visit};
use crate::{app::App, domain::webhook::WebhookStatus, store::webhooks::Webhook};

/// Path of the list of webhooks.
pub const HERE: &str = "/account/webhooks";

pub fn routes() -> Router<App> {
    Router::new()
        .route("/webhooks", get(list::page))
        .route("/webhooks/new", get(create::page).post(create::submit))
        .route("/webhooks/{id}", get(webhook::page))
        .route("/webhooks/{id}/test", post(webhook::test))
        .route("/webhooks/{id}/status", post(webhook::set_status))
        .route("/webhooks/{id}/rotate", post(webhook::rotate))
        .route("/webhooks/{id}/delete", post(webhook::delete))
        .route("/webhooks/{id}/deliveries/{deliveryId}/replay", post(webhook::replay))
}

/// Renders a secret that is shown this once.
fn shown_once(answer: &Value) -> Markup {
    let secret = answer.get("secret").and_then(Value::as_str).unwrap_or_default();
    let id = answer.pointer("/webhook/id").and_then(Value::as_str).unwrap_or_default();
    html! {
        p { "Copy it now: it is shown this once. Your program verifies with it that a request is ours." }
        p class="secret" { (secret) }
        p { a href="/docs/guides/webhooks#verify-a-request" { "How to verify a request" } }
        p { a href={ (HERE) "/" (id) } { "Go to the webhook" } }
    }
}

/// Renders the status, flagged unless it is `enabled`.
fn status(webhook: &Webhook) -> Markup {
    html! {
        @if webhook.status == WebhookStatus::Enabled { (webhook.status.as_str()) } @else { span class="flag" { (webhook.status.as_str()) } }
    }
}

fn events(webhook: &Webhook) -> String {
    webhook.events.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(", ")
}
