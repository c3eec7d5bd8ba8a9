use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::account_gone;
use crate::{
    app::App,
    domain::{SecurityEventName, account},
    http::{
        credentials::ClaimedSession,
        openapi::RateLimited,
        person_limits,
        problem::ApiError,
        request::{Json, given},
        user_body::UserBody,
    },
    store::users::{self, NoticeChoice},
};

/// Tells who the caller is.
///
/// The account whose access token this is.
#[utoipa::path(
    get,
    path = "/api/v1/users/me",
    operation_id = "getMe",
    tag = "User",
    security(("accessToken" = [])),
    responses((status = 200, description = "The caller.", body = UserBody)),
)]
pub async fn get(State(app): State<App>, caller: ClaimedSession) -> Result<Answer<UserBody>, ApiError> {
    Ok(Answer(caller.confirm(&app).await?.user.into()))
}

/// Members left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = UserPatch)]
pub struct Body {
    /// What the person is called: no control characters. Null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, example = "Ada King")]
    full_name: Option<Option<String>>,
    notices: Option<Notices>,
}

/// What to be told of by mail. Members left out stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NoticeSettingsPatch)]
struct Notices {
    /// That an API key expires: 30, 7 and 1 days before.
    key_expiry: Option<bool>,
    /// That an API key reached its limit: once a day at most.
    key_limits: Option<bool>,
    /// That somebody logged in from a network that the person was not seen in before.
    new_networks: Option<bool>,
}

/// Changes the profile.
///
/// Changes what is given and leaves the rest.
#[utoipa::path(
    patch,
    path = "/api/v1/users/me",
    operation_id = "updateMe",
    tag = "User",
    security(("accessToken" = [])),
    request_body = Body,
    responses(
        (
            status = 200,
            description = "The caller as they are now.",
            body = UserBody,
            headers(("RateLimit"), ("RateLimit-Policy")),
        ),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn patch(
    State(app): State<App>,
    caller: ClaimedSession,
    Json(body): Json<Body>,
) -> Result<Answer<UserBody>, ApiError> {
    person_limits::admit_person(&app, caller.confirm(&app).await?.confirmed()).await?;
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    if let Some(name) = body.full_name {
        let name = name.map(|name| account::full_name(&name)).transpose();
        let name = name.map_err(|refusal| ApiError::invalid_member("/fullName", refusal))?;
        batch.push(users::rename(user_id, name.as_deref(), app.now()));
        batch.push(caller.event_if_changed(
            &app,
            SecurityEventName::ProfileChanged,
            json!({ "members": ["fullName"] }),
        ));
    }
    if let Some(notices) = body.notices {
        let Notices { key_expiry, key_limits, new_networks } = notices;
        let choice = NoticeChoice { key_expiry, key_limits, new_networks };
        batch.push(users::choose_notices(user_id, choice, app.now()));
        let details = json!({ "members": ["notices"] });
        batch.push(caller.event_if_changed(&app, SecurityEventName::ProfileChanged, details));
    }
    let user = batch.push(users::find(user_id));
    let user = batch.run(&app).await?.take(user)?;
    Ok(Answer(user.ok_or_else(account_gone)?.into()))
}
