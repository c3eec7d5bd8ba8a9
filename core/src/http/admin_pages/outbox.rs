//! Page of the outbox: mails that wait or were given up, each with the cause, and sending one again.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Redirect},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    PageResult,
    addresses::{OUTBOX, PEOPLE},
    frame::{self, address, choice, notice, older, rows},
    visit::{Visitor, VisitorForm},
};
use crate::{
    app::App,
    domain::mail_state::MailState,
    http::{
        admin::mails as api,
        leaderboard::minute,
        page::{NewestFirst, take_rows},
        request::{Path, Query},
    },
    store::outbox::{self, OutboxMail},
};

/// Number of mails on a page.
const ROWS: u32 = 50;
const STATES: [MailState; 3] = [MailState::Waiting, MailState::Failed, MailState::Sent];

/// Query parameters of the list.
#[derive(Deserialize)]
pub struct ListParameters {
    #[serde(default)]
    state: String,
    cursor: Option<String>,
    #[serde(default)]
    done: String,
}

/// Lists mails, newest first.
pub async fn list(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    visitor: Visitor,
    Query(chosen): Query<ListParameters>,
) -> PageResult {
    let asked = NewestFirst::new(uri, Some(ROWS), chosen.cursor.as_deref())?;
    let state = state_of(&chosen.state);
    let mails = visitor.admin.read(&app, outbox::list_of_state(state, &asked.rows())).await?;
    let (mails, next) = take_rows(mails, ROWS, |mail| (mail.created_at.0, mail.id.clone()));
    let named = state.as_str();
    let states = STATES.map(|state| (state.as_str(), state.as_str()));
    let content = html! {
        (notice((chosen.done == "send").then_some("It is sent now, unless it was sent already. If it fails again, it is back among those that failed, with the cause.")))
        p { "Mail is written down with its cause, and tried again until the provider takes it. What fails for some days is given up, and kept for 30." }
        form class="filters" action=(OUTBOX) {
            (choice("state", "State", named, &states))
            button type="submit" { "Show" }
        }
        (rows(mails.iter().map(|mail| item(&visitor, mail)), "There is none."))
        (older("Older mails", OUTBOX, &[("state", named)], next.as_deref()))
    };
    Ok(frame::page(&visitor, OUTBOX, "Outbox", &content))
}

fn state_of(named: &str) -> MailState {
    STATES.into_iter().find(|state| state.as_str() == named).unwrap_or(MailState::Waiting)
}

fn item(visitor: &Visitor, mail: &OutboxMail) -> Markup {
    let tries = if mail.attempts == 1 { "time" } else { "times" };
    html! {
        li {
            div class="row" {
                strong { (mail.kind.replace('_', " ")) }
                span { "to " @match &mail.user_id {
                    Some(id) => { a href={ (PEOPLE) "/" (id) } { (mail.recipient) } }
                    None => { (mail.recipient) }
                } }
            }
            small {
                "Asked for " (minute(mail.created_at)) " · tried " (mail.attempts) " " (tries)
                @if let Some(at) = mail.next_attempt_at { " · next at " (minute(at)) }
                @if let Some(at) = mail.sent_at { " · sent " (minute(at)) }
            }
            @if let Some(error) = &mail.last_error { p class="cause" dir="auto" { (error) } }
            @if mail.state() != MailState::Sent {
                @if mail.has_text {
                    form method="post" action={ (OUTBOX) "/" (mail.id) "/send" } {
                        (visitor.logged_in.token())
                        input type="hidden" name="state" value=(mail.state().as_str());
                        button class="plain" type="submit" aria-label={ "Send the mail to " (mail.recipient) " again" } { "Send again" }
                    }
                } @else { small { "Its text is gone: it cannot be sent again." } }
            }
        }
    }
}

/// Sends a mail again.
pub async fn send(State(app): State<App>, id: Path<String>, VisitorForm { visitor, form }: VisitorForm) -> PageResult {
    drop(api::send_again(State(app), visitor.admin, id).await?);
    Ok(Redirect::to(&address(OUTBOX, &[("state", state_of(form.get("state")).as_str()), ("done", "send")]))
        .into_response())
}
