use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{ApiKeyBody, no_such_key, not_active, too_many};
use crate::{
    app::App,
    domain::api_key::ApiKey,
    http::{
        credentials::Person,
        idempotency::{Caller, Claim, Idempotent, Reply},
        key_changes, limits,
        problem::{API_KEY_ALREADY_ROTATED, ApiError},
        request::{OptionalJson, Path, Validator},
    },
    ports::{DatabaseError, Statement},
    store::{
        EXPECT_ONE_CHANGE,
        api_keys::{self, ApiKeyRecord, MOST_ACTIVE},
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

/// Makes the key that takes over from another, which ends at once or after the overlap.
pub async fn handler(
    State(app): State<App>,
    person: Person,
    Path(id): Path<String>,
    Idempotent(request, OptionalJson(body)): Idempotent<OptionalJson<Body>>,
) -> Result<Response, ApiError> {
    let mut validator = Validator::default();
    validator.require(body.overlap_seconds <= MOST_OVERLAP_SECONDS, "/overlapSeconds", "give 0 to 604800");
    validator.finish()?;
    limits::admit_key_change(&app, &person).await?;
    request.once(&app, Caller::Person(&person), |claim| rotate(&app, &person, &id, body.overlap_seconds, claim)).await
}

/// The answer stands before the batch, on what was read of the key. A batch that finds another key than that, or no
/// room for one more, is undone; the next look tells why.
async fn rotate(app: &App, person: &Person, id: &str, overlap: u32, claim: Claim) -> Result<Reply, ApiError> {
    for _ in 0..ATTEMPTS {
        let old = to_rotate(app, person, id, overlap).await?;
        let now = app.now();
        let key = ApiKey::generate(old.environment.as_str(), &app.random())
            .ok_or_else(|| ApiError::internal("too little randomness for a key"))?;
        let new = old.successor(app.new_id(), &key, now);
        let of_old = |sql| Statement::new(sql).bind(id).bind(person.user_id.as_str());
        let end = if overlap == 0 {
            of_old(api_keys::REVOKE).bind(now).bind("rotated")
        } else {
            of_old(api_keys::END_AT).bind(now.plus_seconds(overlap.into()))
        };
        let details = json!({ "apiKeyId": id, "successorId": new.id, "overlapSeconds": overlap });
        let mut writes = vec![
            api_keys::succeed(&old, &new, &key, overlap > 0),
            Statement::new(EXPECT_ONE_CHANGE),
            end,
            person.event(app, "api_key_rotated", details),
        ];
        let answer = json!({ "apiKey": ApiKeyBody::new(new, now), "key": key.secret().expose() });
        let reply = Reply::json(StatusCode::CREATED, &answer)?;
        writes.extend(claim.fulfil(app, &reply)?);
        match person.write_statements(app, writes).await? {
            Ok(_) => return Ok(reply),
            // The guard, or the index that allows one successor.
            Err(DatabaseError::Constraint(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::unavailable("a key is changed faster than it can be rotated"))
}

/// The key as it stands, where it may be rotated. The gate is told that it will end.
async fn to_rotate(app: &App, person: &Person, id: &str, overlap: u32) -> Result<ApiKeyRecord, ApiError> {
    let now = app.now();
    let read = Statement::new(api_keys::TO_ROTATE).bind(id).bind(person.user_id.as_str()).bind(now);
    let (_, answers) = person.read_statements(app, vec![read]).await?;
    let rows = answers.into_iter().next().unwrap_or_default();
    let row = rows.clone().into_first().ok_or_else(no_such_key)?;
    let key = ApiKeyRecord::from_row(&row)?;
    if row.integer("is_rotated")? != 0 {
        return Err(ApiError::new(API_KEY_ALREADY_ROTATED, "rotate its successor instead"));
    }
    if key.status(now) != "active" {
        return Err(not_active(&key, now));
    }
    if row.integer("others")?.saturating_add(i64::from(overlap > 0)) >= MOST_ACTIVE {
        return Err(too_many());
    }
    key_changes::announce(app, Some(rows)).await?;
    Ok(key)
}
