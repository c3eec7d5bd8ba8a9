//! Acts of administrators on an account; a page asks again before one that cannot be undone.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect},
};
use maud::html;
use serde_json::json;

use super::{
    PageResult,
    addresses::PEOPLE,
    frame,
    visit::{Visitor, VisitorForm},
};
use crate::{
    app::App,
    domain::{UserId, account::AccountStatus},
    http::{
        account_pages::form::body,
        admin::users::{self as api, no_such_user},
        problem::ApiError,
        request::{Json, Path},
    },
    store::users,
};

/// Act of an administrator on an account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Suspend,
    Lift,
    Role,
    EndSessions,
    RemoveSecondFactor,
    LiftUndeliverable,
}

impl Act {
    const ALL: [Self; 6] =
        [Self::Suspend, Self::Lift, Self::Role, Self::EndSessions, Self::RemoveSecondFactor, Self::LiftUndeliverable];

    /// Returns the act's name in paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Lift => "lift",
            Self::Role => "role",
            Self::EndSessions => "end-sessions",
            Self::RemoveSecondFactor => "remove-second-factor",
            Self::LiftUndeliverable => "send-mail-again",
        }
    }

    fn named(name: &str) -> Result<Self, ApiError> {
        Self::ALL.into_iter().find(|act| act.name() == name).ok_or_else(|| ApiError::not_found("path"))
    }

    /// Returns the act's title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Suspend => "Suspend the account",
            Self::Lift => "Lift the suspension",
            Self::Role => "Change the role",
            Self::EndSessions => "End every session",
            Self::RemoveSecondFactor => "Remove the second factor",
            Self::LiftUndeliverable => "Send mail to the address again",
        }
    }

    /// Returns what the act leads to; `None` for acts that no page asks about first.
    fn warning(self) -> Option<&'static str> {
        match self {
            Self::Lift | Self::Role => None,
            Self::Suspend => Some(
                "Their sessions, links and half logins end and do not come back. They cannot log in, and their keys are \
                 refused until the suspension is lifted. What they published stays.",
            ),
            Self::EndSessions => Some(
                "They are logged out everywhere and have to log in again, and whoever took one of their sessions over is \
                 out. Their API keys go on. This cannot be undone.",
            ),
            Self::RemoveSecondFactor => Some(
                "From then on their password alone logs in, and the recovery codes are gone. Check who asks with at least \
                 the care that the account deserves. They are told by mail. This cannot be undone.",
            ),
            Self::LiftUndeliverable => Some(
                "Mail to the address bounced, or its reader complained. Do this where you know that mail arrives and is wanted, \
                 and take the address off the mail provider's own list too.",
            ),
        }
    }
}

/// Asks whether to carry out the act.
pub async fn page(State(app): State<App>, Path((id, act)): Path<(UserId, String)>, visitor: Visitor) -> PageResult {
    let user = visitor.admin.read(&app, users::find(&id)).await?;
    let act = Act::named(&act)?;
    let warning = act.warning().ok_or_else(|| ApiError::not_found("path"))?;
    let user = user.ok_or_else(no_such_user)?;
    let content = html! {
        p { "Of " strong { (user.email) } @if let Some(name) = &user.full_name { ", " bdi { (name) } } "." }
        p { (warning) }
        form class="stack" method="post" action={ (PEOPLE) "/" (id) "/" (act.name()) } {
            (visitor.logged_in.token())
            button class="danger" type="submit" { (act.title()) }
        }
        p { a href={ (PEOPLE) "/" (id) } { "Back to the person" } }
    };
    Ok(frame::page(&visitor, PEOPLE, act.title(), &content))
}

/// Carries out the act.
pub async fn submit(
    State(app): State<App>,
    Path((id, act)): Path<(UserId, String)>,
    VisitorForm { visitor: Visitor { admin, .. }, form }: VisitorForm,
) -> PageResult {
    let named = Act::named(&act);
    let Ok(act) = named else {
        admin.confirm(&app).await?;
        return Err(ApiError::not_found("path").into());
    };
    let back = format!("{PEOPLE}/{id}?done={}", act.name());
    let change = |members| body(&members).map(Json);
    match act {
        Act::Suspend => {
            drop(
                api::change(State(app), admin, Path(id), change(json!({ "status": AccountStatus::Suspended }))?)
                    .await?,
            );
        }
        Act::Lift => {
            drop(api::change(State(app), admin, Path(id), change(json!({ "status": AccountStatus::Active }))?).await?);
        }
        Act::Role => {
            drop(api::change(State(app), admin, Path(id), change(json!({ "role": form.get("role") }))?).await?);
        }
        Act::EndSessions => drop(api::end_sessions(State(app), admin, Path(id)).await?),
        Act::RemoveSecondFactor => drop(api::remove_second_factor(State(app), admin, Path(id)).await?),
        Act::LiftUndeliverable => drop(api::lift_undeliverable(State(app), admin, Path(id)).await?),
    }
    Ok(Redirect::to(&back).into_response())
}
