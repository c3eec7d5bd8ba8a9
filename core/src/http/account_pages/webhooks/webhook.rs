//! Page of one webhook: its settings, its deliveries, and forms that change or delete it.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Redirect},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    HERE, PageResult, events, frame, shown_once, status,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    domain::{
        WebhookDeliveryId, WebhookId,
        webhook::{WebhookDeliveryStatus, WebhookStatus},
    },
    http::{
        account_pages::form::{body, json_body},
        leaderboard::minute,
        page::{NewestFirst, take_rows},
        problem::ApiError,
        request::{Json, Path, Query},
        webhooks::{change, delete, deliveries, rotate},
    },
    store::webhooks::{self, Delivery, Webhook},
};

/// Number of deliveries on a page.
const ROWS: u32 = 50;

/// Query parameters of the page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    cursor: Option<String>,
}

/// Shows the webhook and its deliveries.
pub async fn page(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<WebhookId>,
    logged_in: LoggedIn,
    Query(query): Query<Parameters>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), query.cursor.as_deref())?;
    let mut batch = logged_in.caller.batch();
    let user_id = batch.user_id();
    let webhook = batch.push(webhooks::find(&id, user_id, app.now()));
    let list = batch.push(webhooks::deliveries(&id, user_id, &asked.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    let webhook = answers.take(webhook)?.ok_or_else(|| ApiError::not_found("webhook"))?;
    let (list, next) = take_rows(answers.take(list)?, ROWS, |one| (one.created_at.0, one.id.to_string()));
    let content = html! {
        (facts(&webhook))
        (actions(&logged_in, &webhook))
        h2 { "Deliveries" }
        @if list.is_empty() { p class="none" { "There is none yet." } }
        ul class="cards" { @for delivery in &list { (item(&logged_in, &webhook, delivery)) } }
        @if let Some(next) = next { p { a rel="next" href={ (HERE) "/" (id) "?cursor=" (next) } { "Older deliveries" } } }
        h2 { "Replace the secret" }
        p { "For 24 hours requests are signed with the secret before, too." }
        form class="stack" method="post" action={ (HERE) "/" (id) "/rotate" } {
            (logged_in.once())
            button type="submit" { "Make a new secret" }
        }
        h2 { "Delete" }
        p { "With everything that waits for it. This cannot be undone." }
        form class="stack" method="post" action={ (HERE) "/" (id) "/delete" } {
            (logged_in.token())
            button class="danger" type="submit" { "Delete the webhook" }
        }
    };
    Ok(frame::page(StatusCode::OK, webhook.url.host(), Some((&logged_in, HERE)), &content))
}

fn facts(webhook: &Webhook) -> Markup {
    html! {
        dl class="facts" {
            div { dt { "Address" } dd { code { (webhook.url.expose()) } } }
            div { dt { "Status" } dd { (status(webhook)) } }
            div { dt { "Events" } dd { (events(webhook)) } }
            div { dt { "Created" } dd { (minute(webhook.created_at)) } }
            @if let Some(since) = webhook.failing_since { div { dt { "Failing since" } dd { (minute(since)) } } }
            @if let Some(until) = webhook.previous_until { div { dt { "The secret before signs until" } dd { (minute(until)) } } }
        }
        @if let Some(description) = &webhook.description { p dir="auto" { (description) } }
        @if let (Some(reason), Some(at)) = (webhook.disabled_reason, webhook.disabled_at) {
            p class="note" { "Disabled since " (minute(at)) ": " (reason.as_str()) "." }
        }
    }
}

fn actions(logged_in: &LoggedIn, webhook: &Webhook) -> Markup {
    let is_enabled = webhook.status == WebhookStatus::Enabled;
    html! {
        @if is_enabled {
            form class="stack" method="post" action={ (HERE) "/" (webhook.id) "/test" } {
                (logged_in.token())
                button type="submit" { "Send a test" }
            }
        }
        form class="stack" method="post" action={ (HERE) "/" (webhook.id) "/status" } {
            (logged_in.token())
            input type="hidden" name="status" value=(if is_enabled { "disabled" } else { "enabled" });
            button type="submit" { @if is_enabled { "Disable it" } @else { "Enable it" } }
        }
    }
}

fn item(logged_in: &LoggedIn, webhook: &Webhook, delivery: &Delivery) -> Markup {
    let status = delivery.status();
    html! {
        li {
            div class="row" {
                strong { (delivery.event.as_str()) }
                @if status == WebhookDeliveryStatus::Delivered { (status.as_str()) } @else { span class="flag" { (status.as_str()) } }
                @if let Some(answer) = delivery.answer { span { "answered " (answer) } }
            }
            small {
                (minute(delivery.created_at)) " · " @if delivery.attempts == 1 { "1 attempt" } @else { (delivery.attempts) " attempts" }
                @if let Some(failure) = delivery.failure { " · " (failure.as_str()) }
                @if let Some(at) = delivery.next_attempt_at { " · again " (minute(at)) }
            }
            @if webhook.status == WebhookStatus::Enabled {
                form method="post" action={ (HERE) "/" (webhook.id) "/deliveries/" (delivery.id) "/replay" } {
                    (logged_in.token())
                    button class="plain" type="submit" aria-label={ "Send " (delivery.event.as_str()) " of " (minute(delivery.created_at)) " again" } { "Send again" }
                }
            }
        }
    }
}

fn back(id: &WebhookId) -> axum::response::Response {
    Redirect::to(&format!("{HERE}/{id}")).into_response()
}

/// Sends a test to the webhook.
pub async fn test(State(app): State<App>, Path(id): Path<WebhookId>, sent: LoggedInForm) -> PageResult {
    drop(deliveries::test(State(app), sent.logged_in.caller, Path(id.clone())).await?);
    Ok(back(&id))
}

/// Enables or disables the webhook.
pub async fn set_status(State(app): State<App>, Path(id): Path<WebhookId>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let members = json!({ "status": form.get("status") });
    drop(change::handler(State(app), logged_in.caller, Path(id.clone()), Json(body(&members)?)).await?);
    Ok(back(&id))
}

/// Creates a new secret, and shows it.
pub async fn rotate(State(app): State<App>, Path(id): Path<WebhookId>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, once, .. } = sent;
    let answer = rotate::handler(State(app), logged_in.caller.clone(), Path(id), once).await?;
    let content = shown_once(&json_body(answer).await?);
    Ok(frame::page(StatusCode::OK, "The new secret of your webhook", Some((&logged_in, HERE)), &content))
}

/// Sends a delivery again.
pub async fn replay(
    State(app): State<App>,
    Path((id, delivery_id)): Path<(WebhookId, WebhookDeliveryId)>,
    sent: LoggedInForm,
) -> PageResult {
    drop(deliveries::replay(State(app), sent.logged_in.caller, Path((id.clone(), delivery_id))).await?);
    Ok(back(&id))
}

/// Deletes the webhook.
pub async fn delete(State(app): State<App>, Path(id): Path<WebhookId>, sent: LoggedInForm) -> PageResult {
    delete::handler(State(app), sent.logged_in.caller, Path(id)).await?;
    Ok(Redirect::to(HERE).into_response())
}
