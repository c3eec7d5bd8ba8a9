//! Page that changes the password.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::HeaderMap;
use maud::html;
use serde_json::json;

use super::{
    PageResult,
    form::{Field, Form, Mistakes, body},
    visit::{LoggedIn, LoggedInForm},
};
use crate::{
    app::App,
    http::{
        auth::{
            password,
            start_session::{Admitted, start_session},
        },
        credentials::browser,
        problem::ApiError,
        request::Json,
    },
    store::Batch,
};

const HERE: &str = "/account/password";

/// Shows the form for the present and the new password.
pub async fn page(State(app): State<App>, logged_in: LoggedIn) -> PageResult {
    let session = logged_in.caller.confirm(&app).await?;
    Ok(password_page(&logged_in, &Form::of(&[("email", &session.user.email)]), &Mistakes::none()))
}

fn password_page(logged_in: &LoggedIn, form: &Form, mistakes: &Mistakes) -> Response {
    let content = html! {
        (mistakes.summary())
        form class="stack" method="post" action=(HERE) {
            (logged_in.token())
            // Password managers tell accounts apart by this field.
            input type="hidden" name="email" value=(form.get("email")) autocomplete="username";
            (Field::password("currentPassword", "current-password").shown(form, mistakes))
            (Field::password("newPassword", "new-password").hint("8 to 128 characters.").shown(form, mistakes))
            div class="choice" {
                input type="checkbox" id="keepOthers" name="keepOthers" value="yes" checked[form.ticked("keepOthers", "yes")] aria-describedby="keepOthers-hint";
                div {
                    label for="keepOthers" { "Stay logged in everywhere else" }
                    small id="keepOthers-hint" { "Otherwise every other session ends, which is what you want if somebody else may know the password." }
                }
            }
            button type="submit" { "Change password" }
        }
    };
    mistakes.page("Password", Some((logged_in, HERE)), &content)
}

/// Changes the password, and ends all other sessions unless they are to be kept.
pub async fn submit(State(app): State<App>, sent: LoggedInForm) -> PageResult {
    let LoggedInForm { logged_in, form, .. } = sent;
    let ends_others = !form.ticked("keepOthers", "yes");
    let members = json!({
        "currentPassword": form.get("currentPassword"),
        "newPassword": form.get("newPassword"),
        "revokeOtherSessions": ends_others,
    });
    let changed = async {
        let body = body(&members)?;
        password::change(State(app.clone()), logged_in.caller.clone(), Json(body)).await
    };
    match changed.await as Result<_, ApiError> {
        Ok(_) => {
            let mut response = Redirect::to("/account?done=password").into_response();
            if ends_others && let Err(error) = renew(&app, &logged_in, response.headers_mut()).await {
                tracing::warn!(?error, "a browser keeps its session after a change of the password");
            }
            Ok(response)
        }
        Err(error) => Ok(password_page(&logged_in, &form, &Mistakes::of(error.into(), "currentPassword")?)),
    }
}

/// Replaces the browser's session, so that a copy of its cookie ends as every other session does.
async fn renew(app: &App, logged_in: &LoggedIn, headers: &mut HeaderMap) -> Result<(), ApiError> {
    let caller = &logged_in.caller;
    let session = caller.confirm(app).await?;
    let (user, replaces) = (&session.user, Some(caller.session_id()));
    let admitted = Admitted { user, cookie: true, replaces, methods: &["password"] };
    let session = start_session(app, caller.client(), admitted, Batch::new()).await?;
    browser::keep(app, headers, &session)
}
