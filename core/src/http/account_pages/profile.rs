//! Page of name, address and notices, of the export, and of the account's deletion.

use axum::{
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::json;

use super::{
    PageResult,
    form::{Field, Form, Mistakes, body},
    frame,
    page_error::PageError,
    visit::{LoggedIn, LoggedInForm, SameSite},
};
use crate::{
    app::App,
    http::{
        credentials::browser,
        idempotency::Idempotent,
        limits::{Limited, Resend},
        problem::ApiError,
        request::{Json, Query},
        users::{delete, email, export, me},
    },
};

const HERE: &str = "/account/profile";
const PASSWORD: Field<'static> = Field::password("password", "current-password");
const CODE: Field<'static> =
    Field::code().hint("Of your second factor, where you have one: 6 digits, or a recovery code.").optional();

/// Form of the page that a mistake belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ProfileForm {
    None,
    Name,
    Address,
}

/// Shows the forms for name, notices and address.
pub async fn page(State(app): State<App>, logged_in: LoggedIn) -> PageResult {
    let session = logged_in.caller.confirm(&app).await?;
    let told = |told: bool| if told { "yes" } else { "no" };
    let form = Form::of(&[
        ("fullName", session.user.full_name.as_deref().unwrap_or_default()),
        ("present", &session.user.email),
        ("keyExpiry", told(session.user.tell_key_expiry)),
        ("keyLimits", told(session.user.tell_key_limits)),
        ("newNetworks", told(session.user.tell_new_networks)),
    ]);
    Ok(profile_page(&logged_in, &form, ProfileForm::None, &Mistakes::none()))
}

fn profile_page(logged_in: &LoggedIn, form: &Form, part: ProfileForm, mistakes: &Mistakes) -> Response {
    let none = Mistakes::none();
    let of = |its: ProfileForm| if its == part { mistakes } else { &none };
    let content = html! {
        (mistakes.summary())
        h2 { "Name" }
        form class="stack" method="post" action={ (HERE) "/name" } {
            (logged_in.token())
            input type="hidden" name="present" value=(form.get("present"));
            (Field::new("fullName", "text", "name").optional().shown(form, of(ProfileForm::Name)))
            button type="submit" { "Save" }
        }
        @if matches!(part, ProfileForm::None) {
            h2 { "Notices by mail" }
            p { "What concerns the safety of your account you are told in any case." }
            form class="stack" method="post" action={ (HERE) "/notices" } {
                (logged_in.token())
                @for (name, text) in [
                    ("keyExpiry", "An API key expires: 30, 7 and 1 days before"),
                    ("keyLimits", "An API key reached its limit: once a day at most"),
                    ("newNetworks", "Somebody logged in from a network that you were not seen in before"),
                ] {
                    div class="choice" {
                        input type="checkbox" id=(name) name=(name) value="yes" checked[form.ticked(name, "yes")];
                        label for=(name) { (text) }
                    }
                }
                button type="submit" { "Save the notices" }
            }
        }
        h2 { "E-mail address" }
        p { "You log in as " strong { (form.get("present")) } ". A new address counts once the link that it gets is opened. The present one is told, and can take the account back for 72 hours." }
        form class="stack" method="post" action={ (HERE) "/address" } {
            (logged_in.once())
            input type="hidden" name="present" value=(form.get("present"));
            input type="hidden" name="fullName" value=(form.get("fullName"));
            (Field::new("newEmail", "email", "email").shown(form, of(ProfileForm::Address)))
            (PASSWORD.shown(form, of(ProfileForm::Address)))
            (CODE.shown(form, of(ProfileForm::Address)))
            button type="submit" { "Send the link" }
        }
        h2 { "Your data" }
        p { a href="/account/export" download { "Export everything that is held about you" } " (JSON). It tells 100 of each list; where " code { "nextCursor" } " is not null, " code { "/account/export?cursor=" } " with it tells 100 more." }
        p { a href="/account/delete" { "Delete the account" } }
    };
    mistakes.page("Profile", Some((logged_in, HERE)), &content)
}

