use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::json;

use super::{ApiKeyBody, CreatedApiKey, too_many};
use crate::{
    app::App,
    domain::{SecurityEventName, account::Role, api_key::ApiKey, api_key_settings::AskedApiKey},
    http::{
        credentials::{ClaimedSession, may_have},
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        openapi::{ConflictKey, ForbiddenKeyCreation, IdempotencyKey, RateLimited},
        person_limits::KeyChanges,
        problem::ApiError,
        request::Json,
    },
    store::{BatchError, Guard, api_keys},
};

/// Creates a key, and shows it this once.
///
/// The key itself is in this answer and in no other; a replay by its `Idempotency-Key` is this answer. A person has at
/// most 50 active keys.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys",
    operation_id = "createApiKey",
    tag = "API keys",
    security(("accessToken" = [])),
    params(IdempotencyKey),
    request_body = AskedApiKey,
    responses(
        (status = 201, description = "The key, shown this once.", body = CreatedApiKey),
        (status = 403, response = ForbiddenKeyCreation),
        (status = 409, response = ConflictKey),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Idempotent(request, Json(asked)): Idempotent<Json<AskedApiKey>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Session(&caller), |claim| create(&app, &caller, asked, claim)).await
}

async fn create(app: &App, caller: &ClaimedSession, asked: AskedApiKey, claim: Claim) -> Result<Fulfilled, ApiError> {
    let now = app.now();
    let new = asked.check(now).map_err(ApiError::mistakes)?;
    if may_have(app, Role::User, &new.scopes).is_err() {
        may_have(app, caller.confirm(app).await?.user.role, &new.scopes)?;
    }
    let key = ApiKey::generate(new.environment.as_str(), &app.random())
        .ok_or_else(|| ApiError::internal("too little randomness for a key"))?;
    let mut batch = caller.batch();
    let new = new.into_record(app.new_id().into(), batch.user_id().clone(), &key, now);
    batch.expect(Guard::ApiKeyLimit, api_keys::create(&new, &key));
    batch.push(caller.event(app, SecurityEventName::ApiKeyCreated, json!({ "apiKeyId": new.id })));
    let answer = CreatedApiKey { api_key: ApiKeyBody::new(new, now), key: key.secret().clone() };
    let reply = Reply::json(StatusCode::CREATED, &answer)?;
    let created = claim.fulfil(&mut batch, app, reply)?;
    KeyChanges::expect_room(app, &mut batch);
    let changes = KeyChanges::read(app, &mut batch);
    match batch.run(app).await {
        Err(BatchError::Guard(Guard::ApiKeyChanges)) => Err(KeyChanges::refusal(app, caller).await),
        Err(BatchError::Guard(Guard::ApiKeyLimit)) => Err(too_many()),
        done => {
            changes.report(caller.client(), &mut done?)?;
            Ok(created)
        }
    }
}
