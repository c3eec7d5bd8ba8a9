use axum::{extract::State, response::Response};
use http::StatusCode;
use maud::html;
use serde_json::json;

use super::{
    HERE, PageResult, frame, shown_once,
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    domain::webhook::WebhookEvent,
    http::{
        account_pages::form::{Field, Form, Mistakes, body, json_body},
        idempotency::Idempotent,
        request::Json,
        webhooks::create,
    },
};

/// Shows the form of a new webhook.
pub async fn page(State(app): State<App>, logged_in: LoggedIn) -> PageResult {
    logged_in.caller.confirm(&app).await?;
    Ok(create_page(&logged_in, &Form::default(), &Mistakes::none()))
}

fn create_page(logged_in: &LoggedIn, form: &Form, mistakes: &Mistakes) -> Response {
    let (invalid, described) = mistakes.marks("events");
    let content = html! {
        (mistakes.summary())
        form class="stack" method="post" action={ (HERE) "/new" } {
            (logged_in.once())
            (Field::new("url", "url", "off").hint("An https:// address on the internet.").shown(form, mistakes))
            (Field::new("description", "text", "off").hint("At most 1,000 characters.").optional().shown(form, mistakes))
            fieldset class="field" id="events" tabindex="-1" aria-describedby=[described] {
                legend { "Events" }
                (mistakes.error_of("events"))
                @for event in WebhookEvent::ALL.iter().filter(|event| **event != WebhookEvent::Test) {
                    div class="choice" {
                        input type="checkbox" id=(event.as_str()) name="events" value=(event.as_str()) checked[form.ticked("events", event.as_str())] aria-invalid=[invalid];
                        label for=(event.as_str()) { (event.as_str()) }
                    }
                }
            }
            button type="submit" { "Create the webhook" }
        }
    };
    mistakes.page("Create a webhook", Some((logged_in, HERE)), &content)
}

/// Creates the webhook, and shows its secret.
pub async fn submit(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, once } = sent;
    let members = json!({
        "url": form.get("url"),
        "description": form.given("description"),
        "events": form.every("events"),
    });
    let created = async {
        let body = Idempotent(once, Json(body(&members)?));
        create::handler(State(app.clone()), logged_in.caller.clone(), body).await
    };
    match created.await {
        Ok(answer) => {
            let content = shown_once(&json_body(answer).await?);
            Ok(frame::page(StatusCode::CREATED, "The secret of your webhook", Some((&logged_in, HERE)), &content))
        }
        Err(error) => Ok(create_page(&logged_in, &form, &Mistakes::of(error.into(), "password")?)),
    }
}