/// Changes the name.
pub async fn rename(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let members = json!({ "fullName": form.given("fullName") });
    let renamed = async { me::patch(State(app), logged_in.caller.clone(), Json(body(&members)?)).await };
    match renamed.await {
        Ok(_) => Ok(Redirect::to("/account?done=profile").into_response()),
        Err(error) => Ok(profile_page(&logged_in, &form, ProfileForm::Name, &Mistakes::of(error.into(), "password")?)),
    }
}

/// Changes which notices are sent by mail.
pub async fn notices(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let told = |name| form.ticked(name, "yes");
    let members = json!({ "notices": {
        "keyExpiry": told("keyExpiry"), "keyLimits": told("keyLimits"), "newNetworks": told("newNetworks"),
    } });
    drop(me::patch(State(app), logged_in.caller, Json(body(&members)?)).await?);
    Ok(Redirect::to("/account?done=profile").into_response())
}

/// Sends a link to the new address.
pub async fn change_address(
    State(app): State<App>,
    _: SameSite,
    limited: Result<Limited<Resend>, ApiError>,
    sent: LoggedInForm,
) -> PageResult {
    let LoggedInForm { logged_in, form, once } = sent;
    let members = json!({
        "newEmail": form.get("newEmail"), "password": form.get("password"), "code": form.given("code"),
    });
    let asked = async {
        let body = Idempotent(once, Json(body(&members)?));
        email::handler(State(app), limited?, logged_in.caller.clone(), body).await
    };
    if let Err(error) = asked.await {
        return Ok(profile_page(&logged_in, &form, ProfileForm::Address, &Mistakes::of(error.into(), "password")?));
    }
    let content = html! {
        p class="lede" { "We have sent a link to " strong { (form.get("newEmail").trim()) } "." }
        p { "Your account moves there once the link is opened, within 24 hours. Until then you log in as before." }
    };
    Ok(frame::page(StatusCode::OK, "Look at your mail", Some((&logged_in, HERE)), &content))
}

/// Answers with everything that is held about the person, as a file. Not to a link of another site, since the export is
/// counted and leaves a security event.
pub async fn export(
    State(app): State<App>,
    _: SameSite,
    uri: OriginalUri,
    logged_in: LoggedIn,
    query: Query<export::Parameters>,
) -> PageResult {
    export::handler(State(app), uri, logged_in.caller, query).await.map_err(PageError::from)
}

/// Asks whether to delete the account.
pub async fn delete_page(State(app): State<App>, logged_in: LoggedIn) -> PageResult {
    logged_in.caller.confirm(&app).await?;
    Ok(leaving_page(&logged_in, &Form::default(), &Mistakes::none()))
}

fn leaving_page(logged_in: &LoggedIn, form: &Form, mistakes: &Mistakes) -> Response {
    let content: Markup = html! {
        (mistakes.summary())
        p { "Your sessions, keys and everything else that is yours end at once. What you published stays on the leaderboard, without your name. This cannot be undone." }
        p { a href="/account/export" download { "Export your data" } " first, if you want to keep it." }
        form class="stack" method="post" action="/account/delete" {
            (logged_in.token())
            (PASSWORD.shown(form, mistakes))
            (CODE.shown(form, mistakes))
            button class="danger" type="submit" { "Delete my account" }
        }
    };
    mistakes.page("Delete the account", Some((logged_in, HERE)), &content)
}

/// Deletes the account.
pub async fn delete(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let members = json!({ "password": form.get("password"), "code": form.given("code") });
    let deleted = async { delete::handler(State(app), logged_in.caller.clone(), Json(body(&members)?)).await };
    match deleted.await {
        Ok(_) => {
            let mut response = Redirect::to("/account/login?done=deleted").into_response();
            browser::forget(response.headers_mut());
            Ok(response)
        }
        Err(error) => Ok(leaving_page(&logged_in, &form, &Mistakes::of(error.into(), "password")?)),
    }
}
