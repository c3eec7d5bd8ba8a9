//! Page of all security events.

use axum::extract::{OriginalUri, State};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    PageResult,
    addresses::{EVENTS, PEOPLE},
    frame::{self, choice, older, rows},
    visit::Visitor,
};
use crate::{
    app::App,
    domain::{SecurityEventName, UserId},
    http::{
        account_pages::overview::name_of,
        leaderboard::minute,
        page::{NewestFirst, take_rows},
        request::Query,
    },
    store::audit::{self, EventFilter, NamedEvent, Person},
};

/// Number of events on a page.
const ROWS: u32 = 50;

/// Query parameters of the list.
#[derive(Deserialize)]
pub struct ListParameters {
    #[serde(default)]
    person: String,
    #[serde(default)]
    event: String,
    cursor: Option<String>,
}

/// Lists events, newest first.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    visitor: Visitor,
    Query(chosen): Query<ListParameters>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), chosen.cursor.as_deref())?;
    let given = chosen.person.trim();
    let (email, id) = (given.to_lowercase(), UserId::from(given.to_owned()));
    let person = match given {
        "" => None,
        _ if given.contains('@') => Some(Person::Address(&email)),
        _ => Some(Person::Id(&id)),
    };
    let name = SecurityEventName::named(&chosen.event);
    let events = visitor.admin.read(&app, audit::list(EventFilter { person, name }, &asked.rows())).await?;
    let (events, next) = take_rows(events, ROWS, |told| told.event.position());
    let named = name.map_or("", SecurityEventName::as_str);
    let names = SecurityEventName::ALL.iter().map(|name| (name.as_str(), name_of(name.as_str()))).collect::<Vec<_>>();
    let any = [("", "any")].into_iter();
    let names = any.chain(names.iter().map(|(name, told)| (*name, told.as_str()))).collect::<Vec<_>>();
    let content = html! {
        form class="filters" role="search" action=(EVENTS) {
            label { span { "Address or id of a person" } input type="search" name="person" value=(given) maxlength="254" autocomplete="off"; }
            (choice("event", "Event", named, &names))
            button type="submit" { "Show" }
        }
        (rows(events.iter().map(item), "There is none."))
        (older("Older events", EVENTS, &[("person", given), ("event", named)], next.as_deref()))
    };
    Ok(frame::page(&visitor, EVENTS, "Security events", &content))
}

/// Renders an event, with the account that it happened to, who caused it, and from where.
pub fn item(told: &NamedEvent) -> Markup {
    let event = &told.event;
    let by_other = event.actor_id.as_ref().filter(|actor| Some(*actor) != event.user_id.as_ref());
    html! {
        li {
            div class="row" {
                b { (name_of(&event.name)) }
                @if let Some(id) = &event.user_id { (person(id, told.user_email.as_deref())) }
                @if let Some(actor) = by_other { span { "by " (person(actor, told.actor_email.as_deref())) } }
            }
            small {
                (minute(event.at))
                @if let Some(ip) = &event.ip { " · from " (ip) }
                @for (name, value) in event.details.as_object().into_iter().flatten() { " · " (name) ": " bdi { (plain(value)) } }
            }
        }
    }
}

fn person(id: &UserId, email: Option<&str>) -> Markup {
    html! { @match email { Some(email) => { a href={ (PEOPLE) "/" (id) } { (email) } } None => { span class="none" { "somebody who left" } } } }
}

/// Formats a detail for people: a list without brackets and quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_told_without_brackets() {
        let told = [json!("a"), json!(["password", "totp"]), json!(null), json!(3)].map(|value| plain(&value));
        assert_eq!(told, ["a", "password, totp", "none", "3"]);
    }
}
