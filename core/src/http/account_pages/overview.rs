//! `/account`: facts about the account, and its last security events.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageResult, frame,
    visit::{LoggedIn, LoggedInForm, SameSite},
};
use crate::{
    app::App,
    domain::{
        Timestamp,
        undeliverable::{Undeliverable, UndeliverableCause},
    },
    http::{
        leaderboard::{day, minute},
        limits::{Limited, Resend},
        page::END_OF_TIME,
        problem::ApiError,
        request::Query,
        users::verify_anew,
    },
    store::{
        PageBefore,
        audit::{self, Event},
        undeliverable,
    },
};

/// Number of security events on the page.
const EVENTS: u32 = 5;

/// Query parameters of the page.
#[derive(Deserialize)]
pub struct Parameters {
    /// Name of what has just been done, for a notice.
    #[serde(default)]
    done: String,
}

fn done(what: &str) -> Option<&'static str> {
    match what {
        "password" => Some("Your password is changed."),
        "profile" => Some("Your profile is saved."),
        "second-factor" => Some("The second factor is removed, with its recovery codes."),
        "verification" => Some("We have sent a mail to your address. Open its link within 24 hours."),
        _ => None,
    }
}

/// Shows the account.
pub async fn page(State(app): State<App>, logged_in: LoggedIn, Query(parameters): Query<Parameters>) -> PageResult {
    let mut batch = logged_in.caller.batch();
    let user_id = batch.user_id();
    let newest = PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows: EVENTS };
    let events = batch.push(audit::list_of_user(user_id, &newest));
    let (session, mut answers) = batch.read(&app).await?;
    let user = &session.user;
    let storage = user.storage(app.config().storage_quota_bytes);
    let content = html! {
        @if let Some(notice) = done(&parameters.done) { p class="note" role="status" { (notice) } }
        @if let Some(told) = &user.undeliverable { (undeliverable(&logged_in, told, app.now())) }
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
    Ok(frame::page(StatusCode::OK, "Your account", Some((&logged_in, "/account")), &content))
}

/// Renders the note that no mail is sent to the address, with the way to verify it again.
fn undeliverable(logged_in: &LoggedIn, told: &Undeliverable, now: Timestamp) -> Markup {
    let cause = match told.cause {
        UndeliverableCause::Bounce => "Mail to your address comes back",
        UndeliverableCause::Complaint => "A mail to your address was reported as unwanted",
    };
    let between = i64::try_from(now.ms_since(told.asked_at.unwrap_or(Timestamp(0)))).unwrap_or(i64::MAX);
    html! {
        section class="note" aria-labelledby="undeliverable" {
            h2 id="undeliverable" { "You get no mail from us" }
            p { (cause) ", so since " (minute(told.since)) " we send none: no notices about your account, and no link to reset the password. Verify the address again, or " a href="/account/profile" { "change it" } "." }
            @if told.asked_at.is_some() && between < undeliverable::BETWEEN_TRIES_MS {
                p { "We have sent you a mail within the last day. Look into the folder for spam too; tomorrow you can ask for another one." }
            } @else {
                form method="post" action="/account/verify-anew" {
                    (logged_in.token())
                    button type="submit" { "Send a mail that verifies the address" }
                }
            }
        }
    }
}

/// Sends the mail that verifies an undeliverable address again.
pub async fn verify_anew(
    State(app): State<App>,
    _: SameSite,
    limited: Result<Limited<Resend>, ApiError>,
    LoggedInForm { logged_in, .. }: LoggedInForm,
) -> PageResult {
    drop(verify_anew::handler(State(app), limited?, logged_in.caller).await?);
    Ok(Redirect::to("/account?done=verification").into_response())
}

/// Formats a number of bytes, such as `12.3 MB` or `1.1 GB`.
pub fn size(bytes: i64) -> String {
    let (unit, name) = if bytes < 1_000_000_000 { (100_000, "MB") } else { (100_000_000, "GB") };
    let tenths = bytes.max(0).checked_div(unit).unwrap_or_default();
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// Returns an event's name in the words of people: `api_key_created` becomes `API key created`.
pub fn name_of(event: &str) -> String {
    let text = event.replace('_', " ").replace("api key", "API key").replace("mfa", "second factor");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Renders the events, each with its time, and with the address where the person caused it.
pub fn event_list(events: &[Event]) -> Markup {
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
