//! Page of the host's health.

use axum::extract::State;
use maud::{Markup, html};

use super::{
    PageResult,
    addresses::{HEALTH, OUTBOX},
    frame,
    visit::Visitor,
};
use crate::{
    app::App,
    domain::Timestamp,
    http::{
        admin::health::{self as api, HostHealth},
        leaderboard::{grouped, minute},
    },
    store::outbox::MOST_COUNTED,
};

/// Shows the health of the host.
pub async fn page(State(app): State<App>, visitor: Visitor) -> PageResult {
    let health = api::read(&app, &visitor.admin).await?;
    let content = html! {
        (shown(&health))
        @if !health.database_in_place { p class="mistakes" role="alert" { "The database's file is gone, empty or replaced: what is written now may be lost." } }
        @if !health.pending_migrations.is_empty() {
            h2 { "Migrations that have not run" }
            ul class="list" { @for name in &health.pending_migrations { li { code { (name) } } } }
        }
        p { "For probes: " a href="/health" { "/health" } " tells that the process answers, " a href="/ready" { "/ready" } " that requests can be answered." }
    };
    Ok(frame::page(&visitor, HEALTH, "Health", &content))
}

/// Renders the host's health as a list of facts.
pub fn shown(health: &HostHealth) -> Markup {
    let mail = &health.outbox;
    html! {
        dl class="facts" {
            div { dt { "State" } dd { (if health.ready { "ready" } else { "not ready" }) } }
            div { dt { "Database" } dd { (if health.database_in_place { "answers" } else { "answers, its file is gone" }) } }
            div { dt { "Schema" } dd { code { (health.schema.as_deref().unwrap_or("none")) } } }
            div { dt { "Release" } dd { (health.version) } }
            div { dt { "Time" } dd { (minute(health.now)) } }
            div { dt { "Mails that wait" } dd { a href=(OUTBOX) { (counted(mail.waiting)) } @if let Some(at) = mail.oldest_waiting_at { ", the oldest for " (age(at, health.now)) } } }
            div { dt { "Mails that failed" } dd { a href={ (OUTBOX) "?state=failed" } { (counted(mail.failed)) } } }
        }
    }
}

fn counted(count: i64) -> String {
    let told = grouped(count.unsigned_abs());
    if count >= MOST_COUNTED { format!("{told} or more") } else { told }
}

/// Returns how long ago it was, in words: in minutes, hours or days.
fn age(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.ms_since(at) / 60_000;
    match minutes {
        0 => "less than a minute".to_owned(),
        1 => "a minute".to_owned(),
        2..=119 => format!("{minutes} minutes"),
        120..=2879 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_words() {
        let told = |minutes: i64| age(Timestamp(0), Timestamp(minutes * 60_000));
        assert_eq!([-1, 0, 1, 119].map(told), ["less than a minute", "less than a minute", "a minute", "119 minutes"]);
        assert_eq!([120, 2879, 2880].map(told), ["2 hours", "47 hours", "2 days"]);
        assert_eq!([0, 9_999, 10_000].map(counted), ["0", "9,999", "10,000 or more"]);
    }
}
