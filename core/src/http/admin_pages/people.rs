//! Pages of people: finding them, and one of each.

use axum::extract::{OriginalUri, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageResult,
    acts::Act,
    addresses::{EVENTS, PEOPLE},
    frame::{self, address, choice, notice, older, rows},
    visit::Visitor,
};
use crate::{
    app::App,
    domain::{
        Timestamp, UserId,
        account::{AccountStatus, Role},
        undeliverable::{Undeliverable, UndeliverableCause},
    },
    http::{
        account_pages::{
            form::label_of,
            overview::{event_list, size},
        },
        admin::users::{find_people, no_such_user},
        leaderboard::{day, minute},
        page::{END_OF_TIME, NewestFirst, take_rows},
        request::{Path, Query},
    },
    store::{
        PageBefore, audit, sessions,
        users::{self, User},
    },
};

/// Number of people on a page.
const ROWS: u32 = 50;
/// Number of security events on a person's page.
const MOST_EVENTS: u32 = 5;
/// Most sessions that are read: nobody has more live ones.
const MOST_SESSIONS: u32 = 100;

/// Query parameters of the list.
#[derive(Deserialize)]
pub struct ListParameters {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    cursor: Option<String>,
}

/// Lists people, newest first.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    visitor: Visitor,
    Query(chosen): Query<ListParameters>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), chosen.cursor.as_deref())?;
    let (q, status) = (chosen.q.trim(), AccountStatus::named(&chosen.status));
    let people = find_people(&app, &visitor.admin, q, status, &asked.rows()).await?;
    let (people, next) = take_rows(people, ROWS, |user| (user.created_at.0, user.id.to_string()));
    let named = status.map_or("", AccountStatus::as_str);
    let statuses = [("", "any"), ("active", "active"), ("suspended", "suspended")];
    let content = html! {
        form class="filters" role="search" action=(PEOPLE) {
            label { span { "Address or name begins with" } input type="search" name="q" value=(q) maxlength="254" autocomplete="off"; }
            (choice("status", "Status", named, &statuses))
            button type="submit" { "Search" }
        }
        (rows(people.iter().map(item), "Nobody is found."))
        (older("Older accounts", PEOPLE, &[("q", q), ("status", named)], next.as_deref()))
    };
    Ok(frame::page(&visitor, PEOPLE, "People", &content))
}

fn item(user: &User) -> Markup {
    html! {
        li {
            div class="row" {
                a href={ (PEOPLE) "/" (user.id) } { strong { (user.email) } }
                @if let Some(name) = &user.full_name { span dir="auto" { (name) } }
                @if user.role != Role::User { span class="flag" { (user.role.as_str()) } }
                @if user.status == AccountStatus::Suspended { span class="flag" { "suspended" } }
                @if !user.email_verified { span class="flag" { "not verified" } }
                @if user.undeliverable.is_some() { span class="flag" { "undeliverable" } }
            }
            small { "Registered " (day(user.created_at)) @if user.mfa_enabled { " · second factor" } }
        }
    }
}

/// Query parameters of a person's page.
#[derive(Deserialize)]
pub struct Parameters {
    #[serde(default)]
    done: String,
}

fn done(what: &str) -> Option<&'static str> {
    match what {
        "suspend" => Some("The account is suspended, and its sessions are ended."),
        "lift" => Some("The suspension is lifted."),
        "role" => Some("The role is changed."),
        "end-sessions" => Some("Every session is ended."),
        "remove-second-factor" => Some("The second factor is removed, and the person is told by mail."),
        "send-mail-again" => Some("Mail is sent to the address again."),
        _ => None,
    }
}

