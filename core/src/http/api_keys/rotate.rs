use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{ApiKeyBody, CreatedApiKey, no_such_key, not_active, too_many};
use crate::{
    app::App,
    domain::{
        ApiKeyId, SecurityEventName,
        api_key::{ApiKey, KeyStatus},
    },
    http::{
        credentials::ClaimedSession,
        idempotency::{Caller, Claim, Fulfilled, Idempotent, Reply},
        key_changes,
        openapi::{ConflictRotation, IdempotencyKey, NotFound, RateLimited},
        person_limits::KeyChanges,
        problem::{API_KEY_ALREADY_ROTATED, ApiError},
        request::{OptionalJson, Path, Validator},
    },
    store::{
        BatchError, Guard,
        api_keys::{self, KeyToRotate, MOST_ACTIVE},
    },
};

/// Longest time that the old key goes on, in seconds: a week.
const MOST_OVERLAP_SECONDS: u32 = 604_800;
/// How often a rotation is tried, if the key changes between reading and writing.
const ATTEMPTS: usize = 5;

/// How a key is rotated.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = ApiKeyRotate)]
pub struct Body {
    /// How long the old key goes on, at most to its own expiry; 0 revokes it at once.
    #[serde(default)]
    #[schema(maximum = 604_800, default = 0, example = 86_400)]
    overlap_seconds: u32,
}

/// Replaces a key by a new one.
///
/// The new key has the settings of the old one, and as long a life, counted from now. The old one is revoked at once, or
/// ends after `overlapSeconds`; until then both work, share one limit, and both count among the 50. A key has one
/// successor.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys/{id}/rotate",
    operation_id = "rotateApiKey",
    tag = "API keys",
    security(("accessToken" = [])),
    params(("id" = ApiKeyId, Path), IdempotencyKey),
    request_body = Option<Body>,
    responses(
        (status = 201, description = "The new key, shown this once.", body = CreatedApiKey),
        (status = 404, response = NotFound),
        (status = 409, response = ConflictRotation),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<ApiKeyId>,
    Idempotent(request, OptionalJson(body)): Idempotent<OptionalJson<Body>>,
) -> Result<Response, ApiError> {
    let mut validator = Validator::default();
    validator.require(body.overlap_seconds <= MOST_OVERLAP_SECONDS, "/overlapSeconds", "give 0 to 604800");
    validator.finish()?;
    request.once(&app, Caller::Session(&caller), |claim| rotate(&app, &caller, &id, body.overlap_seconds, claim)).await
}

/// Writes a successor of the key as it was read. A batch that finds the key changed, or no room for one more, is
/// undone; the next attempt finds the reason.
async fn rotate(
    app: &App,
    caller: &ClaimedSession,
    id: &ApiKeyId,
    overlap: u32,
    mut claim: Claim,
) -> Result<Fulfilled, ApiError> {
    for _ in 0..ATTEMPTS {
        let KeyToRotate { key: old, hash, .. } = to_rotate(app, caller, id, overlap).await?;
        key_changes::invalidate(app, &[hash]).await?;
        let now = app.now();
        let key = ApiKey::generate(old.environment.as_str(), &app.random())
            .ok_or_else(|| ApiError::internal("too little randomness for a key"))?;
        let new = old.successor(app.new_id().into(), &key, now);
        let details = json!({ "apiKeyId": id, "successorId": new.id, "overlapSeconds": overlap });
        let mut batch = caller.batch();
        batch.expect(Guard::ApiKeyRotatable, api_keys::succeed(&old, &new, &key, overlap > 0));
        batch.push(api_keys::end_rotated(&old, overlap, now));
        batch.push(caller.event(app, SecurityEventName::ApiKeyRotated, details));
        let answer = CreatedApiKey { api_key: ApiKeyBody::new(new, now), key: key.secret().clone() };
        let reply = Reply::json(StatusCode::CREATED, &answer)?;
        let rotated = claim.fulfil(&mut batch, app, reply)?;
        KeyChanges::expect_room(app, &mut batch);
        let changes = KeyChanges::read(app, &mut batch);
        match batch.run(app).await {
            Err(BatchError::Guard(Guard::ApiKeyChanges)) => return Err(KeyChanges::refusal(app, caller).await),
            Err(BatchError::Guard(Guard::ApiKeyRotatable)) => claim = rotated.undone(),
            done => {
                changes.report(caller.client(), &mut done?)?;
                return Ok(rotated);
            }
        }
    }
    Err(ApiError::unavailable("a key is changed faster than it can be rotated"))
}

/// Reads the key as it stands, if it may be rotated.
async fn to_rotate(app: &App, caller: &ClaimedSession, id: &ApiKeyId, overlap: u32) -> Result<KeyToRotate, ApiError> {
    let now = app.now();
    let mut batch = caller.batch();
    let owner_id = batch.user_id();
    let found = batch.push(api_keys::to_rotate(id, owner_id, now));
    let changes = KeyChanges::read(app, &mut batch);
    let (_, mut answers) = batch.read(app).await?;
    let found = answers.take(found)?.ok_or_else(no_such_key)?;
    if found.is_rotated {
        return Err(ApiError::new(API_KEY_ALREADY_ROTATED, "rotate its successor instead"));
    }
    if found.key.status(now) != KeyStatus::Active {
        return Err(not_active(&found.key, now));
    }
    if found.others.saturating_add(i64::from(overlap > 0)) >= MOST_ACTIVE {
        return Err(too_many());
    }
    changes.refuse_if_full(caller.client(), &mut answers)?;
    Ok(found)
}
