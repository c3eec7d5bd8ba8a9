//! `/account`: what it is, and what happened to it last.

use axum::extract::State;
use http::StatusCode;
use maud::html;
use serde::Deserialize;

use super::{PageResult, frame, visit::Signed};
use crate::{
    app::App,
    http::{
        leaderboard::{day, minute},
        page::END_OF_TIME,
        request::Query,
    },
    ports::Timestamp,
    store::{
        PageBefore,
        audit::{self, Event},
    },
};

/// So many security events are shown.
const EVENTS: u32 = 5;

/// The parameters of the page.
#[derive(Deserialize)]
pub struct Parameters {
    /// What has just been done.
    #[serde(default)]
    done: String,
}

fn done(what: &str) -> Option<&'static str> {
    match what {
        "password" => Some("Your password is changed."),
        "profile" => Some("Your profile is saved."),
        "second-factor" => Some("The second factor is removed, with its recovery codes."),
        _ => None,
    }
}

/// Shows the account.
pub async fn page(State(app): State<App>, signed: Signed, Query(parameters): Query<Parameters>) -> PageResult {
    let mut batch = signed.caller.batch();
    let user_id = batch.user_id();
    let newest = PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows: EVENTS };
    let events = batch.push(audit::list_of_user(user_id, &newest));
    let (session, mut answers) = batch.read(&app).await?;
    let user = &session.user;
    let storage = user.storage(app.config().storage_quota_bytes);
    let content = html! {
        @if let Some(notice) = done(&parameters.done) { p class="note" role="status" { (notice) } }
        dl class="facts" {
            div { dt { "Address" } dd { (user.email) } }
            div { dt { "Name" } dd { (user.full_name.as_deref().unwrap_or("none")) } }
            div { dt { "Role" } dd { (user.role.as_str()) } }
            div { dt { "Second factor" } dd { (if user.mfa_enabled { "on" } else { "off" }) } }
            div { dt { "Storage" } dd { (size(storage.used_bytes)) " of " (size(storage.quota_bytes)) } }
            div { dt { "Registered" } dd { (day(user.created_at)) } }
        }
        h2 { "Last security events" }
        (event_list(&answers.take(events)?))
        p { a href="/account/events" { "All security events" } }
    };
    Ok(frame::page(StatusCode::OK, "Your account", Some((&signed, "/account")), &content))
}

/// `12.3 MB`, or `1.1 GB`.
pub fn size(bytes: i64) -> String {
    let (unit, name) = if bytes < 1_000_000_000 { (100_000, "MB") } else { (100_000_000, "GB") };
    let tenths = bytes.max(0).checked_div(unit).unwrap_or_default();
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `api_key_created` as `Api key created`, in the words of people.
pub fn name_of(event: &str) -> String {
    let text = event.replace('_', " ").replace("api key", "API key").replace("mfa", "second factor");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The events, each with when and from where.
pub fn event_list(events: &[Event]) -> maud::Markup {
    html! {
        ul class="list" {
            @for event in events {
                li {
                    b { (name_of(&event.name)) } " " (minute(event.at))
                    @if let Some(ip) = event.ip.as_deref().filter(|_| event.actor_id == event.user_id) { " from " (ip) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_events_are_told_in_words() {
        assert_eq!([0, 149_999, 999_999_999, 1_073_741_824].map(size), ["0.0 MB", "0.1 MB", "999.9 MB", "1.0 GB"]);
        assert_eq!(name_of("api_key_created"), "API key created");
        assert_eq!([name_of("mfa_failed"), name_of("login")], ["Second factor failed", "Login"]);
    }
}
