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
    visit::{Signed, SignedForm},
};
use crate::{
    app::App,
    domain::{
        WebhookDeliveryId, WebhookId,
        webhook::{WebhookDeliveryStatus, WebhookStatus},
    },
    http::{
        account_pages::form::{body, told_by},
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
    signed: Signed,
    Query(query): Query<Parameters>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), query.cursor.as_deref())?;
    let mut batch = signed.caller.batch();
    let user_id = batch.user_id();
    let webhook = batch.push(webhooks::find(&id, user_id, app.now()));
    let list = batch.push(webhooks::deliveries(&id, user_id, &asked.rows()));
    let (_, mut answers) = batch.read(&app).await?;
    let webhook = answers.take(webhook)?.ok_or_else(|| ApiError::not_found("webhook"))?;
    let (list, next) = take_rows(answers.take(list)?, ROWS, |one| (one.created_at.0, one.id.to_string()));
    let content = html! {
        (facts(&webhook))
        (acts(&signed, &webhook))
        h2 { "Deliveries" }
        @if list.is_empty() { p class="none" { "There is none yet." } }
        ul class="cards" { @for delivery in &list { (item(&signed, &webhook, delivery)) } }
        @if let Some(next) = next { p { a rel="next" href={ (HERE) "/" (id) "?cursor=" (next) } { "Older deliveries" } } }
        h2 { "Replace the secret" }
        p { "For 24 hours requests are signed with the secret before, too." }
        form class="stack" method="post" action={ (HERE) "/" (id) "/rotate" } {
            (signed.once())
            button type="submit" { "Make a new secret" }
        }
        h2 { "Delete" }
        p { "With everything that waits for it. This cannot be undone." }
        form class="stack" method="post" action={ (HERE) "/" (id) "/delete" } {
            (signed.token())
            button class="danger" type="submit" { "Delete the webhook" }
        }
    };
    Ok(frame::page(StatusCode::OK, webhook.url.host(), Some((&signed, HERE)), &content))
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

fn acts(signed: &Signed, webhook: &Webhook) -> Markup {
    let is_enabled = webhook.status == WebhookStatus::Enabled;
    html! {
        @if is_enabled {
            form class="stack" method="post" action={ (HERE) "/" (webhook.id) "/test" } {
                (signed.token())
                button type="submit" { "Send a test" }
            }
        }
        form class="stack" method="post" action={ (HERE) "/" (webhook.id) "/status" } {
            (signed.token())
            input type="hidden" name="status" value=(if is_enabled { "disabled" } else { "enabled" });
            button type="submit" { @if is_enabled { "Disable it" } @else { "Enable it" } }
        }
    }
}

fn item(signed: &Signed, webhook: &Webhook, delivery: &Delivery) -> Markup {
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
                    (signed.token())
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
pub async fn test(State(app): State<App>, Path(id): Path<WebhookId>, sent: SignedForm) -> PageResult {
    drop(deliveries::test(State(app), sent.signed.caller, Path(id.clone())).await?);
    Ok(back(&id))
}

/// Enables or disables the webhook.
pub async fn set_status(State(app): State<App>, Path(id): Path<WebhookId>, sent: SignedForm) -> PageResult {
    let SignedForm { signed, form, .. } = sent;
    let members = json!({ "status": form.get("status") });
    drop(change::handler(State(app), signed.caller, Path(id.clone()), Json(body(&members)?)).await?);
    Ok(back(&id))
}

/// Creates a new secret, and shows it.
pub async fn rotate(State(app): State<App>, Path(id): Path<WebhookId>, sent: SignedForm) -> PageResult {
    let SignedForm { signed, once, .. } = sent;
    let answer = rotate::handler(State(app), signed.caller.clone(), Path(id), once).await?;
    let content = shown_once(&told_by(answer).await?);
    Ok(frame::page(StatusCode::OK, "The new secret of your webhook", Some((&signed, HERE)), &content))
}

/// Sends a delivery again.
pub async fn replay(
    State(app): State<App>,
    Path((id, delivery_id)): Path<(WebhookId, WebhookDeliveryId)>,
    sent: SignedForm,
) -> PageResult {
    drop(deliveries::replay(State(app), sent.signed.caller, Path((id.clone(), delivery_id))).await?);
    Ok(back(&id))
}

/// Deletes the webhook.
pub async fn delete(State(app): State<App>, Path(id): Path<WebhookId>, sent: SignedForm) -> PageResult {
    delete::handler(State(app), sent.signed.caller, Path(id)).await?;
    Ok(Redirect::to(HERE).into_response())
}