/// Shows a person.
pub async fn person(
    State(app): State<App>,
    Path(id): Path<UserId>,
    visitor: Visitor,
    Query(parameters): Query<Parameters>,
) -> PageResult {
    let newest = |rows| PageBefore { at: Timestamp(END_OF_TIME), id: String::new(), rows };
    let mut batch = visitor.admin.batch();
    let is_self = *batch.user_id() == id;
    let user = batch.push(users::find(&id));
    let live = batch.push(sessions::list(&id, &newest(MOST_SESSIONS), app.now()));
    let events = batch.push(audit::list_of_user(&id, &newest(MOST_EVENTS)));
    let (_, mut answers) = batch.read(&app).await?;
    let user = answers.take(user)?.ok_or_else(no_such_user)?;
    let (live, events) = (answers.take(live)?, answers.take(events)?);
    let storage = user.storage(app.config().storage_quota_bytes);
    let content = html! {
        (notice(done(&parameters.done)))
        dl class="facts" {
            div { dt { "Name" } dd { bdi { (user.full_name.as_deref().unwrap_or("none")) } } }
            div { dt { "Status" } dd { (user.status.as_str()) } }
            div { dt { "Role" } dd { (user.role.as_str()) } }
            div { dt { "Address" } dd { (if user.email_verified { "verified" } else { "not verified" }) } }
            @if let Some(told) = &user.undeliverable { div { dt { "Mail" } dd { (undeliverable(told)) } } }
            div { dt { "Second factor" } dd { (if user.mfa_enabled { "on" } else { "off" }) } }
            div { dt { "Sessions" } dd { (live.len()) } }
            @if let Some(last) = live.iter().map(|session| session.last_used_at).max() { div { dt { "Last used" } dd { (minute(last)) } } }
            div { dt { "Storage" } dd { (size(storage.used_bytes)) " of " (size(storage.quota_bytes)) } }
            div { dt { "Registered" } dd { (day(user.created_at)) } }
            div { dt { "Id" } dd { code { (user.id) } } }
        }
        @if is_self {
            p class="note" { "This is your own account: what you may do with it is on " a href="/account" { "its own pages" } ", and another administrator has to change its role or suspend it." }
        } @else {
            (actions(&visitor, &user, live.len()))
        }
        h2 { "Last security events" }
        @if events.is_empty() { p class="none" { "There is none." } }
        (event_list(&events))
        p { a href=(address(EVENTS, &[("person", &user.id.to_string())])) { "All of them" } }
    };
    Ok(frame::page(&visitor, PEOPLE, &user.email, &content))
}

fn undeliverable(told: &Undeliverable) -> String {
    let cause = match told.cause {
        UndeliverableCause::Bounce => "it bounced",
        UndeliverableCause::Complaint => "its reader complained",
    };
    format!("none is sent since {}: {cause}", minute(told.since))
}

fn actions(visitor: &Visitor, user: &User, sessions: usize) -> Markup {
    let to = |act: Act| format!("{PEOPLE}/{}/{}", user.id, act.name());
    let ask = |act: Act| html! { li { a href=(to(act)) { (act.title()) "…" } } };
    html! {
        h2 { "What you can do" }
        form class="stack" method="post" action=(to(Act::Role)) {
            (visitor.logged_in.token())
            div class="field" {
                label for="role" { (label_of("role")) }
                small id="role-hint" { "A publisher may publish where only some may, a service verifies everybody's keys, and an administrator may do all that you may." }
                select id="role" name="role" aria-describedby="role-hint" {
                    @for role in [Role::User, Role::Publisher, Role::Service, Role::Admin] {
                        option value=(role.as_str()) selected[role == user.role] { (role.as_str()) }
                    }
                }
            }
            button type="submit" { "Change the role" }
        }
        @if user.status == AccountStatus::Suspended {
            form class="stack" method="post" action=(to(Act::Lift)) {
                (visitor.logged_in.token())
                button type="submit" { (Act::Lift.title()) }
            }
        }
        ul class="list" {
            @if user.status == AccountStatus::Active { (ask(Act::Suspend)) }
            @if sessions > 0 { (ask(Act::EndSessions)) }
            @if user.mfa_enabled { (ask(Act::RemoveSecondFactor)) }
            @if user.undeliverable.is_some() { (ask(Act::LiftUndeliverable)) }
        }
    }
}
