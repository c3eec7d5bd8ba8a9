//! Page of the second factor: setting it up, its recovery codes, and removing it.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Value, json};

use super::{
    PageResult,
    form::{Field, Form, Mistakes, body, json_body, to_json},
    frame,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    http::{
        auth::mfa::{recovery_codes, totp},
        idempotency::Idempotent,
        request::{Json, OptionalJson},
    },
};

const HERE: &str = "/account/second-factor";
const TITLE: &str = "Second factor";
const PASSWORD: Field<'static> = Field::password("password", "current-password");
const CODE: Field<'static> = Field::code().hint("6 digits, or a recovery code.");

/// Shows whether there is a second factor.
pub async fn page(State(app): State<App>, logged_in: LoggedIn) -> PageResult {
    let session = logged_in.caller.confirm(&app).await?;
    Ok(if session.user.mfa_enabled {
        enabled_page(&logged_in, &Mistakes::none())
    } else {
        disabled_page(&logged_in, &Mistakes::none())
    })
}

fn shown(logged_in: &LoggedIn, mistakes: &Mistakes, content: &Markup) -> Response {
    let content = html! { (mistakes.summary()) (content) };
    mistakes.page(TITLE, Some((logged_in, HERE)), &content)
}

fn disabled_page(logged_in: &LoggedIn, mistakes: &Mistakes) -> Response {
    let content = html! {
        p { "With a second factor a login asks for a code of your telephone besides the password: whoever learns the password alone does not get in." }
        form class="stack" method="post" action=(HERE) {
            (logged_in.token())
            (PASSWORD.shown(&Form::default(), mistakes))
            button type="submit" { "Set it up" }
        }
    };
    shown(logged_in, mistakes, &content)
}

fn enabled_page(logged_in: &LoggedIn, mistakes: &Mistakes) -> Response {
    let content = html! {
        p { "It is on: a login asks for a code. New recovery codes end the old ones; so does removing the factor. Either takes the password and a code." }
        form class="stack" method="post" action={ (HERE) "/change" } {
            (logged_in.once())
            (PASSWORD.shown(&Form::default(), mistakes))
            (CODE.shown(&Form::default(), mistakes))
            div class="row" {
                button type="submit" name="what" value="codes" { "Make new recovery codes" }
                button class="danger" type="submit" name="what" value="remove" { "Remove the second factor" }
            }
        }
    };
    shown(logged_in, mistakes, &content)
}

/// Creates a secret for the authenticator, and shows it.
pub async fn enrol(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let members = json!({ "password": form.get("password") });
    let enrolled = async { totp::enrol(State(app), logged_in.caller.clone(), OptionalJson(body(&members)?)).await };
    match enrolled.await {
        Ok(enrolment) => Ok(confirm_page(&logged_in, Some(&to_json(&enrolment.0)?), &Mistakes::none())),
        Err(error) => Ok(disabled_page(&logged_in, &Mistakes::of(error.into(), "password")?)),
    }
}

fn confirm_page(logged_in: &LoggedIn, enrolment: Option<&Value>, mistakes: &Mistakes) -> Response {
    let text = |name: &str| enrolment.and_then(|enrolment| enrolment.get(name)).and_then(Value::as_str);
    let content = html! {
        @if let (Some(qr), Some(secret), Some(uri)) = (text("qrSvg"), text("secret"), text("otpauthUri")) {
            p { "Scan this with your authenticator, or give it the secret below. On this device, " a href=(uri) { "open it in the authenticator" } "." }
            img class="qr" alt="QR code of the secret below" src={ "data:image/svg+xml;base64," (STANDARD.encode(qr)) };
            p class="secret" { (secret) }
        } @else {
            p { "Give the next code of the authenticator. " a href=(HERE) { "Start again" } " for another secret." }
        }
        form class="stack" method="post" action={ (HERE) "/confirm" } {
            (logged_in.once())
            (Field::code().labelled("Code that it shows").hint("6 digits.").shown(&Form::default(), mistakes))
            button type="submit" { "Turn it on" }
        }
    };
    shown(logged_in, mistakes, &content)
}

/// Enables the second factor with a first code, and shows its recovery codes.
pub async fn confirm(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, once } = sent;
    let members = json!({ "code": form.get("code") });
    let confirmed =
        async { totp::confirm(State(app), logged_in.caller.clone(), Idempotent(once, Json(body(&members)?))).await };
    match confirmed.await {
        Ok(answer) => Ok(codes_page(&logged_in, "The second factor is on.", &json_body(answer).await?)),
        Err(error) => Ok(confirm_page(&logged_in, None, &Mistakes::of(error.into(), "password")?)),
    }
}

fn codes_page(logged_in: &LoggedIn, what: &str, answer: &Value) -> Response {
    let codes = answer.get("recoveryCodes").and_then(Value::as_array);
    let content = html! {
        p class="note" role="status" { (what) }
        h2 { "Recovery codes" }
        p { "Each logs you in once where the authenticator is lost. Print them or keep them in a password manager: they are shown this once." }
        ul class="codes" { @for code in codes.into_iter().flatten().filter_map(Value::as_str) { li { (code) } } }
        p { a href="/account" { "I have kept them" } }
    };
    frame::page(StatusCode::OK, TITLE, Some((logged_in, HERE)), &content)
}

/// Creates new recovery codes, or removes the second factor.
pub async fn change(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, once } = sent;
    let members = json!({ "password": form.get("password"), "code": form.given("code") });
    let caller = logged_in.caller.clone();
    let done = async {
        if form.get("what") == "remove" {
            totp::disable(State(app), caller, Json(body(&members)?)).await?;
            return Ok(None);
        }
        recovery_codes::create(State(app), caller, Idempotent(once, Json(body(&members)?))).await.map(Some)
    };
    match done.await {
        Ok(Some(answer)) => Ok(codes_page(&logged_in, "The codes of before are dead.", &json_body(answer).await?)),
        Ok(None) => Ok(Redirect::to("/account?done=second-factor").into_response()),
        Err(error) => Ok(enabled_page(&logged_in, &Mistakes::of(error.into(), "password")?)),
    }
}
