//! Registration, and requests for mails with links.

use axum::{extract::State, response::Response};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::json;

use super::{
    PageResult,
    form::{Field, Form, Mistakes, body},
    frame,
    page_error::PageError,
    visit::{SameSite, Visit, VisitForm},
};
use crate::{
    app::App,
    http::{
        auth::{password, register, resend_verification},
        idempotency::Idempotent,
        limits::{Limited, Register, Resend},
        problem::ApiError,
        request::Json,
    },
};

const EMAIL: Field<'static> = Field::new("email", "email", "username");

/// Shows the form of a registration.
pub async fn page(visit: Visit) -> Response {
    register_page(&visit, &Form::default(), &Mistakes::none())
}

fn register_page(visit: &Visit, form: &Form, mistakes: &Mistakes) -> Response {
    let content = html! {
        (mistakes.summary())
        p { "An account manages API keys and what you publish. To read the leaderboard you need none." }
        form class="stack" method="post" action="/account/register" {
            (visit.once())
            (EMAIL.shown(form, mistakes))
            (Field::new("fullName", "text", "name").optional().shown(form, mistakes))
            (Field::password("password", "new-password").hint("8 to 128 characters.").shown(form, mistakes))
            button type="submit" { "Register" }
        }
        p { "You have an account? " a href="/account/login" { "Log in" } "." }
    };
    visit.shown(mistakes.page("Register", None, &content))
}

/// Registers an account. The page says the same whether or not the address has an account.
pub async fn submit(
    State(app): State<App>,
    _: SameSite,
    limited: Result<Limited<Register>, ApiError>,
    sent: VisitForm,
) -> PageResult {
    let VisitForm { visit, form, once, .. } = sent;
    let members = json!({
        "email": form.get("email"), "password": form.get("password"), "fullName": form.given("fullName"),
    });
    let asked = async { register::handler(State(app), limited?, Idempotent(once, Json(body(&members)?))).await };
    match asked.await {
        Ok(_) => Ok(mail_page(&visit, &form, &verification_sent(&visit, &form))),
        Err(error) => Ok(register_page(&visit, &form, &Mistakes::of(PageError::Api(error), "password")?)),
    }
}

fn mail_page(visit: &Visit, form: &Form, content: &Markup) -> Response {
    let content = html! {
        p class="lede" { "We have sent a mail to " strong { (form.get("email").trim()) } "." }
        (content)
    };
    visit.shown(frame::page(StatusCode::OK, "Look at your mail", None, &content))
}

fn verification_sent(visit: &Visit, form: &Form) -> Markup {
    html! {
        p { "Its link verifies the address, within 24 hours. Then you can log in." }
        p { "No mail? Look into the folder for spam, or have it sent again:" }
        form class="stack" method="post" action="/account/resend" {
            (visit.token())
            input type="hidden" name="email" value=(form.get("email"));
            button type="submit" { "Send the mail again" }
        }
    }
}

/// Asks for the address to send the verification mail to again.
pub async fn resend_page(visit: Visit) -> Response {
    address_page(&visit, &RESEND, &Form::default(), &Mistakes::none())
}

/// Asks for the address to send the link to that sets a new password.
pub async fn forgotten_page(visit: Visit) -> Response {
    address_page(&visit, &FORGOTTEN, &Form::default(), &Mistakes::none())
}

struct AddressPage {
    title: &'static str,
    action: &'static str,
    text: &'static str,
}

const RESEND: AddressPage = AddressPage {
    title: "Verify your address",
    action: "/account/resend",
    text: "Give the address that you registered: we send you a new link that verifies it.",
};
const FORGOTTEN: AddressPage = AddressPage {
    title: "Forgotten password",
    action: "/account/forgotten",
    text: "Give the address of your account: we send you a link to choose a new password.",
};

fn address_page(visit: &Visit, page: &AddressPage, form: &Form, mistakes: &Mistakes) -> Response {
    let content = html! {
        (mistakes.summary())
        p { (page.text) }
        form class="stack" method="post" action=(page.action) {
            (visit.token())
            (EMAIL.shown(form, mistakes))
            button type="submit" { "Send the link" }
        }
        p { a href="/account/login" { "Back to the login" } }
    };
    visit.shown(mistakes.page(page.title, None, &content))
}

/// Sends the verification mail again.
pub async fn resend(
    State(app): State<App>,
    _: SameSite,
    limited: Result<Limited<Resend>, ApiError>,
    sent: VisitForm,
) -> PageResult {
    let VisitForm { visit, form, .. } = sent;
    let members = json!({ "email": form.get("email") });
    let asked = async { resend_verification::handler(State(app), limited?, Json(body(&members)?)).await };
    match asked.await {
        Ok(_) => Ok(mail_page(&visit, &form, &verification_sent(&visit, &form))),
        Err(error) => Ok(address_page(&visit, &RESEND, &form, &Mistakes::of(PageError::Api(error), "password")?)),
    }
}

/// Sends a link that sets a new password.
pub async fn forgotten(
    State(app): State<App>,
    _: SameSite,
    limited: Result<Limited<Resend>, ApiError>,
    sent: VisitForm,
) -> PageResult {
    let VisitForm { visit, form, .. } = sent;
    let members = json!({ "email": form.get("email") });
    let asked = async { password::forgot(State(app), limited?, Json(body(&members)?)).await };
    let content = html! {
        p { "If the address has an account, the mail holds a link to choose a new password, within an hour." }
        p { a href="/account/login" { "Back to the login" } }
    };
    match asked.await {
        Ok(_) => Ok(mail_page(&visit, &form, &content)),
        Err(error) => Ok(address_page(&visit, &FORGOTTEN, &form, &Mistakes::of(PageError::Api(error), "password")?)),
    }
}
