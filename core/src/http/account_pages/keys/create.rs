use axum::{extract::State, response::Response};
use http::StatusCode;
use maud::html;
use serde_json::json;

use super::{
    HERE, PageResult, frame,
    settings::{fields, number, words},
    shown_once,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    http::{
        account_pages::form::{Form, Mistakes, body, json_body, label_of},
        api_keys::create,
        idempotency::Idempotent,
        request::Json,
    },
};

const WINDOWS: [(&str, &str); 3] = [("3600", "an hour"), ("60", "a minute"), ("86400", "a day")];
const LIVES: [(&str, &str); 5] =
    [("90", "in 90 days"), ("30", "in 30 days"), ("365", "in a year"), ("7", "in a week"), ("", "never")];
const ENVIRONMENTS: [(&str, &str); 2] = [("live", "live: aib_live_…"), ("test", "test: aib_test_…")];

/// Shows the form of a new key.
pub async fn page(State(app): State<App>, logged_in: LoggedIn) -> PageResult {
    logged_in.caller.confirm(&app).await?;
    let form = Form::of(&[("rateLimit", "1000"), ("scopes", "leaderboard:read"), ("expiresInDays", "90")]);
    Ok(create_page(&logged_in, &form, &Mistakes::none()))
}

fn create_page(logged_in: &LoggedIn, form: &Form, mistakes: &Mistakes) -> Response {
    let choice = |name: &str, options: &[(&str, &str)]| {
        let (invalid, described) = mistakes.marks(name);
        html! {
            div class="field" {
                label for=(name) { (label_of(name)) }
                (mistakes.error_of(name))
                select id=(name) name=(name) aria-invalid=[invalid] aria-describedby=[described] {
                    @for (value, text) in options { option value=(value) selected[form.get(name) == *value] { (text) } }
                }
            }
        }
    };
    let content = html! {
        (mistakes.summary())
        form class="stack" method="post" action={ (HERE) "/new" } {
            (logged_in.once())
            (fields(form, mistakes, &choice("rateLimitWindowSeconds", &WINDOWS)))
            (choice("expiresInDays", &LIVES))
            (choice("environment", &ENVIRONMENTS))
            button type="submit" { "Create the key" }
        }
    };
    mistakes.page("Create an API key", Some((logged_in, HERE)), &content)
}

/// Creates the key, and shows it.
pub async fn submit(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, once } = sent;
    let members = json!({
        "name": form.get("name"),
        "description": form.given("description"),
        "scopes": form.every("scopes"),
        "rateLimit": number(form.get("rateLimit")),
        "rateLimitWindowSeconds": number(form.get("rateLimitWindowSeconds")),
        "expiresInDays": form.given("expiresInDays").map(number),
        "allowedIps": words(form.get("allowedIps")),
        "environment": form.given("environment").unwrap_or("live"),
    });
    let created = async {
        let body = Idempotent(once, Json(body(&members)?));
        create::handler(State(app.clone()), logged_in.caller.clone(), body).await
    };
    match created.await {
        Ok(answer) => {
            let content = shown_once(&app, &json_body(answer).await?);
            Ok(frame::page(StatusCode::CREATED, "Your new key", Some((&logged_in, HERE)), &content))
        }
        Err(error) => Ok(create_page(&logged_in, &form, &Mistakes::of(error.into(), "password")?)),
    }
}
