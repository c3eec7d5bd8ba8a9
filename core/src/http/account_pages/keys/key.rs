//! Page of one key: its settings, its use, and forms that rotate or revoke it.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    HERE, PageResult, frame,
    plot::{self, plot},
    settings::number,
    shown_once, status,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    domain::{ApiKeyId, api_key::KeyStatus},
    http::{
        account_pages::form::{body, json_body, label_of},
        api_keys::{
            revoke, rotate,
            usage::{self, Bucket, Usage},
        },
        idempotency::Idempotent,
        leaderboard::{day, grouped, minute},
        request::{OptionalJson, Path, Query},
    },
    store::api_keys::ApiKeyRecord,
};

/// Query parameters of the page.
#[derive(Deserialize)]
pub struct Parameters {
    #[serde(default)]
    bucket: Bucket,
    /// Name of what has just been done, for a notice.
    #[serde(default)]
    done: String,
}

/// Shows the key.
pub async fn page(
    State(app): State<App>,
    Path(id): Path<ApiKeyId>,
    logged_in: LoggedIn,
    Query(parameters): Query<Parameters>,
) -> PageResult {
    let asked = usage::Parameters::of(parameters.bucket);
    let (key, usage) = usage::read(&app, &logged_in.caller, id, &asked).await?;
    let is_active = key.status(app.now()) == KeyStatus::Active;
    let content = html! {
        @match parameters.done.as_str() {
            "changed" => { p class="note" role="status" { "The key is changed." } }
            "revoked" => { p class="note" role="status" { "The key is revoked: every use is refused." } }
            _ => {}
        }
        (facts(&app, &key))
        (use_of(&key, &usage))
        @if is_active { (ends(&logged_in, &key)) }
    };
    Ok(frame::page(StatusCode::OK, &key.name, Some((&logged_in, HERE)), &content))
}

fn facts(app: &App, key: &ApiKeyRecord) -> Markup {
    let window = key.rate_limit_window_seconds;
    html! {
        dl class="facts" {
            div { dt { "Begins with" } dd { code { (key.key_prefix) "…" } } }
            div { dt { "Status" } dd { (status(key.status(app.now()))) } }
            div { dt { "Scopes" } dd { (key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")) } }
            div { dt { "Limit" } dd { (grouped(key.rate_limit.into())) " in " (grouped(window.into())) " s" } }
            div { dt { "Addresses" } dd { @if key.allowed_ips.is_empty() { "any" } @else { (key.allowed_ips.join(", ")) } } }
            div { dt { "Created" } dd { (day(key.created_at)) } }
            div { dt { "Last used" } dd { (key.last_used_at.map_or_else(|| "never".to_owned(), minute)) } }
            div { dt { "Expires" } dd { (key.expires_at.map_or_else(|| "never".to_owned(), minute)) } }
            @if let Some(at) = key.revoked_at { div { dt { "Revoked" } dd { (minute(at)) } } }
        }
        @if let Some(description) = &key.description { p dir="auto" { (description) } }
        @if let Some(before) = &key.rotated_from { p { "It took over from " a href={ (HERE) "/" (before) } { "another key" } "." } }
    }
}

fn use_of(key: &ApiKeyRecord, usage: &Usage) -> Markup {
    let other = |bucket: Bucket, name: &str, text: &str| {
        let is_shown = usage.bucket == bucket;
        html! { a href={ (HERE) "/" (key.id) "?bucket=" (name) "#use" } aria-current=[is_shown.then_some("page")] { (text) } " " }
    };
    html! {
        h2 id="use" { "Use" }
        p class="versions" { (other(Bucket::Hour, "hour", "Last 24 hours")) (other(Bucket::Day, "day", "Last 30 days")) }
        dl class="facts" {
            div { dt { "Let in" } dd { (plot::counted(usage.totals.allowed)) } }
            div { dt { "Stopped by the limit" } dd { (plot::counted(usage.totals.limited)) } }
            div { dt { "Refused" } dd { (plot::counted(usage.totals.denied)) } }
        }
        (plot(usage))
    }
}

fn ends(logged_in: &LoggedIn, key: &ApiKeyRecord) -> Markup {
    html! {
        h2 { "Change" }
        p { a href={ (HERE) "/" (key.id) "/change" } { "Change name, scopes, limit or addresses" } }
        h2 { "Rotate" }
        p { "A new key with these settings takes over." }
        form class="stack" method="post" action={ (HERE) "/" (key.id) "/rotate" } {
            (logged_in.once())
            div class="field" {
                label for="overlapSeconds" { (label_of("overlapSeconds")) }
                select id="overlapSeconds" name="overlapSeconds" {
                    option value="3600" { "an hour" }
                    option value="0" { "no longer: revoke it at once" }
                    option value="86400" { "a day" }
                    option value="604800" { "a week" }
                }
            }
            button type="submit" { "Rotate" }
        }
        h2 { "Revoke" }
        p { "From the answer on every use is refused, wherever it is made. This cannot be undone." }
        form class="stack" method="post" action={ (HERE) "/" (key.id) "/revoke" } {
            (logged_in.token())
            button class="danger" type="submit" { "Revoke the key" }
        }
    }
}

/// Replaces the key by a new one, and shows that.
pub async fn rotate(State(app): State<App>, Path(id): Path<ApiKeyId>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, once } = sent;
    let members = json!({ "overlapSeconds": number(form.get("overlapSeconds")) });
    let body = Idempotent(once, OptionalJson(body(&members)?));
    let answer = rotate::handler(State(app.clone()), logged_in.caller.clone(), Path(id), body).await?;
    let content = shown_once(&app, &json_body(answer).await?);
    Ok(frame::page(StatusCode::CREATED, "Your new key", Some((&logged_in, HERE)), &content))
}

/// Revokes the key.
pub async fn revoke(State(app): State<App>, Path(id): Path<ApiKeyId>, sent: LoggedInForm) -> PageResult {
    revoke::handler(State(app), sent.logged_in.caller, Path(id.clone())).await?;
    Ok(Redirect::to(&format!("{HERE}/{id}?done=revoked")).into_response())
}
