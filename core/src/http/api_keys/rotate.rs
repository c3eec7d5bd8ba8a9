use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{ApiKeyBody, no_such_key, not_active, too_many};
use crate::{
    app::App,
    domain::api_key::{ApiKey, KeyStatus},
    http::{
        credentials::Person,
        idempotency::{Caller, Claim, Idempotent, Reply},
        key_changes, limits,
        problem::{API_KEY_ALREADY_ROTATED, ApiError},
        request::{OptionalJson, Path, Validator},
    },
    store::{
        Batch, BatchError, Guard,
        api_keys::{self, KeyToRotate, MOST_ACTIVE},
    },
};

/// A week.
const MOST_OVERLAP_SECONDS: u32 = 604_800;
/// How often what was read is read again because it has changed.
const ATTEMPTS: usize = 5;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    #[serde(default)]
    overlap_seconds: u32,
}

/// Creates the key that takes over from another, which ends at once or after the overlap.
pub async fn handler(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
    Idempotent(request, OptionalJson(body)): Idempotent<OptionalJson<Body>>,
) -> Result<Response, ApiError> {
    let mut validator = Validator::default();
    validator.require(body.overlap_seconds <= MOST_OVERLAP_SECONDS, "/overlapSeconds", "give 0 to 604800");
    validator.finish()?;
    request.once(&app, Caller::Person(&person), |claim| rotate(&app, &person, &id, body.overlap_seconds, claim)).await
}

/// Writes what was read of the key, as its successor. A batch that finds another key than that, or no room for one more,
/// is undone; the next look tells why. However many looks it takes, the change is counted once.
async fn rotate(app: &App, person: &Person, id: &str, overlap: u32, claim: Claim) -> Result<Reply, ApiError> {
    for attempt in 0..ATTEMPTS {
        let KeyToRotate { key: old, hash, .. } = to_rotate(app, person, id, overlap).await?;
        if attempt == 0 {
            limits::admit_key_change(app, person).await?;
        }
        key_changes::invalidate(app, &[hash]).await?;
        let now = app.now();
        let key = ApiKey::generate(old.environment.as_str(), &app.random())
            .ok_or_else(|| ApiError::internal("too little randomness for a key"))?;
        let new = old.successor(app.new_id(), &key, now);
        let details = json!({ "apiKeyId": id, "successorId": new.id, "overlapSeconds": overlap });
        let mut batch = Batch::new();
        batch.expect(Guard::ApiKeyRotatable, api_keys::succeed(&old, &new, &key, overlap > 0));
        batch.push(api_keys::end_rotated(&old, overlap, now));
        batch.push(person.event(app, "api_key_rotated", details));
        let answer = json!({ "apiKey": ApiKeyBody::new(new, now), "key": key.secret().expose() });
        let reply = Reply::json(StatusCode::CREATED, &answer)?;
        claim.fulfil(&mut batch, app, &reply)?;
        match person.write(app, batch).await {
            Err(BatchError::Guard(Guard::ApiKeyRotatable)) => {}
            done => return done.map(|_| reply).map_err(ApiError::from),
        }
    }
    Err(ApiError::unavailable("a key is changed faster than it can be rotated"))
}

/// Reads the key as it stands, where it may be rotated.
async fn to_rotate(app: &App, person: &Person, id: &str, overlap: u32) -> Result<KeyToRotate, ApiError> {
    let now = app.now();
    let mut batch = Batch::new();
    let found = batch.push(api_keys::to_rotate(id, &person.user_id, now));
    let (_, mut answers) = person.read(app, batch).await?;
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
    Ok(found)
}
